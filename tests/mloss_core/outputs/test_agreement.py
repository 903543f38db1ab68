import math

import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.errors import DatasetError, ZooError
from mloss_core.outputs import alignment, ensemble_logits, logits
from mloss_core.outputs.agreement import compare
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import average
from tests.zoos import tiny_zoo

FEW = MLossOptions(samples_per_task=6)


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=2, spread=1.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


def test_a_hand_worked_comparison():
    """Distributions (3/4, 1/4) and (1/2, 1/2): KL = 3/4 ln(3/2) + 1/4 ln(1/2); the second image agrees exactly."""
    ensemble = torch.tensor([[math.log(3), 0.0], [0.0, 1.0]])
    model = torch.tensor([[0.0, 1e-9], [0.0, 1.0]], dtype=torch.float64)
    found = compare(ensemble, model)
    assert found["agreement"] == 0.5
    assert found["kl"] == pytest.approx((0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / 2, abs=1e-6)


def test_divergence_is_from_the_ensemble_to_the_model():
    """The Ensemble is certain, the model undecided: ln 2. The other direction would be far larger."""
    found = compare(torch.tensor([[50.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    assert found["kl"] == pytest.approx(math.log(2))


def test_scores_so_large_that_probabilities_vanish_stay_finite():
    found = compare(torch.tensor([[2000.0, 0.0]]), torch.tensor([[0.0, 2000.0]]))
    assert found == {"agreement": 0.0, "kl": pytest.approx(2000.0)}


def test_alignment_is_that_of_a_plain_loop(zoo, cache):
    weights = average([source.weights for source in zoo.sources()])
    found = alignment(zoo, weights, options=FEW, cache=cache)
    rates, divergences = [], []
    for position, task in enumerate(zoo.tasks):
        draw = draw_calibration(zoo, samples_per_task=6)
        images = draw.images[torch.as_tensor(draw.task == position)]
        with torch.inference_mode():
            each = [zoo.tower(source.weights)(images) for source in zoo.sources()]
            mine = zoo.tower(weights)(images)
        target = torch.softmax(ensemble_logits(each, zoo.heads[task]).double(), 1)
        model = torch.softmax(logits(mine, zoo.heads[task]).double(), 1)
        rates.append((target.argmax(1) == model.argmax(1)).double().mean().item())
        divergences.append((target * (target / model).log()).sum(1).mean().item())
        assert found["tasks"][task]["agreement"] == pytest.approx(rates[-1])
    assert found["images"] == 18
    assert found["agreement"] == pytest.approx(sum(rates) / 3)
    assert found["kl"] == pytest.approx(sum(divergences) / 3, rel=1e-4)
    errors = sum(rate * (1 - rate) / 6 for rate in rates)
    assert found["agreement_standard_error"] == pytest.approx(math.sqrt(errors) / 3)
    assert found["kl"] > 0


def test_the_only_model_agrees_with_its_ensemble(zoo, cache):
    found = alignment(zoo, zoo.finetuned["boats"], ("boats",), FEW, cache=cache)
    assert (found["agreement"], found["kl"]) == (1.0, pytest.approx(0.0, abs=1e-9))
    other = alignment(zoo, zoo.finetuned["apples"], ("boats",), FEW, cache=cache)
    assert other["kl"] > 1e-3


def test_one_encoder_a_task_answers_on_its_own(zoo, cache):
    found = alignment(zoo, dict(zoo.finetuned), options=FEW, cache=cache)
    alone = alignment(zoo, zoo.finetuned["boats"], options=FEW, cache=cache)
    assert found["tasks"]["boats"] == alone["tasks"]["boats"]
    assert found["tasks"]["apples"] != alone["tasks"]["apples"]
    with pytest.raises(ZooError, match="one encoder a task must be given; there is none for apples, clouds"):
        alignment(zoo, {"boats": zoo.finetuned["boats"]}, options=FEW, cache=cache)


def test_no_label_is_read(zoo, cache, monkeypatch):
    dataset = type(zoo.datasets["boats"])
    monkeypatch.setattr(dataset, "labels", lambda self, split: pytest.fail("looked at labels"))
    alignment(zoo, zoo.pretrained, options=MLossOptions(samples_per_task=4), cache=cache)


def test_features_serve_other_choices_of_tasks(zoo, cache, monkeypatch):
    alignment(zoo, zoo.pretrained, options=FEW, cache=cache)
    monkeypatch.setattr("mloss_core.outputs.encoding.running_tower", lambda *args: pytest.fail("ran again"))
    alignment(zoo, zoo.pretrained, ("clouds", "apples"), FEW, cache=cache)


def test_too_few_training_images_are_an_error(zoo, cache):
    with pytest.raises(DatasetError, match="apples has 40 training images; 41 were asked for"):
        alignment(zoo, zoo.pretrained, options=MLossOptions(samples_per_task=41), cache=cache)
