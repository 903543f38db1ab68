"""Tiny zoos written to disk in the layouts of the wild: one random tower and small perturbations of it."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.checkpoint_files import HEADS, hugging_face_state, save_head, save_module, visual
from tests.checkpoint_formats import write_config, write_shards

DATASETS = ("Cars", "DTD", "SUN397")
TASKS = ("cars", "dtd", "sun397")
CLASSES = {"cars": 3, "dtd": 4, "sun397": 5}
SCALE = 10.0


def tuned(seed: int, amount: float = 0.01) -> torch.nn.Module:
    """The base tower, moved a little."""
    tower, draw = visual(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter += amount * torch.randn(parameter.shape, generator=draw)
    return tower


def towers(count: int = 3) -> tuple[torch.nn.Module, list[torch.nn.Module]]:
    """The base and its fine-tunes, the same on every call."""
    return visual(), [tuned(seed + 1) for seed in range(count)]


def head(task: str) -> torch.Tensor:
    """A zero-shot head: unit rows times a logit scale."""
    draw = torch.Generator().manual_seed(len(task))
    return SCALE * torch.nn.functional.normalize(torch.randn(CLASSES[task], 8, generator=draw), dim=1)


def save_pickled(path: Path, tower: torch.nn.Module, kind: str = "zip") -> None:
    """A whole pickled encoder, whose dead text weights are the same in every file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    save_module(path, tower, kind)


def save_state(path: Path, tower: torch.nn.Module, prefix: str = "model.visual.") -> None:
    """A state dict with a prefix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({f"{prefix}{key}": value for key, value in tower.state_dict().items()}, path)


def save_repository(folder: Path, tower: torch.nn.Module, projection: bool) -> None:
    """A Hugging Face repository: config.json and model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state = hugging_face_state(tower, projection=projection)
    save_file({key: value.detach().contiguous().clone() for key, value in state.items()}, folder / "model.safetensors")
    config = {"hidden_act": "quick_gelu", "num_attention_heads": HEADS, "layer_norm_eps": 1e-5}
    (folder / "config.json").write_text(json.dumps(config))


def task_vectors(folder: Path) -> Path:
    """`<Dataset>/finetuned.pt`, `zeroshot.pt`, `head_<Dataset>.pt`: whole pickled modules of three kinds."""
    base, models = towers()
    save_pickled(folder / "zeroshot.pt", base)
    for name, model, kind in zip(DATASETS, models, ("zip", "legacy", "pickle"), strict=True):
        save_pickled(folder / name / "finetuned.pt", model, kind)
        save_head(folder / f"head_{name}.pt", head(name.lower()))
    return folder


def tall_masks(folder: Path) -> Path:
    """`<Dataset>Val/nonlinear_finetuned.pt`, the base beside one of them: state dicts."""
    base, models = towers()
    save_state(folder / "MNISTVal" / "nonlinear_zeroshot.pt", base)
    for name, model in zip(DATASETS, models, strict=True):
        save_state(folder / f"{name}Val" / "nonlinear_finetuned.pt", model)
        save_head(folder / f"head_{name}Val.pt", head(name.lower()), "src.models.modeling")
    return folder


def hugging_face(folder: Path) -> Path:
    """Repositories whose fine-tuned towers lack the projection."""
    base, models = towers()
    save_repository(folder / "openai__clip-vit-base-patch32", base, projection=True)
    for name, model in zip(DATASETS, models, strict=True):
        save_repository(folder / f"tanganke__clip-vit-base-patch32_{name.lower()}", model, projection=False)
    return folder


def sharded(folder: Path) -> Path:
    """The same repositories, each model in three files and an index."""
    base, models = towers()
    named = {"clip-vit-base-patch32": base} | {
        f"clip-vit-base-patch32_{name.lower()}": model for name, model in zip(DATASETS, models, strict=True)
    }
    for name, model in named.items():
        write_shards(folder / name, model)
        write_config(folder / name, model)
    return folder


def flat(folder: Path) -> Path:
    """Files side by side."""
    base, models = towers()
    save_state(folder / "ViT-B-32_pretrained.pt", base, "visual.")
    for name, model in zip(DATASETS, models, strict=True):
        save_state(folder / f"{name}.pth", model, "")
    return folder


def named(folder: Path) -> Path:
    """Oddly named files that zoo.json explains."""
    base, models = towers()
    save_state(folder / "w" / "0.pt", base)
    for number, model in enumerate(models, 1):
        save_state(folder / "w" / f"{number}.pt", model)
    files = {name: f"w/{number}.pt" for number, name in enumerate(DATASETS, 1)}
    description = {"name": "mine", "pretrained": "w/0.pt", "finetuned": files, "activation": "quick_gelu"}
    (folder / "zoo.json").write_text(json.dumps(description))
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "task_vectors": task_vectors,
    "tall_masks": tall_masks,
    "hugging_face": hugging_face,
    "sharded": sharded,
    "flat": flat,
    "named": named,
}


def describe(folder: Path, **fields: object) -> Path:
    """Write a zoo.json."""
    (folder / "zoo.json").write_text(json.dumps(fields))
    return folder


def names(paths: Iterable[Path]) -> list[str]:
    """File names, sorted."""
    return sorted(path.name for path in paths)
