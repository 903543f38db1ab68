import dataclasses

import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import JobCancelledError, UnknownNameError, ZooError
from mloss_core.mergeability import METRICS, all_pairs, pairs, pairwise_metrics, pairwise_mloss
from mloss_core.mergeability.sources.table import SOURCES
from mloss_core.recipe import MLossOptions
from mloss_core.zoo.model import Encoder
from tests.zoos import NoiseDataset, tiny_zoo

FEW = MLossOptions(samples_per_task=4)


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=4, layers=2)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_eight_tasks_make_28_pairs_in_order():
    found = all_pairs("abcdefgh")
    assert len(found) == 28 and found[0] == ("a", "b") and found[-1] == ("g", "h")


def test_a_row_a_pair_and_a_column_a_metric(zoo, cache):
    frame = pairwise_metrics(zoo, options=FEW, cache=cache)
    assert list(frame.columns) == ["task_a", "task_b", *METRICS]
    assert list(zip(frame["task_a"], frame["task_b"], strict=True)) == all_pairs(zoo.tasks)
    assert frame[list(METRICS)].dtypes.eq("float64").all()
    assert np.isfinite(frame[list(METRICS)].to_numpy()).all()
    assert frame.attrs == {"zoo": {"name": "tiny", "digest": zoo.digest}, "undefined": []}


def test_blocks_add_up_to_the_pair(zoo, cache):
    frame = pairwise_metrics(zoo, ["mloss", "mloss_normalised"], options=FEW, cache=cache)
    blocks = pairwise_mloss(zoo, options=FEW, cache=cache)
    assert list(blocks.columns) == ["task_a", "task_b", "block", "mloss", "normalised"]
    assert len(blocks) == 6 * 2 and blocks["block"].tolist() == [0, 1] * 6
    means = blocks.groupby(["task_a", "task_b"], sort=False)[["mloss", "normalised"]].mean()
    np.testing.assert_allclose(means["mloss"], frame["mloss"])
    np.testing.assert_allclose(means["normalised"], frame["mloss_normalised"])


def test_names_and_tasks_are_chosen(zoo, cache):
    frame = pairwise_metrics(zoo, ["sign_conflict", "task_vector_cosine"], ["doors", "apples"], cache=cache)
    assert list(frame.columns) == ["task_a", "task_b", "sign_conflict", "task_vector_cosine"]
    assert frame[["task_a", "task_b"]].values.tolist() == [["apples", "doors"]]


def test_metrics_of_weights_alone_need_no_images(zoo, cache):
    names = [name for name, metric in METRICS.items() if metric.needs_data is None]
    frame = pairwise_metrics(dataclasses.replace(zoo, datasets={}), names, cache=cache)
    assert len(names) == 20 and np.isfinite(frame[names].to_numpy()).all()


def test_an_unchanged_model_has_no_angle_and_that_is_no_number(zoo, cache):
    still = Encoder("boats", zoo.pretrained.weights, zoo.pretrained.digest)
    frame = pairwise_metrics(
        dataclasses.replace(zoo, finetuned={**zoo.finetuned, "boats": still}), options=FEW, cache=cache
    )
    with_boats = frame["task_a"].eq("boats") | frame["task_b"].eq("boats")
    for name in ("task_vector_cosine_similarity", "weight_space_angle", "sign_conflict", "subspace_overlap"):
        assert frame[name].isna().equals(with_boats)
    assert np.isfinite(frame[["mloss", "task_vector_l2_distance", "effective_rank"]].to_numpy()).all()
    assert frame.attrs["undefined"][0] == {
        "metric": "task_vector_cosine_similarity",
        "task_a": "apples",
        "task_b": "boats",
        "reason": "a task vector is zero, so there is no angle",
    }


def test_a_task_without_images_or_labels_has_the_other_metrics(zoo, cache):
    """The table says why a number is missing; who asks for such a metric by name is told in one sentence."""
    blind = dataclasses.replace(zoo, datasets={t: d for t, d in zoo.datasets.items() if t != "boats"})
    frame = pairwise_metrics(blind, options=FEW, cache=cache)
    with_boats = frame["task_a"].eq("boats") | frame["task_b"].eq("boats")
    for name, metric in METRICS.items():
        assert frame[name].isna().equals(with_boats & (metric.needs_data is not None)), name
    reasons = {(item["metric"], item["reason"]) for item in frame.attrs["undefined"]}
    assert ("mloss", "the zoo has no images of boats") in reasons
    headless = dataclasses.replace(zoo, heads={})
    with pytest.raises(ZooError, match=r"merged_agreement exists for no pair .* no zero-shot head for apples"):
        pairwise_metrics(headless, ["merged_agreement"], options=FEW, cache=cache)


