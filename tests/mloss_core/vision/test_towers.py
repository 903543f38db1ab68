import pytest
import torch

from mloss_core.errors import CheckpointError, InvalidOptionError, LayerNotFoundError, UnknownNameError
from mloss_core.placement import resolve_device
from mloss_core.vision.architecture import Architecture, check_blocks, infer_architecture, site_block, weight_key
from mloss_core.vision.towers import activation_function, activation_layer, build_tower
from tests.zoos import tiny_weights


def test_architecture_from_shapes():
    found = infer_architecture(tiny_weights(width=16, layers=3), heads=2)
    assert (found.width, found.layers, found.patch, found.grid, found.mlp_width, found.embed_dim) == (
        16,
        3,
        8,
        2,
        64,
        8,
    )
    assert found.image_size == 16 and found.tokens == 5
    assert found.sites == ("blocks.0.mlp.c_fc", "blocks.1.mlp.c_fc", "blocks.2.mlp.c_fc")
    assert Architecture.from_dict(found.to_dict()) == found


@pytest.mark.parametrize(("width", "heads"), [(768, 12), (1024, 16), (1280, 16), (16, 1)])
def test_heads_are_guessed_by_width(width, heads):
    state = {
        "conv1.weight": torch.empty(width, 3, 14, 14, device="meta"),
        "positional_embedding": torch.empty(257, width, device="meta"),
        "transformer.resblocks.0.mlp.c_fc.weight": torch.empty(4 * width, width, device="meta"),
        "proj": torch.empty(width, 8, device="meta"),
    }
    assert infer_architecture(state).heads == heads


def test_missing_tensors_are_named():
    state = tiny_weights()
    del state["proj"]
    with pytest.raises(CheckpointError, match="the weights lack proj"):
        infer_architecture(state)


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "quick_gelu", "relu", "leaky_relu"])
def test_the_tower_uses_the_activation(activation):
    state = tiny_weights()
    tower = build_tower(infer_architecture(state, heads=2, activation=activation), state)
    layer = tower.transformer.resblocks[0].mlp.gelu
    z = torch.linspace(-3, 3, 50)
    torch.testing.assert_close(layer(z), activation_function(activation)(z))
    assert not any(p.requires_grad for p in tower.parameters()) and not tower.training


def test_shared_or_copied_weights():
    state = tiny_weights()
    shape = infer_architecture(state, heads=2)
    assert build_tower(shape, state).conv1.weight.data_ptr() == state["conv1.weight"].data_ptr()
    trainable = build_tower(shape, state, trainable=True)
    assert trainable.conv1.weight.data_ptr() != state["conv1.weight"].data_ptr()
    assert all(p.requires_grad for p in trainable.parameters())


def test_the_tower_is_open_clips():
    from open_clip.transformer import VisionTransformer

    state = tiny_weights()
    reference = VisionTransformer(16, 8, 16, 4, 2, 4, output_dim=8).eval()
    reference.load_state_dict(state)
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = build_tower(infer_architecture(state, heads=2), state)(images)
        torch.testing.assert_close(found, reference(images), rtol=1e-5, atol=1e-6)


def test_names_of_sites():
    assert weight_key("blocks.8.mlp.c_fc") == "transformer.resblocks.8.mlp.c_fc.weight"
    assert site_block("blocks.11.mlp.c_fc") == 11


def test_blocks():
    assert check_blocks(None, 3) == (0, 1, 2)
    assert check_blocks((2,), 3) == (2,)
    with pytest.raises(LayerNotFoundError, match=r"among 0 to 2 here \(3 blocks\); found block 3, 9"):
        check_blocks((3, 1, 9), 3)
    with pytest.raises(LayerNotFoundError, match="found an empty list"):
        check_blocks((), 3)


@pytest.mark.parametrize(
    ("device", "words"),
    [("gpu", "auto, cpu or cuda:N; found 'gpu'"), ("mps", "found 'mps'"), ("cuda:99", "does not exist")],
)
def test_devices(device, words):
    with pytest.raises(InvalidOptionError, match=words):
        resolve_device(device)
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type in {"cpu", "cuda"}


def test_unknown_activations():
    with pytest.raises(UnknownNameError, match="activation 'swish'"):
        activation_function("swish")
    with pytest.raises(UnknownNameError, match="activation 'swish'"):
        activation_layer("swish")
