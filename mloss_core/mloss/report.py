"""What a measurement gives back: node and layer M-Loss with their sampling error, as arrays and as tables."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError, LayerNotFoundError
from mloss_core.recipe import MLossOptions
from mloss_core.vision.architecture import site_block


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLossReport:
    """M-Loss of every node of every measured block.

    Args:
        options: what was asked for.
        activation: the non-linearity that was used (`auto` resolved).
        tasks: the models, in order.
        zoo_digest: of those models and their datasets.
        node: site -> float32 (node,), mean over tokens of the squared difference.
        node_standard_error: site -> (node,), by resampling images.
        layers: one row a site: block, site, nodes, mloss (mean over nodes), normalised (mean over images of the norm
            of the difference over the norm of the merged activation), standard_error (of mloss).
        per_image: site -> (image, node), kept when it is small enough; else empty.
        image_task: position in `tasks` of each image, (image,).
        image_index: its index in the task's training split, (image,).
        notes: what the user should know.
        inputs_digest: of the network that fed the sites, where one was given instead of the options' input mode.
        seconds: wall time of the measurement.
        digest: SHA-256 of everything the values follow from.
    """

    options: MLossOptions
    activation: str
    tasks: tuple[str, ...]
    zoo_digest: str
    node: Mapping[str, Tensor]
    node_standard_error: Mapping[str, Tensor]
    layers: pd.DataFrame
    image_task: np.ndarray
    image_index: np.ndarray
    per_image: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    inputs_digest: str | None = None
    seconds: float = 0.0
    digest: str = ""

    @property
    def sites(self) -> tuple[str, ...]:
        """The measured sites, first block first."""
        return tuple(self.node)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Their block indices."""
        return tuple(site_block(site) for site in self.node)

    def block(self, index: int) -> Tensor:
        """Node M-Loss of one block, (node,).

        Raises:
            LayerNotFoundError: the block was not measured.
        """
        for site, values in self.node.items():
            if site_block(site) == index:
                return values
        raise LayerNotFoundError(f"block {index} was not measured; this report has blocks {list(self.blocks)}.")

    def share(self, blocks: tuple[int, ...]) -> float:
        """Fraction of the M-Loss of all nodes together that these blocks carry."""
        totals = {index: float(self.block(index).sum()) for index in self.blocks}
        whole = sum(totals.values())
        return sum(totals.get(index, 0.0) for index in blocks) / whole if whole else 0.0

    def top_blocks(self, count: int) -> tuple[int, ...]:
        """The blocks with the largest layer M-Loss, in block order."""
        ranked = self.layers.sort_values("mloss", ascending=False, kind="stable")["block"]
        return tuple(sorted(int(index) for index in ranked[:count]))

    def to_frame(self, group_size: int = 1) -> pd.DataFrame:
        """Mean M-Loss of consecutive groups of nodes; the last group of a site may be smaller.

        Returns:
            One row a group: block, site, group, first_node, last_node, mloss, standard_error (the mean of its nodes').

        Raises:
            InvalidOptionError: a group size below 1.
        """
        if group_size < 1:
            raise InvalidOptionError(f"a group must hold at least 1 node; found {group_size}.")
        frames = [self._groups(site, group_size) for site in self.node]
        return pd.concat(frames, ignore_index=True)

    def _groups(self, site: str, size: int) -> pd.DataFrame:
        values, errors = self.node[site].numpy(), self.node_standard_error[site].numpy()
        starts = np.arange(0, len(values), size)
        counts = np.diff([*starts, len(values)])
        return pd.DataFrame(
            {
                "block": site_block(site),
                "site": site,
                "group": np.arange(len(starts)),
                "first_node": starts,
                "last_node": starts + counts - 1,
                "mloss": np.add.reduceat(values, starts) / counts,
                "standard_error": np.add.reduceat(errors, starts) / counts,
            }
        )

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts as plain values and arrays by name, for a cache or another process."""
        meta = {
            "options": self.options.to_dict(),
            "activation": self.activation,
            "tasks": list(self.tasks),
            "zoo_digest": self.zoo_digest,
            "layers": self.layers.to_dict("records"),
            "notes": list(self.notes),
            "seconds": self.seconds,
            "digest": self.digest,
            "sites": list(self.sites),
            "inputs_digest": self.inputs_digest,
        }
        arrays = {"image_task": self.image_task, "image_index": self.image_index}
        arrays |= {f"node/{site}": values.numpy() for site, values in self.node.items()}
        arrays |= {f"standard_error/{site}": values.numpy() for site, values in self.node_standard_error.items()}
        arrays |= {f"per_image/{site}": values for site, values in self.per_image.items()}
        return meta, arrays

    @classmethod
    def from_arrays(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "MLossReport":
        """The report of `to_arrays`."""
        sites = meta["sites"]
        return cls(
            options=MLossOptions.from_dict(meta["options"]),
            activation=meta["activation"],
            tasks=tuple(meta["tasks"]),
            zoo_digest=meta["zoo_digest"],
            layers=pd.DataFrame(meta["layers"]),
            notes=tuple(meta["notes"]),
            seconds=meta["seconds"],
            digest=meta["digest"],
            inputs_digest=meta.get("inputs_digest"),
            node={site: torch.from_numpy(np.array(arrays[f"node/{site}"])) for site in sites},
            node_standard_error={site: torch.from_numpy(np.array(arrays[f"standard_error/{site}"])) for site in sites},
            per_image={site: arrays[f"per_image/{site}"] for site in sites if f"per_image/{site}" in arrays},
            image_task=arrays["image_task"],
            image_index=arrays["image_index"],
        )
