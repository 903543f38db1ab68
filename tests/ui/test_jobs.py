import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.errors import CacheError
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
    import dataclasses

    assert jobs.remaining(dataclasses.replace(job, seconds_left=12.2)) == "block 5 of 12 · about 12 s left"
    assert jobs.remaining(dataclasses.replace(job, status="queued", queue_position=3)) == "waiting, 2 before it"
    assert jobs.remaining(dataclasses.replace(job, message="")) == "running"
