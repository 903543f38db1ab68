"""What `evaluate` is asked for: recipes of files, presets and flags, or one run file that says it all."""

import argparse
import dataclasses

from mloss_core.cli.common import names, recipe_from_options
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.presets import get_preset
from mloss_core.merging.run_files import RunFile, read_recipe, read_run
from mloss_core.zoo.embedded import DEFAULT_ZOO

_BY_FILE = ("tasks", "split", "tune", "recipe", "preset", "method")
"""Flags that a run file takes the place of."""
_OPEN = ("zoo", "choose_by", "images", "source")
"""Flags that may stand beside a run file which does not say the same."""
_ZOO, _SPLIT = DEFAULT_ZOO, "test"


def add_run(parser: argparse.ArgumentParser) -> None:
    """`--run`; the zoo's default moves behind it, so that a file may name one."""
    parser.add_argument(
        "--run",
        dest="run_file",
        metavar="FILE",
        help="a whole run as YAML (.yaml) or JSON: zoo, tasks, split, recipes (or presets), tune; and how it chooses: "
        "choose_by, images, source",
    )
    parser.set_defaults(zoo=None)


def requested(options: argparse.Namespace) -> RunFile:
    """The run that the arguments describe; it may have no recipe.

    Raises:
        InvalidOptionError, UnknownNameError: a file or flag that is wrong, or a run file beside what it decides.
    """
    if options.run_file is None:
        recipes = [read_recipe(path) for path in options.recipe]
        recipes += [get_preset(name).recipe for name in options.preset]
        typed, tasks = recipe_from_options(options), names(options.tasks)
        recipes = [recipe.replace(tasks=recipe.tasks or tasks) for recipe in recipes]
        return RunFile(
            zoo=options.zoo or _ZOO,
            tasks=tasks,
            split=options.split or _SPLIT,
            recipes=(*recipes, *([typed] if typed else [])),
            tune=options.tune,
            **{name: getattr(options, name) for name in _OPEN[1:]},
        )
    run = read_run(options.run_file)
    clash = [flag for flag in _BY_FILE if getattr(options, flag)]
    clash += [flag for flag in _OPEN if getattr(run, flag) is not None and getattr(options, flag) is not None]
    if clash:
        flag = clash[0].replace("_", "-")
        raise InvalidOptionError(f"--run FILE says what is evaluated; leave out --{flag}, or change the file.")
    recipe_from_options(options)
    said = {name: getattr(options, name) if getattr(run, name) is None else getattr(run, name) for name in _OPEN}
    return dataclasses.replace(run, **{**said, "zoo": said["zoo"] or _ZOO})
