"""One vision tower written in each format of the wild, of any size: tests write miniatures, benchmarks real sizes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from open_clip.transformer import VisionTransformer
from safetensors.torch import save_file
from torch import Tensor

from tests.checkpoint_files import hugging_face_state, save_module, save_torchscript, timm_state

State = Mapping[str, Tensor]

_PREFIXES = {"state dict": "model.visual.", "bare": "", "lightning": "encoder.model.visual."}
_NAMED: Mapping[str, Callable[[VisionTransformer], State]] = {
    "open_clip": lambda tower: {f"visual.{key}": value for key, value in tower.state_dict().items()},
    "canonical": lambda tower: tower.state_dict(),
    "hf4": hugging_face_state,
    "hf5": lambda tower: hugging_face_state(tower, prefix=""),
    "timm": timm_state,
}
KINDS = (
    "zip",
    "legacy",
    "pickle",
    "torchscript",
    "state dict",
    "wrapped",
    "bare",
    "lightning",
    *(f"safetensors:{name}" for name in _NAMED),
    "bin:hf4",
    "bin:hf5",
    "bin:open_clip",
)
"""What `write_checkpoint` takes: a container of a whole module, of a state dict, or container and names."""
SHARDED = ("safetensors:hf4", "safetensors:hf5", "bin:hf4")
"""What `write_shards` takes."""


def write_checkpoint(path: Path, tower: VisionTransformer, kind: str) -> None:
    """Write a tower as one file of that kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    container, _, names = kind.partition(":")
    if names:
        _save(path, _NAMED[names](tower), container)
    elif kind == "torchscript":
        save_torchscript(path, tower)
    elif kind == "wrapped":
        named = {f"module.visual.{key}": value for key, value in tower.state_dict().items()}
        torch.save({"state_dict": named, "epoch": 3}, path)
    elif kind in _PREFIXES:
        named = {f"{_PREFIXES[kind]}{key}": value for key, value in tower.state_dict().items()}
        torch.save({**named, "model_name": "x"}, path)
    else:
        save_module(path, tower, kind)


def write_shards(folder: Path, tower: VisionTransformer, kind: str = "safetensors:hf4", shards: int = 3) -> Path:
    """Write a tower as transformers splits it, and return the index file that names the shards."""
    folder.mkdir(parents=True, exist_ok=True)
    container, _, names = kind.partition(":")
    stem, suffix = ("model", "safetensors") if container == "safetensors" else ("pytorch_model", "bin")
    state = _NAMED[names](tower)
    keys = list(state)
    weight_map = {}
    for shard in range(shards):
        name = f"{stem}-{shard + 1:05d}-of-{shards:05d}.{suffix}"
        part = keys[shard::shards]
        _save(folder / name, {key: state[key] for key in part}, container)
        weight_map.update(dict.fromkeys(part, name))
    index = folder / f"{stem}.{suffix}.index.json"
    size = sum(value.numel() * value.element_size() for value in state.values())
    index.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": weight_map}))
    return index


def write_config(folder: Path, tower: VisionTransformer, activation: str = "quick_gelu") -> None:
    """The config.json of a repository: activation, heads and epsilon."""
    block = tower.transformer.resblocks[0]
    config = {"hidden_act": activation, "num_attention_heads": block.attn.num_heads, "layer_norm_eps": block.ln_1.eps}
    (folder / "config.json").write_text(json.dumps(config))


def _save(path: Path, state: State, container: str) -> None:
    if container == "safetensors":
        save_file({key: value.detach().contiguous().clone() for key, value in state.items()}, path)
    else:
        torch.save({key: value.detach().contiguous().clone() for key, value in state.items()}, path)
