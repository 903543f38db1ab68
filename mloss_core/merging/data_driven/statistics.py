"""What images tell the data-driven methods: one interface, so that they need not know where the numbers come from."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.types import Progress, StateDict, silent

"""Of cache entries."""


@dataclasses.dataclass(frozen=True)
class Moments:
    """Second moments of the inputs of some linear maps, which one forward pass gives together.

    Args:
        keys: the maps' weights.
        of: to be asked once for each model: its position -> weight key -> X.T @ X / images of its inputs,
            (inputs, inputs), float64.
    """

    keys: tuple[str, ...]
    of: Callable[[int], Mapping[str, Tensor]]


@dataclasses.dataclass(frozen=True)
class CoefficientSystem:
    """Normal equations of the models' coefficients in one part of the network, node by node.

    The squared difference to the Ensemble changes by d.T @ curvature @ d - 2 d.T @ slope when the coefficients move by
    d from the average.

    Args:
        curvature: (node, model, model), float64.
        slope: (node, model), float64.
        rows: keys of the tensors whose rows are these nodes.
    """

    curvature: Tensor
    slope: Tensor
    rows: tuple[str, ...] = ()


class Statistics(Protocol):
    """Numbers measured on images of the tasks that are merged; every method asks for its own kind."""

    def identity(self, images: int) -> str | None:
        """Digest of all that decides the numbers for so many images of each task; None where it is not known."""

    def input_squares(self, images: int, progress: Progress = silent) -> Mapping[str, Sequence[Tensor]]:
        """Weight key -> for each model, the mean over its task's images of the summed squares of every input."""

    def moments(self, images: int, merged: StateDict | None = None, progress: Progress = silent) -> Iterator[Moments]:
        """Second moments part by part, first to last.

        Args:
            images: of each task.
            merged: None: each model feeds itself. Else weights of the merged network, which feed every part from its
                second on; those of a part are read when the next one is asked for.
            progress: told how far the images are.
        """

    def fisher(self, model: int, images: int, labels: str, progress: Progress = silent) -> Mapping[str, Tensor]:
        """Weight key -> the mean over images of the squared gradient of log p(label)."""

    def coefficient_systems(self, images: int, progress: Progress = silent) -> Mapping[str, CoefficientSystem]:
        """Prefix of the keys of one part of the network -> its normal equations."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenStatistics:
    """Statistics that were measured elsewhere, for plain tensors: whoever has none for a key leaves it out.

    Args:
        squares: weight key -> for each model, sums of squares of the inputs, (inputs,).
        gram: weight key -> for each model, second moments of the inputs, (inputs, inputs).
        information: for each model, weight key -> Fisher information of its entries.
        systems: key prefix -> normal equations of the models' coefficients.
    """

    squares: Mapping[str, Sequence[Tensor]] = dataclasses.field(default_factory=dict)
    gram: Mapping[str, Sequence[Tensor]] = dataclasses.field(default_factory=dict)
    information: Sequence[Mapping[str, Tensor]] = ()
    systems: Mapping[str, CoefficientSystem] = dataclasses.field(default_factory=dict)

    def identity(self, images: int) -> str | None:
        """See `Statistics`."""
        return None

    def input_squares(self, images: int, progress: Progress = silent) -> Mapping[str, Sequence[Tensor]]:
        """See `Statistics`; `images` says nothing here."""
        return self.squares

    def moments(self, images: int, merged: StateDict | None = None, progress: Progress = silent) -> Iterator[Moments]:
        """See `Statistics`; they were measured already, so `merged` changes nothing."""

        def of(model: int) -> Mapping[str, Tensor]:
            return {key: torch.as_tensor(found[model], dtype=torch.float64) for key, found in self.gram.items()}

        yield Moments(tuple(self.gram), of)

    def fisher(self, model: int, images: int, labels: str, progress: Progress = silent) -> Mapping[str, Tensor]:
        """See `Statistics`."""
        return self.information[model] if self.information else {}

    def coefficient_systems(self, images: int, progress: Progress = silent) -> Mapping[str, CoefficientSystem]:
        """See `Statistics`."""
        return self.systems


def inputs_are_rows(key: str) -> bool:
    """Whether a weight's rows stand for its inputs: CLIP stores the last projection so; all others (out, in).

    Example:
        >>> inputs_are_rows("proj"), inputs_are_rows("visual.proj"), inputs_are_rows("mlp.c_proj.weight")
        (True, True, False)
    """
    return key.rsplit(".", 1)[-1] == "proj"


def require(statistics: "Statistics | None", method: str) -> "Statistics":
    """The statistics, or one sentence on how to give them.

    Raises:
        InvalidOptionError: there are none.
    """
    if statistics is None:
        raise InvalidOptionError(
            f"{method} needs statistics of images; on plain tensors give them as "
            "statistics=mloss_core.merging.GivenStatistics(...), or merge a zoo that has datasets."
        )
    return statistics
