"""Sparsifiers as data: what thins a task vector, and how much of it stays."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Trim:
    """Keep the floor(keep_rate * N) largest magnitudes of a task vector; of equal ones the earlier stays.

    Args:
        keep_rate: fraction in [0, 1].
        scope: what N counts: `global` (a model's whole task vector), `tensor`, or `row` (each row of a matrix; tensors
            without rows count as one).
        domain: for the global scope: `moving` leaves out tensors that no model changed, `all` counts them.
    """

    keep_rate: float
    scope: str = "tensor"
    domain: str = "moving"


@dataclasses.dataclass(frozen=True)
class Drop:
    """Keep each entry with probability `keep_rate`, divided by it, so that the expectation stays."""

    keep_rate: float


@dataclasses.dataclass(frozen=True)
class Outliers:
    """Zero the floor(rate * N) largest magnitudes; of equal ones the earlier go first.

    Args:
        rate: fraction in [0, 1].
        scope: what N counts: `tensor` or `row`.
    """

    rate: float
    scope: str = "tensor"

    @property
    def keep_rate(self) -> float:
        """What stays."""
        return 1 - self.rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowGuide:
    """Row-wise keep rates from M-Loss, for the weights whose nodes were scored.

    Args:
        keep_rate, span, ranking, schedule: see `mloss_core.merging.sparsifiers.keep_rates.keep_rate_profile`.
        rule: `magnitude` trims each row to its keep rate, `bernoulli` drops at random with it and rescales.
    """

    keep_rate: float
    span: float
    ranking: str
    schedule: str
    rule: str = "magnitude"
