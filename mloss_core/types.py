"""Names of types that several rooms share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    StateDict = Mapping[str, Tensor]
else:
    StateDict = Mapping

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Progress(Protocol):
    """A callback told how far the work is. It may raise `JobCancelledError` to stop the work between two steps."""

    def __call__(self, fraction: float, message: str = "") -> None:
        """Report `fraction` in [0, 1] and a short message for a person."""


def silent(fraction: float, message: str = "") -> None:
    """The progress callback that tells nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """A callback for one part of a longer job: its 0..1 is the whole's `start`..`end`."""

    def report(fraction: float, message: str = "") -> None:
        progress(start + (end - start) * fraction, message)

    return report
