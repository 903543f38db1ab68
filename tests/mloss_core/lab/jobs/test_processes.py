"""Names of processes, and telling the living from the dead."""

import os
import time

import pytest

from mloss_core.lab.jobs.processes import SILENCE, exists, process_id, process_name, runs, this_process
from tests.mloss_core.lab.fakes import dead_worker, sleeper


def test_this_process_runs_under_its_name():
    name = this_process()
    assert name == process_name(os.getpid()) and process_id(name) == os.getpid() and runs(name)


def test_the_dead_do_not_run():
    gone = dead_worker()
    assert not runs(gone) and not exists(process_id(gone)) and not runs(None) and process_id(None) is None


def test_a_finished_child_that_nobody_waited_for_is_dead():
    process, name = sleeper()
    assert runs(name)
    process.kill()
    end = time.time() + 5
    while runs(name) and time.time() < end:
        time.sleep(0.01)
    assert not runs(name) and process.returncode is None
    process.wait()


def test_a_number_that_was_given_out_again_fools_nobody():
    machine, pid, start = this_process().split(":")
    assert not runs(f"{machine}:{pid}:{int(start) - 1}")


@pytest.mark.parametrize(("age", "alive"), [(0, True), (SILENCE + 5, False), (None, False)])
def test_a_process_of_another_machine_is_known_by_its_heartbeat(tmp_path, age, alive):
    heartbeat = tmp_path / "heartbeat"
    if age is not None:
        heartbeat.touch()
        os.utime(heartbeat, (time.time() - age,) * 2)
    name = "elsewhere/00000000:1:2"
    assert runs(name, heartbeat) is alive and process_id(name) is None and not runs(name)
