"""The recipe under construction: from the choices of the builder to a checked recipe, or one sentence why not."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mloss_core.errors import MLossCoreError
from mloss_core.merging.labels import block_presets
from mloss_core.merging.methods import METHODS, Method, guides, tidy, uses_seed
from mloss_core.merging.processors import BEFORE, read_processor
from mloss_core.options import build_options
from mloss_core.recipe import MLossOptions, Recipe

ALL, TOP, CUSTOM = "all", "top3", "custom"
TOP_COUNT = 3


@dataclasses.dataclass(frozen=True)
class Draft:
    """What the builder holds.

    Args:
        method: the chosen method's record.
        options: its options, or None when they are not legal together.
        blocks: where M-Loss keep rates apply, None for everywhere.
        recipe: the checked recipe, or None with `problem` saying in one sentence why.
    """

    method: Method
    options: Any | None
    blocks: tuple[int, ...] | None
    recipe: Recipe | None
    problem: str = ""

    @property
    def guided(self) -> bool:
        """Whether M-Loss prunes anything: in the method, or before it."""
        return is_guided(self.method, () if self.recipe is None else self.recipe.pre)

    @property
    def guide(self) -> Any | None:
        """Options of what prunes by M-Loss, the method's before a pre-processor's; None without a recipe."""
        found = () if self.recipe is None else guides(self.recipe)
        return found[0] if found else None


def block_choices(layers: int) -> dict[str, str]:
    """The block presets of this depth, by the word that a link carries, with the label that a form shows."""
    presets = [name for name in block_presets(layers) if name != ALL]
    return {ALL: "All", **{name: name for name in presets}, TOP: f"Top {TOP_COUNT} by M-Loss", CUSTOM: "Custom"}


def chosen_blocks(
    choice: str, custom: Sequence[int], layers: int, mloss: Mapping[int, float] | None
) -> tuple[int, ...] | None:
    """The blocks that a choice stands for; None is every block.

    The top blocks are written out as numbers, so that the recipe means the same on any machine. They are empty as long
    as M-Loss is not measured.
    """
    if choice == TOP:
        if mloss is None:
            return ()
        return tuple(sorted(sorted(mloss, key=lambda block: (-mloss[block], block))[:TOP_COUNT]))
    if choice == CUSTOM:
        return None if len(set(custom)) == layers else tuple(sorted(set(custom)))
    return block_presets(layers).get(choice)


def make_draft(
    name: str,
    values: Mapping[str, Any],
    *,
    blocks: tuple[int, ...] | None,
    tasks: Sequence[str],
    zoo_tasks: Sequence[str],
    mloss: MLossOptions,
    seed: int,
    pre: tuple[str, ...] = (),
    post: tuple[str, ...] = (),
) -> Draft:
    """The draft that these choices make.

    Args:
        name: of the method.
        values: option values of its form.
        blocks: see `chosen_blocks`; for methods without M-Loss keep rates they do not count.
        tasks: chosen models, in the zoo's order.
        zoo_tasks: all of the zoo's.
        mloss: how the guiding M-Loss is measured.
        seed: of random masks.
        pre, post: entries of what goes before and after the method.
    """
    method = METHODS[name]
    guided = is_guided(method, pre)
    blocks = blocks if guided else None
    try:
        options: Any = build_options(method.options_type, values)
    except MLossCoreError as error:
        return Draft(method, None, blocks, None, str(error))
    if len(tasks) < 2:
        return Draft(method, options, blocks, None, "A merge needs at least two models: choose two or more.")
    if blocks == ():
        return Draft(method, options, blocks, None, "No block is chosen: choose at least one, or all.")
    everything = tuple(tasks) == tuple(zoo_tasks)
    recipe = Recipe(
        method=name,
        options=values,
        tasks=None if everything else tuple(tasks),
        blocks=blocks,
        mloss=mloss if guided else MLossOptions(),
        seed=seed if uses_seed(method, values, pre) else 0,
        pre=pre,
        post=post,
    )
    try:
        return Draft(method, options, blocks, tidy(recipe))
    except MLossCoreError as error:
        return Draft(method, options, blocks, None, str(error))


def is_guided(method: Method, pre: Sequence[str] = ()) -> bool:
    """Whether M-Loss prunes anything in a merge by this method with these processors before it."""
    return "mloss" in method.needs or any("mloss" in read_processor(BEFORE, text)[0].needs for text in pre)


def block_means(scores: Mapping[int, np.ndarray]) -> dict[int, float]:
    """M-Loss of each block: the mean over its nodes."""
    return {block: float(values.mean()) for block, values in scores.items()}
