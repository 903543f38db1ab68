import pytest

from tests.mloss_core.evaluation.inspection.made import inspection
from ui import theme
from ui.inspect.fields import field_figure, headline, usual_field

FOUND = inspection("0011", "0010", "0110")


def test_the_chosen_number_has_the_accent():
    fig = field_figure(FOUND, "only_a")
    written = {text.text: text.font.color for text in fig.layout.annotations}
    assert written["<b>1</b>"] == theme.INK or written["<b>1</b>"] == theme.ACCENT
    accented = [text.text for text in fig.layout.annotations if text.font.color == theme.ACCENT]
    assert accented == ["<b>1</b>", "only A right, 25.0 %"]
    assert sum(shape.line.color == theme.ACCENT for shape in fig.layout.shapes) == 1


def test_a_click_gives_the_field():
    (layer,) = field_figure(FOUND, "only_a").data
    assert [row[0] for row in layer.customdata] == list(FOUND.fields)
    assert "only B right: 0 of 4 images" in layer.text[2]


def test_without_labels_there_are_two_cells():
    fig = field_figure(inspection(None, "00", "01"), "agree")
    assert len(fig.layout.shapes) == 2 and "same answer, 50.0 %" in [text.text for text in fig.layout.annotations]


@pytest.mark.parametrize(
    ("a", "b", "field"),
    [
        ("0011", "0010", "only_a"),
        ("0010", "0011", "only_b"),
        ("0011", "0011", "both_right"),
        ("1010", "1010", "both_wrong"),
    ],
)
def test_what_opens_first_has_images(a, b, field):
    assert usual_field(inspection("0011", a, b)) == field


def test_the_sentence():
    assert headline(FOUND, "*A*", "B") == (
        "\\*A\\* is right on **75.0 ± 21.7 %** of 4 images, B on **50.0 ± 25.0 %**: +25.0 points ± 21.7 (paired), "
        "within sampling error: other images could turn it around."
    )
    truth = "0" * 100
    assert headline(inspection(truth, truth, "1" * 50 + "0" * 50), "A", "B").endswith("more than twice its error.")
    assert headline(inspection("0", "0", "1"), "A", "B").endswith(
        "+100.0 points ± 0.0 (paired), but they differ on 1 image only, and chance does that in 100 % of cases."
    )
    assert headline(inspection("00000", "00000", "11100"), "A", "B").endswith(
        "they differ on 3 images only, and chance does that in 25 % of cases."
    )
    assert "are right on the same images: **50.0" in headline(inspection("01", "02", "02"), "A", "B")
    assert "have no labels. A and B give the same answer to **50.0 ±" in headline(
        inspection(None, "01", "00"), "A", "B"
    )
