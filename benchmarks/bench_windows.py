"""What windows cost that only show jobs: server CPU while they are idle, and how long a page takes to come.

    python -m benchmarks.bench_windows [--windows 1 4 8 16] [--queued 20] [--seconds 20] [--page merge]

Starts the real app on a cache of its own for each number of windows. A process that takes no job owns the queue, so the
jobs wait for as long as the windows are watched. A window is a WebSocket session that does what a browser does with the
server: it asks for a page and runs its fragments again at their paces. There is no browser, whose drawing would take
the cores that the server is measured on. "Painted" means that the page's script has run and all that it drew has come.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from mloss_core.lab.jobs.processes import process_name
from mloss_core.lab.jobs.records import Job, Records
from mloss_core.lab.jobs.workers import Workers
from tests.browser.running_app import running_app

PAGES = ("", "mloss_map", "mergeability", "merge", "theory")
PATIENCE = 120.0
"""Seconds after which a page that has not come is counted as never."""


class Window:
    """One visitor: asks for a page, then runs its fragments again as often as the server told."""

    def __init__(self, socket: ClientConnection, page: str) -> None:
        self.socket, self.page = socket, page
        self.painted = asyncio.Event()
        self.runs = 0
        self._script = ""
        self._timers: dict[str, tuple[float, asyncio.Task]] = {}

    async def live(self) -> None:
        """Open the page and stay until the connection ends."""
        await self._rerun("")
        try:
            async for data in self.socket:
                self._take(ForwardMsg.FromString(data))
        finally:
            self._stop(list(self._timers))

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._script = message.new_session.page_script_hash
            self._stop(list(self._timers))
        elif kind == "script_finished":
            self.runs += 1
            # A busy server may take back the page's own end when the first fragment comes; none comes before it.
            if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.painted.set()
        elif kind == "auto_rerun":
            self._start(message.auto_rerun.fragment_id, message.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self._stop(message.stop_auto_rerun.fragment_ids)

    def _start(self, fragment: str, interval: float) -> None:
        if self._timers.get(fragment, (None,))[0] != interval:
            self._stop([fragment])
            self._timers[fragment] = (interval, asyncio.create_task(self._again(fragment, interval)))

    def _stop(self, fragments: Sequence[str]) -> None:
        for fragment in fragments:
            if fragment in self._timers:
                self._timers.pop(fragment)[1].cancel()

    async def _again(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._rerun(fragment)

    async def _rerun(self, fragment: str) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.page_name, state.page_script_hash = ("", self._script) if self._script else (self.page, "")
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        await self.socket.send(message.SerializeToString())


@contextlib.asynccontextmanager
async def opened(address: str, pages: Sequence[str]) -> AsyncIterator[tuple[list[Window], list[float]]]:
    """Windows on these pages, asked for at once, and the seconds until each was painted."""
    start = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        windows, lives = [], []
        for page in pages:
            socket = await stack.enter_async_context(
                connect(address.replace("http", "ws") + "/_stcore/stream", max_size=None, open_timeout=PATIENCE)
            )
            windows.append(Window(socket, page))
            lives.append(asyncio.create_task(windows[-1].live()))
        seconds = await asyncio.gather(*map(_until_painted, windows, lives, [start] * len(pages)))
        yield windows, list(seconds)
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


async def _until_painted(window: Window, life: asyncio.Task, start: float) -> float:
    painted = asyncio.create_task(window.painted.wait())
    await asyncio.wait([painted, life], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        life.result()
    painted.cancel()
    return time.monotonic() - start if window.painted.is_set() else float("inf")


@contextlib.contextmanager
def held_queue(cache: Path, queued: int) -> Iterator[None]:
    """Jobs that wait for a worker which lives and takes none of them."""
    records, workers = Records(cache / "jobs"), Workers(cache / "jobs")
    for number in range(queued):
        params = {"zoo": "demo", "recipe": {"method": "ties", "scale": 0.3 + 0.01 * number}, "split": "test"}
        key = hashlib.sha256(str(number).encode()).hexdigest()
        records.write(Job(key=key, kind="recipe", params=params, device="auto", created=time.time() + 0.001 * number))
    idle = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100_000)"])
    try:
        workers.folder.mkdir(parents=True, exist_ok=True)
        for device in ("cpu", "cuda:0"):
            workers.register(device, process_name(idle.pid))
        yield
    finally:
        idle.kill()
        idle.wait()


def server_process() -> psutil.Process:
    """The app that this process started."""
    return next(child for child in psutil.Process().children() if "streamlit" in child.cmdline())


def cpu_seconds(process: psutil.Process) -> float:
    """CPU that a process has used, without its children's."""
    times = process.cpu_times()
    return times.user + times.system


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table. Seconds, and shares of one core."""

    windows: int
    paints: Sequence[float]
    paint_cpu: float
    idle: float
    runs: float
    others: Sequence[float]

    def __str__(self) -> str:
        median = statistics.median(self.paints) if self.paints else float("nan")
        worst = max(self.paints, default=float("nan"))
        others = " ".join(f"{seconds:6.2f}" for seconds in self.others)
        return (
            f"{self.windows:7d} {median:7.2f} {worst:7.2f} {self.paint_cpu:7.2f} {100 * self.idle:7.1f} % "
            f"{self.runs:6.1f}   {others}"
        )


async def measured(address: str, options: argparse.Namespace, windows: int) -> Row:
    """Open the windows, let them settle, watch the server, and open every page once more."""
    server = server_process()
    async with opened(address, [options.page]):
        pass  # What a server does once, such as importing, is nobody's window.
    before = cpu_seconds(server)
    async with opened(address, [options.page] * windows) as (idle, paints):
        paint_cpu = cpu_seconds(server) - before
        await asyncio.sleep(options.settle)
        start, used, runs = time.monotonic(), cpu_seconds(server), sum(window.runs for window in idle)
        await asyncio.sleep(options.seconds)
        share = (cpu_seconds(server) - used) / (time.monotonic() - start)
        runs = (sum(window.runs for window in idle) - runs) / (time.monotonic() - start)
        others = []
        for page in PAGES:
            tries = []
            for _ in range(options.repeats):
                async with opened(address, [page]) as (_, [seconds]):
                    tries.append(seconds)
            others.append(statistics.median(tries))
    return Row(windows, paints, paint_cpu, share, runs, others)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, nargs="+", default=[0, 1, 4, 8, 16])
    parser.add_argument("--queued", type=int, default=20, help="jobs that wait all the time")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds between opening and watching")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the server is watched")
    parser.add_argument("--repeats", type=int, default=3, help="times that each page is opened beside the windows")
    parser.add_argument("--page", default="merge")
    options = parser.parse_args()
    names = " ".join(f"{(page or 'overview')[:6]:>6}" for page in PAGES)
    print(f"{options.queued} jobs wait; windows show {options.page}. Paint: seconds from asking to all drawn.")
    print(f"windows  median   worst   CPU s      idle  runs/s   {names}")
    for windows in options.windows:
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder) / "cache"
            with held_queue(cache, options.queued), running_app(cache, Path(folder) / "log") as address:
                print(asyncio.run(measured(address, options, windows)), flush=True)


if __name__ == "__main__":
    main()
