"""The jobs of a folder in memory."""

import os
import subprocess
import sys
import time

import pytest

from mloss_core.errors import CacheError
from mloss_core.lab.jobs import watcher as watching
from mloss_core.lab.jobs.watcher import QUICK, SLOW, JobWatcher
from mloss_core.lab.jobs.worker import Worker
from tests.mloss_core.lab.fakes import MEASURE, RECIPE, SAMPLES, QuietStore, answer, dead_worker, started_by


@pytest.fixture
def store(tmp_path):
    return QuietStore(tmp_path / "jobs")


@pytest.fixture
def watcher(store):
    """One whose beats are called by hand."""
    return JobWatcher(store, start=False)


@pytest.fixture
def reads(store, monkeypatch):
    """Keys of the records that are read from now on."""
    keys, read = [], store.records.read
    monkeypatch.setattr(store.records, "read", lambda key: keys.append(key) or read(key))
    return keys


def age(store, seconds=10):
    """Let the folder of records look as if nothing had been written for a while."""
    moment = time.time() - seconds
    os.utime(store.root / "records", (moment, moment))


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_a_submitted_job_is_seen_at_once(watcher):
    job = watcher.submit("samples", SAMPLES, "cpu")
    assert watcher.job(job.key) == job and job.queue_position == 1
    assert watcher.active() == (job,)
    watcher.cancel(job.key)
    assert watcher.job(job.key).status == "cancelled" and watcher.active() == ()


def test_places_in_the_queue_are_those_of_the_store(watcher, store):
    for kind, params in (("recipe", RECIPE), ("measure", MEASURE), ("samples", SAMPLES)):
        watcher.submit(kind, params, "cpu")
    assert [job.queue_position for job in watcher.active()] == [3, 1, 2]
    assert list(watcher.active()) == store.active()


def test_looking_reads_no_file(watcher, reads):
    job = watcher.submit("samples", SAMPLES, "cpu")
    reads.clear()
    for _ in range(100):
        assert watcher.job(job.key).active and watcher.active() and watcher.job("0" * 64) is None
    assert reads == []


def test_a_folder_without_a_change_is_not_read(watcher, store, reads, monkeypatch):
    watcher.submit("samples", SAMPLES, "cpu")
    age(store)
    watcher.look()
    scans = []
    monkeypatch.setattr(watching.os, "scandir", lambda folder: scans.append(folder) or os.scandir(folder))
    reads.clear()
    assert not watcher.look() and reads == [] and scans == []


def test_only_records_that_changed_are_read(watcher, store, reads):
    first = watcher.submit("samples", SAMPLES, "cpu")
    watcher.submit("measure", MEASURE, "cpu")
    watcher.look()
    reads.clear()
    started_by(store, first, "a/b:1:2")
    assert watcher.look() and reads == [first.key]
    assert watcher.job(first.key).status == "running" and len(watcher.active()) == 2


def test_what_another_process_did_is_seen_with_the_next_look(watcher, store):
    code = "from tests.mloss_core.lab.fakes import *; QuietStore(sys.argv[1]).submit('samples', SAMPLES, 'cpu')"
    subprocess.run([sys.executable, "-c", code, str(store.root)], check=True)
    assert watcher.active() == ()
    assert watcher.look() and [job.kind for job in watcher.active()] == ["samples"]
    Worker(store, "cpu", answer).step()
    assert watcher.look() and watcher.active() == ()
    [job] = watcher.snapshot.jobs.values()
    assert job.status == "done" and watcher.result(job.key).meta == {"kind": "samples"}


def test_a_change_within_one_tick_of_a_coarse_clock_is_seen(watcher, store):
    job = watcher.submit("samples", SAMPLES, "cpu")
    watcher.look()
    before = (store.root / "records").stat()
    started_by(store, job, "a/b:1:2")
    os.utime(store.root / "records", ns=(before.st_atime_ns, before.st_mtime_ns))
    watcher.look()
    assert watcher.job(job.key).status == "running"


def test_a_snapshot_is_replaced_and_never_changed(watcher):
    watcher.submit("samples", SAMPLES, "cpu")
    before = watcher.snapshot
    watcher.submit("measure", MEASURE, "cpu")
    assert len(before.active) == 1 and len(watcher.snapshot.active) == 2
    with pytest.raises(TypeError):
        before.jobs["x"] = None


