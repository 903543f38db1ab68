"""What a file says of its model beside the weights: activation, heads, layer-norm epsilon, normalisation."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mloss_core.checkpoints.pickle_data import Obj
from mloss_core.checkpoints.records import attributes, class_name, pairs, walk_modules

_MOST = 100_000
_HF_ACTIVATIONS = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}


def module_facts(root: Obj) -> dict[str, Any]:
    """`root_class` of a module tree and, where it tells, activation, heads, layer_norm_eps, mean, std, normalize."""
    facts: dict[str, Any] = {"root_class": class_name(root)}
    for name, module in walk_modules(root):
        state, kind = attributes(module), class_name(module).rpartition(".")[2]
        if kind == "QuickGELU":
            facts["activation"] = "quick_gelu"
        elif kind == "GELU" and ".mlp." in f".{name}":
            facts.setdefault("activation", "gelu_tanh" if state.get("approximate") == "tanh" else "gelu")
        elif kind == "MultiheadAttention" and _is_count(state.get("num_heads")):
            facts.setdefault("heads", state["num_heads"])
        elif name.endswith("resblocks.0.ln_1") and _is_scale(state.get("eps")):
            facts["layer_norm_eps"] = state["eps"]
    if isinstance(attributes(root).get("normalize"), bool):
        facts["normalize"] = attributes(root)["normalize"]
    facts.update(_normalisation(attributes(root).get("val_preprocess")))
    return facts


def _normalisation(transform: Any) -> dict[str, tuple[float, ...]]:
    """Mean and deviation of the `Normalize` step of a pickled torchvision transform."""
    steps = attributes(transform).get("transforms", [])
    for step in steps if isinstance(steps, list) else []:
        state = attributes(step)
        if class_name(step).endswith("Normalize"):
            mean, std = state.get("mean"), state.get("std")
            if _are_colours(mean, std):
                return {"mean": tuple(map(float, mean)), "std": tuple(map(float, std))}
    return {}


def config_facts(path: Path) -> dict[str, Any]:
    """Facts from `config.json` and `preprocessor_config.json` beside a Hugging Face file, where they can be read."""
    values, images = _json(path.parent / "config.json"), _json(path.parent / "preprocessor_config.json")
    vision = values.get("vision_config", values)
    facts: dict[str, Any] = {}
    mean, std = images.get("image_mean"), images.get("image_std")
    if _are_colours(mean, std):
        facts |= {"mean": tuple(map(float, mean)), "std": tuple(map(float, std))}
    if isinstance(vision, Mapping):
        if str(vision.get("hidden_act")) in _HF_ACTIVATIONS:
            facts["activation"] = _HF_ACTIVATIONS[vision["hidden_act"]]
        if _is_count(vision.get("num_attention_heads")):
            facts["heads"] = vision["num_attention_heads"]
        if _is_scale(vision.get("layer_norm_eps")):
            facts["layer_norm_eps"] = vision["layer_norm_eps"]
    return facts


def _json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, Mapping) else {}


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= _MOST


def _is_scale(value: Any) -> bool:
    return type(value) is float and 0 < value < 1


def _are_colours(mean: Any, std: Any) -> bool:
    """Whether these are a mean and a deviation of three colours; what a file says otherwise counts as not said."""
    three = all(isinstance(value, (tuple, list)) and len(value) == 3 for value in (mean, std))
    return three and all(
        type(part) in (int, float) and low <= part <= _MOST
        for low, value in ((-_MOST, mean), (1e-6, std))
        for part in value
    )


def scalar_entries(root: Any) -> dict[str, Any]:
    """Plain values that stand beside the tensors of a pickled dict, such as `model_name`."""
    return {
        key: value
        for key, value in pairs(root)
        if isinstance(key, str) and isinstance(value, (str, int, float, bool)) and len(str(value)) < 200
    }
