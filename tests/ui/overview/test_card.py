import math

import pytest

from tests.ui.fake_card import control, fake_manifest, fake_zoo
from tests.ui.fake_payloads import TASKS
from ui.overview.card import answerers_of, control_sentence, models_of, standard_error


def test_models_carry_their_file_and_both_accuracies():
    models = models_of(fake_zoo())
    assert [model.task for model in models] == list(TASKS)
    first = models[0]
    assert first.digest == "1" * 64
    assert first.bytes == 1_240_000
    assert (first.zero_shot, first.individual) == pytest.approx((0.48, 0.89))
    assert first.zero_shot_error == pytest.approx(math.sqrt(0.48 * 0.52 / 1000))


def test_answerers_run_from_zero_shot_over_the_merges_to_the_specialists():
    rows = answerers_of(fake_zoo())
    assert [row.kind for row in rows] == ["zero_shot", "merged", "merged", "merged", "ensemble", "individual"]
    assert rows[1].name == "Simple Average"
    assert "TIES" in rows[3].name
    averages = [row.average for row in rows]
    assert averages == sorted(averages)
    assert rows[4].name == "Ensemble"
    assert rows[4].error["digits"] == pytest.approx(math.sqrt(0.66 * 0.34 / 1000))


def test_standard_error_needs_images():
    assert standard_error(0.5, 100) == 0.05
    assert math.isnan(standard_error(0.5, 0))


@pytest.mark.parametrize(
    ("controls", "verdict"),
    [
        ([control("m_ties k=0.8 e=0.1, same budget", 0.001, 0.002)], "makes no measurable difference"),
        ([control("m_ties k=0.8 e=0.1, same budget", 0.02, 0.002)], "helps here"),
        ([control("m_ties k=0.8 e=0.1, same budget", -0.02, 0.002)], "does not help"),
        (
            [
                control("m_ties k=0.8 e=0.1, same budget", 0.02, 0.002),
                control("m_ties k=0.2 e=0.1, same budget", -0.02, 0.002),
            ],
            "does not help",
        ),
    ],
)
def test_control_sentence_asks_for_two_standard_errors(controls, verdict):
    sentence = control_sentence({"controls": {"test": controls}})
    assert verdict in sentence
    assert "at k 0.8" in sentence


def test_no_control_no_sentence():
    assert control_sentence({}) == ""
    others = fake_manifest() | {"controls": {"test": [control("m_ties k=0.8 e=0", 0.1, 0.1)]}}
    assert control_sentence(others) == ""
