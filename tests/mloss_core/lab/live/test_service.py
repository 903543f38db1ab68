"""The worker's live thread: who knows least goes first, what is no longer wanted ends, faults end one request alone."""

import dataclasses
import threading
import time

import pytest

from mloss_core.errors import JobCancelledError, ZooError
from mloss_core.lab.live.mailbox import Mailbox, new_window
from mloss_core.lab.live.service import STALE, Benches, LiveService
from tests.zoos import tiny_zoo

PARAMS = {"zoo": "demo", "recipe": {"method": "ties"}, "split": "val"}


def states_of(params, device, stop):
    for stage in ("kept", "few", "all"):
        stop()
        yield {"stage": stage, "final": stage == "all", "split": params["split"]}
        yield {}


@pytest.fixture
def served(tmp_path):
    page = Mailbox(tmp_path)
    return page, LiveService(Mailbox(tmp_path), "cpu", states_of)


def run(service, steps=100):
    return [None for _ in range(steps) if service.step()]


def test_an_answer_gets_better_until_it_is_final(served):
    page, service = served
    assert not service.step()
    request, seen = page.ask(new_window(), PARAMS, "cpu"), []
    while service.step():
        seen.append((page.state(request) or {}).get("stage"))
    assert list(dict.fromkeys(seen)) == [None, "kept", "few", "all"]
    assert page.state(request) == {"stage": "all", "final": True, "split": "val"}
    assert not service.step(), "what is answered is not answered again"


def test_who_knows_least_goes_first(served):
    page, service = served
    first = page.ask(new_window(), PARAMS, "cpu")
    while (page.state(first) or {}).get("stage") != "few":
        service.step()
    second = page.ask(new_window(), PARAMS, "cpu")
    while (page.state(second) or {}).get("stage") != "few":
        assert page.state(first)["stage"] == "few"
        service.step()
    run(service)
    assert page.state(first)["final"] and page.state(second)["final"]


def test_a_newer_request_ends_the_older(tmp_path):
    page, stops = Mailbox(tmp_path), []

    def slow(params, device, stop):
        yield {"stage": "few", "final": False}
        page.ask(window, {**PARAMS, "split": "test"}, "cpu")
        try:
            stop()
        except JobCancelledError:
            stops.append(params["split"])
            raise

    window = new_window()
    service = LiveService(Mailbox(tmp_path), "cpu", slow)
    page.ask(window, PARAMS, "cpu")
    for _ in range(4):
        service.step()
    assert stops[0] == "val"


def test_a_fault_ends_one_request_in_one_sentence(tmp_path, capsys):
    def broken(params, device, stop):
        yield {"stage": "kept", "final": False}
        raise ZooError("no head.") if params["split"] == "val" else RuntimeError("two\nlines")

    page, service = Mailbox(tmp_path), LiveService(Mailbox(tmp_path), "cpu", broken)
    one = page.ask(new_window(), PARAMS, "cpu")
    two = page.ask(new_window(), {**PARAMS, "split": "test"}, "cpu")
    run(service)
    assert page.state(one) == {"stage": "failed", "final": True, "error": "no head."}
    assert page.state(two)["error"] == "internal error: RuntimeError: two lines."
    assert "RuntimeError" in capsys.readouterr().err


def test_a_request_of_a_file_is_checked_again(served):
    page, service = served
    request = page.ask(new_window(), PARAMS, "cpu")
    wrong = dataclasses.replace(request, params={**PARAMS, "recipe": {"method": "tise"}})
    import json

    (page.folder / f"{request.window}.json").write_text(json.dumps(dataclasses.asdict(wrong)))
    run(service)
    assert "did you mean 'ties'" in page.state(request)["error"]


def test_what_nobody_waits_for_any_more_is_not_taken_up(served, monkeypatch):
    page, service = served
    request = page.ask(new_window(), PARAMS, "cpu")
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + STALE)
    assert not service.step() and page.state(request) is None


def test_long_work_gives_way_while_somebody_waits(served):
    page, service = served
    service.give_way(60)
    page.ask(new_window(), PARAMS, "cpu")
    service.step()
    started = time.monotonic()
    service.give_way(0.05)
    assert time.monotonic() - started >= 0.04
    threading.Thread(target=run, args=(service,)).start()
    service.give_way(60)


def test_benches_answer_on_the_zoo_of_the_request(monkeypatch):
    zoos = {name: tiny_zoo(2, seed=seed) for seed, name in enumerate(("one", "two", "three"))}
    monkeypatch.setattr("mloss_core.lab.running.Zoos.get", lambda self, name, device: zoos[name])
    benches = Benches()
    for name in zoos:
        params = {"zoo": name, "recipe": {"method": "ties"}, "split": "val", "limit": 5, "tasks": ["apples"]}
        *_, last = benches.states(params, "cpu", lambda: None)
        assert last["final"] and list(last["row"]["tasks"]) == ["apples"] and last["images"] == 5
    assert len(benches._benches) == 2
