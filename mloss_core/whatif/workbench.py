"""A zoo on the bench: its models, images and last merges at hand, so that a change costs only itself."""

import dataclasses
import functools
import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch

from mloss_core.errors import CheckpointError, InvalidOptionError
from mloss_core.evaluation.rows import EvaluationRow, merge_key
from mloss_core.merging import MergeResult, check_recipe, describe, merge, needs_measuring
from mloss_core.merging.methods import tidy
from mloss_core.merging.tensor_memo import TensorMemo
from mloss_core.mloss import MLossReport, measure_mloss
from mloss_core.outputs.ensembles import ensemble_logits
from mloss_core.placement import one_thread_pool
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.types import StateDict
from mloss_core.whatif.held import held
from mloss_core.whatif.image_sets import ImageSet, image_set
from mloss_core.whatif.prefixes import Prefixes, Stop, prefix_digest, run_tower
from mloss_core.zoo.model import Zoo

MERGES = 1 << 30
"""Bytes of merged updates that are kept; the last one always is."""
_ANSWERS, _SETS, _REPORTS = 1024, 8, 4
Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one model says about the images of a set.

    Args:
        correct: by task, whether its top class is the image's, bool (image,).
        agrees: by task, whether it is that of the task's own fine-tuned encoder; no label is read for it.
    """

    correct: Mapping[str, np.ndarray]
    agrees: Mapping[str, np.ndarray]

    @property
    def agreement(self) -> float:
        """Share of images on which the model agrees with the own experts, mean over tasks."""
        return float(np.mean([same.mean() for same in self.agrees.values()]))

    @property
    def agreement_error(self) -> float:
        """Binomial standard error of `agreement`."""
        shares = [(float(same.mean()), len(same)) for same in self.agrees.values()]
        return math.sqrt(sum(share * (1 - share) / count for share, count in shares)) / len(shares)


class Workbench:
    """One open zoo with all that can be kept between two looks at it. For one thread at a time.

    Weights lie in memory where they fit; a merge at another scale is one addition; tensors, features in front of the
    first guided block, answers, and everything about the sources are computed once. The figures are those of
    `mloss_core.evaluation.evaluate`, bit for bit: the same towers run on the same batches.

    Args:
        zoo: encoders, heads and datasets.
    """

    def __init__(self, zoo: Zoo) -> None:
        self.zoo = held(zoo)
        threads = torch.get_num_threads()
        self._pool = one_thread_pool(threads) if zoo.device.type == "cpu" and threads > 1 else None
        self._tensors, self._prefixes = TensorMemo(), Prefixes()
        self._merges: OrderedDict[str, MergeResult] = OrderedDict()
        self._answers: OrderedDict[tuple[str, str], Answers] = OrderedDict()
        self._sets: OrderedDict[tuple[Any, ...], ImageSet] = OrderedDict()
        self._reports: OrderedDict[tuple[Any, ...], MLossReport] = OrderedDict()

    def images(self, split: str, tasks: tuple[str, ...] | None = None, most: int | None = None) -> ImageSet:
        """The images of a split, at most so many of each task; see `image_set`."""
        chosen = self.zoo.check_tasks(tasks)
        return _known(self._sets, (split, chosen, most), lambda: image_set(self.zoo, split, chosen, most), _SETS)

    def report(self, tasks: tuple[str, ...] | None, options: MLossOptions) -> MLossReport:
        """The M-Loss that guides merges of these models."""
        chosen = self.zoo.subset(tasks)
        key = (chosen.tasks, repr(sorted(options.to_dict().items())))
        return _known(self._reports, key, lambda: measure_mloss(chosen, options=options), _REPORTS)

    def merged(self, recipe: Recipe) -> MergeResult:
        """The merge of a recipe with one model.

        Raises:
            InvalidOptionError: a method that gives one model a task. Else see `mloss_core.merging.merge`.
        """
        method, options = check_recipe(recipe)
        if method.output != "single":
            raise InvalidOptionError(
                f"{method.name} gives one model a task; what-if shows methods that give one. Use evaluate for it."
            )
        scale = getattr(options, "scale", None)
        plain = recipe if scale is None else recipe.replace(options=_without_scale(recipe.options))
        plain = tidy(plain)
        if plain.digest not in self._merges:
            guided = needs_measuring(plain)
            report = self.report(plain.tasks, plain.mloss) if guided else None
            self._keep_merge(plain.digest, merge(self.zoo, plain, report=report, memo=self._tensors))
        self._merges.move_to_end(plain.digest)
        result = self._merges[plain.digest]
        return result if scale is None or scale == result.scale else result.rescaled(scale)

    def answers(self, result: MergeResult, images: ImageSet, stop: Stop = lambda: None) -> Answers:
        """What a merged model says about images.

        Args:
            stop: asked before each batch; what it raises ends the work.
        """
        weights = result.state_dict()
        return self.answers_of(weights, result.digest, images, name=result.name, blocks=result.recipe.blocks, stop=stop)

    def answers_of(
        self,
        weights: StateDict,
        digest: str,
        images: ImageSet,
        *,
        name: str,
        blocks: tuple[int, ...] | None = None,
        stop: Stop = lambda: None,
    ) -> Answers:
        """What any weights of this architecture say about images.

        Args:
            digest: of the weights' content. name: for messages.
            blocks: those that change from one look to the next: what enters the first of them is kept.
            stop: asked before each batch.
        """
        running = functools.partial(self._run, weights, images, name, min(blocks, default=0) if blocks else 0, stop)
        return _known(self._answers, (digest, images.key), running, _ANSWERS)

    def row(self, recipe: Recipe, images: ImageSet, stop: Stop = lambda: None) -> tuple[EvaluationRow, Answers]:
        """The row of a recipe on images, as a table has it, and the single answers."""
        result = self.merged(recipe)
        found = self.answers(result, images, stop)
        recipe = tidy(recipe)
        row = EvaluationRow.measured(
            correct=found.correct,
            individual=images.individual,
            key=merge_key(recipe.digest),
            model=describe(recipe),
            kind="merged",
            recipe=recipe.to_dict(),
            kept=result.kept_fraction,
            realised=result.realised_keep,
            seconds=result.seconds,
        )
        return row, found

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _keep_merge(self, key: str, result: MergeResult) -> None:
        self._merges[key] = result
        size = max(1, sum(result.update[name].nbytes for name in result.update))
        while len(self._merges) > max(1, MERGES // size):
            self._merges.popitem(last=False)

    def _run(self, weights: StateDict, images: ImageSet, name: str, block: int, stop: Stop) -> Answers:
        read = {key: weights[key] for key in weights}
        tower = self.zoo.tower(read)
        front = prefix_digest(read, block) if block else ""
        correct, agrees = {}, {}
        for task in images.tasks:
            key = f"{images.key}:{task}:{front}"
            batches, entering = images.batches(task), self._prefixes.get(key) if block else None
            features, caught = run_tower(
                tower, batches, self.zoo.device, block=block, entering=entering, pool=self._pool, stop=stop
            )
            if caught:
                self._prefixes.keep(key, caught)
            found = torch.cat(features)
            _check_finite(found, name, task)
            top = ensemble_logits([found], images.zoo.heads[task]).argmax(dim=1)
            correct[task] = top.eq(images.labels[task]).numpy()
            agrees[task] = top.eq(images.expert[task]).numpy()
        return Answers(correct, agrees)


def _without_scale(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "scale"}


def _check_finite(features: torch.Tensor, name: str, task: str) -> None:
    if not bool(torch.isfinite(features).all()):
        raise CheckpointError(
            f"the features of {name} must be finite; on the images of {task} they are not. Its weights are damaged or "
            "too large: lower the scale of the merge, or check the file."
        )


def _known(held: "OrderedDict[Any, Value]", key: Any, make: Any, most: int) -> Value:
    """What is held under the key, made if it is not; the least recently used goes first."""
    if key not in held:
        held[key] = make()
    held.move_to_end(key)
    while len(held) > most:
        held.popitem(last=False)
    return held[key]
