"""M-Loss of a zoo's models, one node under the lens, pairs, and spectra."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mloss_core.caching import REPORTS
from mloss_core.lab.payloads import CacheReference, Payload
from mloss_core.mergeability.pair_merges import pair_accuracies
from mloss_core.mergeability.pair_names import METHODS
from mloss_core.mergeability.pairs import pairwise_blocks, pairwise_metrics
from mloss_core.merging.spectral.spectra import layer_spectra, task_interference
from mloss_core.mloss import measure_mloss, node_detail
from mloss_core.mloss.measure import require_two
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, part
from mloss_core.zoo.model import Zoo


def measure(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Measure; the payload is the report's arrays and facts, with the zoo."""
    tasks = zoo.check_tasks(params.get("tasks"))
    require_two(tasks)
    report = measure_mloss(zoo, tasks, options=MLossOptions.from_dict(params["mloss"]), progress=progress)
    meta, arrays = report.to_entry()
    meta["zoo"] = {"name": zoo.name, "digest": zoo.digest}
    return Payload(meta, arrays, CacheReference(REPORTS, report.digest, facts=("zoo",)))


def measure_node(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Look inside the node; `pixels` are its most disputed images."""
    progress(0.1, "looking inside the node")
    tasks = zoo.check_tasks(params.get("tasks"))
    options = MLossOptions.from_dict(params["mloss"])
    detail = node_detail(zoo, params["block"], params["node"], tasks=tasks, options=options)
    progress(0.8, "drawing the images")
    pixels = [zoo.datasets[image.task].pixels("train", [image.index])[0] for image in detail.top]
    top = [dataclasses.replace(image, pixels=shown) for image, shown in zip(detail.top, pixels, strict=True)]
    return Payload(*dataclasses.replace(detail, top=tuple(top)).to_entry())


def measure_pairs(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The pairs of the chosen tasks; an undefined value is None, with its reason under `undefined`."""
    tasks, options = zoo.check_tasks(params.get("tasks")), MLossOptions.from_dict(params["mloss"])
    names = params.get("metrics")
    pairs = pairwise_metrics(zoo, names, tasks, options, part(progress, 0, 0.9))
    blocks = pairwise_blocks(zoo, names, tasks, options, part(progress, 0.9, 1))
    meta = {
        "tasks": list(tasks),
        "pairs": _records(pairs),
        "blocks": _records(blocks),
        "undefined": list(pairs.attrs.get("undefined", [])),
    }
    return Payload(meta)


def merge_pairs(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Every pair of the chosen tasks merged by the methods and evaluated on a split."""
    methods = params.get("methods") or METHODS
    found = pair_accuracies(
        zoo, methods, params["split"], params.get("tasks"), pairs=params.get("pairs"), progress=progress
    )
    facts = {str(name): value for name, value in found.attrs.items()}
    return Payload({**facts, "tasks": list(zoo.check_tasks(params.get("tasks"))), "pairs": _records(found)})


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.to_dict("records")
    return [{str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]


def measure_spectra(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """With a block the spectra of its matrix, without one the interference of that matrix in every block."""
    chosen = zoo.subset(params.get("tasks"))
    meta: dict[str, Any] = {"tasks": list(chosen.tasks), "matrix": params["matrix"]}
    if "block" not in params:
        return Payload(meta, {"interference": task_interference(chosen, params["matrix"], progress=progress)})
    spectra = layer_spectra(chosen, params["block"], params["matrix"], common_fraction=params.get("fraction", 0.8))
    arrays = dataclasses.asdict(spectra)
    meta |= {"block": params["block"], "interference": arrays.pop("interference"), "iso_c": spectra.iso_c}
    return Payload(meta, arrays)
