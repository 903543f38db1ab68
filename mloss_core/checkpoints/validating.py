"""Whether a set of weight files can be one zoo: every problem found, cheap checks first, in one report."""

import dataclasses
import statistics
from collections.abc import Mapping

import torch
from torch import Tensor

from mloss_core.state_dicts import state_digest
from mloss_core.types import StateDict

WRONG_BASE_DISTANCE = 0.5
"""Relative distance beyond which a model was not tuned from the base: unrelated weights lie near the root of two."""
_LISTED = 5


@dataclasses.dataclass(frozen=True)
class Validation:
    """What was found in a set of models: `problems` forbid merging, `warnings` do not, `distances` are per model.

    `distances` holds, for each model, the median over the matrices that moved of the distance to the base relative to
    the base's norm; fine-tunes lie far below 1.
    """

    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    distances: Mapping[str, float]

    @property
    def fine(self) -> bool:
        """Whether the set can be merged."""
        return not self.problems


def validate_set(
    base: StateDict | None,
    models: Mapping[str, StateDict],
    *,
    fingerprints: Mapping[str, Mapping[str, str]] | None = None,
    text_may_differ: bool = False,
    far_from_base: bool = False,
) -> Validation:
    """Check models against each other and against their base.

    Args:
        base: the pretrained weights, or None when it was not given.
        models: canonical weights by file name.
        fingerprints: digests of the tensors beside the tower by file name (`base` names the base's own).
        text_may_differ: it is known that tensors beside the tower were trained too, so nothing is said of them.
        far_from_base: a model far from the base is a warning, not a problem.
    """
    reference_name = "the base" if base is not None else next(iter(models), "")
    reference = base if base is not None else models.get(reference_name)
    if reference is None:
        return Validation(("no model was found.",), (), {})
    problems = _structure(reference_name, reference, models)
    if problems:
        return Validation(tuple(problems), (), {})
    everything = {**({"the base": base} if base is not None else {}), **models}
    problems = _finite(everything)
    if problems:
        return Validation(tuple(problems), (), {})
    warnings = [] if base is not None else ["no base was given: methods that need the pretrained model are off."]
    distances: dict[str, float] = {}
    if base is not None:
        moves = {name: _moves(base, state) for name, state in models.items()}
        distances = {name: _typical(moved) for name, moved in moves.items()}
        problems += _unmoved(moves)
        (warnings if far_from_base else problems).extend(_wrong_base(moves))
    if not text_may_differ:
        warnings += _trained_beside(fingerprints or {})
    problems += _duplicates(models)
    return Validation(tuple(problems), tuple(warnings), distances)


def _structure(reference_name: str, reference: StateDict, models: Mapping[str, StateDict]) -> list[str]:
    problems = []
    shapes = {key: tuple(reference[key].shape) for key in reference}
    width = _width(reference)
    for name, state in models.items():
        if _width(state) != width:
            found = f"{name} has width {_width(state)}, {reference_name} has {width}"
            problems.append(f"{found}: all models must share one architecture.")
            continue
        missing, extra = sorted(set(shapes) - set(state)), sorted(set(state) - set(shapes))
        if missing:
            problems.append(f"{name} lacks {_listing(missing)}.")
        if extra:
            problems.append(f"{name} has unexpected {_listing(extra)}.")
        for key in [key for key in shapes if key in state and tuple(state[key].shape) != shapes[key]][:_LISTED]:
            problems.append(f"{name}: {key} is {tuple(state[key].shape)}, in {reference_name} it is {shapes[key]}.")
    return problems


def _width(state: StateDict) -> int | None:
    return state["conv1.weight"].shape[0] if "conv1.weight" in state else None


def _listing(keys: list[str]) -> str:
    rest = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + rest


def _finite(states: Mapping[str, StateDict]) -> list[str]:
    """A sum in float64 screens a tensor; only a hit is scanned."""
    problems = []
    for name, state in states.items():
        for key in state:
            tensor = state[key]
            if tensor.is_floating_point() and not torch.isfinite(tensor.sum(dtype=torch.float64)):
                bad = ~torch.isfinite(tensor)
                if bad.any():
                    problems.append(_not_finite(name, key, tensor, bad))
    return problems


def _not_finite(name: str, key: str, tensor: Tensor, bad: Tensor) -> str:
    kind = "NaN" if torch.isnan(tensor).any() else "infinite"
    first = bad.nonzero()[0].tolist()
    return f"{name}: {key} has {int(bad.sum())} {kind} (first at {first}). The training run diverged."


@dataclasses.dataclass(frozen=True)
class _Moves:
    """How far a model's matrices went, relative to the base's norm, and whether any tensor of it moved at all."""

    matrices: tuple[float, ...]
    any: bool


def _moves(base: StateDict, state: StateDict) -> _Moves:
    matrices = [key for key in base if base[key].ndim == 2] or list(base)
    distances = tuple(_relative(base[key], state[key]) for key in matrices)
    return _Moves(distances, any(distances) or any(not torch.equal(base[key], state[key]) for key in base))


def _relative(base: Tensor, tuned: Tensor) -> float:
    norm = float(base.to(torch.float64).norm())
    return float((tuned.to(torch.float64) - base.to(torch.float64)).norm()) / norm if norm else 0.0


def _typical(moves: _Moves) -> float:
    """Median over the matrices that moved: of a model whose last block alone was trained, those of that block."""
    return statistics.median([distance for distance in moves.matrices if distance] or [0.0])


def _unmoved(moves: Mapping[str, _Moves]) -> list[str]:
    return [
        f"{name} equals the base: it is the pretrained model itself, not a fine-tuned one."
        for name, moved in moves.items()
        if not moved.any
    ]


def _wrong_base(moves: Mapping[str, _Moves]) -> list[str]:
    """Matrices that are the base's own count as evidence for it, so the median is over all of them."""
    problems = []
    for name, moved in moves.items():
        distance = statistics.median(moved.matrices)
        if distance > WRONG_BASE_DISTANCE:
            problems.append(
                f"{name} differs from the base by {distance:.0%} (typical: a few %): it was tuned from another model."
            )
    return problems


def _trained_beside(digests: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Text tower, logit scale or head that differ from the base's: no part of a merge, and no sign of another base."""
    base = digests.get("base", {})
    changed: dict[tuple[str, ...], list[str]] = {}
    for name, found in digests.items():
        keys = tuple(sorted(key for key in base if key in found and found[key] != base[key]))
        if keys:
            changed.setdefault(keys, []).append(name)
    return [
        f"tensors beside the vision tower differ from the base's in {', '.join(names)} ({_listing(list(keys))}): they "
        "were trained too, and are left out of every merge."
        for keys, names in changed.items()
    ]


def _duplicates(models: Mapping[str, StateDict]) -> list[str]:
    problems: list[str] = []
    seen: dict[str, str] = {}
    for name, state in models.items():
        digest = state_digest(state)
        if digest in seen:
            problems.append(f"{name} and {seen[digest]} hold the same weights: one of them was copied.")
        seen.setdefault(digest, name)
    return problems
