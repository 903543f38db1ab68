"""`evaluate`: accuracies of merges beside Zero-shot, the Ensembles and Individual."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import (
    add_common,
    add_recipe,
    emit,
    names,
    percent,
    progress_bar,
    recipe_from_file,
    recipe_from_options,
    table,
    zoo_facts,
)  # fmt: skip
from mloss_core.cli.method_help import method_listing
from mloss_core.types import part

if TYPE_CHECKING:
    from mloss_core.recipe import Recipe
    from mloss_core.zoo import Zoo


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate", help="accuracy table of merges, Zero-shot, Ensemble and Individual", epilog=method_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_common(parser)
    add_recipe(parser, many=True)
    parser.add_argument("--weights", action="append", default=[], metavar="FILE", help="evaluate a merged file as well")
    parser.add_argument("--split", default="test", help="test or val (default: test; choose recipes on val)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Merge what was asked for, evaluate, and print the table."""
    started = time.perf_counter()
    recipes = [recipe_from_file(path) for path in options.recipe]
    typed = recipe_from_options(options)
    recipes += [typed] if typed else []
    from mloss_core.data.datasets import check_split
    from mloss_core.evaluation import evaluate_rows
    from mloss_core.zoo import open_zoo

    check_split(options.split)
    zoo = open_zoo(options.zoo, device=options.device)
    tasks = zoo.check_tasks(names(options.tasks) or _common_tasks(recipes))
    with progress_bar() as progress:
        results = _models(zoo, recipes, options.weights, part(progress, 0, 0.2))
        rows = evaluate_rows(zoo, results, options.split, tasks, progress=part(progress, 0.2, 1))
    if options.json:
        emit({"zoo": zoo_facts(zoo), "split": options.split, "counts": dict(rows[0].counts),
              "rows": [row.to_dict() for row in rows], "seconds": time.perf_counter() - started})  # fmt: skip
        return
    print(f"{zoo.name}, {options.split} split, top-1 accuracy in percent")
    body = [
        [row.model, *(percent(row.accuracy[task]) for task in tasks),
         f"{percent(row.average)} ± {percent(row.standard_error)}", percent(row.to_dict()["normalised"]),
         f"{1e4 * row.variance:.0f}", percent(row.worst)]
        for row in rows
    ]  # fmt: skip
    print(table(["model", *tasks, "average", "normalised", "variance", "worst"], body))
    if any(row.kind == "per_task" for row in rows):
        print("(given the task): one model a task, told which task each image is of; a single model is told nothing.")
    print("± is one standard error from the number of images; variance over tasks in percent squared.")


def _common_tasks(recipes: "list[Recipe]") -> tuple[str, ...] | None:
    """The tasks that all recipes name, when they name the same; else the whole zoo's."""
    named = {recipe.tasks for recipe in recipes}
    return named.pop() if len(named) == 1 else None


def _models(zoo: "Zoo", recipes: "list[Recipe]", files: list[str], progress: Any) -> list[Any]:
    from mloss_core.checkpoints import open_checkpoint
    from mloss_core.merging import merge
    from mloss_core.zoo import Encoder

    count = max(1, len(recipes))
    found: list[Any] = [
        merge(zoo, recipe, progress=part(progress, place / count, (place + 1) / count))
        for place, recipe in enumerate(recipes)
    ]
    for path in files:
        weights = open_checkpoint(path)
        found.append(Encoder(path, weights, weights.digest))
    return found
