"""What-if from a moved slider to painted numbers in a real browser, and the parts of that loop.

    python -m benchmarks.bench_live_loop [--moves 12] [--split val|test] [--cache FOLDER] [--parts-only]

Parts: merging, the first estimate and all images on a warm bench, wall and processor time; and the way to the worker
and back, by the queue of jobs and by the mailbox of live requests. Loop: the app with a worker of its own, Chromium,
one press of an arrow key on a slider at a time; a MutationObserver notes when keep rates, budget, first estimate and
the figures of all images appear. Aims on the demo zoo, two quiet cores: 0.2 s for keep rates and budget, 0.7 s for the
first estimate, 2 s for all test images.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mloss_core.recipe import Recipe
from tests.browser.finding import ARGUMENTS, find_browser
from tests.browser.running_app import running_app

PATIENCE = 300.0
MARKS = ("keep rates", "budget", "estimate", "all images", "verdict")
_OBSERVE = """() => {
  const captions = () => [...document.querySelectorAll('[data-testid=stCaptionContainer]')];
  const texts = () => captions().map(e => e.textContent).join('|');
  const title = () => document.querySelector('.st-key-wi_bars .gtitle')?.textContent ?? '';
  const numbers = () => document.querySelector('[data-testid=stMetricValue]')?.textContent ?? '';
  window.seen = []; window.pressed = null;
  const note = () => {
    const now = [texts(), title(), numbers()];
    const last = window.seen.at(-1);
    if (last && !last.slice(1).some((part, place) => part !== now[place])) return;
    window.seen.push([performance.now(), ...now]);
  };
  new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true});
  window.addEventListener('keydown', () => { window.pressed = performance.now(); window.seen = []; note(); }, true);
}"""


def row(name: str, values: Sequence[float]) -> str:
    """One line: median, largest, number."""
    return f"{name:34s} {statistics.median(values):8.3f} {max(values):8.3f} {len(values):5d}"


def timed(function: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - cpu


def m_ties(keep_rate: float, span: float, **options: float) -> Recipe:
    """The recipe that the sliders hold."""
    return Recipe(method="m_ties", options={"keep_rate": keep_rate, "span": span, **options})


def parts(split: str) -> None:
    """The engine alone, warm."""
    from mloss_core import open_zoo
    from mloss_core.whatif import Workbench

    bench = Workbench(open_zoo("demo"))
    few, whole = bench.images(split, most=64), bench.images(split)
    bench.row(m_ties(0.8, 0.1), few)
    bench.row(m_ties(0.8, 0.1), whole)
    guided = m_ties(0.7, 0.1).replace(blocks=(8, 9, 10))
    bench.row(guided, whole)
    changes = {
        "k": [m_ties(0.3 + 0.05 * step, 0.1) for step in range(6)],
        "e": [m_ties(0.8, 0.1 + 0.025 * step) for step in range(1, 7)],
        "scale": [m_ties(0.8, 0.1, scale=0.6 + 0.05 * step) for step in range(6)],
        "e of blocks 8,9,10": [
            guided.replace(options={"keep_rate": 0.7, "span": 0.1 + 0.025 * step}) for step in range(1, 7)
        ],
    }
    print(f"parts, {few.count} and {whole.count} {split} images; seconds, wall (processor): median of 6")
    print(f"{'changed':20s} {'merge':>16s} {'first estimate':>16s} {'all images':>16s}")
    for name, recipes in changes.items():
        found = [
            [
                timed(lambda: bench.merged(recipe)),  # noqa: B023
                timed(lambda: bench.row(recipe, few)),  # noqa: B023
                timed(lambda: bench.row(recipe, whole)),  # noqa: B023
            ]
            for recipe in recipes
        ]
        cells = [tuple(statistics.median(each[part][kind] for each in found) for kind in (0, 1)) for part in range(3)]
        print(f"{name:20s} " + " ".join(f"{wall:7.3f} ({cpu:6.3f})" for wall, cpu in cells))
    bench.close()


def way_to_the_worker(cache: Path) -> None:
    """A job and a live request there and back."""
    from mloss_core.lab.jobs.store import JobStore
    from mloss_core.lab.jobs.watcher import JobWatcher
    from mloss_core.lab.live.mailbox import Mailbox, new_window

    store = JobStore(cache / "jobs")
    watcher, box, window = JobWatcher(store, start=False), Mailbox(store.root), new_window()
    print(f"{'the way, seconds':34s} {'median':>8s} {'largest':>8s} {'tries':>5s}")
    jobs, live = [], []
    for number in range(20):
        params = {"zoo": "demo", "task": "digits", "split": "val", "indices": [number]}
        start = time.perf_counter()
        job = watcher.wait(watcher.submit("samples", params).key, PATIENCE)
        assert job is not None and watcher.result(job.key) is not None
        jobs.append(time.perf_counter() - start)
        request = box.ask(window, {"zoo": "demo", "recipe": Recipe(method="average").to_dict(), "split": "val"})
        start = time.perf_counter()
        while (state := box.state(request)) is None:
            time.sleep(0.005)
        live.append(time.perf_counter() - start - state["seconds"]["kept"])
    print(row("a job of no work", jobs))
    print(row("a live request, less its merge", live))


@contextmanager
def page_of(address: str, split: str) -> Iterator[Any]:
    """What-if in Chromium, its figures final."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"{address}/what_if?wi_split={'Test' if split == 'test' else 'Validation'}")
        page.get_by_text("The M-Loss ranks of").first.wait_for()
        page.evaluate(_OBSERVE)
        yield page
        browser.close()


