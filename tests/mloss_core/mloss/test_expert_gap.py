import numpy as np
import pytest
import torch

from mloss_core import MLossOptions
from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.mloss import expert_gap, measure_expert_gap, measure_mloss
from mloss_core.mloss.expert_gap import image_gaps
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import INPUT_MODES
from mloss_core.state_dicts import average
from mloss_core.vision.architecture import weight_key
from tests.zoos import tiny_zoo

FIVE = MLossOptions(samples_per_task=5)


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3, spread=0.5)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_a_hand_worked_gap():
    """ReLU, one node, z = 2 of model 0 and -2 of model 1: merged 0, Ensemble 1; the own experts have 2 and 0."""
    layers = [(torch.tensor([[weight]]), torch.zeros(1)) for weight in (2.0, -2.0)]
    inputs = [torch.ones(2, 1, 1)]
    squares, ratios = image_gaps(inputs, layers, torch.tensor([0, 1]), [0.5, 0.5], torch.relu)
    assert squares["mloss"].tolist() == [[1.0], [1.0]]
    assert squares["ensemble_gap"].tolist() == [[1.0], [1.0]]
    assert squares["expert_gap"].tolist() == [[4.0], [0.0]]
    assert ratios["expert_gap"][1] == 0


def _dense(zoo):
    """Merged, ensembled and expert activations at every site in double precision: (image, token, node) each."""
    draw = draw_calibration(zoo, samples_per_task=5)
    states = [{key: value.double() for key, value in encoder.weights.items()} for encoder in zoo.sources()]
    tower, seen = zoo.tower(average(states)).double(), {}
    for block, layer in enumerate(tower.transformer.resblocks):
        layer.mlp.c_fc.register_forward_pre_hook(lambda _, inputs, block=block: seen.update({block: inputs[0]}))
    with torch.no_grad():
        tower(draw.images.double())
    for block, site in enumerate(zoo.architecture.sites):
        key = weight_key(site)
        z = torch.stack([seen[block] @ state[key].T + state[key.replace("weight", "bias")] for state in states])
        phi = torch.nn.functional.gelu
        own = torch.stack([phi(z[task, image]) for image, task in enumerate(draw.task.tolist())])
        yield block, phi(z.mean(0)), phi(z).mean(0), own


def test_equals_the_dense_definition(zoo, cache):
    report = measure_expert_gap(zoo, options=FIVE, cache=cache)
    for block, merged, ensembled, own in _dense(zoo):
        row = report.layers.iloc[block]
        expected = {"expert_gap": merged - own, "ensemble_gap": ensembled - own, "mloss": merged - ensembled}
        for name, gap in expected.items():
            assert report.nodes[name][block] == pytest.approx(gap.square().mean((0, 1)).numpy(), rel=1e-3, abs=1e-10)
            assert row[name] == pytest.approx(gap.square().mean().item(), rel=1e-4)
        length = merged.square().sum((1, 2)).sqrt()
        ratio = (merged - own).square().sum((1, 2)).sqrt() / length
        assert row["expert_gap_normalised"] == pytest.approx(ratio.mean().item(), rel=1e-4)


def test_the_two_parts_add_up(zoo, cache):
    """merged - own is the sum of the two brackets, so that 2 <a, b> = gap - M-Loss - Ensemble gap for each node."""
    report = measure_expert_gap(zoo, options=FIVE, cache=cache)
    for block, merged, ensembled, own in _dense(zoo):
        cross = 2 * ((merged - ensembled) * (ensembled - own)).mean((0, 1)).numpy()
        rest = report.nodes["expert_gap"][block] - report.nodes["mloss"][block] - report.nodes["ensemble_gap"][block]
        assert rest == pytest.approx(cross, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_its_first_part_is_the_mloss_of_the_same_images(zoo, cache, mode):
    options = MLossOptions(samples_per_task=5, input_mode=mode)
    gap, known = measure_expert_gap(zoo, options=options, cache=cache), measure_mloss(zoo, options=options, cache=cache)
    assert gap.nodes["mloss"] == pytest.approx(known.values, rel=1e-4, abs=1e-12)
    assert gap.layers["mloss"].to_numpy() == pytest.approx(known.layer_values, rel=1e-5)
    assert gap.layers["mloss_standard_error"].to_numpy() == pytest.approx(known.layer_errors, rel=1e-3)


def test_a_single_model_has_no_gap(zoo, cache):
    report = measure_expert_gap(zoo, ("boats",), FIVE, cache=cache)
    assert not report.layers[["expert_gap", "ensemble_gap", "mloss"]].to_numpy().any()


def test_tasks_count_alike_and_batches_change_nothing(zoo, cache, monkeypatch):
    whole = measure_expert_gap(zoo, options=FIVE, cache=cache)
    monkeypatch.setattr(expert_gap, "CHUNK_VALUES", 1)
    monkeypatch.setattr("mloss_core.mloss.inputs.BATCH_BYTES", 1)
    small = expert_gap.gap_layers(zoo, draw_calibration(zoo, samples_per_task=5), FIVE)[1]
    assert small["expert_gap"] == pytest.approx(whole.nodes["expert_gap"], rel=1e-4)


def test_roots_are_of_the_means(zoo, cache):
    root = MLossOptions(samples_per_task=5, reduction="root_mean_square")
    plain, found = (measure_expert_gap(zoo, options=one, cache=cache) for one in (FIVE, root))
    assert found.nodes["expert_gap"] == pytest.approx(np.sqrt(plain.nodes["expert_gap"]), rel=1e-5)
    assert found.layers["expert_gap"][0] == pytest.approx(found.nodes["expert_gap"][0].mean(), rel=1e-5)


def test_a_second_measurement_comes_from_the_cache(zoo, cache, monkeypatch):
    first = measure_expert_gap(zoo, options=FIVE, cache=cache)
    monkeypatch.setattr(expert_gap, "gap_layers", lambda *_: pytest.fail("measured again"))
    again = measure_expert_gap(zoo, options=FIVE, cache=cache)
    assert again.layers.equals(first.layers) and again.ratio() == pytest.approx(first.ratio())


def test_weights_must_fit(zoo, cache):
    with pytest.raises(InvalidOptionError, match="one number for each of the 3 models"):
        measure_expert_gap(zoo, options=MLossOptions(weights=(0.5, 0.5)), cache=cache)
