"""`measure`: M-Loss of a zoo's models, block by block."""

import argparse
import math
from typing import TYPE_CHECKING, Any

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
from mloss_core.types import part

if TYPE_CHECKING:
    from mloss_core.mloss import ExpertGapReport


_GAPS = (
    "expert_gap",
    "expert_gap_standard_error",
    "expert_gap_normalised",
    "ensemble_gap",
    "ensemble_gap_standard_error",
)


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("measure", help="M-Loss and expert gap by block, with standard errors")
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
    from mloss_core.mloss import measure_expert_gap, measure_mloss
    from mloss_core.mloss.measure import require_two
    from mloss_core.mloss.notice import notice

    zoo = opened_zoo(options)
    tasks = zoo.check_tasks(names(options.tasks))
    require_two(tasks)
    with progress_bar() as progress:
        first, second = part(progress, 0, 0.5), part(progress, 0.5, 1)
        report = measure_mloss(zoo, tasks, options.samples, options.seed, options.preset, progress=first)
        gaps = measure_expert_gap(zoo, tasks, report.options, progress=second)
    answer = {
        "zoo": zoo_facts(zoo),
        "tasks": list(report.tasks),
        "samples_per_task": report.options.samples_per_task,
        "preset": options.preset,
        "options": report.options.to_dict(),
        "activation": report.activation,
        "images": len(report.image_task),
        "layers": [
            {**layer, **{name: gap[name] for name in _GAPS}}
            for layer, gap in zip(report.layers.to_dict("records"), gaps.layers.to_dict("records"), strict=True)
        ],
        "notes": list(report.notes),
        "seconds": report.seconds + gaps.seconds,
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
            f"{r['expert_gap']:.3e}",
            f"{r['ensemble_gap']:.3e}",
        ]
        for r in answer["layers"]
    ]
    print(table(["block", "M-Loss", "standard error", "normalised", "share", "expert gap", "Ensemble gap"], rows))
    print(notice(report.blocks, np.stack([report.block(block).numpy() for block in report.blocks])))
    print(_gap_words(gaps))
    for note in report.notes:
        print(f"note: {note}")


def _gap_words(gaps: "ExpertGapReport") -> str:
    """What M-Loss leaves out, in a sentence."""
    words = (
        "expert gap: merged against each task's own model on that task's images; Ensemble gap: the Ensemble likewise"
    )
    ratios = gaps.ratio()
    if not (ratios > 0).all() or not (ratios < math.inf).all():
        return f"{words}."
    low, high = (f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}" for ratio in (ratios.min(), ratios.max()))
    return f"{words}. The latter is {low} to {high} times M-Loss, which is silent about it."
