import numpy as np

from mloss_core.evaluation.inspection.calibration import reliability
from tests.ui.inspect.test_choices import CHOICE, MERGE
from ui.inspect.calibration import ece_sentence, ece_table, reliability_figure


def curve(shift, key="individual", model="Individual", kind="individual"):
    draw = np.random.default_rng(0)
    confidence = draw.uniform(0.3, 0.8, 3000)
    return reliability(confidence, draw.random(3000) < confidence + shift, key=key, model=model, kind=kind)


CURVES = [curve(0.0), curve(-0.2, "ensemble", "Ensemble", "ensemble"), curve(0.2, MERGE.key, "TIES k 0.2", "merged")]


def test_who_is_too_sure():
    words = ece_sentence(CURVES, CHOICE)
    assert words.startswith("Individual is about as sure as it may be (ECE")
    assert "Ensemble is too sure (ECE 20.0 %)" in words and "TIES is not sure enough (ECE 20.3 %)" in words


def test_curves_and_their_ideal():
    fig = reliability_figure(CURVES, CHOICE)
    assert [trace.name for trace in fig.data] == [None, "Individual", "Ensemble", "TIES"]
    assert list(fig.data[0].x) == [0, 100] and max(fig.data[1].marker.size) == 14
    assert sum(fig.data[1].customdata) == 3000


def test_the_table():
    table = ece_table(CURVES, CHOICE)
    assert list(table["model"]) == ["Individual", "Ensemble", "TIES"]
    assert table["accuracy"][1] < table["confidence"][1] and "±" in table["ece"][0]
