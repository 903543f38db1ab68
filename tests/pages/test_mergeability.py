import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.mergeability.pair_names import METHODS, pair_text
from tests.pages.merge_lab import TASKS, FakeLab, zoo
from ui.formats import plain

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


def table_of(test):
    return next(item.value for item in test.dataframe if "task_a" in item.value)


def metrics(test):
    return dict(test.table[0].value[["Metric", "Value"]].itertuples(index=False))


def test_without_merges_the_page_says_that_it_promises(lab):
    test = page()
    assert "**digits** and **letters** get along best and **shapes** and **signs** worst" in texts(test)
    assert "this is a promise" in texts(test)
    assert {"Measure all metrics", "Merge and measure all pairs"} <= {button.label for button in test.button}


def test_measured_merges_bring_the_answer_and_the_scatter(lab):
    test = page()
    next(button for button in test.button if button.label == "Merge and measure all pairs").click().run()
    assert not test.exception
    assert "**Pairwise M-Loss** goes with the measured quality of Simple Average by r = −1.00 over 6 pairs" in texts(
        test
    )
    assert len(test.get("plotly_chart")) == 3
    assert "points below the best set" in texts(test) or "the best there is" in texts(test)
    assert lab.kinds("pair_merges")[0]["split"] == "val"
    test.selectbox(key="mb_method").set_value("tsv_m").run()
    assert "quality of TSV-M" in texts(test)


def test_one_pair_is_merged_on_demand(lab):
    test = page(mb_pair="digits|shapes")
    next(button for button in test.button if button.label == "Merge and measure this pair").click().run()
    assert lab.kinds("pair_merges")[0]["pairs"] == [["digits", "shapes"]]
    assert "Measured, Simple Average: **97.0 %** (val images)." in texts(test)


def press(test, label):
    next(button for button in test.button if button.label == label).click().run()
    assert not test.exception


def test_one_pair_is_judged_without_labels_on_demand(lab):
    """One job for the one pair; all metrics, once they are measured, say it themselves."""
    test = page(mb_pair="shapes|digits")
    press(test, "Measure without labels")
    (request,) = [params for params in lab.kinds("pairs") if params["metrics"] == ["merged_agreement"]]
    assert request["tasks"] == ["digits", "shapes"]
    assert "agrees with its two experts on **90.0 ± 2.7 %** of images (64 of each task)" in texts(test)
    assert "Measure without labels" not in [button.label for button in test.button]
    press(test, "Measure all metrics")
    assert "on **90.0 ± 2.7 %** of images" in texts(test) and len(lab.kinds("pairs")) == 3


def test_a_pair_that_cannot_be_judged_says_why(lab):
    lab.agreement = None
    test = page(mb_pair="shapes|digits")
    press(test, "Measure without labels")
    assert "Without labels: none, digits has no training images." in texts(test)


@pytest.mark.parametrize("lacks", [{"head": None}, {"images": None}, {"images": {"train": 0, "val": 9, "test": 9}}])
def test_judging_without_labels_needs_heads_and_images(monkeypatch, lacks):
    lab = FakeLab().install(monkeypatch)
    images = {"train": 40, "val": 0, "test": 0}
    models = [{"name": name, "images": images, "classes": 0, "head": [4, 8]} for name in lab.tasks]
    about = {"models": [{"name": "pretrained"}, *models[:-1], models[-1] | lacks]}
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: dataclasses.replace(zoo(lab.tasks), card={}, about=about))
    assert "Measure without labels" not in [button.label for button in page(mb_pair="digits|signs").button]
    test = page(mb_pair="digits|letters")
    press(test, "Measure without labels")
    assert "of images (40 of each task)" in texts(test), "with fewer images than are drawn the error says so"


@pytest.mark.parametrize("odd", ["a|b", "50% & 2, 'x'", '<i> "y"', "Größe 数"])
def test_a_link_opens_a_pair_of_any_names(monkeypatch, odd):
    lab = FakeLab()
    lab.tasks = ("digits", odd, "shapes")
    lab.install(monkeypatch)
    test = page(mb_pair=pair_text(odd, "digits"))
    assert f"**{plain(odd)}** and **digits** promise" in texts(test)


def test_sets_of_models_by_each_guide(lab):
    test = page()
    assert "digits, letters, shapes" in texts(test)
    test.slider(key="mb_size").set_value(2).run()
    assert not test.exception and "digits, letters" in texts(test)


def test_a_first_visit_shows_the_hardest_pair_beside_the_matrix(lab):
    test = page()
    assert not test.exception
    assert len(test.get("plotly_chart")) == 2
    assert "**shapes** and **signs** promise the worst merge of all 6 pairs by Pairwise M-Loss." in texts(test)
    assert metrics(test)["Pairwise M-Loss"] == "39.0 × 10⁻⁶"
    assert metrics(test)["Task-vector cosine"] == "0.05"
    assert len(lab.kinds("pairs")) == 1


