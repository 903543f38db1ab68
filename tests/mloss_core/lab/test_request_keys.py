"""What makes two requests the same."""

import json
import os

import pytest

from mloss_core.lab import requests
from mloss_core.lab.requests import request_key
from mloss_core.lab.zoo_identity import zoo_identity
from mloss_core.zoo.embedded import DEFAULT_ZOO, EMBEDDED, EmbeddedZoo


@pytest.fixture
def zoo(tmp_path):
    (tmp_path / "manifest.json").write_text("1")
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    (tmp_path / "Cars").mkdir()
    (tmp_path / "Cars" / "finetuned.pt").write_bytes(b"tuned")
    return tmp_path


def test_the_same_files_are_the_same_zoo(zoo):
    assert zoo_identity(str(zoo)) == zoo_identity(str(zoo))


@pytest.mark.parametrize("change", ["manifest", "content", "gone", "new", "below", "described", "datasets"])
def test_a_changed_file_is_another_zoo(zoo, change, monkeypatch):
    before, weights = zoo_identity(str(zoo)), zoo / "a.safetensors"
    stat = (zoo / "manifest.json").stat()
    if change == "manifest":
        (zoo / "manifest.json").write_text("2")
        os.utime(zoo / "manifest.json", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif change == "content":
        weights.write_bytes(b"WEIGHTS")
        os.utime(weights, ns=(1, 1))
    elif change == "gone":
        weights.unlink()
    elif change == "below":
        (zoo / "Cars" / "finetuned.pt").write_bytes(b"WEIGHTS")
    elif change == "described":
        (zoo / "zoo.json").write_text("{}")
    elif change == "datasets":
        monkeypatch.setenv("MLOSS_DATA", "elsewhere")
    else:
        (zoo / "b.safetensors").touch()
    assert zoo_identity(str(zoo)) != before


@pytest.mark.parametrize("named", ["by variable", "by zoo.json"])
@pytest.mark.parametrize("change", ["rewritten", "swapped", "gone", "new"])
def test_changed_images_are_another_zoo(zoo, tmp_path_factory, named, change, monkeypatch):
    """Even where size and time are made to look the same."""
    monkeypatch.setattr("mloss_core.lab.zoo_identity.FRESH_SECONDS", 0.0)
    data = tmp_path_factory.mktemp("data") / "Cars" / "train" / "cat"
    data.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (data / name).write_bytes(name.encode())
        os.utime(data / name, ns=(1, 1))
    if named == "by variable":
        monkeypatch.setenv("MLOSS_DATA", str(data.parents[2]))
    else:
        (zoo / "zoo.json").write_text(json.dumps({"datasets": str(data.parents[2])}))
    before = zoo_identity(str(zoo))
    assert zoo_identity(str(zoo)) == before
    if change == "rewritten":
        (data / "a.png").write_bytes(b"A.PNG")
        os.utime(data / "a.png", ns=(1, 1))
    elif change == "swapped":
        for old, new in (("a.png", "c"), ("b.png", "a.png"), ("c", "b.png")):
            (data / old).rename(data / new)
    elif change == "gone":
        (data / "a.png").unlink()
    else:
        (data / "c.png").touch()
    assert zoo_identity(str(zoo)) != before


def test_datasets_that_cannot_be_found_do_not_hinder(zoo, monkeypatch):
    monkeypatch.setenv("MLOSS_DATA", str(zoo / "nowhere"))
    (zoo / "zoo.json").write_text("{broken")
    assert zoo_identity(str(zoo))


def test_a_folder_that_is_none_has_an_identity(tmp_path):
    assert zoo_identity(str(tmp_path / "none")) != zoo_identity(str(tmp_path / "nothing"))


def test_the_embedded_zoo_is_where_it_says():
    assert (EMBEDDED[DEFAULT_ZOO].folder / "manifest.json").is_file()


def test_a_request_is_its_kind_parameters_zoo_and_device(zoo, monkeypatch):
    params = {"zoo": str(zoo), "block": 1}
    keys = {
        request_key("node", params, "cpu"),
        request_key("measure", params, "cpu"),
        request_key("node", {**params, "block": 2}, "cpu"),
        request_key("node", params, "cuda:0"),
    }
    assert len(keys) == 4 and request_key("node", dict(reversed(params.items())), "cpu") in keys
    monkeypatch.setattr(requests, "CODE_VERSION", "another")
    assert request_key("node", params, "cpu") not in keys


def test_embedded_zoos_of_one_folder_differ_by_their_tasks(zoo, monkeypatch):
    for count in (None, 2, 3):
        monkeypatch.setitem(EMBEDDED, f"few{count}", EmbeddedZoo(f"few{count}", "Few", zoo, count))
    assert len({zoo_identity(f"few{count}") for count in (None, 2, 3)}) == 3
