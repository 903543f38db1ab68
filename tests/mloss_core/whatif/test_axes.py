"""Axes of surfaces: as they are typed, as a job carries them, and what is refused."""

import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.recipe import Recipe
from mloss_core.whatif.axes import Axis, check_axes, parse_axes, parse_axis, spread

M_TIES = Recipe(method="m_ties")


def test_ranges_and_lists():
    first, second = parse_axes("keep_rate=0.2:0.9:5, span=0:0.2:3", "m_ties")
    assert first == Axis("keep_rate", (0.2, 0.375, 0.55, 0.725, 0.9))
    assert second == Axis("span", (0.0, 0.1, 0.2))
    assert parse_axis("ranking=rank|random", "m_ties").values == ("rank", "random")
    assert parse_axis("seed=0:4:3", "dare").values == (0, 2, 4)
    assert parse_axis("seed=0:1:5", "dare").values == (0, 1)
    assert parse_axis("seed=3|5|3", "dare").values == (3, 5)
    assert Axis.from_dict(first.to_dict()) == first
    assert first.apply(M_TIES, 0.2).options["keep_rate"] == 0.2 and Axis("seed", (1,)).apply(M_TIES, 1).seed == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keep_rate", "an axis is OPTION=FROM:TO:COUNT"),
        ("keep_rate=", "an axis is OPTION=FROM:TO:COUNT"),
        ("keep_rate=a:b:3", "FROM and TO of an axis must be numbers"),
        ("seed=nan:3:3", "FROM and TO of an axis must be finite numbers"),
        ("keep_rate=0:1:99", "an axis has 1 to 64 values; found 99"),
        ("keep_rate=few", "keep_rate must be a number"),
        ("seed=-1", "seed must be a whole number"),
    ],
)
def test_what_is_no_axis(text, words):
    with pytest.raises(InvalidOptionError, match=words):
        parse_axis(text, "m_ties")


def test_what_a_recipe_cannot_take():
    with pytest.raises(UnknownNameError, match="unknown option of m_ties 'spam'"):
        check_axes(M_TIES, [Axis("spam", (1,))])
    with pytest.raises(InvalidOptionError, match="keep_rate must be from 0 to 1; found 2"):
        check_axes(M_TIES, [Axis("keep_rate", (0.5, 2.0))])
    with pytest.raises(InvalidOptionError, match="found keep_rate twice"):
        check_axes(M_TIES, [Axis("keep_rate", (0.5,)), Axis("keep_rate", (0.6,))])
    with pytest.raises(InvalidOptionError, match="at most 400 cells; found 900"):
        check_axes(M_TIES, [spread("keep_rate", 0, 1, 30), spread("span", 0, 1, 30)])
    for wrong in (3, {"name": "span"}, {"name": "span", "values": "ab"}, {"name": 1, "values": []}):
        with pytest.raises(InvalidOptionError):
            Axis.from_dict(wrong)
