import pytest
from streamlit.runtime.state.query_params import QueryParams
from streamlit.testing.v1 import AppTest

from ui import state as ui_state


def run(params, body):
    """Run one line of script with these query parameters; it leaves its answer in session_state['out']."""
    script = f"import streamlit as st\nfrom ui import state\n{body}\n"
    at = AppTest.from_string(script)
    for name, value in params.items():
        at.query_params[name] = value
    return at.run()


def test_key_prefixes_the_page():
    from ui import state

    assert state.key("map", "scale") == "map_scale"


def test_read_whole_takes_numbers_in_range_only():
    for text, expected in [
        ("7", 7),
        ("12", None),
        ("-1", None),
        ("x", None),
        ("7.0", None),
        ("", None),
        ("9" * 30, None),
    ]:
        at = run({"n": text}, "st.session_state.out = state.read_whole('n', 0, 11)")
        assert at.session_state["out"] == expected, text
    assert run({}, "st.session_state.out = state.read_whole('n', 0, 11)").session_state["out"] is None


def test_write_mirrors_and_takes_out():
    at = run({}, "state.write('n', 3)")
    assert at.query_params["n"] == "3"
    at = run({"n": "3", "other": "x"}, "state.write('n', None)")
    assert "n" not in at.query_params
    assert at.query_params["other"] == "x"


def test_prune_drops_what_is_not_offered():
    at = run({}, "st.session_state.t = ['a', 'gone']\nstate.prune('t', ['a', 'b'])")
    assert at.session_state["t"] == ["a"]


def switching():
    import streamlit as st

    from ui import state

    def first():
        st.selectbox("Choice", ["x", "y"], key="choice", bind=state.BIND)
        st.button("go", on_click=state.go_to, args=(second_page,))

    def second():
        st.text("second")

    first_page = st.Page(first, title="first", default=True)
    second_page = st.Page(second, title="second", url_path="second")
    st.navigation([first_page, second_page]).run()


def test_a_button_leads_to_another_page_where_a_choice_of_this_one_is_in_the_link():
    test = AppTest.from_function(switching)
    test.query_params["choice"] = "y"
    test.run()
    assert test.selectbox[0].value == "y"
    test.button[0].click().run()
    assert not test.exception and test.text[0].value == "second"
    assert "choice" not in test.query_params


def writing():
    import streamlit as st

    from ui import state

    with state.one_step():
        state.write("kept", "1")
        state.write("new", "2")
        state.write("gone", None)
        st.text(",".join(sorted(st.query_params)))


def test_a_run_writes_the_address_once(monkeypatch):
    sent = []
    plain = QueryParams._send_query_param_msg
    monkeypatch.setattr(QueryParams, "_send_query_param_msg", lambda self: (sent.append(dict(self)), plain(self)))
    test = AppTest.from_function(writing)
    test.query_params["kept"] = "1"
    test.run()
    assert test.text[0].value == "kept"
    assert sent == [{"kept": "1", "new": "2"}]
    test.run()
    assert len(sent) == 1


def cut_short():
    import streamlit as st

    from ui import state

    state.begin_run()
    st.button("pick", on_click=state.put, args=("choice", "y"))
    st.selectbox("Choice", ["x", "y"], key="choice")
    if st.session_state.get("cut"):
        st.stop()
    state.end_run()


@pytest.mark.parametrize(("moment", "expected"), [(0.0, [True, True, False]), (60.0, [True, True, True])])
def test_a_choice_made_for_the_browser_is_told_until_a_run_ends_and_a_moment_longer(monkeypatch, moment, expected):
    monkeypatch.setattr(ui_state, "_MOMENT", moment)
    test = AppTest.from_function(cut_short)
    test.session_state["cut"] = True
    test.run().button[0].click().run()
    told = []
    for cut in (True, False, False):
        test.session_state["cut"] = cut
        test.run()
        told.append(test.selectbox[0].proto.set_value)
        assert test.selectbox[0].value == "y"
    assert told == expected
