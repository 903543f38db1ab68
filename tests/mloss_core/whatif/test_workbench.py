"""Figures of the bench are those of `evaluate`, whatever was kept from the look before."""

import dataclasses

import numpy as np
import pytest
import torch

from mloss_core import Recipe, evaluate, merge
from mloss_core.errors import CheckpointError, InvalidOptionError, JobCancelledError
from mloss_core.evaluation import evaluate_weights
from mloss_core.whatif import Workbench
from mloss_core.whatif.held import held
from tests.mloss_core.whatif.conftest import MLOSS
from tests.zoos import KINDS, tiny_zoo

GUIDED = Recipe(method="m_ties", options={"keep_rate": 0.6, "span": 0.3}, mloss=MLOSS)
RECIPES = [
    GUIDED,
    GUIDED.replace(blocks=(2, 3)),
    GUIDED.replace(blocks=(2, 3), options={"keep_rate": 0.6, "span": 0.5}),
    GUIDED.replace(blocks=(2, 3), options={"keep_rate": 0.6, "span": 0.5, "scale": 1.7}),
    Recipe(method="ties", options={"keep_rate": 0.3, "scale": 0.5}),
    Recipe(method="ties", options={"keep_rate": 0.3, "scale": 1.5}),
    Recipe(method="average"),
    Recipe(method="dare", seed=3),
    Recipe(method="tsv_m", options={"scale": 0.7}),
    Recipe(method="task_arithmetic", options={"scale": 0.4}, post=("svc",)),
    Recipe(method="task_arithmetic", options={"scale": 0.4}, pre=("dare:keep_rate=0.5",)),
    Recipe(method="task_arithmetic", tasks=("apples", "clouds")),
]


@pytest.mark.parametrize("split", ["val", "test"])
def test_rows_equal_those_of_evaluate(zoo, bench, split):
    tables = evaluate(zoo, [merge(zoo, recipe) for recipe in RECIPES], split=split)
    merged = tables[tables["kind"] == "merged"].reset_index(drop=True)
    for place, recipe in enumerate(RECIPES):
        row, _ = bench.row(recipe, bench.images(split))
        for name in ("average", "standard_error", "normalised", "worst", *zoo.tasks):
            found = row.accuracy[name] if name in zoo.tasks else getattr(row, name)
            assert found == pytest.approx(merged.loc[place, name], abs=1e-12)


def test_agreement_is_with_the_own_experts(zoo, bench):
    images = bench.images("val")
    _, answers = bench.row(Recipe(method="ties"), images)
    expected = []
    for task in zoo.tasks:
        batch = zoo.datasets[task].images("val", range(zoo.datasets[task].size("val")))
        weights = dict(merge(zoo, Recipe(method="ties")).state_dict())
        with torch.inference_mode():
            ours, own = (zoo.tower(state)(batch) for state in (weights, dict(zoo.finetuned[task].weights)))
        tops = [(torch.nn.functional.normalize(x, dim=-1) @ zoo.heads[task].T).argmax(1) for x in (ours, own)]
        expected.append(float((tops[0] == tops[1]).double().mean()))
        assert answers.agrees[task].mean() == pytest.approx(expected[-1])
    assert answers.agreement == pytest.approx(np.mean(expected))
    count = images.count // len(zoo.tasks)
    assert answers.agreement_error == pytest.approx(np.sqrt(sum(p * (1 - p) / count for p in expected)) / 3)


@pytest.mark.parametrize("kind", [{}, *KINDS.values()], ids=["plain", *KINDS])
def test_what_enters_a_block_is_kept_in_every_kind_of_tower(kind):
    zoo = tiny_zoo(2, kind=kind)
    bench = Workbench(zoo)
    for span in (0.2, 0.4):
        recipe = GUIDED.replace(blocks=(2,), options={"keep_rate": 0.6, "span": span})
        row, _ = bench.row(recipe, bench.images("test"))
        assert row.accuracy == evaluate_weights(zoo, merge(zoo, recipe), split="test").accuracy
    assert len(bench._prefixes._kept) == 2
    bench.close()


def test_a_merge_at_another_scale_is_not_merged_again(bench, monkeypatch):
    bench.merged(Recipe(method="tsv_m"))
    monkeypatch.setattr("mloss_core.whatif.workbench.merge", None)
    assert bench.merged(Recipe(method="tsv_m", options={"scale": 0.35})).scale == 0.35


def test_subsets_are_the_same_few_images_each_time(zoo, bench):
    few = bench.images("val", most=10)
    assert few is bench.images("val", most=10) and few.count == 30
    row, _ = bench.row(Recipe(method="ties"), few)
    same = evaluate_weights(zoo.limited(10), merge(zoo, Recipe(method="ties")), split="val")
    assert row.accuracy == same.accuracy and row.standard_error == same.standard_error


def test_work_can_be_stopped_between_batches(bench):
    def stop():
        raise JobCancelledError("cancelled.")

    with pytest.raises(JobCancelledError):
        bench.row(Recipe(method="average"), bench.images("test", most=7), stop)
    assert bench.row(Recipe(method="average"), bench.images("test", most=7))[0].done


def test_what_cannot_be_shown(bench):
    with pytest.raises(InvalidOptionError, match="tall_mask gives one model a task"):
        bench.merged(Recipe(method="tall_mask"))
    broken = {key: weight.clone() for key, weight in bench.zoo.pretrained.weights.items()}
    broken["ln_post.weight"].fill_(float("inf"))
    with pytest.raises(CheckpointError, match=r"features of broken must be finite; on the images of apples"):
        bench.answers_of(broken, "broken", bench.images("val"), name="broken")


def test_weights_are_held_only_where_they_fit(zoo, monkeypatch):
    assert held(zoo).pretrained.weights["proj"] is not zoo.pretrained.weights["proj"]
    assert held(zoo).digest == zoo.digest
    monkeypatch.setattr("mloss_core.whatif.held.HELD", 1000)
    assert held(zoo) is zoo
    assert held(dataclasses.replace(zoo, device=torch.device("cuda"))).device.type == "cuda"
