"""The record of a merging method, and how records become a registry. Imports no torch."""

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from mloss_core.errors import InvalidOptionError

FLAT = "mloss_core.merging.flat.rule:flat"
NEEDS = frozenset({"mloss", "unlabeled", "labeled"})


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a plugin's method comes from, and the digest of what was read there."""

    where: str
    digest: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodCard:
    """What a reader wants to know of a method beside its options.

    Args:
        idea: two sentences.
        formula: LaTeX; tau_i is the task vector of model i of n, D_i a matrix of it.
        data: what it needs beside the weights.
        cost: how its time grows, in a sentence.
        faults: known faults of reference implementations, a sentence each.
    """

    idea: str
    formula: str
    data: str
    cost: str
    faults: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """A merging method.

    Args:
        name: key in the registry and in recipes.
        title: what people call it.
        family: heading under which a form lists it.
        summary: its idea in one line.
        paper_url: where it was published; empty where it was not.
        options_type: dataclass of its options; each field says label, help, range and paper letter.
        target: `module:function` that carries it out: (MergeInputs, options, progress) -> MergeRule, or PerTaskRule
            where the output is `per_task`. A plugin may give the function itself.
        needs: what it needs beside the weights: `mloss`, `unlabeled` (training images of the tasks), `labeled`
            (those with labels, and heads).
        output: `single` (one model) or `per_task` (one model a task: to use them, the task must be known).
        uses_blocks: whether a recipe may say where M-Loss keep rates apply.
        random: whether the seed changes the result.
        masks: whether each task's model is one shared update under the task's mask, so that the masks can be saved.
        identity: options under which a single model comes back unchanged; None where none is known to do that.
        homogeneous: whether task vectors that are all c times as long give an update that is c times as long.
        holds_a_layer: it compares the models at one layer, as M-Loss does, and so holds that layer of all of them.
        card: what a reader wants to know of it; a plugin may leave it out.
        origin: where a plugin's method comes from; set when it is loaded, None for built-in ones.
    """

    name: str
    title: str
    family: str
    summary: str
    paper_url: str = ""
    options_type: type
    target: str | Callable[..., Any] = FLAT
    needs: frozenset[str] = frozenset()
    output: str = "single"
    uses_blocks: bool = False
    random: bool = False
    masks: bool = False
    identity: Mapping[str, Any] | None = dataclasses.field(default=None, hash=False)
    homogeneous: bool = True
    holds_a_layer: bool = False
    card: MethodCard | None = None
    origin: Origin | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """The function that carries the method out, imported on first use: forms need only the record."""
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)


def register(methods: Iterable[Method]) -> Mapping[str, Method]:
    """Records by name.

    Raises:
        InvalidOptionError: two methods of one name.
    """
    table: dict[str, Method] = {}
    for method in methods:
        if method.name in table:
            raise InvalidOptionError(f"a method's name must be its own; {method.name!r} is registered twice.")
        table[method.name] = method
    return MappingProxyType(table)
