import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.evaluation.criteria.choice import Choice, images_words


def test_a_choice_says_on_what_it_rests():
    assert Choice.of("validation").to_dict() == {"choose_by": "validation", "labels": True, "split": "val"}
    few = Choice("entropy", 16, "val", 3)
    assert Choice.of(few) is few
    assert few.to_dict() == {"choose_by": "entropy", "labels": False, "split": "val", "images_per_task": 16, "draw": 3}
    assert images_words(few) == "validation images with their labels hidden"
    assert images_words(Choice()) == "validation images"


def test_bad_choices_are_refused():
    with pytest.raises(UnknownNameError, match="unknown criterion 'luck'"):
        Choice("luck")
    with pytest.raises(InvalidOptionError, match="at least 1; found 0"):
        Choice("entropy", 0)
    with pytest.raises(InvalidOptionError, match="come from train or val; found 'test'"):
        Choice("entropy", 4, "test")
