"""A zoo on the bench: its models, images and last merges at hand, so that a change costs only itself."""

import dataclasses
import functools
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch

from mloss_core.errors import CheckpointError, InvalidOptionError
from mloss_core.evaluation.criteria import get_criterion
from mloss_core.evaluation.rows import EvaluationRow, merge_key
from mloss_core.merging import MergeResult, check_recipe, describe, merge, needs_measuring
from mloss_core.merging.methods import tidy
from mloss_core.merging.tensor_memo import TensorMemo
from mloss_core.mloss import MLossReport, measure_mloss
from mloss_core.placement import one_thread_pool
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.types import Progress, StateDict, silent
from mloss_core.vision.towers import for_features
from mloss_core.whatif.held import held
from mloss_core.whatif.image_sets import ImageSet, image_set
from mloss_core.whatif.prefixes import Prefixes, Stop, prefix_digest, run_tower
from mloss_core.zoo.model import Zoo

MERGES = 1 << 30
"""Bytes of merged updates that are kept; the last one always is."""
_ANSWERS, _SETS, _REPORTS, _TOWERS = 8192, 8, 4, 2
Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one model says about the images of a set.

    Args:
        values: by task, what the set's criterion says of each image, (image,); of accuracy, whether the top class is
            the image's.
        agrees: by task, whether the top class is that of the task's own fine-tuned encoder, bool (image,); no label is
            read for it. Empty without heads.
    """

    values: Mapping[str, np.ndarray]
    agrees: Mapping[str, np.ndarray]

    @property
    def agreement(self) -> float | None:
        """Share of images on which the model agrees with the own experts, mean over tasks; None without heads."""
        return float(np.mean([same.mean() for same in self.agrees.values()])) if self.agrees else None

    @property
    def agreement_error(self) -> float | None:
        """Binomial standard error of `agreement`."""
        if not self.agrees:
            return None
        shares = [(float(same.mean()), len(same)) for same in self.agrees.values()]
        return math.sqrt(sum(share * (1 - share) / count for share, count in shares)) / len(shares)


@dataclasses.dataclass(frozen=True)
class _Model:
    """Weights to run. What enters the block is kept: it is the first that changes from one look to the next."""

    weights: StateDict
    digest: str
    name: str
    block: int


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
        self._answers: OrderedDict[tuple[str, ...], tuple[np.ndarray, np.ndarray | None]] = OrderedDict()
        self._towers: OrderedDict[tuple[str, int], tuple[torch.nn.Module, str]] = OrderedDict()
        self._sets: OrderedDict[tuple[Any, ...], ImageSet] = OrderedDict()
        self._reports: OrderedDict[tuple[Any, ...], MLossReport] = OrderedDict()

    def images(
        self,
        split: str,
        tasks: tuple[str, ...] | None = None,
        most: int | None = None,
        criterion: str = "validation",
        progress: Progress = silent,
    ) -> ImageSet:
        """The images of a split, at most so many of each task, with what a criterion needs; see `image_set`.

        Raises:
            UnknownNameError: no such criterion or task.
        """
        chosen, judged_by = self.zoo.check_tasks(tasks), get_criterion(criterion)
        key = (split, chosen, most, criterion)
        make = functools.partial(image_set, self.zoo, split, chosen, most, judged_by, progress)
        return _known(self._sets, key, make, _SETS)

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
        for _ in self.steps(result, images, stop):
            pass
        return self._gathered(result.digest, images)

    def steps(self, result: MergeResult, images: ImageSet, stop: Stop = lambda: None) -> Iterator[None]:
        """Make `answers` ready, task by task: whoever has something more urgent to do does it in between."""
        blocks = result.recipe.blocks
        model = _Model(result.state_dict(), result.digest, result.name, min(blocks, default=0) if blocks else 0)
        return self._steps(model, images, stop)

    def answers_of(
        self, weights: StateDict, digest: str, images: ImageSet, *, name: str, stop: Stop = lambda: None
    ) -> Answers:
        """What any weights of this architecture say about images.

        Args:
            digest: of the weights' content. name: for messages.
            stop: asked before each batch.
        """
        for _ in self._steps(_Model(weights, digest, name, 0), images, stop):
            pass
        return self._gathered(digest, images)

    def row(self, recipe: Recipe, images: ImageSet, stop: Stop = lambda: None) -> tuple[EvaluationRow, Answers]:
        """The row of a recipe on images with labels, as a table has it, and the single answers."""
        result = self.merged(recipe)
        found = self.answers(result, images, stop)
        recipe = tidy(recipe)
        row = EvaluationRow.measured(
            correct=found.values,
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

    def _steps(self, model: "_Model", images: ImageSet, stop: Stop) -> Iterator[None]:
        for task in images.tasks:
            key = _place(model.digest, images, task)
            if key not in self._answers:
                _known(self._answers, key, functools.partial(self._run, model, images, task, stop), _ANSWERS)
                yield
            self._answers.move_to_end(key)

    def _gathered(self, digest: str, images: ImageSet) -> Answers:
        found = {task: self._answers[_place(digest, images, task)] for task in images.tasks}
        agrees = {task: same for task, (_, same) in found.items() if same is not None}
        return Answers({task: values for task, (values, _) in found.items()}, agrees)

    def _run(self, model: "_Model", images: ImageSet, task: str, stop: Stop) -> tuple[np.ndarray, np.ndarray | None]:
        """What the criterion says of each image of a task, and whether the model agrees with the task's own expert."""
        tower, front = _known(self._towers, (model.digest, model.block), lambda: self._built(model), _TOWERS)
        key = f"{images.key}:{task}:{front}"
        features, caught = run_tower(
            tower,
            images.batches(task),
            self.zoo.device,
            block=model.block,
            entering=self._prefixes.get(key) if front else None,
            pool=self._pool,
            stop=stop,
        )
        if caught:
            self._prefixes.keep(key, caught)
        found = torch.cat(features)
        _check_finite(found, model.name, task)
        return images.judged(task, found)

    def _built(self, model: "_Model") -> tuple[torch.nn.Module, str]:
        weights = {key: model.weights[key] for key in model.weights}
        tower = for_features(self.zoo.tower(weights), self.zoo.architecture)
        return tower, prefix_digest(weights, model.block) if model.block else ""


def _place(digest: str, images: ImageSet, task: str) -> tuple[str, ...]:
    return digest, images.key, images.criterion.name, task


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
