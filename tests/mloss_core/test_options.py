import dataclasses
import math

import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.options import build_options, check_options, option, parse_option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    rate: float = option(0.5, label="Rate", help="A share.", minimum=0.0, maximum=1.0)
    count: int = option(3, label="Count", help="A number.", minimum=1)
    kind: str = option("a", label="Kind", help="A word.", choices=("a", "b"))
    flag: bool = option(False, label="Flag", help="Yes or no.")
    limit: float | None = option(None, label="Limit", help="Perhaps a number.", maximum=9.0)
    levels: tuple[float, ...] | None = option(None, label="Levels", help="Several.", minimum=0.0, maximum=1.0)

    def __post_init__(self) -> None:
        check_options(self)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": 1.5}, "rate must be from 0 to 1; found 1.5"),
        ({"rate": math.nan}, "rate must be a finite number"),
        ({"rate": True}, "rate must be a finite number; found True"),
        ({"rate": "x"}, "rate must be a finite number; found 'x'"),
        ({"count": 0}, "count must be at least 1; found 0"),
        ({"count": 2.0}, "count must be a whole number; found 2.0"),
        ({"kind": "c"}, "kind must be one of a, b; found 'c'"),
        ({"flag": 1}, "flag must be true or false; found 1"),
        ({"limit": 10.0}, "limit must be at most 9; found 10"),
        ({"rat": 0.1}, "unknown option 'rat': the options here are rate, count, kind, flag, limit"),
    ],
)
def test_checks(values, words):
    with pytest.raises(InvalidOptionError, match=words):
        build_options(Sample, values)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate", "0.25", 0.25),
        ("count", "7", 7),
        ("kind", "b", "b"),
        ("flag", "yes", True),
        ("flag", "False", False),
        ("limit", "none", None),
        ("limit", "3", 3.0),
    ],
)
def test_text_from_the_command_line(name, text, value):
    found = parse_option(Sample, name, text)
    assert found == value and type(found) is type(value)
    assert getattr(build_options(Sample, {name: found}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("rate", "much", "must be a number, found 'much'"),
        ("count", "1.5", "whole number"),
        ("flag", "si", "true or false"),
        ("speed", "1", "unknown option 'speed'"),
    ],
)
def test_text_that_is_no_value(name, text, words):
    with pytest.raises(InvalidOptionError, match=words):
        parse_option(Sample, name, text)


def test_several_numbers():
    assert parse_option(Sample, "levels", "0.5, 1") == (0.5, 1.0) and parse_option(Sample, "levels", "none") is None
    assert Sample(levels=(0.5, 1.0)).levels == (0.5, 1.0)
    with pytest.raises(InvalidOptionError, match="levels must be numbers with commas between or none, found '1;2'"):
        parse_option(Sample, "levels", "1;2")
    with pytest.raises(InvalidOptionError, match="levels must be from 0 to 1; found 2"):
        Sample(levels=(0.5, 2))
    for wrong in ((), 0.5, "0.5"):
        with pytest.raises(InvalidOptionError, match="levels must be a list of numbers"):
            Sample(levels=wrong)
