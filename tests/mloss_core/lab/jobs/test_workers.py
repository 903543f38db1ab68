"""Starting worker processes: one a device, never in a loop."""

import subprocess
import sys

import pytest

from mloss_core.errors import CacheError
from mloss_core.lab.jobs.processes import process_id, process_name, this_process
from mloss_core.lab.jobs.store import JobStore
from mloss_core.lab.jobs.tending import tend
from mloss_core.lab.jobs.workers import Workers
from tests.mloss_core.lab.fakes import SAMPLES, dead_worker


@pytest.fixture
def workers(tmp_path):
    return Workers(tmp_path / "jobs")


@pytest.fixture
def spawned(monkeypatch):
    """Commands that would have started a process; each ends at once, before it is ready."""
    commands = []

    class Process:
        def __init__(self, command, **options):
            commands.append((command, options["env"]))
            self.pid = process_id(dead_worker())

    monkeypatch.setattr(subprocess, "Popen", real_but_for_workers(subprocess.Popen, Process))
    return commands


def real_but_for_workers(real, fake):
    return lambda command, **options: (fake if "mloss_core.lab.jobs.worker" in command else real)(command, **options)


def test_a_worker_is_started_once(workers, spawned, monkeypatch, tmp_path):
    monkeypatch.setattr("mloss_core.lab.jobs.workers.process_name", lambda pid: this_process())
    assert workers.start("cuda:1") and workers.start("cuda:1")
    [(command, environment)] = spawned
    assert command[1:3] == ["-m", "mloss_core.lab.jobs.worker"] and command[command.index("--device") + 1] == "cuda:1"
    assert command[command.index("--parent") + 1] == this_process() and command[0] == sys.executable
    assert environment["MLOSS_CACHE"] == str(tmp_path)
    assert workers.is_running("cuda:1") and not workers.is_running("cpu")


def test_a_worker_that_was_ready_is_started_again_for_ever(workers, spawned):
    for _ in range(5):
        workers.register("cpu", dead_worker())
        assert workers.start("cpu")
    assert len(spawned) == 5 and workers.record("cpu").failures == 0


def test_a_worker_that_does_not_start_is_given_up(tmp_path, spawned):
    store = JobStore(tmp_path / "jobs")
    job = store.submit("samples", SAMPLES, "cpu")
    other = store.submit("samples", SAMPLES, "cuda:0")
    store.workers.register("cuda:0", this_process())
    tend(store)
    assert store.job(job.key).status == "queued" and len(spawned) == 3, "it is tried twice"
    tend(store)
    failed = store.job(job.key)
    assert failed.status == "failed" and len(spawned) == 3
    assert failed.error == f"the worker process does not start; details are in {store.workers.log('cpu')}."
    assert store.records.read(other.key).status == "queued"
    assert store.submit("samples", SAMPLES, "cpu").status == "queued" and len(spawned) == 4, "asking again tries again"


def test_registering_and_unregistering(workers):
    workers.register("cpu", this_process())
    assert workers.is_running("cpu") and workers.record("cpu").ready
    workers.unregister("cpu", "another/1:2:3")
    assert workers.is_running("cpu"), "only the one that is registered can unregister"
    workers.unregister("cpu", this_process())
    assert workers.record("cpu") is None


def test_a_long_log_starts_anew(workers, spawned):
    workers.folder.mkdir(parents=True)
    workers.log("cpu").write_bytes(b"x" * (1 << 21))
    workers.start("cpu")
    assert workers.log("cpu").stat().st_size == 0


def test_a_damaged_note_is_no_worker(workers, spawned):
    workers.folder.mkdir(parents=True)
    (workers.folder / "cpu.json").write_text('{"worker": 1')
    assert workers.record("cpu") is None and workers.start("cpu") and len(spawned) == 1


def test_no_process_to_be_had_is_one_sentence(workers, monkeypatch):
    def refuse(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(CacheError, match="Cannot allocate memory"):
        workers.start("cpu")


def test_the_child_has_a_name_at_once():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = process_name(process.pid)
    process.communicate(b"\n")
    assert name.rpartition(":")[2] != "" and process_id(name) == process.pid
