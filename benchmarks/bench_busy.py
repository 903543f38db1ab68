"""How much longer evaluating, merging and measuring take while another program has one processor.

    python -m benchmarks.bench_busy [--repeats 2] [--tasks shapes,digits,letters] [--doors notebook,command]

Each run is a process of its own with an empty cache, quiet and busy ones take turns, and the best of the repeats
counts. `notebook` imports torch before this library, as notebooks do, so that the library cannot choose how torch's
threads wait for each other; it is timed without imports. `command` is the whole command line. Processor time tells what
waiting costs: threads that spin take it. A machine with other work on it has no quiet: its load is printed first.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACTIONS = ("evaluate", "merge", "measure")
LIMIT_SECONDS = 300
_NOTEBOOK = """
import json, sys, time
import torch
from mloss_core import Recipe, evaluate, measure_mloss, merge, open_zoo
action, tasks = sys.argv[1], tuple(sys.argv[2].split(","))
zoo = open_zoo("demo", device="cpu").subset(tasks)
recipe = Recipe(method="ties")
work = {
    "evaluate": lambda: evaluate(zoo, [merge(zoo, recipe)], split="test"),
    "merge": lambda: [merge(zoo, recipe) for _ in range(10)],
    "measure": lambda: measure_mloss(zoo),
}[action]
wall, processor = time.perf_counter(), time.process_time()
work()
print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]))
"""


@contextlib.contextmanager
def spinning() -> Iterator[None]:
    """Another process that never rests."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()


def notebook(action: str, tasks: str, folder: str) -> tuple[float, float]:
    """Wall and processor seconds of an action in a process that has opened the demo zoo."""
    done = _run([sys.executable, "-c", _NOTEBOOK, action, tasks], folder)
    wall, processor = json.loads(done.splitlines()[-1])
    return wall, processor


def command(action: str, tasks: str, folder: str) -> tuple[float, float]:
    """Wall and processor seconds of a command from its start to its end."""
    words = {
        "evaluate": ["--method", "ties", "--split", "test"],
        "merge": ["--method", "ties", "--out", f"{folder}/merged.safetensors"],
        "measure": [],
    }[action]
    start, used = time.perf_counter(), _children()
    _run([sys.executable, "-m", "mloss_core", action, "--zoo", "demo", "--tasks", tasks, *words, "--json"], folder)
    return time.perf_counter() - start, _children() - used


DOORS = {"notebook": notebook, "command": command}


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _run(words: Sequence[str], folder: str) -> str:
    environment = {**os.environ, "MLOSS_CACHE": f"{folder}/cache", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def compare(door: str, action: str, tasks: str, repeats: int) -> str:
    """A line of the table: the best quiet and the best busy run, and their ratios."""
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(repeats):
        for busy in (False, True):
            with tempfile.TemporaryDirectory() as folder, spinning() if busy else contextlib.nullcontext():
                found[busy].append(DOORS[door](action, tasks, folder))
    quiet, busy = (tuple(map(min, zip(*found[state], strict=True))) for state in (False, True))
    return (
        f"{door:9} {action:9} {quiet[0]:9.2f} {busy[0]:9.2f} {busy[0] / quiet[0]:7.2f} {quiet[1]:12.2f} {busy[1]:9.2f}"
    )


def main() -> None:
    """Time each action through each door, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--tasks", default="shapes,digits,letters", help="of the demo zoo")
    parser.add_argument("--doors", default=",".join(DOORS))
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before the first run")
    print(f"{'':19} {'quiet, s':>9} {'busy, s':>9} {'ratio':>7} {'processor, s':>12} {'busy, s':>9}")
    for door in options.doors.split(","):
        for action in ACTIONS:
            print(compare(door, action, options.tasks, options.repeats), flush=True)


if __name__ == "__main__":
    main()
