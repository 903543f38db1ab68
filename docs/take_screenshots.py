"""Take the README's pictures from the running app: `python -m docs.take_screenshots` (needs requirements-dev.txt).

Starts the app with a cache of its own, opens every page in headless Chromium in light and dark, waits until no job
runs, and writes docs/images/<page>_<theme>.png, 1280 x 800, with 256 colours.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.finding import ARGUMENTS, find_browser
from tests.browser.running_app import running_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parent / "images"
THEMES = ("light", "dark")
PAGES = {"overview": ""} | {
    name: name for name in ("mloss_map", "mergeability", "merge", "what_if", "inspect", "predictor", "theory")
}
SIZE = {"width": 1280, "height": 800}
_PATIENCE = 600.0
_CALM_SECONDS = 2.5


def main() -> None:
    """Take all pictures, or those of the named pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help=f"of {', '.join(PAGES)}; all by default")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the pictures; default: docs/images")
    parser.add_argument("--cache", type=Path, help="cache folder to use, so that a second run need not measure again")
    options = parser.parse_args()
    path = find_browser()
    if path is None:
        parser.error("there is no Chromium on this machine; `make browser` gets one")
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with running_app(options.cache or Path(folder) / "cache", Path(folder) / "app.log") as address:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            for page in options.pages or PAGES:
                for theme in THEMES:
                    picture = compressed(shoot(browser, f"{address}/{PAGES[page]}", theme))
                    (options.out / f"{page}_{theme}.png").write_bytes(picture)
                    print(f"{page}_{theme}.png: {len(picture) / 1000:.0f} kB")
            browser.close()


def shoot(browser: "Browser", address: str, theme: str) -> bytes:
    """PNG of one page once it has come to rest."""
    context = browser.new_context(viewport=SIZE, color_scheme=theme)
    page = context.new_page()
    page.goto(address)
    _rest(page)
    # No tooltip, focus ring or hover of an earlier step in the picture.
    page.mouse.move(SIZE["width"] - 4, SIZE["height"] - 4)
    picture = page.screenshot()
    context.close()
    return picture


def compressed(picture: bytes, colours: int = 256) -> bytes:
    """The same PNG with a palette: a quarter of the size, and screens have few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _rest(page: "Page") -> None:
    """Wait until charts are drawn and nothing has run for a while."""
    page.get_by_role("heading", level=1).first.wait_for(timeout=_PATIENCE * 1000)
    page.locator(".js-plotly-plot").first.wait_for(timeout=_PATIENCE * 1000)
    end, calm = time.monotonic() + _PATIENCE, time.monotonic()
    while time.monotonic() - calm < _CALM_SECONDS:
        if page.get_by_test_id("stProgress").count() or page.get_by_test_id("stStatusWidgetRunningIcon").count():
            calm = time.monotonic()
        if time.monotonic() > end:
            raise TimeoutError(f"{page.url} did not come to rest in {_PATIENCE:.0f} s")
        page.wait_for_timeout(100)


if __name__ == "__main__":
    main()
