"""How the threads of one torch operation wait for each other: asleep, so that they take no time from each other.

They spin by default. Where another program has one of two processors, the thread that waits then takes the time that
the one it waits for needs, and an evaluation of two seconds takes half a minute.
"""

import os
from collections.abc import MutableMapping

_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""What the thread libraries of torch read, once, when it is imported; any of them set by the user stands."""


def wait_asleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have threads sleep while they wait, unless the user chose how; without effect once torch is imported."""
    if not any(name in environment for name in _SETTINGS):
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
