"""`methods`: what merging methods and presets there are, and the card of one."""

import argparse
import dataclasses
import textwrap
from typing import Any

from mloss_core.cli.common import emit, table
from mloss_core.cli.method_help import option_lines
from mloss_core.merging.labels import describe
from mloss_core.merging.methods import METHODS, get_method
from mloss_core.merging.presets import PRESETS, Preset, presets_of

_WIDTH = 110


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("methods", help="the merging methods and presets, or the card of one")
    parser.add_argument("name", nargs="?", metavar="NAME", help="a method or preset (default: list them all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the list, or one card."""
    preset = PRESETS[options.name] if options.name in PRESETS else None
    if options.json:
        emit(_listing() if options.name is None else _preset(preset) if preset else _facts(options.name))
    elif options.name is None:
        _print_list()
    elif preset is not None:
        _print_preset(preset)
    else:
        _print_card(options.name)


def _listing() -> dict[str, Any]:
    return {"methods": [_facts(name) for name in METHODS], "presets": [_preset(preset) for preset in PRESETS.values()]}


def _facts(name: str) -> dict[str, Any]:
    from mloss_core.evaluation.published.averages import published_results

    method = get_method(name)
    card = method.card
    return {
        "name": name,
        "title": method.title,
        "family": method.family,
        "summary": method.summary,
        "needs": sorted(method.needs),
        "output": method.output,
        "paper": method.paper_url or None,
        "plugin": None if method.origin is None else dataclasses.asdict(method.origin),
        "options": {field.name: field.default for field in dataclasses.fields(method.options_type)},
        "card": None if card is None else dataclasses.asdict(card),
        "published": [dataclasses.asdict(row) for row in published_results(method=name)],
        "presets": [preset.name for preset in presets_of(name)],
    }


def _preset(preset: Preset) -> dict[str, Any]:
    fields = {field.name: getattr(preset, field.name) for field in dataclasses.fields(preset)}
    return {**fields, "recipe": preset.recipe.to_dict()}


def _print_list() -> None:
    rows = [
        [
            name,
            method.family,
            ", ".join(sorted(method.needs)) or "-",
            method.output.replace("_", " "),
            ", ".join(field.name for field in dataclasses.fields(method.options_type)) or "-",
        ]
        for name, method in METHODS.items()
    ]
    print(_left(["method", "family", "needs", "output", "options"], rows))
    print("\nPresets, for --preset:")
    print(
        _left(
            ["preset", "project", "recipe"],
            [[preset.name, preset.project, describe(preset.recipe)] for preset in PRESETS.values()],
        )
    )
    print("\n'python -m mloss_core methods NAME' says more of one.")


def _print_preset(preset: Preset) -> None:
    print(f"{preset.name}: {describe(preset.recipe)}, as in {preset.project} ({preset.url})")
    print(preset.note + (" The project chooses the scale on validation images (--tune)." if preset.tuned else ""))
    print(preset.recipe.to_json())


def _print_card(name: str) -> None:
    method = get_method(name)
    card = method.card
    print(f"{name}: {method.title}, {method.family}. {method.paper_url or (method.origin and method.origin.where)}")
    _wrapped(card.idea if card else method.summary)
    if card:
        _wrapped(f"Formula (LaTeX): {card.formula}")
        _wrapped(f"Data: {card.data}")
        _wrapped(f"Cost: {card.cost}")
    print("Output:", "one model" if method.output == "single" else "one model a task; the task must be known")
    if dataclasses.fields(method.options_type):
        print("Options, with defaults (fractions, never percent):")
        print("\n".join(option_lines(method)))
    _print_published(name)
    for fault in card.faults if card else ():
        _wrapped(f"Known fault: {fault}")
    for preset in presets_of(name):
        _wrapped(f"Preset {preset.name}: {preset.note}")


def _print_published(name: str) -> None:
    from mloss_core.evaluation.published.averages import published_results, published_sources

    rows = published_results(method=name)
    if rows:
        print("Published averages in percent (normalised); rows of different sources do not compare:")
        body = [
            [
                row.title,
                row.backbone,
                str(row.tasks),
                f"{100 * row.average:.1f}" + ("" if row.normalised is None else f" ({100 * row.normalised:.1f})"),
                published_sources()[row.source].title,
            ]
            for row in rows
        ]
        print(_left(["method", "backbone", "tasks", "average", "source"], body))


def _left(header: list[str], rows: list[list[str]]) -> str:
    """A table of words, all columns to the left."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [header, *rows]]
    return table(padded[0], padded[1:])


def _wrapped(text: str) -> None:
    print("\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_long_words=False)))
