"""`whatif`: a criterion over one option or two of a recipe, or over the plane of a pair."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import (
    add_common,
    add_recipe,
    emit,
    names,
    opened_zoo,
    out_file,
    percent,
    progress_bar,
    recipe_from_options,
    table,
    write_out,
    zoo_facts,
)
from mloss_core.cli.method_help import method_listing
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria.records import LABEL_FREE
from mloss_core.merging.presets import get_preset
from mloss_core.merging.run_files import SPLITS, read_recipe
from mloss_core.whatif.exports import point_rows, points_csv

if TYPE_CHECKING:
    from mloss_core.recipe import Recipe
    from mloss_core.types import Progress
    from mloss_core.zoo.model import Zoo

VIEWS = ("surface", "path", "plane", "ablation", "samples", "seeds")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "whatif",
        help="how a merge changes with its options: surfaces, paths, planes",
        epilog=method_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    add_recipe(parser, many=False)
    views = parser.add_mutually_exclusive_group(required=True)
    views.add_argument(
        "--surface",
        metavar="OPTION=FROM:TO:COUNT,OPTION=FROM:TO:COUNT",
        help="over two options, as keep_rate=0.2:0.9:5,span=0:0.2:3; words are listed as scope=tensor|global",
    )
    views.add_argument("--path", metavar="OPTION=FROM:TO:COUNT", help="over one option, as scale=0:1:11")
    views.add_argument("--plane", metavar="A,B", help="over theta_0 + a tau_A + b tau_B of two models, a and b 0 to 1")
    views.add_argument("--ablation", action="store_true", help="by block: alone, prefixes, suffixes, the papers' sets")
    views.add_argument(
        "--samples", action="store_true", help="by number of unlabeled images that M-Loss is measured on"
    )
    views.add_argument("--seeds", type=int, metavar="N", help="over N seeds of what is drawn at random")
    parser.add_argument(
        "--criterion",
        default="validation",
        metavar="NAME",
        help=f"what is measured (default: validation); without labels: {', '.join(LABEL_FREE)}",
    )
    parser.add_argument(
        "--split",
        choices=(*SPLITS, "train"),
        default="val",
        help="val (default) or test, for a best value val; criteria without labels: val, labels hidden, or train",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="at most N images of each task, drawn once (default: all)"
    )
    parser.add_argument(
        "--steps", type=int, default=11, metavar="N", help="values of each factor of a plane (default: 11)"
    )
    parser.add_argument("--out", metavar="FILE.csv", help="write the points as CSV, fractions throughout")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, then print, write or emit the points."""
    out = None if options.out is None else out_file(options.out, (".csv",))
    recipe = _recipe(options)
    # 0 seeds are a view that cannot be, and equal to False.
    view = next(name for name in VIEWS if getattr(options, name) is not None and getattr(options, name) is not False)
    _check(options, view, recipe)
    zoo = opened_zoo(options)
    with progress_bar() as progress:
        found = _measured(options, view, recipe, zoo, progress)
    if out is not None:
        write_out(out, points_csv(found))
    if options.json:
        emit({"zoo": zoo_facts(zoo), "view": view, **found})
    else:
        _print(zoo, found, out)


def _recipe(options: argparse.Namespace) -> "Recipe | None":
    given = [name for name in ("recipe", "preset", "method") if getattr(options, name)]
    if len(given) > 1:
        raise InvalidOptionError(f"one recipe is varied; give --{given[0]} or --{given[1]}.")
    if options.recipe:
        return read_recipe(options.recipe)
    return get_preset(options.preset).recipe if options.preset else recipe_from_options(options)


def _check(options: argparse.Namespace, view: str, recipe: "Recipe | None") -> None:
    """Refuse, before any work, what does not go together."""
    if view == "plane":
        if recipe is not None:
            raise InvalidOptionError("a plane is of two models and takes no recipe; leave the method out.")
        if options.tasks is not None:
            raise InvalidOptionError("a plane is judged on the tasks of its two models; leave --tasks out.")
        return
    if recipe is None:
        raise InvalidOptionError(f"--{view} varies a recipe; say which with --method NAME or --recipe FILE.")
    if view in ("surface", "path"):
        from mloss_core.whatif.axes import check_axes, parse_axes

        axes, wanted = parse_axes(getattr(options, view), recipe.method), 2 if view == "surface" else 1
        if len(axes) != wanted:
            raise InvalidOptionError(f"--{view} takes {wanted} option{'s' * (wanted > 1)}; found {len(axes)}.")
        check_axes(recipe, axes)


def _measured(
    options: argparse.Namespace, view: str, recipe: "Recipe | None", zoo: "Zoo", progress: "Progress"
) -> dict[str, Any]:
    from mloss_core.whatif.axes import parse_axes
    from mloss_core.whatif.views import measure_view

    pair = names(options.plane)
    chosen = {
        "axes": [axis.to_dict() for axis in parse_axes(getattr(options, view), recipe.method)]
        if recipe is not None and view in ("surface", "path")
        else None,
        "pair": None if pair is None else list(pair),
        "steps": options.steps,
        "count": options.seeds,
    }
    tasks = pair or (recipe.tasks if recipe is not None else None)
    return measure_view(
        zoo,
        view,
        recipe,
        criterion=options.criterion,
        split=options.split,
        tasks=tasks,
        limit=options.limit,
        progress=progress,
        **chosen,
    )


def _print(zoo: "Zoo", found: dict[str, Any], out: Path | None) -> None:
    images = sum(found["counts"].values())
    unit = "percent" if found["unit"] == "fraction" else found["unit"]
    print(f"{zoo.name}, {found['title'].lower()}, {images} images of the {found['split']} split, in {unit}")
    rows = point_rows(found)
    values = {found["criterion"], "standard_error", *found["tasks"]} if unit == "percent" else set()
    shown = {"kept_fraction", *values}
    heads = [name for name in rows[0] if name != "flat"]
    body = [[percent(row.get(name)) if name in shown else _cell(row[name]) for name in heads] for row in rows]
    print(table(["standard error" if name == "standard_error" else name for name in heads], body))
    if "best" in found:
        same = sum(point["flat"] for point in found["points"]) - 1
        best = ", ".join(
            f"{name} {_cell(rows[found['best']][name])}" for name in heads[: heads.index(found["criterion"])]
        )
        print(f"Best at {best}; {same} more within twice the paired standard error of the difference to it.")
    if "barrier" in found:
        height = found["barrier"]["height"]
        words = f"{percent(height)} points" if unit == "percent" else f"{height:g} {unit}"
        print(f"Barrier on the line between both models: {words}.")
    if not found["labels"]:
        print(f"No label was read. {found['weakness']}")
    if out is not None:
        print(f"written: {out}")


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
