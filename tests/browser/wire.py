"""A window without a browser: it speaks with the server as one does, and asks for what a test says, when it says.

What the page holds is kept as Streamlit's browser side keeps it: a tree of blocks and elements, emptied when a run is
of another page, in which a place that does not exist is an error ("Bad delta path index").
"""

import contextlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

from tests.browser.running_app import _free_port

PATIENCE = 60.0


class Window:
    """One visitor.

    Args:
        socket: to the server.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.page = ""
        self.pages: dict[str, str] = {}
        """Hash of each page by its path."""
        self.timers: dict[str, float] = {}
        self.drawn: list[list[Any]] = [[], [], [], []]
        """Blocks are lists of what is in them; elements are protocol messages."""
        self.finished = 0
        """Runs of the whole page that have come to their end."""
        self.ask()
        self.until_finished(1)

    def ask(
        self, *, timer: str = "", page: str | None = None, click: str = "", values: dict[str, str] | None = None
    ) -> None:
        """Ask for a run: of a fragment by its timer, of a page, or because a button was clicked."""
        message = BackMsg()
        run = message.rerun_script
        run.page_script_hash = self.page if page is None else page
        run.fragment_id, run.is_auto_rerun = timer, bool(timer)
        for name, text in (values or {}).items():
            run.widget_states.widgets.append(WidgetState(id=self.widget(name).id, string_value=text))
        if click:
            run.widget_states.widgets.append(WidgetState(id=self.widget(click).id, trigger_value=True))
        self.socket.send(message.SerializeToString())

    def listen(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                self._take(ForwardMsg.FromString(self.socket.recv(timeout=left)))

    def until_finished(self, runs: int) -> None:
        """Take what comes until so many runs of the page have ended, and what comes just after."""
        end = time.monotonic() + PATIENCE
        while self.finished < runs and time.monotonic() < end:
            self.listen(0.1)
        assert self.finished >= runs
        self.listen(0.3)

    def widget(self, name: str) -> Any:
        """The widget with this key."""
        return next(one for one in self.elements() if getattr(one, "id", "").endswith(f"-{name}"))

    def texts(self) -> list[str]:
        """All texts, in order."""
        return [one.body for one in self.elements() if hasattr(one, "body")]

    def elements(self) -> Iterator[Any]:
        """Every element of the page."""
        waiting = list(self.drawn)
        while waiting:
            one = waiting.pop(0)
            if isinstance(one, list):
                waiting[:0] = one
            else:
                yield one

    def _take(self, message: ForwardMsg) -> None:
        kind, whole = message.WhichOneof("type"), not message.metadata.run.fragment_ids
        if kind == "new_session":
            if message.new_session.page_script_hash != self.page:
                self.drawn = [[], [], [], []]
            if whole:
                self.timers.clear()
                self.page = message.new_session.page_script_hash
        elif kind == "navigation":
            self.page = message.navigation.page_script_hash
            self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "script_finished" and whole and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.finished += 1
        elif kind == "delta":
            self._draw(list(message.metadata.delta_path), message.delta)

    def _draw(self, path: list[int], delta: Any) -> None:
        place: Any = self.drawn
        for index in path[:-1]:
            assert isinstance(place, list) and index < len(place), f"Bad delta path index {path}"
            place = place[index]
        assert isinstance(place, list) and path[-1] <= len(place), f"Bad delta path index {path}"
        old = place[path[-1]] if path[-1] < len(place) else None
        if delta.WhichOneof("type") == "add_block":
            new: Any = old if isinstance(old, list) else []
        else:
            new = getattr(delta.new_element, delta.new_element.WhichOneof("type"))
        place[path[-1] : path[-1] + 1] = [new]


@contextlib.contextmanager
def opened(address: str) -> Iterator[Window]:
    """A window of the server at this address, once its page is drawn."""
    with connect(address.replace("http", "ws") + "/_stcore/stream", max_size=None, open_timeout=PATIENCE) as socket:
        yield Window(socket)


@contextlib.contextmanager
def served(script: Path) -> Iterator[str]:
    """Address of an app of one file."""
    port = _free_port()
    options = {"server.port": port, "server.headless": "true", "server.address": "127.0.0.1"}
    options |= {"browser.gatherUsageStats": "false", "server.fileWatcherType": "none"}
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    log = script.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script), *flags], stdout=output, stderr=output
        )
        try:
            address, end = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
            while True:
                try:
                    with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                        break
                except OSError:
                    assert time.monotonic() < end and process.poll() is None, log.read_text()
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(20)
