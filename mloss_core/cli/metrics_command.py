"""`metrics`: mergeability metrics of every pair of a zoo's models, as a table."""

import argparse
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import (
    add_common,
    emit,
    names,
    opened_zoo,
    out_file,
    progress_bar,
    table,
    write_out,
    zoo_facts,
)
from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.metrics.registry import METRIC_SETS, get_metric
from mloss_core.recipe import MLossOptions
from mloss_core.types import part

if TYPE_CHECKING:
    import pandas

    from mloss_core.zoo.model import Zoo

_SHOWN = 6
"""Columns that a terminal has room for."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("metrics", help="mergeability metrics of every pair of models")
    add_common(parser)
    parser.add_argument(
        "--metrics",
        metavar="A,B",
        help=f"metrics, or a set of them: {', '.join(METRIC_SETS)} (default: all that the zoo can have)",
    )
    parser.add_argument("--tasks", metavar="A,B", help="models to pair, at least two (default: all)")
    parser.add_argument(
        "--mode",
        default="corrected",
        choices=("corrected", "reference"),
        help="reference: the published 28 as the published code computes them, faults included (default: corrected)",
    )
    add_pair_options(parser)
    parser.set_defaults(run=run)


def add_pair_options(parser: argparse.ArgumentParser) -> None:
    """What `metrics` and `pairs` share."""
    parser.add_argument("--seed", type=int, default=0, help="seed of image draws and random masks (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work (default: 1)")
    parser.add_argument("--out", metavar="FILE.csv", help="write the table: task_a, task_b, a column for each number")


def run(options: argparse.Namespace) -> None:
    """Measure, write and print."""
    out = None if options.out is None else out_file(options.out, (".csv",))
    wanted = chosen_metrics(options.metrics)
    from mloss_core.lab.pair_workers import spread
    from mloss_core.mergeability.pairs import all_pairs, pairwise_metrics

    zoo, mloss = opened_zoo(options), MLossOptions(seed=options.seed)
    tasks = zoo.check_tasks(names(options.tasks))
    work = functools.partial(fill, wanted, mloss)
    if options.mode == "reference":
        _as_published(options, out, zoo, tasks, wanted)
        return
    with progress_bar() as progress:
        spread(options.zoo, options.device, all_pairs(tasks), work, options.workers, part(progress, 0, 0.9))
        rest = part(progress, 0.9 if options.workers > 1 else 0, 1)
        frame = pairwise_metrics(zoo, wanted, tasks, mloss, progress=rest)
    undefined = frame.attrs["undefined"]
    answer = {
        "zoo": zoo_facts(zoo),
        "tasks": list(tasks),
        "metrics": list(frame.columns[2:]),
        "mode": "corrected",
        "mloss": mloss.to_dict(),
        "rows": len(frame),
        "undefined": undefined,
    }
    report(options, out, frame, answer)
    if not options.json:
        _tell_missing(undefined)


def _as_published(
    options: argparse.Namespace, out: Path | None, zoo: "Zoo", tasks: Sequence[str], wanted: Sequence[str] | None
) -> None:
    from mloss_core.mergeability.reference_mode import reference_metrics

    with progress_bar() as progress:
        frame = reference_metrics(zoo, wanted, tasks, progress)
    names = list(frame.columns[2:])
    answer = {"zoo": zoo_facts(zoo), "tasks": list(tasks), "metrics": names, "mode": "reference", "rows": len(frame)}
    report(options, out, frame, answer)


def chosen_metrics(text: str | None) -> list[str] | None:
    """Names of metrics from names and sets of them; None, the default, for all that the zoo can have.

    Raises:
        UnknownNameError, InvalidOptionError: neither a metric nor a set, or nothing.
    """
    if text is None or text.strip() == "all":
        return None
    found: list[str] = []
    for name in names(text) or ():
        found += METRIC_SETS[name] if name in METRIC_SETS else [name]
    if not found:
        raise InvalidOptionError(f"--metrics must name at least one metric, or a set of them; found {text!r}.")
    for name in found:
        get_metric(name)
    return list(dict.fromkeys(found))


def report(options: argparse.Namespace, out: Path | None, frame: "pandas.DataFrame", answer: dict[str, Any]) -> None:
    """Write the table, and print it or the answer as JSON.

    Twelve digits are written: the last bits of a sum depend on where its numbers lie in memory.
    """
    if out is not None:
        write_out(out, frame.to_csv(index=False, float_format="%.12g"))
    if options.json:
        emit({**answer, "pairs": frame.to_dict("records"), "out": None if out is None else str(out)})
        return
    shown = list(frame.columns[:2]) + list(frame.columns[2 : 2 + _SHOWN])
    rows = [[_text(value) for value in row] for row in frame[shown].itertuples(index=False)]
    print(table(shown, rows))
    if len(frame.columns) > len(shown):
        print(f"and {len(frame.columns) - len(shown)} more columns; --out FILE.csv or --json has them all")
    if out is not None:
        print(f"{len(frame)} pairs written to {out}")


def fill(wanted: Sequence[str] | None, mloss: MLossOptions, zoo: "Zoo", pairs: Sequence[tuple[str, str]]) -> None:
    """A worker's part: facts of some pairs, left in the cache."""
    from mloss_core.mergeability.pairs import fill_facts

    fill_facts(zoo, wanted, pairs, mloss)


def _text(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.4g}"


def _tell_missing(undefined: Sequence[dict[str, str]]) -> None:
    """One line for each reason why numbers are missing."""
    reasons = dict.fromkeys((item["metric"], item["reason"]) for item in undefined)
    for metric, reason in list(reasons)[:20]:
        count = sum(item["metric"] == metric and item["reason"] == reason for item in undefined)
        print(f"note: {metric} is missing for {count} pairs: {reason}")
