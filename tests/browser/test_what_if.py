"""What-if in a real browser: drag a slider, see the ghost and new bars, draw a surface, jump by a click on it."""

import re

import pytest

from tests.browser.test_journey import is_calm, query, until

pytestmark = pytest.mark.browser


def bars(page):
    """The texts of the accuracy chart: title and legend."""
    return page.evaluate(
        "() => [...document.querySelectorAll('.st-key-wi_bars .gtitle, .st-key-wi_bars .legendtext')]"
        ".map(element => element.textContent)"
    )


def drag(page, key, by):
    """Drag a slider's thumb by so many pixels; its new value."""
    thumb = page.locator(f".st-key-{key} input[type=range]")
    handle = page.locator(f".st-key-{key} [role=slider], .st-key-{key} input[type=range]").first
    before, box = thumb.input_value(), handle.bounding_box()
    low, high = (float(thumb.get_attribute(end)) for end in ("min", "max"))
    share = (float(before) - low) / (high - low)
    x = box["x"] + (box["width"] * share if box["width"] > 40 else box["width"] / 2)
    page.mouse.move(x, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(x + by, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    until(lambda: thumb.input_value() != before, f"the slider {key} to move")
    return float(thumb.input_value())


@pytest.mark.timeout(900)
def test_a_dragged_slider_shows_at_once_what_changes_and_a_click_on_the_surface_jumps(window):
    page = window("/what_if?wi_method=Flat+%C2%B7+TIES")
    page.get_by_role("heading", level=1, name="What-if").wait_for()
    until(lambda: any("by task" in text for text in bars(page)), "a first estimate")
    assert "before" not in bars(page)
    until(lambda: any(re.match("Accuracy by task", text) for text in bars(page)), "the figures of all images")
    keep = drag(page, "wi_ties_keep_rate", 40)
    until(lambda: "before" in bars(page), "the ghost of the value before")
    page.wait_for_url(f"**wi_ties_keep_rate={keep:g}**")
    assert is_calm(page)

    page.get_by_role("button", name=re.compile("Draw 5 × 5")).click()
    surface = page.locator(".st-key-wi_surface .nsewdrag").first
    surface.wait_for()
    box = surface.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    thumb = page.locator(".st-key-wi_ties_keep_rate input[type=range]")
    until(lambda: float(thumb.input_value()) == 1.0, "the sliders to jump to the clicked cell")
    until(lambda: query(page).get("wi_ties_keep_rate") == "1", "the address to follow")
    until(lambda: any(re.match("Accuracy by task", text) for text in bars(page)), "the figures of the clicked cell")
    assert is_calm(page)
    link = page.url

    guest = window(link)
    until(lambda: guest.locator(".st-key-wi_surface .nsewdrag").count(), "the linked surface")
    assert float(guest.locator(".st-key-wi_ties_keep_rate input[type=range]").input_value()) == 1.0
    assert is_calm(guest)
