"""Finding the CLIP vision tower among the tensors of a file.

It is known by the patch embedding's name and its siblings, so any prefix (`model.visual.`, ...) is accepted.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from mloss_core.checkpoints.stored import Refused
from mloss_core.checkpoints.tower_names import (
    HF_TOP,
    HUGGING_FACE,
    OPEN_CLIP,
    OPEN_CLIP_KEY,
    PATCH_EMBEDDING,
    ROOTS,
    SIBLING,
    TIMM,
    TIMM_TOP,
    TOWER_PREFIXES,
    Part,
    hugging_face_parts,
    open_clip_parts,
    timm_parts,
)
from mloss_core.errors import CheckpointError

_PARTS: Mapping[str, Callable[[list[str], str, str], dict[str, Part]]] = {
    OPEN_CLIP: open_clip_parts,
    HUGGING_FACE: hugging_face_parts,
    TIMM: timm_parts,
}
_AVERAGE = re.compile(r"(?:^|[._])(ema|swa|averaged|average)(?=$|[._])", re.IGNORECASE)
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


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a file names its vision tower: canonical name -> stored tensors, and what else the file holds."""

    family: str
    prefix: str
    parts: Mapping[str, Part]
    left_out: tuple[str, ...]
    zero: tuple[str, ...] = ()
    """Stored tensors that the canonical form has no place for: fine where they are all zero."""
    passed_over: tuple[str, ...] = ()
    """Prefixes of moving averages of the same tower."""


def is_average_name(text: str) -> bool:
    """Whether a name speaks of a moving average of weights, such as `model_ema` or `state_dict_ema`."""
    return bool(_AVERAGE.search(text))


