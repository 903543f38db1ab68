"""Merging formulas written out entry by entry in plain Python, against which the vectorised code is checked."""

import math

import numpy as np


def trimmed(vector, count):
    """The `count` largest magnitudes of a flat list, the earlier of equal ones first."""
    order = sorted(range(len(vector)), key=lambda place: (-abs(vector[place]), place))
    kept = set(order[:count])
    return [value if place in kept else 0.0 for place, value in enumerate(vector)]


def floor(keep_rate, size):
    return math.floor(round(keep_rate * size, 6))


def trim_tensor(vector, keep_rate):
    flat = vector.reshape(-1).tolist()
    return np.array(trimmed(flat, floor(keep_rate, len(flat)))).reshape(vector.shape)


def trim_rows(vector, rates):
    rows = [trimmed(row.reshape(-1).tolist(), floor(rate, row.size)) for row, rate in zip(vector, rates, strict=True)]
    return np.array(rows).reshape(vector.shape)


def trim_global(vectors, keep_rate):
    """One model's task vectors by key, trimmed together."""
    flat = [value for vector in vectors.values() for value in vector.reshape(-1).tolist()]
    kept = iter(trimmed(flat, floor(keep_rate, len(flat))))
    return {
        key: np.array([next(kept) for _ in range(vector.size)]).reshape(vector.shape) for key, vector in vectors.items()
    }


def elect_entry(values):
    mass = sum(values)
    sign = 1 if mass >= 0 else -1
    agreeing = [value for value in values if value * sign > 0]
    return sum(agreeing) / len(agreeing) if agreeing else 0.0


def elect(vectors):
    stacked = np.stack(vectors)
    flat = stacked.reshape(len(vectors), -1)
    merged = [elect_entry(flat[:, place].tolist()) for place in range(flat.shape[1])]
    return np.array(merged).reshape(stacked.shape[1:])
