import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.errors import InvalidOptionError
from ui import errors
from ui.errors import guard


def test_user_errors_are_one_sentence_and_the_page_goes_on():
    def script():
        import streamlit as st

        from mloss_core.errors import InvalidOptionError
        from ui.errors import guard

        with guard():
            raise InvalidOptionError("keep_rate must be from 0 to 1; found 2.")
        st.write("still here")

    at = AppTest.from_function(script).run()
    assert [error.value for error in at.error] == ["keep_rate must be from 0 to 1; found 2."]
    assert at.markdown[0].value == "still here"


def test_stop_ends_the_page():
    def script():
        import streamlit as st

        from ui.errors import stop

        stop("there is no zoo.")
        st.write("never")

    at = AppTest.from_function(script).run()
    assert at.error[0].value == "there is no zoo."
    assert not at.markdown


def test_faults_are_not_hidden():
    with pytest.raises(KeyError), guard():
        raise KeyError("a fault of ours")
    assert issubclass(InvalidOptionError, ValueError)


def test_a_report_has_one_problem_a_line(monkeypatch):
    shown = []
    monkeypatch.setattr(errors.st, "error", lambda text, icon: shown.append(text))
    errors.show_error("the zoo x cannot be opened, 2 problems: (1) a.pt is empty. (2) b.pt (9 kB) ends early.")
    errors.show_error("one sentence (1) with a number.")
    assert shown[0].split("\n\n") == [
        "the zoo x cannot be opened, 2 problems:",
        "(1) a.pt is empty.",
        "(2) b.pt (9 kB) ends early.",
    ]
    assert shown[1] == "one sentence (1) with a number."
