"""How good the merges of pairs are: what mergeability metrics are held against. Every pair is merged and evaluated."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mloss_core.caching import FEATURES, PAIRS, Cache, Entry, digest_of
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.contenders import as_contender, individual, zero_shot
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.evaluation.tables import rows_of
from mloss_core.mergeability.pair_names import BASELINES, METHODS
from mloss_core.mergeability.pairs import all_pairs
from mloss_core.mergeability.sources.table import Pair
from mloss_core.merging.methods import check_recipe, spelt_out
from mloss_core.merging.zoo_merge import merge
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import tensor_digest
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    import pandas

_REVISION = 0


def pair_accuracies(
    zoo: Zoo,
    methods: Sequence[str | Recipe] = METHODS,
    split: str = "test",
    tasks: Sequence[str] | None = None,
    pairs: Sequence[Pair] | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """Accuracy of every pair's merges on its own two tasks.

    Args:
        zoo: the models.
        methods: names of methods with one merged model, or whole recipes, which are known by their method.
        split: `test`, or `val` for whoever chooses by the table.
        tasks: the models to pair, at least two; all by default.
        pairs: some pairs of them alone; other tasks are neither needed nor looked at.
        progress: told after each pair.
        cache: where accuracies are kept pair by pair, so that a stopped call goes on where it was.

    Returns:
        One row a pair: task_a, task_b, and for every method, `zero_shot` and `individual`: `acc_<name>`, mean accuracy
        of the two tasks; `normacc_<name>`, mean of accuracy / individual accuracy; `acc_a_<name>`, `acc_b_<name>`. All
        are fractions. `attrs` has zoo, split, recipes (by name) and counts (images by task).

    Raises:
        UnknownNameError, InvalidOptionError: a task or method that does not exist, a method that gives one model a
            task, or one twice.
        ZooError, DatasetError: no images, labels or head for a task.
    """
    import pandas

    if split not in {"test", "val"}:
        raise InvalidOptionError(f"merges of pairs are evaluated on the test or the val split; found {split!r}.")
    cache, recipes = cache or Cache(), checked_recipes(methods)
    chosen = zoo.subset(tasks)
    wanted = all_pairs(chosen.tasks) if pairs is None else list(pairs)
    chosen = chosen.subset(list(dict.fromkeys(task for pair in wanted for task in pair)))
    baselines = rows_of(chosen, [zero_shot(chosen), individual(chosen)], split, progress=silent, cache=cache)
    named = dict(zip(BASELINES, (row.accuracy for row in baselines), strict=True))
    records = []
    for position, pair in enumerate(wanted):
        step = part(progress, position / len(wanted), (position + 1) / len(wanted))
        step(0.0, f"merging {pair[0]} and {pair[1]}")
        found = {name: [named[name][task] for task in pair] for name in BASELINES}
        found |= _of_pair(chosen, pair, recipes, split, step, cache)
        records.append({"task_a": pair[0], "task_b": pair[1], **_columns(found)})
    progress(1.0, f"merged {len(wanted)} pairs")
    frame = pandas.DataFrame(records)
    frame.attrs = {
        "zoo": {"name": zoo.name, "digest": zoo.digest},
        "split": split,
        "recipes": {name: recipe.to_dict() for name, recipe in recipes.items()},
        "counts": dict(baselines[0].counts),
    }
    return frame


def checked_recipes(methods: Sequence[str | Recipe]) -> dict[str, Recipe]:
    """Recipes by method, each with one merged model, named once, and with all its options: tables outlive defaults.

    Raises:
        UnknownNameError, InvalidOptionError: a method that does not exist, gives one model a task, or comes twice.
    """
    recipes: dict[str, Recipe] = {}
    for item in methods:
        recipe = item if isinstance(item, Recipe) else Recipe(method=item)
        method, _ = check_recipe(recipe)
        if method.output != "single":
            raise InvalidOptionError(
                f"pairs are merged into one model; {recipe.method} gives one a task. Leave it out."
            )
        if recipe.method in recipes:
            raise InvalidOptionError(f"each method must be named once; found {recipe.method} twice.")
        recipes[recipe.method] = spelt_out(recipe)
    return recipes


def _of_pair(
    zoo: Zoo, pair: Pair, recipes: Mapping[str, Recipe], split: str, progress: Progress, cache: Cache
) -> dict[str, list[float]]:
    """Accuracies of the pair's two tasks by method; those that the cache lacks are merged and evaluated together."""
    keys = {name: _key(zoo, pair, recipe, split) for name, recipe in recipes.items()}
    entries = {name: cache.get(PAIRS, key) for name, key in keys.items()}
    missing = [name for name, entry in entries.items() if entry is None]
    found = {name: entry.arrays["accuracy"].tolist() for name, entry in entries.items() if entry is not None}
    if missing:
        for name, row in _measured(
            zoo, pair, {name: recipes[name] for name in missing}, split, progress, cache
        ).items():
            numbers = {"accuracy": np.array([row.accuracy[task] for task in pair])}
            cache.remember(PAIRS, keys[name], functools.partial(_entry, name, pair, numbers))
            found[name] = numbers["accuracy"].tolist()
    return {name: found[name] for name in recipes}


def _measured(
    zoo: Zoo, pair: Pair, recipes: Mapping[str, Recipe], split: str, progress: Progress, cache: Cache
) -> dict[str, EvaluationRow]:
    two = zoo.subset(pair)
    results = []
    for position, recipe in enumerate(recipes.values()):
        step = part(progress, 0.5 * position / len(recipes), 0.5 * (position + 1) / len(recipes))
        results.append(merge(two, recipe, progress=step))
    contenders = [as_contender(two, result) for result in results]
    rows = rows_of(two, contenders, split, progress=part(progress, 0.5, 1.0), cache=WithoutFeatures(cache))
    return dict(zip(recipes, rows, strict=True))


class WithoutFeatures(Cache):
    """A cache that takes no new features: those of a thousand merges would push out everything else."""

    def __init__(self, cache: Cache) -> None:
        super().__init__(cache.root, cache.limit)

    def remember(
        self, kind: str, key: str, compute: Callable[[], tuple[Mapping[str, Any], Mapping[str, np.ndarray]]]
    ) -> Entry:
        """The entry; features that are not kept yet stay so."""
        if kind != FEATURES:
            return super().remember(kind, key, compute)
        return self.get(kind, key) or Entry(*compute())


def _key(zoo: Zoo, pair: Pair, recipe: Recipe, split: str) -> str:
    models = [zoo.pretrained.digest, *(zoo.encoder(task).digest for task in pair)]
    images = [zoo.datasets[task].digest for task in pair]
    heads = [tensor_digest(zoo.heads[task]) for task in pair]
    return digest_of(
        "pair merges", _REVISION, models, zoo.architecture.to_dict(), images, heads, recipe.to_dict(), split
    )


def _entry(name: str, pair: Pair, arrays: Mapping[str, np.ndarray]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return {"facts": f"accuracy of {name}", "pair": pair}, arrays


def _columns(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """`acc_`, then `normacc_`, then the two tasks' own columns, as published tables of pairs have them."""
    own = found["individual"]
    normalised = {
        name: float(np.mean([value / best for value, best in zip(pair, own, strict=True)])) if min(own) > 0 else np.nan
        for name, pair in found.items()
    }
    single = {f"acc_{side}_{name}": pair[place] for name, pair in found.items() for place, side in enumerate("ab")}
    means = {f"acc_{name}": float(np.mean(pair)) for name, pair in found.items()}
    return means | {f"normacc_{name}": value for name, value in normalised.items() if name != "individual"} | single
