"""From a figure of the Merge table to the images behind it, in the running app."""

import contextlib
import re

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import PATIENCE
from tests.browser.test_journey import accuracies, drawn, go, is_calm, query, until

pytestmark = pytest.mark.browser
_ROW, _HEADER, _BOX, _MODEL = 33, 33, 33, 200
"""Height of the table's rows and header, width of its first two columns."""


def open_figure(page, row):
    """Click the average of a row of the comparison until its images open: a line of progress may move the table."""
    if "/inspect" not in page.url:
        box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        page.mouse.click(box["x"] + _BOX + _MODEL + 33, box["y"] + _HEADER + _ROW * (row + 0.5))
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_url("**/inspect?**in_task=**", timeout=PATIENCE / 10)
    return "/inspect" in page.url


def captions(page):
    """What stands below the images, those of the list beside the numbers first."""
    return page.get_by_test_id("stImageCaption").all_inner_texts()


@pytest.mark.timeout(900)
def test_from_a_figure_to_the_images(window):
    page = window("/merge")
    until(lambda: len(accuracies(page)) > 3, "the table")
    until(lambda: open_figure(page, 1), "the page Inspect")
    until(lambda: captions(page), "the first images")
    assert is_calm(page) and "ties" in query(page)["in_a"] and query(page)["in_b"] == "ensemble"

    before = captions(page)
    box = drawn(page, "in_fields").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    page.wait_for_url("**in_field=only_a**")
    page.get_by_text("that only A gets right").wait_for()
    until(lambda: captions(page)[:1] != before[:1], "other images")

    drawn(page, "in_confusion_difference").click(position={"x": 6, "y": 6})
    page.wait_for_url(re.compile(r"in_cell=\d+\.\d+"))
    assert is_calm(page)

    guest = window(page.url)
    guest.get_by_text("that only A gets right").wait_for()
    assert until(lambda: captions(guest)[:4] == captions(page)[:4], "the linked images")
    assert is_calm(guest) and query(guest) == query(page)


@pytest.mark.timeout(900)
def test_back_undoes_one_choice_and_then_leaves(window):
    page = window()
    assert is_calm(page)
    go(page, "Inspect", "Inspect")
    chosen = page.locator(".st-key-in_split [role=radio][aria-checked=true]")
    page.locator(".st-key-in_split").get_by_text("Validation").click()
    page.wait_for_url("**in_split=val**")
    page.evaluate("() => history.back()")
    until(lambda: chosen.inner_text() == "Test" and query(page) == {}, "the images of before")
    page.evaluate("() => history.back()")
    page.get_by_role("heading", level=1, name="encoders fine-tuned from one").wait_for()
    assert is_calm(page)
