"""Looking inside one node: each model's pre-activations, the angles between their rows, the disputed images."""

import numpy as np
import torch
from torch import Tensor

from mloss_core.errors import LayerNotFoundError
from mloss_core.mloss.accumulate import source_layers
from mloss_core.mloss.detail import NodeDetail, TopImage
from mloss_core.mloss.inputs import feeding_networks, site_inputs
from mloss_core.mloss.measure import activation_of, chosen_models, image_shares, reduced
from mloss_core.mloss.node import check_weights
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.vision.architecture import check_blocks, weight_key
from mloss_core.zoo.model import Zoo

BINS = 61


@torch.inference_mode()
def node_detail(
    zoo: Zoo,
    block: int,
    node: int,
    *,
    tasks: "tuple[str, ...] | None" = None,
    options: MLossOptions | None = None,
    top: int = 6,
) -> NodeDetail:
    """Look inside one node, on the images that the options draw.

    Raises:
        LayerNotFoundError: no such block or node.
    """
    options = options or MLossOptions()
    chosen = chosen_models(zoo, tasks, options)
    check_blocks((block,), zoo.architecture.layers)
    if not 0 <= node < zoo.architecture.mlp_width:
        raise LayerNotFoundError(f"nodes of a block are 0 to {zoo.architecture.mlp_width - 1}; found {node}.")
    share = check_weights(options.weights, len(chosen.tasks))
    activation, phi = activation_of(zoo, options)
    images = draw_calibration(
        chosen,
        samples_per_task=options.samples_per_task,
        seed=options.seed,
        sampling=options.sampling,
        preprocess=options.preprocess,
    )
    rows, biases = _rows(chosen, block, node)
    z = _pre_activations(chosen, options, share, images.images, block, rows, biases)
    weights = torch.tensor(share, device=z.device).view(-1, 1, 1)
    mean = (z * weights).sum(0)
    merged, ensemble = phi(mean), (phi(z) * weights).sum(0)
    gap = (merged - ensemble).square()
    edges, densities = _densities(torch.cat([z, mean[None]]).flatten(1))
    mloss = reduced(gap.mean(1) @ image_shares(images, options, (block,))[0].to(gap.device), options)
    order = gap.mean(1).argsort(descending=True, stable=True)[:top].tolist()
    disputed = [
        TopImage(
            chosen.tasks[int(images.task[i])],
            int(images.index[i]),
            float(merged[i].mean()),
            float(ensemble[i].mean()),
            float(gap[i].mean()),
        )
        for i in order
    ]
    return NodeDetail(
        block=block,
        node=node,
        tasks=chosen.tasks,
        activation=activation,
        edges=edges,
        densities=densities,
        means=torch.cat([z.mean((1, 2)), mean.mean()[None]]).cpu().numpy(),
        angles=_angles(chosen, block, node, rows),
        mloss=float(mloss),
        merged_activation=float(merged.mean()),
        ensemble_activation=float(ensemble.mean()),
        top=tuple(disputed),
    )


def _rows(zoo: Zoo, block: int, node: int) -> tuple[Tensor, Tensor]:
    """The node's weight row and bias in every model, (model, feature) and (model,)."""
    layers = source_layers(zoo, block)
    return torch.stack([weight[node] for weight, _ in layers]), torch.stack([bias[node] for _, bias in layers])


def _pre_activations(
    zoo: Zoo, options: MLossOptions, share: list[float], images: Tensor, block: int, rows: Tensor, biases: Tensor
) -> Tensor:
    """The node's pre-activation in every model, (model, image, token)."""
    networks = feeding_networks(zoo, options.input_mode, share)
    batches = []
    for batch in site_inputs(zoo, networks, images, (block,), options.tokens):
        inputs = batch.inputs if len(batch.inputs) > 1 else batch.inputs * len(rows)
        batches.append(torch.stack([x @ row + bias for x, row, bias in zip(inputs, rows, biases, strict=True)]))
    return torch.cat(batches, 1)


def _densities(z: Tensor) -> tuple[np.ndarray, np.ndarray]:
    values = z.double().cpu().numpy()
    low, high = np.quantile(values, [0.001, 0.999])
    pad = 0.05 * (high - low) or 0.5
    edges = np.linspace(low - pad, high + pad, BINS)
    return edges, np.stack([np.histogram(row, edges)[0] / (len(row) * np.diff(edges)) for row in values])


def _angles(zoo: Zoo, block: int, node: int, rows: Tensor) -> np.ndarray:
    """Degrees between rows, by half-angle so that small angles keep their digits."""
    base = zoo.pretrained.weights[weight_key(zoo.architecture.sites[block])][node].float().to(rows.device)
    unit = torch.nn.functional.normalize(torch.cat([rows, base[None]]).double(), dim=1)
    half = (torch.cdist(unit, unit, compute_mode="donot_use_mm_for_euclid_dist") / 2).clamp(max=1)
    return torch.rad2deg(2 * torch.asin(half)).cpu().numpy()
