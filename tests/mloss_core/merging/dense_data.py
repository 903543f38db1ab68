"""The data-driven methods as their papers write them, in NumPy with inverses and loops."""

import numpy as np


def regmean(deltas, grams, shrink=0.95):
    """Deltas are (outputs, inputs)."""
    shrunk = [np.where(np.eye(len(gram), dtype=bool), gram, shrink * gram) for gram in grams]
    products = sum(gram @ delta.T for gram, delta in zip(shrunk, deltas, strict=True))
    return (np.linalg.inv(sum(shrunk)) @ products).T


def fisher(values, information, norms, floor=1e-6):
    shares = [(each + floor) / (norm + floor) for each, norm in zip(information, norms, strict=True)]
    return sum(share * value for share, value in zip(shares, values, strict=True)) / sum(shares)


def low_rank(matrix, rank):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return left[:, :rank] @ np.diag(values[:rank]) @ right[:rank]


def reduced(matrix, strength, num_iters=10, sparsity=0.1, rank_ratio=0.75, prune_level="row"):
    rows, columns = matrix.shape
    scale = np.sqrt(strength + 1e-8)
    target, sparse = matrix * scale, np.zeros_like(matrix)
    rank = int(rank_ratio * (1 - sparsity) * rows * columns / (rows + columns))
    rank = max(1, min(rank, min(rows, columns) - 1))
    zeroed = 1 - (1 - rank_ratio) * (1 - sparsity)
    for _ in range(num_iters):
        sparse = target - low_rank(target - sparse, rank)
        if prune_level == "row":
            for row in sparse:
                row[np.argsort(np.abs(row), kind="stable")[: int(zeroed * columns)]] = 0
        else:
            flat = sparse.reshape(-1)
            flat[np.argsort(np.abs(flat), kind="stable")[: int(zeroed * rows * columns)]] = 0
    return (low_rank(target - sparse, rank) + sparse) / scale


def iso(matrix):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return values.mean() * left @ right


def iso_iasad(deltas, strengths, center=True, restore_mean=True, **options):
    mean = sum(deltas) / len(deltas) if center else 0
    summed = sum(reduced(delta - mean, d, **options) for delta, d in zip(deltas, strengths, strict=True))
    return iso(summed + len(deltas) * mean if center and restore_mean else summed)
