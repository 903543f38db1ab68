import pandas as pd
import pytest

from mloss_core.mergeability import METRICS, shipped
from mloss_core.mergeability.pair_merges import pair_accuracies
from mloss_core.mergeability.pairs import pairwise_blocks, pairwise_metrics
from mloss_core.mergeability.shipped import FOLDER, ShippedPairs, shipped_pairs, write_pairs
from mloss_core.opening import open_zoo
from mloss_core.recipe import Recipe

SHIPPED = [name for name in ("demo", "demo20") if (FOLDER / f"{name}.csv").is_file()]


def test_tables_come_back_as_written_and_nested_zoos_take_their_part(tmp_path, monkeypatch):
    numbers = pd.DataFrame({"task_a": ["digits", "digits", "street"], "task_b": ["street", "roads", "roads"]})
    numbers["mloss"] = [1e-7, 2e-7, 3e-7]
    blocks = pd.DataFrame({"task_a": ["digits"], "task_b": ["roads"], "block": [0], "mloss": [5e-8]})
    tasks = ["digits", "street", *(f"t{number}" for number in range(12)), "roads"]
    write_pairs(tmp_path, "demo20", ShippedPairs(numbers, blocks, {"tasks": tasks, "split": "test"}))
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    whole, part = shipped_pairs("demo20"), shipped_pairs("demo14")
    pd.testing.assert_frame_equal(whole.numbers, numbers)
    assert part.numbers[["task_a", "task_b"]].values.tolist() == [["digits", "street"]] and len(part.blocks) == 0
    assert shipped_pairs("demo") is None and shipped_pairs("/some/folder") is None


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_what_is_measured(name, tmp_path):
    """The digests are the zoo's, and a pair that is measured anew has the recorded numbers."""
    found, zoo = shipped_pairs(name), open_zoo(name)
    assert found.facts["zoo"]["digest"] == zoo.digest and found.facts["tasks"] == list(zoo.tasks)
    count = len(zoo.tasks)
    assert len(found.numbers) == count * (count - 1) // 2 and set(METRICS) <= set(found.numbers)
    pair = list(zoo.tasks[:2])
    cheap = [metric for metric in METRICS if METRICS[metric].facts in {"geometry", "mloss", "gaps", "activations"}]
    anew = pairwise_metrics(zoo, cheap, pair)
    recorded = found.numbers[found.numbers["task_a"].eq(pair[0]) & found.numbers["task_b"].eq(pair[1])].iloc[0]
    for metric in cheap:
        assert anew[metric][0] == pytest.approx(recorded[metric], rel=1e-3), metric
    blocks = pairwise_blocks(zoo, ["mloss"], pair)["mloss"]
    kept = found.blocks[found.blocks["task_a"].eq(pair[0]) & found.blocks["task_b"].eq(pair[1])]["mloss"]
    assert blocks.to_numpy() == pytest.approx(kept.to_numpy(), rel=1e-3)
    recipe = Recipe.from_dict(found.facts["recipes"]["average"])
    merged = pair_accuracies(zoo, [recipe], found.facts["split"], pair)
    assert merged["acc_average"][0] == pytest.approx(recorded["acc_average"], abs=2e-3)
