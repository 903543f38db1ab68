"""A timer, a click and the end of a job in the same instant, with the runs and moments chosen. Needs no browser.

Each test fails where `reruns.install` is left out: that is what Streamlit does by itself.
"""

import time

import pytest

from tests.browser.running_app import ROOT
from tests.browser.wire import opened, served

pytestmark = pytest.mark.browser
APP = """
import sys
import time
sys.path.insert(0, {root!r})
import streamlit as st
from ui import reruns, state
reruns.install()

@st.fragment(run_every=600)
def timer():
    st.text("timer")

def first():
    for word in "abcdefg":
        st.text(word)
    st.button("go", key="go", on_click=state.go_to, args=(second_page,))
    st.button("pick", key="pick", on_click=state.put, args=("choice", "z"))
    st.selectbox("Choice", ["x", "y", "z"], key="choice")
    timer()
    time.sleep({pause})
    st.text("chosen " + st.session_state["choice"])

def second():
    st.text("second")
    time.sleep({pause})
    st.text("end")

first_page = st.Page(first, title="first", default=True)
second_page = st.Page(second, title="second", url_path="second")
reruns.navigation({{"": [first_page, second_page]}}).run()
"""
PAUSE = 1.0


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    script = tmp_path_factory.mktemp("reruns") / "app.py"
    script.write_text(APP.format(root=str(ROOT), pause=PAUSE))
    with served(script) as address:
        yield address


@pytest.fixture
def window(address):
    with opened(address) as window:
        yield window


def test_a_timer_of_a_page_that_was_left_empties_no_page(window):
    """It ends in "Bad delta path index", or in a blank page."""
    old, [timer] = window.page, window.timers
    window.ask(click="go")
    time.sleep(PAUSE / 2)
    window.ask(timer=timer, page=old)
    window.until_finished(2)
    window.listen(PAUSE / 3)
    assert window.page == window.pages["second"] and window.texts() == ["second", "end"]


def test_a_timer_that_has_not_heard_of_a_choice_does_not_undo_it(window):
    window.ask(click="pick", values={"choice": "x"})
    time.sleep(PAUSE / 2)
    window.ask(timer=next(iter(window.timers)), values={"choice": "x"})
    window.until_finished(2)
    assert window.texts()[-1] == "chosen z" and window.widget("choice").set_value
    window.ask()
    window.until_finished(3)
    assert window.texts()[-1] == "chosen z"
