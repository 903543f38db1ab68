"""Jobs without the work: a store that starts no process, and stand-ins for what a worker would run."""

import dataclasses
import subprocess
import sys
import time

import numpy as np

from mloss_core.lab.jobs.processes import process_name
from mloss_core.lab.jobs.store import JobStore
from mloss_core.lab.payloads import Payload

SAMPLES = {"zoo": "demo", "task": "signs", "split": "val", "indices": [0, 1]}
MEASURE = {"zoo": "demo", "mloss": {}}
RECIPE = {"zoo": "demo", "recipe": {"method": "ties"}, "split": "val"}
INSPECT = {"zoo": "demo", "task": "signs", "a": {"method": "ties"}, "b": "ensemble", "split": "test"}
ABOUT = {"zoo": "demo", "task": "signs", "models": ["zero_shot", {"method": "average"}], "split": "test"}


class QuietStore(JobStore):
    """A store that starts no worker and counts how often it was asked to."""

    asked = 0

    def ensure_worker(self, device="auto"):
        self.asked += 1


def answer(job, progress):
    """The work of every job."""
    return Payload({"kind": job.kind}, {"x": np.arange(3)})


def started_by(store, job, worker, **changes):
    """The job as a worker of that name has begun it."""
    begun = {"status": "running", "worker": worker, "attempts": 1, "started": time.time(), **changes}
    return store.records.write(dataclasses.replace(job, **begun))


def sleeper():
    """A process that does nothing for a minute, and its name."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    return process, process_name(process.pid)


def dead_worker():
    """The name of a process that has ended."""
    process, name = sleeper()
    process.kill()
    process.wait()
    return name
