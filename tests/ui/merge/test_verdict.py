import numpy as np
import pytest

from mloss_core.evaluation.controls import CONTROLS, control_recipes, is_guided, missing_controls
from mloss_core.recipe import Recipe
from tests.ui.merge.test_rows import TASKS, row
from ui.merge.verdict import verdict

M_TIES = Recipe(method="m_ties", options={"keep_rate": 0.7, "span": 0.2}, blocks=(8, 9, 10), seed=3)


def scored(key, hits, total=400):
    """A row that has the first `hits` of `total` images of each task right."""
    right = np.zeros(total, dtype=bool)
    right[:hits] = True
    share = hits / total
    return row(key, digits=share, shapes=share, correct=dict.fromkeys(TASKS, right))


def test_controls_change_nothing_but_what_m_loss_adds():
    controls = control_recipes(M_TIES)
    assert list(controls) == list(CONTROLS)
    assert controls["e = 0"].options == {"keep_rate": 0.7, "span": 0.0}
    assert controls["reversed ranks"].options == {"keep_rate": 0.7, "span": 0.2, "ranking": "reversed"}
    assert controls["same budget, no ranks"].options["ranking"] == "uniform"
    assert all(other.blocks == (8, 9, 10) and other.seed == 3 for other in controls.values())
    assert len({other.digest for other in controls.values()}) == 4


@pytest.mark.parametrize(
    ("recipe", "guided"),
    [
        (M_TIES, True),
        (Recipe(method="m_dare"), True),
        (Recipe(method="ties"), False),
        (Recipe(method="m_ties", options={"span": 0.0}), False),
        (Recipe(method="m_ties", options={"ranking": "reversed"}), False),
    ],
)
def test_only_recipes_that_follow_m_loss_have_controls(recipe, guided):
    assert is_guided(recipe) is guided


def test_controls_already_present_are_not_added_again():
    controls = control_recipes(M_TIES)
    assert missing_controls(M_TIES, [M_TIES, controls["random ranks"]]) == [
        control for name, control in controls.items() if name != "random ranks"
    ]


def test_ranks_that_beat_every_control_are_said_to():
    found = verdict(scored("m", 200), dict.fromkeys(CONTROLS, scored("c", 160)))
    assert found.sentence.startswith("The M-Loss ranks of m beat every control")
    assert "e = 0 +10.00 ± 1.06" in found.sentence and "same images" in found.sentence
    assert found.waiting == ()


def test_ranks_within_the_error_are_said_not_to_help():
    found = verdict(scored("m", 201), dict.fromkeys(CONTROLS, scored("c", 200)))
    assert "do not beat the controls on this zoo" in found.sentence


def test_a_control_that_is_better_is_named():
    controls = {"e = 0": scored("a", 200), "reversed ranks": scored("b", 240)}
    assert "do not help here: reversed ranks came out reliably better" in verdict(scored("m", 200), controls).sentence


def test_beating_some_controls_is_not_called_a_win():
    controls = {"e = 0": scored("a", 150), "same budget, no ranks": scored("b", 200)}
    sentence = verdict(scored("m", 200), controls).sentence
    assert "beat e = 0, but not same budget, no ranks" in sentence


def test_unfinished_controls_are_waited_for():
    found = verdict(scored("m", 200), {"random ranks": None, "reversed ranks": scored("b", 200)})
    assert found.waiting == ("random ranks",)
    assert "random ranks" not in found.sentence
    assert verdict(scored("m", 200), {"random ranks": None}).sentence == "The controls are not finished."


def test_errors_from_other_images_are_called_large():
    assert "large side" in verdict(row("m"), {"random ranks": row("c")}).sentence
