"""Live requests as files: the newest of each window counts, and an answer is of one request alone."""

import os
import time

import pytest

from mloss_core.errors import CacheError, InvalidOptionError
from mloss_core.lab.live.mailbox import FORGOTTEN, Mailbox, new_window

PARAMS = {"zoo": "demo", "recipe": {"method": "ties"}, "split": "val"}


@pytest.fixture
def boxes(tmp_path):
    """The page's and the worker's."""
    return Mailbox(tmp_path), Mailbox(tmp_path)


def test_the_newest_request_of_each_window_counts(boxes):
    page, worker = boxes
    assert worker.requests("cpu") is None
    one, two = new_window(), new_window()
    first = page.ask(one, PARAMS, "cpu")
    other = page.ask(two, {**PARAMS, "split": "test"}, "cpu")
    assert sorted(worker.requests("cpu"), key=lambda each: each.asked) == [first, other]
    assert worker.is_current(first)
    second = page.ask(one, PARAMS, "cpu")
    assert not worker.is_current(first)
    assert {request.token for request in worker.requests("cpu")} == {second.token, other.token}
    assert worker.is_current(second) and worker.is_current(other)
    assert worker.requests("cuda:0") == []


def test_a_quiet_folder_is_not_read(boxes):
    page, worker = boxes
    page.ask(new_window(), PARAMS, "cpu")
    while worker.requests("cpu") is not None:
        time.sleep(0.02)
    page.ask(new_window(), PARAMS, "cpu")
    assert len(worker.requests("cpu")) == 2


def test_an_answer_is_of_one_request(boxes):
    page, worker = boxes
    window = new_window()
    first = page.ask(window, PARAMS)
    worker.put(first, {"stage": "few"})
    assert page.state(first) == {"stage": "few"}
    second = page.ask(window, PARAMS)
    assert page.state(second) is None
    worker.put(first, {"stage": "all"})
    assert page.state(second) is None


def test_what_is_no_request(boxes, tmp_path):
    page, worker = boxes
    with pytest.raises(InvalidOptionError, match="live takes zoo, recipe, split"):
        page.ask(new_window(), {"zoo": "demo"})
    with pytest.raises(InvalidOptionError, match="device must be auto, cpu or cuda:N"):
        page.ask(new_window(), PARAMS, "tpu")
    with pytest.raises(ValueError, match="a window is named by new_window"):
        page.ask("../x", PARAMS)
    page.ask(new_window(), PARAMS, "cpu")
    (page.folder / f"{new_window()}.json").write_text("{")
    (page.folder / "x.json").write_text("{}")
    assert len(worker.requests("cpu")) == 1
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot write"):
        Mailbox(tmp_path / "file").ask(new_window(), PARAMS)


def test_windows_that_ask_no_more_are_forgotten(boxes):
    page, worker = boxes
    old, new = page.ask(new_window(), PARAMS, "cpu"), page.ask(new_window(), PARAMS, "cpu")
    worker.put(old, {"stage": "few"})
    for path in (page.folder / f"{old.window}.json", page.answers / f"{old.window}.json"):
        os.utime(path, (1, time.time() - FORGOTTEN - 1))
    worker.sweep()
    assert worker.requests("cpu") == [new] and page.state(old) is None
