"""A user's own folder of checkpoints in the running app: chosen from the list, opened, measured, reopened by link."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.browser.running_app import running_app
from tests.browser.test_journey import drawn, go, is_calm, query, until
from tests.zoo_files import CLASSES, TASKS, task_vectors

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")]


@pytest.fixture(scope="module")
def own_address(browser_path, tmp_path_factory):
    """The app of an operator who offers one zoo with datasets and one that is broken."""
    root = tmp_path_factory.mktemp("own")
    folder = task_vectors(root / "zoos" / "mine")
    (folder / "zoo.json").write_text(json.dumps({"datasets": str(root / "data")}))
    broken = root / "zoos" / "broken" / "Cars"
    broken.mkdir(parents=True)
    (broken / "finetuned.pt").write_bytes(b"<html>quota</html>")
    (broken.parent / "zeroshot.pt").write_bytes((folder / "zeroshot.pt").read_bytes())
    draw = np.random.default_rng(0)
    for task in TASKS:
        for split, count in (("train", 8), ("val", 2), ("test", 3)):
            for label in range(CLASSES[task]):
                place = root / "data" / task / split / f"c{label}"
                place.mkdir(parents=True)
                for number in range(count):
                    pixels = draw.integers(0, 256, (24, 24, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(place / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOSS_ZOOS", str(root / "zoos"))
        with running_app(root / "cache", root / "app.log") as address:
            yield address


def choose(page, name):
    """Take a zoo from the sidebar's list."""
    page.get_by_test_id("stSidebar").get_by_role("combobox").first.click()
    page.get_by_role("option", name=name, exact=True).click()


def pictures(page):
    """Whether the page shows images and all of them have come."""
    return page.evaluate(
        "() => (all => all.length > 9 && all.every(one => one.complete && one.naturalWidth))([...document.images])"
    )


def test_a_zoo_is_chosen_opened_measured_and_reopened(window, own_address):
    page = window(own_address)
    assert is_calm(page)
    until(lambda: pictures(page), "the images of the demo zoo")
    choose(page, "mine")
    page.get_by_text("Layout: <Dataset>/finetuned.pt").wait_for()
    assert is_calm(page) and query(page) == {"zoo": "mine"}
    until(lambda: pictures(page), "the images of the zoo")
    go(page, "M-Loss map", "M-Loss map")
    drawn(page, "map_heatmap")
    assert is_calm(page) and query(page)["zoo"] == "mine"
    again = window(page.url)
    drawn(again, "map_heatmap")
    assert again.get_by_test_id("stSidebar").get_by_text("mine · 3 models").count() == 1


def test_a_broken_zoo_says_why_and_leads_back(window, own_address):
    page = window(own_address)
    assert is_calm(page)
    until(lambda: pictures(page), "the images of the demo zoo")
    choose(page, "broken")
    page.get_by_text("Cars/finetuned.pt is a web page").wait_for()
    page.get_by_role("button", name="Back to the demo zoo").click()
    page.get_by_text("Eight encoders fine-tuned from one").wait_for()
    assert query(page) == {}
    until(lambda: pictures(page), "the images of the demo zoo")
