import pytest
import torch
from open_clip.transformer import VisionTransformer

from mloss_core import Recipe, evaluate, measure_mloss, merge, open_zoo
from mloss_core.checkpoints import open_checkpoint
from mloss_core.errors import CheckpointError, InvalidOptionError
from mloss_core.merging.data_driven.tower_inputs import linear_inputs, projection_inputs
from mloss_core.vision.architecture import infer_architecture
from mloss_core.vision.blocks import build_block, image_embedder
from mloss_core.vision.towers import build_tower, for_features
from tests.zoos import KINDS, tiny_weights, tiny_zoo


def check_blocks_are_the_tower(zoo):
    """Embedding and blocks of plain PyTorch layers against open_clip's own."""
    shape, weights = zoo.architecture, zoo.pretrained.weights
    images = torch.randn(5, 3, shape.image_size, shape.image_size, generator=torch.Generator().manual_seed(0))
    tower, seen = build_tower(shape, weights), []
    for layer in tower.transformer.resblocks:
        layer.register_forward_hook(lambda module, _, out: seen.append((module, out)))
    tower(images)
    tokens = image_embedder(shape, weights)(images)
    for index, (module, expected) in enumerate(seen):
        block = build_block(shape, weights, index)
        assert set(block.state_dict()) == set(module.state_dict())
        attended = block.attended(tokens)
        tokens = block.output(attended, block.mlp_inputs(attended))
        torch.testing.assert_close(tokens, expected, rtol=1e-5, atol=1e-5)
    assert len(seen) == shape.layers


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "quick_gelu", "relu"])
def test_blocks_one_by_one_are_the_tower(activation):
    check_blocks_are_the_tower(tiny_zoo(1, activation=activation))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_blocks_of_every_kind_are_the_towers(kind):
    check_blocks_are_the_tower(tiny_zoo(1, kind=kind))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_file_of_every_kind_gives_open_clips_own_features(kind, tmp_path):
    torch.manual_seed(0)
    tower = VisionTransformer(16, 8, 16, 3, 2, 4, output_dim=8, **kind).eval()
    for weight in tower.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    torch.save({f"visual.{key}": value for key, value in tower.state_dict().items()}, tmp_path / "a.pt")
    weights = open_checkpoint(tmp_path / "a.pt")
    ours = build_tower(infer_architecture(weights, heads=2), weights)
    images = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(ours(images), tower(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_zoos_of_every_kind_are_measured_merged_and_evaluated(kind):
    zoo = tiny_zoo(2, kind=kind)
    report = measure_mloss(zoo, samples_per_task=2)
    assert len(report.layers) == zoo.architecture.layers and (report.layers.mloss > 0).all()
    results = [merge(zoo, Recipe(method=method), report=report) for method in ("m_ties", "iso_c", "tsv_m")]
    assert evaluate(zoo, results, split="val").average.between(0, 1).all()


@pytest.mark.parametrize("name", ["clipa", "scaled"])
def test_statistics_follow_the_tower(name):
    """Block by block to the input of the projection, which then gives open_clip's own features."""
    zoo = tiny_zoo(1, kind=KINDS[name])
    shape, weights = zoo.architecture, zoo.pretrained.weights
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    tokens = image_embedder(shape, weights)(images)
    for index in range(shape.layers):
        tokens = linear_inputs(build_block(shape, weights, index), tokens)[1]
    found = projection_inputs(shape, weights, tokens)[:, 0] @ weights["proj"]
    torch.testing.assert_close(found, zoo.tower(weights)(images), rtol=1e-5, atol=1e-5)


def test_statistics_of_attention_pooling_are_refused():
    with pytest.raises(InvalidOptionError, match="attention pooling"):
        merge(tiny_zoo(2, kind=KINDS["coca"]), Recipe(method="regmean", options={"images": 8}))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_hugging_face_has_no_such_towers(kind, tmp_path):
    with pytest.raises(CheckpointError, match="the hf format has no"):
        merge(tiny_zoo(2, kind=kind), Recipe(method="average"), out=tmp_path / "model.safetensors", format="hf")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_another_kind_says_what_was_taken_for_granted(tmp_path):
    base = tiny_weights(kind=KINDS["clipa"])
    for name, shift in (("zeroshot", 0.0), ("Cars/finetuned", 0.01)):
        path = tmp_path / f"{name}.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save({f"visual.{key}": value + shift for key, value in base.items()}, path)
    zoo = open_zoo(tmp_path)
    assert zoo.architecture.pool == "patches" and any("CLIPA" in note for note in zoo.notes)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_for_features_the_last_block_runs_what_reaches_them_alone(kind):
    zoo = tiny_zoo(1, kind=kind)
    whole, quick = (zoo.tower(zoo.pretrained.weights) for _ in range(2))
    images = torch.randn(5, 3, zoo.architecture.image_size, zoo.architecture.image_size)
    tokens = []
    quick = for_features(quick, zoo.architecture)
    quick.transformer.resblocks[-1].register_forward_hook(lambda module, _, out: tokens.append(out.shape[1]))
    torch.testing.assert_close(quick(images), whole(images), rtol=1e-5, atol=1e-5)
    alone = zoo.architecture.pool == "class" and not zoo.architecture.pooler_queries
    assert tokens == [1 if alone else zoo.architecture.tokens]
