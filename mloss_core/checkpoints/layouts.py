"""Names of a CLIP vision tower in the layouts of the wild, and their canonical open_clip form.

A layout is found by the patch embedding's name and its siblings, so any prefix (`model.visual.`, ...) is accepted.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from mloss_core.errors import CheckpointError

OPEN_CLIP, HUGGING_FACE, TIMM = "open_clip", "hf", "timm"
_PATCH_EMBEDDING = {
    OPEN_CLIP: "conv1.weight",
    HUGGING_FACE: "embeddings.patch_embedding.weight",
    TIMM: "patch_embed.proj.weight",
}
_SIBLING = {
    OPEN_CLIP: "transformer.resblocks.0.ln_1.weight",
    HUGGING_FACE: "encoder.layers.0.layer_norm1.weight",
    TIMM: "blocks.0.norm1.weight",
}
HF_BLOCK = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_TIMM_BLOCK = {
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attn.proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
HF_TOP = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "pre_layrnorm.weight": "ln_pre.weight",
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
_TIMM_TOP = {
    "cls_token": "class_embedding",
    "pos_embed": "positional_embedding",
    "patch_embed.proj.weight": "conv1.weight",
    "norm_pre.weight": "ln_pre.weight",
    "norm_pre.bias": "ln_pre.bias",
    "norm.weight": "ln_post.weight",
    "norm.bias": "ln_post.bias",
}
_OPEN_CLIP_KEY = re.compile(
    r"(class_embedding|positional_embedding|proj|conv1\.weight|ln_(pre|post)\.(weight|bias)|"
    r"transformer\.resblocks\.\d+\.(ln_[12]\.(weight|bias)|attn\.in_proj_(weight|bias)|attn\.out_proj\.(weight|bias)|"
    r"mlp\.c_(fc|proj)\.(weight|bias)|ls_[12]\.gamma)|"
    r"attn_pool\.(query|ln_[qk]\.(weight|bias)|"
    r"attn\.([qkv]_proj_weight|in_proj_(weight|bias)|out_proj\.(weight|bias))))"
)
_TOP = (
    "class_embedding",
    "positional_embedding",
    "conv1.weight",
    "ln_post.weight",
    "ln_post.bias",
    "ln_pre.weight",
    "ln_pre.bias",
)
_BLOCK = tuple(
    f"{name}{ending}"
    for name in ("ln_1.", "ln_2.", "attn.in_proj_", "attn.out_proj.", "mlp.c_fc.", "mlp.c_proj.")
    for ending in ("weight", "bias")
)
_UNKNOWN_ARCHITECTURES = {
    "attn_pool": "an attention-pooled tower of another kind than CoCa (SigLIP?)",
    ".ls1.": "a tower with layer scale",
    "layer1.": "a ResNet",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One canonical tensor, as one or more stored tensors stacked by rows, in a form to undo."""

    keys: tuple[str, ...]
    form: str = "as_stored"
    """`as_stored`, `transposed` (a projection kept as a Linear) or `squeezed` (leading dimensions of size one)."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a file names its vision tower: canonical name -> stored tensors, and what else the file holds."""

    family: str
    prefix: str
    parts: Mapping[str, Part]
    left_out: tuple[str, ...]


def find_layout(keys: "list[str]", shapes: Mapping[str, tuple[int, ...]], file: str) -> Layout:
    """The layout of a file's vision tower.

    Raises:
        CheckpointError: no tower, two towers, or one of an architecture that is no CLIP vision transformer.
    """
    _refuse_adapters(keys, file)
    towers = [
        (family, key.removesuffix(ending))
        for family, ending in _PATCH_EMBEDDING.items()
        for key in keys
        if (key == ending or key.endswith("." + ending))
        and len(shapes[key]) == 4
        and key.removesuffix(ending) + _SIBLING[family] in shapes
    ]
    if not towers:
        raise CheckpointError(f"{file} holds no CLIP vision tower: {_guess(keys)}.")
    if len(towers) > 1:
        listed = " and ".join(repr(prefix) for _, prefix in towers)
        raise CheckpointError(f"{file} holds more than one vision tower, below {listed}; save one of them alone.")
    family, prefix = towers[0]
    inside = [key for key in keys if key.startswith(prefix)]
    mapper: dict[str, Callable[[list[str], str, str], dict[str, Part]]] = {
        OPEN_CLIP: _open_clip,
        HUGGING_FACE: _hugging_face,
        TIMM: _timm,
    }
    parts = mapper[family](inside, prefix, file)
    if family == HUGGING_FACE:
        projection = prefix.removesuffix("vision_model.") + "visual_projection.weight"
        if projection in shapes:
            parts["proj"] = Part((projection,), "transposed")
    _check_complete(parts, family, file)
    used = {key for part in parts.values() for key in part.keys}
    return Layout(family, prefix, parts, tuple(key for key in keys if key not in used))


