import pytest
import torch

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.mloss import node_mloss
from mloss_core.mloss.node import difference, image_sums
from mloss_core.vision.towers import activation_function

ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "leaky_relu")


def _draw(models: int = 3, tokens: int = 50, nodes: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(models, tokens, nodes, generator=torch.Generator().manual_seed(seed))


def test_by_hand_two_models_three_tokens():
    """ReLU of the mean against the mean of ReLUs: gaps 1, 0 and 0.5, so the mean square is 1.25 / 3."""
    z = torch.tensor([[[2.0], [1.0], [-1.0]], [[-2.0], [3.0], [1.0]]])
    assert node_mloss(z, activation="relu").item() == pytest.approx((1**2 + 0 + 0.5**2) / 3)


def test_by_hand_with_weights():
    """Weights 3/4 and 1/4: mean 1, ReLU 1; the ensemble is 3/4 x 2 = 1.5."""
    z = torch.tensor([[[2.0]], [[-2.0]]])
    assert node_mloss(z, [0.75, 0.25], "relu").item() == pytest.approx(0.25)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_zero_for_identical_models_and_for_one(activation):
    z = _draw(1)
    assert node_mloss(z, activation=activation).abs().max() == 0
    assert node_mloss(z.expand(4, -1, -1), activation=activation).max() < 1e-13
    assert (node_mloss(_draw(), activation=activation) > 0).all()


def test_zero_for_the_identity():
    assert node_mloss(_draw(), activation="identity").max() < 1e-13


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_order_of_models_does_not_matter(activation):
    z = _draw(4)
    torch.testing.assert_close(
        node_mloss(z, [0.1, 0.2, 0.3, 0.4], activation), node_mloss(z.flip(0), [0.4, 0.3, 0.2, 0.1], activation)
    )


def test_relu_scales_with_the_square():
    z = _draw()
    torch.testing.assert_close(node_mloss(3 * z, activation="relu"), 9 * node_mloss(z, activation="relu"))


def test_leaky_relu_is_relu_times_one_minus_slope_squared():
    z = _draw().double()
    share = [1 / 3] * 3
    leaky = difference(iter(z), share, activation_function("leaky_relu", 0.2))[0].square().mean(0)
    torch.testing.assert_close(leaky, 0.64 * node_mloss(z, activation="relu"))


def test_half_precision_is_scored_in_float32():
    z = _draw().half()
    assert node_mloss(z).dtype == torch.float32
    torch.testing.assert_close(node_mloss(z), node_mloss(z.float()))


@pytest.mark.parametrize(
    ("z", "weights", "words"),
    [
        (torch.zeros(2, 3), None, r"axes \(model, token, node\); found shape \(2, 3\)"),
        (torch.zeros(2, 3, 1), [1.0], "one number for each of the 2 models; found 1"),
        (torch.zeros(2, 3, 1), [0.5, 0.6], "sum to 1; found a sum of 1.1"),
    ],
)
def test_bad_input(z, weights, words):
    with pytest.raises(InvalidOptionError, match=words):
        node_mloss(z, weights)


def test_unknown_activation_is_named():
    with pytest.raises(UnknownNameError, match="unknown activation 'gelo': did you mean 'gelu'"):
        node_mloss(torch.zeros(2, 3, 1), activation="gelo")


@pytest.mark.parametrize("chunk", [1, 1000, 1 << 21])
@pytest.mark.parametrize("shared", [True, False])
def test_chunks_do_not_change_sums(monkeypatch, chunk, shared):
    monkeypatch.setattr("mloss_core.mloss.node.CHUNK_VALUES", chunk)
    inputs = [_draw(5, 7, 4, seed) for seed in range(1 if shared else 3)]
    layers = [(_draw(1, 6, 4, 9 + i)[0], _draw(1, 1, 6, 20 + i)[0, 0]) for i in range(3)]
    share, phi = [0.5, 0.25, 0.25], activation_function("gelu")
    squares, ratios = image_sums(inputs, layers, share, phi)
    for image in range(5):
        z = torch.stack([inputs[0 if shared else i][image] @ w.T + b for i, (w, b) in enumerate(layers)])
        torch.testing.assert_close(squares[image], node_mloss(z, share))
        merged = phi((z * torch.tensor(share)[:, None, None]).sum(0))
        gap = merged - (phi(z) * torch.tensor(share)[:, None, None]).sum(0)
        torch.testing.assert_close(ratios[image], gap.norm() / merged.norm(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("count", [2, 3, 7, 8])
@pytest.mark.parametrize("activation", ["gelu", "quick_gelu", "relu"])
def test_copies_of_one_model_have_exactly_none(count, activation):
    z = torch.randn(1, 50, 4, generator=torch.Generator().manual_seed(0)).expand(count, 50, 4)
    assert node_mloss(z, activation=activation).eq(0).all()
