"""The text tower of a CLIP weight file: read safely, run by open_clip, without a network."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mloss_core.checkpoints.facts import with_config
from mloss_core.checkpoints.guarding import file_errors
from mloss_core.checkpoints.lazy import file_digest
from mloss_core.checkpoints.opening import open_tensors
from mloss_core.checkpoints.stored import StoredTensors, unwrapped
from mloss_core.data.heads import build_head
from mloss_core.errors import CheckpointError
from mloss_core.types import Progress, silent
from mloss_core.vision.towers import activation_layer

_ANCHOR = "token_embedding.weight"
_PREFIX_OF_SCALE = re.compile(r"(text\.)?$")
_KEY = re.compile(r"(token_embedding|ln_final|transformer\.resblocks\.\d+)\..+|positional_embedding|text_projection")
_FIRST_MLP = "transformer.resblocks.0.mlp.c_fc.weight"
VOCABULARY = 49408
"""Tokens of CLIP's tokenizer, which comes with open_clip."""
_DEFAULT_ACTIVATION = "quick_gelu"


@dataclasses.dataclass(frozen=True)
class TextTower:
    """A text encoder that runs.

    Args:
        module: open_clip's `TextTransformer`, in evaluation mode.
        logit_scale: the factor itself (100 for OpenAI's CLIP), not its logarithm.
        activation: of its MLPs.
        digest: SHA-256 of the file.
        notes: what was guessed.
    """

    module: torch.nn.Module
    logit_scale: float
    activation: str
    digest: str
    notes: tuple[str, ...]

    def head(self, classes: Sequence[str], templates: Sequence[str], progress: Progress = silent) -> Tensor:
        """The zero-shot head of class names; see `build_head`.

        Raises:
            DatasetError: no class, no template, or a template without `{}`.
        """
        tokenize = self._counted(len(classes), progress)
        return build_head(self.module, tokenize, classes, templates, self.logit_scale)

    def _counted(self, classes: int, progress: Progress) -> Callable[[list[str]], Tensor]:
        from open_clip.tokenizer import SimpleTokenizer

        tokenizer, done = SimpleTokenizer(context_length=self.module.context_length), 0

        def tokenize(sentences: list[str]) -> Tensor:
            nonlocal done
            done += 1
            progress(done / classes, "encoding class names")
            return tokenizer(sentences)

        return tokenize


def read_text_tower(path: str | Path, activation: str | None = None) -> TextTower:
    """The text tower of an open_clip or OpenAI weight file. Nothing in the file is executed.

    Args:
        path: of a whole CLIP, with `transformer.*`, `token_embedding`, `text_projection` and `logit_scale`, below any
            prefix.
        activation: of its MLPs; what the file says by default, else quick_gelu, with a note.

    Raises:
        CheckpointError: damaged, hostile, or without a text tower; fine-tuned encoders of the field have lost theirs.
    """
    path = Path(path)
    with file_errors(path):
        return _read(path, activation)


def _read(path: Path, activation: str | None) -> TextTower:
    stored = unwrapped(open_tensors(path))
    try:
        prefix = _prefix(stored, path.name)
        names = [key.removeprefix(prefix) for key in stored.shapes if key.startswith(prefix)]
        weights = {n: stored.read(prefix + n).to(torch.float32) for n in names if _KEY.fullmatch(n)}
        scale = _logit_scale(stored, prefix, path.name)
    finally:
        stored.close()
    chosen, notes = _activation(activation, stored, path)
    return TextTower(_build(weights, chosen, path.name), scale, chosen, file_digest(path), notes)


def _prefix(stored: StoredTensors, file: str) -> str:
    """What stands before the text tower's names: the token embedding with text blocks beside it."""
    found = [key.removesuffix(_ANCHOR) for key in stored.shapes if key == _ANCHOR or key.endswith(f".{_ANCHOR}")]
    whole = [prefix for prefix in found if f"{prefix}transformer.resblocks.0.ln_1.weight" in stored.shapes]
    if len(whole) == 1:
        return whole[0]
    if len(whole) > 1:
        raise CheckpointError(f"{file} holds more than one text tower, below {' and '.join(map(repr, whole))}.")
    hint = (
        "its text transformer was dropped when it was fine-tuned; give the open_clip file it came from"
        if found
        else "give an open_clip checkpoint of the whole CLIP (OpenAI's ViT-B-32.pt, open_clip_model.safetensors)"
    )
    raise CheckpointError(f"{file} holds no text tower: {hint}.")


def _logit_scale(stored: StoredTensors, prefix: str, file: str) -> float:
    """exp of `logit_scale`, which stands beside the tower or one level above it (`text.`)."""
    for place in (prefix, _PREFIX_OF_SCALE.sub("", prefix)):
        if f"{place}logit_scale" in stored.shapes:
            return float(stored.read(f"{place}logit_scale").to(torch.float32).exp())
    raise CheckpointError(f"{file} has a text tower but no logit_scale; a head needs its length.")


def _activation(said: str | None, stored: StoredTensors, path: Path) -> tuple[str, tuple[str, ...]]:
    file, recorded = path.name, with_config(stored.facts, path).get("activation")
    if said or recorded:
        return str(said or recorded), ()
    if stored.container == "torchscript" or "quickgelu" in file.lower():
        return "quick_gelu", ()
    return _DEFAULT_ACTIVATION, (
        f"Activation not recorded in {file}; using {_DEFAULT_ACTIVATION} (OpenAI). Pass --activation gelu for LAION "
        "weights.",
    )


def _build(weights: Mapping[str, Tensor], activation: str, file: str) -> torch.nn.Module:
    from open_clip.transformer import TextTransformer

    needed = ("positional_embedding", "text_projection", "ln_final.weight", _FIRST_MLP)
    lacking = [name for name in needed if name not in weights]
    if lacking:
        raise CheckpointError(f"{file}: the text tower lacks {', '.join(lacking)}; it is of an unknown architecture.")
    if any(weights[name].ndim != 2 for name in (_ANCHOR, "positional_embedding", "text_projection", _FIRST_MLP)):
        raise CheckpointError(f"{file}: the text tower's embeddings and projection must be matrices; one is none.")
    vocabulary, width = weights[_ANCHOR].shape
    if vocabulary != VOCABULARY:
        raise CheckpointError(
            f"{file}: the text tower knows {vocabulary} tokens; only CLIP's tokenizer, of {VOCABULARY}, is at hand."
        )
    layers = len({key.split(".")[2] for key in weights if key.startswith("transformer.")})
    tower = TextTransformer(
        context_length=weights["positional_embedding"].shape[0],
        vocab_size=vocabulary,
        width=width,
        heads=max(1, width // 64),
        layers=layers,
        mlp_ratio=weights[_FIRST_MLP].shape[0] / width,
        output_dim=weights["text_projection"].shape[1],
        act_layer=activation_layer(activation),
    )
    try:
        tower.load_state_dict(dict(weights))
    except RuntimeError as error:
        words = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{file}: the text tower is of an unknown architecture: {words}") from error
    return tower.eval().requires_grad_(False)
