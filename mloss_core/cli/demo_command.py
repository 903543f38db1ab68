"""`demo`: the embedded zoo, rebuilt from a seed."""

import argparse
from pathlib import Path
from typing import Any

from mloss_core.cli.common import emit, percent, progress_bar, table
from mloss_core.errors import InvalidOptionError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="rebuild the embedded zoo from a seed")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser(
        "build", help="draw, pretrain, fine-tune, measure: about 25 minutes on one CPU core, less on a GPU"
    )
    build.add_argument("--out", default="demo-zoo", metavar="DIR", help="folder to write to (default: demo-zoo)")
    build.add_argument("--seed", type=int, default=0, help="seed of everything (default: 0)")
    build.add_argument("--scale", type=float, default=1.0, help="share of the full training, 0 to 1 (default: 1)")
    build.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    build.add_argument("--json", action="store_true", help="print the manifest as JSON")
    build.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Build the zoo and print its accuracies."""
    if not 0 < options.scale <= 1:
        raise InvalidOptionError(f"--scale must be above 0 and at most 1; found {options.scale:g}.")
    if options.seed < 0:
        raise InvalidOptionError(f"--seed must be at least 0; found {options.seed}.")
    from mloss_core.demo.build import build_demo_zoo

    out = Path(options.out)
    if out.exists() and not out.is_dir():
        raise InvalidOptionError(f"--out must be a folder; {out} is a file.")
    with progress_bar(not options.json) as progress:
        manifest = build_demo_zoo(out, seed=options.seed, device=options.device, scale=options.scale, progress=progress)
    if options.json:
        emit(manifest)
        return
    rows = [
        [name, percent(values["average"]), percent(manifest["average"]["test"][name]["average"])]
        for name, values in manifest["average"]["val"].items()
    ]
    print(table(["model", "validation %", "test %"], rows))
    print(f"written to {out}; open it with --zoo {out}")
