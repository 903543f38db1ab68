import csv
import dataclasses
import io

from mloss_core.evaluation.inspection.exports import answers_csv
from tests.mloss_core.evaluation.inspection.made import inspection


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_an_image_with_truth_and_both_answers():
    found = inspection("01", "02", "11", margins=([1.5, -2], [-1, 0.25]), files=("x/1.png", "y/2.png"))
    first, second = lines(answers_csv(found))
    assert first == {
        "image": "10",
        "file": "x/1.png",
        "field": "only_a",
        "truth": "c0",
        "a_answer": "c0",
        "a_margin": "1.5",
        "a_confidence": "0.9",
        "b_answer": "c1",
        "b_margin": "-1.0",
        "b_confidence": "0.9",
    }
    assert second["field"] == "only_b" and second["b_margin"] == "0.25"


def test_some_images_in_their_own_order_and_none():
    found = inspection(None, "0120", "0121")
    assert [line["image"] for line in lines(answers_csv(found, [3, 0]))] == ["13", "10"]
    assert "truth" not in lines(answers_csv(found))[0] and "file" not in lines(answers_csv(found))[0]
    assert answers_csv(found, []).startswith("image,field,a_answer,a_margin")


def test_no_spreadsheet_computes_a_name():
    found = inspection("01", "01", "01", files=("=1+1, é.png", "-2"))
    found = dataclasses.replace(found, classes=("@SUM(A1)", "+1-1", "c"))
    first, second = lines(answers_csv(found))
    assert (first["file"], first["truth"], first["a_answer"]) == ("'=1+1, é.png", "'@SUM(A1)", "'@SUM(A1)")
    assert (second["file"], second["truth"]) == ("-2", "'+1-1")
