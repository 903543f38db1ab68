"""A merge that was made before, by its digest: whoever has its features need not merge again."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from mloss_core.caching import DIGESTS, Cache, digest_of
from mloss_core.lazy_state import LazyState
from mloss_core.merging.results import MergeResult, versions
from mloss_core.merging.zoo_merge import merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, StateDict, silent
from mloss_core.zoo.model import Zoo


class RememberedMerge:
    """A merge whose weights are made when one is asked for.

    Args:
        facts: name, recipe, digest and task_digests of the result, as plain values.
        keys: names of the weights.
        make: merges; called once, if at all.
    """

    def __init__(self, facts: Mapping[str, Any], keys: tuple[str, ...], make: Callable[[], MergeResult]) -> None:
        self.name, self.digest = str(facts["name"]), str(facts["digest"])
        self.recipe = Recipe.from_dict(facts["recipe"])
        self.task_digests: Mapping[str, str] | None = facts["task_digests"]
        self._keys, self._made = keys, functools.cache(make)

    def state_dict(self) -> StateDict:
        """The merged weights."""
        return LazyState(self._keys, lambda key: self._made().state_dict()[key])

    @functools.cached_property
    def per_task(self) -> Mapping[str, StateDict] | None:
        """For methods that give one model a task: each one's weights."""
        return None if self.task_digests is None else {task: self._own(task) for task in self.task_digests}

    def _own(self, task: str) -> StateDict:
        def read(key: str) -> Any:
            models = self._made().per_task
            assert models is not None
            return models[task][key]

        return LazyState(self._keys, read)


def remembered_merge(
    zoo: Zoo, recipe: Recipe, progress: Progress = silent, cache: Cache | None = None
) -> MergeResult | RememberedMerge:
    """The merge of a recipe: made now, or known by its digest since it was made before.

    Both stand for a model wherever one is asked for; features that the cache holds under the digest need no weights.
    """
    entry = (cache or Cache()).get(DIGESTS, _key(zoo, recipe))
    if entry is None:
        result = merge(zoo, recipe, progress=progress)
        remember(zoo, recipe, result, cache)
        return result
    progress(1.0, "known")
    return RememberedMerge(entry.meta, tuple(zoo.pretrained.weights), lambda: merge(zoo, recipe))


def remember(zoo: Zoo, recipe: Recipe, result: MergeResult, cache: Cache | None = None) -> None:
    """Note the digest of a merge that was just made."""
    facts = {
        "name": result.name,
        "recipe": result.recipe.to_dict(),
        "digest": result.digest,
        "task_digests": None if result.task_digests is None else dict(result.task_digests),
    }
    (cache or Cache()).remember(DIGESTS, _key(zoo, recipe), lambda: (facts, {}))


def _key(zoo: Zoo, recipe: Recipe) -> str:
    """Of everything that decides a bit: models and images, the recipe, the code, and what computes."""
    return digest_of("merge", zoo.digest, recipe.to_dict(), versions(recipe), zoo.device.type)
