"""ACTMat: RegMean without data, as a task vector itself tells which inputs its layer was trained on.

RegMean's matrix is (sum_t D_t C_t)(sum_t C_t)^+ with the input covariances C_t. The rows of D_t are combinations of its
layer's inputs, so D_t^T D_t stands in for C_t:  D = (sum_t D_t D_t^T D_t)(sum_t D_t^T D_t)^+.
"""

import dataclasses
from typing import TYPE_CHECKING

from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.spectral.options import MatrixOptions
from mloss_core.options import option
from mloss_core.types import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

    from mloss_core.merging.inputs import MergeInputs, MergeRule
    from mloss_core.merging.spectral.tsv_iso import Deltas


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActMatOptions(MatrixOptions):
    """The linear maps that are closest to each model's on the inputs that its own task vector tells of."""

    cutoff: float = option(
        1e-4,
        label="Cut-off",
        minimum=0.0,
        maximum=0.1,
        step=1e-5,
        advanced=True,
        help="Directions of the summed D^T D whose eigenvalue is below this share of the largest are left out. Where "
        "models times outputs is about the number of inputs (four models for the second matrix of an MLP), some are "
        "only just spanned and the inverse makes much of nothing: without a cut-off such a merge is destroyed.",
    )
    ridge: float = option(
        0.0,
        label="Ridge",
        minimum=0.0,
        maximum=1.0,
        step=1e-6,
        advanced=True,
        help="Added to every eigenvalue, as a share of their mean; it shrinks the update along weak directions.",
    )


def actmat(inputs: "MergeInputs", options: ActMatOptions, progress: Progress = silent) -> "MergeRule":
    """Make ACTMat ready. Matrices are merged in float64 on one thread; nothing is drawn."""
    from mloss_core.merging.spectral.tsv_iso import matrix_rule

    def merged(deltas: "Deltas", decomposer: object, shape: object) -> "Tensor":
        return merge_by_own_moments(deltas, options)

    return matrix_rule(inputs, options, merged, exact=options.ridge == 0)


def merge_by_own_moments(deltas: "Deltas", options: ActMatOptions) -> "Tensor":
    """The merged matrix (m, n), float64; 0 where no model moved."""
    import torch

    total = deltas.total()
    moments, target = total.new_zeros(total.shape[1], total.shape[1]), torch.zeros_like(total)
    moved = 0
    for delta in deltas:
        matrix = delta.to(torch.float64)
        gram = matrix.T @ matrix
        moments, target = moments + gram, target + matrix @ gram
        moved += bool(matrix.any())
    # A lone task vector is its own answer, and without rounding.
    if moved < 2 and options.ridge == 0:
        return total
    values, directions = torch.linalg.eigh(moments)
    largest = values[-1]
    if not largest > 0:
        return total
    raised = values + options.ridge * values.clamp(min=0).mean()
    inverse = torch.where(values > options.cutoff * largest, 1 / raised, 0.0)
    return (target @ directions * inverse) @ directions.T


METHOD = Method(
    name="actmat",
    title="ACTMat",
    family="Spectral",
    options_type=ActMatOptions,
    target="mloss_core.merging.spectral.actmat:actmat",
    paper_url="https://arxiv.org/abs/2604.01329",
    summary="RegMean that reads each layer's inputs off the task vectors instead of images.",
    identity={},
    card=MethodCard(
        idea="Finds the matrices whose outputs are closest to each model's on the inputs that it was trained on. It "
        "needs no images, because what a gradient adds to a weight row is a sum of inputs.",
        formula=r"D = \Big(\sum_i D_i D_i^\top D_i\Big)\Big(\sum_i D_i^\top D_i\Big)^{+}",
        data="None; validation images to choose the scale.",
        cost="One symmetric eigen-decomposition a matrix, of the size of its inputs; two reads of every weight.",
        faults=(
            "Where the models' task vectors together only just span a matrix's inputs (four models, for an MLP four "
            "times as wide as its output), the pseudo-inverse blows up: with the first four models of demo20 test "
            "accuracy is 10.8 % at a cut-off of 1e-10 and 92.3 % at ours, 1e-4. With two, three, five and eight models "
            "the cut-off moves it by at most 0.3 points.",
            "It is WUDI's least-squares solution without the weights 1/|D_i|^2: two names for nearly one rule.",
        ),
    ),
)