def has_tower(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a vision tower is among these tensors."""
    return bool(_towers(shapes))


def _towers(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, str]]:
    """Family and prefix of each, whatever wrappers around layers put into the names."""
    return [
        (family, key.removesuffix(ending))
        for family, ending in PATCH_EMBEDDING.items()
        for key in shapes
        if (key == ending or key.endswith("." + ending)) and len(shapes[key]) == 4
    ]


def find_layout(
    keys: "list[str]", shapes: Mapping[str, tuple[int, ...]], file: str, refused: Mapping[str, Refused] | None = None
) -> Layout:
    """The layout of a file's vision tower.

    Args:
        keys: stored names of the tensors.
        shapes: of each.
        file: how messages name the file.
        refused: entries that are no plain tensors; those of the tower are an error.

    Raises:
        CheckpointError: no tower, two towers, or one of an architecture that is no CLIP vision transformer.
    """
    others = refused or {}
    family, prefix, passed_over = _the_tower(keys, shapes, file, others)
    inside = _inside(keys, family, prefix)
    _refuse_adapters(inside, file)
    _refuse_entries(others, family, prefix, file)
    parts = _PARTS[family](inside, prefix, file)
    projection = _projection(family, prefix)
    if f"{projection}.weight" in shapes:
        parts["proj"] = Part((f"{projection}.weight",), "transposed")
    _check_ranks(parts, shapes, file)
    _check_complete(parts, family, file)
    used = {key for part in parts.values() for key in part.keys}
    zero = tuple(key for key in (f"{projection}.bias", f"{prefix}head.bias") if family != OPEN_CLIP and key in shapes)
    return Layout(family, prefix, parts, tuple(key for key in keys if key not in used), zero, passed_over)


def _the_tower(
    keys: list[str], shapes: Mapping[str, tuple[int, ...]], file: str, refused: Mapping[str, Refused]
) -> tuple[str, str, tuple[str, ...]]:
    """Family and prefix of the tower that is read, and the prefixes of moving averages that are not."""
    towers = [(family, prefix) for family, prefix in _towers(shapes) if prefix + SIBLING[family] in shapes]
    if not towers:
        _refuse_adapters(keys, file)
        anchors = tuple(PATCH_EMBEDDING.values())
        broken = next((why.reason for key, why in refused.items() if key.endswith(anchors)), None)
        raise CheckpointError(f"{file}: {broken}" if broken else f"{file} holds no CLIP vision tower: {_guess(keys)}.")
    plain = [(family, prefix) for family, prefix in towers if not is_average_name(prefix)]
    if len(plain) == 1:
        return *plain[0], tuple(prefix for _, prefix in towers if (_, prefix) != plain[0])
    if len(towers) > 1:
        listed = " and ".join(repr(prefix) for _, prefix in towers)
        raise CheckpointError(f"{file} holds more than one vision tower, below {listed}; save one of them alone.")
    return *towers[0], ()


def _inside(keys: list[str], family: str, prefix: str) -> list[str]:
    """The tower's own tensors: all below its prefix, or where others share that those with a tower's names."""
    below = [key for key in keys if key.startswith(prefix)]
    if prefix.endswith(TOWER_PREFIXES):
        return below
    return [key for key in below if key.removeprefix(prefix).split(".")[0] in ROOTS[family]]


def _projection(family: str, prefix: str) -> str:
    """Name, without its ending, of the projection that stands outside of the tower."""
    if family == HUGGING_FACE:
        return prefix.removesuffix("vision_model.") + "visual_projection"
    if family == TIMM and prefix.endswith("trunk."):
        return prefix.removesuffix("trunk.") + "head.proj"
    return prefix + "head" if family == TIMM else ""


def _refuse_entries(refused: Mapping[str, Refused], family: str, prefix: str, file: str) -> None:
    """An entry of the tower that is no tensor is damage; a number or text beside them is somebody's remark."""
    projection = _projection(family, prefix)
    for key in [*_inside(list(refused), family, prefix), f"{projection}.weight", f"{projection}.bias"]:
        if key in refused and (
            refused[key].tensor or key.startswith(projection) or _is_tower_name(key, family, prefix)
        ):
            raise CheckpointError(f"{file}: {refused[key].reason}")


def _is_tower_name(key: str, family: str, prefix: str) -> bool:
    name = key.removeprefix(prefix)
    if family == OPEN_CLIP:
        return bool(OPEN_CLIP_KEY.fullmatch(name))
    return name in {HUGGING_FACE: HF_TOP, TIMM: TIMM_TOP}[family] or name.endswith((".weight", ".bias"))


def _check_ranks(parts: Mapping[str, Part], shapes: Mapping[str, tuple[int, ...]], file: str) -> None:
    """Whether tensors can be put into canonical form at all: stacked by rows, or turned."""
    for name, part in parts.items():
        found = [shapes[key] for key in part.keys]
        stacked = len(found) > 1 and (not all(found) or len({shape[1:] for shape in found}) > 1)
        if stacked or (part.form == "transposed" and len(found[0]) != 2):
            listed = ", ".join(f"{key} {shapes[key]}" for key in part.keys)
            raise CheckpointError(f"{file}: {name} cannot be made of {listed}: the shapes do not fit.")


def _check_complete(parts: Mapping[str, Part], family: str, file: str) -> None:
    """Every weight that running the tower takes must be there; only the projection may be in another file."""
    norm = _TOP[-2:]
    top = [name for name in _TOP if name not in norm] if family == OPEN_CLIP and not set(norm) & set(parts) else _TOP
    numbers = {int(name.split(".")[2]) for name in parts if name.startswith("transformer.")}
    # A gap is found among the first ones, however high a number a damaged name may hold.
    blocks = min(1 + max(numbers), len(numbers) + 1)
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
    if any(key.startswith("params0.") or ".params0." in key for key in keys):
        raise CheckpointError(f"{file} is a linearised (tangent-space) model; its weights cannot be merged.")


def _guess(keys: list[str]) -> str:
    if set(keys) <= {"weight", "bias"} and keys:
        return "only a weight and a bias, so it looks like a classification head; give it as a head"
    if any("layer1." in key for key in keys):
        return "it looks like a ResNet"
    if any("text_model" in key or key.startswith("transformer.") for key in keys):
        return "it looks like a text tower only"
    return f"{len(keys)} tensors, the first named {', '.join(keys[:3])}" if keys else "it holds no tensors"
