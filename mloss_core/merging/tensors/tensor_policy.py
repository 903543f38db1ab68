"""Which tensors a method treats as matrices: decided once, for every method that decomposes weights."""

import dataclasses

from torch import Tensor

from mloss_core.state_dicts import is_merged_tensor

INTEGER, MATRIX, VECTOR = "integer", "matrix", "vector"
_FUSED_QKV = "in_proj_weight"
_NO_MATRICES = ("text_projection",)


@dataclasses.dataclass(frozen=True)
class TensorPolicy:
    """How the tensors of a model are told apart.

    Args:
        qkv: `as_stored` takes a fused attention weight (query, key and value stacked) as one matrix, `split` takes it
            as three. Layouts that store three matrices are the same under both.
        no_matrices: a key that contains one of these is never a matrix, whatever its shape.
    """

    qkv: str = "as_stored"
    no_matrices: tuple[str, ...] = _NO_MATRICES

    def kind(self, key: str, tensor: Tensor) -> str:
        """`integer` (copied, never merged), `matrix` (two axes), or `vector`: every other float, convolutions too."""
        if not is_merged_tensor(tensor):
            return INTEGER
        excluded = any(part in key for part in self.no_matrices)
        return MATRIX if tensor.ndim == 2 and tensor.numel() and not excluded else VECTOR

    def pieces(self, key: str, tensor: Tensor) -> tuple[slice, ...]:
        """The rows of a matrix that are decomposed together: all of them, or the three of a fused attention weight.

        Example:
            >>> TensorPolicy(qkv="split").pieces("attn.in_proj_weight", torch.zeros(6, 2))
            (slice(0, 2, None), slice(2, 4, None), slice(4, 6, None))
        """
        rows = tensor.shape[0]
        if self.qkv == "split" and key.endswith(_FUSED_QKV) and rows % 3 == 0:
            return tuple(slice(start, start + rows // 3) for start in range(0, rows, rows // 3))
        return (slice(0, rows),)
