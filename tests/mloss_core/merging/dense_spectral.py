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


def tsv_c(delta, models):
    left, values, right = svd(delta)
    count = min(delta.shape) // models
    return left[:, :count] @ np.diag(values[:count]) @ right[:, :count].T


def wudi_loss(merged, deltas):
    return sum(
        np.linalg.norm((merged - delta) @ delta.T) ** 2 / np.linalg.norm(delta) ** 2
        for delta in deltas
        if np.linalg.norm(delta)
    )


def wudi(deltas, steps=300, learning_rate=1e-5):
    """As the published code: automatic differentiation of the loss, and torch's own Adam."""
    import torch

    each = torch.as_tensor(np.stack(deltas))
    merged = torch.nn.Parameter(each.sum(0))
    adam = torch.optim.Adam([merged], lr=learning_rate)
    norms = each.flatten(1).square().sum(1)
    with torch.enable_grad():
        for _ in range(steps):
            product = (merged - each) @ each.transpose(1, 2)
            loss = (product.square() / norms[:, None, None]).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
    return merged.detach().numpy()


def svc(merged, deltas, floor=None):
    left, values, right = svd(merged)
    floor = 1 / len(deltas) if floor is None else floor
    calibrated = np.zeros_like(values)
    for place, direction in enumerate(left.T):
        answer, shares = direction @ merged, []
        for delta in deltas:
            own = direction @ delta
            shares.append(max(floor, answer @ own / (own @ own)))
        calibrated[place] = values[place] * len(deltas) / sum(shares)
    return left @ np.diag(calibrated) @ right.T
