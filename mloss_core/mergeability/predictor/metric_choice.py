"""Which columns of a table are the metrics that a predictor uses."""

from collections.abc import Sequence

from mloss_core.errors import InvalidOptionError, quoted, unknown_name
from mloss_core.mergeability.metrics import METRIC_SETS
from mloss_core.mergeability.predictor.columns import AFTER_MERGING, column_of, is_known_metric, is_label, is_measured
from mloss_core.mergeability.predictor.tables import PairTable
from mloss_core.wording import listing

_EVERY = "all"


def metric_names(
    table: PairTable, metrics: "str | Sequence[str] | None", target: str
) -> tuple[tuple[str, ...], list[str]]:
    """Which columns are metrics, with notes.

    By default those that have the name of a metric and are known before a merge; in a table without any, every column
    of numbers that is neither a measured accuracy nor a label.

    Args:
        table: pairs with their numbers.
        metrics: names; a key of `mergeability.metrics.METRIC_SETS`; None or `all` for every metric of the table.
        target: what is predicted, which is no metric.

    Raises:
        InvalidOptionError, UnknownNameError: a column that does not exist, holds text, or was measured after merging.
    """
    if isinstance(metrics, str) and metrics in METRIC_SETS and metrics != _EVERY:
        wanted = [name for name in METRIC_SETS[metrics] if name not in AFTER_MERGING and name != target]
        found = tuple(name for name in wanted if name in table.numbers)
        lacking = [name for name in wanted if name not in found]
        if not found:
            raise InvalidOptionError(f"the table has none of the metrics of {metrics}; name its own columns.")
        for name in lacking:
            _refuse_text(table, name)
        return found, [f"the table lacks {listing(lacking)} of {metrics}."] if lacking else []
    if metrics is None or metrics == _EVERY:
        return _default_metrics(table, target)
    asked = [metrics] if isinstance(metrics, str) else metrics
    names = tuple(dict.fromkeys(column_of(name, table.numbers) for name in asked))
    for name in names:
        _check_metric(table, name, target)
    if not names:
        raise InvalidOptionError("a predictor needs at least one metric; none is named.")
    return names, []


def _default_metrics(table: PairTable, target: str) -> tuple[tuple[str, ...], list[str]]:
    for name in table.texts:
        if is_known_metric(name):
            _refuse_text(table, name)
    free = [name for name in table.numbers if name != target and not is_measured(name)]
    after = [name for name in free if name in AFTER_MERGING]
    known = tuple(name for name in free if is_known_metric(name) and name not in after)
    texts = [
        f"{name} holds text (row {row}: {quoted(text, 40)}) and was left out."
        for name, (row, text) in table.texts.items()
        if not is_label(name)
    ]
    texts += [f"{name} is of the pair as it was merged, and was left out; name it to use it." for name in after]
    others = [name for name in free if name not in known and name not in after and not is_label(name)]
    if known:
        remark = f"{listing(others)}: no known metric, left out; name it to use it." if others else ""
        return known, [*texts, *([remark] if remark else [])]
    if not others:
        raise InvalidOptionError(
            "the table must hold metrics: columns of numbers beside tasks and accuracies; found none."
        )
    return tuple(others), texts


def _check_metric(table: PairTable, name: str, target: str) -> None:
    if name == target or (is_measured(name) and name in table.numbers):
        raise InvalidOptionError(f"{name} was measured after merging, so it cannot be a metric; leave it out.")
    _refuse_text(table, name)
    if name not in table.numbers:
        raise unknown_name("metric", name, [other for other in table.numbers if not is_measured(other)])


def _refuse_text(table: PairTable, name: str) -> None:
    if name in table.texts:
        row, text = table.texts[name]
        raise InvalidOptionError(f"metric {name} must hold numbers; row {row} has {quoted(text, 40)}.")
