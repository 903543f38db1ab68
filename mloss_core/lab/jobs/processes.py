"""Processes by a name that no other process ever has, so that a number which was given out again fools nobody."""

import functools
import os
import socket
import time
from pathlib import Path

import psutil

SILENCE = 30.0
"""Seconds without a heartbeat after which a process of another machine counts as gone."""


def process_name(pid: int) -> str:
    """Machine, start of the machine, process number and start of the process: `host/boot:pid:start`."""
    return f"{_machine()}:{pid}:{_start(pid)}"


def this_process() -> str:
    """The name of the process that asks."""
    return process_name(os.getpid())


def process_id(name: str | None) -> int | None:
    """The number of a process of this machine; None for another machine's."""
    machine, pid, _ = (name or "::").split(":")
    return int(pid) if machine == _machine() else None


def runs(name: str | None, heartbeat: Path | None = None) -> bool:
    """Whether a named process still runs (a finished child that nobody waited for does not).

    Args:
        name: of `process_name`; None for no process.
        heartbeat: a file that it touches; all that is known of a process of another machine (or container) that shares
            the folder.
    """
    pid = process_id(name)
    if name and pid is None:
        try:
            return heartbeat is not None and time.time() - heartbeat.stat().st_mtime < SILENCE
        except OSError:
            return False
    return pid is not None and exists(pid) and process_name(pid) == name


def exists(pid: int) -> bool:
    """Whether there is such a process on this machine, not counting finished ones."""
    if pid <= 0:
        return False
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _start(pid: int) -> str:
    """Hundredths of a second from the machine's start to the process's; empty where there is no such process.

    A time of day would change with every correction of the clock, and make a living process look like another one.
    """
    try:
        while True:
            boot = psutil.boot_time()
            created = psutil.Process(pid).create_time()
            if psutil.boot_time() == boot:
                return str(round(100 * (created - boot)))
    except psutil.Error:
        return ""


@functools.cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        boot = ""
    return f"{socket.gethostname().replace(':', '-')}/{boot}"
