"""A window in which somebody clicks at random, often in the instant in which a job ends; prints all that goes wrong.

    python -m tests.browser.monkey [--actions 300] [--seed 0] [--cache FOLDER] [--pages merge inspect] [--out FILE]

Starts the app on a cache folder (an empty one of its own by default: every job has to be done), opens pages, follows
links, moves controls, goes back and forward, reloads and downloads. An action with a known effect, such as a choice
that must stay chosen, is checked after the page has come to rest and once more a second later. "Lost" is a click that
arrived where it was aimed and had no such effect; "moved" one whose target was no longer there. Exit status 1 when
anything went wrong.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Error

from tests.browser.finding import ARGUMENTS, find_browser
from tests.browser.monkey_watch import JobEnds, Watch
from tests.browser.running_app import running_app

HEIGHT = 800
PATIENCE = 90.0
"""Seconds in which a page must come to rest."""
TARGETS = """() => {
    const found = [], seen = element => { const box = element.getBoundingClientRect();
        return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== 'hidden' };
    const key = element => { for (let one = element; one; one = one.parentElement) {
        const name = [...one.classList].find(word => word.startsWith('st-key-')); if (name) return name.slice(7) }
        return '' };
    const add = (kind, selector, chosen) => document.querySelectorAll(selector).forEach((element, index) => {
        if (seen(element) && !element.disabled && element.getAttribute('aria-disabled') !== 'true')
            found.push({kind, selector, index, key: key(element),
                label: (element.innerText || element.getAttribute('aria-label') || '').trim().slice(0, 60),
                state: chosen(element)}) });
    const checked = element => element.getAttribute('aria-checked') ?? element.getAttribute('aria-pressed');
    add('nav', '[data-testid=stSidebarNavLink]', element => element.getAttribute('aria-current'));
    add('choice', '[data-testid=stButtonGroup] button[role=radio]', checked);
    add('pill', '[data-testid=stButtonGroup] button:not([role=radio])[aria-pressed]', checked);
    add('tab', '[data-testid=stTab]', element => element.getAttribute('aria-selected'));
    add('toggle', '[data-testid=stCheckbox] label', element => String(element.querySelector('input').checked));
    add('slider', '[data-testid=stSlider] input[type=range]', element => element.value);
    add('select', '[data-testid=stMain] [data-testid=stSelectbox] input[role=combobox]', element => element.value);
    add('button', '[data-testid=stMain] [data-testid=stButton] button', element => '');
    add('cancel', '[data-testid=stSidebar] [data-testid=stButton] button', element => '');
    add('download', '[data-testid=stDownloadButton] button', element => '');
    add('page', '[data-testid=stPagination] button', element => element.getAttribute('aria-current'));
    add('chart', '[data-testid=stPlotlyChart] .nsewdrag', element => '');
    return found }"""
WEIGHTS = {
    "nav": 5, "choice": 5, "pill": 2, "tab": 4, "toggle": 2, "slider": 3, "select": 3, "button": 4, "cancel": 0.5,
    "download": 3, "page": 4, "chart": 4, "back": 2, "forward": 1, "reload": 1.5,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Target:
    """Something to click as it was seen: found again by key and label."""

    kind: str
    selector: str
    index: int
    key: str
    label: str
    state: str | None


class Monkey:
    """Random actions in one window.

    Args:
        page: the window.
        ends: of the jobs of the app's cache.
        draw: where randomness comes from.
    """

    def __init__(self, page: Any, ends: JobEnds, draw: random.Random) -> None:
        self.page, self.ends, self.draw = page, ends, draw
        self.watch = Watch(page)
        self.done: collections.Counter[str] = collections.Counter()
        self.raced = 0
        self.origin = ""

    def start(self, address: str, path: str) -> None:
        """Open the first page."""
        self.origin = address
        self.page.goto(address + path)
        self.rest()

    def act(self) -> str:
        """One action; what it was."""
        self.watch.action += 1
        targets = [Target(**found) for found in self.page.evaluate(TARGETS)]
        kinds = sorted({target.kind for target in targets} | {"back", "forward", "reload"})
        kind = self.draw.choices(kinds, [WEIGHTS[one] for one in kinds])[0]
        mine = [target for target in targets if target.kind == kind and self._may(target)]
        if kind not in ("back", "forward", "reload") and not mine:
            return ""
        self.done[kind] += 1
        before = len(self.watch.faults)
        words = kind if not mine else self._on(self.draw.choice(mine))
        if not mine:
            self._history(kind)
        self.watch.look()
        faults = "; ".join(f"{fault.kind}: {fault.words}" for fault in self.watch.faults[before:])
        return f"{words}{'  !! ' + faults if faults else ''}"

    def rest(self, seconds: float = PATIENCE) -> None:
        """Wait until the page's script has ended."""
        calm, end = 0, time.monotonic() + seconds
        while calm < 3 and time.monotonic() < end:
            self.page.wait_for_timeout(100)
            state = self.page.locator("[data-testid=stApp]").get_attribute("data-test-script-state")
            calm = calm + 1 if state == "notRunning" else 0

    def _may(self, target: Target) -> bool:
        if target.kind in ("nav", "choice", "tab", "page") and target.state in ("true", "page"):
            return False
        return bool(target.label or target.key) and not (target.kind == "page" and not target.label.isdigit())

    def _history(self, kind: str) -> None:
        """Back and forward within the app, and opening the link of the page anew."""
        if kind == "reload":
            heading, path = self._heading(), self.page.url
            self.page.goto(path)
            self.rest()
            if self._heading() != heading:
                self.watch.add("lost", f"{path} opened {self._heading()!r}, was {heading!r}")
        else:
            self.page.evaluate(f"() => history.{kind}()")
            self.rest()
            if not self.page.url.startswith(self.origin):
                self.page.goto(self.origin)
                self.rest()

    def _on(self, target: Target) -> str:
        words = f"{target.kind} {target.key or target.label!r} {target.label!r}"
        element = self._find(target)
        if element is None:
            return f"{words} (gone)"
        with contextlib.suppress(Error):
            element.scroll_into_view_if_needed(timeout=3000)
        if self.ends.any_active() and self.draw.random() < 0.7 and self.ends.wait(2.5):
            self.page.wait_for_timeout(1000 * self.draw.uniform(0, 0.7))
            self.raced += 1
            words += " (a job has just ended)"
        getattr(self, f"_{target.kind}", self._click_and_keep)(target)
        return words

    def _find(self, target: Target) -> Any:
        """The target's element now, or None."""
        for found in self.page.evaluate(TARGETS):
            if (found["kind"], found["key"], found["label"]) == (target.kind, target.key, target.label):
                return self.page.locator(target.selector).nth(found["index"])
        return None

    def _state(self, target: Target) -> str | None:
        for found in self.page.evaluate(TARGETS):
            if (found["kind"], found["key"], found["label"]) == (target.kind, target.key, target.label):
                return found["state"]
        return "gone"

    def _click(self, target: Target, at: tuple[float, float] = (0.5, 0.5)) -> bool:
        """Press and release the mouse where the target is; whether it was still there."""
        element = self._find(target)
        box = None
        with contextlib.suppress(Error):
            box = element.bounding_box(timeout=2000) if element is not None else None
        if box is None or box["y"] < 0 or box["y"] + box["height"] * at[1] > HEIGHT:
            return False
        x, y = box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"]
        self.watch.clicked()
        self.page.mouse.click(x, y, delay=self.draw.choice((0, 0, 40)))
        return True

    def _click_and_keep(self, target: Target, wanted: str = "true") -> None:
        """Click what shall then be chosen and stay so."""
        sent = self.watch.sent
        if not self._click(target):
            return
        self._keeps(target, lambda state: state == wanted, sent)

    def _keeps(self, target: Target, good: Any, sent: int) -> None:
        arrived = self.watch.clicked()
        states = []
        for pause in (0, 1200):
            self.page.wait_for_timeout(pause)
            self.rest()
            states.append(self._state(target))
        if not all(state == "gone" or good(state) for state in states):
            hit = target.kind in ("slider", "select") or any(
                target.label.split("\n")[-1][:20] in words or words.upper() == words for *_, words in arrived
            )
            kind = "lost" if hit and (self.watch.sent > sent or target.kind == "nav") else "moved"
            self.watch.add(kind, f"{target.kind} {target.key} {target.label!r}: {states}, arrived {arrived}, sent "
                           f"{self.watch.sent - sent}")  # fmt: skip

    def _nav(self, target: Target) -> None:
        self._click_and_keep(target, "page")

    def _page(self, target: Target) -> None:
        self._click_and_keep(target, "page" if target.state != "false" else "true")

    def _pill(self, target: Target) -> None:
        self._click_and_keep(target, "false" if target.state == "true" else "true")

    _toggle = _pill

    def _slider(self, target: Target) -> None:
        sent, element = self.watch.sent, self._find(target)
        if element is not None:
            with contextlib.suppress(Error):
                element.focus(timeout=2000)
                self.page.keyboard.press(self.draw.choice(("ArrowLeft", "ArrowRight")))
            value = self._state(target)
            if value not in (target.state, "gone"):
                self._keeps(target, lambda state: state == value, sent)

    def _select(self, target: Target) -> None:
        sent = self.watch.sent
        if not self._click(target):
            return
        options = self.page.get_by_role("option")
        with contextlib.suppress(Error):
            options.first.wait_for(timeout=3000)
            number = self.draw.randrange(options.count())
            label = options.nth(number).inner_text().strip()
            options.nth(number).click(timeout=3000)
            self._keeps(target, lambda state: state == label, sent)
            return
        self.page.keyboard.press("Escape")

    def _button(self, target: Target) -> None:
        """A button's effect is not known here; that the browser told the server of it is."""
        sent = self.watch.sent
        if self._click(target):
            arrived = self.watch.clicked()
            self.page.wait_for_timeout(300)
            self.rest()
            hit = any(target.label.split("\n")[-1][:20] in words for *_, words in arrived)
            if self.watch.sent == sent:
                self.watch.add(
                    "lost" if hit else "moved", f"button {target.key} {target.label!r} sent nothing, {arrived}"
                )

    _cancel = _button

    def _download(self, target: Target) -> None:
        got: list[Any] = []
        self.page.once("download", lambda found: got.append(found))
        if not self._click(target):
            return
        end = time.monotonic() + 30
        while not got and time.monotonic() < end:
            self.page.wait_for_timeout(50)
            if time.monotonic() > end - 25:
                self.watch.look()
        failure = got[0].failure() if got else "nothing came"
        if failure:
            self.watch.add("download", f"{target.key} {target.label!r}: {failure}")

    def _chart(self, target: Target) -> None:
        if self._click(target, (self.draw.uniform(0.1, 0.9), self.draw.uniform(0.1, 0.9))):
            self.page.wait_for_timeout(300)
            self.rest()

    def _heading(self) -> str:
        return self.page.get_by_role("heading", level=1).first.inner_text()


