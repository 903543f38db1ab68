import numpy as np
import pytest
import torch

from mloss_core import Recipe, merge
from mloss_core.errors import CheckpointError, InvalidOptionError
from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
from mloss_core.evaluation.inspection.by_block import similarity_by_block
from mloss_core.evaluation.inspection.cka import linear_cka
from mloss_core.mloss.expert_gap import gap_layers
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(2, 16, 3, spread=0.3)


def test_a_zoo_by_block(zoo):
    merged = Recipe(method="average")
    found = similarity_by_block(zoo, "boats", [merged, "zero_shot", "individual", "ensemble"], images=32)
    assert [one["kind"] for one in found.models] == ["merged", "zero_shot"]
    assert (
        found.blocks == (0, 1, 2)
        and found.cka.shape == found.cka_error.shape == found.gap.shape == (2, 3)
        and found.images == 32
    )
    assert (found.cka <= 1).all() and (found.cka_error >= 0).all() and (found.gap > 0).all() and found.cka[0, 0] > 0.5
    again = BlockSimilarity.from_entry(*found.to_entry())
    assert np.array_equal(again.cka, found.cka) and again.models == found.models
    assert found.to_dict()["cka"][0] == found.cka[0].tolist()


def test_blocks_are_the_inputs_of_the_mlp_averaged_over_tokens(zoo):
    dataset = zoo.datasets["boats"]
    seen = []
    for encoder in (zoo.finetuned["boats"], zoo.pretrained):
        tower, kept = zoo.tower(dict(encoder.weights)), []
        tower.transformer.resblocks[1].ln_2.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out))
        tower(dataset.images("val", range(20)))
        seen.append(kept[0].mean(dim=1).numpy())
    found = similarity_by_block(zoo, "boats", ["zero_shot"], "val")
    assert found.images == 20 and found.cka[0, 1] == pytest.approx(linear_cka(*seen), abs=1e-4)


def test_the_gap_is_the_mean_square_on_the_model_s_own_inputs(zoo):
    """Written out with hooks on the merged tower: both layers see what reaches it there."""
    result = merge(zoo, Recipe(method="average"))
    tower, seen = zoo.tower(result.state_dict()), []
    tower.transformer.resblocks[2].ln_2.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        tower(zoo.datasets["boats"].images("val", range(20)))
        own = zoo.finetuned["boats"].weights
        name = "transformer.resblocks.2.mlp.c_fc."
        expert = torch.nn.functional.linear(seen[0], own[f"{name}weight"], own[f"{name}bias"])
        merged = tower.transformer.resblocks[2].mlp.c_fc(seen[0])
        squares = (torch.nn.functional.gelu(merged) - torch.nn.functional.gelu(expert)).square().mean((1, 2))
    found = similarity_by_block(zoo, "boats", [result], "val")
    assert found.gap[0, 2] == pytest.approx(squares.mean().item(), rel=1e-4)
    assert found.gap_error[0, 2] == pytest.approx(squares.std().item() / 20**0.5, rel=1e-4)


def test_of_the_simple_average_it_is_the_task_s_share_of_the_measured_expert_gap(zoo):
    """On the same images and inputs: the gap over tasks is the mean of each task's own."""
    images = draw_calibration(zoo, samples_per_task=40)
    rows, _ = gap_layers(zoo, images, MLossOptions(samples_per_task=40))
    own = [similarity_by_block(zoo, task, [Recipe(method="average")], "train").gap[0] for task in zoo.tasks]
    assert np.mean(own, axis=0) == pytest.approx([row["expert_gap"] for row in rows], rel=1e-3)


def test_nothing_to_compare_is_an_empty_table(zoo):
    found = similarity_by_block(zoo, "boats", ["ensemble"], images=8)
    assert found.cka.shape == (0, 3) and found.models == ()


def test_too_few_images(zoo):
    with pytest.raises(InvalidOptionError, match="CKA needs at least 4 images; the test split of boats has 3"):
        similarity_by_block(zoo, "boats", ["zero_shot"], images=3)
    with pytest.raises(InvalidOptionError, match="tokens must be one of all, class, patches; found 'some'"):
        similarity_by_block(zoo, "boats", ["zero_shot"], tokens="some")


def test_damaged_weights_have_no_figures(zoo):
    weights = {key: value * float("nan") for key, value in zoo.pretrained.weights.items()}
    with pytest.raises(CheckpointError, match="activations on the images of boats must be finite"):
        similarity_by_block(zoo, "boats", [weights], images=8)
