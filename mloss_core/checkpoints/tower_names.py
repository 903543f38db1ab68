"""Names of a CLIP vision tower in the layouts of the wild, and their canonical open_clip form."""

import dataclasses
import re

from mloss_core.errors import CheckpointError

OPEN_CLIP, HUGGING_FACE, TIMM = "open_clip", "hf", "timm"
PATCH_EMBEDDING = {
    OPEN_CLIP: "conv1.weight",
    HUGGING_FACE: "embeddings.patch_embedding.weight",
    TIMM: "patch_embed.proj.weight",
}
SIBLING = {
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
TIMM_TOP = {
    "cls_token": "class_embedding",
    "pos_embed": "positional_embedding",
    "patch_embed.proj.weight": "conv1.weight",
    "norm_pre.weight": "ln_pre.weight",
    "norm_pre.bias": "ln_pre.bias",
    "norm.weight": "ln_post.weight",
    "norm.bias": "ln_post.bias",
}
OPEN_CLIP_KEY = re.compile(
    r"(class_embedding|positional_embedding|proj|conv1\.weight|ln_(pre|post)\.(weight|bias)|"
    r"transformer\.resblocks\.\d+\.(ln_[12]\.(weight|bias)|attn\.in_proj_(weight|bias)|attn\.out_proj\.(weight|bias)|"
    r"mlp\.c_(fc|proj)\.(weight|bias)|ls_[12]\.gamma)|"
    r"attn_pool\.(query|ln_[qk]\.(weight|bias)|"
    r"attn\.([qkv]_proj_weight|in_proj_(weight|bias)|out_proj\.(weight|bias))))"
)
_UNKNOWN_ARCHITECTURES = {
    "attn_pool": "an attention-pooled tower of another kind than CoCa (SigLIP?)",
    ".ls1.": "a tower with layer scale",
    "layer1.": "a ResNet",
}


ROOTS = {
    OPEN_CLIP: (
        "class_embedding",
        "positional_embedding",
        "proj",
        "conv1",
        "ln_pre",
        "ln_post",
        "transformer",
        "attn_pool",
    ),
    HUGGING_FACE: ("embeddings", "encoder", "pre_layrnorm", "post_layernorm"),
    TIMM: ("cls_token", "pos_embed", "patch_embed", "norm_pre", "norm", "blocks", "head", "attn_pool", "fc_norm"),
}
"""What the names inside a tower begin with, where other tensors share its prefix."""
TOWER_PREFIXES = ("visual.", "vision_model.", "trunk.")
"""Prefixes below which everything is the tower's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One canonical tensor, as one or more stored tensors stacked by rows, in a form to undo."""

    keys: tuple[str, ...]
    form: str = "as_stored"
    """`as_stored`, `transposed` (a projection kept as a Linear) or `squeezed` (leading dimensions of size one)."""


def _unknown(extra: list[str], file: str) -> CheckpointError:
    for sign, words in _UNKNOWN_ARCHITECTURES.items():
        if any(sign in key for key in extra):
            return CheckpointError(f"{file} is {words} (it holds {extra[0]}), not a plain CLIP vision transformer.")
    rest = f" and {len(extra) - 5} more" if len(extra) > 5 else ""
    return CheckpointError(f"{file}: unexpected tensors in the vision tower: {', '.join(extra[:5])}{rest}.")


def open_clip_parts(inside: list[str], prefix: str, file: str) -> dict[str, Part]:
    """Canonical names of the tensors of a tower in the names of open_clip; `inside` are its stored names.

    Raises:
        CheckpointError: a tensor that such a tower does not have.
    """
    names = {key.removeprefix(prefix): key for key in inside}
    extra = [name for name in names if not OPEN_CLIP_KEY.fullmatch(name)]
    if extra:
        raise _unknown(extra, file)
    return {name: Part((key,)) for name, key in names.items()}


def hugging_face_parts(inside: list[str], prefix: str, file: str) -> dict[str, Part]:
    """Canonical names of the tensors of a tower in the names of transformers; `inside` are its stored names.

    Raises:
        CheckpointError: a tensor that such a tower does not have.
    """
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
    for number, kind in {(number, kind) for number, kind, _ in qkv}:
        lacking = [letter for letter in "qkv" if (number, kind, letter) not in qkv]
        if lacking:
            raise CheckpointError(f"{file}: block {number} lacks {lacking[0]}_proj.{kind}.")
        parts[f"transformer.resblocks.{number}.attn.in_proj_{kind}"] = Part(tuple(qkv[number, kind, x] for x in "qkv"))
    return parts


def timm_parts(inside: list[str], prefix: str, file: str) -> dict[str, Part]:
    """Canonical names of the tensors of a tower in the names of timm; `inside` are its stored names.

    Raises:
        CheckpointError: a tensor that such a tower does not have.
    """
    parts, extra = {}, []
    for key in inside:
        name = key.removeprefix(prefix)
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name)
        if name in TIMM_TOP:
            squeezed = name in {"cls_token", "pos_embed"}
            parts[TIMM_TOP[name]] = Part((key,), "squeezed" if squeezed else "as_stored")
        elif block and block[2] in _TIMM_BLOCK:
            parts[f"transformer.resblocks.{block[1]}.{_TIMM_BLOCK[block[2]]}.{block[3]}"] = Part((key,))
        elif block and block[2] == "attn.qkv":
            parts[f"transformer.resblocks.{block[1]}.attn.in_proj_{block[3]}"] = Part((key,))
        elif name not in {"head.weight", "head.bias"}:
            extra.append(name)
    if "patch_embed.proj.bias" in extra or not any("norm_pre" in key for key in inside):
        raise CheckpointError(f"{file} is a timm transformer of another kind than CLIP (no norm_pre, patch bias).")
    if extra:
        raise _unknown(extra, file)
    return parts
