"""Statistics of a zoo's models on training images of their tasks, measured when a method asks for them."""

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from mloss_core.caching import STATISTICS, Cache, digest_of
from mloss_core.merging.data_driven.statistics import CoefficientSystem, Moments
from mloss_core.merging.data_driven.tower_inputs import linear_inputs, parts, projection_inputs
from mloss_core.mloss.inputs import GROUP_BYTES, batch_size
from mloss_core.outputs.calibration import CalibrationSet, draw_calibration
from mloss_core.placement import one_thread
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, StateDict, silent
from mloss_core.vision.architecture import LINEAR_MAPS, PROJECTION, block_prefix
from mloss_core.vision.blocks import Block, build_block, image_embedder
from mloss_core.zoo.model import Zoo

_LOG = logging.getLogger(__name__)
_REVISION = 1


class ZooStatistics:
    """See `mloss_core.merging.data_driven.statistics.Statistics`. All arithmetic is on one CPU thread: bits repeat.

    Args:
        zoo: the models that are merged, and no others.
        options: how images are drawn (seed, preprocess), and how M-Loss is measured.
        purpose: who needs the images, for messages.
        cache: where what is dear to compute is kept.

    Raises:
        ZooError: a task without a dataset.
    """

    def __init__(self, zoo: Zoo, options: MLossOptions, purpose: str = "This", cache: Cache | None = None) -> None:
        zoo.require_datasets(None, f"{purpose} needs")
        self._zoo, self._options, self._cache = zoo, options, cache or Cache()
        self._told: set[str] = set()

    def identity(self, images: int) -> str:
        """Digest of models and of the images that are drawn, known without reading them."""
        facts = [self._zoo.digest, self._zoo.architecture.to_dict(), list(self._zoo.tasks)]
        return digest_of("statistics", _REVISION, facts, [self._drawn_key(task, images) for task in self._zoo.tasks])

    def input_squares(self, images: int, progress: Progress = silent) -> Mapping[str, Sequence[Tensor]]:
        """Of the pretrained encoder; a task's are kept in the cache by the digest of its images."""
        found = []
        for position, task in enumerate(self._zoo.tasks):
            progress(position / len(self._zoo.tasks), f"inputs of {task}")
            facts = [self._zoo.pretrained.digest, self._zoo.architecture.to_dict(), self._drawn_key(task, images)]
            key = digest_of("input squares", _REVISION, facts)
            entry = self._cache.remember(STATISTICS, key, functools.partial(self._squares_entry, task, images))
            found.append({name: torch.from_numpy(array) for name, array in entry.arrays.items()})
        return {key: [squares[key] for squares in found] for key in found[0]}

    @torch.no_grad()
    def moments(self, images: int, merged: StateDict | None = None, progress: Progress = silent) -> Iterator[Moments]:
        """Block by block; the tokens of all images stay in memory between two blocks."""
        zoo, shape = self._zoo, self._zoo.architecture
        networks = [source.weights for source in zoo.sources()]
        feeds = networks if merged is None else [merged] * len(networks)
        with one_thread():
            hidden = [self._embedded(net, self.drawn(task, images)) for net, task in zip(feeds, zoo.tasks, strict=True)]

        def of(model: int, block: int) -> dict[str, Tensor]:
            with one_thread():
                layer = build_block(shape, networks[model], block, zoo.device)
                found = _Grams(block_prefix(block))
                for place, tokens in enumerate(hidden[model]):
                    inputs, output = linear_inputs(layer, tokens)
                    found.add(inputs, len(tokens))
                    if merged is None:
                        hidden[model][place] = output
                return found.mean()

        for block in range(shape.layers):
            progress(block / shape.layers, f"inputs of block {block}")
            keys = tuple(block_prefix(block) + name for name in LINEAR_MAPS)
            yield Moments(keys, functools.partial(of, block=block))
            if merged is not None:
                with one_thread():
                    self._advance(build_block(shape, merged, block, zoo.device), hidden)

        def last(model: int) -> dict[str, Tensor]:
            with one_thread():
                found = _Grams("")
                for tokens in hidden[model]:
                    inputs = projection_inputs(shape, networks[model], tokens)
                    found.add({PROJECTION: inputs}, len(tokens))
                return found.mean()

        yield Moments((PROJECTION,), last)

    def fisher(self, model: int, images: int, labels: str, progress: Progress = silent) -> Mapping[str, Tensor]:
        """Kept in the cache by the digests of model, head and images."""
        from mloss_core.merging.data_driven.fisher import fisher_information

        zoo, task = self._zoo, self._zoo.tasks[model]
        zoo.require_heads((task,))
        encoder, head = zoo.sources()[model], zoo.heads[task]
        drawn = self.drawn(task, images)
        key, drawing = (
            digest_of(
                "fisher",
                _REVISION,
                [encoder.digest, zoo.architecture.to_dict(), images, labels, self._options.seed],
                head.flatten().tolist(),
            )
            for images in (drawn.digest, drawn.listing)
        )

        def compute() -> tuple[dict, dict]:
            progress(0.0, f"gradients of {task}")
            given = zoo.datasets[task].labels("train")[torch.as_tensor(drawn.index)] if labels == "true" else None
            seed = int(digest_of(drawing)[:15], 16)
            with one_thread():
                found = fisher_information(zoo.tower(encoder.weights), head.to(zoo.device), drawn.images, given, seed)
            return {}, {name: tensor.cpu().numpy() for name, tensor in found.items()}

        entry = self._cache.remember(STATISTICS, key, compute)
        return {name: torch.from_numpy(array) for name, array in entry.arrays.items()}

    def coefficient_systems(self, images: int, progress: Progress = silent) -> Mapping[str, CoefficientSystem]:
        """On inputs that all models share, as M-Loss has them; small, so measured anew."""
        from mloss_core.merging.data_driven.coefficient_systems import coefficient_systems

        drawn = torch.cat([self.drawn(task, images).images for task in self._zoo.tasks])
        with one_thread():
            return coefficient_systems(self._zoo, drawn, self._options, progress)

    def drawn(self, task: str, images: int) -> CalibrationSet:
        """Training images of a task, as many as asked for or all that there are, which is said."""
        return draw_calibration(
            self._zoo,
            (task,),
            samples_per_task=self._count(task, images),
            seed=self._options.seed,
            preprocess=self._options.preprocess,
        )

    def _drawn_key(self, task: str, images: int) -> list:
        """What decides which images `drawn` gives, known without reading them."""
        dataset = self._zoo.datasets[task]
        return [dataset.digest, self._count(task, images), self._options.seed, self._options.preprocess]

    def _count(self, task: str, images: int) -> int:
        """How many there are of the images that are asked for; says once where there are fewer."""
        there = self._zoo.datasets[task].size("train")
        if there < images and task not in self._told:
            self._told.add(task)
            _LOG.warning("%s has %d training images, fewer than the %d asked for: all are used.", task, there, images)
        return min(images, there)

    def _squares_entry(self, task: str, images: int) -> tuple[dict, dict]:
        return {}, self._squares(task, images)

    @torch.no_grad()
    def _squares(self, task: str, images: int) -> dict:
        zoo, shape, net = self._zoo, self._zoo.architecture, self._zoo.pretrained.weights
        drawn = self.drawn(task, images).images
        sums: dict[str, Tensor] = {}

        def add(key: str, inputs: Tensor) -> None:
            found = inputs.double().square().sum((0, 1))
            sums[key] = sums[key] + found if key in sums else found

        with one_thread():
            for group in parts(len(drawn), max(1, GROUP_BYTES // (4 * shape.tokens * shape.width))):
                hidden = self._embedded(net, drawn[group])
                for block in range(shape.layers):
                    layer = build_block(shape, net, block, zoo.device)
                    for place, tokens in enumerate(hidden):
                        inputs, hidden[place] = linear_inputs(layer, tokens)
                        for name, found in inputs.items():
                            add(block_prefix(block) + name, found)
                for tokens in hidden:
                    add(PROJECTION, projection_inputs(shape, net, tokens))
        return {key: (total / len(drawn)).float().cpu().numpy() for key, total in sums.items()}

    def _embedded(self, net: StateDict, images: "Tensor | CalibrationSet") -> list[Tensor]:
        pixels = images.images if isinstance(images, CalibrationSet) else images
        embed = image_embedder(self._zoo.architecture, net, self._zoo.device)
        return [embed(pixels[span]) for span in parts(len(pixels), batch_size(self._zoo))]

    @staticmethod
    def _advance(layer: Block, hidden: list[list[Tensor]]) -> None:
        for batches in hidden:
            for place, tokens in enumerate(batches):
                batches[place] = linear_inputs(layer, tokens)[1]


class _Grams:
    """Second moments of several maps' inputs, added up over batches."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._images = prefix, 0
        self._sums: dict[str, Tensor] = {}

    def add(self, inputs: Mapping[str, Tensor], images: int) -> None:
        self._images += images
        for name, found in inputs.items():
            rows = found.flatten(0, 1)
            # A batch's products in float32, their sum in float64: as exact as the inputs, at half the cost.
            gram = (rows.T @ rows).double()
            self._sums[name] = self._sums[name] + gram if name in self._sums else gram

    def mean(self) -> dict[str, Tensor]:
        return {self._prefix + name: total / self._images for name, total in self._sums.items()}


def collect_stats(
    zoo: Zoo,
    tasks: "Sequence[str] | None" = None,
    images: int = 1600,
    *,
    seed: int = 0,
    preprocess: str = "model",
    cache: Cache | None = None,
    progress: Progress = silent,
) -> dict[str, dict[str, Tensor]]:
    """How strongly each input of each linear map of the pretrained encoder is driven by a task's images.

    Args:
        zoo: encoders and datasets.
        tasks: all by default.
        images: training images of each task, without labels; all that there are where a task has fewer.
        seed: of the draw.
        preprocess: model or stretch, as for M-Loss.
        cache: where results are kept; the common one by default.
        progress: told after each task.

    Returns:
        task -> weight key -> float32 (inputs,): the mean over images of the sum over tokens of the squared input.

    Raises:
        ZooError: a task without a dataset. UnknownNameError: no such task.
    """
    part_of = zoo.subset(None if tasks is None else tuple(tasks))
    options = MLossOptions(seed=seed, preprocess=preprocess)
    found = ZooStatistics(part_of, options, "Collecting statistics", cache).input_squares(images, progress)
    return {task: {key: each[place] for key, each in found.items()} for place, task in enumerate(part_of.tasks)}
