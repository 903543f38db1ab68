import re
from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.testing.v1 import AppTest

from ui import reruns

UI = Path(__file__).parents[2] / "ui"


@pytest.fixture(autouse=True)
def installed():
    reruns.install()


def asked(*requests):
    """What a window runs next when these requests come before it looks."""
    waiting = ScriptRequests()
    for request in requests:
        waiting.request_rerun(request)
    return waiting.on_scriptrunner_ready().rerun_data


TIMER = RerunData(fragment_id="timer", page_script_hash="old", is_auto_rerun=True)


def test_a_timer_behind_a_click_on_another_page_does_not_send_back():
    run = asked(RerunData(page_script_hash="new"), TIMER)
    assert run.page_script_hash == "new" and not run.fragment_id_queue


def test_timers_run_together_and_behind_a_click_in_a_fragment():
    other = RerunData(fragment_id="other", page_script_hash="old", is_auto_rerun=True)
    assert asked(TIMER, other).fragment_id_queue == ["timer", "other"]
    assert asked(RerunData(fragment_id="clicked", page_script_hash="old"), TIMER).fragment_id_queue == [
        "clicked",
        "timer",
    ]


def test_installing_twice_changes_nothing():
    before = ScriptRequests.request_rerun
    reruns.install()
    assert ScriptRequests.request_rerun is before


def pages():
    import streamlit as st

    from ui import reruns

    def first():
        st.text("first")
        if st.button("go"):
            st.switch_page(second_page)

    def second():
        st.text("second")

    first_page = st.Page(first, title="first", default=True)
    second_page = st.Page(second, title="second", url_path="second")
    reruns.navigation({"": [first_page, second_page]}).run()


def test_a_page_stays_the_one_asked_for_when_another_run_of_the_window_begins(monkeypatch):
    """The run of a finished job sets the page that all runs of a window share, after a click has set it."""
    test = AppTest.from_function(pages).run()
    assert test.text[0].value == "first"
    resolve, first = PagesManager.set_pages_and_resolve, []

    def disturbed(self, found, fallback_page_hash=""):
        if not first and self.intended_page_script_hash != fallback_page_hash:
            first.append(self.intended_page_script_hash)
            self.set_script_intent(fallback_page_hash, "")
        return resolve(self, found, fallback_page_hash)

    monkeypatch.setattr(PagesManager, "set_pages_and_resolve", disturbed)
    test.button[0].click().run()
    assert first and test.text[0].value == "second"


def test_outside_the_app_nothing_is_known():
    assert not reruns.went_back() and not reruns.is_partial()


def test_buttons_act_in_callbacks():
    """A button's answer in the script is taken back when a run that a job caused ends in the same instant."""
    texts = {file.name: file.read_text() for file in UI.rglob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"(if|and|=) +st\.(sidebar\.)?button\(", text)] == []


def test_the_streamlit_that_is_installed_is_the_one_that_is_corrected():
    assert reruns.known()


def test_another_streamlit_is_left_alone(monkeypatch):
    plain = ScriptRequests.request_rerun.__wrapped__
    monkeypatch.setattr(ScriptRequests, "request_rerun", plain)
    monkeypatch.setattr("streamlit.__version__", "1.99.0")
    reruns.install()
    assert ScriptRequests.request_rerun is plain
