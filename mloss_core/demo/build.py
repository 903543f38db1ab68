"""Making a zoo of drawn tasks from a seed: draw, pretrain, fine-tune each task, write, measure the model card."""

import dataclasses
import json
import platform
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.checkpoints.lazy import file_digest
from mloss_core.checkpoints.reading import read_safetensors
from mloss_core.checkpoints.writing import write_safetensors
from mloss_core.demo.build_record import BuildRecord
from mloss_core.demo.card import PARTS, measure_nested, renewed
from mloss_core.demo.clip import build_clip, demo_architecture, demo_heads, demo_tokenizer
from mloss_core.demo.dataset import EASY, GENERATOR_VERSION, HARD, MISNAMED, WILD, ProceduralDataset, demo_datasets
from mloss_core.demo.drawing import Pool, draw_split, drawing_pool
from mloss_core.demo.embedded import FORMAT, HEADS_NAME, MANIFEST_NAME, PRETRAINED_NAME, open_demo_zoo, read_manifest
from mloss_core.demo.recipe import MAX_SCALE, DemoRecipe
from mloss_core.errors import ZooError, unknown_name
from mloss_core.leftovers import write_atomically
from mloss_core.placement import resolve_device
from mloss_core.training.loops import CaptionedImages, finetune, jitter, pretrain
from mloss_core.types import Progress, part, silent
from mloss_core.vision.towers import build_tower

if TYPE_CHECKING:
    from open_clip.model import CLIP

TEXT_NAME = "text.safetensors"
_BASE_FILES = (PRETRAINED_NAME, TEXT_NAME, HEADS_NAME)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Site:
    """What every stage of a build needs."""

    folder: Path
    recipe: DemoRecipe
    device: torch.device
    record: BuildRecord
    datasets: Mapping[str, ProceduralDataset]
    pool: Pool


