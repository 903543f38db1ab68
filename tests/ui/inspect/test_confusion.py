import dataclasses

import numpy as np
import pytest

from tests.mloss_core.evaluation.inspection.made import inspection
from ui import theme
from ui.inspect.confusion import cell_words, confusion_figure, largest, parse_cell, sentence

FOUND = inspection("001122", "011122", "002122")
ORDER = np.array([2, 0, 1])


def test_cells_that_hold_images_can_be_clicked():
    tiles, clicks = confusion_figure(FOUND, "a", ORDER, (0, 1)).data
    ids = {row[0]: text for row, text in zip(clicks.customdata, clicks.text, strict=True)}
    assert set(ids) == {"2.2", "0.0", "0.1", "1.1"}
    assert ids["0.1"] == "c0 taken for c1<br>1 of 2 images"
    assert np.asarray(tiles.z)[1].tolist() == [0, 50, 50] and tiles.text[1].tolist() == ["", "1", "1"]


def test_the_difference_is_around_zero_and_shows_cells_that_cancel():
    """Both models take one image of class 0 for 1: the difference is 0, the cell is there."""
    found = inspection("00", "01", "10")
    tiles, clicks = confusion_figure(found, "difference", np.arange(3), None).data
    assert (tiles.zmin, tiles.zmax) == (-1, 1) and [list(stop) for stop in tiles.colorscale] == theme.DIVERGING
    assert {row[0] for row in clicks.customdata} == {"0.0", "0.1"}
    assert clicks.text[1] == "c0 taken for c1<br>by A 1, by B 1: +0"


def test_the_open_cell_is_framed_if_its_classes_are_shown():
    assert len(confusion_figure(FOUND, "a", ORDER, (0, 1)).layout.shapes) == 1
    assert len(confusion_figure(FOUND, "a", ORDER[:1], (0, 1)).layout.shapes) == 0


def test_many_classes_have_no_numbers_in_their_cells():
    found = inspection("0", "0", "0", classes=30)
    fig = confusion_figure(found, "a", np.arange(30), None)
    assert fig.data[0].texttemplate is None and fig.layout.xaxis.tickfont.size == 9


def test_long_names_leave_room_for_the_cells():
    found = dataclasses.replace(inspection("0", "0", "0"), classes=("c0", "n" * 40, "c2"))
    assert list(confusion_figure(found, "a", np.arange(3), None).layout.yaxis.ticktext) == ["c0", "n" * 17 + "…", "c2"]


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("a", "A takes c0 for c1 most often: 1 of 2 images."),
        ("b", "B takes c1 for c2 most often: 1 of 2 images."),
        ("difference", "The largest difference: A takes c0 for c1 on 1 more image than B."),
    ],
)
def test_what_stands_out(view, words):
    assert sentence(FOUND, view) == words


def test_nothing_stands_out():
    same = inspection("012", "012", "012")
    assert largest(same, "a") is None and sentence(same, "a") == "A takes no class for another."
    assert sentence(same, "difference") == "Both take the same classes for each other as often."
    assert sentence(inspection(None, "01", "01"), "agreement") == "Both give the same answer to every image."
    blind = sentence(inspection(None, "011", "000"), "agreement")
    assert blind == "Most often they differ where B answers c0 and A c1: 2 of 3 images."


def test_words_above_the_images():
    assert cell_words(FOUND, "b", (1, 2), 1) == "**1 image** of c1 that B calls c2"
    assert cell_words(FOUND, "difference", (0, 1), 2) == "**2 images** of c0 that exactly one of A and B calls c1"
    assert cell_words(inspection(None, "0", "0"), "agreement", (0, 1), 2) == "**2 images** that B calls c0 and A c1"


@pytest.mark.parametrize("text", [None, 3, "", "1", "1.2.3", "-1.0", "a.b", "1.3", "²·1", "9999999.0"])
def test_cells_that_do_not_exist(text):
    assert parse_cell(text, 3) is None
    assert parse_cell("1.2", 3) == (1, 2)
