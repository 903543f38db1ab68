"""M-Loss of a zoo's models, with what is worth noticing."""

from collections.abc import Mapping
from typing import Any

from mloss_core.lab.kinds import Payload
from mloss_core.mloss import MLossReport, measure_mloss
from mloss_core.mloss.measure import require_two
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Measure; the payload is the report's arrays and facts, with the zoo and a sentence to notice."""
    tasks = zoo.check_tasks(params.get("tasks"))
    require_two(tasks)
    report = measure_mloss(zoo, tasks, options=MLossOptions.from_dict(params["mloss"]), progress=progress)
    meta, arrays = report.to_arrays()
    meta["zoo"] = {"name": zoo.name, "digest": zoo.digest}
    meta["notice"] = notice(report)
    return Payload(meta, arrays)


def notice(report: MLossReport) -> str:
    """What stands out in a map, in a sentence: the fewest blocks in a row that carry half of it."""
    blocks, best = report.blocks, report.blocks
    for first in range(len(blocks)):
        for last in range(first, len(blocks)):
            run_of = blocks[first : last + 1]
            if len(run_of) < len(best) and report.share(run_of) >= 0.5:
                best = run_of
    name = f"Block {best[0]} carries" if len(best) == 1 else f"Blocks {best[0]}-{best[-1]} carry"
    return f"{name} {100 * report.share(best):.0f} % of the M-Loss."
