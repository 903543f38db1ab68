"""Work in this process, on zoos that stay open."""

import pytest

import mloss_core.opening
from mloss_core.errors import InvalidOptionError, ZooError
from mloss_core.lab import running
from mloss_core.lab.running import Zoos, run_now
from tests.zoos import tiny_zoo


@pytest.fixture
def opened(monkeypatch):
    """Names of the zoos that were really opened; each is a tiny one."""
    names, zoo = [], tiny_zoo(2)
    monkeypatch.setattr(
        mloss_core.opening, "open_zoo", lambda name, device="auto", progress=None: names.append(name) or zoo
    )
    return names


def test_a_piece_of_work_is_done_here(opened):
    payload = run_now("samples", {"zoo": "demo", "task": "boats", "split": "val", "indices": [0]}, "cpu")
    assert payload.meta["classes"] == ["boats 0"] and payload.arrays["pixels"].shape == (1, 16, 16, 3)
    assert opened == ["demo"]


def test_progress_reaches_the_caller(opened):
    told = []
    request = {"zoo": "demo", "mloss": {"samples_per_task": 2}}
    run_now("measure", request, "cpu", lambda fraction, message="": told.append(fraction))
    assert told == sorted(told) and told[-1] == pytest.approx(1)


def test_a_bad_request_opens_nothing(opened):
    with pytest.raises(InvalidOptionError, match="found no task"):
        run_now("samples", {"zoo": "demo"}, "cpu")
    assert opened == []


def test_zoos_stay_open_until_they_change_or_others_come(opened, tmp_path):
    zoos, names = Zoos(), [str(tmp_path / name) for name in "abcd"]
    for name in (names[0], names[0]):
        zoos.get(name, "cpu")
    assert opened == names[:1]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.json").touch()
    zoos.get(names[0], "cpu")
    assert opened == [names[0]] * 2
    for name in (*names[1:], names[0]):
        zoos.get(name, "cpu")
    assert opened[2:] == [*names[1:], names[0]] and len(zoos._open) == running._OPEN_ZOOS


def test_what_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(ZooError, match="no zoo"):
        run_now("samples", {"zoo": str(tmp_path / "no"), "task": "a", "split": "val", "indices": [0]}, "cpu")
