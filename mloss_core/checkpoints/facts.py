"""What a file says of its model beside the weights: activation, heads, layer-norm epsilon, normalisation."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mloss_core.checkpoints.pickle_data import Obj
from mloss_core.checkpoints.records import attributes, class_name, pairs, walk_modules

_MOST = 100_000
_MAX_CONFIG_BYTES = 1 << 22
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "leaky_relu")
"""What towers here can be run with; another name that a file records is an error, never a guess."""
_HF_ACTIVATIONS = {
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
}
_HF_CONFIG, _IMAGES_CONFIG, _OPEN_CLIP_CONFIG = "config.json", "preprocessor_config.json", "open_clip_config.json"
_HEAD_WIDTH = 64
"""Of open_clip, where a configuration does not say."""


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
            return _colours(state.get("mean"), state.get("std"))
    return {}


def config_facts(path: Path) -> dict[str, Any]:
    """Facts from the configurations beside a weight file, where they can be read.

    Read are transformers' `config.json` and `preprocessor_config.json`, timm's `config.json`, and what open_clip
    downloads, `open_clip_config.json`, which wins where both say something. `notes` names what could not be read.
    """
    notes: list[str] = []
    values, images, own = (_json(path.parent / name, notes) for name in (_HF_CONFIG, _IMAGES_CONFIG, _OPEN_CLIP_CONFIG))
    facts = {
        **_timm_facts(values),
        **_hugging_face_facts(values),
        **_colours(images.get("image_mean"), images.get("image_std")),
        **_open_clip_facts(own),
    }
    return {**facts, "notes": notes} if notes else facts


def with_config(own: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a file says of itself, completed by the configurations beside it. They may change; the file does not."""
    beside = config_facts(path)
    notes = [*beside.pop("notes", []), *own.get("notes", [])]
    return {**beside, **own} | ({"notes": notes} if notes else {})


def with_note(facts: Mapping[str, Any], note: str) -> dict[str, Any]:
    """The same facts with one more note."""
    return {**facts, "notes": [*facts.get("notes", []), note]}


def _hugging_face_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    vision = values.get("vision_config", values)
    if not isinstance(vision, Mapping):
        return {}
    facts: dict[str, Any] = {}
    activation = vision.get("hidden_act")
    if isinstance(activation, str) and activation:
        facts["activation"] = _HF_ACTIVATIONS.get(activation, activation)[:40]
    return facts | known_facts(
        {"heads": vision.get("num_attention_heads"), "layer_norm_eps": vision.get("layer_norm_eps")}
    )


def _open_clip_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    images, model = values.get("preprocess_cfg"), values.get("model_cfg")
    facts: dict[str, Any] = {}
    if isinstance(images, Mapping):
        facts |= _colours(images.get("mean"), images.get("std"))
    vision = model.get("vision_cfg") if isinstance(model, Mapping) else None
    # A tower that open_clip borrows from timm is described there.
    if not isinstance(model, Mapping) or not isinstance(vision, Mapping) or "timm_model_name" in vision:
        return facts
    extra, norm = vision.get("act_kwargs"), vision.get("norm_kwargs")
    tanh = isinstance(extra, Mapping) and extra.get("approximate") == "tanh"
    facts["activation"] = "quick_gelu" if model.get("quick_gelu") is True else "gelu_tanh" if tanh else "gelu"
    width, head = vision.get("width"), vision.get("head_width", _HEAD_WIDTH)
    if _is_count(width) and _is_count(head) and width % head == 0:
        facts["heads"] = width // head
    return facts | known_facts({"layer_norm_eps": norm.get("eps") if isinstance(norm, Mapping) else None})


def _timm_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    """timm's own `config.json`: normalisation, and the activation that its name tells."""
    name, images = values.get("architecture"), values.get("pretrained_cfg")
    facts: dict[str, Any] = {}
    if isinstance(images, Mapping):
        facts |= _colours(images.get("mean"), images.get("std"))
    if isinstance(name, str) and "_clip_" in name:
        facts["activation"] = "quick_gelu" if "quickgelu" in name else "gelu"
    return facts


def _json(path: Path, notes: list[str]) -> Mapping[str, Any]:
    """A configuration in any of JSON's encodings; one that is none is noted and counts as saying nothing."""
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_CONFIG_BYTES + 1)
        values = json.loads(text) if len(text) <= _MAX_CONFIG_BYTES else None
    except (OSError, ValueError, RecursionError):
        values = None
    if isinstance(values, Mapping):
        return values
    notes.append(f"{path.name} beside it is no JSON object and was not read.")
    return {}


def known_facts(values: Any) -> dict[str, Any]:
    """Those of a mapping's values that are facts of a tower and can be true."""
    if not isinstance(values, Mapping):
        return {}
    facts = _colours(values.get("mean"), values.get("std"))
    if values.get("activation") in ACTIVATIONS:
        facts["activation"] = values["activation"]
    if _is_count(values.get("heads")):
        facts["heads"] = values["heads"]
    if _is_scale(values.get("layer_norm_eps")):
        facts["layer_norm_eps"] = values["layer_norm_eps"]
    return facts


def _colours(mean: Any, std: Any) -> dict[str, tuple[float, ...]]:
    """Mean and deviation of three colours as facts, where they are that."""
    return {"mean": tuple(map(float, mean)), "std": tuple(map(float, std))} if _are_colours(mean, std) else {}


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
    """Plain values that stand beside the tensors of a pickled dict, such as `model_name`; facts only where they fit."""
    found = {
        key: value
        for key, value in pairs(root)
        if isinstance(key, str) and isinstance(value, (str, int, float, bool)) and len(str(value)) < 200
    }
    facts = {"activation", "heads", "layer_norm_eps", "mean", "std", "normalize", "notes", "beside"}
    return {key: value for key, value in found.items() if key not in facts} | known_facts(found)
