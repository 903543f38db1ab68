"""Accuracy tables of a zoo: every model on every task, beside Zero-shot, Ensemble and Individual."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.data.manifests import split_manifests
from mloss_core.evaluation.contenders import Contender, as_contender, ensemble, feature_ensemble, individual, zero_shot
from mloss_core.evaluation.paired import PairedDifference, compare_rows
from mloss_core.evaluation.rows import NUMBERS, EvaluationRow
from mloss_core.outputs.encoders import dataset_of, head_of
from mloss_core.outputs.encoding import features_of_many
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.zoo.model import Encoder, Zoo

if TYPE_CHECKING:
    import pandas


def evaluate(
    zoo: Zoo,
    results: Sequence[Any] = (),
    split: str = "test",
    tasks: "Sequence[str] | None" = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """Top-1 accuracy of merges beside Zero-shot, the Ensembles and Individual, each task with its zero-shot head.

    Args:
        zoo: encoders, heads and datasets.
        results: merge results, `Encoder`s, or (name, state dict) pairs, each a row in this order.
        split: `test` or `val`; whoever chooses between recipes chooses on `val`.
        tasks: the models of the Ensembles, whose datasets are the columns; all of the zoo's by default, also for merges
            of fewer.
        progress: told after each batch of images.
        cache: where features are kept; the common one by default.

    Returns:
        One row a model: Zero-shot, the results, Ensemble (features), Ensemble, Individual. Columns: model, kind,
        recipe (plain values or None), one a task, average, standard_error, normalised, variance, worst; all fractions.
        `attrs` has zoo, split, tasks, counts (images by task), images (which they are) and seconds.

    Raises:
        UnknownNameError: a task that the zoo lacks.
        ZooError: a task without dataset or head.
        DatasetError: no such split, or an empty one.
    """
    import pandas

    started = time.perf_counter()
    rows = evaluate_rows(zoo, results, split, tasks, progress=progress, cache=cache)
    records = [
        {"model": row.model, "kind": row.kind, "recipe": row.recipe, **row.accuracy, **row.numbers()} for row in rows
    ]
    table = pandas.DataFrame(records).astype(dict.fromkeys(NUMBERS, float))
    table.attrs = {
        "zoo": {"name": zoo.name, "digest": zoo.digest},
        "split": split,
        "tasks": list(rows[0].accuracy),
        "counts": dict(rows[0].counts),
        "images": split_manifests(zoo.datasets, rows[0].accuracy, split),
        "seconds": time.perf_counter() - started,
    }
    return table


def evaluate_rows(
    zoo: Zoo,
    results: Sequence[Any] = (),
    split: str = "test",
    tasks: "Sequence[str] | None" = None,
    *,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[EvaluationRow]:
    """The rows of `evaluate`, with the single answers."""
    chosen = zoo.subset(tasks)
    return rows_of(chosen, contenders_of(chosen, results), split, progress=progress, cache=cache)


def contenders_of(zoo: Zoo, results: Sequence[Any]) -> list[Contender]:
    """What `evaluate` compares, in its order: Zero-shot, the results, the Ensembles, Individual."""
    return [
        zero_shot(zoo),
        *(as_contender(zoo, result) for result in results),
        feature_ensemble(zoo),
        ensemble(zoo),
        individual(zoo),
    ]


def evaluate_weights(
    zoo: Zoo,
    weights: "StateDict | Encoder | Any",
    *,
    name: str | None = None,
    digest: str | None = None,
    split: str = "test",
    tasks: "Sequence[str] | None" = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> EvaluationRow:
    """One row for any model that `as_contender` takes; only the individual encoders run beside it.

    Args:
        zoo, split, tasks, progress, cache: as in `evaluate`.
        weights: a state dict, an `Encoder` or a merge result.
        name: what to call it instead of its own name.
        digest: of a state dict's content, where it is known; computed otherwise.
    """
    chosen = zoo.subset(tasks)
    contender = as_contender(chosen, weights, name, digest)
    return rows_of(chosen, [contender], split, progress=progress, cache=cache)[0]


def rows_of(
    zoo: Zoo, contenders: Sequence[Contender], split: str, *, progress: Progress = silent, cache: Cache | None = None
) -> list[EvaluationRow]:
    """Evaluate contenders on all tasks of a zoo. Every encoder that several share runs once."""
    zoo.require_datasets(zoo.tasks, "accuracies need")
    zoo.require_heads(zoo.tasks)
    for task in zoo.tasks:
        dataset_of(zoo, task, split)
        head_of(zoo, task)
    everyone = [*contenders, individual(zoo)]
    correct: list[dict[str, np.ndarray]] = [{} for _ in everyone]
    for position, task in enumerate(zoo.tasks):
        step = part(progress, position / len(zoo.tasks), (position + 1) / len(zoo.tasks))
        answers = _answers(zoo, everyone, task, split, step, cache)
        for place, right in zip(correct, answers, strict=True):
            place[task] = right
    progress(1.0, f"evaluated on {len(zoo.tasks)} tasks")
    reference = {task: float(np.mean(right)) for task, right in correct[-1].items()}
    return [
        EvaluationRow.measured(
            key=contender.key,
            model=contender.model,
            kind=contender.kind,
            recipe=contender.recipe,
            correct=place,
            individual=reference,
        )
        for contender, place in zip(contenders, correct, strict=False)
    ]


def _answers(
    zoo: Zoo, contenders: Sequence[Contender], task: str, split: str, progress: Progress, cache: Cache | None
) -> list[np.ndarray]:
    """Whether each contender is right on each image of one task."""
    encoders: Mapping[str, Encoder] = {
        encoder.digest: encoder for contender in contenders for encoder in contender.encoders[task]
    }
    found = features_of_many(zoo, list(encoders.values()), task, split, progress=progress, cache=cache)
    features = dict(zip(encoders, found, strict=True))
    labels, head = zoo.datasets[task].labels(split), zoo.heads[task]
    return [_predict(contender, features, task, head).eq(labels).numpy() for contender in contenders]


def _predict(contender: Contender, features: Mapping[str, Tensor], task: str, head: Tensor) -> Tensor:
    parts = [features[encoder.digest] for encoder in contender.encoders[task]]
    return contender.combine(parts, head).argmax(dim=1)


def paired_difference(
    zoo: Zoo,
    a: Any,
    b: Any,
    split: str = "test",
    tasks: "Sequence[str] | None" = None,
    *,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> PairedDifference:
    """Compare two models on the same images.

    Args:
        a, b: anything `as_contender` takes: merge results, (name, state dict) pairs, encoders, or `zero_shot`,
            `ensemble`, `ensemble_features`, `individual`.
        zoo, split, tasks, progress, cache: as in `evaluate`.
    """
    chosen = zoo.subset(tasks)
    contenders = [as_contender(chosen, a), as_contender(chosen, b)]
    return compare_rows(*rows_of(chosen, contenders, split, progress=progress, cache=cache))
