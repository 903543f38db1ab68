import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui.theory.controls import TABS
from ui.zoo.facts import ZooFacts

ROOT = Path(__file__).parents[2]
PAGE = str(ROOT / "pages" / "theory.py")


@pytest.fixture(autouse=True)
def _zoo(monkeypatch):
    facts = ZooFacts("demo", "d" * 64, ("a", "b"), 4, 32, 8, 1000, {})
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts)


def page(**params):
    at = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in params.items():
        at.query_params[name] = value
    return at.run()


def texts(at):
    return " ".join(str(item.value) for group in (at.markdown, at.caption, at.info, at.error) for item in group)


def charts(at):
    return len(at.get("plotly_chart"))


def test_first_visit_shows_one_node():
    at = page()
    assert not at.exception
    assert at.title[0].value == "Theory"
    assert charts(at) == 3
    assert "Rows 60° apart" in texts(at)
    assert "14.4 × 10⁻³" in texts(at)


@pytest.mark.parametrize(
    ("tab", "count", "words"),
    [(TABS[0], 3, "half the angle"), (TABS[1], 2, "**10 times** as far"), (TABS[2], 3, "conflicts most")],
)
def test_each_tab_opens_from_a_link(tab, count, words):
    at = page(th_tab=tab)
    assert not at.exception
    assert charts(at) == count
    assert words in texts(at)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "quick_gelu"])
@pytest.mark.parametrize("models", [2, 8])
def test_each_activation(activation, models):
    at = page()
    at.selectbox(key="th_activation").set_value(activation)
    at.slider(key="th_models").set_value(models).run()
    assert not at.exception
    assert charts(at) == 3
    assert bool([item for item in at.slider if item.key == "th_slope"]) == (activation == "leaky_relu")


@pytest.mark.parametrize("correlation", [-1.0, 0.0, 1.0])
def test_ends_of_the_correlation(correlation):
    at = page()
    at.slider(key="th_rho").set_value(correlation).run()
    assert not at.exception
    at.slider(key="th_models").set_value(4).run()
    assert not at.exception
    assert ("cannot lie more than" in texts(at)) == (correlation == -1.0)


def test_agreeing_models_lose_nothing():
    at = page(th_rho="1.0")
    assert "averaging the weights loses nothing" in texts(at)


def test_link_reopens_the_view():
    at = page(th_models="4", th_activation="GELU", th_rho="0.25", th_mean="0.5", th_spread="1.5")
    assert not at.exception
    assert at.slider(key="th_models").value == 4
    assert at.selectbox(key="th_activation").value == "gelu"
    assert at.slider(key="th_rho").value == 0.25
    assert at.slider(key="th_mean").value == 0.5
    assert at.slider(key="th_spread").value == 1.5


@pytest.mark.parametrize(
    "params",
    [
        {"th_models": "99"},
        {"th_models": "x"},
        {"th_activation": "tanh"},
        {"th_rho": "nan"},
        {"th_spread": "0"},
        {"th_draw": "-4"},
        {"th_draw": "1e9"},
        {"th_tab": "nowhere"},
    ],
)
def test_wrong_link_falls_back(params):
    at = page(**params)
    assert not at.exception
    assert charts(at) == 3
    assert at.slider(key="th_models").value == 2


def test_draw_again_changes_the_input_and_the_link():
    at = page()
    before = texts(at)
    at.button(key="th_again").click().run()
    assert not at.exception
    assert at.query_params["th_draw"] == "2"
    assert texts(at) != before
    assert texts(page(th_draw="2")) == texts(at)


def test_near_and_distant_sliders_change_the_sentence():
    at = page(th_tab=TABS[1])
    at.slider(key="th_near").set_value(0.1)
    at.slider(key="th_far").set_value(2.0).run()
    assert "**20 times** as far" in texts(at)


def test_keep_rate_and_span_change_the_rows():
    at = page(th_tab=TABS[2], th_k="0.5", th_e="0.5")
    assert not at.exception
    assert at.slider(key="th_k").value == 0.5
    assert "1 of 6 rows return to the pretrained encoder" in texts(at)
    at.slider(key="th_e").set_value(0.0).run()
    assert "M-Loss plays no part" in texts(at)
    at.get_by_key("th_layers").set_value(3).run()
    at.get_by_key("th_row_activation").set_value("gelu").run()
    assert not at.exception
    assert charts(at) == 3


def test_page_needs_no_torch():
    code = "import sys, ui.theory.view; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
