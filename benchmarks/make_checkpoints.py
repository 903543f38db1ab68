"""Make zoos of real size in every format of the wild: random weights, and small perturbations as fine-tunes.

    python -m benchmarks.make_checkpoints --out DIR [--architecture ViT-B-32] [--models 8] [--formats all|name,...]

Each format becomes a folder of its own that `open_zoo` opens. A model of ViT-B/32 takes 0.35 to 0.45 GB, one of
ViT-L/14 1.2 to 1.4 GB. The weights are the same in every format.
"""

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from open_clip.transformer import QuickGELU, VisionTransformer

from tests.checkpoint_formats import write_checkpoint, write_config, write_shards

ARCHITECTURES = {
    "tiny": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 2, "heads": 2, "output_dim": 8},
    "ViT-B-32": {"image_size": 224, "patch_size": 32, "width": 768, "layers": 12, "heads": 12, "output_dim": 512},
    "ViT-L-14": {"image_size": 224, "patch_size": 14, "width": 1024, "layers": 24, "heads": 16, "output_dim": 768},
}
DATASETS = ("Cars", "DTD", "EuroSAT", "GTSRB", "MNIST", "RESISC45", "SUN397", "SVHN")


@dataclasses.dataclass(frozen=True)
class Format:
    """How a zoo is written: where base and fine-tunes go (`{}` is the dataset), and what writes one of them there."""

    base: str
    tuned: str
    write: Callable[[Path, VisionTransformer], None]


def _file(kind: str) -> Callable[[Path, VisionTransformer], None]:
    return lambda path, tower: write_checkpoint(path, tower, kind)


def _repository(name: str, kind: str) -> Callable[[Path, VisionTransformer], None]:
    def write(folder: Path, tower: VisionTransformer) -> None:
        write_checkpoint(folder / name, tower, kind)
        write_config(folder, tower)

    return write


def _sharded(kind: str) -> Callable[[Path, VisionTransformer], None]:
    def write(folder: Path, tower: VisionTransformer) -> None:
        write_shards(folder, tower, kind)
        write_config(folder, tower)

    return write


_PICKLED, _REPOSITORIES = (
    ("zeroshot.pt", "{}/finetuned.pt"),
    ("openai__clip-vit-base-patch32", "clip-vit-base-patch32_{}"),
)
FORMATS: dict[str, Format] = {
    "module-zip": Format(*_PICKLED, _file("zip")),
    "module-legacy": Format(*_PICKLED, _file("legacy")),
    "module-pickle": Format(*_PICKLED, _file("pickle")),
    "state-dict": Format("CarsVal/nonlinear_zeroshot.pt", "{}Val/nonlinear_finetuned.pt", _file("state dict")),
    "hf4-safetensors": Format(*_REPOSITORIES, _repository("model.safetensors", "safetensors:hf4")),
    "hf5-safetensors": Format(*_REPOSITORIES, _repository("model.safetensors", "safetensors:hf5")),
    "hf4-bin": Format(*_REPOSITORIES, _repository("pytorch_model.bin", "bin:hf4")),
    "hf4-sharded": Format(*_REPOSITORIES, _sharded("safetensors:hf4")),
    "hf4-sharded-bin": Format(*_REPOSITORIES, _sharded("bin:hf4")),
    "open_clip": Format("pretrained.bin", "{}.bin", _file("bin:open_clip")),
    "open_clip-training": Format("pretrained.pt", "{}.pt", _file("wrapped")),
    "timm": Format("pretrained.safetensors", "{}.safetensors", _file("safetensors:timm")),
    "torchscript": Format("pretrained.pt", "{}.pt", _file("torchscript")),
}


def base_tower(architecture: str, layers: int | None = None) -> VisionTransformer:
    """A tower of random weights, the same at every call; with fewer blocks where `layers` says so."""
    torch.manual_seed(0)
    sizes = ARCHITECTURES[architecture] | ({} if layers is None else {"layers": layers})
    return VisionTransformer(**sizes, mlp_ratio=4, act_layer=QuickGELU).eval()


@torch.no_grad()
def fine_tuned(architecture: str, number: int, amount: float = 0.02) -> VisionTransformer:
    """The base tower, every weight moved by about `amount` of what its tensor spreads."""
    tower, draw = base_tower(architecture), torch.Generator().manual_seed(number + 1)
    for parameter in tower.parameters():
        spread = max(float(parameter.std()), 0.01)
        parameter += amount * spread * torch.randn(parameter.shape, generator=draw)
    return tower


def task_names(count: int) -> list[str]:
    """Names of the models: the eight datasets of the field, then numbers."""
    return [DATASETS[number] if number < len(DATASETS) else f"Task{number + 1}" for number in range(count)]


def make_zoo(folder: Path, format: str, architecture: str, models: int) -> Path:
    """Write the base and its fine-tunes into `folder` in one format."""
    kind = FORMATS[format]
    files = {kind.base: -1} | {kind.tuned.format(name): number for number, name in enumerate(task_names(models))}
    for name, number in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tower = base_tower(architecture) if number < 0 else fine_tuned(architecture, number)
        torch.manual_seed(7)  # The dead text weights of whole modules are drawn while they are written.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.write(path, tower)
    return folder


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder; one sub-folder a format is made in it")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="ViT-B-32")
    parser.add_argument("--models", type=int, default=8, help="fine-tunes beside the base (default 8)")
    parser.add_argument("--formats", default="all", help=f"all, or some of {', '.join(FORMATS)}")
    options = parser.parse_args()
    formats = list(FORMATS) if options.formats == "all" else options.formats.split(",")
    for format in formats:
        if format not in FORMATS:
            parser.error(f"no format {format!r}; there are {', '.join(FORMATS)}")
    for format in formats:
        folder = make_zoo(options.out / format, format, options.architecture, options.models)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{format:20} {size / 1e9:6.2f} GB  {folder}", flush=True)


if __name__ == "__main__":
    main()
