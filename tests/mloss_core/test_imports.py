"""What importing the core loads, in a fresh process each time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mloss_core

ROOT = Path(mloss_core.__file__).resolve().parents[1]
IMPORT_ALL = """
import importlib, pkgutil, mloss_core
for module in pkgutil.walk_packages(mloss_core.__path__, "mloss_core."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def loaded_by(code):
    """Top-level packages that are loaded once `code` has run."""
    tail = "\nimport sys\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", code + tail],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split())


def test_the_core_loads_no_user_interface():
    loaded = loaded_by(IMPORT_ALL)
    assert "torch" in loaded, "every module was imported"
    assert not loaded & {"streamlit", "plotly", "altair", "matplotlib"}


def test_the_check_can_fail():
    assert "plotly" in loaded_by("import mloss_core, plotly")


@pytest.mark.parametrize(
    "code",
    [
        "import mloss_core",
        "from mloss_core import Recipe, MLossOptions",
        "import mloss_core.caching, mloss_core.errors, mloss_core.types, mloss_core.options",
        "import mloss_core.evaluation.published.tables",
        "from mloss_core.evaluation.inspection import BlockSimilarity, Inspection, Projection, Reliability",
        "from mloss_core.data.field.catalogue import CATALOGUE; CATALOGUE['cars'].classes",
        "from mloss_core.mergeability import METRICS; METRICS['mloss'].title",
    ],
)
def test_light_imports_load_no_torch(code):
    assert not loaded_by(code) & {"torch", "open_clip", "torchvision", "pandas"}


def test_public_names_load_on_first_use():
    code = "import mloss_core; assert all(getattr(mloss_core, name) for name in mloss_core.__all__)"
    assert {"torch", "mloss_core"} <= loaded_by(code)
    assert set(mloss_core.__all__) <= set(dir(mloss_core))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mloss_core' has no attribute 'measure'"):
        _ = mloss_core.measure