def test_a_link_opens_a_pair_and_a_number(lab):
    test = page(mb_pair="letters|digits", mb_metric="Task-vector cosine · geometry of task vectors")
    assert "**letters** and **digits** promise the best merge of all 6 pairs by Task-vector cosine." in texts(test)
    assert test.selectbox(key="mb_block").disabled
    assert metrics(test)["Sign conflict"] == "none"


@pytest.mark.parametrize("pair", ["digits|digits", "digits|cats", "x", "<b>|digits"])
def test_a_pair_that_does_not_exist_falls_back_to_the_hardest(lab, pair):
    test = page(mb_pair=pair)
    assert not test.exception and "**shapes** and **signs**" in texts(test)


def test_an_undefined_number_is_an_empty_cell_with_its_reason(lab):
    test = page(mb_metric="Sign conflict · geometry of task vectors")
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
    assert len(table_of(test)) == 3
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
    frame = table_of(page(mb_metric="Task-vector cosine · geometry of task vectors"))
    assert list(frame["task_vector_cosine_similarity"]) == sorted(frame["task_vector_cosine_similarity"], reverse=True)
    names = ("task_vector_cosine_similarity", "task_vector_l2_distance", "mloss", "mloss_normalised", "sign_conflict")
    assert tuple(frame.columns) == ("task_a", "task_b", *names)
    assert len(frame) == len(TASKS) * (len(TASKS) - 1) // 2


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        (("digits", "letters"), "The one merged pair keeps 97.0 % of its individual accuracy. Nothing tells whether"),
        (("digits", "letters", "shapes"), "by r = −1.00 over 3 pairs"),
    ],
)
def test_merges_of_few_models_are_told_as_measured(monkeypatch, tasks, words):
    lab = FakeLab()
    lab.tasks = tasks
    lab.install(monkeypatch)
    test = page(mb_size="99")
    next(button for button in test.button if button.label == "Merge and measure all pairs").click().run()
    assert not test.exception and words in texts(test) and "promise" not in texts(test).split("M-Loss")[0]


def test_the_only_pair_is_not_called_best_and_worst(monkeypatch):
    lab = FakeLab()
    lab.tasks = ("digits", "letters")
    lab.install(monkeypatch)
    assert "**digits** and **letters** are the only pair with a number for Pairwise M-Loss." in texts(page())


def test_a_merge_whose_quality_is_undefined_has_none(monkeypatch):
    """Where an individual model is never right there is nothing to relate a merge to."""
    lab = FakeLab().install(monkeypatch)
    measured = lab._pair_merges
    nothing = {f"normacc_{name}": None for name in METHODS}
    monkeypatch.setattr(
        lab,
        "_pair_merges",
        lambda params: SimpleNamespace(
            meta={"pairs": [row | nothing for row in measured(params).meta["pairs"]], "split": "val"}, arrays={}
        ),
    )
    test = page(mb_pair="digits|shapes")
    next(button for button in test.button if button.label == "Merge and measure this pair").click().run()
    assert not test.exception and "Measured, " not in texts(test)
    next(button for button in test.button if button.label == "Merge and measure all pairs").click().run()
    assert not test.exception and "No merge of a pair of these models has a measured quality." in texts(test)


@pytest.mark.parametrize("lacks", [{"head": None}, {"classes": 0}])
def test_merges_are_offered_only_where_they_can_be_evaluated(monkeypatch, lacks):
    """Without heads or labels the job could only fail."""
    lab = FakeLab().install(monkeypatch)
    images = {"train": 100, "val": 20, "test": 20}
    models = [{"name": name, "images": images, "classes": 4, "head": [4, 8]} for name in lab.tasks]
    about = {"models": [{"name": "pretrained"}, *models[:-1], models[-1] | lacks]}
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: dataclasses.replace(zoo(lab.tasks), card={}, about=about))
    test = page(mb_pair="digits|signs")
    left = ["Measure all metrics", *(["Measure without labels"] if "classes" in lacks else [])]
    assert not test.exception and [button.label for button in test.button] == left
    assert "Merge and measure this pair" in [button.label for button in page(mb_pair="digits|letters").button]


@pytest.mark.parametrize(
    "params",
    [
        {
            "mb_metric": "nope",
            "mb_block": "99",
            "mb_method": "nix",
            "mb_size": "99",
            "mb_order": "zz",
            "mb_pair": "a|b",
        },
        {"mb_metric": "", "mb_block": "-1", "mb_method": "", "mb_size": "-3", "mb_order": "", "mb_pair": "||"},
        {"mb_size": "x", "mb_models": ["digits", "nope", "signs"], "mb_pair": ["a", "b"]},
    ],
)
def test_links_with_odd_parameters_open_the_page(lab, params):
    test = page(**params)
    next(button for button in test.button if button.label == "Merge and measure all pairs").click().run()
    assert not test.exception and test.selectbox(key="mb_metric").value == "mloss"
    assert len(test.get("plotly_chart")) == 3
