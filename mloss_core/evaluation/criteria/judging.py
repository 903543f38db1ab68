"""Values of criteria for any model: the images are drawn, and what models are held against computed, once."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mloss_core.caching import Cache, digest_of
from mloss_core.data.datasets import Dataset
from mloss_core.errors import DatasetError
from mloss_core.evaluation.contenders import Contender, as_contender
from mloss_core.evaluation.criteria.choice import IMAGES, Choice, check_images
from mloss_core.evaluation.criteria.records import LABEL_FREE, Criterion, CriterionScore, get_criterion
from mloss_core.evaluation.criteria.rules import Answers
from mloss_core.outputs.calibration import drawn_indices
from mloss_core.outputs.encoders import head_of
from mloss_core.outputs.encoding import Images, features_of_images
from mloss_core.outputs.ensembles import ensemble_logits, logits
from mloss_core.outputs.images import STORE
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.zoo.model import Encoder, Zoo

KEPT_BYTES = 2**26
"""Drawn images of one task stay in memory up to this size, for the next model that is judged on them."""


def criterion_scores(
    zoo: Zoo,
    weights: "StateDict | Encoder | Contender | str | Any",
    names: Sequence[str] | None = None,
    *,
    images: int | None = IMAGES,
    seed: int = 0,
    source: str = "train",
    tasks: Sequence[str] | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> dict[str, CriterionScore]:
    """What criteria say of one model. Who judges many makes a `Judge` once.

    Args:
        zoo: encoders, heads and datasets.
        weights: anything `as_contender` takes: a merge result, an encoder, a state dict, `zero_shot`, `ensemble`.
        names: keys of `CRITERIA`; all that read no label by default.
        images: of each task at most, the first of a fixed shuffle, so that more images extend the fewer; None for all.
        seed: of the shuffle.
        source: split of the images of criteria without labels: `train` or `val`. Labels are read by `validation`
            alone, and it always takes images of `val`.
        tasks: whose images and experts; all of the zoo's by default.
        progress: told after each task.
        cache: where features are kept.

    Returns:
        The score of each criterion by name, in the order of `names`.

    Raises:
        UnknownNameError: no such criterion or task. InvalidOptionError: no image, or no such source.
        ZooError: a task without images or head. DatasetError: a split without images, or without labels.
    """
    judge = Judge(zoo, names, images=images, seed=seed, source=source, tasks=tasks, cache=cache)
    return judge.scores(weights, progress)


@dataclasses.dataclass(frozen=True)
class Bench:
    """The images of one task on which models are judged.

    Args:
        task: whose images, whose own expert and whose head.
        split: where they come from.
        criteria: that look at them.
        images: to encode.
        indices: of the split, in the order of `images`; None for all of it.
    """

    task: str
    split: str
    criteria: tuple[Criterion, ...]
    images: Images
    indices: tuple[int, ...] | None


class Judge:
    """Judges models by criteria on the same images. What they are held against is computed at the first of them.

    Args:
        zoo, names, images, seed, source, tasks, cache: as in `criterion_scores`.
    """

    def __init__(
        self,
        zoo: Zoo,
        names: Sequence[str] | None = None,
        *,
        images: int | None = IMAGES,
        seed: int = 0,
        source: str = "train",
        tasks: Sequence[str] | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.names = tuple(dict.fromkeys(LABEL_FREE if names is None else names))
        self.zoo, self._cache = zoo.subset(tasks), cache or Cache()
        check_images(images, source)
        criteria = [get_criterion(name) for name in self.names]
        self.zoo.require_datasets(None, "criteria need")
        self.benches = tuple(_benches(self.zoo, criteria, images, seed, source, self._cache))
        headed = any("head" in one.needs for one in criteria)
        self._heads = {task: head_of(self.zoo, task) for task in self.zoo.tasks} if headed else {}
        self._against: dict[int, dict[str, Tensor]] = {}

    @classmethod
    def of_choice(
        cls, zoo: Zoo, choice: Choice, tasks: Sequence[str] | None = None, cache: Cache | None = None
    ) -> "Judge":
        """The judge of what is chosen by one criterion."""
        return cls(
            zoo,
            (choice.criterion,),
            images=choice.images,
            seed=choice.seed,
            source=choice.source,
            tasks=tasks,
            cache=cache,
        )

    def scores(self, model: Any, progress: Progress = silent) -> dict[str, CriterionScore]:
        """The score of each criterion by name, of anything that `as_contender` takes."""
        return self.gathered(self.values(model, progress))

    def values(self, model: Any, progress: Progress = silent) -> list[dict[str, Tensor]]:
        """The value of each criterion for each image, (image,), on each of `benches`."""
        contender, found = as_contender(self.zoo, model), []
        for place, bench in enumerate(self.benches):
            step = part(progress, place / len(self.benches), (place + 1) / len(self.benches))
            encoders, head = contender.encoders[bench.task], self._heads.get(bench.task)
            parts = features_of_images(self.zoo, encoders, bench.images, progress=step, cache=self._cache)
            scores = None if head is None else contender.combine(parts, head)
            found.append(self._values(place, contender.mean(parts), scores))
        progress(1.0, "judged")
        return found

    def gathered(self, values: Sequence[Mapping[str, Tensor]], first: int | None = None) -> dict[str, CriterionScore]:
        """The scores that follow from what `values` gave, of the `first` images of each bench alone if that is said."""
        return {name: _score(name, self.benches, values, first) for name in self.names}

    def scores_of_features(self, features: Sequence[Tensor]) -> dict[str, CriterionScore]:
        """The same of a model whose features are known.

        Args:
            features: on the images of each of `benches`, (image, embed_dim) each.
        """
        values = []
        for place, (bench, found) in enumerate(zip(self.benches, features, strict=True)):
            head = self._heads.get(bench.task)
            values.append(self._values(place, found, None if head is None else logits(found, head)))
        return self.gathered(values)

    def _values(self, place: int, features: Tensor, scores: Tensor | None) -> dict[str, Tensor]:
        """Of each criterion of one bench, a value for each image."""
        answers = Answers(features=features, logits=scores, **self.references(place))
        return {one.name: one.function(answers) for one in self.benches[place].criteria}

    def references(self, place: int, progress: Progress = silent) -> dict[str, Tensor]:
        """What models are held against on the bench of this place, as fields of `Answers`; computed once."""
        if place not in self._against:
            self._against[place] = self._references(self.benches[place], progress)
        return self._against[place]

    def _references(self, bench: Bench, progress: Progress) -> dict[str, Tensor]:
        needs = frozenset().union(*(one.needs for one in bench.criteria))
        head, found = self._heads.get(bench.task), {}
        encode = functools.partial(
            features_of_images, self.zoo, images=bench.images, progress=progress, cache=self._cache
        )
        if "ensemble" in needs and head is not None:
            found["ensemble_logits"] = ensemble_logits(encode(self.zoo.sources()), head)
        if "own" in needs:
            (own,) = encode(self.zoo.sources((bench.task,)))
            found["own_features"] = own
            if head is not None:
                found["own_logits"] = logits(own, head)
        if "labels" in needs:
            labels = self.zoo.datasets[bench.task].labels(bench.split)
            found["labels"] = labels if bench.indices is None else labels[list(bench.indices)]
        return found


def _score(
    name: str, benches: Sequence[Bench], values: Sequence[Mapping[str, Tensor]], first: int | None
) -> CriterionScore:
    """Means over images, then over tasks."""
    found = {bench.task: each[name][:first] for bench, each in zip(benches, values, strict=True) if name in each}
    split = next(bench.split for bench in benches if any(one.name == name for one in bench.criteria))
    tasks = {task: float(value.mean()) for task, value in found.items()}
    variances = (float(value.var(correction=0)) / len(value) for value in found.values())
    return CriterionScore(
        criterion=name,
        value=math.fsum(tasks.values()) / len(tasks),
        standard_error=math.sqrt(sum(variances)) / len(tasks),
        tasks=tasks,
        images={task: len(value) for task, value in found.items()},
        split=split,
    )


def _benches(
    zoo: Zoo, criteria: Sequence[Criterion], most: int | None, seed: int, source: str, cache: Cache
) -> Iterable[Bench]:
    """One for each task and split that the criteria look at."""
    for task in zoo.tasks:
        for split in dict.fromkeys("val" if one.labels else source for one in criteria):
            mine = tuple(one for one in criteria if ("val" if one.labels else source) == split)
            indices = _drawn(zoo.datasets[task], task, split, most, seed)
            yield Bench(task, split, mine, _images(zoo.datasets[task], task, split, indices, cache), indices)


def _drawn(dataset: Dataset, task: str, split: str, most: int | None, seed: int) -> tuple[int, ...] | None:
    """The first images of a fixed shuffle; None for all of a split that is evaluated as a whole anyway."""
    size = dataset.size(split)
    if size == 0:
        raise DatasetError(f"the {split} split of {task} is empty; take images of another split or leave {task} out.")
    if split != "train" and (most is None or most >= size):
        return None
    return tuple(drawn_indices(dataset, size if most is None else min(most, size), seed, split).tolist())


def _images(dataset: Dataset, task: str, split: str, indices: tuple[int, ...] | None, cache: Cache) -> Images:
    label = f"{split} images of {task}"
    if indices is None:
        return Images(
            identity={"dataset": dataset.digest, "split": split},
            count=dataset.size(split),
            batches=lambda size: STORE.batches(dataset, split, size, cache),
            label=label,
        )
    return Images(
        identity={"drawn": digest_of(dataset.digest, split, list(indices))},
        count=len(indices),
        batches=_Drawn(dataset, split, indices).batches,
        label=label,
    )


class _Drawn:
    """Some images of a split, kept in memory once they were drawn where they are small."""

    def __init__(self, dataset: Dataset, split: str, indices: Sequence[int]) -> None:
        self._dataset, self._split, self._indices = dataset, split, list(indices)
        self._kept: Tensor | None = None

    def batches(self, size: int) -> Iterable[Tensor]:
        """The images, `size` at a time."""
        if self._kept is not None:
            yield from self._kept.split(size)
            return
        drawn = []
        for start in range(0, len(self._indices), size):
            batch = self._dataset.images(self._split, self._indices[start : start + size])
            yield batch
            if batch[0].nbytes * len(self._indices) <= KEPT_BYTES:
                drawn.append(batch)
        if drawn:
            self._kept = torch.cat(drawn)
