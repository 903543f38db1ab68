"""Parsing of the command line, and the one place where its errors become a line and an exit code."""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mloss_core.errors import InvalidOptionError, MLossCoreError
from mloss_core.merging.methods import check_plugins

BAD_INPUT, INTERRUPTED = 2, 130
COMMANDS = (
    "zoo",
    "measure",
    "merge",
    "evaluate",
    "inspect",
    "whatif",
    "methods",
    "metrics",
    "pairs",
    "predict",
    "protocol",
    "convert",
    "heads",
    "finetune",
    "demo",
    "cache",
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line on stderr."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, so that `main` words every error alike."""
        raise InvalidOptionError(f"{message}. See '{self.prog} --help'.")


def build_parser() -> Parser:
    """The parser with all commands."""
    parser = Parser(
        prog="python -m mloss_core",
        description="Measure where fine-tuned CLIP image encoders disagree, merge them, and compare with the Ensemble.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        importlib.import_module(f"mloss_core.cli.{name}_command").add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for bad input, 130 when interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that knows few letters must not cost the result of long work.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = build_parser().parse_args(arguments)
        check_plugins()
        options.run(options)
        sys.stdout.flush()
    except MLossCoreError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except UnicodeEncodeError as error:
        print(f"error: names of files must be UTF-8; found {error.object[:200]!a}.", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; nothing is half-written.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; without this the interpreter would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        print(f"error: cannot use{where}: {error.strerror or error}.", file=sys.stderr)
        return BAD_INPUT
    return 0
