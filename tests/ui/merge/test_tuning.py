import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.recipe import MLossOptions, Recipe
from tests.ui.fake_lab import FakePayload, FakeStore
from ui import jobs
from ui.merge.draft import make_draft
from ui.merge.tuning import has_thresholds
from ui.merge.tuning_figures import scale_curve, sentence, threshold_curves, threshold_sentence

FOUND = {
    "thresholds": {"digits": 0.2, "letters": 0.4},
    "counts": {"digits": 30, "letters": 20},
    "curve": [
        {"threshold": 0.2, "tasks": {"digits": 0.9, "letters": 0.5}},
        {"threshold": 0.4, "tasks": {"digits": 0.9, "letters": 0.7}},
    ],
    "recipe": Recipe(method="tall_mask").to_dict(),
}


def draft(name, **values):
    tasks = ("digits", "letters")
    return make_draft(name, values, blocks=None, tasks=tasks, zoo_tasks=tasks, mloss=MLossOptions(), seed=0)


def test_only_masks_with_a_threshold_for_each_task_have_one_to_choose():
    assert has_thresholds(draft("tall_mask"))
    assert not any(has_thresholds(draft(name)) for name in ("consensus", "emr", "ties"))


def test_each_task_has_a_line_and_its_best_marked():
    lines = [trace for trace in threshold_curves(FOUND).data if trace.mode == "lines"]
    marks = [trace for trace in threshold_curves(FOUND).data if trace.mode == "markers"]
    assert [list(line.y) for line in lines] == [[90.0, 90.0], [50.0, 70.0]]
    assert [(mark.x[0], mark.y[0]) for mark in marks] == [(0.2, 90.0), (0.4, 70.0)]
    assert threshold_sentence(FOUND) == "Best on 50 validation images: λ digits 0.2, letters 0.4."


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"tune": lambda params: FakePayload(FOUND, {})})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    return fake


def test_the_choice_is_made_on_request_and_fills_the_form(store):
    def script():
        from tests.ui.fake_card import fake_zoo
        from tests.ui.merge.test_tuning import draft
        from ui.merge.tuning import threshold_section

        threshold_section(fake_zoo(), draft("tall_mask", threshold=0.6))

    at = AppTest.from_function(script, default_timeout=30).run()
    assert not store.submitted
    at.toggle[0].set_value(True).run()
    assert not at.exception
    kind, params = store.submitted[0]
    assert kind == "tune" and params["recipe"]["options"] == {}
    at.button[0].click().run()
    assert at.session_state["mg_tall_mask_thresholds"] == "0.2,0.4"


LABEL_FREE = {
    "scale": 0.4,
    "choose_by": "expert_kl",
    "labels": False,
    "split": "train",
    "curve": [
        {"scale": scale, "average": None, "normalised": None, "value": value, "value_error": 0.05}
        for scale, value in ((0.2, -0.5), (0.4, -0.25), (0.6, -0.28))
    ],
    "counts": {"digits": 64, "letters": 64},
    "at_the_end": False,
}


def test_a_criterions_curve_is_in_its_own_unit():
    line, mark = scale_curve(LABEL_FREE).data
    assert list(line.y) == [-0.5, -0.25, -0.28] and (mark.x[0], mark.y[0]) == (0.4, -0.25)
    assert "nats" in scale_curve(LABEL_FREE).layout.title.text
    assert sentence(LABEL_FREE) == (
        "Best at λ 0.4: −0.250 ± 0.050 nats on 128 training images without their labels. Within one standard error: "
        "λ 0.6."
    )


def test_a_share_is_shown_in_percent():
    found = LABEL_FREE | {"choose_by": "expert_agreement", "split": "val"}
    shares = [{"scale": 0.4, "value": 0.84, "value_error": 0.01}, {"scale": 0.6, "value": 0.8, "value_error": 0.01}]
    found |= {"curve": shares, "at_the_end": True}
    assert list(scale_curve(found).data[0].y) == pytest.approx([84, 80])
    assert "84.0 ± 1.0 % on 128 validation images with their labels hidden. No λ" in sentence(found)


def test_why_the_average_decided_is_said():
    point = {"scale": 0.5, "average": 0.6, "normalised": None, "standard_error": 0.01}
    found = {"scale": 0.5, "curve": [point], "counts": {"Cars": 10}, "at_the_end": False}
    assert "Chosen by" not in sentence({**found, "fallback": ""}) and "Chosen by" not in sentence(found)
    why = "a task's own model is never right, so that no accuracy can be measured by it"
    assert sentence({**found, "fallback": why}).endswith(f" Chosen by average accuracy: {why}.")
