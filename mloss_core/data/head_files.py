"""Zero-shot heads as files: reading those of the field safely, and writing our own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mloss_core.checkpoints.guarding import file_errors
from mloss_core.checkpoints.opening import open_tensors
from mloss_core.checkpoints.stored import StoredTensors
from mloss_core.checkpoints.wrappers import BARE
from mloss_core.checkpoints.writing import write_safetensors
from mloss_core.errors import CheckpointError

OPENAI_SCALE = 100.0
"""exp(logit scale) of OpenAI's models, for heads that hold unit rows."""
_EVEN = 0.01


def read_head(path: Path, embed_dim: int, name: str | None = None) -> tuple[Tensor, tuple[str, ...]]:
    """The classifier of a head file: a pickled linear layer, a state dict with `weight`, or a tensor alone.

    Args:
        path: the file. Nothing in it is executed.
        embed_dim: of the image encoder that it belongs to.
        name: how messages call the file; its own name by default.

    Returns:
        float32 (class, embed_dim), with rows of length exp(logit scale), and what the user should know about it.

    Raises:
        CheckpointError: damaged, hostile, no head, or one that does not fit the encoder.
    """
    name = name or path.name
    stored = open_tensors(path)
    try:
        with file_errors(path):
            weight = _weight(stored, name)
    finally:
        stored.close()
    notes: list[str] = []
    if weight.shape[1] != embed_dim and weight.shape[0] == embed_dim:
        weight = weight.T.contiguous()
        notes.append(f"{name} is stored with classes as columns; it was transposed.")
    if weight.shape[1] != embed_dim:
        raise CheckpointError(
            f"{name} must be (class, {embed_dim}) for these encoders; it is {tuple(weight.shape)}: it belongs to "
            "another model."
        )
    if not torch.isfinite(weight).all():
        raise CheckpointError(f"{name} holds values that are not finite; build the head again.")
    return _scaled(weight, name, notes)


def _weight(stored: StoredTensors, name: str) -> Tensor:
    refused = next((why.reason for key, why in stored.refused.items() if key.endswith("weight") and why.tensor), None)
    if refused is not None:
        raise CheckpointError(f"{name}: {refused}")
    weight, bias = _names(stored.shapes)
    if weight not in stored.shapes or set(stored.shapes) - {weight, bias}:
        raise CheckpointError(
            f"{name} is no classification head: it holds {len(stored.shapes)} tensors, among them "
            f"{next(iter(stored.shapes), 'none')}. If it is a model, give it as one."
        )
    if len(stored.shapes[weight]) != 2:
        raise CheckpointError(f"{name} must hold a matrix (class, embed_dim); found {stored.shapes[weight]}.")
    if stored.facts.get("normalize") is False:
        raise CheckpointError(f"{name} is for features that are not normalised; only zero-shot heads are read.")
    if bias in stored.shapes and stored.read(bias).any():
        raise CheckpointError(f"{name} has a bias; only zero-shot heads, which have none, are read.")
    return stored.read(weight).to(torch.float32)


def _names(shapes: Mapping[str, Any]) -> tuple[str, str]:
    """What the matrix and its bias are called: below any prefix (`classification_head.weight`), or a lone tensor."""
    if BARE in shapes:
        return BARE, "bias"
    weights = [key for key in shapes if key == "weight" or key.endswith(".weight")]
    prefix = weights[0].removesuffix("weight") if len(weights) == 1 else ""
    return f"{prefix}weight", f"{prefix}bias"


def _scaled(weight: Tensor, name: str, notes: list[str]) -> tuple[Tensor, tuple[str, ...]]:
    """Unit rows get the usual scale: it changes no answer, but an Ensemble of logits must be on one scale."""
    lengths = weight.norm(dim=1)
    if (lengths - lengths.mean()).abs().max() > _EVEN * lengths.mean():
        notes.append(f"{name} has rows of different lengths, so it is no zero-shot head; it is used as it is.")
    elif (lengths - 1).abs().max() < _EVEN:
        weight = OPENAI_SCALE * weight
        notes.append(f"{name} records no logit scale; OpenAI's {OPENAI_SCALE:g} is used.")
    return weight, tuple(notes)


def write_head(path: str | Path, head: Tensor, facts: Mapping[str, Any]) -> str:
    """Write a head (class, embed_dim) to a safetensors file that `read_head` reads; returns its SHA-256.

    Raises:
        CheckpointError: the file cannot be written.
    """
    return write_safetensors(path, {"weight": head}, {name: json.dumps(value) for name, value in facts.items()})
