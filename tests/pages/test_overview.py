from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.lab.requests import recipe_request
from mloss_core.recipe import Recipe
from tests.ui.fake_card import control, fake_manifest, fake_zoo
from tests.ui.fake_lab import FakePayload, FakeStore
from tests.ui.fake_payloads import TASKS, measured
from ui import jobs
from ui.zoo.facts import facts_of

PAGE = str(Path(__file__).parents[2] / "pages" / "overview.py")


def strip(params):
    count = len(params["indices"])
    names = [f"class {place}" for place in range(count)]
    return FakePayload({"classes": names}, {"pixels": np.zeros((count, 8, 8, 3), np.uint8)})


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"samples": strip, "measure": measured})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: fake_zoo())
    return fake


def page():
    return AppTest.from_file(PAGE, default_timeout=30).run()


def texts(at):
    return " ".join(str(item.value) for group in (at.markdown, at.caption) for item in group)


def test_the_story_is_told_in_order(store):
    at = page()
    assert not at.exception
    assert at.title[0].value.startswith("Four encoders fine-tuned from one")
    values = {metric.label: metric.value for metric in at.metric}
    assert values["Models"] == "4"
    assert values["Weights a model"] == "0.62 M"
    assert values["Zero-shot"] == "49.5 %"
    (best,) = [metric for metric in at.metric if "merge" in metric.label]
    assert (best.label, best.value, best.delta) == ("Best of the card's three merges", "64.5 %", "TIES k 0.5")
    assert values["Individual"] == "90.5 %"
    assert len(at.get("plotly_chart")) == 4


def test_a_better_merge_that_was_measured_here_is_the_best_and_says_so(store):
    def evaluated(params):
        level = {"average": 0.6, "ties": 0.99, "iso_c": 0.863, "tsv_m": 0.85, "tall_mask": 0.95}[
            params["recipe"]["method"]
        ]
        kind = "per_task" if params["recipe"]["method"] == "tall_mask" else "merged"
        row = {"kind": kind, "tasks": dict.fromkeys(TASKS, level), "average": level, "standard_error": 0.004}
        return FakePayload({"row": row}, {})

    store.answers["recipe"] = evaluated
    for method in ("average", "iso_c", "tsv_m", "tall_mask"):
        store.submit("recipe", recipe_request("demo", Recipe(method=method), "test", None, TASKS))
    ties = Recipe(method="ties")
    store.submit("recipe", recipe_request("demo", ties, "val", None, TASKS))
    store.submit("recipe", recipe_request("demo", ties, "test", 500, TASKS))
    store.submit("recipe", recipe_request("other", ties, "test", None, TASKS))
    store.submit("recipe", recipe_request("demo", ties.replace(tasks=TASKS[:2]), "test", None, TASKS))
    (best,) = [metric for metric in page().metric if "merge" in metric.label]
    assert (best.label, best.value, best.delta) == ("Best merge measured here", "86.3 %", "Iso-C β 1")


def test_figures_say_where_they_come_from_and_what_the_control_says(store):
    words = texts(page())
    assert "measured once on 4\u202f000 test images" in words
    assert "makes no measurable difference here" in words


def test_table_has_a_row_a_model_with_errors(store):
    table = page().dataframe[0].value
    assert list(table["Model"]) == list(TASKS)
    assert table["Individual"][0] == "89.0 ± 1.0 %"
    assert table["Digest"][0] == "1" * 10
    assert table["Size"][0] == "1.2 MB"


def test_every_task_has_a_strip_of_images(store):
    at = page()
    asked = [params for kind, params in store.submitted if kind == "samples"]
    assert [params["task"] for params in asked] == list(TASKS)
    assert len(at.get("image")) == 5 * len(TASKS)


def test_strips_on_their_way_hold_their_place(store):
    store.states["samples"] = "running"
    at = page()
    assert len(at.get("skeleton")) == len(TASKS)
    assert len(at.progress) == len(TASKS)
    assert not at.exception


def test_strips_that_failed_say_so(store):
    store.states["samples"] = "failed"
    at = page()
    assert texts(at).count("the weights are damaged.") == len(TASKS)
    assert not at.exception


def test_the_map_of_the_next_page_is_prepared(store):
    page()
    asked = [params for kind, params in store.submitted if kind == "measure"]
    assert asked[0]["tasks"] is None
    assert asked[0]["mloss"]["samples_per_task"] == 16


def test_a_card_without_controls_says_nothing_about_them(store, monkeypatch):
    card = fake_manifest() | {"controls": {"test": [control("m_ties k=0.8 e=0", 0.1, 0.1)]}}
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts_of("demo", card, 10))
    assert "Control" not in texts(page())


def test_next_steps_lead_to_pages_that_exist(store):
    from ui.overview.view import STEPS

    root = Path(PAGE).parents[1]
    assert all((root / path).exists() for path, *_ in STEPS)
    assert len(page().button) == len(STEPS)


def test_incomplete_card_is_one_sentence(store, monkeypatch):
    card = fake_manifest()
    del card["average"]
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts_of("demo", card, 10))
    at = page()
    assert not at.exception
    assert at.error[0].value.startswith("the zoo's model card is incomplete (no 'average')")
