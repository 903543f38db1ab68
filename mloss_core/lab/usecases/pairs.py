"""Every pair of models: all metrics, and M-Loss by block."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mloss_core.lab.kinds import Payload
from mloss_core.mergeability import METRICS, pairwise_metrics, pairwise_mloss
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, part
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The pairs of the chosen tasks; an undefined value is None, with its reason under `undefined`."""
    tasks, options = zoo.check_tasks(params.get("tasks")), MLossOptions.from_dict(params["mloss"])
    names = params.get("metrics")
    pairs = pairwise_metrics(zoo, names, tasks, options, part(progress, 0, 0.9))
    blocks = pd.DataFrame(columns=["task_a", "task_b", "block", "mloss", "normalised"])
    if names is None or any(METRICS[name].facts == "mloss" for name in names):
        blocks = pairwise_mloss(zoo, tasks, options, part(progress, 0.9, 1))
    meta = {
        "tasks": list(tasks), "pairs": _records(pairs), "blocks": _records(blocks),
        "undefined": list(pairs.attrs.get("undefined", [])),
    }  # fmt: skip
    return Payload(meta)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.to_dict("records")
    return [{str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]
