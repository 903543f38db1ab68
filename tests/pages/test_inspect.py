import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.recipe import Recipe
from tests.pages.inspect_lab import IMAGES, InspectLab
from tests.ui.fake_summary import fake_summary
from ui.merge.entries import row_key
from ui.zoo.facts import facts_of_summary

PAGE = str(Path(__file__).parents[2] / "pages" / "inspect.py")
DARE = Recipe(method="dare", options={"keep_rate": 0.5})
LINK = json.dumps([{"method": "dare", "options": {"keep_rate": 0.5}, "name": "Mine"}])


@pytest.fixture
def lab(monkeypatch):
    return InspectLab().install(monkeypatch)


def page(**params):
    test = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in params.items():
        test.query_params[name] = value
    return test.run()


def texts(test):
    groups = (test.markdown, test.caption, test.info, test.warning, test.error)
    return " ".join(item.value for group in groups for item in group)


def captions(test):
    """What is written below the images."""
    return " ".join(image.caption for found in test.get("image") for image in found.proto.imgs)


def link(test, name):
    """What the address carries under a name."""
    value = test.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def asked(lab):
    return lab.kinds("inspect")[-1]


def shown(lab):
    """Indices of the images that were last drawn for each list."""
    return [params["indices"] for kind, params in lab.submitted if kind == "pictures"]


def test_a_first_visit_holds_the_last_merge_against_the_ensemble(lab):
    test = page()
    assert not test.exception and test.title[0].value == "Inspect"
    assert asked(lab)["a"]["method"] == "m_ties" and asked(lab)["b"] == "ensemble"
    assert asked(lab)["task"] == "digits" and asked(lab)["split"] == "test"
    assert f"of {IMAGES} images" in texts(test) and "(paired)" in texts(test)
    assert test.segmented_control(key="in_field").value == "only_b"
    assert "images that only B gets right" in texts(test)
    assert len(test.get("plotly_chart")) == 2 and len(test.get("image")) == len(shown(lab)[0]) + len(shown(lab)[1])


def test_a_field_opens_its_images(lab):
    test = page()
    before = shown(lab)[0]
    test.segmented_control(key="in_field").set_value("both_wrong").run()
    assert "that both get wrong" in texts(test) and not test.exception
    assert not set(before) & set(shown(lab)[-2])
    assert link(test, "in_field") == "both_wrong"


def test_a_link_opens_everything_it_holds(lab):
    test = page(in_a=LINK, in_b="individual", in_task="shapes", in_split="val", in_field="both_right", in_tab="Blocks")
    assert not test.exception
    assert asked(lab)["a"] == DARE.to_dict() and asked(lab)["b"] == "individual"
    assert (asked(lab)["task"], asked(lab)["split"]) == ("shapes", "val")
    assert test.selectbox(key="in_a").value == row_key(DARE) and "Mine is right on" in texts(test)
    assert "that both get right" in texts(test) and "Similarity to the expert" in texts(test)
    assert json.loads(link(test, "in_a"))[0]["name"] == "Mine"


def test_a_page_of_a_list_is_in_the_link(lab):
    test = page(in_field="both_right")
    first = shown(lab)[0]
    assert len(first) == 12
    lab.submitted.clear()
    again = page(in_field="both_right", in_page="2")
    assert not again.exception and not set(first) & set(shown(lab)[0])
    assert "in_page" not in test.query_params and link(again, "in_page") == "2"


@pytest.mark.parametrize(
    "params",
    [
        {"in_a": "nonsense"},
        {"in_a": '[{"method":"tise"}]'},
        {"in_a": "[]"},
        {"in_b": "<b>"},
        {"in_task": "cats"},
        {"in_split": "train"},
        {"in_field": "agree"},
        {"in_cell": "9.9"},
        {"in_cell": "a.b"},
        {"in_page": "999"},
        {"in_page": "x"},
        {"in_tab": "Features", "in_marked": "1,x"},
        {"in_tab": "Features", "in_marked": "999999"},
        {"in_view": "agreement"},
    ],
)
def test_a_link_with_nonsense_opens_the_usual_view(lab, params):
    test = page(**params)
    assert not test.exception and not test.error
    assert asked(lab)["a"]["method"] == "m_ties" and asked(lab)["b"] == "ensemble" and asked(lab)["task"] == "digits"


