"""A tower's weights fit each other, or each relation that does not hold is named."""

import pytest

from mloss_core.vision.shapes import shape_problems
from tests.checkpoint_files import visual

BLOCK = "transformer.resblocks.1."


def _shapes(**changes):
    shapes = {key: tuple(value.shape) for key, value in visual().state_dict().items()}
    return shapes | changes


def test_a_tower_that_runs_has_no_problem():
    assert shape_problems(_shapes()) == []


@pytest.mark.parametrize(
    ("key", "shape", "words"),
    [
        ("positional_embedding", (7, 16), "a square grid of patches; it has 7 rows"),
        ("positional_embedding", (4, 16), "the class token's row is missing"),
        ("positional_embedding", (5, 8), r"positional_embedding must be \(tokens, 16\)"),
        ("positional_embedding", (1, 16), "it has 1 rows"),
        ("conv1.weight", (16, 1, 8, 8), "3 channels; conv1.weight takes 1"),
        ("conv1.weight", (16, 3, 8, 4), "patches of 8 x 4"),
        ("class_embedding", (8,), r"class_embedding must be \(16,\)"),
        ("proj", (8, 16), r"proj must be \(16, 16\)"),
        ("ln_post.bias", (8,), "ln_post.bias"),
        (BLOCK + "mlp.c_fc.weight", (50, 16), r"c_fc.weight must be \(64, 16\) .*; it is \(50, 16\)"),
        (BLOCK + "mlp.c_proj.weight", (16, 50), "c_proj.weight"),
        (BLOCK + "mlp.c_fc.bias", (64, 1), "c_fc.bias"),
        (BLOCK + "attn.in_proj_weight", (16, 48), "in_proj_weight"),
        (BLOCK + "attn.in_proj_bias", (16,), "in_proj_bias"),
        (BLOCK + "attn.out_proj.weight", (16, 8), "out_proj.weight"),
        (BLOCK + "ln_1.weight", (), "ln_1.weight"),
    ],
)
def test_each_relation_is_judged(key, shape, words):
    problems = shape_problems(_shapes(**{key: shape}))
    assert len(problems) == 1
    with pytest.raises(ValueError, match=words):
        raise ValueError(problems[0])


def test_what_is_missing_is_not_judged():
    assert shape_problems({"conv1.weight": (16, 3, 8, 8)}) == []
    assert "it is ()" in shape_problems({})[0]
