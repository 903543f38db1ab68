import itertools

import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.mergeability.predictor.effects import additive_prediction, seen_effects
from mloss_core.mergeability.predictor.protocols import PROTOCOLS, folds_of, get_protocol, pair_rows

NAMES = np.array(list(itertools.combinations("abcdefg", 2)), dtype=object)
ROWS = pair_rows(NAMES)


def tasks_of(rows):
    return set(NAMES[rows].ravel())


def test_one_task_out():
    folds = folds_of(ROWS, PROTOCOLS["loto"])
    assert [fold.label for fold in folds] == list("abcdefg") == [fold.unseen[0] for fold in folds]
    for fold in folds:
        assert len(fold.train) == 15 and len(fold.validate) == 6
        assert fold.label not in tasks_of(fold.train) and all(fold.label in pair for pair in NAMES[fold.validate])


def test_two_tasks_out():
    folds = folds_of(ROWS, PROTOCOLS["l2to"])
    assert len(folds) == 21 and folds[0].label == "a + b" and folds[0].unseen == ("a", "b")
    for fold in folds:
        assert len(fold.validate) == 1 and len(fold.train) == 10
        assert not tasks_of(fold.train) & tasks_of(fold.validate)


def test_disjoint_halves():
    folds = folds_of(ROWS, PROTOCOLS["disjoint"], splits=30, seed=4)
    again = folds_of(ROWS, PROTOCOLS["disjoint"], splits=30, seed=4)
    assert len(folds) == 30 and len({tuple(fold.train) for fold in folds}) > 5
    for fold, same in zip(folds, again, strict=True):
        assert len(fold.train) == 6 and len(fold.validate) == 3
        assert not tasks_of(fold.train) & tasks_of(fold.validate) and len(fold.unseen) == 3
        assert np.array_equal(fold.train, same.train)


@pytest.mark.parametrize(("name", "tasks"), [("loto", 3), ("l2to", 4), ("disjoint", 5)])
def test_too_few_tasks(name, tasks):
    rows = pair_rows(np.array(list(itertools.combinations("abcdefg"[:tasks], 2)), dtype=object))
    with pytest.raises(InvalidOptionError, match=f"{name} needs pairs of at least {tasks + 1} tasks.*hold {tasks}: a"):
        folds_of(rows, PROTOCOLS[name])


def test_too_few_pairs_and_unknown_protocols():
    star = pair_rows(np.array([("a", other) for other in "bcdef"], dtype=object))
    with pytest.raises(InvalidOptionError, match=r"at least 3 pairs to fit on and one to predict.*largest has 0"):
        folds_of(star, PROTOCOLS["l2to"])
    with pytest.raises(UnknownNameError, match="Known: loto, l2to, disjoint"):
        get_protocol("kfold")


def test_effects_of_tasks_are_found_and_unseen_ones_are_not():
    effects = np.arange(7) / 10
    values = effects[ROWS.first] + effects[ROWS.second]
    assert seen_effects(ROWS, values) == pytest.approx(effects)
    fold = folds_of(ROWS, PROTOCOLS["loto"])[2]
    found = seen_effects(ROWS.only(fold.train), values[fold.train])
    assert np.isnan(found[2]) and found[[0, 1, 3]] == pytest.approx([0.0, 0.1, 0.3])
    guess = additive_prediction(ROWS, fold.train, fold.validate, values[fold.train])
    mean = np.mean([0.0, 0.1, 0.3, 0.4, 0.5, 0.6])
    assert guess == pytest.approx([mean + partner for partner in (0.0, 0.1, 0.3, 0.4, 0.5, 0.6)])
