"""A zoo of tiny random encoders and random images, for tests that need the shape of a zoo and not its skill."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.data.datasets import check_split, normalise
from mloss_core.state_dicts import state_digest
from mloss_core.vision.architecture import Architecture, infer_architecture
from mloss_core.zoo.model import Encoder, Zoo

TASKS = ("apples", "boats", "clouds", "doors", "eagles", "ferns", "gates", "hills")


class NoiseDataset:
    """Random pixels with random labels; the label shifts the red channel so that there is something to see."""

    templates = ("a picture of a {}.",)

    def __init__(self, name: str, classes: int, side: int, sizes: dict[str, int], seed: int) -> None:
        self.name, self.side, self.seed = name, side, seed
        self.classes = tuple(f"{name} {index}" for index in range(classes))
        self._sizes = sizes
        self.digest = hashlib.sha256(f"{name}{classes}{side}{sizes}{seed}".encode()).hexdigest()

    def size(self, split: str) -> int:
        return self._sizes[check_split(split)]

    def labels(self, split: str) -> Tensor:
        return torch.arange(self.size(split)) % len(self.classes)

    def pixels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        drawn = []
        for index in indices:
            key = int(hashlib.sha256(f"{self.digest}{split}{index}".encode()).hexdigest()[:12], 16)
            image = np.random.default_rng(key).integers(0, 200, (self.side, self.side, 3))
            image[..., 0] += 20 * (index % len(self.classes))
            drawn.append(image.clip(0, 255).astype(np.uint8))
        return np.stack(drawn) if drawn else np.zeros((0, self.side, self.side, 3), np.uint8)

    def images(self, split: str, indices: Sequence[int], preprocess: str = "model") -> Tensor:
        pixels = self.pixels(split, indices)
        if preprocess == "stretch":
            return normalise(pixels, (0, 0, 0), (1, 1, 1))
        return normalise(pixels, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


KINDS = {
    "clipa": {"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
    "scaled": {"ls_init_value": 0.5},
    "coca": {"attentional_pool": True, "attn_pooler_queries": 3},
}
"""Options of open_clip's vision transformer that make another kind of tower than OpenAI's."""


def tiny_weights(
    width: int = 16, layers: int = 4, seed: int = 0, kind: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Tensor]:
    """Random canonical weights of a tiny tower with activations of natural size; `kind` is one of `KINDS`."""
    from open_clip.transformer import VisionTransformer

    torch.manual_seed(seed)
    tower = VisionTransformer(16, 8, width, layers, max(1, width // 8), 4, output_dim=8, **kind)
    for block in tower.transformer.resblocks:
        torch.nn.init.normal_(block.mlp.c_fc.weight, std=1 / width**0.5)
        torch.nn.init.normal_(block.mlp.c_fc.bias, std=0.1)
    return {key: value.detach().clone() for key, value in tower.state_dict().items()}


def tiny_architecture(weights: dict[str, Tensor], activation: str = "gelu") -> Architecture:
    """The architecture of `tiny_weights`."""
    heads = max(1, weights["conv1.weight"].shape[0] // 8)
    return infer_architecture(weights, heads=heads, activation=activation, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def tiny_zoo(
    tasks: int = 3,
    width: int = 16,
    layers: int = 4,
    *,
    spread: float = 0.1,
    images: int = 40,
    seed: int = 0,
    activation: str = "gelu",
    kind: Mapping[str, Any] = MappingProxyType({}),
) -> Zoo:
    """A zoo of `tasks` random perturbations (relative size `spread`) of one random tower. Seeded, quick, in memory."""
    base = tiny_weights(width, layers, seed, kind)
    sizes = {"train": images, "val": images // 2, "test": images}
    finetuned, heads, datasets = {}, {}, {}
    for position, name in enumerate(TASKS[:tasks]):
        draw = torch.Generator().manual_seed(1000 * seed + position)
        tuned = {
            key: value + spread * value.std().nan_to_num(0.1) * torch.randn(value.shape, generator=draw)
            for key, value in base.items()
        }
        finetuned[name] = Encoder(name, tuned, state_digest(tuned), 4 * sum(v.numel() for v in tuned.values()))
        classes = 3 + position % 2
        head = torch.nn.functional.normalize(torch.randn(classes, 8, generator=draw), dim=-1)
        heads[name] = 10 * head
        datasets[name] = NoiseDataset(name, classes, 16, sizes, seed)
    return Zoo(
        name="tiny",
        architecture=tiny_architecture(base, activation),
        pretrained=Encoder("pretrained", base, state_digest(base), 4 * sum(v.numel() for v in base.values())),
        finetuned=MappingProxyType(finetuned),
        heads=MappingProxyType(heads),
        datasets=MappingProxyType(datasets),
    )
