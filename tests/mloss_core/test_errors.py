import pytest

from mloss_core import errors
from mloss_core.errors import MLossCoreError, unknown_name

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
