"""Singular value calibration (SVC): directions that several models share are no longer counted several times.

For the r-th singular triplet (u, s, v) of a merged matrix D and each model's matrix D_t, how much of D's answer to u is
in proportion to the model's own is  c_t = <u^T D, u^T D_t> / ||u^T D_t||^2.  The calibrated singular value is s * T /
sum_t max(a, c_t): a direction that two equal models were summed into (c_t = 2) is halved.
"""

import dataclasses
import logging
from collections.abc import Iterable

import torch
from torch import Tensor

from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.processor_options import SvcOptions
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.merging.tensors.tensor_policy import MATRIX, TensorPolicy
from mloss_core.placement import one_thread

_LOG = logging.getLogger(__name__)
_FLAT = 1e-5


def svc(inputs: MergeInputs, options: SvcOptions, rule: MergeRule) -> MergeRule:
    """The rule with the singular values of every merged matrix calibrated; all other tensors stay as they are.

    The update is calibrated before its scale, which stays a factor of its own. A lone model needs no calibration and
    comes back as it would without.
    """
    return dataclasses.replace(rule, tensor=_Svc(inputs, options, rule).tensor)


class _Svc:
    def __init__(self, inputs: MergeInputs, options: SvcOptions, rule: MergeRule) -> None:
        self._inputs, self._rule = inputs, rule
        self._policy, self._floor = TensorPolicy(qkv=options.qkv), options.floor or 1 / len(inputs.finetuned)
        self._told = False

    def tensor(self, key: str) -> MergedTensor:
        """The calibrated update of one tensor."""
        merged, like = self._rule.tensor(key), self._inputs.pretrained[key]
        if self._policy.kind(key, like) != MATRIX or len(self._inputs.finetuned) == 1:
            return merged
        with one_thread():
            pieces = [self._piece(key, merged.update, rows) for rows in self._policy.pieces(key, like)]
        return MergedTensor(torch.cat(pieces).to(merged.update.dtype).cpu(), merged.keep)

    def _piece(self, key: str, update: Tensor, rows: slice) -> Tensor:
        matrix = update[rows].to(self._inputs.device)
        decomposer = Decomposer(matrix.dtype, cache=self._inputs.cache)
        spectrum = decomposer.leading(matrix)
        self._tell_of_ties(key, spectrum.values)
        models = range(len(self._inputs.finetuned))
        deltas = (self._inputs.thinned_vector(model, key)[rows] for model in models)
        return calibrate(matrix, spectrum.left, deltas, self._floor, torch.finfo(matrix.dtype).eps)

    def _tell_of_ties(self, key: str, values: Tensor) -> None:
        """Directions of equal singular values can be turned among themselves, and the calibration turns with them."""
        if not self._told and len(values) > 1 and float(values[0] - values[-1]) <= _FLAT * float(values[0]):
            self._told = True
            _LOG.warning(
                "all singular values of the merged %s are equal, so that its directions are arbitrary: SVC depends on "
                "rounding there. It is meant for merges whose spectrum is not flat.",
                key,
            )


def calibrate(merged: Tensor, left: Tensor, deltas: Iterable[Tensor], floor: float, eps: float) -> Tensor:
    """The merged matrix (m, n) with each singular value multiplied by T / sum_t max(floor, c_t), in float64.

    A model without anything in a direction has no say in it (below max(m, n) * eps of its matrix it is rounding noise);
    where none has, the singular value stays.

    Args:
        merged: (m, n).
        left: its left singular vectors (m, k).
        deltas: one matrix (m, n) a model.
        floor: a, the least that a model's share counts.
        eps: of the precision in which the models' entries are known.
    """
    merged = merged.to(torch.float64)
    answers = left.T @ merged
    shares, voters = answers.new_zeros(len(answers)), answers.new_zeros(len(answers))
    for delta in deltas:
        matrix = delta.to(torch.float64)
        own = left.T @ matrix
        size = own.square().sum(1)
        speaks = size > (max(merged.shape) * eps * matrix.norm()) ** 2
        share = (answers * own).sum(1) / torch.where(speaks, size, 1.0)
        shares += torch.where(speaks, share.clamp(min=floor), 0.0)
        voters += speaks
    factors = torch.where(voters > 0, voters / torch.where(voters > 0, shares, 1.0), 1.0)
    return merged + left @ ((factors - 1).unsqueeze(1) * answers)