@contextlib.contextmanager
def browser_page() -> Iterator[Any]:
    """A window of a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": HEIGHT}, accept_downloads=True).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        yield page
        browser.close()


def main() -> int:
    """Act, print each action with what went wrong, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3600.0, help="leave off after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="of the app; an empty one of its own by default")
    parser.add_argument("--path", default="/", help="first page")
    parser.add_argument("--out", type=Path, help="a file for the faults as JSON, one a line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cache = options.cache or Path(folder) / "cache"
        with running_app(cache, Path(folder) / "app.log") as address, browser_page() as page:
            monkey = Monkey(page, JobEnds(cache), random.Random(options.seed))
            monkey.start(address, options.path)
            start = time.monotonic()
            for number in range(options.actions):
                with contextlib.suppress(Error):  # What was looked at is gone by now.
                    words = monkey.act()
                    print(f"{number:4d} {time.monotonic() - start:6.1f} s {words}", flush=True)
                if time.monotonic() - start > options.seconds:
                    break
        log = (Path(folder) / "app.log").read_text(errors="replace")
    faults = monkey.watch.faults
    if options.out:
        options.out.write_text("".join(json.dumps(dataclasses.asdict(fault)) + "\n" for fault in faults))
    traces = log.count("Traceback")
    print(f"{sum(monkey.done.values())} actions {dict(monkey.done)}, {monkey.raced} as a job ended")
    print(f"faults {dict(collections.Counter(fault.kind for fault in faults))}, {traces} tracebacks of the server")
    if traces:
        print(log[-6000:])
    return int(bool(faults or traces))


if __name__ == "__main__":
    sys.exit(main())
