"""`zoo`: what a zoo holds."""

import argparse
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import add_common, emit, opened_zoo, table, zoo_facts
from mloss_core.types import Json

if TYPE_CHECKING:
    from mloss_core.zoo import Encoder, Zoo


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("zoo", help="what a zoo holds, and what is wrong with it")
    parser.add_argument("zoo", nargs="?", default="demo", metavar="ZOO", help="demo, or a folder (default: demo)")
    add_common(parser, zoo=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Open the zoo and print its models."""
    zoo = opened_zoo(options)
    models = [_model(zoo, encoder) for encoder in (zoo.pretrained, *zoo.sources())]
    if options.json:
        emit({"zoo": zoo_facts(zoo), "architecture": {**zoo.architecture.to_dict(), "name": zoo.architecture.name},
              "device": str(zoo.device), "layout": zoo.card.get("layout"), "models": models,
              "notes": list(zoo.notes), "datasets": zoo.searched or None})  # fmt: skip
        return
    shape = zoo.architecture
    print(f"{zoo.name}  digest {zoo.digest[:12]}  on {zoo.device}")
    print(
        f"{shape.name}: {shape.layers} blocks, width {shape.width}, {shape.heads} heads, {shape.mlp_width} nodes a "
        f"block, {shape.activation}, images of {shape.image_size} x {shape.image_size}"
    )
    print(table(["model", "digest", "MB", "weights", "head", "train / val / test", "file"], [_row(m) for m in models]))
    for note in zoo.notes:
        print(f"note: {note}")
    lacking = [task for task in zoo.tasks if task not in zoo.datasets]
    if lacking:
        print(f"without a dataset: {', '.join(lacking)} ({zoo.searched}). They can be merged, not measured.")


def _model(zoo: "Zoo", encoder: "Encoder") -> dict[str, Json]:
    dataset, head = zoo.datasets.get(encoder.name), zoo.heads.get(encoder.name)
    file = zoo.card.get("files", {}).get(encoder.name, {})
    return {
        "name": encoder.name, "digest": encoder.digest, "bytes": encoder.bytes, "parameters": encoder.parameters,
        "classes": len(dataset.classes) if dataset else None,
        "images": {split: dataset.size(split) for split in ("train", "val", "test")} if dataset else None,
        "head": list(head.shape) if head is not None else None,
        "file": file.get("file", encoder.source), "format": file.get("format"), "distance": file.get("distance"),
    }  # fmt: skip


def _row(model: dict[str, Any]) -> list[str]:
    head, images = model["head"], model["images"]
    return [
        model["name"], model["digest"][:12], f"{model['bytes'] / 1e6:.2f}", f"{model['parameters']:,}",
        str(head[0]) if head else "-", " / ".join(str(count) for count in images.values()) if images else "-",
        model["file"] + (f" ({model['format']})" if model["format"] else ""),
    ]  # fmt: skip
