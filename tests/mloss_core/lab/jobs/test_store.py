"""Submitting, joining, cancelling, and looking at jobs."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mloss_core.errors import CacheError, InvalidOptionError, UnknownNameError
from mloss_core.lab.jobs import store as jobs
from mloss_core.lab.jobs.store import JobStore, ended, next_job
from mloss_core.lab.jobs.worker import Worker
from mloss_core.lab.payloads import Payload
from mloss_core.lab.requests import canonical
from mloss_core.lab.usecases.measuring import measure
from mloss_core.mloss import MLossReport, measure_mloss
from tests.mloss_core.lab.fakes import MEASURE, RECIPE, SAMPLES, QuietStore, answer, dead_worker, started_by
from tests.zoos import tiny_zoo


@pytest.fixture
def store(tmp_path):
    return QuietStore(tmp_path / "jobs")


@pytest.fixture
def worker(store):
    return Worker(store, "cpu", answer)


def test_a_job_runs_and_its_answer_is_kept(store, worker):
    job = store.submit("samples", SAMPLES, "cpu")
    assert (job.status, store.job(job.key).queue_position) == ("queued", 1)
    assert store.result(job.key) is None and store.asked
    assert worker.step() and not worker.step()
    done = store.job(job.key)
    assert done.status == "done" and done.fraction == 1 and done.finished >= done.started >= done.created
    payload = store.result(job.key)
    assert payload.meta == {"kind": "samples"} and payload.arrays["x"].tolist() == [0, 1, 2]


def test_identical_requests_are_joined_and_served_at_once(store, worker, tmp_path):
    first = store.submit("samples", SAMPLES, "cpu")
    second = QuietStore(tmp_path / "jobs").submit("samples", dict(reversed(SAMPLES.items())), "cpu")
    assert first.key == second.key and len(store.active()) == 1
    worker.step()
    asked = store.asked
    assert store.submit("samples", SAMPLES, "cpu").status == "done" and store.asked == asked
    assert store.submit("samples", {**SAMPLES, "indices": [2]}, "cpu").key != first.key


def test_spellings_of_one_request_are_joined(store):
    first = store.submit("measure", MEASURE, "cpu")
    spelt = {"zoo": "demo", "tasks": None, "mloss": {"samples_per_task": 16, "seed": 0}}
    assert store.submit("measure", spelt, "cpu").key == first.key
    assert store.submit("measure", {**MEASURE, "mloss": {"seed": 1}}, "cpu").key != first.key


def test_a_forgotten_record_with_an_answer_is_served_at_once(store, worker):
    job = store.submit("samples", SAMPLES, "cpu")
    worker.step()
    store.records.prune(keep=0)
    assert store.job(job.key) is None
    assert store.submit("samples", SAMPLES, "cpu").status == "done"


def test_a_lost_answer_is_computed_again(store, worker):
    job = store.submit("samples", SAMPLES, "cpu")
    worker.step()
    store.cache.clear()
    assert store.submit("samples", SAMPLES, "cpu").status == "queued"
    worker.step()
    assert store.result(job.key) is not None


def test_a_written_file_that_left_is_written_again(store, tmp_path):
    path = tmp_path / "merged.safetensors"

    def write(job, progress):
        path.write_text("weights")
        return Payload({"path": str(path)})

    params = {"zoo": "demo", "recipe": {"method": "average"}}
    store.submit("merged_file", params, "cpu")
    Worker(store, "cpu", write).step()
    assert store.submit("merged_file", params, "cpu").status == "done"
    path.unlink()
    assert store.submit("merged_file", params, "cpu").status == "queued"


def measuring(zoo):
    """The work of a job that measures a zoo which is open already."""
    return lambda job, progress: measure(zoo, job.params, progress)


def test_a_measured_report_is_stored_once(store, monkeypatch, tmp_path):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    zoo = tiny_zoo(2)
    job = store.submit("measure", {"zoo": "demo", "mloss": {"samples_per_task": 2}}, "cpu")
    assert Worker(store, "cpu", measuring(zoo)).step()
    sizes = store.cache.sizes()
    assert sizes["jobs-results"] < 1000 < sizes["mloss"]
    payload = QuietStore(tmp_path / "jobs").result(job.key)
    assert payload.meta["zoo"] == {"name": zoo.name, "digest": zoo.digest}
    report = MLossReport.from_entry(payload.meta, payload.arrays)
    again = measure_mloss(zoo, samples_per_task=2)
    assert report.digest == again.digest and report.seconds == again.seconds
    assert report.layers.equals(again.layers)
    assert all(np.array_equal(report.node_values[site], again.node_values[site]) for site in again.sites)


def test_a_report_that_left_the_cache_is_measured_again(store, monkeypatch, tmp_path):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    params = {"zoo": "demo", "mloss": {"samples_per_task": 2}}
    worker = Worker(store, "cpu", measuring(tiny_zoo(2)))
    job = store.submit("measure", params, "cpu")
    worker.step()
    assert store.submit("measure", params, "cpu").status == "done"
    store.cache.clear("mloss")
    assert store.result(job.key) is None
    assert store.submit("measure", params, "cpu").status == "queued"
    worker.step()
    assert store.result(job.key) is not None


def test_a_report_in_another_cache_is_kept_whole(store, monkeypatch, tmp_path):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "elsewhere"))
    job = store.submit("measure", {"zoo": "demo", "mloss": {"samples_per_task": 2}}, "cpu")
    Worker(store, "cpu", measuring(tiny_zoo(2))).step()
    assert "mloss" not in store.cache.sizes()
    payload = store.result(job.key)
    assert MLossReport.from_entry(payload.meta, payload.arrays).blocks == (0, 1, 2, 3)
    assert payload.meta["zoo"]["name"] == "tiny"


def test_failed_and_cancelled_jobs_can_be_asked_for_again(store):
    def fail(job, progress):
        raise InvalidOptionError("odd.")

    job = store.submit("samples", SAMPLES, "cpu")
    Worker(store, "cpu", fail).step()
    assert store.job(job.key).status == "failed"
    again = store.submit("samples", SAMPLES, "cpu")
    assert (again.status, again.error, again.attempts) == ("queued", None, 0)


def test_quick_kinds_go_first_then_age(store):
    slow = store.submit("recipe", RECIPE, "cpu")
    quick = store.submit("measure", MEASURE, "cpu")
    later = store.submit("samples", SAMPLES, "cpu")
    assert next_job(store.records.active(), "cpu").key == quick.key
    assert [store.job(job.key).queue_position for job in (quick, later, slow)] == [1, 2, 3]
    assert next_job(store.records.active(), "cuda:0") is None


def test_nobody_waits_for_ever(store, monkeypatch):
    slow = store.submit("recipe", RECIPE, "cpu")
    store.submit("measure", MEASURE, "cpu")
    monkeypatch.setattr(jobs, "PATIENCE", -1.0)
    assert next_job(store.records.active(), "cpu").key == slow.key


def test_each_device_has_its_own_queue(store):
    store.submit("samples", SAMPLES, "cpu")
    other = store.submit("samples", SAMPLES, "cuda:1")
    assert store.job(other.key).queue_position == 1
    assert next_job(store.records.active(), "cuda:1").key == other.key


def test_cancelling_a_waiting_job_is_immediate(store, worker):
    job = store.submit("samples", SAMPLES, "cpu")
    store.cancel(job.key)
    assert store.job(job.key).status == "cancelled" and not worker.step() and not store.active()
    assert store.submit("samples", SAMPLES, "cpu").status == "queued"


def test_cancelling_what_is_over_or_unknown_changes_nothing(store, worker):
    job = store.submit("samples", SAMPLES, "cpu")
    worker.step()
    store.cancel(job.key)
    store.cancel("0" * 64)
    assert store.job(job.key).status == "done" and not store.records.flag(job.key).exists()


def test_looking_changes_nothing(store):
    """A dead worker's job and one that waits look the same however often somebody looks, and no worker is started."""
    running = store.submit("recipe", RECIPE, "cpu")
    waiting = store.submit("samples", SAMPLES, "cpu")
    started_by(store, running, dead_worker())
    asked = store.asked
    for _ in range(3):
        assert store.job(running.key).status == "running" and store.job(waiting.key).queue_position == 2
        assert [job.key for job in store.active()] == [running.key, waiting.key]
    assert store.asked == asked


