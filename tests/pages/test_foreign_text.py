"""A zoo whose names, classes, notes and errors are markup: no page carries any of it raw."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.inspect_lab import InspectLab
from tests.ui.fake_lab import FakePayload, FakeStore
from tests.ui.fake_summary import fake_summary
from ui import jobs
from ui.zoo.facts import facts_of_summary

PAGES = Path(__file__).parents[2] / "pages"
HOST = "evil.example"
PICTURE = f"![a](http://{HOST}/x.png)"
TASKS = (PICTURE, f"[b](http://{HOST})", "$x$ *y* `z`", f"<a href='http://{HOST}'>w</a> :red[q] :smile:")
RAW = re.compile(rf"(?<!\\)(\[a\]|\[b\]|\[q\]|\$x|\*y|`z|<a href|:smile:)|http://{HOST}")


def texts(node) -> Iterator[tuple[str, str]]:
    """Every text of an element that Streamlit reads as Markdown, with the kind of element."""
    proto = getattr(node, "proto", None)
    if node.type in ("code", "arrow_data_frame", "json", "plotly_chart", "text_input", "query_params"):
        return
    for name in ("body", "label", "help", "text", "caption"):
        value = getattr(proto, name, None)
        if isinstance(value, str) and value:
            yield node.type, value
    for option in getattr(proto, "options", ()) or ():
        content = getattr(option, "content", None)
        if content:
            yield node.type, content
    for image in getattr(proto, "imgs", ()) or ():
        yield node.type, image.caption


def raw_texts(at: AppTest) -> list[tuple[str, str]]:
    found = []
    for block in (at.main, at.sidebar):
        found += [(kind, text) for node in block for kind, text in texts(node) if RAW.search(text)]
    return found


def shown(at: AppTest) -> str:
    """All texts, without escapes."""
    joined = "\n".join(text for block in (at.main, at.sidebar) for node in block for _, text in texts(node))
    return joined.replace("\\", "").replace("\u2060", "")


@pytest.fixture
def store(monkeypatch):
    def strip(params):
        count = len(params["indices"])
        return FakePayload({"classes": [PICTURE] * count}, {"pixels": np.zeros((count, 8, 8, 3), np.uint8)})

    fake = FakeStore({"samples": strip})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    facts = facts_of_summary(f"/zoos/{PICTURE}", PICTURE, fake_summary(TASKS, notes=[PICTURE, f"- {TASKS[2]}"]))
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts)
    return fake


@pytest.mark.parametrize("tab", ["Confusion", "Blocks", "Features", "Calibration"])
@pytest.mark.parametrize("labels", [True, False])
def test_inspect_carries_no_names_raw(store, labels, tab, monkeypatch):
    monkeypatch.setattr("tests.pages.inspect_lab.CLASSES", TASKS[:3])
    lab = InspectLab(labels=labels)
    kinds = ("inspect", "pictures", "inspect_features", "inspect_blocks", "inspect_calibration")
    store.answers |= {kind: getattr(lab, f"_{kind}") for kind in kinds}
    at = AppTest.from_file(str(PAGES / "inspect.py"), default_timeout=60)
    at.query_params["in_tab"] = tab
    at.query_params["in_marked"] = "1,2"
    at.query_params["in_a"] = json.dumps([{"method": "ties", "name": PICTURE}])
    at.run()
    assert not at.exception and store.done("inspect")
    assert raw_texts(at) == []


@pytest.mark.parametrize("page", ["overview", "merge", "mloss_map", "mergeability"])
def test_no_page_carries_names_raw(page, store):
    at = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=60).run()
    assert not at.exception
    assert raw_texts(at) == []


def test_the_overview_shows_names_classes_and_notes_as_they_are(store):
    at = AppTest.from_file(str(PAGES / "overview.py"), default_timeout=60).run()
    for name in TASKS:
        assert name in shown(at)


def test_a_failed_job_shows_its_error_as_text(monkeypatch):

    def script():
        import streamlit as st

        from tests.pages.test_foreign_text import TASKS
        from ui.errors import show_error

        show_error("; ".join(TASKS))
        show_error("the zoo x cannot be opened, 2 problems: (1) " + TASKS[0] + " is empty. (2) " + TASKS[1] + ".")
        st.write("done")

    at = AppTest.from_function(script).run()
    assert not at.exception and raw_texts(at) == [] and len(at.error) == 2
    assert at.error[1].value.count("\n\n") == 2


def test_a_link_to_a_zoo_of_such_a_name_is_refused_in_plain_text(monkeypatch):
    def script():
        from mloss_core.errors import unknown_name
        from tests.pages.test_foreign_text import PICTURE
        from ui.zoo.choice import refused

        refused(unknown_name("zoo", PICTURE, ["demo"]))

    at = AppTest.from_function(script).run()
    assert not at.exception and raw_texts(at) == [] and PICTURE in shown(at)
