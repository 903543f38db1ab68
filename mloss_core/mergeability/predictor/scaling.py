"""Numbers that a fit is given: metrics between -1 and 1, the target standardised; both by the training rows alone."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scaler:
    """How metrics and target of one fit are scaled.

    Args:
        low, span: of each column over training rows, float (column,); the span of a constant column counts as 1.
        fill: its median, for cells that are missing.
        indicator: places of columns that get a second column: 1 where the value was missing, else 0.
        centre, scale: mean and standard deviation (ddof 0) of the target; a constant target has scale 1.
    """

    low: np.ndarray
    span: np.ndarray
    fill: np.ndarray
    indicator: np.ndarray
    centre: float
    scale: float

    def columns(self, values: np.ndarray) -> np.ndarray:
        """Scaled metrics, (row, column) -> (row, column + indicators). 2 (x - low) / span - 1; NaN becomes the median.

        Values outside the training range leave [-1, 1].
        """
        missing = np.isnan(values)
        scaled = 2 * (np.where(missing, self.fill, values) - self.low) / self.span - 1
        return np.concatenate([scaled, missing[:, self.indicator].astype(float)], axis=1)

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Which values leave the training range, (row, column) -> bool; a rounding error does not count."""
        scaled = 2 * (values - self.low) / self.span - 1
        return np.abs(scaled) > 1 + 1e-9

    def target(self, values: np.ndarray) -> np.ndarray:
        """Standardised target."""
        return (values - self.centre) / self.scale

    def units(self, standardised: np.ndarray) -> np.ndarray:
        """A standardised prediction in the target's own unit."""
        return self.centre + self.scale * standardised


def fit_scaler(metrics: np.ndarray, target: np.ndarray, indicator: np.ndarray | None = None) -> Scaler:
    """The scaling of training rows.

    Args:
        metrics: (row, column); NaN where a value is missing.
        target: (row,).
        indicator: places of columns with an indicator of missing values; none by default.
    """
    known = np.where(np.isnan(metrics).all(axis=0), 0.0, metrics)
    low, high = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
    spread = float(target.std())
    return Scaler(
        low=low,
        span=np.where(high > low, high - low, 1.0),
        fill=medians(metrics),
        indicator=np.array([], dtype=int) if indicator is None else indicator,
        centre=float(target.mean()),
        scale=spread if spread > 0 else 1.0,
    )


def medians(values: np.ndarray) -> np.ndarray:
    """Median of what is there in each column; 0 for a column without a value."""
    if not np.isnan(values).any():
        return np.median(values, axis=0)
    return np.nanmedian(np.where(np.isnan(values).all(axis=0), 0.0, values), axis=0)
