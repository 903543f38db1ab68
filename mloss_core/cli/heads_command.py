"""`heads`: zero-shot heads from class names, through a real text tower."""

import argparse
from pathlib import Path
from typing import Any

from mloss_core.cli.common import emit, out_file, progress_bar, spare
from mloss_core.data.templates import check_template
from mloss_core.errors import InvalidOptionError
from mloss_core.parsing import parse_object, read_text

_MOST_CLASSES = 100_000
_ACTIVATIONS = ("quick_gelu", "gelu", "gelu_tanh")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("heads", help="build zero-shot heads from class names and templates")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="one head, through the text tower of an open_clip or OpenAI checkpoint")
    source = build.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", metavar="FILE", help="checkpoint of the whole CLIP, in any format")
    source.add_argument(
        "--fetch", metavar="MODEL/TAG", help="let open_clip download the weights, such as ViT-B-32/openai"
    )
    words = build.add_mutually_exclusive_group(required=True)
    words.add_argument(
        "--classes",
        metavar="FILE",
        help='JSON: {"classes": ["cat", ..] in label order, "templates": ["a photo of a {}.", ..]}',
    )
    words.add_argument(
        "--dataset",
        metavar="NAME",
        help="one of the field's 20 tasks (cars, dtd, eurosat, ..): its class names and templates in OpenAI's wording",
    )
    build.add_argument(
        "--out", required=True, metavar="FILE", help="safetensors file to write, such as head_Cars.safetensors"
    )
    build.add_argument(
        "--activation", choices=_ACTIVATIONS, help="of the text tower (default: what the file says, else quick_gelu)"
    )
    build.add_argument("--json", action="store_true", help="print one JSON object")
    build.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Build the head, write it, and print what it is."""
    classes, templates, about = _wording(options)
    out = out_file(options.out, (".safetensors",))
    from mloss_core.data.head_files import write_head
    from mloss_core.data.text_towers import read_text_tower

    if options.weights is not None:
        spare(out, [options.weights])
    tower = read_text_tower(*_source(options))
    with progress_bar() as progress:
        head = tower.head(classes, templates, progress)
    facts = {"classes": classes, "templates": templates, "weights": tower.digest, "activation": tower.activation}
    digest = write_head(out, head, facts)
    answer = {
        "out": str(out),
        "digest": digest,
        "classes": len(classes),
        "templates": len(templates),
        "embed_dim": head.shape[1],
        "logit_scale": tower.logit_scale,
        "activation": tower.activation,
        "weights": tower.digest,
        "notes": [*tower.notes, *about],
    }
    if options.json:
        emit(answer)
        return
    print(f"{out}: {len(classes)} classes, {len(templates)} templates, logit scale {tower.logit_scale:.2f}")
    print(f"digest {digest}")
    for note in (*tower.notes, *about):
        print(f"note: {note}")


def _source(options: argparse.Namespace) -> tuple[str | Path, str | None]:
    """The weight file and the activation that is known beside it."""
    if options.fetch is None:
        return options.weights, options.activation
    from mloss_core.data.fetching import fetch_weights

    path, activation = fetch_weights(options.fetch)
    return path, options.activation or activation


def _wording(options: argparse.Namespace) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Class names, templates and what to know of them, from the catalogue or from a file."""
    if options.dataset is None:
        return *_sentences(Path(options.classes)), ()
    from mloss_core.data.field.catalogue import require_field_task

    task = require_field_task(options.dataset)
    return list(task.classes), list(task.templates), task.notes


def _sentences(path: Path) -> tuple[list[str], list[str]]:
    """Class names and templates.

    Raises:
        InvalidOptionError: the file is no such JSON object.
    """
    values = parse_object(read_text(path, "file of --classes"), str(path), most=_MOST_CLASSES)
    fields = ("classes", "templates")
    if set(values) != set(fields):
        found = ", ".join(sorted(values)) or "nothing"
        raise InvalidOptionError(f"--classes: {path} must hold classes and templates, nothing else; found {found}.")
    for field in fields:
        listed = values[field]
        if not isinstance(listed, list) or not listed or not all(isinstance(one, str) and one for one in listed):
            raise InvalidOptionError(f"--classes: {field} of {path} must be a list of texts with at least one.")
    for template in values["templates"]:
        check_template(template)
    return values["classes"], values["templates"]
