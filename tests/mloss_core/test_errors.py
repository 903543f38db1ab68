import pytest

from mloss_core import errors
from mloss_core.errors import MLossCoreError, quoted, unknown_name

FAMILY = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MLossCoreError)]
BUILTIN = {
    "CheckpointError": OSError,
    "IncompatibleStateDictsError": ValueError,
    "InvalidOptionError": ValueError,
    "UnknownNameError": LookupError,
    "LayerNotFoundError": LookupError,
    "ZooError": ValueError,
    "DatasetError": ValueError,
    "CacheError": OSError,
}


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_is_of_the_family_and_shows_its_message_alone(kind):
    assert issubclass(kind, MLossCoreError)
    assert kind.__name__.endswith("Error")
    assert str(kind("blocks must be among 0 to 11")) == "blocks must be among 0 to 11"


@pytest.mark.parametrize(("name", "builtin"), BUILTIN.items())
def test_each_can_be_caught_as_the_builtin_a_caller_expects(name, builtin):
    with pytest.raises(builtin):
        raise getattr(errors, name)("no")


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    error = unknown_name("method", "tise", ["ties", "dare"])
    assert str(error) == "unknown method 'tise': did you mean 'ties'? Known: ties, dare."
    assert str(unknown_name("task", 7, ("a", "b"))) == "unknown task '7'. Known: a, b."


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a b", "'a b'"),
        ("a\nb", r"'a\nb'"),
        ([1, 2], "[1, 2]"),
        (10**5000, "a value of very many digits"),
        ({"a": 10**5000}, "a value of very many digits"),
    ],
    ids=range(5),
)
def test_bad_values_are_quoted_on_one_line(value, words):
    assert quoted(value) == words


@pytest.mark.parametrize(
    "value", ["x" * 10**6, [0] * 10**6, {n: n for n in range(10**5)}, ("y" * 500,), 10**300], ids=range(5)
)
def test_long_values_are_cut(value):
    assert len(quoted(value)) == 101 and quoted(value).endswith("…") and len(quoted(value, 20)) == 21
