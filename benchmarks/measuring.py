"""Time and peak anonymous memory of a function, run in a process of its own and watched from outside.

Anonymous memory is what a process asked for and nobody can take back. Pages of files that are mapped or cached count in
the usual peak (`ru_maxrss`) too, though the system drops them at need.
"""

import dataclasses
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

INTERVAL_SECONDS = 0.001


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a run came to.

        Args:
            result: what the function returned.
            seconds: wall time of the function alone.
    <<<<<<< HEAD
            processor: processor time of the function alone, all threads together: least disturbed by other work.
    =======
            processor: processor time of the function, all threads together; other work disturbs it least.
    >>>>>>> speed
            start: anonymous bytes before it ran, its imports done.
            peak: the most that was seen while it ran.
    """

    result: Any
    seconds: float
    processor: float
    start: int
    peak: int

    @property
    def above(self) -> int:
        """Peak above the start, in bytes."""
        return self.peak - self.start


def measured(function: Callable[..., Any], *arguments: Any) -> Measured:
    """Run a module's function in a fresh process with one thread and watch its memory.

    What its module imports is loaded before the watch begins.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_run, args=(theirs, function, arguments))
    child.start()
    theirs.close()
    try:
        ours.recv()
        start = peak = anonymous_bytes(child.pid)
        ours.send("go")
        while not ours.poll(INTERVAL_SECONDS):
            peak = max(peak, anonymous_bytes(child.pid))
        result, seconds, processor = ours.recv()
    except EOFError:
        raise SystemExit(f"{function.__name__} failed: see above") from None
    finally:
        child.join()
    return Measured(result, seconds, processor, start, peak)


def anonymous_bytes(process: "int | None") -> int:
    """`RssAnon` of a process; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0)


def _run(pipe: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    import torch

    torch.set_num_threads(1)
    torch.ones(64, 64) @ torch.ones(64, 64)  # Libraries set up their buffers at the first product.
    pipe.send("ready")
    pipe.recv()
    start, used = time.perf_counter(), time.process_time()
    result = function(*arguments)
    pipe.send((result, time.perf_counter() - start, time.process_time() - used))