@pytest.mark.parametrize(
    ("kind", "params", "error", "words"),
    [
        ("sample", SAMPLES, UnknownNameError, "did you mean 'samples'"),
        ("samples", {"zoo": "demo"}, InvalidOptionError, "found no task, split, indices"),
        ("measure", {**MEASURE, "mloss": {"samples_per_task": 0}}, InvalidOptionError, "samples_per_task must be"),
    ],
)
def test_a_bad_request_leaves_no_job(store, kind, params, error, words):
    with pytest.raises(error, match=words):
        store.submit(kind, params)
    assert not store.active() and not store.root.exists()


@pytest.mark.parametrize("device", ["gpu", "../up", "cuda:x", ""])
def test_a_bad_device_leaves_no_job(store, device):
    with pytest.raises(InvalidOptionError, match="device must be auto, cpu or cuda:N"):
        store.submit("samples", SAMPLES, device)
    assert not store.root.exists()


def test_an_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"cannot write .*MLOSS_CACHE names another"):
        JobStore(tmp_path / "file" / "jobs").submit("samples", SAMPLES)


def test_many_threads_submit_without_loss(store, tmp_path):
    def submit(number):
        QuietStore(tmp_path / "jobs").submit("samples", {**SAMPLES, "indices": [number % 6]}, "cpu")

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.active()) == 6


def test_two_processes_share_one_queue(store, worker, tmp_path):
    """Both submit the same twenty requests while a worker takes them: each is done once, none is lost."""
    code = (
        "import sys; from tests.mloss_core.lab.fakes import *; store = QuietStore(sys.argv[1])\n"
        "for n in range(20): store.submit('samples', {**SAMPLES, 'indices': [n]}, 'cpu')"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "jobs")]) for _ in range(2)]
    steps = 0
    while any(other.poll() is None for other in others) or store.active():
        worked = worker.step()
        steps += worked
        time.sleep(0 if worked else 0.02)
    assert all(other.returncode == 0 for other in others)
    assert steps == 20 and len(list((tmp_path / "jobs" / "records").glob("*.json"))) == 20


def test_submitting_needs_no_torch(tmp_path):
    code = (
        "import sys; from tests.mloss_core.lab.fakes import *; QuietStore(sys.argv[1]).submit('recipe', RECIPE)\n"
        "sys.exit(bool({'torch', 'pandas', 'open_clip'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "jobs")], check=False).returncode == 0


def test_finished_jobs_of_a_kind_that_still_answer_todays_request(store, monkeypatch):
    for params, kind in ((SAMPLES, "samples"), ({**SAMPLES, "split": "test"}, "samples"), (MEASURE, "measure")):
        job = store.submit(kind, params, "cpu")
        if kind == "measure" or params is SAMPLES:
            store.records.write(ended(job, "done"))
    (job,) = store.done("samples")
    assert job.params == canonical("samples", SAMPLES)
    monkeypatch.setattr("mloss_core.lab.requests.zoo_identity", lambda name: "changed")
    assert store.done("samples") == []
