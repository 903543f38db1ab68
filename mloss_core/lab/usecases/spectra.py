"""Singular values of one matrix under several merges, and interference in every block."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from mloss_core.lab.kinds import Payload
from mloss_core.merging.spectra import layer_spectra, task_interference
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """With a block the spectra of its matrix, without one the interference of that matrix in every block."""
    part = zoo.subset(params.get("tasks"))
    meta: dict[str, Any] = {"tasks": list(part.tasks), "matrix": params["matrix"]}
    if "block" not in params:
        return Payload(meta, {"interference": task_interference(part, params["matrix"], progress=progress)})
    found = layer_spectra(part, params["block"], params["matrix"], common_fraction=params.get("fraction", 0.8))
    arrays = dataclasses.asdict(found)
    meta |= {"block": params["block"], "interference": arrays.pop("interference"), "iso_c": found.iso_c}
    return Payload(meta, arrays)
