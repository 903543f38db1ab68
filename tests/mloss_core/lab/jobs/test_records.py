"""Job records on disk."""

import os
import subprocess
import sys
import time

import pytest

from mloss_core.errors import CacheError
from mloss_core.lab.jobs.records import Job, Records


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


def job(number=0, **changes):
    return Job(**{"key": f"{number:064x}", "kind": "samples", "params": {"zoo": "demo"}, "device": "cpu", **changes})


def test_a_record_comes_back_as_it_was(records):
    written = records.write(job(created=3.5, worker="a/b:1:2", queue_position=7))
    assert records.read(written.key) == job(created=3.5, worker="a/b:1:2"), "the place in the queue is not kept"


ODD_DEVICE = '{"key": "x", "kind": "samples", "params": {}, "device": "../x"}'


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"key": "x", "evil": 1}', "", ODD_DEVICE])
def test_damaged_records_are_none(records, text):
    written = records.write(job())
    (records.root / "records" / f"{written.key}.json").write_text(text)
    assert records.read(written.key) is None and records.active() == []


def test_active_jobs_oldest_first(records):
    for number, created in enumerate((3.0, 1.0, 2.0)):
        records.write(job(number, created=created))
    records.write(job(1, created=1.0, status="done"))
    assert [one.created for one in records.active()] == [2.0, 3.0]


def test_a_job_that_is_over_has_no_flag(records):
    records.write(job())
    records.flag(job().key).parent.mkdir()
    records.flag(job().key).touch()
    assert records.flagged_for(job().key) == pytest.approx(0, abs=5)
    records.write(job(status="cancelled"))
    assert records.flagged_for(job().key) is None


def test_pruning_keeps_the_newest_and_the_active(records):
    for number in range(6):
        path = records.root / "records" / f"{records.write(job(number, status='done')).key}.json"
        os.utime(path, (number, number))
    records.write(job(9))
    (records.root / "records" / ".x.json.1-2").write_text("half")
    os.utime(records.root / "records" / ".x.json.1-2", (1, 1))
    records.prune(keep=2)
    left = sorted(path.name for path in (records.root / "records").iterdir())
    assert left == sorted(f"{job(number).key}.json" for number in (4, 5, 9))


def test_an_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    records = Records(tmp_path / "file")
    for write in (lambda: records.write(job()), lambda: records.locked().__enter__()):
        with pytest.raises(CacheError, match=r"cannot write .*(exists|directory).*MLOSS_CACHE names another .*\."):
            write()
    assert records.read(job().key) is None and records.active() == []


def test_the_lock_holds_other_processes(records):
    code = (
        "import sys, time; from pathlib import Path; from mloss_core.lab.jobs.records import Records\n"
        "with Records(Path(sys.argv[1])).locked(): print(time.time(), flush=True)"
    )
    with records.locked():
        other = subprocess.Popen([sys.executable, "-c", code, str(records.root)], stdout=subprocess.PIPE, text=True)
        time.sleep(0.6)
        released = time.time()
    assert float(other.communicate(timeout=20)[0]) >= released


def test_the_lock_is_released_by_an_error(records):
    with pytest.raises(ValueError, match="odd"), records.locked():
        raise ValueError("odd")
    with records.locked():
        pass
