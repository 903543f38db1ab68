"""What several commands share: arguments, recipes, progress, and how numbers are printed."""

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.errors import CacheError, InvalidOptionError
from mloss_core.leftovers import write_atomically
from mloss_core.merging.methods import METHODS, check_recipe, get_method
from mloss_core.merging.processors import POST, PRE
from mloss_core.options import parse_option
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.types import Progress, silent
from mloss_core.zoo.embedded import DEFAULT_ZOO, ZOO_HELP

if TYPE_CHECKING:
    from mloss_core.zoo.model import Zoo


def add_common(parser: argparse.ArgumentParser, *, zoo: bool = True) -> None:
    """`--zoo`, `--device` and `--json`."""
    if zoo:
        parser.add_argument("--zoo", default=DEFAULT_ZOO, metavar="ZOO", help=ZOO_HELP)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto, the first GPU if any)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; accuracies are fractions")


def add_recipe(parser: argparse.ArgumentParser, *, many: bool) -> None:
    """A recipe: a file, or a method with options."""
    group = parser.add_argument_group("recipe", "a file, or a method with its options (fractions, never percent)")
    group.add_argument(
        "--recipe",
        action="append" if many else "store",
        metavar="FILE",
        default=[] if many else None,
        help="recipe as YAML (.yaml) or JSON" + ("; repeatable" if many else ""),
    )
    group.add_argument(
        "--preset",
        action="append" if many else "store",
        metavar="NAME",
        default=[] if many else None,
        help="a reference project's setting, see 'methods'" + ("; repeatable" if many else ""),
    )
    group.add_argument("--method", metavar="NAME", help=f"one of {', '.join(METHODS)}")
    group.add_argument(
        "--option", action="append", default=[], metavar="FIELD=VALUE", help="of the method (below); repeatable"
    )
    group.add_argument(
        "--pre",
        action="append",
        default=[],
        metavar="NAME[:FIELD=VALUE,..]",
        help=f"before the method: {', '.join(PRE)}, as dare:keep_rate=0.5; repeatable",
    )
    group.add_argument(
        "--post",
        action="append",
        default=[],
        metavar="NAME[:FIELD=VALUE,..]",
        help=f"after the method, on the merged update: {', '.join(POST)}; repeatable",
    )
    tasks = "models to merge, whose tasks are evaluated" if many else "models to merge"
    group.add_argument("--tasks", metavar="A,B", help=f"{tasks} (default: all)")
    group.add_argument("--blocks", metavar="8,9,10", help="blocks whose keep rates follow M-Loss (default: all)")
    group.add_argument("--seed", type=int, default=0, help="seed of random masks (default: 0)")


def opened_zoo(options: argparse.Namespace) -> "Zoo":
    """The zoo that the options name, with a progress bar while a folder's files are converted for the first time."""
    from mloss_core.opening import open_zoo

    with progress_bar() as progress:
        return open_zoo(options.zoo, device=options.device, progress=progress)


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


def recipe_from_options(options: argparse.Namespace) -> Recipe | None:
    """The recipe of `--method` and what goes with it; None without a method.

    Raises:
        InvalidOptionError, UnknownNameError: an unknown method or option, or a bad value.
    """
    if options.method is None:
        given = [name for name in ("option", "pre", "post", "blocks", "seed") if getattr(options, name)]
        if given:
            raise InvalidOptionError(f"--{given[0]} belongs to a method; say which with --method NAME.")
        return None
    method = get_method(options.method)
    values = {}
    for text in options.option:
        name, found, value = text.partition("=")
        if not found:
            raise InvalidOptionError(f"--option takes FIELD=VALUE, such as keep_rate=0.8; found {text!r}.")
        values[name.strip()] = parse_option(method.options_type, name.strip(), value.strip())
    recipe = Recipe(
        method=options.method,
        options=values,
        tasks=names(options.tasks),
        blocks=numbers(options.blocks),
        mloss=MLossOptions(),
        pre=tuple(options.pre),
        post=tuple(options.post),
        seed=options.seed,
    )
    check_recipe(recipe)
    return recipe


def out_file(text: str, suffixes: Sequence[str] = ()) -> Path:
    """The file that `--out` names, refused before any work when it cannot be written there.

    Raises:
        InvalidOptionError: another suffix, no such folder, or a folder where a file should be.
    """
    path = Path(text)
    if suffixes and path.suffix not in suffixes:
        raise InvalidOptionError(f"--out must end in {' or '.join(suffixes)}; found {path.name!r}.")
    if path.is_dir():
        raise InvalidOptionError(f"--out must name a file; {path} is a folder.")
    if not path.parent.is_dir():
        raise InvalidOptionError(f"--out must lie in a folder that exists; there is no {path.parent}.")
    if not os.access(path.parent, os.W_OK):
        raise InvalidOptionError(f"--out must lie in a folder that can be written; {path.parent} cannot.")
    return path


def spare(out: Path, sources: Iterable[str | Path]) -> None:
    """Refuse a file to write that is one of those that are read, a repository's and shards among them.

    Raises:
        InvalidOptionError: it is.
    """
    from mloss_core.checkpoints.sharded import files_of

    for source in sources:
        if out.resolve() in files_of(Path(source)):
            raise InvalidOptionError(f"--out must not replace a file that is read; {out} is of {source}.")


def write_out(path: Path, text: str) -> None:
    """Write all of a text file or nothing.

    Raises:
        InvalidOptionError: the disk is full, or the file cannot be written.
    """
    try:
        write_atomically(path, text.encode())
    except CacheError as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__
        raise InvalidOptionError(f"--out: cannot write {path}: {reason}. Nothing was kept.") from error


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on stderr when that is a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
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
    print(json_text(value))


def json_text(value: Mapping[str, Any]) -> str:
    """Strict JSON: a number that is undefined becomes null."""
    return json.dumps(_plain(value), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
