"""`evaluate`: accuracies of merges beside Zero-shot, the Ensembles and Individual."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from mloss_core.cli.choice import add_choice, check_choice, chosen_choice
from mloss_core.cli.common import add_common, add_recipe, emit, opened_zoo, progress_bar, zoo_facts
from mloss_core.cli.evaluate_words import print_table, print_unlabelled, search_words
from mloss_core.cli.method_help import method_listing
from mloss_core.cli.requests import add_run, requested
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.run_files import SPLITS
from mloss_core.types import part

if TYPE_CHECKING:
    from mloss_core.evaluation import ScaleSearch, ThresholdSearch
    from mloss_core.evaluation.criteria import Choice
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
        help="choose each recipe's scale (tall_mask: thresholds) first, by --choose-by; its own is ignored",
    )
    add_choice(parser)
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
    recipes = list(asked.recipes)
    for name in ("zoo", "split", "tune", "choose_by", "images", "source"):
        setattr(options, name, getattr(asked, name))
    from mloss_core.data.manifests import split_manifests
    from mloss_core.evaluation import evaluate_rows
    from mloss_core.evaluation.criteria.choice import IMAGES
    from mloss_core.evaluation.judged import judged_rows, tasks_without_labels, unlabelled_rows
    from mloss_core.evaluation.tables import contenders_of

    _check_choices(options, recipes)
    zoo = opened_zoo(options)
    tasks = zoo.check_tasks(asked.tasks or _common_tasks(recipes))
    unlabelled = tasks_without_labels(zoo, tasks)
    choice = chosen_choice(options, bool(unlabelled))
    recipes, scales = _published(zoo, recipes) if options.no_data else (recipes, [])
    with progress_bar() as progress:
        start = 0.5 if options.tune else 0.0
        tuning = part(progress, 0, 0.5)
        searches = _searches(zoo, recipes, choice, options.limit, tuning) if options.tune else []
        chosen = [] if options.tune else recipes
        results = [
            *(search.result for search in searches),
            *_models(zoo, chosen, options.weights, part(progress, start, start + 0.2)),
        ]
        few = zoo.limited(options.limit)
        rest, looks = part(progress, start + 0.2, 1), {"images": options.images or IMAGES, "source": options.source}
        if unlabelled:
            rows = unlabelled_rows(zoo, results, tasks, progress=rest, **looks)
        else:
            rows = evaluate_rows(few, results, options.split, tasks, progress=part(rest, 0, 0.9))
            models = contenders_of(zoo.subset(tasks), results)
            rows = judged_rows(zoo, rows, models, tasks=tasks, progress=part(rest, 0.9, 1), **looks)
    more: dict[str, Any] = {"tuning": [search.to_dict() for search in searches]} if options.tune else {}
    more |= {"scales": scales} if options.no_data else {}
    if options.json:
        split = next((one.split for one in rows[0].criteria.values()), None) if unlabelled else options.split
        emit(
            {
                "zoo": zoo_facts(zoo),
                "split": split,
                "labels": not unlabelled,
                "counts": dict(rows[0].counts),
                "images": split_manifests(few.datasets, tasks, str(split)),
                "rows": [row.to_dict() for row in rows],
                **more,
                "seconds": time.perf_counter() - started,
            }
        )
        return
    print_unlabelled(zoo, rows, unlabelled) if unlabelled else print_table(zoo, options.split, rows)
    for words in (*map(search_words, searches), *scales):
        print(words)


def _check_choices(options: argparse.Namespace, recipes: "list[Recipe]") -> None:
    """Refuse, before any work, choices that do not go together."""
    from mloss_core.evaluation import check_tunable

    if options.tune and options.no_data:
        raise InvalidOptionError("--no-data and --tune are two ways to a scale; give one of them.")
    if options.tune and (options.split != "test" or not recipes):
        raise InvalidOptionError("--tune chooses on val and reports on test: it takes a recipe, and no other split.")
    check_choice(options)
    for recipe in recipes if options.tune else ():
        check_tunable(recipe)


def _published(zoo: "Zoo", recipes: "list[Recipe]") -> "tuple[list[Recipe], list[str]]":
    """The recipes at their published scales, with a sentence on each."""
    from mloss_core.evaluation.published.scales import without_images

    backbone = zoo.architecture.name
    found = [without_images(recipe, backbone, len(recipe.tasks or zoo.tasks)) for recipe in recipes]
    return [recipe for recipe, _ in found], [words for _, words in found]


def _searches(
    zoo: "Zoo", recipes: "list[Recipe]", choice: "Choice", limit: int | None, progress: Any
) -> "list[ScaleSearch | ThresholdSearch]":
    from mloss_core.evaluation import tune

    share = 1 / len(recipes)
    return [
        tune(zoo, recipe, choose_by=choice, limit=limit, progress=part(progress, place * share, (place + 1) * share))
        for place, recipe in enumerate(recipes)
    ]


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
