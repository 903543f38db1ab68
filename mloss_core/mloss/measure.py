"""Measuring M-Loss on a zoo: one forward for the inputs, the sources streamed through every site."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mloss_core.caching import Cache, digest_of
from mloss_core.data.calibration import REFERENCE_IMAGES, CalibrationSet, draw_calibration
from mloss_core.errors import CacheError, InvalidOptionError
from mloss_core.mloss.inputs import batch_size, input_towers, site_inputs
from mloss_core.mloss.node import Linear, check_weights, image_sums
from mloss_core.mloss.report import MLossReport
from mloss_core.mloss.sampling import resampled_counts
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import state_digest
from mloss_core.types import Progress, StateDict, silent
from mloss_core.vision import activation_function, check_blocks, weight_key
from mloss_core.zoo import Zoo

KEPT_BYTES = 1 << 28
"""Per-image node values are kept up to this size, for sampling curves."""
_REFERENCE_BATCH = 128


def measure_mloss(
    zoo: Zoo,
    tasks: "Sequence[str] | None" = None,
    samples_per_task: int | None = None,
    seed: int | None = None,
    preset: "str | MLossOptions" = "paper",
    *,
    options: MLossOptions | None = None,
    blocks: "Sequence[int] | None" = None,
    inputs_of: StateDict | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> MLossReport:
    """Measure how far the average of the models is from the average of their activations, at every node.

    Args:
        zoo: pretrained encoder, fine-tuned encoders and their datasets.
        tasks: the models to measure, all by default.
        samples_per_task: unlabeled training images from each task; the options' own by default.
        seed: of the image draw; the options' own by default.
        preset: `paper`, `reference`, or full options.
        options: the same as full options in `preset`.
        blocks: block indices, all by default.
        inputs_of: weights of a network that feeds the sites instead of the option `input_mode`, a merged model's say.
        progress: told how far the measurement is; may raise to stop it.
        cache: where results are kept; the default cache.

    Raises:
        InvalidOptionError: options that do not fit the zoo. LayerNotFoundError: a block that does not exist.
        DatasetError, ZooError: too few images, or none.
    """
    chosen = options or (preset if isinstance(preset, MLossOptions) else MLossOptions.preset(preset))
    changes = {"samples_per_task": samples_per_task, "seed": seed}
    chosen = dataclasses.replace(chosen, **{name: value for name, value in changes.items() if value is not None})
    part = zoo.subset(None if tasks is None else tuple(tasks))
    wanted = check_blocks(None if blocks is None else tuple(sorted(set(blocks))), zoo.architecture.layers)
    check_weights(chosen.weights, len(part.tasks))
    given = None if inputs_of is None else state_digest(inputs_of)
    key = digest_of("mloss", part.digest, zoo.architecture.to_dict(), list(part.tasks), chosen.to_dict(), wanted, given)
    store = cache or Cache()
    entry = store.get("mloss", key)
    if entry is not None:
        return MLossReport.from_arrays(entry.meta, entry.arrays)
    report = dataclasses.replace(_Measurement(part, chosen, wanted, inputs_of).run(progress), digest=key)
    try:
        store.put("mloss", key, *report.to_arrays())
    except CacheError as error:
        report = dataclasses.replace(report, notes=(*report.notes, f"Not kept for later: {error}"))
    return report


@dataclasses.dataclass
class _Sums:
    """Running sums of one site: weighted node values, their resampled replicates, and per-image values."""

    node: Tensor
    replicates: Tensor
    layer: list[Tensor]
    ratio: list[Tensor]
    kept: list[Tensor]


class _Measurement:
    def __init__(self, zoo: Zoo, options: MLossOptions, blocks: tuple[int, ...], given: StateDict | None) -> None:
        self.zoo, self.options, self.blocks = zoo, options, blocks
        self.share = check_weights(options.weights, len(zoo.tasks))
        self.activation = zoo.architecture.activation if options.activation == "auto" else options.activation
        self.phi = activation_function(self.activation, options.slope)
        self.sites = [zoo.architecture.sites[block] for block in blocks]
        self.layers = [self._source_layers(site) for site in self.sites]
        self.towers = input_towers(zoo, options.input_mode, self.share, given)
        self.notes: list[str] = []

    def run(self, progress: Progress) -> MLossReport:
        """Draw the images, stream them, and put the report together."""
        start = time.perf_counter()
        options = self.options
        images = draw_calibration(
            self.zoo, samples_per_task=options.samples_per_task, seed=options.seed, sampling=options.sampling,
            preprocess=options.preprocess,
        )  # fmt: skip
        share = self._image_shares(images)
        counts = torch.from_numpy(resampled_counts(images.task, seed=options.seed)).to(self.zoo.device)
        sums = self._stream(images, share, counts, progress)
        totals = (counts @ share.T).T
        return self._report(images, sums, totals, share, time.perf_counter() - start)

    def _source_layers(self, site: str) -> list[Linear]:
        key = weight_key(site)
        bias = key.removesuffix("weight") + "bias"
        device = self.zoo.device
        return [
            (encoder.weights[key].to(device, torch.float32), encoder.weights[bias].to(device, torch.float32))
            for encoder in self.zoo.sources()
        ]

    def _image_shares(self, images: CalibrationSet) -> Tensor:
        """How much each image counts at each site, (site, image), rows summing to 1."""
        count = len(images)
        if self.options.sampling == "balanced":
            return torch.full((len(self.sites), count), 1 / count, device=self.zoo.device)
        shares = torch.zeros(len(self.sites), count)
        draw = torch.Generator().manual_seed(self.options.seed)
        shuffled = torch.randperm(count, generator=draw).split(_REFERENCE_BATCH)
        batches = REFERENCE_IMAGES // _REFERENCE_BATCH
        for row, block in enumerate(self.blocks):
            for step in range(batches):
                batch = shuffled[(block * batches + step) % len(shuffled)]
                shares[row, batch] += 1 / (batches * len(batch))
        self.notes.append(
            f"Reference sampling: a pool of {count} training images, {batches} batches of {_REFERENCE_BATCH} a block."
        )
        return shares.to(self.zoo.device)

    @torch.inference_mode()
    def _stream(self, images: CalibrationSet, share: Tensor, counts: Tensor, progress: Progress) -> list[_Sums]:
        device = self.zoo.device
        nodes = [len(layers[0][1]) for layers in self.layers]
        keep = 4 * len(images) * sum(nodes) <= KEPT_BYTES
        sums = [
            _Sums(torch.zeros(n, device=device), torch.zeros(len(counts), n, device=device), [], [], []) for n in nodes
        ]
        size = batch_size(self.zoo, len(self.towers))
        steps = len(range(0, len(images), size)) * len(self.sites)
        done = 0
        for start in range(0, len(images), size):
            batch = images.images[start : start + size].to(device)
            found = [site_inputs(tower, batch, self.options.tokens) for tower in self.towers]
            part = slice(start, start + size)
            for row, block in enumerate(self.blocks):
                squares, ratios = image_sums([one[block] for one in found], self.layers[row], self.share, self.phi)
                weight = share[row, part]
                sums[row].node += weight @ squares
                sums[row].replicates += (counts[:, part] * weight) @ squares
                sums[row].layer.append(squares.mean(1))
                sums[row].ratio.append(ratios)
                if keep:
                    sums[row].kept.append(squares.cpu())
                done += 1
                progress(done / steps, f"block {block}")
        return sums

    def _report(
        self, images: CalibrationSet, sums: list[_Sums], totals: Tensor, share: Tensor, seconds: float
    ) -> MLossReport:
        node, error, kept, rows = {}, {}, {}, []
        for row, site in enumerate(self.sites):
            part = sums[row]
            replicates = part.replicates / totals[row].clamp_min(1e-12)[:, None]
            node[site] = self._reduced(part.node)
            error[site] = self._reduced(replicates).std(0).cpu()
            node[site] = node[site].cpu()
            if part.kept:
                kept[site] = torch.cat(part.kept).numpy()
            rows.append(self._row(row, site, node[site], replicates, torch.cat(part.ratio), share[row]))
        return MLossReport(
            options=self.options, activation=self.activation, tasks=self.zoo.tasks, zoo_digest=self.zoo.digest,
            node=node, node_standard_error=error, layers=pd.DataFrame(rows), per_image=kept,
            image_task=np.asarray(images.task), image_index=np.asarray(images.index), notes=tuple(self.notes),
            seconds=seconds,
        )  # fmt: skip

    def _reduced(self, squares: Tensor) -> Tensor:
        return squares.sqrt() if self.options.reduction == "root_mean_square" else squares

    def _row(
        self, row: int, site: str, node: Tensor, replicates: Tensor, ratios: Tensor, share: Tensor
    ) -> dict[str, Any]:
        return {
            "block": self.blocks[row], "site": site, "nodes": len(node), "mloss": float(node.double().mean()),
            "normalised": float((ratios * share).sum()),
            "standard_error": float(self._reduced(replicates).mean(1).double().std()),
        }  # fmt: skip


def require_two(tasks: Sequence[str]) -> None:
    """Refuse a single model where a comparison needs two.

    Raises:
        InvalidOptionError: fewer than two models.
    """
    if len(tasks) < 2:
        raise InvalidOptionError(f"at least two models are needed to disagree; {len(tasks)} is chosen.")
