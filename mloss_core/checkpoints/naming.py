"""Writing a vision tower under the names that other tools read: the way back from the canonical form."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from mloss_core.checkpoints.formats import FORMATS
from mloss_core.checkpoints.tower_names import HF_BLOCK, HF_TOP
from mloss_core.checkpoints.writing import SafetensorsWriter
from mloss_core.errors import CheckpointError, unknown_name
from mloss_core.state_dicts import combine_digests, is_finite, tensor_digest
from mloss_core.types import StateDict
from mloss_core.vision.architecture import Architecture

_PREFIXES = {"canonical": "", "open_clip": "visual.", "task_vectors": "model.visual."}
_TOP = {ours: theirs for theirs, ours in HF_TOP.items()}
_BLOCK = {ours: theirs for theirs, ours in HF_BLOCK.items()}
_BLOCK_KEY = re.compile(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)")
_ACTIVATIONS = {"gelu_tanh": "gelu_pytorch_tanh"}

Layout = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]


def check_format(name: str) -> str:
    """The format's name.

    Raises:
        UnknownNameError: no such format.
    """
    if name not in FORMATS:
        raise unknown_name("format", name, tuple(FORMATS))
    return name


def stored_names(key: str, format: str) -> tuple[str, ...]:
    """The name, or the three names, that a canonical tensor has in a format.

    Raises:
        CheckpointError: the format has no name for it.
    """
    if format in _PREFIXES:
        return (_PREFIXES[format] + key,)
    if key == "proj":
        return ("visual_projection.weight",)
    if key in _TOP:
        return (f"vision_model.{_TOP[key]}",)
    block = _BLOCK_KEY.fullmatch(key)
    if block and block[2] == "attn.in_proj":
        return tuple(f"vision_model.encoder.layers.{block[1]}.self_attn.{part}_proj.{block[3]}" for part in "qkv")
    if block and block[2] in _BLOCK:
        return (f"vision_model.encoder.layers.{block[1]}.{_BLOCK[block[2]]}.{block[3]}",)
    raise CheckpointError(f"the hf format has no name for {key}; write the file as canonical or open_clip.")


def _pieces(key: str, format: str) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """What is stored of a canonical tensor, in the order of `stored_names`."""
    if format == "hf" and key == "proj":
        return lambda tensor: (tensor.T,)
    parts = len(stored_names(key, format))
    return lambda tensor: tensor.chunk(parts)


class TowerWriter:
    """`SafetensorsWriter` for canonical tensors in any format: each is written whole, when it is there.

    Args:
        path: the file to make.
        layout: dtype and shape of every canonical tensor. `order` is the order in which they must be written; `digests`
            has each canonical tensor's, the same in every format.
        metadata: text facts stored beside the tensors.
        format: one of `FORMATS`.
        beside: float32 tensors that are no part of the tower, under the names they are stored by; written last.

    Raises:
        CheckpointError: see `SafetensorsWriter`; or a tensor that the format has no name for.
        UnknownNameError: no such format.
    """

    def __init__(
        self,
        path: str | Path,
        layout: Layout,
        metadata: Mapping[str, str],
        format: str = "canonical",
        beside: StateDict | None = None,
    ) -> None:
        self._format, self._beside = check_format(format), dict(beside or {})
        if format == "hf" and "ln_pre.weight" not in layout:
            raise CheckpointError(
                "the hf format has no tower without a norm in front of its blocks (CLIPA); write the file as canonical "
                "or open_clip."
            )
        stored: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {}
        for key, (dtype, shape) in layout.items():
            # A tensor without storage tells the shapes of its pieces without memory.
            pieces = _pieces(key, format)(torch.empty(shape, dtype=dtype, device="meta"))
            for name, piece in zip(stored_names(key, format), pieces, strict=True):
                stored[name] = (dtype, tuple(piece.shape))
        stored.update({name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in self._beside.items()})
        # transformers refuses files that do not say that they are PyTorch's.
        origin = {"format": "pt"} if format == "hf" else {}
        self._writer = SafetensorsWriter(path, stored, {**origin, **metadata})
        # Both sorts are stable, so the canonical order and the stored one go together.
        self.order = tuple(sorted(layout, key=lambda key: -layout[key][0].itemsize))
        self.digests: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical names and contents of the tensors written so far."""
        return combine_digests(self.digests)

    def write(self, key: str, tensor: Tensor) -> None:
        """Append one canonical tensor; `key` must be the next one of `order`.

        Raises:
            CheckpointError: values that are not finite, or see `SafetensorsWriter`.
        """
        if not is_finite(tensor):
            raise CheckpointError(
                f"weights must be finite to be written; {key} is not. Choose a smaller scale, or look for a diverged "
                "run."
            )
        names = stored_names(key, self._format)
        for name, piece in zip(names, _pieces(key, self._format)(tensor), strict=True):
            self._writer.write(name, piece)
        whole = self._format in _PREFIXES
        self.digests[key] = self._writer.digests[names[0]] if whole else tensor_digest(tensor)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        if exception[0] is None and len(self.digests) == len(self.order):
            self._write_beside()
        self._writer.__exit__(*exception)

    def _write_beside(self) -> None:
        try:
            for name, tensor in self._beside.items():
                self._writer.write(name, tensor)
        except BaseException as error:
            self._writer.__exit__(type(error), error, error.__traceback__)
            raise


def hugging_face_images(architecture: Architecture) -> dict[str, Any]:
    """What transformers' `CLIPImageProcessor` reads from the preprocessor_config.json beside its weights."""
    side = architecture.image_size
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": side},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(architecture.mean),
        "image_std": list(architecture.std),
        "do_convert_rgb": True,
    }


def hugging_face_config(architecture: Architecture) -> dict[str, Any]:
    """What transformers' `CLIPVisionModelWithProjection` reads from the config.json beside its weights."""
    return {
        "architectures": ["CLIPVisionModelWithProjection"],
        "model_type": "clip_vision_model",
        "hidden_size": architecture.width,
        "intermediate_size": architecture.mlp_width,
        "projection_dim": architecture.embed_dim,
        "num_hidden_layers": architecture.layers,
        "num_attention_heads": architecture.heads,
        "image_size": architecture.image_size,
        "patch_size": architecture.patch,
        "num_channels": 3,
        "attention_dropout": 0.0,
        "hidden_act": _ACTIVATIONS.get(architecture.activation, architecture.activation),
        "layer_norm_eps": architecture.layer_norm_eps,
        "torch_dtype": "float32",
    }
