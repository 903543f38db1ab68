"""What several commands share: arguments, recipes, progress, and how numbers are printed."""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mloss_core.errors import InvalidOptionError
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.types import Progress, silent


def add_common(parser: argparse.ArgumentParser, *, zoo: bool = True) -> None:
    """`--zoo`, `--device` and `--json`."""
    if zoo:
        parser.add_argument("--zoo", default="demo", metavar="ZOO", help="demo, or a folder (default: demo)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto, the first GPU if any)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; accuracies are fractions")


def add_recipe(parser: argparse.ArgumentParser, *, many: bool) -> None:
    """A recipe: a file, or a method with options."""
    group = parser.add_argument_group("recipe", "a file, or a method with its options (fractions, never percent)")
    group.add_argument(
        "--recipe", action="append" if many else "store", metavar="FILE", default=[] if many else None,
        help="recipe as JSON" + ("; may be repeated" if many else ""),
    )  # fmt: skip
    group.add_argument("--method", metavar="NAME", help="average, task_arithmetic, ties, dare, m_ties, m_dare, ...")
    group.add_argument(
        "--option", action="append", default=[], metavar="FIELD=VALUE", help="option of the method; may be repeated"
    )
    group.add_argument("--tasks", metavar="A,B", help="models to merge (default: all)")
    group.add_argument("--blocks", metavar="8,9,10", help="blocks whose keep rates follow M-Loss (default: all)")
    group.add_argument("--seed", type=int, default=0, help="seed of random masks (default: 0)")


def names(text: str | None) -> tuple[str, ...] | None:
    """A comma-separated list; None stays None."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def numbers(text: str | None) -> tuple[int, ...] | None:
    """A comma-separated list of whole numbers; None stays None.

    Raises:
        InvalidOptionError: something else.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InvalidOptionError(f"blocks must be whole numbers such as 8,9,10; found {text!r}.") from error


def recipe_from_file(path: str) -> Recipe:
    """The recipe in a JSON file.

    Raises:
        InvalidOptionError: the file cannot be read or holds no recipe.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidOptionError(f"the recipe {path} cannot be read: {reason}.") from error
    try:
        return Recipe.from_json(text)
    except InvalidOptionError as error:
        raise InvalidOptionError(f"{path}: {error}") from error


def recipe_from_options(options: argparse.Namespace) -> Recipe | None:
    """The recipe of `--method` and what goes with it; None without a method.

    Raises:
        InvalidOptionError, UnknownNameError: an unknown method or option, or a bad value.
    """
    if options.method is None:
        given = [name for name in ("option", "blocks") if getattr(options, name)]
        if given:
            raise InvalidOptionError(f"--{given[0]} belongs to a method; say which with --method NAME.")
        return None
    from mloss_core.merging import check_recipe, get_method
    from mloss_core.options import parse_option

    method = get_method(options.method)
    values = {}
    for text in options.option:
        name, found, value = text.partition("=")
        if not found:
            raise InvalidOptionError(f"--option takes FIELD=VALUE, such as keep_rate=0.8; found {text!r}.")
        values[name.strip()] = parse_option(method.options_type, name.strip(), value.strip())
    recipe = Recipe(
        method=options.method, options=values, tasks=names(options.tasks), blocks=numbers(options.blocks),
        mloss=MLossOptions(), seed=options.seed,
    )  # fmt: skip
    check_recipe(recipe)
    return recipe


@contextlib.contextmanager
def progress_bar(shown: bool) -> Iterator[Progress]:
    """A progress bar on a terminal's stderr; silent elsewhere."""
    if not shown or not sys.stderr.isatty():
        yield silent
        return
    from tqdm import tqdm

    with tqdm(total=100, unit="%", leave=False, bar_format="{l_bar}{bar}| {elapsed}<{remaining} {postfix}") as bar:

        def report(fraction: float, message: str = "") -> None:
            bar.update(max(0.0, 100 * fraction - bar.n))
            bar.set_postfix_str(message[:60])

        yield report


def emit(value: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(value, indent=2, default=float))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first to the left and the rest to the right."""
    widths = [max(len(str(row[column])) for row in [header, *rows]) for column in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [str(cell).rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = str(row[0]).ljust(widths[0])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def zoo_facts(zoo: Any) -> dict[str, str]:
    """Name and digest of a zoo, as every JSON answer has them."""
    return {"name": zoo.name, "digest": zoo.digest}


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in percent; a dash where it is undefined."""
    return "-" if value is None else f"{100 * value:.{digits}f}"
