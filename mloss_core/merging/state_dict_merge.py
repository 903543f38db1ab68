"""Merging plain state dicts of any architecture: a pure function."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.data_driven.records import DATA
from mloss_core.merging.data_driven.statistics import Statistics, require
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.methods import METHODS, Method, check_recipe, get_method, guides
from mloss_core.merging.per_task import check_single
from mloss_core.merging.processors import finish, steps_before
from mloss_core.merging.results import MergedWeights, UpdateOnDemand
from mloss_core.merging.sound_values import check_merged, is_statistic, mean_statistic
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import check_same_structure
from mloss_core.types import StateDict


@torch.no_grad()
def merge_state_dicts(
    pretrained: StateDict,
    finetuned_list: Sequence[StateDict],
    method: str = "ties",
    seed: int = 0,
    pre: Sequence[str] = (),
    post: Sequence[str] = (),
    **options: Any,
) -> dict[str, Tensor]:
    """Merge fine-tuned state dicts into one; the inputs stay as they are, the result shares no memory with them.

    Args:
        pretrained: the common ancestor.
        finetuned_list: state dicts with the same keys and shapes, one or more.
        method: a name of `mloss_core.merging.METHODS`.
        seed: keys random masks, together with each tensor's name and content.
        pre: processors of the task vectors before the method, as a recipe names them.
        post: processors of the merged update.
        options: the method's own; what M-Loss guides, m_ties or the pre-processor mloss say, also takes
            `node_mloss={weight key: scores (rows,)}`; m_ties treats every weight that is not named there by its option
            `others`. Methods that need images take `statistics`, a `GivenStatistics` of what was measured on them.

    Returns:
        Tensors of the pretrained dtype, in the pretrained order; the sums are done in float32 (float64 stays). Running
        statistics of normalisations are averaged, whatever the method.

    Raises:
        UnknownNameError: no such method or processor.
        InvalidOptionError: a bad option, no model, scores that fit no weight, or a method with one model a task.
        IncompatibleStateDictsError: keys or shapes that differ.
        CheckpointError: weights that are not finite, or merged ones beyond what the pretrained dtype holds.

    Example:
        >>> pretrained = {"weight": torch.zeros(1, 3)}
        >>> models = [{"weight": torch.tensor([[1.0, -3.0, 2.0]])}, {"weight": torch.tensor([[3.0, 1.0, 0.0]])}]
        >>> merge_state_dicts(pretrained, models, method="ties", keep_rate=1.0)["weight"].tolist()
        [[2.0, -3.0, 2.0]]
    """
    statistics = _statistics(get_method(method), options)
    values = {name: value for name, value in options.items() if name != "node_mloss"}
    recipe = Recipe(method=method, options=values, pre=tuple(pre), post=tuple(post), seed=seed)
    check_single(check_recipe(recipe)[0])
    scores = _scores(recipe, options)
    names = tuple(f"model {position}" for position in range(len(finetuned_list)))
    weights = lazy_merge(pretrained, finetuned_list, recipe, names=names, scores=scores, statistics=statistics)
    return {key: _sound(key, weights[key], pretrained, finetuned_list) for key in pretrained}


def _sound(key: str, merged: Tensor, pretrained: StateDict, models: Sequence[StateDict]) -> Tensor:
    weight = mean_statistic(key, merged, models) if is_statistic(key) else merged
    return check_merged(key, weight, pretrained[key])


@torch.no_grad()
def lazy_merge(
    pretrained: StateDict,
    finetuned_list: Sequence[StateDict],
    recipe: Recipe,
    *,
    names: tuple[str, ...],
    scores: Mapping[str, Tensor] = MappingProxyType({}),
    statistics: Statistics | None = None,
) -> MergedWeights:
    """`merge_state_dicts` by a recipe, each merged tensor computed when it is asked for.

    Args:
        names: of the models, for messages.
        scores, statistics: what M-Loss and data-driven methods go by.

    Raises:
        As `merge_state_dicts`.
    """
    method, chosen = check_recipe(recipe)
    check_single(method)
    finetuned = tuple(finetuned_list)
    if not finetuned:
        raise InvalidOptionError("at least one fine-tuned state dict is needed; found none.")
    check_same_structure(pretrained, finetuned, names)
    inputs = MergeInputs(
        pretrained=pretrained,
        finetuned=finetuned,
        names=names,
        scores=scores,
        pre=steps_before(recipe.pre),
        seed=recipe.seed,
        statistics=statistics,
    ).with_moving_keys()
    rule = finish(inputs, method.function(inputs, chosen), recipe.post)
    return MergedWeights(pretrained, UpdateOnDemand(rule, inputs.moving), rule.scale, rule.exact)


def _statistics(method: Method, options: dict[str, Any]) -> Statistics | None:
    """Take `statistics` out of the options of a method that needs images."""
    if method.needs & DATA:
        return require(options.pop("statistics", None), method.name)
    if "statistics" in options:
        raise InvalidOptionError(f"{method.name} takes no statistics; it needs no images.")
    return None


def _scores(recipe: Recipe, options: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The scores among the options, where M-Loss guides anything."""
    if not guides(recipe):
        if "node_mloss" in options:
            with_scores = ", ".join(name for name, other in METHODS.items() if "mloss" in other.needs)
            raise InvalidOptionError(f"{recipe.method} takes no node_mloss; it guides {with_scores}.")
        return {}
    scores = options.get("node_mloss")
    if not isinstance(scores, Mapping):
        needing = recipe.method if "mloss" in METHODS[recipe.method].needs else "the pre-processor mloss"
        raise InvalidOptionError(
            f"{needing} needs node_mloss, a mapping from weight keys to one score a row; found {scores!r:.60}."
        )
    return {key: torch.as_tensor(values) for key, values in scores.items()}
