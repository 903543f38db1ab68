import numpy as np
import pytest

from mloss_core.errors import UnknownNameError
from mloss_core.evaluation.inspection.confusion import cell_images, class_order, confusion, views_of
from tests.mloss_core.evaluation.inspection.made import inspection


def test_hand_worked_matrices():
    found = inspection("0011", "0110", "0010")
    assert confusion(found, "a").tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert confusion(found, "b").tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert confusion(found, "difference").tolist() == [[-1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_a_matrix_is_scikit_learn_s():
    from sklearn.metrics import confusion_matrix

    draw = np.random.default_rng(0)
    truth, a = ("".join(map(str, draw.integers(0, 5, 200))) for _ in range(2))
    found = inspection(truth, a, a, classes=5)
    assert np.array_equal(confusion(found, "a"), confusion_matrix(list(truth), list(a)))


def test_without_labels_the_answers_face_each_other():
    found = inspection(None, "0110", "0010")
    assert views_of(found) == ("agreement",)
    assert confusion(found, "agreement").tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert cell_images(found, "agreement", 0, 1).tolist() == [1]
    with pytest.raises(UnknownNameError, match="unknown confusion matrix 'a'"):
        confusion(found, "a")


def test_the_images_behind_a_cell_are_those_it_counts():
    draw = np.random.default_rng(1)
    truth, a, b = ("".join(map(str, draw.integers(0, 3, 60))) for _ in range(3))
    found = inspection(truth, a, b)
    for view in ("a", "b"):
        counted = confusion(found, view)
        assert all(len(cell_images(found, view, i, j)) == counted[i, j] for i in range(3) for j in range(3))
    for i, j in np.ndindex(3, 3):
        images = cell_images(found, "difference", i, j)
        by_a = (found.a.predicted[images] == j).sum()
        assert by_a - (len(images) - by_a) == confusion(found, "difference")[i, j]


def test_classes_that_are_taken_for_each_other_stand_side_by_side():
    """0 and 3 are mixed up, 1 and 4 as well; 2 never."""
    found = inspection("0033114422", "3003411422", "0033114422", classes=5)
    order = class_order(found).tolist()
    assert abs(order.index(0) - order.index(3)) == 1 and abs(order.index(1) - order.index(4)) == 1
    assert sorted(order) == [0, 1, 2, 3, 4]


def test_few_classes_are_those_with_most_confusions():
    found = inspection("0033114422", "3003411422", "0033114422", classes=5)
    assert sorted(class_order(found, 4).tolist()) == [0, 1, 3, 4]
    assert 2 in class_order(found, 4, keep=(2,)) and len(class_order(found, 4, keep=(2,))) == 4
    assert class_order(inspection("012", "012", "012"), 2).tolist() == [0, 1]


def test_nothing_is_confused_and_two_classes():
    assert class_order(inspection("012", "012", "012")).tolist() == [0, 1, 2]
    assert class_order(inspection("01", "10", "10", classes=2)).tolist() == [0, 1]
