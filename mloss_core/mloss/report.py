"""What a measurement gives back: node and layer M-Loss with their sampling error, as arrays and as tables.

Opening a report loads no torch, so that pages hold the same class as the library; tensors are made on access.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mloss_core.errors import InvalidOptionError, LayerNotFoundError
from mloss_core.mloss.sampling import resampled_errors
from mloss_core.recipe import MLossOptions
from mloss_core.vision.architecture import site_block

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class NodeGroups:
    """Consecutive nodes of every measured block, gathered into groups; the last one of a block may be smaller.

    Args:
        first: index of each group's first node within the block, (group,); `last` of its last one.
        mloss: mean M-Loss of the group's nodes, (block, group).
        standard_error: of that mean, (block, group).
        worst: index of the group's most conflicted node, (block, group).
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    mloss: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    worst: NDArray[np.int64]

    @property
    def centre(self) -> NDArray[np.float64]:
        """Middle of each group, on the axis of node indices."""
        return (self.first + self.last) / 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLossReport:
    """M-Loss of every node of every measured block.

    Args:
        options: what was asked for.
        activation: the non-linearity that was used (`auto` resolved).
        tasks: the models, in order.
        zoo_digest: of those models and their datasets.
        node_values: site -> float32 (node,), mean over tokens of the squared difference. All sites have as many nodes.
        node_errors: site -> float32 (node,), its standard error, by resampling images.
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
    node_values: Mapping[str, np.ndarray]
    node_errors: Mapping[str, np.ndarray]
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
        return tuple(self.node_values)

    @cached_property
    def blocks(self) -> tuple[int, ...]:
        """Their block indices."""
        return tuple(site_block(site) for site in self.node_values)

    @property
    def nodes(self) -> int:
        """Nodes of one block."""
        return self.values.shape[1]

    @property
    def node(self) -> "Mapping[str, Tensor]":
        """Site -> M-Loss of its nodes as a float32 tensor (node,)."""
        return _Tensors(self.node_values)

    @property
    def node_standard_error(self) -> "Mapping[str, Tensor]":
        """Site -> standard error of its nodes' M-Loss as a tensor (node,)."""
        return _Tensors(self.node_errors)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """M-Loss of every node, (block, node)."""
        return np.stack(list(self.node_values.values())).astype(np.float64)

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        """Standard error of `values`, (block, node)."""
        return np.stack([self.node_errors[site] for site in self.sites]).astype(np.float64)

    @property
    def layer_values(self) -> NDArray[np.float64]:
        """M-Loss of every block, (block,)."""
        return self.layers["mloss"].to_numpy(np.float64)

    @property
    def layer_errors(self) -> NDArray[np.float64]:
        """Standard error of `layer_values`, (block,)."""
        return self.layers["standard_error"].to_numpy(np.float64)

    def block(self, index: int) -> "Tensor":
        """Node M-Loss of one block, (node,).

        Raises:
            LayerNotFoundError: the block was not measured.
        """
        return self.node[self._site(index)]

    def share(self, blocks: tuple[int, ...]) -> float:
        """Fraction of the M-Loss of all nodes together that these blocks carry."""
        totals = dict(zip(self.blocks, self.values.sum(axis=1).tolist(), strict=True))
        whole = sum(totals.values())
        return sum(totals.get(index, 0.0) for index in blocks) / whole if whole else 0.0

    def top_blocks(self, count: int) -> tuple[int, ...]:
        """The blocks with the largest layer M-Loss, in block order."""
        ranked = self.layers.sort_values("mloss", ascending=False, kind="stable")["block"]
        return tuple(sorted(int(index) for index in ranked[:count]))

    def groups(self, size: int) -> NodeGroups:
        """The nodes of each block in groups of `size` neighbours.

        The standard error of a group resamples images within their tasks, as that of a node and of a layer does. Where
        per-image values were not kept, the nodes of a group are taken to err together: an upper bound.

        Raises:
            InvalidOptionError: a group size below 1.
        """
        if size < 1:
            raise InvalidOptionError(f"a group must hold at least 1 node; found {size}.")
        first = np.arange(0, self.nodes, size)
        last = np.minimum(first + size, self.nodes) - 1
        counts = last - first + 1
        mloss = np.stack([np.add.reduceat(values, first) / counts for values in self.node_values.values()])
        bounds = list(zip(first, last + 1, strict=True))
        worst = np.stack([[a + row[a:b].argmax() for a, b in bounds] for row in self.values])
        return NodeGroups(first, last, mloss, self._group_errors(first, counts), worst)

    def to_frame(self, group_size: int = 1) -> pd.DataFrame:
        """Mean M-Loss of consecutive groups of nodes; the last group of a site may be smaller.

        Returns:
            One row a group: block, site, group, first_node, last_node, mloss, standard_error, as `groups` has them.

        Raises:
            InvalidOptionError: a group size below 1.
        """
        groups = self.groups(group_size)
        count, sites = len(groups.first), len(self.sites)
        return pd.DataFrame(
            {
                "block": np.repeat(self.blocks, count),
                "site": np.repeat(self.sites, count),
                "group": np.tile(np.arange(count), sites),
                "first_node": np.tile(groups.first, sites),
                "last_node": np.tile(groups.last, sites),
                "mloss": groups.mloss.ravel(),
                "standard_error": groups.standard_error.ravel(),
            }
        )

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts as plain values and arrays by name, for the cache or another process."""
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
        arrays |= {f"node/{site}": values for site, values in self.node_values.items()}
        arrays |= {f"standard_error/{site}": values for site, values in self.node_errors.items()}
        arrays |= {f"per_image/{site}": values for site, values in self.per_image.items()}
        return meta, arrays

    @classmethod
    def from_entry(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "MLossReport":
        """The report of `to_entry`; the arrays are shared, not copied."""
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
            node_values={site: arrays[f"node/{site}"] for site in sites},
            node_errors={site: arrays[f"standard_error/{site}"] for site in sites},
            per_image={site: arrays[f"per_image/{site}"] for site in sites if f"per_image/{site}" in arrays},
            image_task=arrays["image_task"],
            image_index=arrays["image_index"],
        )

    def _site(self, block: int) -> str:
        for site in self.node_values:
            if site_block(site) == block:
                return site
        raise LayerNotFoundError(f"block {block} was not measured; this report has blocks {list(self.blocks)}.")

    def _group_errors(self, first: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        if len(first) == self.nodes or not all(site in self.per_image for site in self.sites):
            return np.stack([np.add.reduceat(self.node_errors[site], first) / counts for site in self.sites])
        images = [self.per_image[site] for site in self.sites]
        if self.options.reduction != "root_mean_square":
            # The mean over a group's nodes may go before that over images, which leaves far less to resample.
            gathered = [np.add.reduceat(values, first, axis=1, dtype=np.float64) / counts for values in images]
            return np.stack(resampled_errors(gathered, self.image_task, seed=self.options.seed))

        def group_roots(squares: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.add.reduceat(np.sqrt(squares), first, axis=1) / counts

        return np.stack(resampled_errors(images, self.image_task, seed=self.options.seed, reduced=group_roots))


class _Tensors(Mapping[str, "Tensor"]):
    """Arrays by site as tensors that share their memory; torch is imported when the first is asked for."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = arrays

    def __getitem__(self, site: str) -> "Tensor":
        import torch

        array = self._arrays[site]
        return torch.from_numpy(array if array.flags.writeable else array.copy())

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
