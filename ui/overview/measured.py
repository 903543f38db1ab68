"""Merges of the open zoo that were measured here: on all test images of all tasks, as the model card's were."""

from collections.abc import Mapping
from typing import Any

from mloss_core.errors import MLossCoreError
from mloss_core.merging.labels import describe
from mloss_core.recipe import Recipe
from ui import jobs
from ui.overview.card import SPLIT
from ui.overview.dumbbell import Answerer
from ui.zoo.facts import ZooFacts


def best_measured(zoo: ZooFacts) -> Answerer | None:
    """The best single merged model among the results that are kept here; None when there is none.

    Results on fewer images, and merges that are one model a task, are not compared.
    """
    found = []
    for job in jobs.store().done("recipe"):
        if set(job.params) != {"zoo", "recipe", "split"} or (job.params["zoo"], job.params["split"]) != (
            zoo.name,
            SPLIT,
        ):
            continue
        payload = jobs.payload_of(job)
        answerer = None if payload is None else _answerer(zoo, payload.meta["row"], job.params["recipe"])
        if answerer is not None:
            found.append(answerer)
    return max(found, key=lambda answerer: answerer.average, default=None)


def _answerer(zoo: ZooFacts, row: Mapping[str, Any], recipe: Mapping[str, Any]) -> Answerer | None:
    if row["kind"] != "merged" or set(row["tasks"]) != set(zoo.tasks):
        return None
    try:
        name = describe(Recipe.from_dict(recipe))
    except MLossCoreError:
        return None
    return Answerer(name, "merged", row["tasks"], {}, row["average"], row["standard_error"])
