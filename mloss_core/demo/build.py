"""Making the embedded zoo from a seed: draw, pretrain, fine-tune each task, write, measure the model card."""

import json
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mloss_core.caching import write_atomically
from mloss_core.checkpoints.lazy import file_digest
from mloss_core.checkpoints.writing import write_safetensors
from mloss_core.demo.card import measure_card
from mloss_core.demo.clip import build_clip, demo_architecture, demo_heads, demo_tokenizer
from mloss_core.demo.dataset import (
    EASY,
    GENERATOR_VERSION,
    HARD,
    MISNAMED,
    SIZES,
    WILD,
    ProceduralDataset,
    demo_datasets,
)
from mloss_core.demo.embedded import FORMAT, HEADS_NAME, MANIFEST_NAME, PRETRAINED_NAME, open_demo_zoo
from mloss_core.demo.tasks import TASKS
from mloss_core.placement import resolve_device
from mloss_core.training.loops import CaptionedImages, TrainingOptions, finetune, jitter, pretrain
from mloss_core.types import Progress, part, silent
from mloss_core.vision.towers import build_tower

if TYPE_CHECKING:
    from open_clip.model import CLIP

PRETRAINING = TrainingOptions(
    steps=2000, batch=256, learning_rate=2e-3, warmup=150, weight_decay=0.05, clip=5.0, beta2=0.98
)
FINETUNING = TrainingOptions(steps=300, batch=128, learning_rate=2.5e-4, warmup=30, weight_decay=0.0, clip=5.0)
MAX_SCALE = 20.0
TEXT_NAME = "text.safetensors"


def build_demo_zoo(
    folder: str | Path, *, seed: int = 0, device: str = "auto", scale: float = 1.0, progress: Progress = silent
) -> dict[str, Any]:
    """Build a zoo in `folder` and return its manifest.

    Args:
        folder: made if missing; files of the same names are replaced.
        seed: of images, initial weights, batches and augmentation.
        device: where to train: auto, cpu or cuda:N.
        scale: share of the full training steps and images; below 1 for a quick look that is no good.
        progress: told about every update.

    Raises:
        CheckpointError, CacheError: the folder cannot be written.
    """
    chosen = resolve_device(device)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = _sizes(scale)
    datasets = demo_datasets(seed, sizes)
    started = time.perf_counter()
    seconds: dict[str, float] = {}
    clip, losses = _pretrained(datasets, seed, chosen, scale, part(progress, 0, 0.4))
    seconds["pretraining"] = time.perf_counter() - started
    heads = _write_base(folder, clip)
    for position, (name, dataset) in enumerate(datasets.items()):
        begun = time.perf_counter()
        step = part(progress, 0.4 + 0.05 * position, 0.45 + 0.05 * position)
        weights, losses[name] = _finetuned(clip, heads[name], dataset, seed, chosen, scale, step)
        write_safetensors(folder / f"{name}.safetensors", weights)
        seconds[name] = time.perf_counter() - begun
    manifest = _manifest(folder, datasets, seed, scale, losses, str(chosen))
    _write_manifest(folder, manifest)
    begun = time.perf_counter()
    manifest.update(measure_card(open_demo_zoo(chosen, folder), progress=part(progress, 0.8, 1)))
    seconds["card"] = time.perf_counter() - begun
    manifest["seconds"] = {name: round(value, 1) for name, value in seconds.items()}
    _write_manifest(folder, manifest)
    return manifest


def _sizes(scale: float) -> dict[str, int]:
    """Sizes of the splits where they differ from the full zoo's."""
    if scale >= 1:
        return {}
    return {split: max(64, int(scale * SIZES[split])) for split in ("pretraining", "train")} | {"val": 40, "test": 60}


def _half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().to(torch.float16) for key, value in state.items()}


def _steps(options: TrainingOptions, scale: float) -> TrainingOptions:
    if scale >= 1:
        return options
    values = {**vars(options), "steps": max(2, int(options.steps * scale)), "warmup": int(options.warmup * scale)}
    return TrainingOptions(**values)


