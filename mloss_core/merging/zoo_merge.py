"""Merging the encoders of a zoo by a recipe: measure what guides, merge tensor by tensor, keep or stream the result."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mloss_core.caching import Cache, digest_of
from mloss_core.checkpoints.naming import TowerWriter
from mloss_core.checkpoints.writing import layout_of
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.data_driven.records import DATA
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule, PerTaskRule
from mloss_core.merging.labels import describe
from mloss_core.merging.merged_files import check_out, file_facts, input_digests, leftovers, write_config
from mloss_core.merging.methods import check_recipe, guides
from mloss_core.merging.per_task import check_single, per_task_result
from mloss_core.merging.processors import finish, steps_before
from mloss_core.merging.record import Method
from mloss_core.merging.results import MergedWeights, MergeResult, UpdateOnDemand, versions
from mloss_core.merging.sound_values import check_merged
from mloss_core.merging.sparsifiers.keep_rates import WITHOUT_SCORES
from mloss_core.merging.tensor_memo import TensorMemo
from mloss_core.placement import in_order, one_thread, resolve_device
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import check_same_structure, combine_digests, tensor_digest, tensor_shape
from mloss_core.types import Progress, part, silent
from mloss_core.vision.architecture import check_blocks, scored_weight
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    from mloss_core.merging.data_driven.statistics import Statistics
    from mloss_core.mloss import MLossReport


@torch.no_grad()
def merge(
    zoo: Zoo,
    recipe: Recipe,
    report: "MLossReport | None" = None,
    out: "str | Path | None" = None,
    device: "str | torch.device | None" = None,
    progress: Progress = silent,
    format: str = "canonical",
    memo: TensorMemo | None = None,
) -> MergeResult:
    """Merge a zoo's encoders as the recipe says. The same recipe on the same files gives the same weights, bit for bit.

    Args:
        zoo: where the encoders are.
        recipe: method, options, tasks, blocks, seed.
        report: M-Loss that was measured already: what was drawn is what prunes, and the result's recipe carries its
            options. Measured by the recipe's own where a method needs it and none is given; methods without M-Loss
            ignore it.
        out: a safetensors file to stream the merged weights to, with recipe, digests and versions in its metadata; the
            result then holds no weights but computes or reads them when they are asked for.
        device: where the sums are done; the zoo's by default. The result lies on the CPU.
        progress: told the fraction done.
        format: whose tensor names the file has; see `mloss_core.checkpoints.naming.FORMATS`.
        memo: tensors of earlier merges of this zoo, which are taken from there where nothing they depend on changed.

    Raises:
        UnknownNameError: unknown method, processor, task or format.
        InvalidOptionError: a bad option, blocks for a method without them, a report of other models or blocks, or `out`
            for a method with one model a task.
        LayerNotFoundError: a block that the architecture lacks.
        CheckpointError: weights that are damaged, not finite or merged beyond what their type holds, or `out` cannot be
            written.
    """
    method, options = check_recipe(recipe)
    if out is not None:
        check_single(method)
    chosen = zoo.subset(recipe.tasks)
    check_blocks(recipe.blocks, zoo.architecture.layers)
    _check_order(recipe, chosen)
    check_out(chosen, out, format)
    statistics = _statistics(chosen, recipe, method)
    scores, recipe, rest = _guide(chosen, recipe, report, progress)
    started = time.perf_counter()
    where = zoo.device if device is None else resolve_device(device)
    inputs = MergeInputs(
        pretrained=zoo.pretrained.weights,
        finetuned=tuple(source.weights for source in chosen.sources()),
        names=chosen.tasks,
        scores=scores,
        pre=steps_before(recipe.pre),
        seed=recipe.seed,
        device=where,
        cache=Cache(),
        statistics=statistics,
        threads=_threads(chosen, where),
    )
    check_same_structure(inputs.pretrained, inputs.finetuned, inputs.names)
    inputs = inputs.with_moving_keys()
    rule = method.function(inputs, options, part(rest, 0.0, 0.5))
    if isinstance(rule, PerTaskRule):
        step = part(rest, 0.5, 1.0)
        return per_task_result(inputs, rule, started, step, recipe=recipe, inputs_digests=input_digests(chosen))
    if memo is not None:
        rule = memo.kept(rule, digest_of(input_digests(chosen)))
    rule = finish(inputs, rule, recipe.post)
    run = _Run(inputs, rule, part(rest, 0.5, 1.0))
    with _few_threads(where, inputs.threads, data=statistics is not None):
        update = run.keep() if out is None else run.stream(Path(out), chosen, recipe, format)
    return MergeResult(
        name=describe(recipe),
        recipe=recipe,
        tasks=chosen.tasks,
        update=update,
        scale=rule.scale,
        pretrained=inputs.pretrained,
        exact=rule.exact,
        realised_keep=run.kept,
        kept_fraction=run.kept_fraction,
        digest=combine_digests(run.digests),
        inputs=input_digests(chosen),
        versions=versions(recipe),
        seconds=time.perf_counter() - started,
    )


_AT_ONCE = 1 << 24
"""Weights of all models together from which several tensors at once are quicker: threads cost small ones more."""


def _threads(zoo: Zoo, device: torch.device) -> int:
    """As many tensors at once as torch would use threads for one of them."""
    large = zoo.pretrained.parameters * len(zoo.tasks) >= _AT_ONCE
    return torch.get_num_threads() if large and device.type == "cpu" else 1


def _few_threads(device: torch.device, threads: int, *, data: bool) -> contextlib.AbstractContextManager[None]:
    """One thread for tensors so small that several gain nothing and only wait for each other on a busy machine.

    Methods that measure on images while they merge keep the threads that encoding is worth.
    """
    return one_thread() if threads == 1 and device.type == "cpu" and not data else contextlib.nullcontext()


def _check_order(recipe: Recipe, zoo: Zoo) -> None:
    """Numbers by model go by the zoo's order, so tasks in another order would give them to others in silence."""
    listed = {"M-Loss weights": recipe.mloss.weights, "thresholds": recipe.options.get("thresholds")}
    for words, numbers in listed.items():
        if numbers is not None and recipe.tasks is not None and recipe.tasks != zoo.tasks:
            raise InvalidOptionError(
                f"{words} go by the zoo's order of tasks; found {', '.join(recipe.tasks)}. "
                f"Name them as {', '.join(zoo.tasks)}."
            )


