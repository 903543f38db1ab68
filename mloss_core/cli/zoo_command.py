"""`zoo`: what a zoo holds."""

import argparse
from typing import Any

from mloss_core.cli.common import add_common, emit, table, zoo_facts


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("zoo", help="what a zoo holds, and what is wrong with it")
    parser.add_argument("zoo", nargs="?", default="demo", metavar="ZOO", help="demo, or a folder (default: demo)")
    add_common(parser, zoo=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Open the zoo and print its models."""
    from mloss_core.zoo import open_zoo

    zoo = open_zoo(options.zoo, device=options.device)
    models = [
        {
            "name": encoder.name, "digest": encoder.digest, "bytes": encoder.bytes, "parameters": encoder.parameters,
            "classes": len(zoo.datasets[encoder.name].classes) if encoder.name in zoo.datasets else None,
            "images": {s: zoo.datasets[encoder.name].size(s) for s in ("train", "val", "test")}
            if encoder.name in zoo.datasets else None,
        }
        for encoder in (zoo.pretrained, *zoo.sources())
    ]  # fmt: skip
    if options.json:
        emit({"zoo": zoo_facts(zoo), "architecture": zoo.architecture.to_dict(), "device": str(zoo.device),
              "models": models, "notes": list(zoo.notes)})  # fmt: skip
        return
    shape = zoo.architecture
    print(f"{zoo.name}  digest {zoo.digest[:12]}  on {zoo.device}")
    print(
        f"vision transformer, {shape.layers} blocks, width {shape.width}, {shape.mlp_width} nodes a block, "
        f"{shape.activation}, images of {shape.image_size} x {shape.image_size}"
    )
    rows = [
        [m["name"], m["digest"][:12], f"{m['bytes'] / 1e6:.2f}", f"{m['parameters']:,}", m["classes"] or "-",
         " / ".join(str(n) for n in m["images"].values()) if m["images"] else "-"]
        for m in models
    ]  # fmt: skip
    print(table(["model", "digest", "MB", "weights", "classes", "train / val / test"], rows))
    for note in zoo.notes:
        print(f"note: {note}")
