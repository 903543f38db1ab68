"""The main journey through the running app, as a newcomer walks it, in a real browser."""

import contextlib
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser
TITLES = {
    "overview": re.compile("encoders fine-tuned from one"),
    "mloss_map": "M-Loss map",
    "mergeability": "Mergeability",
    "merge": "Merge",
    "what_if": "What-if",
    "inspect": "Inspect",
    "predictor": "Predictor",
    "theory": "Theory",
}
_ROWS = """() => [...document.querySelectorAll('[data-testid=stDataFrame] canvas tbody tr')].map(row =>
    [1, 2].map(column => row.querySelector(`td[aria-colindex="${column}"]`)?.textContent ?? ''))"""


def is_calm(page):
    """Whether the page shows its title, no exception and no failure."""
    page.get_by_role("heading", level=1).first.wait_for()
    assert page.get_by_test_id("stException").count() == 0, page.get_by_test_id("stException").first.inner_text()
    assert page.get_by_test_id("stAlertContentError").count() == 0
    return True


def go(page, name, title):
    """Follow a link of the navigation and wait for the page's title."""
    heading = page.get_by_role("heading", level=1, name=title)

    def arrived():
        # Streamlit can lose a click that comes in the very moment in which a finished job runs the page again.
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(rf"{name}$")).click()
        with contextlib.suppress(PlaywrightTimeout):
            heading.wait_for(timeout=PATIENCE / 10)
        return heading.count()

    until(arrived, f"the page {name}")
    assert is_calm(page)


def drawn(page, key):
    """The drawn chart of this key."""
    chart = page.locator(f".st-key-{key} .nsewdrag").first
    chart.wait_for()
    return chart


def accuracies(page):
    """Model -> average as the comparison shows them, for the rows that have one."""
    rows = page.evaluate(_ROWS)
    return {model: float(average) for model, average in rows if model and average}


def until(condition, what):
    """The first true answer of `condition`."""
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"waited {PATIENCE / 1000:.0f} s for {what}")


def query(page):
    """What the link of the page carries."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def open_a_node(page):
    """Click into the middle of the heatmap: the node card opens. Returns the (block, node) in the link."""
    box = drawn(page, "map_heatmap").bounding_box()
    page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_url("**map_node=**")
    block, node = query(page)["map_block"], query(page)["map_node"]
    page.get_by_text(re.compile(rf"Block {block}, node {node}\b")).first.wait_for()
    until(lambda: page.get_by_text("Angles between rows").count(), "the node card")
    return block, node


def add_a_merge(page):
    """Lower the keep rate, add the recipe, wait for its accuracy. Returns the row's label and average."""
    thumb = page.locator(".st-key-mg_m_ties_keep_rate input[type=range]")
    thumb.focus()
    before = thumb.input_value()
    thumb.press("ArrowLeft")
    until(lambda: thumb.input_value() != before, "the slider to move")
    keep = f"{float(thumb.input_value()):g}"
    page.wait_for_url(f"**mg_m_ties_keep_rate={keep}**")
    page.get_by_text(f"a uniform k would keep {100 * float(keep):.1f} %").wait_for()
    page.locator(".st-key-mg_add button:visible:enabled").click()
    label = f"M-TIES k {keep} e 0.1"
    until(lambda: label in accuracies(page), f"an accuracy of {label}")
    return label, accuracies(page)[label]


@pytest.mark.timeout(900)
def test_main_journey(window):
    page = window()
    page.get_by_role("heading", level=1, name=TITLES["overview"]).wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    assert is_calm(page)

    go(page, "M-Loss map", TITLES["mloss_map"])
    node = open_a_node(page)
    map_link = page.url
    assert is_calm(page)

    go(page, "Merge", TITLES["merge"])
    label, average = add_a_merge(page)
    assert 0 < average < 100
    assert "Individual" in " ".join(accuracies(page))
    merge_link = page.url
    assert is_calm(page)

    guest = window(map_link)
    guest.get_by_text(f"Block {node[0]}, node {node[1]}").first.wait_for()
    assert is_calm(guest)
    guest.goto(merge_link)
    assert until(lambda: accuracies(guest).get(label), "the linked comparison") == average
    assert is_calm(guest)


@pytest.mark.timeout(900)
def test_every_page_opens_from_its_own_link(window):
    page = window("/theory")
    until(lambda: page.locator(".js-plotly-plot").count() >= 3, "three pictures")
    assert is_calm(page)
    page.get_by_role("tab", name="From node to row to keep rate").click()
    page.wait_for_url("**th_tab=**")
    page.locator(".js-plotly-plot").first.wait_for()
    assert is_calm(page)
    for path, title in TITLES.items():
        page.goto(f"{_origin(page)}/{'' if path == 'overview' else path}")
        page.get_by_role("heading", level=1, name=title).wait_for()
        until(lambda: page.get_by_test_id("stSidebarNavLink").count() == len(TITLES), "the navigation")
        assert is_calm(page)


def _origin(page):
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.mark.parametrize(
    ("path", "kept"), [("/", {}), ("/?zoo=demo", {}), ("/overview", {}), ("/overview?zoo=demo14", {"zoo": "demo14"})]
)
def test_a_link_may_name_the_first_page(window, path, kept):
    """The default zoo needs no name in the address."""
    page = window(path)
    page.get_by_role("heading", level=1, name="encoders fine-tuned from one").wait_for()
    drawn(page, "overview_story")
    assert is_calm(page) and page.get_by_text("Page not found").count() == 0
    links = page.get_by_test_id("stSidebarNavLink")
    assert links.count() == len(TITLES)
    [current] = [link for link in links.all() if link.get_attribute("aria-current") == "page"]
    assert "Overview" in current.inner_text()
    assert urlsplit(page.url).path == "/" and query(page) == kept