def test_models_can_be_swapped(lab):
    test = page()
    test.button(key="in_swap").click().run()
    assert asked(lab)["a"] == "ensemble" and asked(lab)["b"]["method"] == "m_ties" and not test.exception


def test_a_model_against_itself_is_one_sentence(lab):
    test = page(in_a="ensemble", in_b="ensemble")
    assert not test.exception and not lab.kinds("inspect")
    assert [info.value for info in test.info] == ["A and B are the same model: choose another one to compare it with."]


def test_the_confusion_tab_shows_a_cell(lab):
    test = page(in_view="a", in_cell="0.1")
    assert "of one that A calls two" in texts(test)
    test.segmented_control(key="in_view").set_value("difference").run()
    assert "of one that exactly one of A and B calls two" in texts(test) and not test.exception


def test_another_task_has_other_cells_and_images(lab):
    test = page(in_view="a", in_cell="0.1", in_field="both_right")
    test.selectbox(key="in_task").set_value("signs").run()
    assert not test.exception and asked(lab)["task"] == "signs"
    assert link(test, "in_cell") is None and link(test, "in_field") == "both_right"


def test_the_other_tabs(lab):
    test = page(in_tab="Features", in_marked="3,5")
    assert not test.exception and "Share of each model's variance" in texts(test)
    assert [one if isinstance(one, str) else one["method"] for one in lab.kinds("inspect_features")[0]["models"]] == [
        "zero_shot",
        "individual",
        "ensemble",
        "m_ties",
    ]
    assert shown(lab)[-1] == [3, 5]
    test = page(in_tab="Calibration")
    assert not test.exception and "too sure" in texts(test)
    assert list(test.dataframe[0].value["model"]) == ["Individual", "Ensemble", "M-TIES k 0.8 e 0.1"]
    assert not lab.kinds("inspect_blocks")


def test_images_without_labels_show_disagreement(monkeypatch):
    lab = InspectLab(labels=False).install(monkeypatch)
    test = page()
    assert not test.exception and "These images have no labels." in texts(test)
    assert test.segmented_control(key="in_field").options == ["Same", "Different"]
    assert "to which they give different answers" in texts(test) and "accuracy" not in texts(test).lower()
    assert not test.get("button_group") or all(one.key != "in_view" for one in test.get("button_group"))
    assert ".jpg" in captions(test)
    assert "Calibration needs labels" in texts(page(in_tab="Calibration")) and not lab.kinds("inspect_calibration")


def test_while_the_models_are_asked_the_choices_stay(monkeypatch):
    InspectLab({"inspect": "running"}).install(monkeypatch)
    test = page()
    assert not test.exception and test.selectbox(key="in_task").value == "digits" and not test.get("plotly_chart")


def test_a_request_that_is_refused_is_one_sentence(monkeypatch):
    lab = InspectLab(refuse="the zoo is gone.").install(monkeypatch)
    test = page()
    assert not test.exception and [error.value for error in test.error] == ["the zoo is gone."]
    assert not lab.submitted


def own(monkeypatch, **changes):
    summary = fake_summary()
    for model in summary["models"][1:]:
        model.update(changes)
    facts = facts_of_summary("/zoos/mine", "mine", summary)
    monkeypatch.setattr("ui.frame.current_zoo", lambda: facts)
    return facts


def test_a_zoo_on_disk_limits_its_images(monkeypatch):
    lab = InspectLab().install(monkeypatch)
    own(monkeypatch)
    test = page()
    assert not test.exception and asked(lab)["limit"] == 500
    test.selectbox(key="in_limit").set_value("100").run()
    assert asked(lab)["limit"] == 100 and link(test, "in_limit") == "100"


def test_unlabelled_images_of_a_zoo_on_disk_are_its_training_split(monkeypatch):
    lab = InspectLab(labels=False).install(monkeypatch)
    own(monkeypatch, images={"train": 60, "val": 0, "test": 0}, classes=0)
    assert not page().exception and asked(lab)["split"] == "train"


@pytest.mark.parametrize(
    ("changes", "words"), [({"images": None}, "Answers need images of every task"), ({"head": None}, "zero-shot head")]
)
def test_what_a_zoo_on_disk_lacks_is_said(monkeypatch, changes, words):
    lab = InspectLab().install(monkeypatch)
    own(monkeypatch, **changes)
    test = page()
    assert not test.exception and words in test.info[0].value and not lab.kinds("inspect")
