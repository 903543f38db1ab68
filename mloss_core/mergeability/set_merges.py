"""How good the merges of larger sets are: what predictions from pairs are held against."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.contenders import as_contender
from mloss_core.evaluation.tables import rows_of
from mloss_core.mergeability.pair_merges import WithoutFeatures, checked_recipes
from mloss_core.merging.zoo_merge import merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    import pandas


def drawn_sets(tasks: Sequence[str], size: int, count: int, seed: int = 0) -> list[tuple[str, ...]]:
    """Different random sets of so many tasks, each in the given order.

    Raises:
        InvalidOptionError: a size that no set of these tasks has.
    """
    if not 2 <= size <= len(tasks):
        raise InvalidOptionError(f"a set has 2 to {len(tasks)} tasks; found {size}.")
    draw = random.Random(seed)
    found: dict[tuple[str, ...], None] = {}
    for _ in range(100 * count):
        if len(found) == count:
            break
        members = set(draw.sample(range(len(tasks)), size))
        found[tuple(task for place, task in enumerate(tasks) if place in members)] = None
    return list(found)


def set_accuracies(
    zoo: Zoo,
    sets: Sequence[Sequence[str]],
    methods: Sequence[str | Recipe] = ("average",),
    split: str = "test",
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """Normalised accuracy of the merge of each set on its own tasks.

    Args:
        zoo: the models.
        sets: tasks, at least two a set.
        methods, split, cache: as in `pair_accuracies`.
        progress: told after each set.

    Returns:
        One row a set: tasks (names joined by `+`), and for every method `normacc_<name>`, mean over tasks of accuracy
        over individual accuracy.
    """
    import pandas

    recipes, cache = checked_recipes(methods), cache or Cache()
    records = []
    for position, members in enumerate(sets):
        progress(position / len(sets), f"merging {' and '.join(members)}")
        chosen = zoo.subset(members)
        contenders = [as_contender(chosen, merge(chosen, recipe)) for recipe in recipes.values()]
        rows = rows_of(chosen, contenders, split, cache=WithoutFeatures(cache))
        values = {f"normacc_{name}": row.normalised for name, row in zip(recipes, rows, strict=True)}
        records.append({"tasks": "+".join(chosen.tasks), **values})
    progress(1.0, f"merged {len(sets)} sets")
    return pandas.DataFrame(records).astype({f"normacc_{name}": np.float64 for name in recipes})
