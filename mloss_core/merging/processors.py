"""What may go before a method (on task vectors) or after it (on the merged update). Imports no torch.

A recipe names a processor as `dare`, or with options as `dare:keep_rate=0.5` or `mloss:keep_rate=0.7,span=0.2`.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.merging.processor_options import DropOptions, GuideOptions, SvcOptions
from mloss_core.merging.record import MethodCard
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide
from mloss_core.options import build_options, parse_option

if TYPE_CHECKING:
    from mloss_core.merging.inputs import MergeInputs, MergeRule

BEFORE, AFTER = "pre-processor", "post-processor"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Processor:
    """A pre- or post-processor.

    Args:
        name: key in its registry and in recipes.
        title, summary, paper_url: for people.
        options_type: dataclass of its options; that of a pre-processor has `step()`, what it does as data.
        target: of a post-processor, `module:function` (MergeInputs, options, MergeRule) -> MergeRule.
        needs: what it needs beside the weights: `mloss`.
        random: whether the seed changes what it does, whatever its options.
        card: what a reader wants to know of it; None where the summary says it all.
    """

    name: str
    title: str
    summary: str
    paper_url: str
    options_type: type
    target: str = ""
    needs: frozenset[str] = frozenset()
    random: bool = False
    card: MethodCard | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """The function of a post-processor, imported on first use."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)


PRE: Mapping[str, Processor] = MappingProxyType(
    {
        "dare": Processor(
            name="dare",
            title="DARE",
            options_type=DropOptions,
            random=True,
            paper_url="https://arxiv.org/abs/2311.03099",
            summary="Drop changes at random and rescale the rest.",
        ),
        "mloss": Processor(
            name="mloss",
            title="M-Loss",
            options_type=GuideOptions,
            needs=frozenset({"mloss"}),
            paper_url="https://arxiv.org/abs/2602.08564",
            summary="Keep less of the rows in which merging and ensembling disagree.",
        ),
    }
)
"""Processors of the task vectors before the method, by the name that `Recipe.pre` takes."""
POST: Mapping[str, Processor] = MappingProxyType(
    {
        "svc": Processor(
            name="svc",
            title="SVC",
            options_type=SvcOptions,
            target="mloss_core.merging.spectral.svc:svc",
            paper_url="https://arxiv.org/abs/2602.05536",
            summary="Rescale each singular value of the merged update by how far the models count it over and over.",
            card=MethodCard(
                idea="Rescales the singular values of a finished merge that shared directions made too large. A "
                "correction after any method.",
                formula=(
                    r"\gamma_r = \frac{n}{\sum_i \max\!\big(a,\; \langle u_r^T D, u_r^T D_i\rangle / \lVert "
                    r"u_r^T D_i\rVert^2\big)},\quad \sigma'_r = \gamma_r\,\sigma_r"
                ),
                data="None.",
                cost="One singular value decomposition a matrix.",
                faults=("Its published numbers are known at second hand alone.",),
            ),
        )
    }
)
"""Processors of the merged update, by the name that `Recipe.post` takes."""
_KNOWN = {BEFORE: PRE, AFTER: POST}


def read_processor(kind: str, text: str) -> tuple[Processor, Any]:
    """The processor that a recipe's entry names, and its options.

    Args:
        kind: `BEFORE` or `AFTER`.
        text: NAME or NAME:FIELD=VALUE,FIELD=VALUE.

    Raises:
        UnknownNameError: no such processor.
        InvalidOptionError: text of another form, an unknown option, or a bad value.

    Example:
        >>> read_processor(BEFORE, "dare:keep_rate=0.5")[1]
        DropOptions(keep_rate=0.5)
    """
    name, colon, rest = text.partition(":")
    if name not in _KNOWN[kind]:
        raise unknown_name(kind, name, tuple(_KNOWN[kind]))
    processor = _KNOWN[kind][name]
    try:
        return processor, build_options(processor.options_type, _values(processor, rest) if colon else {})
    except InvalidOptionError as error:
        raise InvalidOptionError(f"{kind} {text!r}: {error}") from error


def write_processor(processor: Processor, values: Mapping[str, Any]) -> str:
    """The entry that names a processor with these option values, defaults left out.

    Example:
        >>> write_processor(PRE["mloss"], {"keep_rate": 0.7, "span": 0.1})
        'mloss:keep_rate=0.7'
    """
    usual = {field.name: field.default for field in dataclasses.fields(processor.options_type)}
    changed = [f"{name}={value}" for name, value in values.items() if value != usual[name]]
    return f"{processor.name}:{','.join(changed)}" if changed else processor.name


def _values(processor: Processor, text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in text.split(","):
        field, equals, value = (word.strip() for word in part.partition("="))
        if not equals or field in values:
            raise InvalidOptionError(
                f"options are written {processor.name}:FIELD=VALUE,FIELD=VALUE, each field once; found {part!r}."
            )
        values[field] = parse_option(processor.options_type, field, value)
    return values


def steps_before(names: Sequence[str]) -> tuple[Drop | RowGuide, ...]:
    """What is done to the task vectors, in order.

    Raises:
        UnknownNameError, InvalidOptionError: see `read_processor`.
    """
    return tuple(read_processor(BEFORE, text)[1].step() for text in names)


def finish(inputs: "MergeInputs", rule: "MergeRule", names: Sequence[str]) -> "MergeRule":
    """The rule with the merged update processed, in order.

    Raises:
        UnknownNameError, InvalidOptionError: see `read_processor`.
    """
    for text in names:
        processor, options = read_processor(AFTER, text)
        rule = processor.function(inputs, options, rule)
    return rule