def test_damaged_and_forgotten_records_are_no_jobs(watcher, store):
    job = watcher.submit("samples", SAMPLES, "cpu")
    (store.root / "records" / f"{'1' * 64}.json").write_text("{")
    watcher.look()
    assert list(watcher.snapshot.jobs) == [job.key]
    (store.root / "records" / f"{job.key}.json").unlink()
    watcher.look()
    assert watcher.job(job.key) is None


def test_tending_happens_when_a_job_began_or_ended_and_now_and_then(watcher, store, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock[0])
    job = watcher.submit("samples", SAMPLES, "cpu")
    asked = store.asked
    watcher.beat()
    watcher.beat()
    assert store.asked == asked + 1
    clock[0] += watching.TEND_EVERY
    watcher.beat()
    assert store.asked == asked + 2
    started_by(store, job, dead_worker(), attempts=2)
    watcher.beat()
    assert watcher.job(job.key).status == "failed"


def test_beats_slow_down_when_nothing_is_active(watcher):
    pauses = []
    for _ in range(5):
        watcher.beat()
        pauses.append(watcher.pause)
    assert pauses == sorted(pauses) and pauses[-1] == SLOW
    job = watcher.submit("samples", SAMPLES, "cpu")
    watcher.beat()
    assert watcher.pause == QUICK
    watcher.cancel(job.key)
    for _ in range(5):
        watcher.beat()
    assert watcher.pause == SLOW


def test_waiting_ends_with_the_job_or_the_time(watcher, store):
    job = watcher.submit("samples", SAMPLES, "cpu")
    start = time.monotonic()
    assert watcher.wait(job.key, 0.1).status == "queued" and time.monotonic() - start >= 0.1
    Worker(store, "cpu", answer).step()
    start = time.monotonic()
    assert watcher.wait(job.key, 60).status == "done" and time.monotonic() - start < 30
    assert watcher.wait("0" * 64, 60) is None


def test_a_job_behind_others_is_not_waited_for(watcher):
    watcher.submit("measure", MEASURE, "cpu")
    job = watcher.submit("recipe", RECIPE, "cpu")
    start = time.monotonic()
    assert watcher.wait(job.key, 60).queue_position == 2 and time.monotonic() - start < 30


def test_two_watchers_share_a_folder(store, tmp_path):
    """Each thread sees what the other's side submitted, and both see the worker's end of it."""
    one, two = JobWatcher(store), JobWatcher(QuietStore(tmp_path / "jobs"))
    try:
        job = one.submit("samples", SAMPLES, "cpu")
        until(lambda: two.job(job.key) is not None)
        two.cancel(job.key)
        until(lambda: one.job(job.key).status == "cancelled")
        one.submit("samples", SAMPLES, "cpu")
        Worker(store, "cpu", answer).step()
        until(lambda: one.job(job.key).status == two.job(job.key).status == "done")
    finally:
        one.close()
        two.close()


def test_trouble_is_said_once_and_watching_goes_on(store, monkeypatch, caplog):
    def refuse(device="auto"):
        calls.append(device)
        raise CacheError("cannot write x: the disk is full.")

    calls = []
    monkeypatch.setattr(watching, "TEND_EVERY", 0.0)
    monkeypatch.setattr(watching, "QUICK", 0.01)
    store.submit("samples", SAMPLES, "cpu")
    monkeypatch.setattr(store, "ensure_worker", refuse)
    watcher = JobWatcher(store)
    try:
        watcher.pause = 0.01
        until(lambda: len(calls) > 2)
    finally:
        watcher.close()
    assert caplog.text.count("the disk is full.") == 1


def test_watching_needs_no_torch(tmp_path):
    code = (
        "import sys; from tests.mloss_core.lab.fakes import *; from mloss_core.lab.jobs.watcher import JobWatcher\n"
        "JobWatcher(QuietStore(sys.argv[1])).submit('recipe', RECIPE)\n"
        "sys.exit(bool({'torch', 'pandas', 'open_clip'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "jobs")], check=False).returncode == 0
