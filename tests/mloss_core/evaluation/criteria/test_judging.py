import dataclasses
import math

import pytest
import torch

from mloss_core import Recipe, merge
from mloss_core.caching import Cache
from mloss_core.errors import DatasetError, UnknownNameError, ZooError
from mloss_core.evaluation import evaluate_weights
from mloss_core.evaluation.criteria import LABEL_FREE, Judge, criterion_scores
from mloss_core.outputs import alignment, encoding, ensemble_logits, logits
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from tests.label_free import without_labels
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=2, spread=1.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def merged(zoo):
    return merge(zoo, Recipe(method="average"))


def test_scores_are_those_of_a_plain_loop(zoo, cache, merged):
    """Six training images a task, every model run on its own."""
    found = criterion_scores(zoo, merged, images=6, cache=cache)
    assert tuple(found) == LABEL_FREE
    expected = {name: [] for name in found}
    for task in zoo.tasks:
        images, head = draw_calibration(zoo, (task,), samples_per_task=6).images, zoo.heads[task]
        with torch.inference_mode():
            each = {other: zoo.tower(encoder.weights)(images) for other, encoder in zoo.finetuned.items()}
            mine = zoo.tower(merged.state_dict())(images)
        model, own = (torch.softmax(logits(one, head).double(), 1) for one in (mine, each[task]))
        together = ensemble_logits(list(each.values()), head)
        directions = [torch.nn.functional.normalize(one.double(), dim=1) for one in (mine, each[task])]
        expected["expert_agreement"].append((model.argmax(1) == own.argmax(1)).double())
        expected["expert_kl"].append(-(own * (own / model).log()).sum(1))
        expected["feature_cosine"].append((directions[0] * directions[1]).sum(1))
        expected["ensemble_agreement"].append((model.argmax(1) == together.argmax(1)).double())
        expected["entropy"].append((model * model.log()).sum(1))
    for name, values in expected.items():
        score = found[name]
        assert score.value == pytest.approx(torch.stack(values).mean().item(), rel=1e-4, abs=1e-6)
        error = math.sqrt(sum(value.var(correction=0).item() / 6 for value in values)) / 3
        assert score.standard_error == pytest.approx(error, rel=1e-3, abs=1e-6)
        assert (score.split, dict(score.images)) == ("train", dict.fromkeys(zoo.tasks, 6))


def test_agreement_with_the_ensemble_is_the_alignment(zoo, cache, merged):
    found = criterion_scores(zoo, merged, ["ensemble_agreement"], images=6, cache=cache)["ensemble_agreement"]
    known = alignment(zoo, merged, options=MLossOptions(samples_per_task=6), cache=cache)
    assert found.value == pytest.approx(known["agreement"])
    assert found.standard_error == pytest.approx(known["agreement_standard_error"])


def test_validation_is_the_accuracy_on_validation_images(zoo, cache, merged):
    found = criterion_scores(zoo, merged, ["validation"], images=None, cache=cache)["validation"]
    row = evaluate_weights(zoo, merged, split="val", cache=cache)
    assert found.value == pytest.approx(row.average) and found.tasks == pytest.approx(dict(row.accuracy))
    assert found.standard_error == pytest.approx(row.standard_error)
    few = criterion_scores(zoo, merged, ["validation"], images=5, cache=cache)["validation"]
    assert set(few.images.values()) == {5} and few.split == "val"


def test_experts_are_perfect_by_their_own_measure(zoo, cache):
    found = criterion_scores(zoo, "individual", images=6, cache=cache)
    assert found["expert_agreement"].value == 1
    assert found["expert_kl"].value == pytest.approx(0, abs=1e-6)
    assert found["feature_cosine"].value == pytest.approx(1, abs=1e-6)
    assert criterion_scores(zoo, "ensemble", images=6, cache=cache)["ensemble_agreement"].value == 1


@pytest.mark.parametrize("source", ["train", "val"])
def test_no_label_is_read(zoo, cache, merged, source):
    hidden = without_labels(zoo)
    found = criterion_scores(hidden, merged, images=6, source=source, cache=cache)
    assert found == criterion_scores(zoo, merged, images=6, source=source, cache=cache)
    with pytest.raises(AssertionError, match="looked at labels"):
        criterion_scores(hidden, merged, ["validation"], images=6, cache=cache)


def test_more_images_extend_the_fewer(zoo, cache):
    few, many = (Judge(zoo, images=count, cache=cache) for count in (4, 9))
    for a, b in zip(few.benches, many.benches, strict=True):
        assert b.indices[:4] == a.indices and len(b.indices) == 9
    other = Judge(zoo, images=4, seed=1, cache=cache)
    assert other.benches[0].indices != few.benches[0].indices


def test_all_images_of_a_small_split(zoo, cache):
    size = zoo.datasets["apples"].size("train")
    assert Judge(zoo, images=10_000, cache=cache).benches[0].images.count == size
    assert Judge(zoo, images=None, cache=cache).benches[0].images.count == size


def test_known_features_are_judged_alike(zoo, cache, merged):
    judge = Judge(zoo, [*LABEL_FREE, "validation"], images=6, source="val", cache=cache)
    tower = zoo.tower(merged.state_dict())
    with torch.inference_mode():
        features = [torch.cat([tower(batch) for batch in bench.images.batches(4)]) for bench in judge.benches]
    known = judge.scores(merged)
    for name, score in judge.scores_of_features(features).items():
        assert score.value == pytest.approx(known[name].value, abs=1e-5)


def test_a_second_model_reuses_images_and_experts(zoo, cache, merged, monkeypatch):
    judge = Judge(zoo, images=7, cache=cache)
    judge.scores("zero_shot")
    monkeypatch.setattr(type(zoo.datasets["apples"]), "images", lambda *_: pytest.fail("drawn again"))
    ran = []
    run = encoding.running_tower
    monkeypatch.setattr(encoding, "running_tower", lambda *args: ran.append(args[1].name) or run(*args))
    judge.scores(merged)
    assert set(ran) == {merged.name}


def test_feature_cosine_needs_no_head(zoo, cache, merged):
    headless = dataclasses.replace(zoo, heads={})
    found = criterion_scores(headless, merged, ["feature_cosine"], images=6, cache=cache)
    assert found == criterion_scores(zoo, merged, ["feature_cosine"], images=6, cache=cache)
    with pytest.raises(ZooError, match="no zero-shot head for apples"):
        criterion_scores(headless, merged, ["entropy"], images=6, cache=cache)


def test_bad_input(zoo, cache, merged):
    with pytest.raises(UnknownNameError, match="criterion"):
        criterion_scores(zoo, merged, ["luck"], cache=cache)
    with pytest.raises(ZooError, match="criteria need images of every task"):
        criterion_scores(dataclasses.replace(zoo, datasets={}), merged, cache=cache)
    empty = without_labels(zoo, sizes={"val": 0})
    with pytest.raises(DatasetError, match="the val split of apples is empty"):
        criterion_scores(empty, merged, images=6, source="val", cache=cache)
