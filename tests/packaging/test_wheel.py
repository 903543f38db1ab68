"""The library as a package: built, installed in a new environment, and used there, away from the checkout."""

import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A new environment with the wheel; what the library depends on is borrowed from this one, to spare a download."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    shutil.copytree(ROOT / "mloss_core", source / "mloss_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, timeout=120)
    (wheel,) = folder.glob("mloss_lab-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, timeout=60)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    subprocess.run(
        [*PIP, "--python", str(folder / "venv"), "install", "--quiet", "--no-deps", str(wheel)], check=True, timeout=120
    )
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv" / "bin"


def run(environment, *command, cwd):
    env = {"HOME": str(cwd), "PATH": str(environment)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_command_merges_the_demo_zoo(environment, tmp_path):
    command = [str(environment / "mloss-lab"), "merge", "--method", "ties", "--out", "merged.safetensors", "--json"]
    told = json.loads(run(environment, *command, cwd=tmp_path))
    assert (tmp_path / "merged.safetensors").stat().st_size > 1e6 and len(told["digest"]) == 64


def test_it_is_the_installed_library_and_it_keeps_results_in_the_users_cache(environment, tmp_path):
    code = (
        "import mloss_core, mloss_core.caching as c, importlib.resources as r; "
        "print(mloss_core.__file__); print(c.cache_root()); print((r.files('mloss_core') / 'py.typed').is_file())"
    )
    home, cache, typed = run(environment, str(environment / "python"), "-c", code, cwd=tmp_path).splitlines()
    assert "site-packages" in home and str(environment.parent) in home
    assert Path(cache) == tmp_path / ".cache" / "mloss-lab"
    assert typed == "True"


def test_the_package_asks_for_what_the_requirements_list():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    asked = {*project["dependencies"], *project["optional-dependencies"]["app"]}
    assert asked == {line.strip() for line in lines if line.strip() and not line.startswith("#")}
