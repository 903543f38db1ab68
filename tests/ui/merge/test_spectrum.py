import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.fake_lab import FakePayload, FakeStore
from tests.ui.fake_payloads import LAYERS
from ui import jobs
from ui.merge.spectrum import interference_figure, sentence, spectrum_figure

ARRAYS = {
    "task_arithmetic": np.array([3.0, 2.0, 1.0]),
    "tsv_m": np.array([2.0, 2.0, 1.0]),
    "iso_cts": np.array([2.5, 2.5, 2.5]),
    "models": np.array([[1.0, 0.5, 0.0], [3.0, 0.5, 0.0]]),
}


def lines(beta):
    return {trace.name: list(trace.y) for trace in spectrum_figure(ARRAYS, beta, "MLP in, block 3").data}


def test_the_slider_moves_every_value_towards_the_mean():
    assert lines(1.0)["Iso-C β 1"] == [2.0, 2.0, 2.0]
    assert lines(0.0)["Iso-C β 0"] == lines(0.0)["Task Arithmetic"] == [3.0, 2.0, 1.0]
    assert lines(0.5)["Iso-C β 0.5"] == [2.5, 2.0, 1.5]
    assert lines(0.5)["Mean of the models"] == [2.0, 0.5, 0.0]


def test_the_sentence_counts_directions():
    # 9 of 14 squares lie in the first direction.
    assert sentence(ARRAYS, 0.25).startswith("Half of Task Arithmetic's energy lies in 1 of 3 directions; Iso-C at β 1")


def test_interference_has_a_bar_a_block():
    assert list(interference_figure(np.array([1.0, 2.0]), "MLP in").data[0].y) == [1.0, 2.0]


def answer(params):
    if "block" in params:
        return FakePayload({"matrix": params["matrix"], "block": params["block"], "interference": 0.25}, dict(ARRAYS))
    return FakePayload({"matrix": params["matrix"]}, {"interference": np.array([1.0, np.nan])})


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"spectra": answer})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    return fake


def tab(*tasks):
    def script(tasks):
        from tests.ui.fake_card import fake_zoo
        from ui.merge.spectrum import spectrum_tab

        zoo = fake_zoo()
        spectrum_tab(zoo, zoo.tasks if tasks is None else tasks)

    return AppTest.from_function(script, args=(tasks or None,), default_timeout=30).run()


def test_the_last_block_is_shown_first_and_all_blocks_on_request(store):
    at = tab()
    assert not at.exception and len(at.get("plotly_chart")) == 1
    assert store.submitted == [
        ("spectra", {"zoo": "demo", "block": LAYERS - 1, "matrix": "mlp.c_fc.weight", "fraction": 0.8})
    ]
    at.toggle[0].set_value(True).run()
    assert not at.exception and len(at.get("plotly_chart")) == 2
    assert store.submitted[-1] == ("spectra", {"zoo": "demo", "matrix": "mlp.c_fc.weight"})


def test_flattening_asks_for_nothing_new(store):
    at = tab()
    at.slider[0].set_value(0.5).run()
    assert not at.exception and len({str(params) for _, params in store.submitted}) == 1


def test_fewer_models_are_named_and_one_is_too_few(store):
    tab("digits", "letters")
    assert store.submitted[0][1]["tasks"] == ["digits", "letters"]
    at = tab("digits")
    assert at.info[0].value.startswith("Choose at least two models")
