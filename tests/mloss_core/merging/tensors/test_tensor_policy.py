import pytest
import torch

from mloss_core.merging.tensors.tensor_policy import INTEGER, MATRIX, VECTOR, TensorPolicy

FUSED = "transformer.resblocks.0.attn.in_proj_weight"


@pytest.mark.parametrize(
    ("key", "tensor", "kind"),
    [
        ("position_ids", torch.arange(6).reshape(2, 3), INTEGER),
        ("visual.proj", torch.zeros(4, 2), MATRIX),
        (FUSED, torch.zeros(6, 2, dtype=torch.float16), MATRIX),
        ("text_projection", torch.zeros(4, 4), VECTOR),
        ("model.text_projection.weight", torch.zeros(4, 4), VECTOR),
        ("conv1.weight", torch.zeros(4, 3, 2, 2), VECTOR),
        ("ln_1.weight", torch.zeros(4), VECTOR),
        ("logit_scale", torch.zeros(()), VECTOR),
        ("empty.weight", torch.zeros(0, 4), VECTOR),
    ],
)
def test_what_is_a_matrix(key, tensor, kind):
    assert TensorPolicy().kind(key, tensor) == kind


def test_methods_may_take_every_matrix():
    assert TensorPolicy(no_matrices=()).kind("text_projection", torch.zeros(4, 4)) == MATRIX


def test_fused_attention_is_one_matrix_or_three():
    fused = torch.zeros(12, 4)
    assert TensorPolicy().pieces(FUSED, fused) == (slice(0, 12),)
    assert TensorPolicy(qkv="split").pieces(FUSED, fused) == (slice(0, 4), slice(4, 8), slice(8, 12))
    assert TensorPolicy(qkv="split").pieces("mlp.c_fc.weight", fused) == (slice(0, 12),)
    assert TensorPolicy(qkv="split").pieces(FUSED, torch.zeros(4, 4)) == (slice(0, 4),)
