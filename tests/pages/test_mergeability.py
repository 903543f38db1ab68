from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.merge_lab import TASKS, FakeLab

PAGE = str(Path(__file__).parents[2] / "pages" / "mergeability.py")


@pytest.fixture
def lab(monkeypatch):
    return FakeLab().install(monkeypatch)


def page(**params):
    test = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in params.items():
        test.query_params[name] = value
    return test.run()


def texts(test):
    return " ".join(item.value for group in (test.markdown, test.caption, test.info, test.error) for item in group)


def metrics(test):
    return dict(test.table[0].value[["Metric", "Value"]].itertuples(index=False))


def test_a_first_visit_shows_the_hardest_pair_beside_the_matrix(lab):
    test = page()
    assert not test.exception
    assert len(test.get("plotly_chart")) == 2
    assert "**shapes** and **signs** promise the worst merge of all 6 pairs by Pairwise M-Loss." in texts(test)
    assert metrics(test)["Pairwise M-Loss"] == "39.0 × 10⁻⁶"
    assert metrics(test)["Task-vector cosine"] == "0.05"
    assert len(lab.kinds("pairs")) == 1


def test_a_link_opens_a_pair_and_a_number(lab):
    test = page(mb_pair="letters|digits", mb_metric="Task-vector cosine")
    assert "**letters** and **digits** promise the best merge of all 6 pairs by Task-vector cosine." in texts(test)
    assert test.selectbox(key="mb_block").disabled
    assert metrics(test)["Sign conflict"] == "none"


@pytest.mark.parametrize("pair", ["digits|digits", "digits|cats", "x", "<b>|digits"])
def test_a_pair_that_does_not_exist_falls_back_to_the_hardest(lab, pair):
    test = page(mb_pair=pair)
    assert not test.exception and "**shapes** and **signs**" in texts(test)


def test_an_undefined_number_is_an_empty_cell_with_its_reason(lab):
    test = page(mb_metric="Sign conflict")
    assert "Empty cells: 1 pair has no number: no weight was changed by both models." in texts(test)
    assert "the order is the zoo's" in texts(test)


def test_a_block_changes_the_matrix_and_the_title(lab):
    test = page()
    test.selectbox(key="mb_block").set_value("11").run()
    assert "by Pairwise M-Loss in block 11" in texts(test)


def test_any_subset_of_models_is_live_without_new_work(lab):
    test = page()
    test.pills(key="mb_models").set_value(["digits", "letters", "shapes"]).run()
    assert "of all 3 pairs" in texts(test)
    assert len(test.dataframe[0].value) == 3
    assert len(lab.kinds("pairs")) == 1


@pytest.mark.parametrize("models", [[], ["digits"]])
def test_fewer_than_two_models_is_one_sentence(lab, models):
    test = page()
    test.pills(key="mb_models").set_value(models).run()
    assert not test.exception
    assert [info.value for info in test.info] == ["Choose at least two models above: a pair needs two."]
    assert not test.get("plotly_chart")


def test_two_models_are_a_matrix_without_a_tree(lab):
    test = page()
    test.pills(key="mb_models").set_value(["digits", "letters"]).run()
    assert not test.exception and "are the only pair" in texts(test)


def test_a_zoo_of_one_model_says_so(monkeypatch):
    lab = FakeLab()
    lab.tasks = ("digits",)
    lab.install(monkeypatch)
    test = page()
    assert not test.exception and "pairs need at least two" in texts(test)
    assert not lab.submitted


def test_while_pairs_are_compared_the_controls_stay(monkeypatch):
    FakeLab({"pairs": "running"}).install(monkeypatch)
    test = page()
    assert not test.exception
    assert test.selectbox(key="mb_metric").value == "mloss" and not test.get("plotly_chart")


def test_the_table_is_sorted_by_the_chosen_number(lab):
    frame = page(mb_metric="Task-vector cosine").dataframe[0].value
    assert list(frame["task_vector_cosine"]) == sorted(frame["task_vector_cosine"], reverse=True)
    assert tuple(frame.columns) == (
        "task_a",
        "task_b",
        "mloss",
        "mloss_normalised",
        "task_vector_cosine",
        "task_vector_distance",
        "sign_conflict",
    )
    assert len(frame) == len(TASKS) * (len(TASKS) - 1) // 2
