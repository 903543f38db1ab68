"""`protocol`: the published tables, measured anew on a zoo, beside the published figures."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import add_common, emit, names, opened_zoo, percent, progress_bar, table, zoo_facts
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.published.tables import TITLES, reading_notes
from mloss_core.merging.run_files import SPLITS
from mloss_core.recipe import MLossOptions

if TYPE_CHECKING:
    from mloss_core.evaluation.protocol import ProtocolRow


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "protocol",
        help="the M-Loss project's published tables, measured anew on a zoo",
        description="Merges as in Tables 1 to 3 of the project's page (settings by the encoder's depth: 12 or 24 "
        "blocks), evaluates, and prints the published figures beside where backbone and tasks are the same.",
    )
    add_common(parser)
    parser.add_argument("--tasks", metavar="A,B", help="models to merge, whose tasks are evaluated (default: all)")
    parser.add_argument(
        "--preset",
        choices=("paper", "reference"),
        default="paper",
        help="how M-Loss is measured: as the paper says, or as its code does (default: paper)",
    )
    parser.add_argument("--samples", type=int, metavar="N", help="unlabeled images of each task (default: 16)")
    parser.add_argument("--split", choices=SPLITS, default="test", help="test or val (default: test)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N images of each task (default: all)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the protocol and print its tables."""
    from mloss_core.evaluation.protocol import backbone_of, comparable, run_protocol

    started = time.perf_counter()
    if options.preset == "reference" and options.samples is not None:
        raise InvalidOptionError("--samples is of the paper preset; reference draws as the published code does.")
    changes = {} if options.samples is None else {"samples_per_task": options.samples}
    mloss = MLossOptions.preset(options.preset, **changes)
    zoo = opened_zoo(options).subset(names(options.tasks)).limited(options.limit)
    backbone = backbone_of(zoo.architecture)
    reason = comparable(zoo, backbone)
    with progress_bar() as progress:
        rows = run_protocol(zoo, mloss, options.split, progress)
    if options.json:
        emit(
            {
                "zoo": zoo_facts(zoo),
                "split": options.split,
                "backbone": backbone,
                "comparable": not reason,
                "reason": reason or None,
                "counts": dict(rows[0].measured.counts),
                "rows": [row.to_dict() for row in rows],
                "seconds": time.perf_counter() - started,
            }
        )
        return
    _print(rows, beside=not reason)
    if reason:
        print(f"The published figures are left out: {reason}.")
        return
    for heading, sentences in reading_notes():
        print(f"{heading}: {sentences}")


def _print(rows: "list[ProtocolRow]", beside: bool) -> None:
    for number in sorted({row.published.table for row in rows if row.published.table is not None}):
        print(TITLES[number])
        tasks = list(rows[0].measured.accuracy)
        extra = ["published", "published variance"] if beside else []
        body = [_cells(row, tasks, beside) for row in rows if row.published.table == number]
        print(table(["method", "setting", "blocks", *tasks, "average", "variance", "merged in s", *extra], body))
    print("In percent, ± one standard error from the number of images; variance over tasks in percent squared.")


def _cells(row: "ProtocolRow", tasks: list[str], beside: bool) -> list[str]:
    found, page = row.measured, row.published
    cells = [page.method, page.setting, page.blocks or "-", *(percent(found.accuracy[task]) for task in tasks)]
    cells += [f"{percent(found.average)} ± {percent(found.standard_error)}", f"{1e4 * found.figure('variance'):.0f}"]
    cells.append("-" if row.seconds is None else f"{row.seconds:.1f}")
    return [*cells, percent(page.average, 2), f"{1e4 * page.variance:.0f}"] if beside else cells
