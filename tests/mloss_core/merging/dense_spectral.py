"""The spectral methods as their papers write them, in NumPy with full SVDs, against which the fast code is checked."""

import numpy as np


def svd(matrix):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return left, values, right.T


def polar(matrix):
    left, _, right = svd(matrix)
    return left @ right.T


def tsv_m(deltas, compression=None, orthogonalise=True):
    count = min(deltas[0].shape) // (compression or len(deltas))
    triplets = [svd(delta) for delta in deltas]
    left = np.hstack([each[0][:, :count] for each in triplets])
    right = np.hstack([each[2][:, :count] for each in triplets])
    strengths = np.diag(np.hstack([each[1][:count] for each in triplets]))
    return polar(left) @ strengths @ polar(right).T if orthogonalise else left @ strengths @ right.T


def iso_c(deltas, beta=1.0):
    left, values, right = svd(sum(deltas))
    spectrum = (1 - beta) * values + beta * values.mean()
    return left @ np.diag(spectrum) @ right.T


def iso_cts(deltas, common_fraction=0.8):
    rank = min(deltas[0].shape)
    own = min(round((rank - int(common_fraction * rank)) / len(deltas)), rank // len(deltas))
    common = rank - own * len(deltas)
    left, values, right = svd(sum(deltas))
    lefts, strengths, rights = [left[:, :common]], [values[:common]], [right[:, :common]]
    for delta in deltas:
        beside = delta - lefts[0] @ lefts[0].T @ delta
        own_left, own_values, own_right = svd(beside)
        lefts.append(own_left[:, :own])
        strengths.append(own_values[:own])
        rights.append(own_right[:, :own])
    strength = np.hstack(strengths).sum() / rank
    return strength * polar(np.hstack(lefts)) @ polar(np.hstack(rights)).T
