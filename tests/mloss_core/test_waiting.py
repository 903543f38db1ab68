"""Threads of torch sleep while they wait, from the first import on, unless the user chose."""

import os
import subprocess
import sys

import pytest

from mloss_core.waiting import wait_asleep

SHOW = "import mloss_core, os; print(os.environ.get('OMP_WAIT_POLICY'))"


@pytest.mark.parametrize("setting", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_what_the_user_set_stands(setting: str) -> None:
    environment = {setting: "7"}
    wait_asleep(environment)
    assert environment == {setting: "7"}


def test_threads_sleep_where_nothing_was_set() -> None:
    environment: dict[str, str] = {}
    wait_asleep(environment)
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize(("given", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_importing_the_package_is_enough(given: dict[str, str], expected: str) -> None:
    settings = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {name: value for name, value in os.environ.items() if name not in settings} | given
    shown = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == expected


def test_the_environment_is_set_before_torch_is_imported() -> None:
    """The thread library reads it once: the package itself must not bring torch."""
    code = "import mloss_core, mloss_core.cli, sys; print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
