"""`pairs`: every pair of a zoo's models merged and evaluated, as the table that metrics are held against."""

import argparse
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import add_common, names, opened_zoo, out_file, progress_bar, zoo_facts
from mloss_core.cli.metrics_command import add_pair_options, report
from mloss_core.recipe import Recipe
from mloss_core.types import part

if TYPE_CHECKING:
    from mloss_core.zoo.model import Zoo


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("pairs", help="accuracy of every pair's merges, by several methods")
    add_common(parser)
    parser.add_argument(
        "--methods",
        metavar="A,B",
        help="methods with their default options (default: average, task_arithmetic, ties, dare, tsv_m, iso_c, m_ties, "
        "actmat)",
    )
    parser.add_argument("--tasks", metavar="A,B", help="models to pair, at least two (default: all)")
    parser.add_argument("--split", default="test", help="test or val (default: test)")
    add_pair_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Merge, evaluate, write and print."""
    out = None if options.out is None else out_file(options.out, (".csv",))
    from mloss_core.lab.pair_workers import spread
    from mloss_core.mergeability.pair_merges import pair_accuracies
    from mloss_core.mergeability.pair_names import METHODS
    from mloss_core.mergeability.pairs import all_pairs

    recipes = [Recipe(method=name, seed=options.seed) for name in (names(options.methods) or METHODS)]
    zoo = opened_zoo(options)
    tasks = zoo.check_tasks(names(options.tasks))
    work = functools.partial(fill, recipes, options.split)
    with progress_bar() as progress:
        spread(options.zoo, options.device, all_pairs(tasks), work, options.workers, part(progress, 0, 0.95))
        rest = part(progress, 0.95 if options.workers > 1 else 0, 1)
        frame = pair_accuracies(zoo, recipes, options.split, tasks, progress=rest)
    answer = {
        "zoo": zoo_facts(zoo),
        "tasks": list(tasks),
        "split": options.split,
        "recipes": frame.attrs["recipes"],
        "images": frame.attrs["counts"],
        "rows": len(frame),
    }
    report(options, out, frame, answer)


def fill(recipes: Sequence[Recipe], split: str, zoo: "Zoo", pairs: Sequence[tuple[str, str]]) -> None:
    """A worker's part: merges of some pairs, their accuracies left in the cache."""
    from mloss_core.mergeability.pair_merges import pair_accuracies

    pair_accuracies(zoo, recipes, split, pairs=pairs)
