import ast
import re
from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from mloss_core.errors import CacheError, ZooError
from mloss_core.lab.job_types import JOB_TYPES
from tests.ui.fake_card import fake_zoo
from tests.ui.fake_lab import FakePayload, FakeStore
from tests.ui.fake_payloads import inside_node, measured
from ui import frame, jobs

ROOT = Path(__file__).parents[1]

PAIRS = JOB_TYPES["pairs"].title


def samples(params):
    import numpy as np

    count = len(params["indices"])
    return FakePayload({"classes": ["one"] * count}, {"pixels": np.zeros((count, 8, 8, 3), np.uint8)})


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"measure": measured, "node": inside_node, "samples": samples})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    monkeypatch.setattr(frame, "zoo_facts", lambda name: fake_zoo())
    frame._worker.clear()
    return fake


def app(page=None):
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    return at if page is None else at.switch_page(f"pages/{page}.py").run()


def sidebar(at):
    return " ".join(item.value for group in (at.sidebar.caption, at.sidebar.markdown) for item in group)


def test_the_first_page_is_the_overview_with_the_open_zoo_beside_it(store):
    at = app()
    assert not at.exception
    assert at.title[0].value == "Four encoders fine-tuned from one: can they become one again?"
    assert "**Demo zoo** · 4 models" in sidebar(at)


def test_every_page_of_the_navigation_has_its_file():
    names = re.findall(r'\(\s*"(\w+)",\s*"[A-Z]', (ROOT / "app.py").read_text())
    assert sorted(names) == sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.stem)
def test_a_page_is_a_title_and_one_call_into_its_folder(path):
    assert len(path.read_text().splitlines()) < 10
    assert (ROOT / "ui" / path.stem).is_dir() and f"from ui.{path.stem}." in path.read_text()


def test_pages_are_reached_from_the_navigation(store):
    at = app("mloss_map")
    assert not at.exception
    assert at.title[0].value == "M-Loss map"
    assert at.get("plotly_chart")


def test_jobs_of_other_pages_are_listed_and_can_be_stopped(store):
    store.states["pairs"] = "running"
    store.submit("pairs", {"zoo": "demo"})
    at = app("mloss_map")
    assert [progress.text for progress in at.sidebar.progress] == [f"{PAIRS} · block 5 of 12"]
    at.sidebar.button[0].click().run()
    assert store.cancelled
    assert not at.sidebar.progress


def test_a_job_shows_in_one_place(store):
    store.states["measure"] = "running"
    at = app("mloss_map")
    assert any("block 5 of 12" in progress.text for progress in at.main.progress)
    assert not at.sidebar.progress
    at.switch_page("pages/theory.py").run()
    assert [progress.text for progress in at.sidebar.progress] == ["M-Loss · block 5 of 12"]
    assert not at.main.progress


def test_many_jobs_share_one_line(store):
    store.states["pairs"] = "running"
    for number in range(20):
        store.submit("pairs", {"zoo": "demo", "number": number})
    at = app("theory")
    assert [progress.text for progress in at.sidebar.progress] == [f"{PAIRS} and 19 more · block 5 of 12"]


def test_jobs_are_listed_even_when_the_page_stopped_early(store):
    store.states["pairs"] = "running"
    store.submit("pairs", {"zoo": "demo"})
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["map_models"] = ["digits"]
    at.run().switch_page("pages/mloss_map.py").run()
    assert at.sidebar.progress


def test_no_zoo_no_crash(store, monkeypatch):
    def broken(name):
        raise ZooError("the zoo 'demo' cannot be opened.")

    monkeypatch.setattr(frame, "zoo_facts", broken)
    at = app()
    assert not at.exception
    assert "the zoo 'demo' cannot be opened." in [error.value for error in at.error]
    assert "No zoo is open." in sidebar(at)


def test_read_only_cache_is_one_sentence_where_work_is_asked_for(store, monkeypatch):
    def refuse(*args, **kwargs):
        raise CacheError("cannot write the cache: read-only file system.")

    monkeypatch.setattr(store, "ensure_worker", refuse)
    monkeypatch.setattr(store, "submit", refuse)
    at = app("mloss_map")
    assert not at.exception
    assert [error.value for error in at.error] == ["cannot write the cache: read-only file system."]


def test_page_that_ran_without_the_app_starts_over(store, monkeypatch):
    at = AppTest.from_file(str(ROOT / "pages" / "mloss_map.py"), default_timeout=60)
    monkeypatch.setattr(PagesManager, "uses_pages_directory", True)
    with pytest.MonkeyPatch.context() as patch:
        rerun = []
        patch.setattr("streamlit.rerun", lambda: rerun.append(True))
        frame._run_under_app()
    assert rerun == [True]
    assert PagesManager.uses_pages_directory is False
    assert not at.run().exception


def test_device_choice_shows_only_where_there_is_one(store, monkeypatch):
    assert [box.key for box in app().sidebar.selectbox] == ["zoo"]
    monkeypatch.setattr(frame, "devices", lambda: ("cpu", "cuda:0"))
    at = app()
    assert at.sidebar.selectbox(key="device").options == ["Automatic", "CPU", "GPU 0"]


@pytest.mark.parametrize("path", [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))], ids=lambda path: path.name)
def test_no_bare_text_in_a_script_since_streamlit_would_show_it(path):
    bare = [
        node.lineno
        for node in ast.parse(path.read_text(encoding="utf-8")).body[1:]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    assert bare == []
