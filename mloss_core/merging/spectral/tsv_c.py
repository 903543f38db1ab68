"""TSV-C: every task stores the leading singular directions of its own task vector, and all else as it is."""

import logging
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule, PerTaskRule
from mloss_core.merging.spectral.options import TsvCOptions
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.merging.tensors.tensor_policy import MATRIX, TensorPolicy
from mloss_core.types import Progress, StateDict, silent

_LOG = logging.getLogger(__name__)


def tsv_c(inputs: MergeInputs, options: TsvCOptions, progress: Progress = silent) -> PerTaskRule:
    """Make TSV-C ready: floor(r / T) directions of each matrix of rank r, for each of T tasks.

    The realised keep of a matrix is what its directions take to store over its entries. A matrix with fewer directions
    than there are tasks to share them has none to give: it is kept whole, with a warning.
    """
    compressed = _Compressed(inputs, options)
    return PerTaskRule(tuple(compressed.rule(model) for model in range(len(inputs.finetuned))))


class _Compressed:
    """The task vectors with every matrix cut to its leading singular directions."""

    def __init__(self, inputs: MergeInputs, options: TsvCOptions) -> None:
        self._inputs, self._options = inputs, options
        self._share = options.compression or len(inputs.finetuned)
        # The published method cuts every tensor of two axes, text projections too.
        self._policy = TensorPolicy(qkv=options.qkv, no_matrices=())
        self._warn()

    def rule(self, model: int) -> MergeRule:
        """One task's model; tensors that are stored whole come back to the last bit."""
        whole = None if self._inputs.pre else _Whole(self._inputs.finetuned[model], self._cut)
        return MergeRule(tensor=lambda key: self._tensor(model, key), exact=whole, single_thread=True)

    def _cut(self, key: str) -> bool:
        """Whether a tensor loses anything."""
        like = self._inputs.pretrained[key]
        return self._share > 1 and self._policy.kind(key, like) == MATRIX and self._count(key, like) > 0

    def _count(self, key: str, like: Tensor) -> int:
        return min(min(rows.stop - rows.start, like.shape[1]) for rows in self._policy.pieces(key, like)) // self._share

    def _tensor(self, model: int, key: str) -> MergedTensor:
        vector = self._inputs.thinned_vector(model, key)
        if not self._cut(key):
            return MergedTensor(vector.cpu(), int(torch.count_nonzero(vector)) / max(vector.numel(), 1))
        stored, pieces = 0, []
        decomposer = Decomposer(vector.dtype, self._options.rank, self._inputs.cache)
        for rows in self._policy.pieces(key, vector):
            spectrum = decomposer.leading(vector[rows], self._count(key, vector))
            pieces.append((spectrum.left * spectrum.values) @ spectrum.right.T)
            stored += len(spectrum.values) * sum(vector[rows].shape)
        return MergedTensor(torch.cat(pieces).to(vector.dtype).cpu(), min(1.0, stored / vector.numel()))

    def _warn(self) -> None:
        for key in self._inputs.moving if self._share > 1 else ():
            like = self._inputs.pretrained[key]
            if self._policy.kind(key, like) == MATRIX and self._count(key, like) == 0:
                _LOG.warning(
                    "%s, %s, has fewer directions than there are models to share them: every task keeps it whole.",
                    key,
                    tuple(like.shape),
                )


class _Whole(Mapping[str, Tensor]):
    """The tensors of a model that lose nothing."""

    def __init__(self, state: StateDict, cut: Callable[[str], bool]) -> None:
        self._state, self._cut = state, cut

    def __getitem__(self, key: str) -> Tensor:
        if key not in self:
            raise KeyError(key)
        return self._state[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._state if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._state and not self._cut(key)
