"""State dicts as immutable mappings: structure checks, digests, task vectors."""

import functools
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from mloss_core.errors import IncompatibleStateDictsError
from mloss_core.lazy_state import LazyState
from mloss_core.placement import resident
from mloss_core.types import StateDict


def check_same_structure(pretrained: StateDict, finetuned: Sequence[StateDict], names: Sequence[str] = ()) -> None:
    """Check that every fine-tuned state dict has the pretrained one's keys and shapes.

    Raises:
        IncompatibleStateDictsError: all missing, unexpected and misshapen tensors of all models, in one message.
    """
    problems = []
    expected = {key: tensor_shape(pretrained, key) for key in pretrained}
    for position, state in enumerate(finetuned):
        name = names[position] if names else f"model {position}"
        missing, extra = sorted(set(pretrained) - set(state)), sorted(set(state) - set(pretrained))
        shapes = [key for key, shape in expected.items() if key in state and tensor_shape(state, key) != shape]
        problems += [f"{name} lacks {_some(missing)}"] * bool(missing)
        problems += [f"{name} has unexpected {_some(extra)}"] * bool(extra)
        problems += [
            f"{name}: {_shown(key)} is {tuple(state[key].shape)}, the pretrained one is {tuple(pretrained[key].shape)}"
            for key in shapes[:5]
        ]
    if problems:
        raise IncompatibleStateDictsError(
            "all models must share the pretrained model's tensors: " + "; ".join(problems) + "."
        )


def tensor_shape(state: StateDict, key: str) -> tuple[int, ...]:
    """Of a tensor; states that read lazily may tell it without reading."""
    tell = getattr(state, "shape", None)
    return tuple(state[key].shape if tell is None else tell(key))


def _some(keys: list[str], limit: int = 5) -> str:
    rest = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(map(_shown, keys[:limit])) + rest


def _shown(key: str, most: int = 100) -> str:
    """A tensor's name as it can be printed: files may hold any letters."""
    text = key if key.isprintable() else ascii(key)
    return text if len(text) <= most else f"{text[:most]}..."


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 of dtype, shape and content, the same on every device."""
    return banded_digest(tensor.dtype, tuple(tensor.shape), [tensor])


def banded_digest(dtype: torch.dtype, shape: tuple[int, ...], bands: Iterable[Tensor]) -> str:
    """The `tensor_digest` of a tensor that comes in bands of rows, first to last."""
    digest = hashlib.sha256(f"{dtype}{shape}".encode())
    for band in bands:
        # The hash reads the tensor's own memory: a copy of an embedding would be a tenth of a gigabyte.
        digest.update(band.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def state_digest(state: StateDict) -> str:
    """SHA-256 over the names and digests of all tensors, whatever their order."""
    return combine_digests({key: tensor_digest(state[key]) for key in state})


def combine_digests(digests: Mapping[str, str]) -> str:
    """The `state_digest` of tensors whose own digests are known, by name."""
    digest = hashlib.sha256()
    for key in sorted(digests):
        digest.update(f"{key}:{digests[key]};".encode())
    return digest.hexdigest()


def is_merged_tensor(tensor: Tensor) -> bool:
    """Whether a tensor takes part in merging: floating point ones do, integer buffers are copied."""
    return tensor.is_floating_point()


def is_finite(tensor: Tensor) -> bool:
    """Whether no entry is NaN or infinite. The sum shows most of them and costs less than a look at each entry."""
    return math.isfinite(float(tensor.sum(dtype=torch.float64))) or bool(torch.isfinite(tensor).all())


def task_vector(pretrained: StateDict, finetuned: StateDict, key: str) -> Tensor:
    """`finetuned - pretrained` for one key, in float32 (float64 stays float64)."""
    base, tuned = pretrained[key], finetuned[key]
    dtype = torch.promote_types(torch.promote_types(base.dtype, tuned.dtype), torch.float32)
    return tuned.to(dtype) - base.to(dtype)


def moving_keys(pretrained: StateDict, finetuned: Sequence[StateDict]) -> tuple[str, ...]:
    """Keys of floating tensors that at least one fine-tuned model changed, in the pretrained order."""
    return tuple(key for key in pretrained if _moves(pretrained[key], (state[key] for state in finetuned)))


def _moves(base: Tensor, tuned: Iterable[Tensor]) -> bool:
    return is_merged_tensor(base) and any(not torch.equal(base, tensor) for tensor in tuned)


def average(states: Sequence[StateDict], weights: Sequence[float] | None = None) -> dict[str, Tensor]:
    """Weighted mean of state dicts (equal weights by default), float32 accumulation, first model's integer tensors."""
    share = weights or [1 / len(states)] * len(states)
    first: Mapping[str, Tensor] = states[0]
    merged = {}
    for key, tensor in first.items():
        if not is_merged_tensor(tensor):
            merged[key] = tensor
            continue
        terms = (weight * state[key].to(torch.float32) for weight, state in zip(share, states, strict=True))
        merged[key] = functools.reduce(torch.add, terms).to(tensor.dtype)
    return merged


class LazyAverage(LazyState):
    """The `average` of state dicts, a tensor at a time."""

    def __init__(self, states: Sequence[StateDict], weights: Sequence[float] | None = None) -> None:
        states = tuple(states)
        super().__init__(states[0], lambda key: average([{key: state[key]} for state in states], weights)[key])
        self._states, self._weights = states, weights

    def resident(self, key: str, device: torch.device) -> Tensor | None:
        """The average of what stays on this GPU, or None where a state's weight does not."""
        kept = [resident(state, key, device) for state in self._states]
        share = self._weights or [1 / len(kept)] * len(kept)
        terms = [weight * tensor for weight, tensor in zip(share, kept, strict=True) if tensor is not None]
        return functools.reduce(torch.add, terms) if len(terms) == len(kept) else None
