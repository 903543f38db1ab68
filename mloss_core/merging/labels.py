"""Recipes in words: a short label, the command that repeats one, and the block sets of the papers. Imports no torch."""

import dataclasses
import shlex
from typing import Any

from mloss_core.merging.methods import check_recipe, guides, uses_seed
from mloss_core.merging.processors import AFTER, BEFORE, read_processor
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.zoo.embedded import DEFAULT_ZOO

_PAPER_BLOCKS = {12: ((8, 9, 10), (0, 8, 9, 10)), 24: ((20, 21, 22), (0, 20, 21, 22))}


def block_presets(layers: int) -> dict[str, tuple[int, ...] | None]:
    """Named sets of blocks for M-Loss keep rates: all, and the papers' sets where the depth is one of theirs.

    Example:
        >>> block_presets(12)
        {'all': None, '8,9,10': (8, 9, 10), '0,8,9,10': (0, 8, 9, 10)}
    """
    return {"all": None} | {_listed(blocks): blocks for blocks in _PAPER_BLOCKS.get(layers, ())}


def describe(recipe: Recipe) -> str:
    """A short label: method, papers' letters, and whatever else is not as usual.

    Raises:
        UnknownNameError, InvalidOptionError: see `check_recipe`.

    Example:
        >>> describe(Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1}, blocks=(8, 9, 10)))
        'M-TIES k 0.8 e 0.1 [8,9,10]'
    """
    method, options = check_recipe(recipe)
    before = [_processor_words(BEFORE, text) for text in recipe.pre]
    words = [*(f"{each} +" for each in before), method.title, *_option_words(options)]
    if recipe.blocks is not None:
        words.append(f"[{_listed(recipe.blocks)}]")
    words += [f"+ {_processor_words(AFTER, text)}" for text in recipe.post]
    words += _mloss_words(recipe) if guides(recipe) else []
    if recipe.tasks is not None:
        words.append(f"({len(recipe.tasks)} tasks)")
    if method.output == "per_task":
        words.append("(given the task)")
    if recipe.seed and uses_seed(method, _values(options), recipe.pre):
        words.append(f"seed {recipe.seed}")
    return " ".join(words)


def command(recipe: Recipe, zoo_name: str = DEFAULT_ZOO) -> str:
    """The shell line that makes this merge again and evaluates it.

    A recipe that plain flags cannot say goes to the command as JSON.

    Example:
        >>> command(Recipe(method="ties", options={"keep_rate": 0.2}))
        'python -m mloss_core evaluate --zoo demo --method ties --option keep_rate=0.2'
    """
    check_recipe(recipe)
    words = ["python", "-m", "mloss_core", "evaluate", "--zoo", zoo_name]
    if recipe.mloss != MLossOptions():
        return (
            f"printf %s {shlex.quote(recipe.to_json(indent=None))} | {shlex.join([*words, '--recipe', '/dev/stdin'])}"
        )
    words += ["--method", recipe.method]
    for name, value in recipe.options.items():
        words += ["--option", f"{name}={_typed(value)}"]
    words += [word for text in recipe.pre for word in ("--pre", text)]
    words += [word for text in recipe.post for word in ("--post", text)]
    if recipe.tasks is not None:
        words += ["--tasks", ",".join(recipe.tasks)]
    if recipe.blocks is not None:
        words += ["--blocks", _listed(recipe.blocks)]
    if recipe.seed:
        words += ["--seed", str(recipe.seed)]
    return shlex.join(words)


def _processor_words(kind: str, text: str) -> str:
    """Its title, and what differs from its defaults."""
    processor, options = read_processor(kind, text)
    words = [processor.title]
    for field in dataclasses.fields(options):
        value, meta = getattr(options, field.name), field.metadata
        if value != field.default:
            words.append(value if isinstance(value, str) else f"{meta['letter'] or meta['label']} {value:g}")
    return " ".join(words)


def _option_words(options: Any) -> list[str]:
    words = []
    for field in dataclasses.fields(options):
        value, letter = getattr(options, field.name), field.metadata["letter"]
        plain_scale = field.name == "scale" and value == field.default == 1
        if getattr(options, f"{field.name}s", None) is not None:
            continue  # One for each model stands in its place.
        if isinstance(value, tuple):
            words.append(f"{field.metadata['label']} {_typed(value)}")
        elif letter and not plain_scale:
            words.append(f"{letter} {value:g}")
        elif value != field.default and not letter:
            words.append(value if isinstance(value, str) else f"{field.metadata['label']} {value:g}")
    return words


def _mloss_words(recipe: Recipe) -> list[str]:
    if recipe.mloss == MLossOptions.preset("reference"):
        return ["reference M-Loss"]
    usual, found = MLossOptions().to_dict(), recipe.mloss.to_dict()
    changed = [f"{name}={found[name]}" for name in found if found[name] != usual[name]]
    return [f"M-Loss {' '.join(changed)}"] if changed else []


def _values(options: Any) -> dict[str, Any]:
    return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}


def _typed(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{number:g}" for number in value)
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _listed(blocks: tuple[int, ...]) -> str:
    return ",".join(map(str, blocks))
