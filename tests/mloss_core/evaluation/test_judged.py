import dataclasses

import pytest

from mloss_core import Recipe, merge
from mloss_core.caching import Cache
from mloss_core.evaluation import criterion_scores, rank_unlabelled
from mloss_core.evaluation.criteria import LABEL_FREE
from mloss_core.evaluation.judged import judged_rows, tasks_without_labels, unlabelled_rows, usual_source
from mloss_core.evaluation.ranking import best_merge
from mloss_core.evaluation.tables import contenders_of, evaluate_rows
from tests.label_free import without_classes, without_labels
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def results(zoo):
    return [merge(zoo, Recipe(method="task_arithmetic", options={"scale": scale})) for scale in (3.0, 0.3, 1.0)]


def test_rows_keep_their_accuracies_and_gain_an_agreement(zoo, cache, results):
    rows = evaluate_rows(zoo, results, "val", cache=cache)
    judged = judged_rows(zoo, rows, contenders_of(zoo, results), images=8, cache=cache)
    assert [row.average for row in judged] == [row.average for row in rows]
    assert judged[-1].expert_agreement == 1
    alone = criterion_scores(zoo, results[0], ["expert_agreement"], images=8, cache=cache)
    assert judged[1].criteria == alone


def test_without_labels_merges_rank_by_agreement(zoo, cache, results):
    rows = unlabelled_rows(without_classes(zoo), results, images=8, cache=cache)
    assert [row.kind for row in rows] == ["zero_shot", *["merged"] * 3, "ensemble", "ensemble", "individual"]
    worth = [row.expert_agreement for row in rows[1:4]]
    assert worth == sorted(worth, reverse=True) and best_merge(rows) is rows[1]
    assert all(set(row.criteria) == set(LABEL_FREE) and not row.done for row in rows)
    known = {row.key: row.expert_agreement for row in judged_rows_of(zoo, results, cache)}
    assert {row.key: row.expert_agreement for row in rows} == known


def test_the_same_as_a_table(zoo, cache, results):
    frame = rank_unlabelled(without_classes(zoo), results, images=8, cache=cache)
    rows = unlabelled_rows(without_classes(zoo), results, images=8, cache=cache)
    assert list(frame["model"]) == [row.model for row in rows]
    assert list(frame["expert_agreement"]) == [row.expert_agreement for row in rows]
    assert {f"{name}_standard_error" for name in LABEL_FREE} <= set(frame.columns)


def judged_rows_of(zoo, results, cache):
    rows = evaluate_rows(zoo, results, "val", cache=cache)
    return judged_rows(zoo, rows, contenders_of(zoo, results), images=8, cache=cache)


def test_which_tasks_have_no_labels(zoo):
    assert tasks_without_labels(zoo) == ()
    assert tasks_without_labels(without_classes(zoo)) == zoo.tasks
    assert tasks_without_labels(without_classes(zoo), ("boats",)) == ("boats",)
    assert tasks_without_labels(dataclasses.replace(zoo, datasets={})) == ()


def test_images_come_from_where_there_are_some(zoo, cache, results):
    assert usual_source(zoo) == "train"
    assert usual_source(without_labels(zoo, {"train": 0})) == "val"
    nowhere = without_labels(zoo, {"train": 0, "val": 0})
    assert usual_source(nowhere) is None
    rows = evaluate_rows(zoo, results, "val", cache=cache)
    assert judged_rows(nowhere, rows, contenders_of(zoo, results), cache=cache) == rows
