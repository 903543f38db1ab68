"""What becomes of jobs whose worker is gone or deaf."""

import os
import time

import pytest

from mloss_core.lab.jobs.processes import exists
from mloss_core.lab.jobs.store import GRACE
from mloss_core.lab.jobs.tending import tend
from tests.mloss_core.lab.fakes import RECIPE, SAMPLES, QuietStore, dead_worker, sleeper, started_by


@pytest.fixture
def store(tmp_path):
    return QuietStore(tmp_path / "jobs")


def test_a_dead_workers_job_waits_again_once_then_fails(store):
    job = store.submit("samples", SAMPLES, "cpu")
    gone, asked = dead_worker(), store.asked
    started_by(store, job, gone, fraction=0.5)
    tend(store)
    again = store.job(job.key)
    assert (again.status, again.fraction, again.worker) == ("queued", 0.0, None) and store.asked > asked
    started_by(store, job, gone, attempts=2)
    tend(store)
    failed = store.job(job.key)
    assert failed.status == "failed" and "ended twice" in failed.error and not store.active()


def test_a_dead_workers_job_that_was_to_stop_is_cancelled(store):
    job = store.submit("samples", SAMPLES, "cpu")
    process, name = sleeper()
    started_by(store, job, name)
    store.cancel(job.key)
    process.kill()
    process.wait()
    tend(store)
    assert store.job(job.key).status == "cancelled"


def test_those_who_wait_need_not_wait_for_a_dead_worker(store):
    running = store.submit("recipe", RECIPE, "cpu")
    waiting = store.submit("samples", SAMPLES, "cpu")
    started_by(store, running, dead_worker(), attempts=2)
    tend(store)
    assert store.job(waiting.key).status == "queued"
    assert store.records.read(running.key).status == "failed"


def test_a_worker_that_does_not_stop_is_ended(store):
    process, name = sleeper()
    job = store.submit("samples", SAMPLES, "cpu")
    started_by(store, job, name)
    store.cancel(job.key)
    tend(store)
    assert store.job(job.key).status == "running", "it has a moment to stop by itself"
    long_ago = time.time() - 2 * GRACE - 1
    os.utime(store.records.flag(job.key), (long_ago, long_ago))
    tend(store)
    assert store.job(job.key).status == "cancelled"
    assert process.wait(timeout=5) != 0 and not exists(process.pid)


def test_one_worker_a_queue_is_asked_for_however_many_wait(store):
    for number in range(5):
        store.submit("samples", {**SAMPLES, "indices": [number]}, "cpu")
    store.submit("samples", SAMPLES, "cuda:1")
    asked = store.asked
    tend(store)
    assert store.asked == asked + 2


def test_nothing_waits_and_nothing_happens(store):
    tend(store)
    assert not store.asked and not store.root.exists()