def build_demo_zoo(
    folder: str | Path,
    recipe: DemoRecipe | None = None,
    *,
    device: str = "auto",
    processes: int = 1,
    start: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Build a zoo in `folder` and return its manifest. What an earlier call with the same recipe finished there stays.

    Args:
        folder: made if missing; files of the same names are replaced.
        recipe: what the zoo follows from; today's eight tasks unless told.
        device: where to train: auto, cpu or cuda:N.
        processes: how many draw images.
        start: folder of a zoo of the same tasks, width and seed, whose pretrained model is taken over.
        progress: told about every update.

    Raises:
        CheckpointError, CacheError: the folder cannot be written. ZooError: `start` holds another pretrained model.
    """
    chosen, folder, recipe = resolve_device(device), Path(folder), recipe or DemoRecipe()
    folder.mkdir(parents=True, exist_ok=True)
    datasets = demo_datasets(recipe.seed, recipe.sizes, recipe.chosen)
    with drawing_pool(processes) as pool:
        site = _Site(
            folder=folder, recipe=recipe, device=chosen, record=BuildRecord(folder), datasets=datasets, pool=pool
        )
        if start is not None:
            _take_over(site, start)
        found = {"pretraining": _base_stage(site, part(progress, 0, 0.4))}
        for position, name in enumerate(datasets):
            share = 0.4 / len(datasets)
            step = part(progress, 0.4 + share * position, 0.4 + share * (position + 1))
            found[name] = _task_stage(site, name, step)
    manifest = _manifest(site, found)
    _write_manifest(folder, manifest)
    begun = time.perf_counter()
    manifest.update(measure_nested(open_demo_zoo(chosen, folder), progress=part(progress, 0.8, 1)))
    manifest["seconds"] = {name: stage["seconds"] for name, stage in found.items()}
    manifest["seconds"]["card"] = round(time.perf_counter() - begun, 1)
    _write_manifest(folder, manifest)
    site.record.remove()
    return manifest


def measure_card_anew(
    folder: str | Path, *, device: str = "auto", parts: Collection[str] = PARTS, progress: Progress = silent
) -> dict[str, Any]:
    """Measure the model card of a built zoo again and write it into the manifest; weights stay as they are.

    Args:
        folder: of a zoo that `build_demo_zoo` made.
        device: where encoders run: auto, cpu or cuda:N.
        parts: which of `mloss_core.demo.card.PARTS`; the others stay as they were recorded.
        progress: told as it goes on.

    Returns:
        The new manifest.

    Raises:
        UnknownNameError: a part that does not exist.
        ZooError, CheckpointError: the folder holds no zoo, a damaged one, or one whose tasks this machine draws with
            other pixels than were trained on. CacheError: the manifest cannot be written.
    """
    for name in parts:
        if name not in PARTS:
            raise unknown_name("part of a card", name, PARTS)
    folder = Path(folder)
    zoo = open_demo_zoo(resolve_device(device), folder)
    if zoo.notes:
        raise ZooError(f"the card of {folder} can only be measured where its images are drawn alike. {zoo.notes[0]}")
    begun = time.perf_counter()
    manifest = renewed(zoo.card, measure_nested(zoo, progress, parts))
    if set(parts) == set(PARTS):
        manifest["seconds"] = {**manifest["seconds"], "card": round(time.perf_counter() - begun, 1)}
    _write_manifest(folder, manifest)
    return manifest


def _take_over(site: _Site, start: Path) -> None:
    """Copy the pretrained model of another zoo, unless it is there already."""
    facts = site.recipe.base_facts
    if site.record.done("pretraining", facts):
        return
    manifest = read_manifest(start)
    if manifest["recipe"].get("base") != json.loads(json.dumps(facts)):
        raise ZooError(f"the pretrained model of {start} was made by another recipe; build this zoo without it.")
    for name in _BASE_FILES:
        shutil.copyfile(start / name, site.folder / name)
    found = {"losses": manifest["losses"]["pretraining"], "seconds": 0.0}
    site.record.finish("pretraining", facts, _BASE_FILES, found)


def _base_stage(site: _Site, progress: Progress) -> dict[str, Any]:
    """Pretrain both towers and write them with the heads."""
    facts = site.recipe.base_facts
    if found := site.record.done("pretraining", facts):
        return found
    begun = time.perf_counter()
    clip, losses = _pretrained(site, progress)
    _write_base(site, clip)
    seconds = round(time.perf_counter() - begun, 1)
    return site.record.finish("pretraining", facts, _BASE_FILES, {"losses": _thinned(losses), "seconds": seconds})


def _pretrained(site: _Site, progress: Progress) -> tuple["CLIP", list[float]]:
    """A CLIP pretrained on easy and wild images of all tasks, rounded to the precision that ships."""
    recipe, sources, tokenize = site.recipe, {}, demo_tokenizer(site.recipe.chosen)
    for position, (name, dataset) in enumerate(site.datasets.items()):
        progress(0.2 * position / len(site.datasets), f"drawing {name}")
        images = draw_split(dataset, "pretraining", site.pool)
        task = dataset.task
        captions = torch.stack([tokenize([t.format(c) for t in task.templates]) for c in task.classes])
        sources[name] = CaptionedImages(images, dataset.captioned(), captions)
    clip = build_clip(recipe.seed, recipe.chosen, recipe.width).to(site.device)
    losses = pretrain(
        clip,
        sources,
        recipe.pretraining,
        augment=jitter,
        max_scale=MAX_SCALE,
        seed=recipe.seed,
        progress=part(progress, 0.2, 1),
    )
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.copy_(parameter.to(torch.float16).to(parameter.dtype))
    return clip.cpu().eval().requires_grad_(False), losses


def _write_base(site: _Site, clip: "CLIP") -> None:
    """Write both towers and the heads."""
    state = _half(clip.state_dict())
    visual = {key.removeprefix("visual."): value for key, value in state.items() if key.startswith("visual.")}
    heads = {name: head.to(torch.float32) for name, head in demo_heads(clip, site.recipe.chosen).items()}
    write_safetensors(site.folder / PRETRAINED_NAME, visual, {"activation": demo_architecture().activation})
    write_safetensors(site.folder / TEXT_NAME, {k: v for k, v in state.items() if not k.startswith("visual.")})
    write_safetensors(site.folder / HEADS_NAME, heads)


def _task_stage(site: _Site, name: str, progress: Progress) -> dict[str, Any]:
    """Fine-tune the image tower on one task with its head frozen, and write it in the precision that ships."""
    recipe, dataset = site.recipe, site.datasets[name]
    facts = {**recipe.task_facts, "base": file_digest(site.folder / PRETRAINED_NAME), "images": dataset.digest}
    if found := site.record.done(name, facts):
        return found
    begun = time.perf_counter()
    base, head = _floats(site.folder / PRETRAINED_NAME), _floats(site.folder / HEADS_NAME)[name]
    tower = build_tower(demo_architecture(recipe.width), base, site.device, trainable=True)
    losses = finetune(
        tower,
        head.to(site.device),
        draw_split(dataset, "train", site.pool),
        dataset.labels("train"),
        recipe.finetuning,
        augment=jitter,
        seed=recipe.seed,
        progress=progress,
        message=f"fine-tuning {name}",
    )
    file = f"{name}.safetensors"
    write_safetensors(site.folder / file, _half(tower.state_dict()))
    seconds = round(time.perf_counter() - begun, 1)
    return site.record.finish(name, facts, [file], {"losses": _thinned(losses), "seconds": seconds})


def _half(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().to(torch.float16) for key, value in state.items()}


def _floats(path: Path) -> dict[str, Tensor]:
    with read_safetensors(path) as file:
        return {key: file[key].to(torch.float32) for key in file}


def _manifest(site: _Site, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    recipe, folder = site.recipe, site.folder
    names = [*_BASE_FILES, *(f"{name}.safetensors" for name in site.datasets)]
    return {
        "format": FORMAT,
        "name": "demo",
        "seed": recipe.seed,
        "scale": recipe.scale,
        "architecture": demo_architecture(recipe.width).to_dict(),
        "files": {n: {"sha256": file_digest(folder / n), "bytes": (folder / n).stat().st_size} for n in names},
        "sizes": recipe.sizes,
        "tasks": {name: _task_facts(dataset) for name, dataset in site.datasets.items()},
        "recipe": {
            "pretraining": vars(recipe.pretraining),
            "finetuning": vars(recipe.finetuning),
            "max_scale": MAX_SCALE,
            "hardness": {"easy": EASY, "hard": HARD},
            "wild": WILD,
            "misnamed": MISNAMED,
            "generator": GENERATOR_VERSION,
            "precision": "float16",
            "base": recipe.base_facts,
        },
        "losses": {name: stage["losses"] for name, stage in found.items()},
        "versions": {n: version(n) for n in ("torch", "open_clip_torch", "numpy", "pillow", "scikit-learn")}
        | {"python": platform.python_version(), "device": str(site.device)},
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


def _thinned(losses: Sequence[float], points: int = 20) -> list[float]:
    """Means of about twenty stretches of a loss curve."""
    return [round(float(np.mean(stretch)), 4) for stretch in np.array_split(losses, min(points, len(losses)))]


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    write_atomically(folder / MANIFEST_NAME, (json.dumps(manifest, indent=1) + "\n").encode())
