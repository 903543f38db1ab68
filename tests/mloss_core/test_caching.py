import ast
import errno
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mloss_core import caching
from mloss_core.caching import Cache, cache_limit, cache_root, digest_of
from mloss_core.errors import CacheError, InvalidOptionError
from mloss_core.leftovers import write_atomically

KEY = "0" * 64
OTHER = "1" * 64
CHILD = {**os.environ, "PYTHONPATH": str(Path(caching.__file__).resolve().parents[1])}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def fill(cache, key, count=250, age=0):
    """An entry of about 4 * count bytes that was last used `age` seconds ago."""
    cache.put("kind", key, {}, {"a": np.zeros(count, np.float32)})
    then = time.time() - age
    os.utime(cache.path("kind", key), (then, then))


def test_an_entry_comes_back_as_put_gave_it(cache):
    arrays = {
        "matrix": np.arange(6, dtype=np.float64).reshape(2, 3).T,
        "empty": np.zeros((0, 4), np.int64),
        "scalar": np.float32(2.5),
        "mask": np.array([True, False]),
    }
    stored = cache.put("kind", KEY, {"pair": ("a", "b"), "none": None, "nan": float("nan")}, arrays)
    found = cache.get("kind", KEY)
    assert stored.meta["pair"] == found.meta["pair"] == ["a", "b"]
    assert found.meta["none"] is None and np.isnan(found.meta["nan"])
    for name, array in arrays.items():
        for entry in (stored, found):
            assert entry.arrays[name].dtype == array.dtype and entry.arrays[name].shape == array.shape
            np.testing.assert_array_equal(entry.arrays[name], array)


def test_no_entry_is_none_and_reading_makes_no_folder(cache):
    assert cache.get("kind", KEY) is None
    assert not cache.root.exists()
    assert list(cache.files()) == [] and cache.sizes() == {} and cache.clear() == 0


def flip_a_bit(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"", lambda data: b"x" * 90, flip_a_bit])
def test_a_damaged_entry_is_removed_and_computed_anew(cache, damage):
    cache.put("kind", KEY, {"n": 1}, {"a": np.ones(9)})
    path = cache.path("kind", KEY)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get("kind", KEY) is None
    assert not path.exists()
    assert cache.remember("kind", KEY, lambda: ({"n": 2}, {})).meta == {"n": 2}
    assert cache.get("kind", KEY).meta == {"n": 2}


def test_changed_facts_count_as_damage(cache):
    cache.put("kind", KEY, {"n": 11}, {})
    path = cache.path("kind", KEY)
    path.write_bytes(path.read_bytes().replace(b"11", b"12"))
    assert cache.get("kind", KEY) is None


def test_a_file_that_cannot_be_read_is_not_taken_for_a_damaged_one(cache):
    cache.path("kind", KEY).mkdir(parents=True)
    assert cache.get("kind", KEY) is None
    assert cache.path("kind", KEY).is_dir()


def test_remember_computes_once(cache):
    calls = []

    def compute():
        calls.append(1)
        return {"n": (1,)}, {"a": np.zeros(2)}

    first, second = cache.remember("kind", KEY, compute), cache.remember("kind", KEY, compute)
    assert calls == [1]
    assert first.meta == second.meta == {"n": [1]}


def test_other_code_does_not_read_the_entry(cache, monkeypatch):
    cache.put("kind", KEY, {}, {})
    monkeypatch.setattr(caching, "CODE_VERSION", "another")
    assert cache.get("kind", KEY) is None


@pytest.mark.parametrize("name", ["", "../kind", "a/b", ".hidden", "a b", "*"])
def test_kinds_and_keys_are_plain_names(cache, name):
    with pytest.raises(InvalidOptionError, match="a kind of cache entries is letters"):
        cache.put(name, KEY, {}, {})
    with pytest.raises(InvalidOptionError, match="a key of cache entries"):
        cache.get("kind", name)
    with pytest.raises(InvalidOptionError, match="a kind"):
        cache.clear(name)


