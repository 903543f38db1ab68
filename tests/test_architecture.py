"""Who may import whom: the contracts of .importlinter, and the rules for scripts that it cannot see."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECK = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint_imports(folder):
    return subprocess.run(
        [sys.executable, "-c", CHECK, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_imports_go_downward_and_the_core_draws_nothing():
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def copy(tmp_path):
    """The sources and contracts, to be broken."""
    for package in ("mloss_core", "ui"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda folder, names: [
                name for name in names if not (name.endswith(".py") or (Path(folder) / name).is_dir())
            ],
        )
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("zoo/model.py", "import streamlit", "The core knows no user interface BROKEN"),
        ("vision/towers.py", "def f():\n    import plotly.graph_objects", "The core knows no user interface BROKEN"),
        ("caching.py", "from mloss_core.zoo import model", "Rooms import downward only BROKEN"),
        ("merging/labels.py", "import mloss_core.evaluation.published.tables", "Rooms import downward only BROKEN"),
    ],
)
def test_the_contracts_can_break(copy, module, line, contract):
    path = copy / "mloss_core" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    run = lint_imports(copy)
    assert run.returncode != 0
    assert contract in run.stdout


def imported(path):
    """Top-level packages that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def python_files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_nothing_imports_the_pages():
    files = python_files("mloss_core", "ui", "pages")
    assert len(files) > 20
    offenders = [str(path.relative_to(ROOT)) for path in files if imported(path) & {"pages", "app", "tests"}]
    assert offenders == []


def test_pages_and_widgets_handle_no_tensor():
    files = [ROOT / "app.py", *python_files("ui", "pages")]
    offenders = [str(path.relative_to(ROOT)) for path in files if path.exists() and imported(path) & {"torch"}]
    assert offenders == []


def test_the_ast_rules_can_fail(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("def f():\n    from torch.nn import Linear\n    import pages.merge\n")
    assert imported(script) == {"torch", "pages"}
