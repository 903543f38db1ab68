"""What-if from a moved slider to painted numbers in a real browser, and the parts of that loop.

    python -m benchmarks.bench_live_loop [--moves 12] [--split val|test] [--cache FOLDER] [--only parts|loop|way]

Parts: merging, the first estimate and all images on a warm bench, wall and processor time; and the way to the worker
and back, by the queue of jobs and by the mailbox of live requests. Loop: the app with a worker of its own, Chromium,
one press of an arrow key on a slider at a time; a MutationObserver notes, from that press, when the request left the
browser and when keep rates, budget, first estimate and the figures of all images were painted. A line is printed after
each move and the percentiles at the end, however many moves came through. All figures are of a machine that may do
other things: its load is printed beside them. Aims on the demo zoo, two quiet cores: 0.2 s for keep rates and budget,
0.7 s for the first estimate, 2 s for all test images.
"""

import argparse
import contextlib
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from mloss_core.recipe import Recipe
from tests.browser.finding import ARGUMENTS, find_browser
from tests.browser.running_app import running_app

PATIENCE = 300.0
"""Seconds that the page may take to come to rest at first."""
MOVE = 60.0
"""Seconds that one move may take."""
MARKS = ("request sent", "keep rates", "budget", "estimate, numbers", "estimate, bars", "all images")
_OBSERVE = """() => {
  const captions = () => [...document.querySelectorAll('[data-testid=stCaptionContainer]')];
  const texts = () => captions().map(e => e.textContent).join('|');
  const title = () => document.querySelector('.st-key-wi_bars .gtitle')?.textContent ?? '';
  const words = () => document.querySelector('.st-key-wi_bars [aria-label]')?.getAttribute('aria-label') ?? '';
  window.seen = []; window.pressed = null; window.sent = null;
  const note = () => {
    const now = [texts(), title(), words()];
    const last = window.seen.at(-1);
    if (last && !last.slice(1).some((part, place) => part !== now[place])) return;
    window.seen.push([performance.now(), ...now]);
  };
  new MutationObserver(note).observe(document.body,
    {subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['aria-label']});
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (...data) { window.sent ??= performance.now(); return send.apply(this, data); };
  window.addEventListener('keydown', () => {
    window.pressed = performance.now(); window.sent = null; window.seen = []; note();
  }, true);
}"""


def head(name: str, count: str) -> str:
    """The heading of `row`, with the machine's load."""
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return f"{f'{name}; {load}':54s} {'p50':>8s} {'p95':>8s} {count:>5s}"


def row(name: str, values: Sequence[float]) -> str:
    """One line: percentiles and number."""
    if not values:
        return f"{name:54s} {'-':>8s} {'-':>8s} {0:5d}"
    return f"{name:54s} {np.percentile(values, 50):8.3f} {np.percentile(values, 95):8.3f} {len(values):5d}"


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
    import torch

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
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"parts, {few.count} and {whole.count} {split} images; {load}; seconds, wall (processor): median of 6")
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
    print(head("the way, seconds", "tries"))
    print(row("a job of no work", jobs))
    print(row("a live request, less its merge", live))


@contextmanager
def page_of(address: str, split: str) -> Iterator[Any]:
    """What-if in Chromium, all images seen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(f"{address}/what_if?wi_split={'Test' if split == 'test' else 'Validation'}")
        page.locator(".st-key-wi_bars .gtitle", has_text=re.compile("^Accuracy by task")).wait_for()
        page.evaluate(_OBSERVE)
        yield page
        browser.close()


def moved(page: Any, key: str, press: str) -> dict[str, float]:
    """Seconds from one press of a key on a slider to each mark that came within `MOVE`."""
    thumb = page.locator(f".st-key-{key} input[type=range]")
    thumb.focus()
    page.wait_for_timeout(300)
    thumb.press(press)
    end, found = time.monotonic() + MOVE, {}
    while time.monotonic() < end and "all images" not in found:
        page.wait_for_timeout(200)
        sent, seen = page.evaluate(
            "() => [window.sent - window.pressed, window.seen.map(e => [e[0] - window.pressed, ...e.slice(1)])]"
        )
        found = {"request sent": sent / 1000, **marks(seen)}
    return found


def marks(seen: Sequence[Sequence[Any]]) -> dict[str, float]:
    """When each mark was painted first: what the page had before the press does not count.

    Args:
        seen: milliseconds, captions, title of the chart and its description, of which the recipe's name is the start.
    """
    before, of_before, found = seen[0][1].split("|"), _recipe(seen[0][3]), {}
    for milliseconds, texts, title, words in seen[1:]:
        fresh = [part for part in texts.split("|") if part not in before]
        new = bool(words) and _recipe(words) != of_before
        known = {
            "keep rates": any(part.startswith("Rows of") for part in fresh),
            "budget": any(part.startswith("Realised budget") for part in fresh),
            "estimate, numbers": new or any(part.startswith("An estimate") for part in fresh),
            "estimate, bars": new and bool(title),
            "all images": new and title.startswith("Accuracy by task"),
        }
        for name, there in known.items():
            if there and name not in found:
                found[name] = milliseconds / 1000
    return found


def _recipe(words: str) -> str:
    return words.partition(":")[0]


PROCESSES = {"worker": "mloss_core.lab.jobs.worker", "app": "streamlit", "browser": "chrom"}
"""Whose processor time a move takes, by a word of their command lines; the first that fits counts."""


def processor_seconds() -> dict[str, float]:
    """Processor seconds so far of the processes below this one, by what they are."""
    found = dict.fromkeys(PROCESSES, 0.0)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            name = next((name for name, word in PROCESSES.items() if word in line), None)
            if name is not None:
                found[name] += sum(process.cpu_times()[:2])
    return found


def loop(address: str, split: str, moves: int) -> None:
    """Presses on the sliders of k and e in turn, each printed as it comes."""
    found: list[dict[str, float]] = []
    spent: list[dict[str, float]] = []
    try:
        with page_of(address, split) as page:
            for number in range(moves):
                start, slider = processor_seconds(), ("wi_m_ties_keep_rate", "wi_m_ties_span")[number % 2]
                found.append(moved(page, slider, "ArrowLeft" if number % 2 == 0 else "ArrowRight"))
                spent.append({name: seconds - start[name] for name, seconds in processor_seconds().items()})
                cells = (f"{name} {found[-1][name]:.2f}" if name in found[-1] else f"{name} -" for name in MARKS)
                print(f"move {number + 1}: {', '.join(cells)}", flush=True)
    finally:
        print(head(f"from key to paint, {split} images, seconds", "moves"))
        for name in MARKS:
            print(row(name, [each[name] for each in found if name in each]), flush=True)
        for name in PROCESSES:
            print(row(f"processor seconds of a move, {name}", [each[name] for each in spent]), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=12)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--cache", type=Path, help="a warm cache; an empty one by default")
    parser.add_argument("--only", choices=("parts", "loop", "way"), help="one of the three; all by default")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended early"))
    if options.only in (None, "parts"):
        parts(options.split)
    if options.only == "parts":
        return
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder) / "cache"
        with running_app(cache, Path(folder) / "log") as address:
            if options.only != "way":
                loop(address, options.split, options.moves)
            if options.only != "loop":
                way_to_the_worker(cache)


if __name__ == "__main__":
    main()
