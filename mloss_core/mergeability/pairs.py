"""Metrics of all pairs of a zoo. Facts of a pair depend on its two models alone, so they are kept pair by pair."""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mloss_core.caching import PAIRS, Cache, digest_of
from mloss_core.errors import ZooError
from mloss_core.mergeability.metrics.record import Facts, Metric, Undefined
from mloss_core.mergeability.metrics.registry import METRICS, get_metric
from mloss_core.mergeability.sources.needs import lacking
from mloss_core.mergeability.sources.table import SOURCES, FactSource, Pair
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    import pandas


def all_pairs(tasks: Sequence[str]) -> list[Pair]:
    """Every unordered pair, in the tasks' order: 8 tasks make 28.

    Raises:
        ZooError: fewer than two tasks.
    """
    if len(tasks) < 2:
        raise ZooError(f"a pair needs two models; found {len(tasks)} ({', '.join(tasks)}). Choose at least two tasks.")
    return list(itertools.combinations(tasks, 2))


def pairwise_metrics(
    zoo: Zoo,
    names: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    options: MLossOptions | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """Metrics of every pair of tasks.

    Args:
        zoo: the models.
        names: of metrics; all of `METRICS` by default.
        tasks: the models to pair, at least two; all by default.
        options: how M-Loss is measured; the defaults for None. See `mloss_of_pairs` for its input modes.
        progress: told between steps.
        cache: where facts of pairs are kept, so that any subset of known models costs nothing.

    Returns:
        One row a pair in the zoo's order: task_a, task_b, one column a metric, named as it was asked for. A metric that
        does not exist for a pair is NaN, and `attrs["undefined"]` lists why: dicts of metric, task_a, task_b, reason.

    Raises:
        UnknownNameError: a metric or task that does not exist.
        ZooError: fewer than two tasks, or a metric asked for by name that no pair can have: without images, heads or
            labels, say.
    """
    import pandas

    asked = {name: get_metric(name) for name in (METRICS if names is None else names)}
    pairs = all_pairs(zoo.check_tasks(tasks))
    facts = _of_sources(zoo, list(asked.values()), pairs, options, progress, cache)
    _refuse_empty(asked, facts, names is not None)
    frame = pandas.DataFrame(pairs, columns=["task_a", "task_b"])
    undefined: list[dict[str, str]] = []
    for name, metric in asked.items():
        frame[name] = [_number(name, metric, pair, facts[metric.facts][pair], undefined) for pair in pairs]
    frame.attrs = {"zoo": {"name": zoo.name, "digest": zoo.digest}, "undefined": undefined}
    return frame


def fill_facts(
    zoo: Zoo, names: Sequence[str] | None, pairs: Sequence[Pair], options: MLossOptions, cache: Cache | None = None
) -> None:
    """Compute the facts of some pairs that these metrics need, where they can be had, and leave them in the cache."""
    metrics = [get_metric(name) for name in (METRICS if names is None else names)]
    _of_sources(zoo, metrics, pairs, options, silent, cache)


def _available(
    zoo: Zoo, source: str, pairs: Sequence[Pair], options: MLossOptions | None, progress: Progress, cache: Cache | None
) -> dict[Pair, Facts | Undefined]:
    """Facts of the pairs that can have them, and why the others cannot."""
    needs, samples = SOURCES[source].needs, (options or MLossOptions()).samples_per_task
    why = {task: lacking(zoo, task, needs, samples) for task in dict.fromkeys(itertools.chain(*pairs))}
    missing = {pair: next(filter(None, (why[task] for task in pair)), None) for pair in pairs}
    there = [pair for pair in pairs if missing[pair] is None]
    found = facts_of_pairs(zoo, source, there, options, progress=progress, cache=cache) if there else {}
    return {pair: found[pair] if words is None else Undefined(words) for pair, words in missing.items()}


def _refuse_empty(
    asked: Mapping[str, Metric], facts: Mapping[str, Mapping[Pair, Facts | Undefined]], named: bool
) -> None:
    """Whoever names a metric that no pair can have is told; a table of all metrics has an empty column instead."""
    for name, metric in asked.items():
        reasons = [found.reason for found in facts[metric.facts].values() if isinstance(found, Undefined)]
        if named and len(reasons) == len(facts[metric.facts]):
            raise ZooError(f"{name} exists for no pair of these models: {reasons[0]}. Add it, or leave the metric out.")


def pairwise_mloss(
    zoo: Zoo,
    tasks: Sequence[str] | None = None,
    options: MLossOptions | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """M-Loss of every pair of tasks in every block; arguments and errors as in `pairwise_metrics`.

    Returns:
        One row a pair and block: task_a, task_b, block, mloss (mean over nodes), normalised.
    """
    frame = pairwise_blocks(zoo, ("mloss", "mloss_normalised"), tasks, options, progress, cache)
    return frame.rename(columns={"mloss_normalised": "normalised"})


def pairwise_blocks(
    zoo: Zoo,
    names: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    options: MLossOptions | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """The metrics that exist by block, of every pair in every block; arguments and errors as in `pairwise_metrics`.

    Returns:
        One row a pair and block: task_a, task_b, block, one column a metric; NaN where there is no number.
    """
    import pandas

    metrics = [metric for name in (METRICS if names is None else names) if (metric := get_metric(name)).blocks]
    pairs, count = all_pairs(zoo.check_tasks(tasks)), zoo.architecture.layers
    rows = [(*pair, block) for pair in pairs for block in range(count)]
    frame = pandas.DataFrame(rows, columns=["task_a", "task_b", "block"])
    facts = _of_sources(zoo, metrics, pairs, options, progress, cache)
    for metric in metrics:
        found = [facts[metric.facts][pair] for pair in pairs]
        values = [[math.nan] * count if isinstance(one, Undefined) else one[str(metric.blocks)] for one in found]
        frame[metric.name] = [float(value) for row in values for value in row]
    return frame


def _of_sources(
    zoo: Zoo,
    metrics: Sequence[Metric],
    pairs: Sequence[Pair],
    options: MLossOptions | None,
    progress: Progress,
    cache: Cache | None,
) -> dict[str, dict[Pair, Facts | Undefined]]:
    """Facts of the pairs from every source that the metrics need, each asked once."""
    wanted = list(dict.fromkeys(metric.facts for metric in metrics))
    return {
        name: _available(zoo, name, pairs, options, part(progress, at / len(wanted), (at + 1) / len(wanted)), cache)
        for at, name in enumerate(wanted)
    }


def facts_of_pairs(
    zoo: Zoo,
    source: str,
    pairs: Sequence[Pair],
    options: MLossOptions | None = None,
    *,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> dict[Pair, Facts]:
    """Facts of the pairs from one of `SOURCES`; only those that the cache lacks are computed, in one go."""
    cache, origin, options = cache or Cache(), SOURCES[source], options or MLossOptions()
    keys = {pair: _key(zoo, origin, pair, options) for pair in pairs}
    entries = {pair: cache.get(PAIRS, key) for pair, key in keys.items()}
    facts = {pair: entry.arrays for pair, entry in entries.items() if entry is not None}
    missing = [pair for pair in pairs if pair not in facts]
    if missing:
        for pair, found in origin.compute(zoo, missing, options, progress, cache):
            meta = {"facts": source, "pair": pair}
            facts[pair] = cache.remember(PAIRS, keys[pair], functools.partial(_given, meta, found)).arrays
    progress(1.0, "all pairs compared")
    return facts


def _given(meta: Mapping[str, Any], arrays: Facts) -> tuple[Mapping[str, Any], Facts]:
    return meta, arrays


def _key(zoo: Zoo, source: FactSource, pair: Pair, options: MLossOptions) -> str:
    digests = [zoo.pretrained.digest, *(zoo.encoder(task).digest for task in pair)]
    return digest_of("pairs", source.name, source.revision, digests, source.identity(zoo, pair, options))


def _number(name: str, metric: Metric, pair: Pair, facts: Facts | Undefined, undefined: list[dict[str, str]]) -> float:
    value = facts if isinstance(facts, Undefined) else metric.function(facts)
    if not isinstance(value, Undefined):
        return value
    undefined.append({"metric": name, "task_a": pair[0], "task_b": pair[1], "reason": value.reason})
    return float("nan")
