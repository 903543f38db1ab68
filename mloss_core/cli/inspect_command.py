"""`inspect`: which images of a task one model gets right and another wrong."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import (
    add_common,
    emit,
    opened_zoo,
    out_file,
    percent,
    progress_bar,
    table,
    write_out,
    zoo_facts,
)
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.inspection.answers import SIDES, SPLITS
from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.merging.methods import METHODS
from mloss_core.merging.presets import get_preset
from mloss_core.merging.run_files import read_recipe
from mloss_core.recipe import Recipe

if TYPE_CHECKING:
    from mloss_core.evaluation.inspection.answers import Inspection
    from mloss_core.zoo.model import Zoo

_MODEL = (
    f"a baseline ({', '.join(BASELINE_NAMES)}), a recipe file (.json, .yaml), a method with its defaults, a preset, or "
    "a weight file"
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("inspect", help="images that one model gets right and another wrong")
    add_common(parser)
    parser.add_argument("--task", required=True, metavar="NAME", help="whose images")
    parser.add_argument("--a", required=True, metavar="MODEL", help=_MODEL)
    parser.add_argument("--b", default="ensemble", metavar="MODEL", help="likewise (default: ensemble)")
    parser.add_argument(
        "--split", choices=SPLITS, default="test", help="of the images; train for images without labels (default: test)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most N images, drawn at random once (default: all)")
    parser.add_argument("--show", type=int, default=5, metavar="N", help="images listed of each field (default: 5)")
    parser.add_argument("--out", metavar="FILE", help="also write all images with their answers: .csv")
    parser.add_argument(
        "--calibration", action="store_true", help="also the calibration error of A, B, expert, Ensemble"
    )
    parser.add_argument("--blocks", action="store_true", help="also CKA with the task's own expert, and expert gap")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Ask both models, and print where they differ."""
    started = time.perf_counter()
    out = None if options.out is None else out_file(options.out, (".csv",))
    if options.show < 0:
        raise InvalidOptionError(f"--show must be at least 0; found {options.show}.")
    asked = {side: _asked(getattr(options, side)) for side in SIDES}
    from mloss_core.evaluation.inspection import inspect_models
    from mloss_core.evaluation.inspection.exports import answers_csv
    from mloss_core.types import part

    zoo = opened_zoo(options)
    a, b = (_opened(zoo, asked[side]) for side in SIDES)
    with progress_bar() as progress:
        found = inspect_models(
            zoo, options.task, a, b, options.split, limit=options.limit, progress=part(progress, 0, 0.5)
        )
        more = _more(zoo, options, [a, b], part(progress, 0.5, 1))
    if out is not None:
        write_out(out, answers_csv(found))
    if options.json:
        emit({**_answer(zoo, found, options.show), **more, "seconds": time.perf_counter() - started})
        return
    _print(zoo, found, options.show)
    _print_more(more)


def _asked(text: str) -> str | Recipe | Path:
    """A baseline's name, a recipe, or the path of a weight file.

    Raises:
        InvalidOptionError: none of them.
    """
    path = Path(text)
    if text in BASELINE_NAMES:
        return text
    if path.suffix in (".json", ".yaml", ".yml"):
        return read_recipe(path)
    if path.is_file():
        return path
    if text in METHODS:
        return Recipe(method=text)
    if "@" in text:
        return get_preset(text).recipe
    raise InvalidOptionError(f"a model to inspect is {_MODEL}; found {text!r}.")


def _opened(zoo: "Zoo", model: str | Recipe | Path) -> Any:
    if not isinstance(model, Path):
        return model
    from mloss_core.outputs.encoders import encoder_from_file

    return encoder_from_file(zoo, model)


def _more(zoo: "Zoo", options: argparse.Namespace, models: list[Any], progress: Any) -> dict[str, Any]:
    """What is asked for beyond the answers."""
    from mloss_core.evaluation.inspection import reliability_curves, similarity_by_block
    from mloss_core.types import part

    found: dict[str, Any] = {}
    if options.calibration:
        curves = reliability_curves(
            zoo,
            options.task,
            [*models, "individual", "ensemble"],
            options.split,
            limit=options.limit,
            progress=part(progress, 0, 0.5),
        )
        found["calibration"] = [curve.to_dict() for curve in curves]
    if options.blocks:
        alike = similarity_by_block(
            zoo, options.task, [*models, "zero_shot"], options.split, progress=part(progress, 0.5, 1)
        )
        found["blocks"] = alike.to_dict()
    return found