def test_sizes_and_clear_by_kind_leave_other_files_alone(cache):
    cache.put("one", KEY, {}, {"a": np.zeros(100)})
    cache.put("two", KEY, {}, {})
    record = cache.root / "jobs" / "record.json"
    record.parent.mkdir()
    record.write_text("{}")
    (cache.root / "README.md").write_text("read me")
    sizes = cache.sizes()
    assert set(sizes) == {"one", "two"} and sizes["one"] > 800
    assert cache.clear("one") == sizes["one"]
    assert set(cache.sizes()) == {"two"}
    assert cache.clear() == sizes["two"]
    assert record.exists() and (cache.root / "README.md").exists()


def test_clear_takes_what_killed_writers_left_and_spares_those_at_work(cache):
    cache.put("kind", KEY, {}, {})
    old, new = cache.root / "kind" / ".writing-old", cache.root / "kind" / ".writing-new"
    old.write_bytes(b"1234")
    new.write_bytes(b"1234")
    os.utime(old, (0, 0))
    size = cache.path("kind", KEY).stat().st_size
    assert cache.clear() == size + 4
    assert not old.exists() and new.exists()


def test_the_least_recently_used_entries_go(tmp_path):
    plain = Cache(tmp_path, limit=10**9)
    for age, key in ((300, "a"), (200, "b"), (100, "c")):
        fill(plain, key, age=age)
    size = plain.path("kind", "a").stat().st_size
    assert plain.get("kind", "a") is not None, "reading is using"
    Cache(tmp_path, limit=int(3.5 * size)).put("kind", "d", {}, {"a": np.zeros(250, np.float32)})
    assert {path.name[0] for path in plain.files()} == {"a", "c", "d"}


def test_the_bound_holds_over_many_small_writes(tmp_path):
    cache = Cache(tmp_path, limit=40_000)
    for index in range(120):
        fill(cache, f"{index:04}", count=250)
        assert sum(cache.sizes().values()) <= cache.limit
    assert sum(cache.sizes().values()) > cache.limit // 2
    assert cache.get("kind", "0119") is not None


def test_an_entry_larger_than_the_bound_stays_until_the_next(tmp_path):
    cache = Cache(tmp_path, limit=2000)
    fill(cache, "small", count=10)
    fill(cache, "large", count=5000)
    assert [path.name.split("-")[0] for path in cache.files()] == ["large"]
    fill(cache, "next", count=10)
    assert [path.name.split("-")[0] for path in cache.files()] == ["next"]


def test_most_writes_do_not_measure_the_folder(tmp_path, monkeypatch):
    cache, trims = Cache(tmp_path, limit=10**6), []
    monkeypatch.setattr(Cache, "_trim", lambda self, *args, **kwargs: trims.append(1))
    for index in range(100):
        Cache(tmp_path, limit=10**6).put("kind", str(index), {}, {"a": np.zeros(250, np.float32)})
    written = sum(cache.sizes().values())
    assert 1 <= len(trims) <= 1 + written // 50_000 + 1


def test_a_full_disk_says_so_and_leaves_nothing(cache, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CacheError, match=r"^cannot write .*No space left on device\. Free some space, or name .*CACHE"):
        cache.put("kind", KEY, {}, {})
    assert [path for path in cache.root.rglob("*") if path.is_file()] == []


@pytest.fixture
def unwritable(tmp_path):
    """A cache whose folder is a file: nobody, root included, can write below it."""
    (tmp_path / "file").write_text("")
    return Cache(tmp_path / "file")


def test_an_unwritable_folder_is_an_error_to_put(unwritable):
    with pytest.raises(CacheError, match=r"cannot write .*\. Make the folder writable, or name"):
        unwritable.put("kind", KEY, {}, {})


