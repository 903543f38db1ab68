"""One tiny zoo on one bench for all tests of what-if."""

import pytest

from mloss_core import MLossOptions
from mloss_core.whatif import Workbench
from tests.zoos import tiny_zoo

MLOSS = MLossOptions(samples_per_task=4)


@pytest.fixture(scope="session")
def zoo():
    return tiny_zoo(3, images=200)


@pytest.fixture(scope="session")
def bench(zoo):
    bench = Workbench(zoo)
    yield bench
    bench.close()