def _statistics(zoo: Zoo, recipe: Recipe, method: Method) -> "Statistics | None":
    """What measures on images, for a method that asks for it; nothing is measured yet."""
    if not method.needs & DATA:
        return None
    from mloss_core.merging.data_driven.zoo_statistics import ZooStatistics

    if "labeled" in method.needs:
        zoo.require_heads(None)
    return ZooStatistics(zoo, recipe.mloss, method.title)


def needs_measuring(recipe: Recipe) -> bool:
    """Whether M-Loss decides anything in this merge: not for methods without it, a span of 0, or scoreless controls."""
    return any(guide.span > 0 and guide.ranking not in WITHOUT_SCORES for guide in guides(recipe))


def _guide(
    zoo: Zoo, recipe: Recipe, report: "MLossReport | None", progress: Progress
) -> tuple[dict[str, Tensor], Recipe, Progress]:
    """Scores by weight, the recipe with the M-Loss options that were used, and the progress that is left."""
    if not guides(recipe):
        return {}, recipe, progress
    blocks = check_blocks(recipe.blocks, zoo.architecture.layers)
    if not needs_measuring(recipe):
        return {key: torch.zeros(zoo.pretrained.weights[key].shape[0]) for key in _weights(blocks)}, recipe, progress
    if report is None:
        from mloss_core.mloss import measure_mloss

        report = measure_mloss(zoo, options=recipe.mloss, progress=part(progress, 0.0, 0.8))
        progress = part(progress, 0.8, 1.0)
    _check_report(report, zoo, blocks)
    scores = {key: report.block(block) for key, block in zip(_weights(blocks), blocks, strict=True)}
    return scores, recipe.replace(mloss=report.options), progress


