from streamlit.testing.v1 import AppTest


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
