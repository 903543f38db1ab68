"""M-Loss at real size: seconds against the bare matrix products of the same shapes, and peak anonymous memory.

    python -m benchmarks.bench_mloss_memory [--sizes ViT-B-32:12,ViT-L-14:2] [--models 8] [--images 128]

Random images, random base, fine-tunes made on the fly out of the base, so that no model but the base takes memory. A
size is an architecture cut to its first blocks, whose number stands in its line. Each line is a process of its own, its
memory counted above the start; the last column is what the base takes of it.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from benchmarks.make_checkpoints import base_tower
from benchmarks.measuring import measured
from mloss_core import MLossOptions, measure_mloss
from mloss_core.caching import Cache
from mloss_core.vision.architecture import infer_architecture
from mloss_core.zoo.model import Encoder, Zoo
from tests.zoos import TASKS


class FineTuned(Mapping[str, Tensor]):
    """The base with noise on each tensor, drawn anew whenever one is asked for, as a file is read anew."""

    def __init__(self, base: Mapping[str, Tensor], seed: int) -> None:
        self._base, self._seed = base, seed

    def __getitem__(self, key: str) -> Tensor:
        tensor = self._base[key]
        draw = torch.Generator().manual_seed(self._seed)
        return tensor + 0.02 * max(float(tensor.std().nan_to_num(0)), 0.01) * torch.randn(tensor.shape, generator=draw)

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __len__(self) -> int:
        return len(self._base)


class RandomImages:
    """A dataset of noise, made when it is asked for."""

    templates = ("a picture of a {}.",)
    classes = ("one", "two")

    def __init__(self, name: str, side: int, images: int) -> None:
        self.name, self.digest = name, f"random {name} {side} {images}"
        self._side, self._images = side, images

    def size(self, split: str) -> int:
        return self._images

    def labels(self, split: str) -> Tensor:
        return torch.arange(self._images) % 2

    def images(self, split: str, indices: list[int], preprocess: str = "model") -> Tensor:
        return torch.randn(len(indices), 3, self._side, self._side, generator=torch.Generator().manual_seed(0))


def random_zoo(architecture: str, blocks: int, models: int, images: int) -> Zoo:
    """A zoo of a real architecture with some of its blocks."""
    base = {key: value.detach() for key, value in base_tower(architecture, blocks).state_dict().items()}
    shape = infer_architecture(base, activation="quick_gelu")
    names = TASKS[:models]
    return Zoo(
        name=architecture,
        architecture=shape,
        pretrained=Encoder("pretrained", base, "base"),
        finetuned=MappingProxyType({n: Encoder(n, FineTuned(base, s), n) for s, n in enumerate(names)}),
        heads=MappingProxyType({}),
        datasets=MappingProxyType({name: RandomImages(name, shape.image_size, images) for name in names}),
    )


def run(architecture: str, blocks: int, models: int, images: int) -> dict[str, float]:
    """Measure all blocks of a zoo; sizes and seconds."""
    zoo = random_zoo(architecture, blocks, models, images // models)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        measure_mloss(zoo, preset=MLossOptions(samples_per_task=images // models), cache=Cache(Path(folder)))
    seconds = time.perf_counter() - start
    base = sum(tensor.numel() * tensor.element_size() for tensor in zoo.pretrained.weights.values())
    return {"seconds": seconds, "base": base, "products": products(zoo, models, images, blocks)}


@torch.inference_mode()
def products(zoo: Zoo, models: int, images: int, blocks: int) -> float:
    """Seconds that the first MLP layer's matrix products of all models and blocks take alone."""
    shape = zoo.architecture
    inputs, weight = torch.randn(16 * shape.tokens, shape.width), torch.randn(shape.mlp_width, shape.width)
    inputs @ weight.T
    start = time.perf_counter()
    for _ in range(4):
        inputs @ weight.T
    return (time.perf_counter() - start) / 4 * images / 16 * models * blocks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="ViT-B-32:12,ViT-L-14:2", help="architecture:blocks, ...")
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--images", type=int, default=128)
    options = parser.parse_args()
    print(f"{options.models} models, {options.images} images, one thread")
    columns = ("blocks", "seconds", "products", "ratio", "peak MB above start", "base MB of it")
    print(f"{'':10} " + " ".join(f"{name:>{max(8, len(name))}}" for name in columns))
    for size in options.sizes.split(","):
        architecture, _, blocks = size.partition(":")
        found = measured(run, architecture, int(blocks), options.models, options.images)
        seconds, bare, base = (found.result[name] for name in ("seconds", "products", "base"))
        line = f"{seconds:8.1f} {bare:8.1f} {seconds / bare:8.1f} {found.above / 1e6:19.0f} {base / 1e6:13.0f}"
        print(f"{architecture:10} {blocks:>8} {line}", flush=True)


if __name__ == "__main__":
    main()
