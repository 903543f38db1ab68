"""Converted weights have a bound of their own, and a zoo larger than it never evicts itself."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from mloss_core import open_zoo
from mloss_core.caching import Cache
from mloss_core.checkpoints.converting import convert
from mloss_core.checkpoints.keeping import converted_limit, keep_within_bound, mark_used
from mloss_core.errors import InvalidOptionError
from tests.checkpoint_files import save_module, visual
from tests.zoo_files import task_vectors


def _held(folder: Path, *ages: float) -> list[Path]:
    """Files of 1 kB, each used so many hours ago."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, age in enumerate(ages):
        path = folder / f"{number}.safetensors"
        path.write_bytes(bytes(1000))
        os.utime(path, (time.time() - 3600 * age,) * 2)
        paths.append(path)
    return paths


def test_those_unused_for_longest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOSS_CONVERTED_GB", "2.5e-6")
    files = _held(tmp_path, 2, 5, 3, 4)
    keep_within_bound(tmp_path)
    assert [path.exists() for path in files] == [True, False, True, False]


def test_those_in_use_stay_whatever_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOSS_CONVERTED_GB", "1e-9")
    files = _held(tmp_path, 0.5, 2, 3)
    mark_used(files[2])
    keep_within_bound(tmp_path)
    assert [path.exists() for path in files] == [True, False, True]


def test_a_zoo_larger_than_both_bounds_opens_and_opens_again_without_converting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOSS_CACHE_BYTES", "1000")
    monkeypatch.setenv("MLOSS_CONVERTED_GB", "1e-6")
    first = open_zoo(task_vectors(tmp_path / "zoo"), "cpu")
    written = {path: path.stat().st_ino for path in (tmp_path / "cache" / "converted").glob("*.safetensors")}
    assert len(written) == 4
    Cache().put("mloss", "a", {}, {"a": np.zeros(500)})
    assert open_zoo(tmp_path / "zoo", "cpu").digest == first.digest
    assert {path: path.stat().st_ino for path in written} == written


def test_converting_makes_room_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOSS_CONVERTED_GB", "1e-6")
    (old,) = _held(tmp_path / "cache" / "converted", 2)
    save_module(tmp_path / "a.pt", visual(), "zip")
    assert convert(tmp_path / "a.pt").path.exists() and not old.exists()


def test_the_default_is_generous_and_leaves_half_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLOSS_CONVERTED_GB", raising=False)
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 10**12}))
    assert converted_limit(tmp_path / "none" / "yet") == 64 * 10**9
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 9000}))
    _held(tmp_path, 1)
    assert converted_limit(tmp_path) == 5000


@pytest.mark.parametrize("text", ["x", "0", "-1", "inf", "nan"])
def test_a_bound_that_is_none_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOSS_CONVERTED_GB", text)
    with pytest.raises(InvalidOptionError, match=rf"MLOSS_CONVERTED_GB must be .* above 0; found '{text}'"):
        converted_limit(tmp_path)
