"""`measure`: M-Loss of a zoo's models, block by block."""

import argparse
from typing import Any

from mloss_core.cli.common import (
    add_common,
    emit,
    json_text,
    names,
    opened_zoo,
    out_file,
    progress_bar,
    table,
    write_out,
    zoo_facts,
)
from mloss_core.errors import InvalidOptionError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("measure", help="M-Loss by block, with standard errors")
    add_common(parser)
    parser.add_argument("--tasks", metavar="A,B", help="models to measure, at least two (default: all)")
    parser.add_argument("--samples", type=int, default=None, help="images from each task (default: 16)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the image draw (default: 0)")
    parser.add_argument("--preset", default="paper", help="paper or reference (default: paper)")
    parser.add_argument("--out", metavar="FILE", help="also write: .json the answer, .csv the value of every node")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    import numpy as np

    out = None if options.out is None else out_file(options.out, (".json", ".csv"))
    if options.preset == "reference" and options.samples is not None:
        raise InvalidOptionError("--samples is of the paper preset; reference draws as the published code does.")
    from mloss_core.mloss import measure_mloss
    from mloss_core.mloss.measure import require_two
    from mloss_core.mloss.notice import notice

    zoo = opened_zoo(options)
    tasks = zoo.check_tasks(names(options.tasks))
    require_two(tasks)
    with progress_bar() as progress:
        report = measure_mloss(zoo, tasks, options.samples, options.seed, options.preset, progress=progress)
    answer = {
        "zoo": zoo_facts(zoo),
        "tasks": list(report.tasks),
        "samples_per_task": report.options.samples_per_task,
        "preset": options.preset,
        "options": report.options.to_dict(),
        "activation": report.activation,
        "images": len(report.image_task),
        "layers": report.layers.to_dict("records"),
        "notes": list(report.notes),
        "seconds": report.seconds,
    }
    if out is not None:
        write_out(out, json_text(answer) if out.suffix == ".json" else report.to_frame(1).to_csv(index=False))
    if options.json:
        emit(answer)
        return
    print(f"{zoo.name}: {len(report.tasks)} models, {len(report.image_task)} unlabeled images, {report.activation}")
    rows = [
        [
            str(r["block"]),
            f"{r['mloss']:.3e}",
            f"{r['standard_error']:.1e}",
            f"{r['normalised']:.4f}",
            f"{100 * report.share((r['block'],)):.1f} %",
        ]
        for r in answer["layers"]
    ]
    print(table(["block", "M-Loss", "standard error", "normalised", "share"], rows))
    print(notice(report.blocks, np.stack([report.block(block).numpy() for block in report.blocks])))
    for note in report.notes:
        print(f"note: {note}")
