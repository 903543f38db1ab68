"""The worker's thread for live requests: it keeps what windows look at on the bench, beside whatever job runs."""

import contextlib
import dataclasses
import logging
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mloss_core.errors import CacheError, JobCancelledError, MLossCoreError
from mloss_core.lab.live.mailbox import KIND, LiveRequest, Mailbox
from mloss_core.lab.requests import canonical

if TYPE_CHECKING:
    from mloss_core.whatif import Workbench
    from mloss_core.zoo.model import Zoo

POLL = 0.02
"""Seconds between two looks for requests."""
STALE = 120.0
"""Seconds after which nobody waits for a request that was not taken up."""
BENCHES = 2
"""Zoos that stay on a bench."""
_SWEEP_EVERY = 60.0
_RANKS = ("", "kept", "few", "all")
log = logging.getLogger(__name__)
State = dict[str, Any]
Answering = Callable[[Mapping[str, Any], str, Callable[[], None]], Iterator[State]]
"""(parameters, device, stop) -> ever better states; an empty one is a place to turn to somebody else."""


@dataclasses.dataclass
class _Running:
    request: LiveRequest
    states: Iterator[State]
    rank: int = 0


class LiveService:
    """Answers the newest request of every window on one device.

    Who knows least is served first, so that the first estimate of one window waits for no other's refinement. A request
    whose window has asked something else is dropped before its next batch of images.

    Args:
        box: where requests lie.
        queue: name of the device, as in `device_queue`.
        answer: what answers; the benches of this process by default.
    """

    def __init__(self, box: Mailbox, queue: str, answer: Answering | None = None) -> None:
        self.box, self.queue = box, queue
        self._answer = answer or Benches().states
        self._running: dict[str, _Running] = {}
        self._free = threading.Event()
        self._free.set()
        self._swept = time.monotonic()

    def start(self) -> None:
        """Serve in a thread of its own for as long as the process lives."""
        threading.Thread(target=self._serve, daemon=True, name="live").start()

    def give_way(self, seconds: float) -> None:
        """Called by long work between two steps: wait while a live request is answered, at most so long."""
        self._free.wait(seconds)

    def step(self) -> bool:
        """Take up new requests and bring one of them a step on; whether there was one."""
        self._take_up()
        if not self._running:
            self._free.set()
            return False
        self._free.clear()
        running = min(self._running.values(), key=lambda each: (each.rank, each.request.asked))
        try:
            state = next(running.states, None)
            if state:
                self.box.put(running.request, state)
                running.rank = max(running.rank, _rank(state))
            ended = state is None
        except JobCancelledError:
            ended = True
        except MLossCoreError as error:
            ended = self._failed(running.request, str(error))
        except Exception as error:  # A fault of ours must end the request, not the thread.
            traceback.print_exc()
            ended = self._failed(running.request, f"internal error: {type(error).__name__}: {error}.")
        if ended:
            self._running.pop(running.request.window, None)
        return True

    def _take_up(self) -> None:
        for request in self.box.requests(self.queue) or ():
            held, known = self._running.get(request.window), self.box.state(request)
            waits = known is None or not known["final"]
            if waits and (held is None or held.request != request) and time.time() - request.asked < STALE:
                self._running[request.window] = _Running(request, self._states(request))

    def _states(self, request: LiveRequest) -> Iterator[State]:
        """A request is read again here: it comes from a file."""
        params = canonical(KIND, request.params)
        yield {}
        yield from self._answer(params, request.device, lambda: self._check(request))

    def _check(self, request: LiveRequest) -> None:
        if not self.box.is_current(request):
            raise JobCancelledError("the window asks for something else.")

    def _failed(self, request: LiveRequest, sentence: str) -> bool:
        with contextlib.suppress(CacheError):
            self.box.put(request, {"stage": "failed", "final": True, "error": " ".join(sentence.split())})
        return True

    def _serve(self) -> None:
        while True:
            try:
                if self.step():
                    continue
            except CacheError as error:
                log.warning("%s", error)
                time.sleep(1.0)
            if time.monotonic() - self._swept > _SWEEP_EVERY:
                self._swept = time.monotonic()
                self.box.sweep()
            time.sleep(POLL)


class Benches:
    """The zoos of this process on which live requests are answered, the last few of them."""

    def __init__(self) -> None:
        self._benches: OrderedDict[int, tuple[Zoo, Workbench]] = OrderedDict()
        self._zoos: Any = None

    def states(self, params: Mapping[str, Any], device: str, stop: Callable[[], None]) -> Iterator[State]:
        """`live_states` of the request's recipe."""
        from mloss_core.recipe import Recipe
        from mloss_core.whatif import live_states

        tasks = params.get("tasks")
        yield from live_states(
            self._bench(params["zoo"], device),
            Recipe.from_dict(params["recipe"]),
            split=params["split"],
            criterion=params.get("criterion", "validation"),
            tasks=None if tasks is None else tuple(tasks),
            limit=params.get("limit"),
            stop=stop,
        )

    def _bench(self, name: str, device: str) -> "Workbench":
        from mloss_core.lab.running import Zoos
        from mloss_core.whatif import Workbench

        if self._zoos is None:
            self._zoos = Zoos()
        zoo = self._zoos.get(name, device)
        if id(zoo) not in self._benches:
            self._benches[id(zoo)] = zoo, _with_own_threads(lambda: Workbench(zoo))
        self._benches.move_to_end(id(zoo))
        while len(self._benches) > BENCHES:
            self._benches.popitem(last=False)[1][1].close()
        return self._benches[id(zoo)][1]


def _with_own_threads(make: Callable[[], "Workbench"]) -> "Workbench":
    """The bench, with this thread on one core from now on: then it never waits for work that must not be disturbed."""
    import torch

    from mloss_core.placement import take_one_thread, use_by_default

    usual = torch.get_num_threads()
    bench = make()
    take_one_thread()
    use_by_default(usual)
    return bench


def _rank(state: State) -> int:
    controls = bool(state.get("controls"))
    return len(_RANKS) if controls or state.get("final") else _RANKS.index(state.get("stage", ""))
