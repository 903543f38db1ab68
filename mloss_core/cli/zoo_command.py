"""`zoo`: what a zoo holds."""

import argparse
from typing import Any

from mloss_core.cli.card_words import card_text
from mloss_core.cli.common import add_common, emit, opened_zoo, table
from mloss_core.evaluation.cards import MEASURED
from mloss_core.zoo.embedded import DEFAULT_ZOO, ZOO_HELP


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("zoo", help="what a zoo holds, and what is wrong with it")
    parser.add_argument("zoo", nargs="?", default=DEFAULT_ZOO, metavar="ZOO", help=ZOO_HELP)
    add_common(parser, zoo=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Open the zoo and print its models, and its model card if it has one."""
    from mloss_core.zoo.summary import zoo_summary

    zoo = opened_zoo(options)
    summary = zoo_summary(zoo)
    if options.json:
        emit({**summary, "card": {name: zoo.card[name] for name in MEASURED if name in zoo.card} or None})
        return
    shape = zoo.architecture
    stay = f", {zoo.placement.kept:.0%} of the weights stay there" if zoo.placement else ""
    print(f"{zoo.name}  digest {zoo.digest[:12]}  on {zoo.device}{stay}")
    print(
        f"{shape.name}: {shape.layers} blocks, width {shape.width}, {shape.heads} heads, {shape.mlp_width} nodes a "
        f"block, {shape.activation}, images of {shape.image_size} x {shape.image_size}"
    )
    rows = [_row(model) for model in summary["models"]]
    print(table(["model", "digest", "MB", "weights", "head", "train / val / test", "file"], rows))
    for note in zoo.notes:
        print(f"note: {note}")
    lacking = [task for task in zoo.tasks if task not in zoo.datasets]
    if text := card_text(zoo.card):
        print(f"\n{text}")
    if lacking:
        print(f"without a dataset: {', '.join(lacking)} ({zoo.searched}). They can be merged, not measured.")


def _row(model: dict[str, Any]) -> list[str]:
    head, images = model["head"], model["images"]
    return [
        model["name"],
        model["digest"][:12],
        f"{model['bytes'] / 1e6:.2f}",
        f"{model['parameters']:,}",
        str(head[0]) if head else "-",
        " / ".join(str(count) for count in images.values()) if images else "-",
        model["file"] + (f" ({model['format']})" if model["format"] else ""),
    ]
