import dataclasses
import time

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.errors import CacheError
from mloss_core.lab.jobs.watcher import JobWatcher
from mloss_core.lab.jobs.worker import Worker
from tests.mloss_core.lab.fakes import QuietStore, answer
from tests.ui.fake_lab import FakePayload, FakeStore
from ui import jobs


def script():
    import streamlit as st

    from ui import jobs

    request = st.session_state.get("request", {"a": 1})
    payload = jobs.job_payload("count", request, label="Counting", patience=0)
    st.write("nothing yet" if payload is None else f"answer {payload.meta['answer']}")


def stale_script():
    import streamlit as st

    from ui import jobs

    result = jobs.job_result("place", st.session_state.get("kind", "count"), {"a": 1}, label="Counting", patience=0)
    st.write(f"{None if result.payload is None else result.payload.meta['answer']} {result.stale}")


def count(params):
    return FakePayload({"answer": params["a"] * 10}, {})


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"count": count})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    jobs._payload.clear()
    return fake


def words(at):
    return [element.value for element in at.markdown]


def test_answer_is_there_at_once_and_asked_for_once(store):
    at = AppTest.from_function(script).run()
    assert words(at) == ["answer 10"]
    at.run()
    assert words(at) == ["answer 10"]
    assert store.submitted == [("count", {"a": 1})]


def test_running_job_shows_its_progress_and_can_be_cancelled(store):
    store.states["count"] = "running"
    at = AppTest.from_function(script).run()
    assert words(at) == ["nothing yet"]
    assert at.progress[0].value == 40
    assert at.progress[0].text == "Counting · block 5 of 12"
    at.button[0].click().run()
    assert len(store.cancelled) == 1
    assert "cancelled" in at.caption[0].value


def test_failed_job_shows_its_sentence_and_can_be_tried_again(store):
    store.states["count"] = "failed"
    at = AppTest.from_function(script).run()
    assert at.error[0].value == "the weights are damaged."
    at.run()
    assert len(store.submitted) == 1, "a failure is not repeated by itself"
    store.states.clear()
    at.button[0].click().run()
    assert words(at) == ["answer 10"]
    assert not at.error


def test_request_that_cannot_be_submitted_shows_why(store, monkeypatch):
    def refuse(*args, **kwargs):
        raise CacheError("cannot write the job: the disk is full.")

    monkeypatch.setattr(store, "submit", refuse)
    at = AppTest.from_function(script).run()
    assert at.error[0].value == "cannot write the job: the disk is full."
    assert not at.exception


def test_result_that_is_gone_is_asked_for_again(store):
    at = AppTest.from_function(script).run()
    store.jobs.clear()
    store.results.clear()
    jobs._payload.clear()
    at.run()
    assert words(at) == ["answer 10"]
    assert len(store.submitted) == 2


def test_earlier_answer_stays_and_is_marked_stale(store):
    at = AppTest.from_function(stale_script).run()
    assert words(at) == ["10 False"]
    store.states["slow"] = "running"
    at.session_state["kind"] = "slow"
    at.run()
    assert words(at) == ["10 True"]
    assert any("earlier choice" in caption.value for caption in at.caption)


def test_first_answer_on_its_way_has_nothing_to_show(store):
    store.states["count"] = "running"
    assert words(AppTest.from_function(stale_script).run()) == ["None False"]


def test_payload_arrays_cannot_be_changed(store):
    import numpy as np

    store.answers["count"] = lambda params: FakePayload({"answer": 1}, {"x": np.zeros(2)})
    job = store.submit("count", {"a": 1})
    payload = jobs.payload_of(job)
    with pytest.raises(ValueError, match="read-only"):
        payload.arrays["x"][0] = 1


def test_remaining_time_in_words(store):
    store.states["count"] = "running"
    job = store.submit("count", {"a": 1})
    assert jobs.remaining(dataclasses.replace(job, seconds_left=12.2)) == "block 5 of 12 · about 12 s left"
    assert jobs.remaining(dataclasses.replace(job, status="queued", queue_position=3)) == "waiting, 2 before it"
    assert jobs.remaining(dataclasses.replace(job, message="")) == "running"


def test_lines_of_a_young_job_are_drawn_more_often_than_those_of_an_old_one(store):
    store.states["count"] = "running"
    job = store.submit("count", {"a": 1})

    def pace(seconds, others=()):
        return jobs._pace([dataclasses.replace(job, created=0.0, started=1000.0 - seconds), *others], 1000.0)

    paces = [pace(seconds) for seconds in (0, 1, 3, 7, 12, 3600)]
    assert paces == [0.25, 0.25, 0.5, 1.0, jobs.SLOW, jobs.SLOW]
    assert pace(3600, [dataclasses.replace(job, created=999.0)]) == 0.25, "one that was just asked for counts"


@pytest.mark.parametrize("age", [0.0, 3600.0])
def test_lines_are_the_same_at_any_pace(store, age):
    store.states["count"] = "running"
    job = store.submit("count", {"a": 1})
    store.jobs[job.key] = dataclasses.replace(job, created=time.time() - age)
    at = AppTest.from_function(script).run()
    assert [line.text for line in at.progress] == ["Counting · block 5 of 12"]
    at.button[0].click().run()
    assert store.cancelled == [job.key] and not at.progress


@pytest.fixture
def real_store(tmp_path, monkeypatch):
    """The real watcher of a folder without a worker."""
    watcher = JobWatcher(QuietStore(tmp_path / "jobs"))
    monkeypatch.setattr(jobs, "store", lambda: watcher)
    jobs._payload.clear()
    yield watcher
    watcher.close()


def samples_script():
    import streamlit as st

    from tests.mloss_core.lab.fakes import SAMPLES
    from ui import jobs

    payload = jobs.job_payload("samples", SAMPLES, label="Drawing", on="cpu", patience=0.2)
    st.write("nothing yet" if payload is None else f"answer {payload.meta['kind']}")


def test_a_page_shows_a_real_job_until_its_answer_is_there(real_store):
    at = AppTest.from_function(samples_script).run()
    assert words(at) == ["nothing yet"] and at.progress[0].text == "Drawing · starting"
    Worker(real_store.store, "cpu", answer).step()
    real_store.look()
    assert words(at.run()) == ["answer samples"]


def test_a_rerun_of_a_page_reads_no_record(real_store, monkeypatch):
    at = AppTest.from_function(samples_script).run()
    Worker(real_store.store, "cpu", answer).step()
    real_store.look()
    at.run()
    real_store.close()
    monkeypatch.setattr(real_store.store.records, "read", None)
    assert words(at.run()) == ["answer samples"] and not at.exception


def test_a_second_window_shows_the_job_and_can_stop_it(real_store):
    first, second = AppTest.from_function(samples_script).run(), AppTest.from_function(samples_script).run()
    assert len(real_store.active()) == 1 and second.progress
    second.button[0].click().run()
    assert "cancelled" in second.caption[0].value
    assert "cancelled" in first.run().caption[0].value