def moved(page: Any, key: str, press: str) -> dict[str, float]:
    """Seconds from one press of a key on a slider to each mark."""
    thumb = page.locator(f".st-key-{key} input[type=range]")
    thumb.focus()
    page.wait_for_timeout(300)
    thumb.press(press)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = marks(page.evaluate("() => window.seen.map(entry => [entry[0] - window.pressed, ...entry.slice(1)])"))
        if "verdict" in found:
            return found
        page.wait_for_timeout(200)
    raise SystemExit(f"no verdict within {PATIENCE:.0f} s")


def marks(seen: Sequence[Sequence[Any]]) -> dict[str, float]:
    """When each mark was painted first: the texts that the page had before the press do not count."""
    before, found = seen[0][1], {}
    for milliseconds, texts, title, _ in seen[1:]:
        parts, old = texts.split("|"), before.split("|")
        fresh = [part for part in parts if part not in old]
        known = {
            "keep rates": any(part.startswith("Rows of") for part in fresh),
            "budget": any(part.startswith("Realised budget") for part in fresh),
            "estimate": title.startswith("Estimated"),
            "all images": "estimate" in found and title.startswith("Accuracy by task"),
            "verdict": any("The M-Loss ranks of" in part for part in fresh),
        }
        for name, there in known.items():
            if there and name not in found:
                found[name] = milliseconds / 1000
    return found


def loop(address: str, split: str, moves: int) -> None:
    """Presses on the sliders of k and e in turn."""
    with page_of(address, split) as page:
        found = []
        for number in range(moves):
            slider = ("wi_m_ties_keep_rate", "wi_m_ties_span")[number % 2]
            found.append(moved(page, slider, "ArrowLeft" if number % 2 == 0 else "ArrowRight"))
    print(f"{f'from key to paint, {split} images, s':34s} {'median':>8s} {'largest':>8s} {'moves':>5s}")
    for name in MARKS:
        print(row(name, [each[name] for each in found if name in each]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=12)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--cache", type=Path, help="a warm cache; an empty one by default")
    parser.add_argument("--parts-only", action="store_true")
    options = parser.parse_args()
    parts(options.split)
    if options.parts_only:
        return
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder) / "cache"
        with running_app(cache, Path(folder) / "log") as address:
            loop(address, options.split, options.moves)
            way_to_the_worker(cache)


if __name__ == "__main__":
    main()
