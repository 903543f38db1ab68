"""Merges that give one model a task: small changes of one shared update, which need to be told the task of an image."""

import time
from collections.abc import Mapping

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.inputs import MergeInputs, PerTaskRule
from mloss_core.merging.labels import describe
from mloss_core.merging.record import Method
from mloss_core.merging.results import MergedWeights, MergeResult, TaskMask, UpdateOnDemand, versions
from mloss_core.merging.sound_values import check_merged
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import combine_digests, tensor_digest
from mloss_core.types import Progress, silent


def check_single(method: Method) -> None:
    """Refuse a method with one model a task where one model is asked for.

    Raises:
        InvalidOptionError: it is one.
    """
    if method.output != "single":
        raise InvalidOptionError(
            f"{method.name} gives one model for each task, where one model is asked for. Merge a zoo without a file "
            "and take result.per_task, or choose a method that gives one model."
        )


def per_task_result(
    inputs: MergeInputs,
    rule: PerTaskRule,
    started: float,
    progress: Progress = silent,
    *,
    recipe: Recipe,
    inputs_digests: Mapping[str, str],
) -> MergeResult:
    """Compute every model once for its digest and budget; its weights are computed again when they are asked for.

    Args:
        started: `time.perf_counter()` at the start of the merge.
        recipe, inputs_digests: as the result carries them.
    """
    weights = [
        MergedWeights(inputs.pretrained, UpdateOnDemand(own, inputs.moving), own.scale, own.exact) for own in rule.rules
    ]
    digests: list[dict[str, str]] = [{} for _ in rule.rules]
    kept: dict[str, float] = {}
    # Tensor by tensor, and models within: the update that they share is then computed once a tensor.
    for position, key in enumerate(inputs.pretrained):
        progress(position / len(inputs.pretrained), f"merging {key}")
        for place, state in enumerate(weights):
            digests[place][key] = tensor_digest(check_merged(key, state[key], inputs.pretrained[key]))
        if key in inputs.moving:
            kept[key] = sum(own.tensor(key).keep for own in rule.rules) / len(rule.rules)
    progress(1.0, "merged")
    masks = [
        TaskMask(mask, inputs.moving, own.scale)
        for mask, own in zip(rule.masks, rule.rules if rule.masks else (), strict=True)
    ]
    by_task = {task: combine_digests(own) for task, own in zip(inputs.names, digests, strict=True)}
    return MergeResult(
        name=describe(recipe),
        recipe=recipe,
        tasks=inputs.names,
        update={},
        scale=1.0,
        pretrained=inputs.pretrained,
        realised_keep=kept,
        kept_fraction=_share(inputs, kept),
        digest=combine_digests(by_task),
        inputs=inputs_digests,
        versions=versions(recipe),
        seconds=time.perf_counter() - started,
        per_task=dict(zip(inputs.names, weights, strict=True)),
        task_digests=by_task,
        masks=dict(zip(inputs.names, masks, strict=True)) if masks else None,
    )


def _share(inputs: MergeInputs, kept: Mapping[str, float]) -> float:
    sizes = {key: inputs.pretrained[key].numel() for key in kept}
    total = sum(sizes.values())
    return sum(kept[key] * sizes[key] for key in kept) / total if total else 1.0
