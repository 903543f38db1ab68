import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from mloss_core.errors import DatasetError, UnknownNameError
from mloss_core.evaluation.inspection.answers import Inspection
from tests.mloss_core.evaluation.inspection.made import inspection


def test_a_hand_worked_inspection():
    """Truth 0 0 1 1; A right on 1, 2, 3 and B on 1, 3: d = (0, 1, 0, 0)."""
    found = inspection("0011", "0010", "0110")
    assert found.counts == {"both_right": 2, "only_a": 1, "only_b": 0, "both_wrong": 1}
    assert found.difference.value == 0.25 and found.difference.paired
    assert found.difference.standard_error == pytest.approx(math.sqrt((1 / 4 - 1 / 16) / 4))
    assert found.accuracy("a").value == 0.75 and found.accuracy("b").value == 0.5
    assert found.accuracy("a").standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 4))


def test_chance_is_mcnemar_s_exact_test():
    """Of 4 images that one alone gets right A has 1: 2 (1 + 4) / 16; of 3 it has all: 2 / 8; of 2 one each: 1."""
    assert inspection("0000", "1110", "0001").chance == pytest.approx(2 * 5 / 16)
    assert inspection("00000", "00000", "11100").chance == pytest.approx(0.25)
    assert inspection("00", "01", "10").chance == 1.0
    assert inspection("00", "01", "01").chance == 1.0
    for only_a, only_b in ((3, 11), (40, 40), (0, 9)):
        found = inspection(
            "0" * 80, "0" * only_a + "1" * (80 - only_a), "1" * only_a + "0" * only_b + "1" * (80 - only_a - only_b)
        )
        assert found.counts["only_a"] == only_a
        assert found.chance == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    with pytest.raises(DatasetError, match="accuracy needs labels"):
        _ = inspection(None, "01", "10").chance


def test_fields_cover_all_images_once():
    found = inspection("012012", "012210", "002011")
    listed = np.concatenate([found.images(field) for field in found.fields])
    assert sorted(listed) == list(range(6)) and sum(found.counts.values()) == 6


def test_the_most_decisive_image_is_the_one_on_which_both_are_sure():
    """Geometric means of the margins: sqrt(1 * 4) = 2, sqrt(9 * 0.01) = 0.3, sqrt(2 * 2) = 2, equal ones in order."""
    found = inspection("000", "000", "111", margins=([1, 9, 2], [-4, -0.01, -2]))
    assert found.images("only_a").tolist() == [0, 2, 1]


def test_the_order_does_not_depend_on_the_size_of_a_model_s_logits():
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=30), draw.normal(size=30)
    plain, scaled = (inspection("0" * 30, "0" * 30, "1" * 30, margins=(a, b * times)) for times in (1, 7))
    assert plain.images("only_a").tolist() == scaled.images("only_a").tolist()


def test_without_labels_there_is_agreement_and_no_error():
    found = inspection(None, "0011", "0110")
    assert found.fields == ("agree", "disagree") and found.counts == {"agree": 2, "disagree": 2}
    assert found.agreement.value == 0.5 and found.agreement.standard_error == 0.25
    for ask in (lambda: found.difference, lambda: found.accuracy("a")):
        with pytest.raises(DatasetError, match="the test images of digits have none"):
            ask()
    with pytest.raises(UnknownNameError, match="unknown field 'only_a'"):
        found.images("only_a")


@pytest.mark.parametrize("truth", ["0011", None])
def test_the_stored_form_is_the_same_inspection(truth):
    found = inspection(truth, "0010", "0110", files=("a", "b", "c", "d"))
    meta, arrays = found.to_entry()
    again = Inspection.from_entry(json.loads(json.dumps(meta)), arrays)
    assert again.counts == found.counts and again.classes == found.classes and again.files == found.files
    assert again.a.facts() == found.a.facts() and np.array_equal(again.b.margin, found.b.margin)
    assert again.labelled == found.labelled and again.index.tolist() == [10, 11, 12, 13]
