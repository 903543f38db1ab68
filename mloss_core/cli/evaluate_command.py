"""`evaluate`: accuracies of merges beside Zero-shot, the Ensembles and Individual."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import add_common, add_recipe, emit, opened_zoo, percent, progress_bar, table, zoo_facts
from mloss_core.cli.method_help import method_listing
from mloss_core.cli.requests import add_run, requested
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.run_files import SPLITS
from mloss_core.types import part

if TYPE_CHECKING:
    from mloss_core.evaluation import EvaluationRow, ScaleSearch, ThresholdSearch
    from mloss_core.recipe import Recipe
    from mloss_core.zoo.model import Zoo


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="accuracy table of merges, Zero-shot, Ensemble and Individual",
        epilog=method_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    add_recipe(parser, many=True)
    parser.add_argument(
        "--weights", action="append", default=[], metavar="FILE", help="evaluate a weight file of any format as well"
    )
    parser.add_argument("--split", choices=SPLITS, help="test or val (default: test; choose recipes on val)")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="at most N images of each task, drawn at random once (default: all)"
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="choose each recipe's scale (tall_mask: thresholds) on validation images first; its own is ignored",
    )
    parser.add_argument(
        "--no-data",
        action="store_true",
        help="take each method's published scale, nearest in backbone and number of models, where none is given",
    )
    add_run(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Merge what was asked for, evaluate, and print the table."""
    started = time.perf_counter()
    asked = requested(options)
    options.zoo, options.split, options.tune, recipes = asked.zoo, asked.split, asked.tune, list(asked.recipes)
    from mloss_core.data.manifests import split_manifests
    from mloss_core.evaluation import evaluate_rows

    _check_choices(options, recipes)
    zoo = opened_zoo(options)
    tasks = zoo.check_tasks(asked.tasks or _common_tasks(recipes))
    recipes, scales = _published(zoo, recipes) if options.no_data else (recipes, [])
    with progress_bar() as progress:
        start = 0.5 if options.tune else 0.0
        searches = _searches(zoo, recipes, options.limit, part(progress, 0, 0.5)) if options.tune else []
        chosen = [] if options.tune else recipes
        results = [
            *(search.result for search in searches),
            *_models(zoo, chosen, options.weights, part(progress, start, start + 0.2)),
        ]
        few = zoo.limited(options.limit)
        rows = evaluate_rows(few, results, options.split, tasks, progress=part(progress, start + 0.2, 1))
    if options.json:
        tuning: dict[str, Any] = {"tuning": [search.to_dict() for search in searches]} if options.tune else {}
        tuning |= {"scales": scales} if options.no_data else {}
        emit(
            {
                "zoo": zoo_facts(zoo),
                "split": options.split,
                "counts": dict(rows[0].counts),
                "images": split_manifests(few.datasets, tasks, options.split),
                "rows": [row.to_dict() for row in rows],
                **tuning,
                "seconds": time.perf_counter() - started,
            }
        )
        return
    _print_table(zoo, options.split, rows)
    for words in (*map(_search_words, searches), *scales):
        print(words)


def _check_choices(options: argparse.Namespace, recipes: "list[Recipe]") -> None:
    """Refuse, before any work, choices that do not go together."""
    from mloss_core.evaluation import check_tunable

    if options.tune and options.no_data:
        raise InvalidOptionError("--no-data and --tune are two ways to a scale; give one of them.")
    if options.tune and (options.split != "test" or not recipes):
        raise InvalidOptionError("--tune chooses on val and reports on test: it takes a recipe, and no other split.")
    for recipe in recipes if options.tune else ():
        check_tunable(recipe)


def _published(zoo: "Zoo", recipes: "list[Recipe]") -> "tuple[list[Recipe], list[str]]":
    """The recipes at their published scales, with a sentence on each."""
    from mloss_core.evaluation.published.scales import without_images

    backbone = zoo.architecture.name
    found = [without_images(recipe, backbone, len(recipe.tasks or zoo.tasks)) for recipe in recipes]
    return [recipe for recipe, _ in found], [words for _, words in found]


def _print_table(zoo: "Zoo", split: str, rows: "list[EvaluationRow]") -> None:
    from mloss_core.data.manifests import split_manifests

    tasks = list(rows[0].accuracy)
    print(f"{zoo.name}, {split} split, top-1 accuracy in percent")
    body = [
        [
            row.model,
            *(percent(row.accuracy[task]) for task in tasks),
            f"{percent(row.average)} ± {percent(row.standard_error)}",
            percent(row.normalised),
            f"{1e4 * row.figure('variance'):.0f}",
            percent(row.worst),
        ]
        for row in rows
    ]
    print(table(["model", *tasks, "average", "normalised", "variance", "worst"], body))
    if any(row.kind == "per_task" for row in rows):
        print("(given the task): one model a task, told which task each image is of; a single model is told nothing.")
    for facts in split_manifests(zoo.datasets, tasks, split).values():
        if "left_out" in facts:
            print(facts["left_out"])
    print("± is one standard error from the number of images; variance over tasks in percent squared.")


def _searches(
    zoo: "Zoo", recipes: "list[Recipe]", limit: int | None, progress: Any
) -> "list[ScaleSearch | ThresholdSearch]":
    from mloss_core.evaluation import tune

    share = 1 / len(recipes)
    return [
        tune(zoo, recipe, limit=limit, progress=part(progress, place * share, (place + 1) * share))
        for place, recipe in enumerate(recipes)
    ]


def _search_words(search: "ScaleSearch | ThresholdSearch") -> str:
    from mloss_core.evaluation import ThresholdSearch

    if isinstance(search, ThresholdSearch):
        chosen = ", ".join(f"{task} {threshold:g}" for task, threshold in search.thresholds.items())
        return (
            f"{search.result.name}: each task's threshold was chosen on its own validation images "
            f"({sum(search.counts.values())} in all) from {', '.join(f'{each:g}' for each in search.curve)}: {chosen}."
        )
    best = next(point for point in search.curve if point.scale == search.scale)
    more = " No scale beyond it was tried." if search.at_the_end else ""
    by = f"by normalised accuracy ({percent(best.normalised)} there)."
    if search.metric == "average":
        why = f": {search.fallback}" if search.fallback else ""
        by = f"by average accuracy ({percent(best.average)} there){why}."
    return (
        f"{search.result.name}: the scale was chosen on {sum(search.counts.values())} validation images from "
        f"{search.curve[0].scale:g} to {search.curve[-1].scale:g}, {by}{more}"
    )


def _common_tasks(recipes: "list[Recipe]") -> tuple[str, ...] | None:
    """The tasks that all recipes name, when they name the same; else the whole zoo's."""
    named = {recipe.tasks for recipe in recipes}
    return named.pop() if len(named) == 1 else None


def _models(zoo: "Zoo", recipes: "list[Recipe]", files: list[str], progress: Any) -> list[Any]:
    from mloss_core.merging import merge
    from mloss_core.outputs.encoders import encoder_from_file

    count = max(1, len(recipes))
    found: list[Any] = [
        merge(zoo, recipe, progress=part(progress, place / count, (place + 1) / count))
        for place, recipe in enumerate(recipes)
    ]
    return found + [encoder_from_file(zoo, path) for path in files]
