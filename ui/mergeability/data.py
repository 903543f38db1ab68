"""What is known of a zoo's pairs: tables that come with the lab, or what jobs measured. Nothing is computed here."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from mloss_core.mergeability.metrics.registry import METRICS
from mloss_core.mergeability.pair_names import METHODS
from mloss_core.recipe import MLossOptions
from ui import jobs
from ui.mergeability.choices import Pairs
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import accuracy_needs, image_needs, unlabelled_tasks

if TYPE_CHECKING:
    from mloss_core.lab.payloads import Payload

EVERYTHING = "_mb_everything"
MERGES = "_mb_merges"
_QUICK = ("mloss", "geometry")
"""Sources of facts that take seconds on any zoo."""


def pairs_of(zoo: ZooFacts) -> Pairs | None:
    """All that is known of the zoo's pairs; None while the first of it is measured, which is then shown."""
    shipped = _shipped(zoo.name)
    if shipped is not None:
        return shipped
    names = offered_metrics(zoo)
    whole = request(zoo, names)
    payload = _asked(EVERYTHING, zoo, "pairs", whole, "Measuring all metrics")
    if payload is None:
        quick = [name for name in names if METRICS[name].facts in _QUICK]
        count = len(zoo.tasks) * (len(zoo.tasks) - 1) // 2
        payload = jobs.job_payload("pairs", request(zoo, quick), label=f"Comparing {count} pairs of models")
    if payload is None:
        return None
    return _with_merges(read_pairs(payload), _merges(zoo))


def offered_metrics(zoo: ZooFacts) -> list[str]:
    """The metrics that this zoo can have: without images of its tasks, those of weights alone."""
    blind = bool(image_needs(zoo, ""))
    return [name for name, metric in METRICS.items() if not (blind and metric.needs_data)]


def request(zoo: ZooFacts, names: Sequence[str]) -> dict[str, Any]:
    """The request for metrics of all pairs of the zoo; every choice on the page is answered from its result."""
    return {"zoo": zoo.name, "tasks": None, "mloss": MLossOptions().to_dict(), "metrics": list(names)}


def merges_request(zoo: ZooFacts, pair: tuple[str, str] | None = None) -> dict[str, Any]:
    """The request for measured merges of all pairs, or of one."""
    whole: dict[str, Any] = {"zoo": zoo.name, "split": "val", "methods": list(METHODS)}
    return whole if pair is None else {**whole, "pairs": [list(pair)]}


def lacks(zoo: ZooFacts, pairs: Pairs) -> tuple[bool, bool]:
    """Whether metrics are left to be measured, and whether merges are."""
    asked = set(pairs.numbers.columns)
    metrics = any(name not in asked for name in offered_metrics(zoo))
    return metrics, not pairs.measured and measurable(zoo)


def measurable(zoo: ZooFacts, tasks: Sequence[str] | None = None) -> bool:
    """Whether merges of the tasks, all by default, can be evaluated: they need images, labels and heads."""
    chosen = zoo.tasks if tasks is None else tasks
    return not accuracy_needs(zoo, chosen) and not set(unlabelled_tasks(zoo)).intersection(chosen)


def ask(flag: str, zoo: ZooFacts) -> None:
    """Have the longer work done from the next run on."""
    st.session_state[flag] = zoo.digest


def read_pairs(payload: "Payload") -> Pairs:
    """What a `pairs` payload holds."""
    meta = payload.meta
    return Pairs(pd.DataFrame(meta["pairs"]), pd.DataFrame(meta["blocks"]), tuple(meta.get("undefined", ())))


def _asked(flag: str, zoo: ZooFacts, kind: str, params: Mapping[str, Any], label: str) -> "Payload | None":
    """The answer to longer work, if it is there or was asked for; its progress is shown in place."""
    if st.session_state.get(flag) == zoo.digest:
        return jobs.job_payload(kind, params, label=label)
    return jobs.known(kind, params)


def _merges(zoo: ZooFacts) -> "Payload | None":
    count = len(zoo.tasks) * (len(zoo.tasks) - 1) // 2
    label = f"Merging {count} pairs by {len(METHODS)} methods"
    return _asked(MERGES, zoo, "pair_merges", merges_request(zoo), label)


def _with_merges(pairs: Pairs, payload: "Payload | None") -> Pairs:
    if payload is None:
        return pairs
    merged = pairs.numbers.merge(pd.DataFrame(payload.meta["pairs"]), on=["task_a", "task_b"], how="left")
    return Pairs(merged, pairs.blocks, pairs.undefined, payload.meta)


@st.cache_resource(max_entries=4, show_spinner=False)
def _shipped(zoo: str) -> Pairs | None:
    from mloss_core.mergeability.shipped import shipped_pairs

    found = shipped_pairs(zoo)
    if found is None:
        return None
    return Pairs(found.numbers, found.blocks, tuple(found.facts.get("undefined", ())), found.facts)
