"""WUDI: an update whose difference from each task vector lies where that task vector has nothing, matrix by matrix.

It minimises  sum_t ||(X - D_t) D_t^T||^2 / ||D_t||^2  over X, for the matrices D_t of the task vectors. The rows of D_t
span what its layer's inputs excited while it was trained, so no data is needed. With M = sum_t D_t^T D_t / ||D_t||^2
and B = sum_t D_t D_t^T D_t / ||D_t||^2 the gradient is 2 (X M - B): one product of matrices a step.
"""

import torch
from torch import Tensor

from mloss_core.merging.inputs import MergeInputs, MergeRule
from mloss_core.merging.spectral.options import WudiOptions
from mloss_core.merging.spectral.tsv_iso import Deltas, matrix_rule
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.types import Progress, silent

_BETAS, _EPS = (0.9, 0.999), 1e-8
"""Adam's defaults, which the published code leaves as they are."""


def wudi(inputs: MergeInputs, options: WudiOptions, progress: Progress = silent) -> MergeRule:
    """Make WUDI merging ready. Deterministic: nothing is drawn, and sums are done on one thread."""

    def merged(deltas: Deltas, decomposer: Decomposer, shape: torch.Size) -> Tensor:
        return merge_without_interference(deltas, options)

    return matrix_rule(inputs, options, merged, exact=True)


def merge_without_interference(deltas: Deltas, options: WudiOptions) -> Tensor:
    """The merged matrix (m, n): the early-stopped iterate of Adam, or the minimum."""
    start = deltas.total()
    gram, target = start.new_zeros(start.shape[1], start.shape[1]), torch.zeros_like(start)
    moved, precision = 0, torch.float32
    for delta in deltas:
        precision = torch.promote_types(precision, delta.dtype)
        matrix = delta.to(torch.float64)
        size = float(matrix.square().sum())
        if size == 0:
            continue
        own = matrix.T @ matrix / size
        gram, target, moved = gram + own, target + matrix @ own, moved + 1
    # A lone task vector is its own minimum: steps from there would follow rounding errors alone.
    if moved < 2:
        return start
    if options.solver == "least_squares":
        return least_squares(gram, target, options.ridge)
    steps, rate = options.steps, options.learning_rate
    return adam(start.to(precision), gram.to(precision), target.to(precision), steps, rate)


def least_squares(gram: Tensor, target: Tensor, ridge: float) -> Tensor:
    """X of  X (gram + ridge * mean(diag gram) I) = target:  gram (n, n), target (m, n)."""
    raised = gram + ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return torch.cholesky_solve(target.T, torch.linalg.cholesky(raised)).T


def adam(matrix: Tensor, gram: Tensor, target: Tensor, steps: int, learning_rate: float) -> Tensor:
    """`steps` steps of Adam from `matrix` (m, n) along the gradient 2 (X gram - target)."""
    first, second = torch.zeros_like(matrix), torch.zeros_like(matrix)
    for step in range(1, steps + 1):
        slope = 2 * (matrix @ gram - target)
        first = _BETAS[0] * first + (1 - _BETAS[0]) * slope
        second = _BETAS[1] * second + (1 - _BETAS[1]) * slope.square()
        mean, size = first / (1 - _BETAS[0] ** step), (second / (1 - _BETAS[1] ** step)).sqrt()
        matrix = matrix - learning_rate * mean / (size + _EPS)
    return matrix
