"""What a merging method is given and what it gives back."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.errors import CheckpointError
from mloss_core.merging.sparsifiers.row_guides import ScoredRows, scored_rows
from mloss_core.merging.sparsifiers.sparsify import count_rows, drop, mask_generator
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide
from mloss_core.placement import one_thread, resident
from mloss_core.state_dicts import moving_keys, task_vector, tensor_digest
from mloss_core.types import StateDict

if TYPE_CHECKING:
    from mloss_core.merging.data_driven.statistics import Statistics


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergeInputs:
    """The models of a merge, perhaps read lazily.

    Args:
        pretrained: the common ancestor.
        finetuned: the models, in order.
        names: their names, for messages.
        scores: M-Loss of the rows of the weights that a guide prunes, by state-dict key.
        pre: sparsifiers that go before the method's own.
        seed: keys random masks.
        device: where the sums are done.
        cache: where methods may keep what is dear to compute; None for nowhere.
        moving: keys of the tensors that at least one model changed.
        statistics: of images, for methods that need them.
        threads: tensors that may be worked on at once, where the weights may be read from several threads.
    """

    pretrained: StateDict
    finetuned: tuple[StateDict, ...]
    names: tuple[str, ...]
    scores: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)
    pre: tuple[Drop | RowGuide, ...] = ()
    seed: int = 0
    device: torch.device | str = "cpu"
    cache: Cache | None = None
    moving: tuple[str, ...] = ()
    statistics: "Statistics | None" = None
    threads: int = 1
    _digests: dict[tuple[int, str], str] = dataclasses.field(default_factory=dict, init=False, repr=False)
    _finite: set[tuple[int, str]] = dataclasses.field(default_factory=set, init=False, repr=False, compare=False)
    """Task vectors that were looked at already: some methods read them several times."""

    def with_moving_keys(self) -> "MergeInputs":
        """The same with `moving` found out, which reads every tensor once."""
        return dataclasses.replace(self, moving=moving_keys(self.pretrained, self.finetuned))

    @property
    def models(self) -> range:
        """Positions of the models."""
        return range(len(self.finetuned))

    def alone(self, keeps_all: bool = True) -> StateDict | None:
        """The weights of a single model that nothing prunes, which a merge gives back without rounding; else None.

        Args:
            keeps_all: whether the method drops nothing of a task vector and changes nothing in it.
        """
        return self.finetuned[0] if keeps_all and len(self.finetuned) == 1 and not self.pre else None

    def counted(self, key: str) -> "CountedVectors":
        """The models' task vectors of one tensor after the pre-processors; what is nonzero in them is counted."""
        return CountedVectors(self, key)

    def precision(self, keys: Iterable[str]) -> torch.dtype:
        """In what the task vectors of all models are computed without loss: float32, or float64 where any is."""
        listed, widest = list(keys), torch.float32
        for model in self.models:
            widest = torch.promote_types(widest, self.dtype(model, listed))
        return widest

    def dtype(self, model: int, keys: Iterable[str]) -> torch.dtype:
        """In what the task vectors of these tensors are all computed without loss: float32 or float64."""
        widest = torch.float32
        for key in keys:
            for state in (self.pretrained, self.finetuned[model]):
                widest = torch.promote_types(widest, state[key].dtype)
        return widest

    def task_vector(self, model: int, key: str) -> Tensor:
        """`finetuned - pretrained` of one model and tensor, on the device, float32 (float64 stays).

        Raises:
            CheckpointError: weights that are not finite.
        """
        device = torch.device(self.device)
        base, tuned = (resident(state, key, device) for state in (self.pretrained, self.finetuned[model]))
        if base is None or tuned is None:
            vector = task_vector(self.pretrained, self.finetuned[model], key).detach().to(device)
        else:
            vector = tuned - base
        self._check_finite(model, key, vector)
        return vector

    def check_finite(self, key: str, vectors: Tensor) -> None:
        """Refuse task vectors of all models, or a part of them, that are not finite, unless they were looked at.

        Raises:
            CheckpointError: they are not.
        """
        if all((model, key) in self._finite for model in self.models) or math.isfinite(float(vectors.sum())):
            return
        for model in self.models:
            self.task_vector(model, key)

    def note_finite(self, key: str) -> None:
        """Remember that the task vectors of a tensor are finite."""
        self._finite.update((model, key) for model in self.models)

    def _check_finite(self, model: int, key: str, vector: Tensor) -> None:
        # The sum shows every NaN and infinity and costs less than a look at each entry; overflow is told apart after.
        seen = (model, key) in self._finite
        if not seen and not math.isfinite(float(vector.sum())) and not bool(torch.isfinite(vector).all()):
            raise CheckpointError(
                f"weights must be finite; {key} of {self.names[model]} or of the pretrained model holds NaN or "
                "infinity, or they are too far apart. Look for a damaged or diverged checkpoint."
            )
        self._finite.add((model, key))

    def thinned_vector(self, model: int, key: str) -> Tensor:
        """The task vector after the pre-processors."""
        vector = self.task_vector(model, key)
        for position, step in enumerate(self.pre):
            draw = functools.partial(self.generator, model, key, position)
            if isinstance(step, Drop):
                vector = drop(vector, step.keep_rate, draw())
            elif key in self._guided[position]:
                vector = self._guided[position][key].apply(vector, draw)
        return vector

    def generator(self, model: int, key: str, position: int = 0) -> torch.Generator:
        """Of one model's random mask: keyed by (seed, tensor name, digest of the model's tensor).

        Args:
            position: place in a chain of random drops.
        """
        if (model, key) not in self._digests:
            self._digests[model, key] = tensor_digest(self.finetuned[model][key])
        extra = (position,) if position else ()
        return mask_generator(self.seed, key, self._digests[model, key], *extra)

    @functools.cached_property
    def _guided(self) -> tuple[Mapping[str, ScoredRows], ...]:
        """For each pre-processor what it does to the scored weights, nothing where M-Loss does not guide it."""
        return tuple(
            scored_rows(self.pretrained, self.scores, step, self.seed) if isinstance(step, RowGuide) else {}
            for step in self.pre
        )


