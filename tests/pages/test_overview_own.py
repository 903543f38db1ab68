"""The Overview of a folder of checkpoints."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.fake_lab import FakePayload, FakeStore
from tests.ui.fake_payloads import TASKS
from tests.ui.fake_summary import fake_summary
from ui import jobs
from ui.formats import plain
from ui.overview.folder import LIMIT, _placement
from ui.zoo.facts import facts_of_summary

PAGE = str(Path(__file__).parents[2] / "pages" / "overview.py")


def strip(params):
    count = len(params["indices"])
    return FakePayload({"classes": ["one"] * count}, {"pixels": np.zeros((count, 8, 8, 3), np.uint8)})


def baselines(params):
    levels = {
        "Zero-shot": ("zero_shot", 0.4),
        "Ensemble (features)": ("ensemble", 0.5),
        "Ensemble": ("ensemble", 0.6),
        "Individual": ("individual", 0.9),
    }
    rows = [
        {
            "model": name,
            "kind": kind,
            "tasks": dict.fromkeys(TASKS, level),
            "counts": dict.fromkeys(TASKS, 40),
            "average": level,
            "standard_error": 0.03,
        }
        for name, (kind, level) in levels.items()
    ]
    return FakePayload({"rows": rows}, {})


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"samples": strip, "baselines": baselines})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    return fake


def page(monkeypatch, **changes):
    facts = facts_of_summary("/zoos/mine", "mine", fake_summary(**changes))
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts)
    return AppTest.from_file(PAGE, default_timeout=30).run()


def test_it_says_what_was_found(store, monkeypatch):
    at = page(monkeypatch)
    assert not at.exception
    values = {metric.label: metric.value for metric in at.metric}
    assert values == {
        "Models": "4",
        "Weights a model": "0.62 M",
        "Backbone": "ViT-B-32",
        "Activation": "quick_gelu",
        "On disk": "12.5 MB",
    }
    table = at.dataframe[0].value
    assert list(table["Model"]) == ["pretrained", *TASKS]
    assert list(table["Head"]) == ["–", *["3 classes"] * 4]
    assert table["Images"][1] == "90 / 10 / 40" and table["Moved"][1] == "4.0 %"


def test_notes_are_text_and_no_markup(store, monkeypatch):
    assert plain("[a](b) *c* $d$") == r"\[a\](b) \*c\* \$d\$"
    at = page(monkeypatch)
    assert at.expander[0].label == "Notes from opening (1)"
    assert at.expander[0].markdown[0].value == r"- Activation \*assumed\*."


def test_accuracies_are_measured_only_when_asked_for(store, monkeypatch):
    at = page(monkeypatch)
    assert not [params for kind, params in store.submitted if kind == "baselines"]
    at.toggle[0].set_value(True).run()
    asked = [params for kind, params in store.submitted if kind == "baselines"]
    assert asked == [{"zoo": "/zoos/mine", "tasks": None, "split": "test", "limit": LIMIT}]
    assert "Zero-shot 40.0 %, Ensemble 60.0 % and Individual 90.0 %" in " ".join(c.value for c in at.caption)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"images": TASKS[1:]}, f"Accuracies need images of every task; {TASKS[0]} lacks them. Looked in data"),
        ({"heads": TASKS[:-1]}, f"Accuracies need a zero-shot head of every task; {TASKS[-1]} lacks them. Add head_"),
    ],
)
def test_what_is_missing_is_said_with_a_way_out(lacking, words, store, monkeypatch):
    at = page(monkeypatch, **lacking)
    assert not at.exception and not at.toggle
    assert at.info[0].value.startswith(words)


def test_a_zoo_without_any_images_shows_no_strips(store, monkeypatch):
    at = page(monkeypatch, images=(), heads=())
    assert not at.exception
    assert not [kind for kind, _ in store.submitted if kind == "samples"]


def test_images_come_from_all_over_the_split(store, monkeypatch):
    page(monkeypatch)
    asked = [params for kind, params in store.submitted if kind == "samples"]
    assert asked[0]["indices"] == [0, 8, 16, 24, 32] and asked[0]["split"] == "test"


@pytest.mark.parametrize(
    ("device", "placement", "words"),
    [
        ("cpu", None, "Runs on the processor"),
        ("cuda:0", {"needed": 3_000_000_000, "room": 9_000_000_000}, "GPU 0: once used, all weights (3.0 GB) stay"),
        ("cuda:1", {"needed": 30_000_000_000, "room": 9_000_000_000}, "GPU 1: once used, 9.0 GB of the 30.0 GB of"),
    ],
)
def test_it_says_where_the_weights_are(device, placement, words):
    assert words in _placement(device, placement)
