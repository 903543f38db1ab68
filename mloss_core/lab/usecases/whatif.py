"""What-if: one of its views as a job, and a live recipe to its end."""

from collections.abc import Mapping
from typing import Any

from mloss_core.lab.payloads import Payload
from mloss_core.recipe import Recipe
from mloss_core.types import Progress
from mloss_core.whatif import Workbench, live_states
from mloss_core.whatif.views import measure_view
from mloss_core.zoo.model import Zoo


def view(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """A surface, path, plane, ablation, sample-size curve or spread over seeds."""
    given = {name: params[name] for name in params if name not in ("zoo", "view", "recipe")}
    recipe = Recipe.from_dict(params["recipe"]) if "recipe" in params else None
    return Payload({"view": params["view"], **measure_view(zoo, params["view"], recipe, progress=progress, **given)})


def live(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The last state of a live recipe, for whoever wants to wait for it in the queue."""
    tasks, bench = params.get("tasks"), Workbench(zoo)
    try:
        states = live_states(
            bench,
            Recipe.from_dict(params["recipe"]),
            split=params["split"],
            tasks=None if tasks is None else tuple(tasks),
            limit=params.get("limit"),
            stop=lambda: progress(0.5, "evaluating"),
        )
        return Payload([state for state in states if state][-1])
    finally:
        bench.close()
