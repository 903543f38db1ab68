"""The choices of the Predictor page: what is predicted, from which metrics, by what, and how it is held out."""

import dataclasses

import streamlit as st

from mloss_core.mergeability.metrics import METRIC_SETS
from mloss_core.mergeability.predictor.columns import AFTER_MERGING, is_known_metric, title
from mloss_core.mergeability.predictor.metric_choice import metric_names
from mloss_core.mergeability.predictor.protocols import PROTOCOLS
from mloss_core.mergeability.predictor.solvers import NESTED, SOLVERS
from mloss_core.mergeability.predictor.tables import PairTable
from mloss_core.mergeability.predictor.targets import KINDS, PREFIXES, methods_of, target_names
from mloss_core.merging.methods import METHODS
from ui import state
from ui.formats import plain
from ui.predictor.results import Question
from ui.predictor.source import PAGE, Source

METHOD, KIND, COLUMN = (state.key(PAGE, name) for name in ("method", "kind", "column"))
SET, CUSTOM = state.key(PAGE, "metrics"), state.key(PAGE, "names")
SOLVER, ALPHA, PROTOCOL = (state.key(PAGE, name) for name in ("solver", "alpha", "protocol"))
_REFERENCE_TITLES = {
    "weight_avg": "Simple Average",
    "arithmetic": "Task Arithmetic",
    "tsv": "TSV-M",
    "isotropic": "Iso-C",
}
_SETS = {
    "all": "All of the table",
    "all28": "The published 28",
    "dedup25": "25 without exact copies",
    "data_free18": "18 of weights alone",
    "clean24": "24 without gradient angles",
    "ours": "The lab's own",
}
_CHOOSE = "choose"
_PENALTIES = {
    "lasso": ("0.001", "0.003", "0.01", "0.03", "0.1"),
    "ridge": ("0.1", "0.3", "1", "3", "10"),
    "ref_adam": ("0", "1"),
    "mlp": ("0.1", "1", "10"),
}


def method_title(name: str) -> str:
    """A merging method for people: ours by its title, the reference's by the name it has here."""
    return METHODS[name].title if name in METHODS else _REFERENCE_TITLES.get(name, name)


def question_form(source: Source) -> Question:
    """Draw the choices and return the question."""
    table = source.table
    target = _target(table)
    metrics = _metrics(table, target)
    solver, alpha = _solver()
    protocol = st.selectbox(
        "Held out",
        list(PROTOCOLS),
        key=PROTOCOL,
        bind=state.BIND,
        format_func=lambda name: PROTOCOLS[name].title if name in PROTOCOLS else name,
        help=" ".join(f"**{one.title}**: {one.summary}" for one in PROTOCOLS.values()),
    )
    return Question(source.digest, target, metrics, protocol if protocol in PROTOCOLS else "loto", solver, alpha)


def _target(table: PairTable) -> str:
    methods = methods_of(table)
    if not methods:
        names = target_names(table)
        return st.selectbox("Predict", names, key=COLUMN, bind=state.BIND, format_func=plain) or names[0]
    method = st.selectbox(
        "Merging method",
        methods,
        index=_usual(methods),
        key=METHOD,
        bind=state.BIND,
        format_func=lambda name: plain(method_title(name)),
    )
    method = method if method in methods else methods[0]
    offered = {PREFIXES[name.partition("_")[0]]: name for name in target_names(table) if _method_of(name) == method}
    kinds = list(offered)
    kind = st.selectbox(
        "Predict",
        kinds,
        key=KIND,
        bind=state.BIND,
        format_func=lambda kind: KINDS[kind][0] if kind in KINDS else kind,
        help=" ".join(f"**{KINDS[kind][0]}**: {KINDS[kind][1]}" for kind in kinds),
    )
    return offered.get(kind) or offered[kinds[0]]


def _usual(methods: list[str]) -> int:
    """TSV-M where it was measured: the strongest of the methods that need no data."""
    return next((methods.index(name) for name in ("tsv_m", "tsv") if name in methods), 0)


def _method_of(target: str) -> str:
    return target.partition("_")[2]


def _metrics(table: PairTable, target: str) -> "str | tuple[str, ...]":
    known = [name for name in table.numbers if is_known_metric(name)]
    present = set(known)
    sets = [name for name in _SETS if name == "all" or len(present & set(METRIC_SETS[name]) - set(AFTER_MERGING)) > 1]
    chosen = st.selectbox(
        "Metrics",
        [*sets, _CHOOSE],
        key=SET,
        bind=state.BIND,
        format_func=lambda name: _SETS.get(name, "Choose…"),
        help="The gradient angles of the published table come from random heads and are noise; three of the 28 are "
        "exact functions of others.",
    )
    if chosen != _CHOOSE:
        return chosen if chosen in sets else "all"
    offered = list(metric_names(table, "all", target)[0]) + [name for name in AFTER_MERGING if name in present]
    state.prune(CUSTOM, offered)
    names = st.multiselect(
        "Names",
        offered,
        default=offered[:5],
        key=CUSTOM,
        bind=state.BIND,
        format_func=lambda name: plain(title(name)),
        label_visibility="collapsed",
        placeholder="Metrics",
    )
    return tuple(names)


def _solver() -> "tuple[str, float | str | None]":
    left, right = st.columns([0.55, 0.45], gap="xsmall", vertical_alignment="bottom")
    solver = left.selectbox(
        "Fit",
        list(SOLVERS),
        key=SOLVER,
        bind=state.BIND,
        format_func=lambda name: SOLVERS[name].title if name in SOLVERS else name,
        help=" ".join(f"**{one.title}**: {one.summary}" for one in SOLVERS.values()),
    )
    record = SOLVERS[solver if solver in SOLVERS else "lasso"]
    if record.alpha is None:
        right.selectbox("Penalty", [], key=f"{ALPHA}_none", disabled=True, placeholder="None")
        return record.name, None
    offered = [*([NESTED] if record.grid else []), *_PENALTIES[record.name]]
    # A widget for each solver: a penalty means something else to each.
    text = right.selectbox(
        "Penalty",
        offered,
        index=offered.index(f"{record.alpha:g}"),
        key=f"{ALPHA}_{record.name}",
        bind=state.BIND,
        format_func=lambda word: "Nested" if word == NESTED else word,
        help="Nested chooses the penalty inside each training set, which is what an honest figure needs; a fixed one "
        "was looked at on these folds."
        if record.grid
        else None,
    )
    if text not in offered:
        return record.name, record.alpha
    return record.name, NESTED if text == NESTED else float(text)


@dataclasses.dataclass(frozen=True)
class Unit:
    """How a target's numbers are written.

    Args:
        factor: 100 where they are accuracies, which are shown in percent.
        suffix, difference: after a value, and after a difference of two.
    """

    factor: float
    suffix: str
    difference: str

    def value(self, number: float) -> str:
        """A number of the target."""
        return f"{self.factor * number:.1f}{self.suffix}" if self.factor == 100 else f"{number:.4g}"

    def lost(self, number: float) -> str:
        """A difference of two."""
        return f"{self.factor * number:.2f}{self.difference}" if self.factor == 100 else f"{number:.3g}"


def unit_of(kind: str, largest: float) -> Unit:
    """Percent for accuracies that are fractions; other numbers as they are."""
    fraction = kind != "other" and largest <= 2
    return Unit(100, " %", " points") if fraction else Unit(1, "", "")
