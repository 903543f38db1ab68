"""A layer small enough to see whole: rows of two or three models, the M-Loss of each node, and what is trimmed."""

from dataclasses import dataclass

import numpy as np

from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from mloss_core.mloss.theory import expected_mloss

ROWS, COLUMNS, MOST_MODELS = 6, 10, 3
_MOVED = (0.35, 0.9, 0.2, 0.55, 1.2, 0.28)
"""How far the fine-tunes moved each row, in units of the row's own length: some hardly, some a lot."""
_SEED = 11
_SLACK = 1e-9


@dataclass(frozen=True)
class Layer:
    """A tiny layer after merging guided by M-Loss.

    Args:
        vectors: task vectors, (model, row, column).
        kept: the entries that stay, same shape.
        mloss: of each node before trimming, (row,); `trimmed_mloss` of the trimmed models.
        rates: keep rate of each row, fractions.
        angles: mean angle between two models' rows, degrees, (row,).
    """

    vectors: np.ndarray
    kept: np.ndarray
    mloss: np.ndarray
    trimmed_mloss: np.ndarray
    rates: np.ndarray
    angles: np.ndarray

    @property
    def ranks(self) -> np.ndarray:
        """Place of each node from the least (1) to the most conflicted one."""
        places = np.empty(ROWS, dtype=int)
        places[np.argsort(self.mloss, kind="stable")] = np.arange(1, ROWS + 1)
        return places

    @property
    def counts(self) -> np.ndarray:
        """Entries of each row that every model keeps."""
        return self.kept[0].sum(axis=1)

    @property
    def kept_energy(self) -> float:
        """Fraction of the task vectors' squared length that survives."""
        return float((self.vectors**2 * self.kept).sum() / (self.vectors**2).sum())


def layer_of(models: int, activation: str, keep_rate: float, span: float) -> Layer:
    """The tiny layer of `models` fine-tunes, with keep rates k - e * rank and every row trimmed to its own."""
    pretrained, vectors = _weights(models)
    mloss = node_mloss(pretrained + vectors, activation)
    rates = keep_rate_profile(mloss, keep_rate, span)
    kept = trimmed(vectors, rates)
    after = node_mloss(pretrained + vectors * kept, activation)
    return Layer(vectors, kept, mloss, after, rates, row_angles(pretrained + vectors))


def node_mloss(weights: np.ndarray, activation: str) -> np.ndarray:
    """Closed form from the rows alone, for whitened inputs: row i of every model makes node i. (row,)"""
    zero = np.zeros(len(weights))
    return np.array([expected_mloss(zero, rows @ rows.T, activation=activation) for rows in weights.swapaxes(0, 1)])


def row_angles(weights: np.ndarray) -> np.ndarray:
    """Mean angle between two models' rows, degrees. (model, row, column) -> (row,)"""
    unit = weights / np.linalg.norm(weights, axis=2, keepdims=True)
    cosines = np.einsum("mrc,nrc->rmn", unit, unit).clip(-1, 1)
    first, second = np.triu_indices(len(weights), 1)
    return np.degrees(np.arccos(cosines[:, first, second])).mean(axis=1)


def trimmed(vectors: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Which entries stay: in every row of every model its floor(rate * columns) largest magnitudes."""
    counts = np.floor(rates * vectors.shape[2] + _SLACK).astype(int)
    order = np.argsort(-np.abs(vectors), axis=2, kind="stable")
    places = np.argsort(order, axis=2, kind="stable")
    return places < counts[None, :, None]


def _weights(models: int) -> tuple[np.ndarray, np.ndarray]:
    """Pretrained rows of length one, and the task vectors of the first `models` fine-tunes."""
    noise = np.random.default_rng(_SEED)
    pretrained = noise.standard_normal((ROWS, COLUMNS))
    pretrained /= np.linalg.norm(pretrained, axis=1, keepdims=True)
    vectors = noise.laplace(size=(MOST_MODELS, ROWS, COLUMNS))
    vectors *= np.array(_MOVED)[:, None] / np.linalg.norm(vectors, axis=2, keepdims=True)
    return pretrained, vectors[:models]