def _pretrained(
    datasets: Mapping[str, ProceduralDataset], seed: int, device: torch.device, scale: float, progress: Progress
) -> tuple[nn.Module, dict[str, list[float]]]:
    """A CLIP pretrained on easy images of all tasks, rounded to the precision that ships."""
    sources, tokenize = {}, demo_tokenizer()
    for position, (name, dataset) in enumerate(datasets.items()):
        progress(0.2 * position / len(datasets), f"drawing {name}")
        images = dataset.images("pretraining", range(dataset.size("pretraining")))
        task = TASKS[name]
        captions = torch.stack([tokenize([t.format(c) for t in task.templates]) for c in task.classes])
        sources[name] = CaptionedImages(images, dataset.captioned(), captions)
    clip = build_clip(seed).to(device)
    options = _steps(PRETRAINING, scale)
    losses = pretrain(
        clip, sources, options, augment=jitter, max_scale=MAX_SCALE, seed=seed, progress=part(progress, 0.2, 1)
    )
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.copy_(parameter.to(torch.float16).to(parameter.dtype))
    return clip.cpu().eval().requires_grad_(False), {"pretraining": losses}


def _write_base(folder: Path, clip: "CLIP") -> dict[str, Tensor]:
    """Write both towers and the heads; returns the heads."""
    state = _half(clip.state_dict())
    visual = {key.removeprefix("visual."): value for key, value in state.items() if key.startswith("visual.")}
    heads = {name: head.to(torch.float32) for name, head in demo_heads(clip).items()}
    write_safetensors(folder / PRETRAINED_NAME, visual, {"activation": demo_architecture().activation})
    write_safetensors(folder / TEXT_NAME, {k: v for k, v in state.items() if not k.startswith("visual.")})
    write_safetensors(folder / HEADS_NAME, heads)
    return heads


def _finetuned(
    clip: "CLIP",
    head: Tensor,
    dataset: ProceduralDataset,
    seed: int,
    device: torch.device,
    scale: float,
    progress: Progress,
) -> tuple[dict[str, Tensor], list[float]]:
    """The image tower fine-tuned on one task with its head frozen, in the precision that ships."""
    tower = build_tower(demo_architecture(), clip.visual.state_dict(), device, trainable=True)
    images = dataset.images("train", range(dataset.size("train")))
    losses = finetune(
        tower,
        head.to(device),
        images,
        dataset.labels("train"),
        _steps(FINETUNING, scale),
        augment=jitter,
        seed=seed,
        progress=progress,
        message=f"fine-tuning {dataset.name}",
    )
    return _half(tower.state_dict()), losses


def _manifest(
    folder: Path,
    datasets: Mapping[str, ProceduralDataset],
    seed: int,
    scale: float,
    losses: Mapping[str, list[float]],
    device: str,
) -> dict[str, Any]:
    names = [PRETRAINED_NAME, TEXT_NAME, HEADS_NAME, *(f"{name}.safetensors" for name in datasets)]
    return {
        "format": FORMAT,
        "name": "demo",
        "seed": seed,
        "scale": scale,
        "architecture": demo_architecture().to_dict(),
        "files": {n: {"sha256": file_digest(folder / n), "bytes": (folder / n).stat().st_size} for n in names},
        "sizes": _sizes(scale),
        "tasks": {name: _task_facts(dataset) for name, dataset in datasets.items()},
        "recipe": {
            "pretraining": vars(PRETRAINING),
            "finetuning": vars(FINETUNING),
            "max_scale": MAX_SCALE,
            "hardness": {"easy": EASY, "hard": HARD},
            "wild": WILD,
            "misnamed": MISNAMED,
            "generator": GENERATOR_VERSION,
            "precision": "float16",
        },
        "losses": {name: _thinned(values) for name, values in losses.items()},
        "versions": {n: version(n) for n in ("torch", "open_clip_torch", "numpy", "pillow", "scikit-learn")}
        | {"python": platform.python_version(), "device": device},
    }


def _task_facts(dataset: ProceduralDataset) -> dict[str, Any]:
    task = dataset.task
    return {
        "title": task.title,
        "description": task.description,
        "classes": list(task.classes),
        "templates": list(task.templates),
        "sizes": dict(dataset.sizes),
        "scanned": task.scanned,
        "digest": dataset.digest,
        "pixel_digest": dataset.pixel_digest,
    }


def _thinned(losses: list[float], points: int = 20) -> list[float]:
    """Means of about twenty stretches of a loss curve."""
    return [round(float(np.mean(stretch)), 4) for stretch in np.array_split(losses, min(points, len(losses)))]


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    write_atomically(folder / MANIFEST_NAME, (json.dumps(manifest, indent=1) + "\n").encode())
