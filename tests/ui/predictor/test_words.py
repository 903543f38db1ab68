import numpy as np
import pytest

from mloss_core.mergeability.predictor import cross_validate
from tests.mloss_core.mergeability.predictor.made_tables import made_table
from ui.predictor.controls import Unit, method_title, unit_of
from ui.predictor.words import answer, cautions, number

PERCENT = Unit(100, " %", " points")


def test_the_answer_has_spread_baselines_and_cost():
    text = answer(cross_validate(made_table(8, noise=0.01), None, "normacc_ties"), PERCENT)
    assert text.startswith("3 metrics predict the **normalised accuracy** of pairs merged by **TIES** with **r = 0.9")
    assert " ± 0.0" in text and "mean of 8 folds, sd 0." in text
    assert "Without them: sum of individual accuracies" in text and "additive task effects" in text
    assert "Choosing the best 5 pairs by it loses **0." in text and "choosing by chance" in text


def test_one_metric_and_pooled_figures():
    frame = made_table(8, noise=0.01).rename(columns={"good": "mloss"})
    text = answer(cross_validate(frame, ["mloss"], "normacc_ties", "l2to"), PERCENT)
    assert text.startswith("**Pairwise M-Loss** alone predicts") and "over 28 pairs)" in text and "M-Loss alone" in text


def test_a_fit_that_one_metric_beats_says_so():
    frame = made_table(6, noise=0.02, seed=3)
    random = np.random.default_rng(0)
    frame = frame.assign(**{f"idle{number}": random.standard_normal(15) for number in range(30)})
    frame["mloss"] = -frame["normacc_ties"] + 0.001 * random.standard_normal(15)
    result = cross_validate(
        frame, [name for name in frame if name.startswith(("idle", "mloss"))], "normacc_ties", solver="ols"
    )
    assert "**One metric alone does better than this fit.**" in answer(result, PERCENT)
    assert "does better" not in answer(cross_validate(made_table(9), None, "normacc_ties"), PERCENT)


def test_no_correlation_at_all():
    result = cross_validate(made_table(8), None, "normacc_ties", alpha=1e6)
    assert "say nothing of" in answer(result, PERCENT)


@pytest.mark.parametrize(
    ("target", "choices", "words"),
    [
        ("acc_ties", {}, "adding the accuracies of the two models, without any metric, gives r = "),
        ("residual_ties", {}, "what is truly about the pair"),
        ("normacc_ties", {"protocol": "disjoint"}, "unavailable for unseen tasks"),
        ("normacc_ties", {}, "Nested is the honest figure"),
        ("normacc_ties", {"solver": "ref_adam"}, "has no minimiser"),
        ("normacc_ties", {"solver": "mlp"}, "vary with the seed"),
    ],
)
def test_cautions(target, choices, words):
    found = " ".join(cautions(cross_validate(made_table(8, noise=0.01), None, target, **choices), False))
    assert words in found and "random heads" not in found


def test_the_published_table_has_known_faults():
    result = cross_validate(made_table(6, noise=0.01), None, "normacc_ties")
    assert any("random heads" in one for one in cautions(result, True))


def test_numbers_and_units():
    assert number(-0.123) == "−0.12" and number(float("nan")) == "–"
    assert unit_of("normalised", 1.02).value(0.951) == "95.1 %" and unit_of("raw", 0.9).lost(0.0123) == "1.23 points"
    assert unit_of("raw", 91.0).value(88.25) == "88.25" and unit_of("other", 0.5).lost(0.1) == "0.1"
    assert method_title("tsv") == "TSV-M" and method_title("m_ties") == "M-TIES" and method_title("mine") == "mine"
