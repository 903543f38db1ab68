import pytest

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.sources.gaps import FACTS, gaps_of_pairs
from mloss_core.mloss import measure_expert_gap
from mloss_core.recipe import INPUT_MODES, MLossOptions
from mloss_core.types import silent
from tests.zoos import tiny_zoo

PAIRS = [("apples", "boats"), ("apples", "clouds"), ("boats", "clouds")]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=4, layers=3)


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_a_pair_is_the_measurement_of_its_two_models(zoo, tmp_path, mode):
    options, cache = MLossOptions(samples_per_task=5, input_mode=mode), Cache(tmp_path)
    seen = []
    for pair, found in gaps_of_pairs(zoo, PAIRS, options, silent, cache):
        alone = measure_expert_gap(zoo, pair, options, cache=cache).layers
        for name in FACTS:
            assert found[name] == pytest.approx(alone[name].to_numpy(), rel=1e-5)
        seen.append(pair)
    assert seen == PAIRS


def test_pairs_have_equal_weights(zoo, tmp_path):
    with pytest.raises(InvalidOptionError, match="pairs are measured with equal ones"):
        list(gaps_of_pairs(zoo, PAIRS, MLossOptions(weights=(0.3, 0.7)), silent, Cache(tmp_path)))
