import dataclasses

import pytest

from mloss_core.errors import ZooError
from mloss_core.evaluation import evaluate_weights
from mloss_core.evaluation.protocol import backbone_of, comparable, run_protocol
from mloss_core.evaluation.published.recipes import protocol_recipes
from mloss_core.merging import merge
from mloss_core.merging.methods import check_recipe
from tests.zoos import tiny_zoo


def settings(backbone, models=8):
    return {(row.table, row.method, row.blocks): recipe for row, recipe in protocol_recipes(backbone, models)}


def test_every_row_of_the_page_has_its_recipe():
    for backbone in ("ViT-B/32", "ViT-L/14"):
        for row, recipe in protocol_recipes(backbone, 8):
            assert (recipe is None) == row.method.startswith("Ensemble")
            if recipe is not None:
                check_recipe(recipe)


def test_settings_are_the_page_s():
    small, large = settings("ViT-B/32"), settings("ViT-L/14")
    # s 1.8 on the mean of eight task vectors is 0.225 on their sum.
    assert small[1, "Task Arithmetic", ""].options == {"scale": 0.225}
    assert small[1, "TIES", ""].options == {"keep_rate": 0.2, "scope": "global"}
    assert large[1, "TIES", ""].options == {"keep_rate": 0.5, "scope": "global"}
    assert small[1, "DARE", ""].options == {"keep_rate": 0.7, "then": "elect"}
    assert small[1, "M-TIES", "all"].options == {"keep_rate": 0.8, "span": 0.1}
    assert large[1, "M-TIES", "all"].options == {"keep_rate": 0.5, "span": 0.1}
    assert small[2, "M-TIES", "8, 9, 10"].blocks == (8, 9, 10)
    assert large[3, "M-TIES", "0, 20, 21, 22"].blocks == (0, 20, 21, 22)
    assert small[1, "DARE", ""].seed == 42


def test_task_arithmetic_of_the_page_scales_the_mean():
    assert settings("ViT-B/32", 4)[1, "Task Arithmetic", ""].options == {"scale": 0.45}


def shaped(zoo, **changes):
    return dataclasses.replace(zoo, architecture=dataclasses.replace(zoo.architecture, **changes))


def test_figures_stand_beside_each_other_only_for_the_same_backbone_and_tasks():
    zoo = shaped(tiny_zoo(2), layers=12, width=768, patch=32, grid=7)
    assert backbone_of(zoo.architecture) == "ViT-B/32"
    assert comparable(zoo, "ViT-B/32") == "the tasks are not the eight of the page"
    names = ("resisc45", "stanford-cars", "mnist", "dtd", "eurosat", "gtsrb", "sun397", "svhn")
    eight = dataclasses.replace(zoo, finetuned=dict.fromkeys(names, zoo.pretrained))
    assert comparable(eight, "ViT-B/32") == ""
    assert comparable(eight, "ViT-L/14") == "the encoder is ViT-B-32, not ViT-L/14"


def test_other_depths_are_refused():
    with pytest.raises(ZooError, match="for 12 and 24 blocks; this encoder has 5"):
        backbone_of(shaped(tiny_zoo(2), layers=5).architecture)


def test_rows_are_the_merges_of_their_recipes(deep):
    told = []
    rows = run_protocol(deep, told=told.append)
    assert told == rows and len(rows) == 9
    assert [row.published.table for row in rows] == [1] * 6 + [2] * 3
    ties = next(row for row in rows if row.published.method == "TIES")
    again = evaluate_weights(deep, merge(deep, ties.recipe))
    assert ties.measured.accuracy == again.accuracy and ties.seconds > 0
    first, repeated = (row for row in rows if row.published.method == "M-TIES" and row.published.blocks == "all")
    assert first.measured is repeated.measured
    ensemble = next(row for row in rows if row.recipe is None)
    assert ensemble.measured.model == "Ensemble (features)" and ensemble.to_dict()["seconds"] is None


@pytest.fixture(scope="module")
def deep():
    return tiny_zoo(2, layers=12)
