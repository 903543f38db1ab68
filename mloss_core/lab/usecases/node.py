"""One node under the lens, with the pictures that divide the models."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.lab.kinds import Payload
from mloss_core.mloss import node_detail
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Look inside the node; `pixels` are its most disputed images."""
    progress(0.1, "looking inside the node")
    tasks = zoo.check_tasks(params.get("tasks"))
    options = MLossOptions.from_dict(params["mloss"])
    detail = node_detail(zoo, params["block"], params["node"], tasks=tasks, options=options)
    progress(0.8, "drawing the images")
    pixels = np.stack([zoo.datasets[image.task].pixels("train", [image.index])[0] for image in detail.top])
    meta = {
        "block": detail.block, "node": detail.node, "tasks": list(detail.tasks), "activation": detail.activation,
        "mloss": detail.mloss, "merged_activation": detail.merged_activation,
        "ensemble_activation": detail.ensemble_activation,
        "top": [dataclasses.asdict(image) for image in detail.top],
    }  # fmt: skip
    arrays = {
        "edges": detail.edges, "densities": detail.densities, "means": detail.means, "angles": detail.angles,
        "pixels": pixels,
    }  # fmt: skip
    return Payload(meta, arrays)
