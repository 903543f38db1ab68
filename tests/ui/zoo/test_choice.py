from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.errors import ZooError
from mloss_core.zoo.embedded import EMBEDDED, EmbeddedZoo
from mloss_core.zoo.offered import VARIABLE
from tests.ui.fake_card import fake_zoo
from tests.ui.fake_lab import FakePayload, FakeStore
from tests.ui.fake_payloads import inside_node, measured
from tests.ui.fake_summary import fake_summary
from ui import frame, jobs
from ui.zoo import choice as zoo_choice

TITLES = [row.title for row in EMBEDDED.values()]
APP = str(Path(__file__).parents[3] / "app.py")


def strip(params):
    count = len(params["indices"])
    return FakePayload({"classes": ["one"] * count}, {"pixels": np.zeros((count, 8, 8, 3), np.uint8)})


def opening(params):
    if Path(params["zoo"]).name == "broken":
        raise ValueError("the zoo broken cannot be opened: a.pt is a web page.")
    return FakePayload(fake_summary(), {})


@pytest.fixture
def store(monkeypatch, tmp_path):
    for name in ("mine", "broken"):
        (tmp_path / "zoos" / name).mkdir(parents=True)
        (tmp_path / "zoos" / name / "zoo.json").write_text("{}")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "zoos"))
    monkeypatch.setattr("mloss_core.zoo.offered.ROOT", tmp_path / "no-checkpoints")
    fake = FakeStore({"zoo": opening, "measure": measured, "node": inside_node, "samples": strip})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    monkeypatch.setattr(frame, "zoo_facts", lambda name: fake_zoo())
    frame._worker.clear()
    zoo_choice._offered.clear()
    return fake


def app(**query):
    at = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def choice(at):
    return at.sidebar.selectbox(key=zoo_choice.ZOO)


def test_zoos_below_the_roots_are_listed_by_name(store):
    at = app()
    assert choice(at).options == [*TITLES, "broken", "mine"]
    assert choice(at).value == "demo"


def test_without_roots_there_is_nothing_to_choose(store, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    zoo_choice._offered.clear()
    assert choice(app()).options == TITLES
    for name in [name for name in reversed(EMBEDDED) if name != "demo"]:
        monkeypatch.delitem(EMBEDDED, name)
    assert not app().sidebar.selectbox


def test_an_embedded_zoo_beside_the_default_one_is_a_row_of_the_table(store, monkeypatch):
    monkeypatch.setitem(EMBEDDED, "demo3", EmbeddedZoo("demo3", "Demo zoo, 3 tasks", EMBEDDED["demo"].folder, 3))
    at = app()
    assert choice(at).options == [*TITLES, "Demo zoo, 3 tasks", "broken", "mine"]
    at = choice(at).select("demo3").run()
    assert not at.exception and ("zoo", {"zoo": "demo3"}) in store.submitted
    assert "**Demo zoo, 3 tasks** · 4 models" in [item.value for item in at.sidebar.markdown]


def test_choosing_a_zoo_opens_it(store, tmp_path):
    at = choice(app()).select("mine").run()
    assert not at.exception
    assert ("zoo", {"zoo": str(tmp_path / "zoos" / "mine")}) in store.submitted
    assert "**mine** · 4 models" in [item.value for item in at.sidebar.markdown]
    assert {metric.label: metric.value for metric in at.metric}["Backbone"] == "ViT-B-32"


def test_pages_work_on_the_chosen_zoo(store, tmp_path):
    choice(app()).select("mine").run().switch_page("pages/mloss_map.py").run()
    asked = [params["zoo"] for kind, params in store.submitted if kind == "measure"]
    assert asked[-1] == str(tmp_path / "zoos" / "mine")


def test_choices_made_for_another_zoo_are_forgotten(store):
    at = app(map_models="digits")
    at.session_state["_mg_entries"] = ("old",)
    at = choice(at).select("mine").run()
    assert not at.exception
    assert "_mg_entries" not in at.session_state
    assert "map_models" not in at.query_params


def test_a_zoo_on_its_way_shows_progress_and_a_way_back(store):
    store.states["zoo"] = "running"
    at = choice(app()).select("mine").run()
    assert not at.exception
    assert at.title[0].value == "mine"
    assert at.main.progress[0].text.startswith("Opening mine")
    at = next(button for button in at.main.button if button.label == "Back to the demo zoo").click().run()
    assert at.title[0].value.startswith("Four encoders")


def test_a_broken_zoo_says_what_is_wrong(store):
    at = choice(app()).select("broken").run()
    assert [error.value for error in at.error] == ["the zoo broken cannot be opened: a.pt is a web page."]
    assert {button.label for button in at.main.button} == {"Try again", "Back to the demo zoo"}


@pytest.mark.parametrize("name", ["../../etc", "/etc", "nowhere"])
def test_a_link_cannot_name_another_folder(store, name):
    at = app(zoo=name)
    assert not at.exception
    assert not [params for kind, params in store.submitted if kind == "zoo"]
    assert at.title[0].value == "No zoo is open" and "not offered here" in at.error[0].value
    at = at.main.button[0].click().run()
    assert at.title[0].value.startswith("Four encoders") and choice(at).value == "demo"
    assert "zoo" not in at.query_params


def test_a_bad_root_is_one_sentence(store, monkeypatch):
    def refuse(*args):
        raise ZooError("a root of zoos must be a folder of its own.")

    monkeypatch.setattr(zoo_choice, "_offered", refuse)
    at = app(zoo="mine")
    assert not at.exception
    assert at.error[0].value == "a root of zoos must be a folder of its own."


def test_the_list_shows_the_open_zoo_of_itself_in_every_run(store):
    """A browser that is not told the value shows the default, and reports it as somebody's choice."""
    at = app(zoo="demo20")
    for _ in range(2):
        shown = choice(at)
        assert shown.options[shown.proto.default] == EMBEDDED["demo20"].title == shown.options[shown.index]
        at.run()
    choice(at).set_value("demo").run()
    assert choice(at).proto.default == 0 and not at.exception
