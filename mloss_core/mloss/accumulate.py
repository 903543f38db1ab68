"""Sources streamed through one site at a time: node values, their resampled replicates, the layer's values."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from mloss_core.mloss.inputs import SiteInputs
from mloss_core.mloss.node import Linear, image_sums
from mloss_core.placement import placed
from mloss_core.vision.architecture import weight_key
from mloss_core.zoo.model import Zoo


def source_layers(zoo: Zoo, block: int) -> list[Linear]:
    """Weight and bias in front of the activation of one block, of every source, on the zoo's device in float32."""
    key = weight_key(zoo.architecture.sites[block])
    bias = key.removesuffix("weight") + "bias"
    return [
        (placed(source.weights, key, zoo.device), placed(source.weights, bias, zoo.device)) for source in zoo.sources()
    ]


@dataclasses.dataclass(frozen=True)
class SiteValues:
    """What one site comes to.

    Args:
        node: (node,), weighted mean over images, reduced.
        node_error: (node,), standard deviation over the replicates.
        mloss: of the layer; `standard_error` likewise over the replicates.
        normalised: weighted mean over images of the scale-free layer form.
        images: (image, node), what each image adds, before the reduction; None when not kept.
    """

    node: np.ndarray
    node_error: np.ndarray
    mloss: float
    standard_error: float
    normalised: float
    images: np.ndarray | None


class SiteSums:
    """Running sums of one site, over batches of images.

    Args:
        nodes: number of them.
        share: how much each image counts, (image,), summing to 1; images that count nothing cost nothing.
        counts: resampling weights, (replicate, image).
        keep: also keep the values of every image.
    """

    def __init__(self, nodes: int, share: Tensor, counts: Tensor, *, keep: bool) -> None:
        self._share, self._resampled = share, counts * share
        self._node = torch.zeros(nodes, device=share.device)
        self._replicates = torch.zeros(len(counts), nodes, device=share.device)
        self._normalised = torch.zeros((), dtype=torch.float64, device=share.device)
        self._images: list[Tensor] | None = [] if keep else None

    def add(
        self, batch: SiteInputs, layers: Sequence[Linear], weights: Sequence[float], phi: Callable[[Tensor], Tensor]
    ) -> None:
        """Add a batch of images, whose inputs run through every source's layer."""
        share, resampled, inputs = self._share[batch.images], self._resampled[:, batch.images], batch.inputs
        counted = share > 0
        if not bool(counted.all()):
            share, resampled = share[counted], resampled[:, counted]
            inputs = tuple(part[counted] for part in inputs)
        if not len(share):
            return
        squares, ratios = image_sums(inputs, layers, weights, phi)
        self._node += share @ squares
        self._replicates += resampled @ squares
        self._normalised += (ratios * share).sum()
        if self._images is not None:
            self._images.append(squares.cpu())

    def values(self, reduced: Callable[[Tensor], Tensor]) -> SiteValues:
        """The means; `reduced` turns a mean of squares into what is reported."""
        node = reduced(self._node)
        replicates = reduced(self._replicates / self._resampled.sum(1, keepdim=True).clamp_min(1e-12))
        return SiteValues(
            node=node.cpu().numpy(),
            node_error=replicates.std(0).cpu().numpy(),
            mloss=float(node.double().mean()),
            standard_error=float(replicates.double().mean(1).std()),
            normalised=float(self._normalised),
            images=None if self._images is None else torch.cat(self._images).numpy(),
        )
