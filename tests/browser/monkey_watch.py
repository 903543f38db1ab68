"""What goes wrong in a window while somebody works in it: script errors, refused requests, messages of failure."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg

_PROBES = ("/_stcore/health", "/_stcore/host-config")
_SHOWN = """() => [...document.querySelectorAll(
    '[data-testid=stException], [data-testid=stAlertContentError], [role=dialog] [data-testid=stDialogHeader], '
    + '[role=alertdialog], [data-testid=stDownloadButton] [role=alert]')].map(one => one.innerText.slice(0, 300))"""
_CLICKS = """window.__clicked = []; document.addEventListener('click', event => window.__clicked.push(
    [event.clientX, event.clientY, (event.target.innerText || event.target.tagName).slice(0, 40)]), true)"""


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong.

    Args:
        kind: `script`, `console`, `http`, `shown`, `lost`, `moved` or `download`.
        words: what, as the browser or the page says it.
        action: number of the action after which it was seen.
    """

    kind: str
    words: str
    action: int


class Watch:
    """Everything that a window reports, with the number of the action that came before it."""

    def __init__(self, page: Any) -> None:
        self.page, self.action = page, 0
        self.faults: list[Fault] = []
        self.sent = 0
        """Requests to run the script that people caused, not timers."""
        self._shown: set[str] = set()
        page.add_init_script(_CLICKS)
        page.on("pageerror", lambda error: self.add("script", str(error)))
        page.on("console", self._console)
        page.on("response", self._response)
        page.on("websocket", lambda socket: socket.on("framesent", self._sent))

    def add(self, kind: str, words: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(kind, words[:400], self.action))

    def look(self) -> None:
        """Note failures that the page shows, each once for as long as it is there."""
        with contextlib.suppress(Exception):
            shown = set(self.page.evaluate(_SHOWN))
            for words in shown - self._shown:
                self.add("shown", words)
            self._shown = shown

    def clicked(self) -> list[Any]:
        """Where clicks have arrived since the last call."""
        return self.page.evaluate("() => (window.__clicked || []).splice(0)")

    def _console(self, message: Any) -> None:
        url = message.location["url"]
        if message.type == "error" and not url.endswith(_PROBES):
            self.add("console", f"{message.text} {url}")

    def _response(self, response: Any) -> None:
        if response.status >= 400 and not response.url.endswith(_PROBES):
            self.add("http", f"{response.status} {response.url}")

    def _sent(self, payload: Any) -> None:
        with contextlib.suppress(Exception):
            message = BackMsg.FromString(payload if isinstance(payload, bytes) else payload.encode("latin1"))
            if message.WhichOneof("type") == "rerun_script" and not message.rerun_script.is_auto_rerun:
                self.sent += 1


class JobEnds:
    """Tells the moment in which a job of a cache folder ends."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "jobs" / "records"
        self._active = dict(self._records())

    def _records(self) -> Iterator[tuple[str, bool]]:
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError, ValueError):
                    if entry.name.endswith(".json") and not entry.name.startswith("."):
                        status = json.loads(Path(entry.path).read_bytes()).get("status")
                        yield entry.name, status in ("queued", "running")

    def any_active(self) -> bool:
        """Whether a job waits or runs."""
        self._active = dict(self._records())
        return any(self._active.values())

    def wait(self, seconds: float) -> bool:
        """Return when a job has just ended; False when none has within some seconds."""
        end = time.monotonic() + seconds
        before = {name for name, active in self._active.items() if active}
        while before and time.monotonic() < end:
            now = {name for name, active in self._records() if active}
            if before - now:
                return True
            before |= now
            time.sleep(0.01)
        return False
