"""What a worker does with the jobs of its device; the work itself is replaced, but for one real process at the end."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mloss_core
from mloss_core.errors import CacheError, JobCancelledError, ZooError
from mloss_core.lab.jobs import worker as worker_module
from mloss_core.lab.jobs.processes import exists, process_id, this_process
from mloss_core.lab.jobs.spare import Spare
from mloss_core.lab.jobs.store import JobStore
from mloss_core.lab.jobs.worker import Reporter, Watchdog, Worker, needed, serve
from mloss_core.lab.payloads import Payload
from tests.mloss_core.lab.fakes import SAMPLES, QuietStore, answer, dead_worker, started_by


@pytest.fixture
def store(tmp_path):
    return QuietStore(tmp_path / "jobs")


@pytest.fixture
def job(store):
    return store.submit("samples", SAMPLES, "cpu")


def test_progress_is_seen_and_time_left_estimated(store, job):
    seen = []

    def slow(job, progress):
        progress(0.25, "first part")
        seen.append(store.job(job.key))
        return Payload({})

    Worker(store, "cpu", slow).step()
    assert (seen[0].status, seen[0].fraction, seen[0].message) == ("running", 0.25, "first part")
    assert seen[0].worker == this_process() and seen[0].attempts == 1
    assert dataclasses.replace(seen[0], started=time.time() - 10).seconds_left == pytest.approx(30, rel=0.05)
    assert dataclasses.replace(seen[0], fraction=0.01).seconds_left is None


def test_reports_are_sparing(store, job, monkeypatch):
    writes = []
    write = store.records.write
    monkeypatch.setattr(store.records, "write", lambda job: writes.append(job) or write(job))

    def chatty(job, progress):
        for step in range(1000):
            progress(step / 1000)
        return Payload({})

    Worker(store, "cpu", chatty).step()
    assert 3 <= len(writes) < 20


def test_cancelling_stops_the_work_between_two_steps(store, job):
    def going_on(job, progress):
        store.cancel(job.key)
        progress(0.5)
        raise AssertionError("went on")

    Worker(store, "cpu", going_on).step()
    assert store.job(job.key).status == "cancelled" and store.result(job.key) is None
    assert not store.records.flag(job.key).exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZooError("no dataset for x."), "no dataset for x."),
        (ValueError("odd\nindeed"), "internal error: ValueError: odd indeed; details are in "),
    ],
)
def test_failures_end_the_job_with_a_sentence(store, job, error, words, capfd):
    def fail(job, progress):
        raise error

    assert Worker(store, "cpu", fail).step()
    failed = store.job(job.key)
    assert failed.status == "failed" and failed.error.startswith(words) and failed.error_kind == type(error).__name__
    assert ("Traceback" in capfd.readouterr().err) == (type(error) is ValueError)


def full(*_):
    raise CacheError("cannot write x: No space left on device.")


def test_work_finished_on_a_full_disk_is_kept_in_memory_and_shown(store, job, monkeypatch, tmp_path):
    store.spare = Spare(store.root.parent, tmp_path / "memory")
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(store.cache, "put", full)
    assert Worker(store, "cpu", answer).step()
    assert store.job(job.key).status == "done"
    assert not list(store.cache.files())
    held = store.result(job.key)
    assert held.meta == {"kind": "samples"} and held.arrays["x"].tolist() == [0, 1, 2]
    assert store.submit("samples", SAMPLES, "cpu").status == "done", "it is not computed again"
    assert store.spare.clear() > 0 and store.result(job.key) is None


def test_a_full_disk_and_memory_fail_the_job_and_not_the_worker(store, job, monkeypatch):
    monkeypatch.setattr(store.cache, "put", full)
    monkeypatch.setattr(store.spare, "put", full)
    assert Worker(store, "cpu", answer).step()
    assert store.job(job.key).error == "cannot write x: No space left on device."


def test_a_job_that_went_elsewhere_is_left_alone(store, job):
    mine = started_by(store, job, this_process())
    reporter = Reporter(store, mine)
    taken = started_by(store, job, "another/1:2:3", attempts=2)
    with pytest.raises(JobCancelledError, match="another worker"):
        reporter(0.5)
    reporter.end("cancelled")
    assert store.records.read(job.key) == taken


def test_a_new_worker_takes_up_what_the_last_one_left(store, job):
    started_by(store, job, dead_worker())
    worker = Worker(store, "cpu", answer)
    worker.recover()
    assert store.records.read(job.key).status == "queued"
    worker.step()
    assert store.job(job.key).status == "done" and store.job(job.key).attempts == 2


def test_another_devices_jobs_are_not_taken_up(store, job):
    running = started_by(store, job, dead_worker())
    Worker(store, "cuda:0", answer).recover()
    assert store.records.read(job.key) == running


def test_the_watch_ends_a_process_that_does_not_stop(store, job):
    ends, worker = [], Worker(store, "cpu", answer)
    watch = Watchdog(worker, ends.append, grace=0.05)
    watch.look()
    assert store.workers.heartbeat("cpu").exists() and not ends
    worker.job = started_by(store, job, worker.name)
    store.cancel(job.key)
    watch.look()
    assert not ends, "it has a moment to stop by itself"
    time.sleep(0.1)
    watch.look()
    assert len(ends) == 1 and store.records.read(job.key).status == "cancelled"


def test_who_needs_a_worker(store, monkeypatch):
    worker, gone = Worker(store, "cpu", answer), dead_worker()
    assert not needed(worker, this_process(), 0.0), "it is not the one that is known"
    store.workers.register("cpu", worker.name)
    assert needed(worker, this_process(), 1e9)
    assert needed(worker, gone, 1.0) and not needed(worker, gone, 11.0)


def test_serving_ends_when_the_parent_is_gone_and_the_queue_is_empty(store, job, monkeypatch):
    monkeypatch.setattr(worker_module, "ORPHAN_SECONDS", 0.0)
    monkeypatch.setattr(worker_module, "_LOOK_EVERY", 0.0)
    worker = Worker(store, "cpu", answer)
    store.workers.register("cpu", worker.name)
    serve(worker, dead_worker())
    assert store.job(job.key).status == "done"


def wait_for(store, job, seconds=90):
    end = time.time() + seconds
    while job.active and time.time() < end:
        time.sleep(0.05)
        job = store.job(job.key)
    return job


def test_a_real_worker_answers_and_is_reused(tmp_path):
    """The whole way: a process starts, a refused request comes back as a sentence, another process uses it too."""
    code = (
        "import sys, time; from mloss_core.lab.jobs.store import JobStore; store = JobStore(sys.argv[1])\n"
        "job = store.submit('samples', {'zoo': sys.argv[2], 'task': 'a', 'split': 'val', 'indices': [0]}, 'cpu')\n"
        "while job.active: time.sleep(0.05); job = store.job(job.key)\n"
        "print(job.error)"
    )
    root = Path(mloss_core.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "jobs"), str(tmp_path / "none")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    store = JobStore(tmp_path / "jobs")
    first = store.workers.record("cpu")
    assert first.ready and first.failures == 0 and exists(process_id(first.worker))
    try:
        assert "none" in run.stdout and run.stdout.count("\n") == 1 and "internal" not in run.stdout
        job = wait_for(store, store.submit("samples", {**SAMPLES, "zoo": str(tmp_path / "nothing")}, "cpu"))
        assert job.status == "failed" and store.workers.record("cpu") == first
    finally:
        os.kill(process_id(first.worker), signal.SIGKILL)
