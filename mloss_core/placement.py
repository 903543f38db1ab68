"""Where weights are: read from the disk as they are needed or, on a GPU, kept there while there is room."""

import contextlib
import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.lazy_state import LazyState
from mloss_core.types import StateDict

SHARE = 0.6
"""Of a GPU's free memory, how much weights may take; the rest is for images, activations and whoever else is there."""

_TURN = threading.RLock()
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Room:
    """Memory of one device that weights may take.

    Args:
        device: where.
        size: bytes.
    """

    def __init__(self, device: torch.device, size: int) -> None:
        self.device, self.size, self._left, self._lock = device, size, size, threading.Lock()

    def take(self, count: int) -> bool:
        """Whether there was room for so many bytes, which is now taken."""
        with self._lock:
            fits = count <= self._left
            self._left -= count if fits else 0
        return fits


class ResidentWeights(LazyState):
    """A model's weights; float32 ones that were used on the room's device stay there while there is room.

    Reading by name gives them as they are in the file.
    """

    def __init__(self, weights: StateDict, room: Room) -> None:
        super().__init__(weights, weights.__getitem__)
        self._weights, self._room = weights, room
        self._kept: dict[str, Tensor] = {}

    def resident(self, key: str, device: torch.device) -> Tensor | None:
        """A weight as it is kept on the device, or None where it cannot be. Never change it."""
        if device != self._room.device:
            return None
        if key not in self._kept:
            tensor = self._weights[key].detach()
            if tensor.dtype != torch.float32 or not self._room.take(tensor.nbytes):
                return None
            self._kept[key] = tensor.to(device)
        return self._kept[key]


@dataclasses.dataclass(frozen=True)
class Placement:
    """How much of a zoo's weights stays on its GPU once they were used there; the rest goes there a block at a time.

    Args:
        needed: bytes of all weights in float32.
        room: bytes that they may take.
    """

    needed: int
    room: int

    @property
    def kept(self) -> float:
        """The fraction that has room, in [0, 1]."""
        return min(1.0, self.room / self.needed) if self.needed else 1.0


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread, here and in threads that start meanwhile. Python threads take turns.

    LAPACK's last bits change with the number of threads; and several batches at once, on one thread each, wait for each
    other less than the threads of one operation do. Where it runs on one already, nothing is waited for.
    """
    if torch.get_num_threads() == 1:
        yield
        return
    with _TURN:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def in_order(function: Callable[[Item], Answer], items: Iterable[Item], threads: int) -> Iterator[Answer]:
    """What a function gives for each item, in their order; so many run at once, each on one thread, and one more waits.

    Items are taken as they are needed, so that few of them and of the answers are in memory. The function must not ask
    for `one_thread` itself.
    """
    if threads == 1:
        yield from map(function, items)
        return
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        running: deque[Future[Answer]] = deque()
        try:
            for item in items:
                running.append(pool.submit(function, item))
                if len(running) > threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def one_thread_pool(threads: int) -> ThreadPoolExecutor:
    """A pool of so many threads, each of which runs torch on one; other threads keep what they have."""
    usual = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=take_one_thread)
    together = threading.Barrier(threads)
    list(pool.map(lambda _: together.wait(), range(threads)))
    use_by_default(usual)
    return pool


def take_one_thread() -> None:
    """Run torch on one CPU thread in this Python thread, for good."""
    torch.get_num_threads()  # A thread that has not asked yet takes the default at its first operation.
    torch.set_num_threads(1)


def use_by_default(threads: int) -> None:
    """How many CPU threads torch takes in Python threads that have not used it; setting it anywhere changes that."""
    setting = threading.Thread(target=torch.set_num_threads, args=(threads,))
    setting.start()
    setting.join()


def resident(weights: StateDict, key: str, device: torch.device) -> Tensor | None:
    """A weight that stays on this GPU, in float32, or None where it does not."""
    ask = getattr(weights, "resident", None)
    return None if ask is None else ask(key, device)


def placed(weights: StateDict, key: str, device: "str | torch.device") -> Tensor:
    """A weight on a device in float32: the one that stays there, or else a copy. Never change it."""
    device = torch.device(device)
    kept = resident(weights, key, device)
    return weights[key].detach().to(device, torch.float32) if kept is None else kept


def free_room(device: torch.device) -> Room | None:
    """What weights may take of a GPU's memory that is free now; None on the CPU, where files are read as needed."""
    if device.type != "cuda":
        return None
    return Room(device, int(SHARE * torch.cuda.mem_get_info(device)[0]))


def resolve_device(device: "str | torch.device" = "auto") -> torch.device:
    """`auto` is the first GPU, or the CPU where there is none; else the named device.

    Raises:
        InvalidOptionError: no such device here.
    """
    if str(device) == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InvalidOptionError(f"device must be auto, cpu or cuda:N; found {str(device)!r}.") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise InvalidOptionError(f"device {chosen} does not exist here: {torch.cuda.device_count()} GPUs were found.")
    if chosen.type not in {"cpu", "cuda"}:
        raise InvalidOptionError(f"device must be auto, cpu or cuda:N; found {str(device)!r}.")
    return chosen