def _answer(zoo: "Zoo", found: "Inspection", most: int) -> dict[str, Any]:
    from mloss_core.evaluation.inspection.exports import image_record

    shares = {"difference": found.difference, "agreement": None} if found.labelled else {"agreement": found.agreement}
    shown = {name: share for name, share in shares.items() if share is not None}
    headline = next(iter(shown.values()))
    accuracy = {side: found.accuracy(side).value if found.labelled else None for side in SIDES}
    return {
        "zoo": zoo_facts(zoo),
        "task": found.task,
        "split": found.split,
        "images": len(found.index),
        "labels": found.labelled,
        **{side: {**found.answer(side).facts(), "accuracy": accuracy[side]} for side in SIDES},
        "fields": found.counts,
        **{name: share.value for name, share in shown.items()},
        "standard_error": headline.standard_error,
        "decisive": {
            field: [image_record(found, int(place)) for place in found.images(field)[:most]] for field in found.fields
        },
    }


def _print(zoo: "Zoo", found: "Inspection", most: int) -> None:
    counts, models = found.counts, {side: found.answer(side).model for side in SIDES}
    print(f"{zoo.name}, {found.task}, {found.split} split, {len(found.index)} images")
    print(f"A: {models['a']}   B: {models['b']}")
    if found.labelled:
        grid = [
            ["A right", str(counts["both_right"]), str(counts["only_a"])],
            ["A wrong", str(counts["only_b"]), str(counts["both_wrong"])],
        ]
        print(table(["", "B right", "B wrong"], grid))
        shares = {side: found.accuracy(side) for side in SIDES}
        words = ", ".join(
            f"{side.upper()} {percent(share.value)} ± {percent(share.standard_error)} %"
            for side, share in shares.items()
        )
        gap = found.difference
        print(f"{words}; A - B {100 * gap.value:+.1f} ± {percent(gap.standard_error)} points (paired)")
    else:
        share = found.agreement
        print(
            f"No labels: both models give the same answer to {counts['agree']}, {percent(share.value)} ± "
            f"{percent(share.standard_error)} %, and another one to {counts['disagree']}."
        )
    for field in ("only_a", "only_b") if found.labelled else ("disagree",):
        _print_images(found, field, most)


def _print_images(found: "Inspection", field: str, most: int) -> None:
    from mloss_core.evaluation.inspection.exports import image_record

    records = [image_record(found, int(place)) for place in found.images(field)[:most]]
    if not records:
        return
    names = {"only_a": "A alone right", "only_b": "B alone right", "disagree": "They disagree"}
    print(f"\n{names[field]}, most decisive first (margins in nats):")
    truth = ["truth"] if found.labelled else []
    rows = [
        [
            str(record.get("file", record["image"])),
            *([record["truth"]] if truth else []),
            *(text for side in SIDES for text in (record[f"{side}_answer"], f"{record[f'{side}_margin']:+.2f}")),
        ]
        for record in records
    ]
    print(table(["image", *truth, "A says", "margin", "B says", "margin"], rows))


def _print_more(more: dict[str, Any]) -> None:
    if "calibration" in more:
        print("\nExpected calibration error in percent; floor: what a perfectly calibrated model would show:")
        rows = [
            [one["model"], f"{percent(one['ece'])} ± {percent(one['ece_error'])}", percent(one["ece_floor"])]
            for one in more["calibration"]
        ]
        print(table(["model", "ECE", "floor"], rows))
    if "blocks" in more:
        found = more["blocks"]
        print(f"\nAgainst the task's own expert by block, {found['images']} images: linear CKA, then expert gap:")
        for name, form in (("cka", ".3f"), ("gap", ".1e")):
            rows = [
                [one["model"], *("-" if value is None else f"{value:{form}}" for value in values)]
                for one, values in zip(found["models"], found[name], strict=True)
            ]
            print(table(["model", *map(str, found["blocks"])], rows))
