import pytest

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation import evaluate
from mloss_core.mergeability.set_merges import drawn_sets, set_accuracies
from mloss_core.merging.zoo_merge import merge
from mloss_core.recipe import Recipe
from tests.zoos import tiny_zoo


def test_sets_are_different_ordered_and_reproducible():
    found = drawn_sets("abcdef", 3, 12)
    assert len(set(found)) == 12 and all(list(one) == sorted(one) and len(one) == 3 for one in found)
    assert found == drawn_sets("abcdef", 3, 12) != drawn_sets("abcdef", 3, 12, seed=1)
    assert len(drawn_sets("abc", 2, 10)) == 3
    with pytest.raises(InvalidOptionError, match="2 to 3 tasks; found 4"):
        drawn_sets("abc", 4, 1)


def test_the_merge_of_a_set_is_evaluates_own(tmp_path):
    zoo, cache = tiny_zoo(tasks=4, layers=2), Cache(tmp_path)
    members = zoo.tasks[1:]
    frame = set_accuracies(zoo, [members], ["average", "ties"], "val", cache=cache)
    few = zoo.subset(members)
    table = evaluate(few, [merge(few, Recipe(method="ties"))], "val", cache=cache)
    assert frame["tasks"][0] == "+".join(members)
    assert frame["normacc_ties"][0] == pytest.approx(table["normalised"][1])
