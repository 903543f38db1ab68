"""Doing a piece of work in this process, on zoos that stay open."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.payloads import Payload
from mloss_core.lab.requests import canonical
from mloss_core.lab.zoo_identity import zoo_identity
from mloss_core.types import Progress, part, silent

if TYPE_CHECKING:
    from mloss_core.zoo.model import Zoo

_OPEN_ZOOS = 3


class Zoos:
    """The zoos a process has open, the last few of them."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str, str], Zoo] = OrderedDict()

    def get(self, name: str, device: str, progress: Progress = silent) -> "Zoo":
        """The zoo of that name on that device, opened anew when its files changed; converting them may take a while."""
        from mloss_core.opening import open_zoo
        from mloss_core.placement import resolve_device

        key = (name, zoo_identity(name), str(resolve_device(device)))
        if key not in self._open:
            self._open[key] = open_zoo(name, device=device, progress=progress)
        self._open.move_to_end(key)
        while len(self._open) > _OPEN_ZOOS:
            self._open.popitem(last=False)
        return self._open[key]


def run_now(
    kind: str, params: Mapping[str, Any], device: str = "auto", progress: Progress = silent, zoos: Zoos | None = None
) -> Payload:
    """Do a piece of work here and now.

    Args:
        kind, params: of `mloss_core.lab.requests`.
        device: auto, cpu or cuda:N.
        progress: told how far it is; may raise `JobCancelledError`.
        zoos: those that are open already.

    Raises:
        MLossCoreError: whatever the work finds wrong with the request.
    """
    params = canonical(kind, params)
    job_type = JOB_TYPES[kind]
    zoo = (zoos or Zoos()).get(params["zoo"], device, part(progress, 0.0, job_type.opening))
    return job_type.load()(zoo, params, part(progress, job_type.opening, 1.0))
