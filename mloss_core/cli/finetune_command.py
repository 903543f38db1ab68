"""`finetune`: an image encoder fine-tuned on a dataset, by the recipe of the field."""

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.checkpoints.formats import FORMATS
from mloss_core.cli.common import add_common, emit, out_file, percent, progress_bar
from mloss_core.errors import InvalidOptionError
from mloss_core.options import build_options, parse_option
from mloss_core.training.options import FinetuneOptions
from mloss_core.types import Progress, part

if TYPE_CHECKING:
    from mloss_core.training.finetuning import Finetuned
    from mloss_core.zoo.model import Zoo


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "finetune",
        help="fine-tune an image encoder on a dataset",
        description="Fine-tune the pretrained encoder of a zoo, or of one file, on a dataset. The head stays frozen.",
    )
    parser.add_argument("--task", required=True, metavar="NAME", help="the task: its name in the zoo, or of a dataset")
    parser.add_argument("--out", required=True, metavar="FILE", help="safetensors file to write")
    source = parser.add_argument_group("what is fine-tuned", "the zoo's pretrained encoder, or a file of your own")
    source.add_argument("--pretrained", metavar="FILE", help="the pretrained encoder, in any format, instead of a zoo")
    source.add_argument("--data", metavar="DIR", help="folder of datasets (with --pretrained; default: $MLOSS_DATA)")
    source.add_argument("--head", metavar="FILE", help="zero-shot head of the task (with --pretrained)")
    source.add_argument("--activation", metavar="NAME", help="of the encoder, where its file does not say")
    add_common(parser)
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default="canonical",
        help="whose tensor names the file has (default: canonical)",
    )
    _add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fine-tune, write the encoder, and print what became of it."""
    from mloss_core.merging.merged_files import check_out
    from mloss_core.training.finetuning import finetune_encoder

    out = out_file(options.out, (".safetensors",))
    how = build_options(FinetuneOptions, {name: _value(options, name) for name in _names()})
    with progress_bar() as progress:
        zoo = _zoo(options, part(progress, 0, 0.1))
        check_out(zoo, out, options.format)
        zoo.require_datasets([options.task], "fine-tuning needs")
        zoo.require_heads([options.task])
        found = finetune_encoder(
            zoo.architecture,
            zoo.pretrained.weights,
            zoo.heads[options.task],
            zoo.datasets[options.task],
            how,
            zoo.device,
            part(progress, 0.1, 1.0),
        )
    answer = _written(out, zoo, options, how, found)
    if options.json:
        emit(answer)
        return
    for words in getattr(zoo.datasets[options.task], "left_out", {}).values():
        print(words)
    print(f"{out}: {options.task}, {found.updates} updates in {found.seconds:.1f} s, last loss {found.losses[-1]:.3f}")
    if found.checked:
        print(
            f"accuracy on {found.checked} validation images: {percent(found.before)} before, {percent(found.after)} "
            "after, in percent"
        )
    print(f"digest {answer['digest']}")


def _zoo(options: argparse.Namespace, progress: Progress) -> "Zoo":
    """The zoo, or one made of a single pretrained file, a dataset and a head."""
    from mloss_core.opening import open_zoo

    if options.pretrained is None:
        for name in ("data", "head", "activation"):
            if getattr(options, name) is not None:
                raise InvalidOptionError(f"--{name} belongs to --pretrained; a zoo brings its own.")
        return open_zoo(options.zoo, device=options.device, progress=progress)
    from mloss_core.zoo.folders.base_only import base_zoo

    return base_zoo(
        Path(options.pretrained),
        options.task,
        data=options.data,
        head=options.head,
        activation=options.activation,
        device=options.device,
        progress=progress,
    )


def _written(out: Path, zoo: "Zoo", options: argparse.Namespace, how: Any, found: "Finetuned") -> dict[str, Any]:
    from mloss_core.checkpoints.naming import TowerWriter
    from mloss_core.checkpoints.writing import layout_of
    from mloss_core.merging.merged_files import write_config

    dataset = zoo.datasets[options.task]
    facts = {
        "architecture": zoo.architecture.to_dict(),
        "task": options.task,
        "options": dataclasses.asdict(how),
        "pretrained": zoo.pretrained.digest,
        "dataset": dataset.digest,
        "updates": found.updates,
    }
    with TowerWriter(
        out, layout_of(found.state), {name: json.dumps(value) for name, value in facts.items()}, options.format
    ) as writer:
        for key in writer.order:
            writer.write(key, found.state[key])
    write_config(out, options.format, zoo.architecture)
    return {
        "out": str(out),
        "digest": writer.digest,
        "task": options.task,
        "epochs": found.epochs,
        "updates": found.updates,
        "loss": found.losses[-1],
        "before": _known(found.before),
        "after": _known(found.after),
        "checked": found.checked,
        "seconds": found.seconds,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _names() -> list[str]:
    return [field.name for field in dataclasses.fields(FinetuneOptions)]


def _value(options: argparse.Namespace, name: str) -> Any:
    given = getattr(options, name)
    default = {field.name: field.default for field in dataclasses.fields(FinetuneOptions)}[name]
    return parse_option(FinetuneOptions, name, given) if isinstance(given, str) and given != default else given


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training", "the defaults are those of the field's published checkpoints")
    for field in dataclasses.fields(FinetuneOptions):
        choices = field.metadata["choices"]
        metavar = "{" + ",".join(choices) + "}" if choices else "N"
        usual = "" if field.default is None else f" (default: {field.default})"
        text = field.metadata["help"].replace("%", "%%") + usual
        group.add_argument(f"--{field.name.replace('_', '-')}", default=field.default, metavar=metavar, help=text)
