"""From the arrays of a measured M-Loss to the map that is drawn."""

from typing import TYPE_CHECKING

import numpy as np

from ui.mloss_map_data import MapData

if TYPE_CHECKING:
    from mloss_core.lab.kinds import Payload


def map_of(payload: "Payload") -> MapData:
    """The map of a `measure` payload."""
    layers = payload.meta["layers"]
    sites = tuple(layer["site"] for layer in layers)
    arrays = payload.arrays
    images = [arrays.get(f"per_image/{site}") for site in sites]
    return MapData(
        sites=sites,
        blocks=tuple(int(layer["block"]) for layer in layers),
        node=np.stack([arrays[f"node/{site}"] for site in sites]).astype(np.float64),
        node_error=np.stack([arrays[f"standard_error/{site}"] for site in sites]).astype(np.float64),
        block=np.array([layer["mloss"] for layer in layers], dtype=np.float64),
        block_error=np.array([layer["standard_error"] for layer in layers], dtype=np.float64),
        images=None if any(array is None for array in images) else np.stack(images),
    )
