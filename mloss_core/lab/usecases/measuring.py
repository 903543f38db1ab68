"""M-Loss of a zoo's models."""

from collections.abc import Mapping
from typing import Any

from mloss_core.lab.kinds import Payload
from mloss_core.mloss import measure_mloss
from mloss_core.mloss.measure import require_two
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Measure; the payload is the report's arrays and facts, with the zoo."""
    tasks = zoo.check_tasks(params.get("tasks"))
    require_two(tasks)
    report = measure_mloss(zoo, tasks, options=MLossOptions.from_dict(params["mloss"]), progress=progress)
    meta, arrays = report.to_arrays()
    meta["zoo"] = {"name": zoo.name, "digest": zoo.digest}
    return Payload(meta, arrays)
