"""What merges are measured against: Zero-shot, the Ensembles and Individual."""

from collections.abc import Mapping
from typing import Any

from mloss_core.data.manifests import split_manifests
from mloss_core.evaluation import evaluate_rows
from mloss_core.lab.kinds import Payload
from mloss_core.lab.usecases.rows import answers, plain
from mloss_core.outputs import alignment
from mloss_core.types import Progress, part
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The rows, with the alignment of Zero-shot to the Ensemble."""
    tasks = zoo.check_tasks(params.get("tasks"))
    few = zoo.limited(params.get("limit"))
    rows = evaluate_rows(few, (), params["split"], tasks, progress=part(progress, 0, 0.9))
    listed, arrays = [], {}
    for row in rows:
        values = plain(row)
        if row.kind == "zero_shot":
            values["alignment"] = alignment(zoo, zoo.pretrained, tasks, progress=part(progress, 0.9, 1))
        listed.append(values)
        arrays |= answers(row)
    images = split_manifests(few.datasets, tasks, params["split"])
    return Payload({"split": params["split"], "tasks": list(tasks), "rows": listed, "images": images}, arrays)
