"""What a zoo holds. Opening it, which may convert its files, is the work; its report of faults is the failure."""

from collections.abc import Mapping
from typing import Any

from mloss_core.lab.kinds import Payload
from mloss_core.types import Progress
from mloss_core.zoo import Zoo
from mloss_core.zoo_folders.summary import zoo_summary


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The summary of the zoo, and the figures that were recorded when it was made, if they were."""
    recorded = dict(zoo.card) if "accuracy" in zoo.card else None
    return Payload({**zoo_summary(zoo), "card": recorded})
