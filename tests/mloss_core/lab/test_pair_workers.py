import functools

import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.lab.pair_workers import spread
from mloss_core.types import silent


def write(folder, zoo, pairs):
    for first, second in pairs:
        (folder / f"{first}-{second}").write_text(zoo.name)


def test_every_pair_is_worked_on_by_some_process(tmp_path):
    pairs = [("digits", str(number)) for number in range(9)]
    seen = []
    spread(
        "demo", "cpu", pairs, functools.partial(write, tmp_path), 2, lambda fraction, message="": seen.append(fraction)
    )
    assert {path.name for path in tmp_path.iterdir()} == {f"digits-{number}" for number in range(9)}
    assert {path.read_text() for path in tmp_path.iterdir()} == {"demo"} and seen[-1] == 1.0


def test_one_worker_leaves_the_work_to_the_caller(tmp_path):
    spread("demo", "cpu", [("a", "b")], functools.partial(write, tmp_path), 1, silent)
    assert not list(tmp_path.iterdir())


def test_no_worker_is_refused():
    with pytest.raises(InvalidOptionError, match="at least one worker"):
        spread("demo", "cpu", [("a", "b")], print, 0, silent)