@pytest.mark.parametrize(
    ("images", "lost", "reason"),
    [
        (3, "mloss", "boats has 3 training images where 4 are drawn"),
        (0, "merged_agreement", "boats has no training images"),
    ],
)
def test_a_task_with_too_few_images_has_the_metrics_that_it_can_have(zoo, cache, images, lost, reason):
    """One small dataset must not cost the others their numbers."""
    few = NoiseDataset("boats", 4, 16, {"train": images, "val": 20, "test": 40}, 0)
    names = ["task_vector_cosine", "mloss", "activation_l2_distance", "merged_agreement", "zero_shot_strength"]
    frame = pairwise_metrics(
        dataclasses.replace(zoo, datasets={**zoo.datasets, "boats": few}), names, options=FEW, cache=cache
    )
    with_boats = frame["task_a"].eq("boats") | frame["task_b"].eq("boats")
    assert frame["mloss"].isna().equals(with_boats) and frame["activation_l2_distance"].isna().equals(with_boats)
    assert frame["merged_agreement"].isna().equals(with_boats & (images == 0))
    assert frame[["task_vector_cosine", "zero_shot_strength"]].notna().all(axis=None)
    assert {item["reason"] for item in frame.attrs["undefined"] if item["metric"] == lost} == {reason}


def test_permuting_the_tasks_permutes_the_table(zoo, cache, tmp_path):
    """Nothing depends on the zoo's order, or on which other models it holds."""
    turned = dataclasses.replace(zoo, finetuned=dict(reversed(zoo.finetuned.items())))
    there = pairwise_metrics(zoo, options=FEW, cache=cache)
    back = pairwise_metrics(turned, options=FEW, cache=Cache(tmp_path / "other"))
    numbers = {frozenset(row[:2]): row[2:] for row in back.itertuples(index=False)}
    for row in there.itertuples(index=False):
        np.testing.assert_allclose(row[2:], numbers[frozenset(row[:2])], rtol=1e-4, atol=1e-9)


def forbid(monkeypatch, fail=lambda *args: pytest.fail("computed again")):
    sources = {name: dataclasses.replace(source, compute=fail) for name, source in SOURCES.items()}
    monkeypatch.setattr(pairs, "SOURCES", sources)


def test_any_subset_of_known_models_comes_from_the_cache(zoo, cache, monkeypatch):
    whole = pairwise_metrics(zoo, options=FEW, cache=cache)
    assert "pairs" in cache.sizes()
    forbid(monkeypatch)
    part = pairwise_metrics(zoo, tasks=["boats", "apples", "doors"], options=FEW, cache=cache)
    kept = whole[whole["task_a"].isin(part["task_a"]) & whole["task_b"].isin(part["task_b"])]
    assert len(part) == 3
    np.testing.assert_array_equal(part[list(METRICS)], kept[list(METRICS)])


def test_a_new_model_costs_its_own_pairs_alone(zoo, cache, monkeypatch):
    pairwise_metrics(zoo, tasks=zoo.tasks[:3], options=FEW, cache=cache)
    asked = []
    real = SOURCES["mloss"]
    spy = dataclasses.replace(
        real, compute=lambda zoo, pairs, *rest: asked.extend(pairs) or real.compute(zoo, pairs, *rest)
    )
    monkeypatch.setattr(pairs, "SOURCES", {**SOURCES, "mloss": spy})
    pairwise_metrics(zoo, options=FEW, cache=cache)
    assert asked == [(task, "doors") for task in zoo.tasks[:3]]


@pytest.mark.parametrize(
    "change",
    [
        lambda zoo: (zoo, dataclasses.replace(FEW, seed=1)),
        lambda zoo: (dataclasses.replace(zoo, datasets=tiny_zoo(tasks=4, layers=1, images=50).datasets), FEW),
        lambda zoo: (
            dataclasses.replace(zoo, architecture=dataclasses.replace(zoo.architecture, activation="relu")),
            FEW,
        ),
        lambda zoo: (
            dataclasses.replace(zoo, pretrained=Encoder("pretrained", zoo.pretrained.weights, "another")),
            FEW,
        ),
    ],
)
def test_what_mloss_depends_on_is_in_the_key(zoo, cache, monkeypatch, change):
    pairwise_mloss(zoo, options=FEW, cache=cache)
    files = len(list(cache.files()))
    other, options = change(zoo)
    pairwise_mloss(other, options=options, cache=cache)
    assert len(list(cache.files())) == 2 * files


def test_pairs_that_were_measured_before_a_cancel_are_kept(zoo, cache):
    def cancel(fraction, message=""):
        if fraction >= 0.5:
            raise JobCancelledError("stopped")

    with pytest.raises(JobCancelledError):
        pairwise_mloss(zoo, options=FEW, progress=cancel, cache=cache)
    assert len(list(cache.files())) == 3


def test_progress_runs_to_one(zoo, cache):
    seen = []
    pairwise_metrics(zoo, options=FEW, progress=lambda fraction, message="": seen.append(fraction), cache=cache)
    assert seen == sorted(seen) and seen[-1] == 1


def test_bad_requests_are_named(zoo, cache):
    with pytest.raises(UnknownNameError, match="unknown metric 'mlos': did you mean 'mloss'"):
        pairwise_metrics(zoo, ["mlos"], cache=cache)
    with pytest.raises(UnknownNameError, match="unknown task 'cats'"):
        pairwise_metrics(zoo, tasks=["cats", "boats"], cache=cache)
    with pytest.raises(ZooError, match=r"a pair needs two models; found 1 \(boats\)"):
        pairwise_metrics(zoo, tasks=["boats"], cache=cache)