def test_an_unwritable_folder_costs_remember_no_result_and_one_warning(unwritable, caplog):
    with caplog.at_level(logging.WARNING):
        first = unwritable.remember("kind", KEY, lambda: ({"n": (1,)}, {"a": np.float64(3.0)}))
        unwritable.remember("kind", OTHER, lambda: ({}, {}))
    assert first.meta == {"n": [1]} and first.arrays["a"] == 3.0
    assert [record.message.split(":")[0] for record in caplog.records] == ["results are not kept"]


def test_an_error_in_the_computation_is_not_swallowed(cache):
    def fail():
        raise CacheError("from inside")

    with pytest.raises(CacheError, match="from inside"):
        cache.remember("kind", KEY, fail)
    assert list(cache.files()) == []


def test_interrupted_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"data")
    assert list(tmp_path.iterdir()) == []


def write_again_and_again(root, number):
    cache = Cache(root, limit=200_000)
    for index in range(60):
        key = f"{index % 7}"
        cache.put("kind", key, {"writer": number}, {"a": np.full(3000, number, np.float32)})
        found = cache.get("kind", key)
        assert found is None or np.all(found.arrays["a"] == found.meta["writer"])


def test_two_writers_at_once_leave_whole_entries(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_again_and_again, args=(tmp_path, number)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    files = list(Cache(tmp_path).files())
    assert files and all(Cache(tmp_path).get("kind", path.name.split("-")[0]) is not None for path in files)
    assert not list(tmp_path.rglob(".writing-*"))


KILLED_WRITER = """
import os, sys, time
import numpy as np
from mloss_core.caching import Cache
def stall(handle):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = stall
Cache(sys.argv[1]).put("kind", "k", {}, {"a": np.zeros(1000)})
"""


def test_a_killed_writer_leaves_no_entry(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED_WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=CHILD
    )
    assert writer.stdout.readline() == "writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    cache = Cache(tmp_path)
    (left,) = tmp_path.rglob(".writing-*")
    assert list(cache.files()) == [] and cache.get("kind", "k") is None
    os.utime(left, (0, 0))
    assert cache.clear() > 0
    assert not left.exists()


def test_reading_and_writing_import_no_torch(tmp_path):
    code = (
        "import sys, numpy\nfrom mloss_core.caching import Cache\nc = Cache(sys.argv[1])\n"
        "c.put('kind', 'k', {}, {'a': numpy.ones(3)})\nassert c.get('kind', 'k').arrays['a'].sum() == 3\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=CHILD, timeout=60).returncode == 0


def test_the_environment_names_folder_and_bound(monkeypatch, tmp_path):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("MLOSS_CACHE_BYTES", "12345")
    assert Cache().root == tmp_path and Cache().limit == 12345
    monkeypatch.delenv("MLOSS_CACHE")
    monkeypatch.delenv("MLOSS_CACHE_BYTES")
    assert cache_root().name == "cache" and cache_limit() == 8 * 2**30


@pytest.mark.parametrize("text", ["much", "-5", "0", "1e9"])
def test_a_bound_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("MLOSS_CACHE_BYTES", text)
    with pytest.raises(InvalidOptionError, match="MLOSS_CACHE_BYTES must be a whole number of bytes"):
        Cache()


def test_digest_does_not_depend_on_the_order_of_names():
    assert digest_of({"a": 1, "b": [2]}, "x") == digest_of({"b": [2], "a": 1}, "x")
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_whatever_the_library_keeps_is_of_a_kind_that_is_listed():
    kept = {}
    for path in Path(caching.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            method = getattr(call.func, "attr", "") if isinstance(call, ast.Call) else ""
            if method in ("remember", "put") and len(call.args) >= 3 and path.name != "caching.py":
                assert isinstance(call.args[0], ast.Name), f"{path.name}:{call.lineno} names its kind in place"
                if call.args[0].id == "kind":  # Handed on from a caller, who is looked at too.
                    continue
                kept.setdefault(getattr(caching, call.args[0].id, None), path.name)
    assert len(kept) >= 8 and set(kept) <= set(caching.KINDS), kept