class CountedVectors:
    """The task vectors of one tensor, read one model at a time as often as wanted.

    Args:
        inputs: of the merge.
        key: the tensor's name.
        read: gives one model's vector instead of `inputs.thinned_vector`.
    """

    def __init__(self, inputs: MergeInputs, key: str, read: "Callable[[int, str], Tensor] | None" = None) -> None:
        self._inputs, self._key, self._read = inputs, key, read or inputs.thinned_vector
        self._nonzero: dict[int, int] = {}

    def __getitem__(self, model: int) -> Tensor:
        vector = self._read(model, self._key)
        self._nonzero[model] = int(count_rows((vector != 0).reshape(1, -1)))
        return vector

    def __iter__(self) -> Iterator[Tensor]:
        return map(self.__getitem__, self._inputs.models)

    @property
    def share(self) -> float:
        """Fraction of the entries of all models that was nonzero, as far as they were read."""
        size = self._inputs.pretrained[self._key].numel()
        return sum(self._nonzero.values()) / max(size * len(self._inputs.finetuned), 1)


@dataclasses.dataclass(frozen=True)
class MergedTensor:
    """One tensor of a merged update before its scale, and the nonzero fraction of the sparsified task vectors."""

    update: Tensor
    keep: float

    @classmethod
    def of(cls, update: Tensor, vectors: CountedVectors) -> "MergedTensor":
        """The update on the CPU, with what was kept of the task vectors that it came from."""
        return cls(update.cpu(), vectors.share)

    @classmethod
    def selected(cls, update: Tensor, stays: Tensor) -> "MergedTensor":
        """The update where a mask is true, 0 elsewhere; the share of the mask is what was kept."""
        share = int(torch.count_nonzero(stays)) / max(stays.numel(), 1)
        return cls(torch.where(stays, update, 0.0).cpu(), share)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergeRule:
    """A merge made ready: every tensor can now be had on its own, any number of times, in any order.

    Args:
        tensor: key of a moving tensor -> its merged update.
        scale: factor of the update.
        exact: the merged weights at scale 1 where they are known without rounding (a single model that nothing prunes);
            it may hold some tensors alone.
        single_thread: `tensor` runs on one CPU thread, as LAPACK's last bits change with their number.
        at_once: whether several tensors may be asked for at once, from threads of their own.
        identity: key -> digest of all that this tensor's update depends on beside the models: rules that say the same
            of a key give the same update (`mloss_core.merging.tensor_memo`). None where nobody can tell.
    """

    tensor: Callable[[str], MergedTensor]
    scale: float = 1.0
    exact: StateDict | None = None
    single_thread: bool = False
    at_once: bool = False
    identity: Callable[[str], str] | None = None

    def __post_init__(self) -> None:
        if self.single_thread:
            object.__setattr__(self, "tensor", _on_one_thread(self.tensor))


def _on_one_thread(tensor: Callable[[str], MergedTensor]) -> Callable[[str], MergedTensor]:
    @functools.wraps(tensor)
    def alone(key: str) -> MergedTensor:
        with one_thread():
            return tensor(key)

    return alone


@dataclasses.dataclass(frozen=True)
class PerTaskRule:
    """What a method with one model a task makes ready.

    Args:
        rules: one for each model that was merged, in their order.
        masks: for each of them, key of a moving tensor -> where the task takes the shared update; none where the models
            share no update.
    """

    rules: tuple[MergeRule, ...]
    masks: tuple[Callable[[str], Tensor], ...] = ()