def _weights(blocks: tuple[int, ...]) -> list[str]:
    return [scored_weight(block) for block in blocks]


def _site(block: int) -> str:
    return f"blocks.{block}.mlp.c_fc"


def _check_report(report: "MLossReport", zoo: Zoo, blocks: tuple[int, ...]) -> None:
    if tuple(report.tasks) != zoo.tasks:
        raise InvalidOptionError(
            f"the M-Loss report must be of the models that are merged, {', '.join(zoo.tasks)}; "
            f"it is of {', '.join(report.tasks)}. Measure again with these tasks."
        )
    if report.zoo_digest != zoo.digest:
        raise InvalidOptionError(
            f"the M-Loss report must be of the weights and images of {zoo.name}; it was measured on others of the same "
            "names. Measure again on this zoo."
        )
    if report.inputs_digest is not None:
        raise InvalidOptionError(
            "a merge is guided by M-Loss on the inputs that its recipe names; this report was measured on those of "
            "another network. Measure again without inputs_of."
        )
    lacking = [block for block in blocks if _site(block) not in report.node]
    if lacking:
        raise InvalidOptionError(
            f"the M-Loss report must cover the recipe's blocks; it lacks {', '.join(map(str, lacking))}. "
            "Measure those too, or choose other blocks."
        )


class _Run:
    """One pass over all tensors, noting what was kept and the digest of each merged tensor."""

    def __init__(self, inputs: MergeInputs, rule: MergeRule, progress: Progress) -> None:
        self._inputs, self._rule, self._progress = inputs, rule, progress
        self._moving = frozenset(inputs.moving)
        self.kept: dict[str, float] = {}
        self.digests: dict[str, str] = {}

    @property
    def kept_fraction(self) -> float:
        """Nonzero fraction over all moving weights; 1 where nothing moves."""
        sizes = {key: math.prod(tensor_shape(self._inputs.pretrained, key)) for key in self.kept}
        total = sum(sizes.values())
        return sum(self.kept[key] * sizes[key] for key in self.kept) / total if total else 1.0

    def keep(self) -> Mapping[str, Tensor]:
        """Merge everything and hold the updates."""
        updates: dict[str, Tensor] = {}

        def note(key: str, weight: Tensor, update: Tensor | None) -> None:
            if update is not None:
                updates[key] = update
            self.digests[key] = tensor_digest(weight)

        self._each(tuple(self._inputs.pretrained), note)
        return updates

    def stream(self, path: Path, zoo: Zoo, recipe: Recipe, format: str) -> Mapping[str, Tensor]:
        """Merge everything into a file, holding one tensor at a time; updates are computed again on demand."""
        layout, facts, beside = layout_of(self._inputs.pretrained), file_facts(zoo, recipe), leftovers(zoo, format)
        with TowerWriter(path, layout, facts, format, beside) as writer:
            self._each(writer.order, lambda key, weight, update: writer.write(key, weight))
        write_config(path, format, zoo.architecture)
        self.digests = dict(writer.digests)
        return UpdateOnDemand(self._rule, self._inputs.moving)

    def _each(self, keys: tuple[str, ...], use: Callable[[str, Tensor, Tensor | None], Any]) -> None:
        threads = self._inputs.threads if self._rule.at_once else 1
        merged = in_order(self._merged, keys, threads)
        for position, (key, (tensor, weight)) in enumerate(zip(keys, merged, strict=True)):
            self._progress(position / len(keys), f"merging {key}")
            if tensor is not None:
                self.kept[key] = tensor.keep
            use(key, weight, None if tensor is None else tensor.update)
        self._progress(1.0, "merged")

    def _merged(self, key: str) -> tuple[MergedTensor | None, Tensor]:
        """What a tensor merges into, nothing where no model moved it, and its merged weight."""
        tensor = self._rule.tensor(key) if key in self._moving else None
        update = {} if tensor is None else {key: tensor.update}
        weight = MergedWeights(self._inputs.pretrained, update, self._rule.scale, self._rule.exact)[key]
        return tensor, weight if tensor is None else check_merged(key, weight, self._inputs.pretrained[key])
