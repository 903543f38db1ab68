"""Where a window's live request and its answer lie: two small files that are replaced whole, and kept for nobody.

A job is queued, recorded and kept. What a moving slider asks for is not: only the newest question of a window counts.
A question reaches the worker, and a state the page, within one look of a few hundredths of a second. While nobody asks,
looking costs one question for the folder's time of change.
"""

import contextlib
import dataclasses
import json
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mloss_core.lab.devices import device_queue
from mloss_core.lab.jobs.records import replace_text, writing
from mloss_core.lab.requests import canonical

KIND = "live"
"""The type of job whose parameters a live request has."""
FORGOTTEN = 900.0
"""Seconds after which the files of a window that asks no more are removed."""
_WINDOW = re.compile(r"[0-9a-f]{16}")
_SETTLED_NS = 100_000_000
"""Age at which a folder's time of change is trusted: file systems count in steps."""
Marks = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class LiveRequest:
    """What a window wants to know now.

    Args:
        window: who asks. token: tells its questions apart.
        params: of the job type `live`, canonical. device: where.
        asked: time in seconds since the epoch.
    """

    window: str
    token: str
    params: Mapping[str, Any]
    device: str
    asked: float


def new_window() -> str:
    """A name that no other window has."""
    return secrets.token_hex(8)


class Mailbox:
    """The live requests below a folder of jobs.

    Args:
        root: the folder of jobs.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "live" / "asked"
        self.answers = root / "live" / "answered"
        self._read: dict[str, tuple[Marks, LiveRequest | None]] = {}
        self._folder_time = -1

    def ask(self, window: str, params: Mapping[str, Any], device: str = "auto") -> LiveRequest:
        """Ask, in place of whatever the window asked before.

        Raises:
            UnknownNameError, InvalidOptionError: parameters that make no request.
            CacheError: the folder cannot be written.
        """
        device_queue(device)
        request = LiveRequest(_checked(window), secrets.token_hex(8), canonical(KIND, params), device, time.time())
        with writing(self.folder):
            replace_text(self._asked(window), json.dumps(dataclasses.asdict(request)))
        return request

    def state(self, request: LiveRequest) -> dict[str, Any] | None:
        """The newest state of the answer to this very request, or None before the first."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            held = json.loads(self._answered(request.window).read_text(encoding="utf-8"))
            return held["state"] if held["token"] == request.token else None
        return None

    def put(self, request: LiveRequest, state: Mapping[str, Any]) -> None:
        """A newer state of the answer.

        Raises:
            CacheError: the folder cannot be written.
        """
        with writing(self.answers):
            replace_text(self._answered(request.window), json.dumps({"token": request.token, "state": state}))

    def is_current(self, request: LiveRequest) -> bool:
        """Whether the window still wants this."""
        known = self._read.get(request.window)
        return known is not None and known[1] == request and self._marks(request.window) == known[0]

    def requests(self, queue: str) -> list[LiveRequest] | None:
        """The newest request of every window on a device, or None where nothing was written since the last look."""
        try:
            written = self.folder.stat().st_mtime_ns
        except OSError:
            return None
        if written == self._folder_time:
            return None
        self._folder_time = written if time.time_ns() - written > _SETTLED_NS else -1
        windows = [path.stem for path in self.folder.glob("*.json") if _WINDOW.fullmatch(path.stem)]
        found = [request for window in windows if (request := self._newest(window)) is not None]
        return [request for request in found if device_queue(request.device) == queue]

    def sweep(self) -> None:
        """Remove the files of windows that ask no more."""
        for path in [*self.folder.glob("*.json"), *self.answers.glob("*.json")]:
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGOTTEN:
                    path.unlink()
                    self._read.pop(path.stem, None)

    def _newest(self, window: str) -> LiveRequest | None:
        marks, known = self._marks(window), self._read.get(window)
        if marks is None or known is None or known[0] != marks:
            known = (marks or (0, 0), self._parsed(window))
            self._read[window] = known
        return known[1]

    def _parsed(self, window: str) -> LiveRequest | None:
        with contextlib.suppress(OSError, ValueError, TypeError):
            request = LiveRequest(**json.loads(self._asked(window).read_text(encoding="utf-8")))
            device_queue(request.device)
            return request if request.window == window else None
        return None

    def _marks(self, window: str) -> Marks | None:
        try:
            status = self._asked(window).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _asked(self, window: str) -> Path:
        return self.folder / f"{window}.json"

    def _answered(self, window: str) -> Path:
        return self.answers / f"{window}.json"


def _checked(window: str) -> str:
    if not _WINDOW.fullmatch(window):
        raise ValueError(f"a window is named by new_window; found {window!r}")
    return window
