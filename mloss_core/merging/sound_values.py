"""What a merge may not give back or write: averaged integers, statistics that cannot be, values that are not finite."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mloss_core.errors import CheckpointError, IncompatibleStateDictsError
from mloss_core.merging.stored_states import StoredState
from mloss_core.state_dicts import is_finite
from mloss_core.types import StateDict

_STATISTICS = ("running_mean", "running_var")
_LISTED = 5


def is_statistic(key: str) -> bool:
    """Whether a tensor is a running statistic of a normalisation, which is measured and not learned."""
    return key.rpartition(".")[2] in _STATISTICS


def mean_statistic(key: str, base: Tensor, models: Sequence[StateDict]) -> Tensor:
    """A running statistic of a merged model: the mean over the models, so that no variance becomes negative."""
    return torch.stack([model[key].to(torch.float64) for model in models]).mean(0).to(base.dtype)


def check_kinds(base: StoredState, models: Mapping[str, StoredState]) -> list[str]:
    """What is copied because it cannot be merged, as notes.

    Raises:
        IncompatibleStateDictsError: weights of integers that differ, or that are integers in one file alone.
    """
    problems: list[str] = []
    copied: dict[str, str] = {}
    for key in base:
        for name, model in models.items():
            kinds = base.dtype(key), model.dtype(key)
            if kinds[0].is_floating_point and kinds[1].is_floating_point:
                continue
            if kinds[0].is_floating_point != kinds[1].is_floating_point:
                problems.append(f"{key} is {_word(kinds[0])} in the pretrained model and {_word(kinds[1])} in {name}")
            elif not torch.equal(base[key], model[key]):
                if len(base.shape(key)) > 1:
                    problems.append(f"{key} is {_word(kinds[0])} and differs in {name}")
                else:
                    copied.setdefault(key, name)
    if problems:
        rest = f" and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise IncompatibleStateDictsError(
            f"weights must be floating point to be merged; {'; '.join(problems[:_LISTED])}{rest}. Quantised models "
            "must be dequantised first."
        )
    return [f"copied from the pretrained model, integers that differ: {_some(copied)}."] if copied else []


def check_written(key: str, written: Tensor, exact: Tensor, base: Tensor) -> None:
    """Refuse a merged tensor that is not finite although what it was made of is.

    Args:
        key: its name.
        written: as it is going to be stored.
        exact: before it was cast.
        base: the pretrained one; values that are not finite there, as in masks, are the file's own.

    Raises:
        CheckpointError: it is not.
    """
    if not written.is_floating_point() or is_finite(written) or not is_finite(base):
        return
    dtype = _word(written.dtype)
    most = torch.finfo(written.dtype).max
    if written.dtype.itemsize < 4 or is_finite(exact):
        raise CheckpointError(
            f"the merged {key} has values beyond what {dtype} holds (at most {most:g}); write float32 (--dtype "
            "float32), or choose a smaller scale."
        )
    raise CheckpointError(f"the merged {key} has values beyond what {dtype} holds; choose a smaller scale.")


def check_merged(key: str, weight: Tensor, base: Tensor) -> Tensor:
    """The merged tensor, refused where it is not finite although the pretrained one is.

    Raises:
        CheckpointError: it is not.
    """
    if not weight.is_floating_point() or is_finite(weight) or not is_finite(base):
        return weight
    wider = ", or give the pretrained model in float32" if weight.dtype.itemsize < 4 else ""
    raise CheckpointError(
        f"the merged {key} has values beyond what {_word(weight.dtype)} holds (at most "
        f"{torch.finfo(weight.dtype).max:g}); choose a smaller scale{wider}."
    )


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _some(keys: Mapping[str, str]) -> str:
    listed = list(keys)
    rest = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + rest
