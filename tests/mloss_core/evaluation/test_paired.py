import math

import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import DatasetError
from mloss_core.evaluation import compare_rows, evaluate_rows, paired_difference
from tests.mloss_core.evaluation.test_rows import row
from tests.zoos import tiny_zoo


def test_a_hand_worked_pair():
    """A is right on 1, 2, 3 and B on 3, 4: d = (1, 1, 0, -1), mean 1/4, mean square 3/4."""
    found = compare_rows(row("1110"), row("0011"))
    assert found.difference == 0.25
    assert found.discordant == (2, 1)
    assert found.standard_error == pytest.approx(math.sqrt((3 / 4 - 1 / 16) / 4))


def test_the_mean_is_over_tasks():
    found = compare_rows(row("1111", "10"), row("0000", "10"))
    assert found.difference == 0.5
    assert found.only_a == {"task0": 4, "task1": 0} and found.only_b == {"task0": 0, "task1": 0}
    assert found.counts == {"task0": 4, "task1": 2}


def test_swapping_the_models_changes_the_sign_alone():
    a, b = row("110101", "0110"), row("101100", "0011")
    there, back = compare_rows(a, b), compare_rows(b, a)
    assert back.difference == -there.difference
    assert back.standard_error == there.standard_error
    assert back.discordant == there.discordant[::-1]


def test_a_model_against_itself_differs_nowhere():
    found = compare_rows(row("1101"), row("1101"))
    assert (found.difference, found.standard_error, found.discordant) == (0, 0, (0, 0))


def test_pairing_is_sharper_than_two_standard_errors():
    draw = np.random.default_rng(0)
    marks = draw.random(1000) < 0.6
    other = marks.copy()
    other[:20] = ~other[:20]
    a, b = ("".join("01"[int(mark)] for mark in part) for part in (marks, other))
    found = compare_rows(row(a), row(b))
    assert found.standard_error < row(a).standard_error / 3


def test_rows_of_other_images_are_refused():
    with pytest.raises(DatasetError, match="paired rows must be of the same images"):
        compare_rows(row("11"), row("111"))


def test_the_error_matches_a_resampling_of_images():
    draw = np.random.default_rng(1)
    a, b = draw.random(400) < 0.7, draw.random(400) < 0.6
    found = compare_rows(row("".join("01"[int(x)] for x in a)), row("".join("01"[int(x)] for x in b)))
    picks = draw.integers(0, 400, (4000, 400))
    resampled = (a[picks].mean(axis=1) - b[picks].mean(axis=1)).std()
    assert found.standard_error == pytest.approx(resampled, rel=0.05)


def test_models_of_a_zoo_by_name_result_or_weights(tmp_path):
    zoo, cache = tiny_zoo(tasks=2, layers=2, spread=1.0), Cache(tmp_path)
    rows = {found.model: found for found in evaluate_rows(zoo, [zoo.finetuned["boats"]], cache=cache)}
    found = paired_difference(zoo, ("mine", dict(zoo.finetuned["boats"].weights)), "zero_shot", cache=cache)
    assert found == compare_rows(rows["boats"], rows["Zero-shot"])
    assert found.difference == pytest.approx(rows["boats"].average - rows["Zero-shot"].average)
    assert paired_difference(zoo, "ensemble", "ensemble", cache=cache).discordant == (0, 0)
    assert set(found.to_dict()) == {"difference", "standard_error", "only_a", "only_b", "counts"}