def _check_complete(parts: Mapping[str, Part], family: str, file: str) -> None:
    """Every weight that running the tower takes must be there; only the projection may be in another file."""
    norm = _TOP[-2:]
    top = [name for name in _TOP if name not in norm] if family == OPEN_CLIP and not set(norm) & set(parts) else _TOP
    blocks = 1 + max(int(name.split(".")[2]) for name in parts if name.startswith("transformer."))
    names = [*top, *(f"transformer.resblocks.{block}.{name}" for block in range(blocks) for name in _BLOCK)]
    lacking = [name for name in names if name not in parts]
    if lacking:
        rest = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise CheckpointError(f"{file}: its vision tower is not whole; it lacks {', '.join(lacking[:5])}{rest}.")


def _refuse_adapters(keys: list[str], file: str) -> None:
    if any("lora_A" in key or "lora_B" in key for key in keys):
        raise CheckpointError(
            f"{file} is a LoRA adapter, not a model: merge it into its base first (peft merge_and_unload)."
        )
    if any(key.startswith(("params0.", "params.")) or ".params0." in key for key in keys):
        raise CheckpointError(f"{file} is a linearised (tangent-space) model; its weights cannot be merged.")


def _guess(keys: list[str]) -> str:
    if set(keys) <= {"weight", "bias"} and keys:
        return "only a weight and a bias, so it looks like a classification head; give it as a head"
    if any("layer1." in key for key in keys):
        return "it looks like a ResNet"
    if any("text_model" in key or key.startswith("transformer.") for key in keys):
        return "it looks like a text tower only"
    return f"{len(keys)} tensors, the first named {', '.join(keys[:3])}" if keys else "it holds no tensors"


def _unknown(extra: list[str], file: str) -> CheckpointError:
    for sign, words in _UNKNOWN_ARCHITECTURES.items():
        if any(sign in key for key in extra):
            return CheckpointError(f"{file} is {words} (it holds {extra[0]}), not a plain CLIP vision transformer.")
    rest = f" and {len(extra) - 5} more" if len(extra) > 5 else ""
    return CheckpointError(f"{file}: unexpected tensors in the vision tower: {', '.join(extra[:5])}{rest}.")


def _open_clip(inside: list[str], prefix: str, file: str) -> dict[str, Part]:
    names = {key.removeprefix(prefix): key for key in inside}
    if (
        not prefix
    ):  # A bare tower and a whole text model may share a file without prefixes; only the tower's names count.
        names = {name: key for name, key in names.items() if _OPEN_CLIP_KEY.fullmatch(name)}
    extra = [name for name in names if not _OPEN_CLIP_KEY.fullmatch(name)]
    if extra:
        raise _unknown(extra, file)
    return {name: Part((key,)) for name, key in names.items()}


def _hugging_face(inside: list[str], prefix: str, file: str) -> dict[str, Part]:
    parts, qkv, extra = {}, {}, []
    for key in inside:
        name = key.removeprefix(prefix)
        block = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
        if name in HF_TOP:
            parts[HF_TOP[name]] = Part((key,))
        elif block and block[2] in HF_BLOCK:
            parts[f"transformer.resblocks.{block[1]}.{HF_BLOCK[block[2]]}.{block[3]}"] = Part((key,))
        elif block and block[2] in {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}:
            qkv[(int(block[1]), block[3], block[2][10])] = key
        elif name not in {"embeddings.position_ids", "visual_projection.weight"}:
            extra.append(name)
    if extra:
        raise _unknown(extra, file)
    for block, kind in {(block, kind) for block, kind, _ in qkv}:
        lacking = [letter for letter in "qkv" if (block, kind, letter) not in qkv]
        if lacking:
            raise CheckpointError(f"{file}: block {block} lacks {lacking[0]}_proj.{kind}.")
        parts[f"transformer.resblocks.{block}.attn.in_proj_{kind}"] = Part(tuple(qkv[(block, kind, x)] for x in "qkv"))
    return parts


def _timm(inside: list[str], prefix: str, file: str) -> dict[str, Part]:
    parts, extra = {}, []
    for key in inside:
        name = key.removeprefix(prefix)
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name)
        if name in _TIMM_TOP:
            squeezed = name in {"cls_token", "pos_embed"}
            parts[_TIMM_TOP[name]] = Part((key,), "squeezed" if squeezed else "as_stored")
        elif block and block[2] in _TIMM_BLOCK:
            parts[f"transformer.resblocks.{block[1]}.{_TIMM_BLOCK[block[2]]}.{block[3]}"] = Part((key,))
        elif block and block[2] == "attn.qkv":
            parts[f"transformer.resblocks.{block[1]}.attn.in_proj_{block[3]}"] = Part((key,))
        elif name == "head.weight":
            parts["proj"] = Part((key,), "transposed")
        else:
            extra.append(name)
    if "patch_embed.proj.bias" in extra or not any("norm_pre" in key for key in inside):
        raise CheckpointError(f"{file} is a timm transformer of another kind than CLIP (no norm_pre, patch bias).")
    if [name for name in extra if name != "head.bias"]:
        raise _unknown(extra, file)
    return parts
