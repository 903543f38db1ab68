"""What a merge gives back: weights on demand, and everything that is known about how they were made."""

import dataclasses
import functools
import platform
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mloss_core.caching import CODE_VERSION
from mloss_core.errors import InvalidOptionError
from mloss_core.lazy_state import LazyState
from mloss_core.merging.inputs import MergeRule
from mloss_core.merging.labels import describe
from mloss_core.merging.methods import check_recipe, plugin_digest
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import combine_digests, tensor_digest
from mloss_core.types import StateDict


class MergedWeights(LazyState):
    """pretrained + scale * update, a new tensor in the pretrained dtype each time one is asked for.

    Tensors without an update (integers, and those that no model changed) are copies of the pretrained ones.
    """

    def __init__(self, pretrained: StateDict, update: StateDict, scale: float, exact: StateDict | None = None) -> None:
        exact = exact if scale == 1 else None
        super().__init__(pretrained, functools.partial(_merged, pretrained, update, scale, exact))


@torch.no_grad()
def _merged(pretrained: StateDict, update: StateDict, scale: float, exact: StateDict | None, key: str) -> Tensor:
    base = pretrained[key].detach()
    if key not in update:
        return base.clone()
    if exact is not None and key in exact:
        return exact[key].detach().to(base.dtype, copy=True).to(base.device)
    return apply_update(base, update[key], scale)


class UpdateOnDemand(LazyState):
    """The merged update of a rule for these moving tensors."""

    def __init__(self, rule: MergeRule, keys: tuple[str, ...]) -> None:
        super().__init__(keys, torch.no_grad()(lambda key: rule.tensor(key).update))


class TaskMask(LazyState):
    """Where a task takes the shared update, by moving tensor: bool on the CPU.

    Args:
        mask: gives it for a key.
        keys: of the moving tensors.
        scale: factor of the task's update.
    """

    def __init__(self, mask: Callable[[str], Tensor], keys: tuple[str, ...], scale: float) -> None:
        super().__init__(keys, torch.no_grad()(lambda key: mask(key).cpu()))
        self.scale = scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergeResult:
    """A merge.

    Args:
        name: short label, such as `M-TIES k 0.8 e 0.1 [8,9,10]`.
        recipe: what was asked for, with the M-Loss options that were really used.
        tasks: the models that were merged.
        update: merged task vector before its scale, moving tensors alone, float32. Empty where there is one model a
            task.
        scale: its factor.
        pretrained: what the update is added to.
        exact: the weights at scale 1, where they are known without rounding.
        realised_keep: nonzero fraction of the sparsified task vectors, mean over models, by moving tensor.
        kept_fraction: the same over all moving weights together.
        digest: SHA-256 of the merged weights (names and contents); of all models' where there is one a task.
        inputs: digest of each model that went in, `pretrained` among them.
        versions: of the libraries that can change a bit.
        seconds: wall time of the merge, without measuring M-Loss.
        per_task: for methods that give one model a task: each one's weights, computed as they are asked for.
        task_digests: and the digest of each.
        masks: for methods whose tasks take one shared update under masks: each task's mask by moving tensor, computed
            as they are asked for.
    """

    name: str
    recipe: Recipe
    tasks: tuple[str, ...]
    update: StateDict
    scale: float
    pretrained: StateDict = dataclasses.field(repr=False)
    exact: StateDict | None = dataclasses.field(default=None, repr=False)
    realised_keep: Mapping[str, float]
    kept_fraction: float
    digest: str
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: float
    per_task: Mapping[str, StateDict] | None = None
    task_digests: Mapping[str, str] | None = None
    masks: "Mapping[str, TaskMask] | None" = dataclasses.field(default=None, repr=False)

    def state_dict(self, scale: float | None = None) -> MergedWeights:
        """The merged weights, computed tensor by tensor as they are asked for.

        Args:
            scale: factor of the update instead of the recipe's.

        Raises:
            InvalidOptionError: a merge with one model a task.
        """
        if self.per_task is not None:
            raise InvalidOptionError(
                f"{self.name} gives one model for each of its tasks; take one of them, per_task[{self.tasks[0]!r}] say."
            )
        return MergedWeights(self.pretrained, self.update, self.scale if scale is None else scale, self.exact)

    def rescaled(self, scale: float) -> "MergeResult":
        """The same merge at another scale: nothing is merged again, only the digest is new.

        Raises:
            InvalidOptionError: a method without a scale, or a scale out of range.
        """
        recipe = self.recipe.replace(options={**self.recipe.options, "scale": float(scale)})
        check_recipe(recipe)
        weights = self.state_dict(float(scale))
        digest = combine_digests({key: tensor_digest(weights[key]) for key in weights})
        return dataclasses.replace(self, recipe=recipe, name=describe(recipe), scale=scale, digest=digest)


def apply_update(base: Tensor, update: Tensor, scale: float) -> Tensor:
    """base + scale * update in the update's precision, back in the base's dtype."""
    return (base.to(update.dtype) + (scale * update).to(base.device)).to(base.dtype)


def versions(recipe: Recipe | None = None) -> dict[str, str]:
    """Versions of what computes a merge; the digest of the plugin for a plugin's method."""
    found = {"code": CODE_VERSION, "python": platform.python_version(), "torch": torch.__version__}
    plugin = None if recipe is None else plugin_digest(recipe.method)
    return found if plugin is None else {**found, "plugin": plugin}
