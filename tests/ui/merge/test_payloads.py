"""What the lab really gives back is what the Merge and Mergeability pages read."""

from pathlib import Path

import pytest

from mloss_core.caching import Cache
from mloss_core.evaluation.paired import difference
from mloss_core.evaluation.ranking import find
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.payloads import Payload
from mloss_core.merging.methods import check_recipe
from mloss_core.mloss.report import MLossReport
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.types import silent
from mloss_core.vision.architecture import scored_weight
from tests.zoos import tiny_zoo
from ui.merge.entries import Entry
from ui.merge.keep import keep_profile
from ui.merge.results import BASELINES, baseline_rows, recipe_row
from ui.mergeability.choices import pair_view
from ui.mergeability.data import read_pairs

RECIPE = Recipe(method="m_ties", options={"span": 0.3}, blocks=(1, 2), mloss=MLossOptions(samples_per_task=2))


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path_factory.mktemp("cache")))


def answer(zoo, kind, params) -> Payload:
    """The payload as it comes back from the cache."""
    found = JOB_TYPES[kind].load()(zoo, params, silent)
    entry = Cache().put("test", "0" * 64, found.meta, found.arrays)
    again = Cache().get("test", "0" * 64)
    assert again is not None and dict(again.meta).keys() == dict(entry.meta).keys()
    return Payload(again.meta, again.arrays)


def test_baselines_and_a_recipe_become_rows_that_compare_pairwise(zoo):
    rows = baseline_rows(answer(zoo, BASELINES, {"zoo": "x", "tasks": None, "split": "test"}))
    assert [row.key for row in rows if row.done] == [row.key for row in rows]
    assert {row.key for row in rows} == {"zero_shot", "ensemble", "ensemble_features", "individual"}
    payload = answer(zoo, "recipe", {"zoo": "x", "recipe": RECIPE.to_dict(), "split": "test"})
    row = recipe_row(payload, Entry(RECIPE), "mine")
    assert set(row.accuracy) == set(zoo.tasks) == set(row.counts)
    assert 0 < row.kept < 1 and 0 <= row.agreement <= 1 and row.kl >= 0 and row.seconds > 0
    assert row.realised[scored_weight(1)] < row.realised[scored_weight(0)]
    assert difference(row, find(rows, "ensemble")).paired


def test_a_measured_map_gives_the_rates_that_the_merge_realises(zoo):
    payload = answer(zoo, "measure", {"zoo": "x", "tasks": None, "mloss": RECIPE.mloss.to_dict()})
    measured = MLossReport.from_entry(payload.meta, payload.arrays)
    scores = dict(zip(measured.blocks, measured.values, strict=True))
    profile = keep_profile(scores, check_recipe(RECIPE)[1], RECIPE.blocks, RECIPE.seed)
    merged = answer(zoo, "recipe", {"zoo": "x", "recipe": RECIPE.to_dict(), "split": "test"})
    for block in measured.blocks:
        realised = merged.meta["realised_keep"][scored_weight(block)]
        # A row of 16 weights keeps whole weights: up to 1/16 less than its rate.
        assert profile.rates[block].mean() - 1 / 16 <= realised <= profile.rates[block].mean() + 1e-6


def test_pairs_become_matrices_and_profiles(zoo):
    params = {"zoo": "x", "tasks": None, "mloss": MLossOptions(samples_per_task=2).to_dict(), "metrics": None}
    pairs = read_pairs(answer(zoo, "pairs", params))
    assert len(pairs.numbers) == 3 and len(pairs.blocks) == 3 * zoo.architecture.layers
    for metric in pairs.metrics:
        assert len(pair_view(pairs, zoo.tasks, metric, None).numbers) + len(pairs.reasons(metric.name)) == 3
    whole = pair_view(pairs, zoo.tasks, pairs.metrics[0], None).value(*zoo.tasks[:2])
    by_block = [pair_view(pairs, zoo.tasks, pairs.metrics[0], block).value(*zoo.tasks[:2]) for block in range(4)]
    assert whole == pytest.approx(sum(by_block) / 4)


def test_a_merged_file_lies_where_the_payload_says(zoo):
    meta = answer(zoo, "merged_file", {"zoo": "x", "recipe": Recipe(method="average").to_dict()}).meta
    assert Path(meta["path"]).stat().st_size == meta["bytes"] and len(meta["digest"]) == 64
