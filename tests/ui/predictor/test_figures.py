import math

import pytest

from mloss_core.mergeability.predictor import ablations, cross_validate, prepare, single_metrics, stability
from tests.mloss_core.mergeability.predictor.made_tables import made_table
from ui.predictor.controls import Unit
from ui.predictor.detail_figures import (
    ablation_figure,
    alone_figure,
    choosing_figure,
    coefficients_figure,
    steadiness_figure,
)
from ui.predictor.figures import folds_alt, folds_figure, measured_figure

PERCENT = Unit(100, " %", " points")


@pytest.fixture(scope="module")
def result():
    return cross_validate(made_table(8, noise=0.01), None, "normacc_ties")


def test_every_held_out_pair_is_a_dot(result):
    dots = measured_figure(result, PERCENT).data[1]
    assert len(dots.x) == 8 * 7 and dots.marker.size <= 6
    assert dots.text[0].startswith("t0 + t1<br>leave one task out: t0<br>predicted ")


def test_folds_are_dots_and_baselines_lines_of_one_chart(result):
    fig = folds_figure(result)
    folds, *lines = fig.data
    assert len(folds.x) == 8 and folds.mode == "markers" and list(folds.y) == sorted(folds.y, reverse=True)
    assert [line.name.rpartition(" ")[0] for line in lines] == [
        "Predictor",
        "Sum of accuracies",
        "Task effects",
        "Best metric",
    ]
    assert all(line.mode == "lines" for line in lines)
    assert "additive" in folds_alt(result).lower()


def test_one_pair_a_fold_leaves_the_lines():
    fig = folds_figure(cross_validate(made_table(8, noise=0.01), None, "normacc_ties", "l2to"))
    assert {trace.mode for trace in fig.data} == {"lines"}


def test_coefficients_have_selection_rates(result):
    bars = coefficients_figure(result).data[0]
    assert bars.y[-1] == "good · 100 %" and bars.x[-1] > 0
    network = cross_validate(made_table(6), None, "normacc_ties", solver="mlp")
    assert coefficients_figure(network) is None


def test_ablations_and_metrics_alone():
    frame = made_table(8, noise=0.01).rename(columns={"good": "activation_dot_product"})
    result = cross_validate(frame, ["activation_dot_product", "bad"], "normacc_ties")
    bars = ablation_figure(ablations(result), result.headline).data[0]
    assert set(bars.y) == {"Activations · 1", "Other metrics · 1"} and min(bars.x) < -0.3
    dots = alone_figure(single_metrics(result.problem, 199)).data[-1]
    assert dots.y[-1] == "Activation dot product" and dots.x[-1] > 0.8


def test_choosing_and_steadiness(result):
    fig = choosing_figure(result, PERCENT)
    assert fig.data[0].name == "Predictor" and fig.data[-1].name == "Chance"
    assert len(fig.data[0].x) == 14 and all(value >= 0 for line in fig.data for value in line.y)
    found = stability(prepare(made_table(7, noise=0.01), None, "normacc_ties"), sizes=(5, 7), seeds=(0, 1))
    line, dots = steadiness_figure(found).data
    assert list(line.x) == [5, 7] and len(dots.x) == 4 and not any(math.isnan(value) for value in dots.y)
