"""`demo`: the embedded zoo, rebuilt from a seed, or its card measured anew."""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mloss_core.cli.card_words import card_text
from mloss_core.cli.common import emit, progress_bar
from mloss_core.errors import InvalidOptionError

_MANIFEST = "manifest.json"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="rebuild the embedded zoo from a seed, or its card")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser(
        "build",
        help="draw, pretrain, fine-tune, measure: 25 minutes on one CPU core for eight tasks, an hour for twenty",
    )
    build.add_argument("--out", default="demo-zoo", metavar="DIR", help="folder to write to (default: demo-zoo)")
    build.add_argument("--tasks", type=int, default=8, help="how many of the twenty tasks, from the first (default: 8)")
    build.add_argument("--width", type=int, default=64, help="of the vision tower, a multiple of 32 (default: 64)")
    build.add_argument("--optimiser", default="adamw", help="of the fine-tunes: adamw or sgd (default: adamw)")
    build.add_argument("--from", dest="start", metavar="DIR", help="take over the pretrained model of this zoo")
    build.add_argument("--processes", type=int, default=1, help="how many draw images (default: 1)")
    build.add_argument("--seed", type=int, default=0, help="seed of everything (default: 0)")
    build.add_argument("--scale", type=float, default=1.0, help="share of the full training, 0 to 1 (default: 1)")
    build.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    build.add_argument("--json", action="store_true", help="print the manifest as JSON")
    build.set_defaults(run=run)
    _add_card(actions)


def _add_card(actions: Any) -> None:
    card = actions.add_parser("card", help="measure the model card of a built zoo anew and write it into its manifest")
    card.add_argument("zoo", metavar="DIR", help="folder of a zoo that 'demo build' made")
    card.add_argument(
        "--part",
        action="append",
        default=[],
        metavar="NAME",
        help="accuracy (with the choices before it), profile (M-Loss, task vectors) or curve (from two models to all); "
        "repeatable (default: all). What is not measured stays",
    )
    card.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    card.add_argument("--json", action="store_true", help="print the manifest as JSON")
    card.set_defaults(run=run_card)


def run_card(options: argparse.Namespace) -> None:
    """Measure, write and print the card."""
    from mloss_core.demo.build import measure_card_anew
    from mloss_core.demo.card import PARTS

    with progress_bar() as progress:
        manifest = measure_card_anew(options.zoo, device=options.device, parts=options.part or PARTS, progress=progress)
    if options.json:
        emit(manifest)
    else:
        print(card_text(manifest))


def run(options: argparse.Namespace) -> None:
    """Build the zoo beside its place, put it there when it is whole, and print its accuracies.

    What was built before the command was stopped stays in the hidden folder beside, and the next call goes on there.
    """
    if not 0 < options.scale <= 1:
        raise InvalidOptionError(f"--scale must be above 0 and at most 1; found {options.scale:g}.")
    if not 0 <= options.seed < 2**31:
        raise InvalidOptionError(f"--seed must be from 0 to {2**31 - 1}; found {options.seed}.")
    out = _folder(options.out)
    from mloss_core.demo.build import build_demo_zoo
    from mloss_core.demo.recipe import DemoRecipe

    chosen = ("seed", "tasks", "width", "optimiser", "scale")
    recipe = DemoRecipe(**{name: getattr(options, name) for name in chosen})
    place = out.parent / f".{out.name}-building"
    with progress_bar() as progress:
        manifest = build_demo_zoo(
            place,
            recipe,
            device=options.device,
            processes=options.processes,
            start=Path(options.start) if options.start else None,
            progress=progress,
        )
    _move(place, out, manifest["files"])
    if options.json:
        emit(manifest)
        return
    print(card_text(manifest))
    print(f"written to {out}; open it with --zoo {options.out}")


def _folder(text: str) -> Path:
    """Where the zoo goes, refused before the training when it cannot go there."""
    out = Path(text).absolute()
    if out.exists() and not out.is_dir():
        raise InvalidOptionError(f"--out must be a folder; {out} is a file.")
    if not out.parent.is_dir():
        raise InvalidOptionError(f"--out must lie in a folder that exists; there is no {out.parent}.")
    if out.is_dir() and any(out.iterdir()) and not (out / _MANIFEST).is_file():
        raise InvalidOptionError(f"--out must be new, empty or a zoo to replace; {out} holds other files.")
    return out


def _move(place: Path, out: Path, names: Iterable[str]) -> None:
    """Put the zoo's files where they belong, the manifest last: a zoo is what its manifest says."""
    out.mkdir(exist_ok=True)
    for name in (*names, _MANIFEST):
        (place / name).replace(out / name)
    shutil.rmtree(place)
