"""What-if: one of its views as a job, and a live recipe on all images, however long they take."""

import itertools
from collections.abc import Mapping
from typing import Any

from mloss_core.lab.payloads import Payload
from mloss_core.outputs.encoding import batch_size
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part
from mloss_core.whatif import Workbench, live_states
from mloss_core.whatif.views import measure_view
from mloss_core.zoo.model import Zoo


def view(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """A surface, path, plane, ablation, sample-size curve or spread over seeds."""
    given = {name: params[name] for name in params if name not in ("zoo", "view", "recipe")}
    recipe = Recipe.from_dict(params["recipe"]) if "recipe" in params else None
    return Payload({"view": params["view"], **measure_view(zoo, params["view"], recipe, progress=progress, **given)})


def live(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """What all images say of a live recipe, for whoever waits for it in the queue; without controls."""
    tasks, bench, limit = params.get("tasks"), Workbench(zoo), params.get("limit")
    chosen, split = None if tasks is None else tuple(tasks), params["split"]
    criterion = params.get("criterion", "validation")
    try:
        images = bench.images(split, chosen, limit, criterion, part(progress, 0, 0.5))
        count, done = sum(-(-each // batch_size(zoo, each)) for each in images.counts.values()), itertools.count()
        states = live_states(
            bench,
            Recipe.from_dict(params["recipe"]),
            split=split,
            criterion=criterion,
            tasks=chosen,
            limit=limit,
            whole=True,
            stop=lambda: progress(min(1.0, 0.5 + 0.5 * next(done) / count), "encoding all images"),
        )
        return Payload([state for state in states if state][-1])
    finally:
        bench.close()
