import threading
from collections import Counter
from collections.abc import Mapping

import pytest
import torch

from mloss_core import Recipe, measure_mloss, merge
from mloss_core.placement import (
    Placement,
    ResidentWeights,
    Room,
    free_room,
    in_order,
    one_thread,
    one_thread_pool,
    placed,
    resident,
    use_by_default,
)
from mloss_core.state_dicts import LazyAverage, average
from tests.zoos import tiny_zoo

CPU = torch.device("cpu")
"""Stands for a GPU here: where weights stay does not depend on what the device is."""


class Counting(Mapping):
    def __init__(self, weights):
        self.weights, self.reads = weights, Counter()

    def __getitem__(self, key):
        self.reads[key] += 1
        return self.weights[key]

    def __iter__(self):
        return iter(self.weights)

    def __len__(self):
        return len(self.weights)


def weights():
    return {"a": torch.arange(4.0), "b": torch.ones(3), "half": torch.ones(2).half(), "n": torch.tensor([3])}


def test_weights_stay_until_the_room_is_full():
    file = Counting(weights())
    state = ResidentWeights(file, Room(CPU, 20))
    assert resident(state, "a", CPU) is resident(state, "a", CPU) is placed(state, "a", "cpu")
    assert resident(state, "b", CPU) is None
    assert torch.equal(placed(state, "b", CPU), torch.ones(3))
    assert file.reads["a"] == 1 and file.reads["b"] > 1


def test_only_float32_weights_and_only_on_the_rooms_device_stay():
    state = ResidentWeights(weights(), Room(CPU, 10**6))
    assert resident(state, "half", CPU) is None and placed(state, "half", CPU).dtype == torch.float32
    assert resident(state, "n", CPU) is None
    assert resident(state, "a", torch.device("meta")) is None and resident(weights(), "a", CPU) is None
    assert list(state) == list(weights()) and len(state) == 4 and state["half"].dtype == torch.float16


def test_models_share_one_room():
    room = Room(CPU, 28)
    first, second = (ResidentWeights(weights(), room) for _ in range(2))
    assert [resident(state, "a", CPU) is None for state in (first, second)] == [False, True]
    assert resident(second, "b", CPU) is not None


def test_averages_are_taken_where_the_weights_are():
    states = [{"a": torch.randn(5)} for _ in range(3)]
    lazy = LazyAverage([ResidentWeights(state, Room(CPU, 20)) for state in states], (0.5, 0.3, 0.2))
    assert torch.equal(lazy.resident("a", CPU), average(states, (0.5, 0.3, 0.2))["a"])
    assert LazyAverage(states).resident("a", CPU) is None
    assert torch.equal(placed(LazyAverage(states), "a", CPU), average(states)["a"])


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_zoo_gives_the_same_numbers_however_much_of_it_stays(share):
    zoo = tiny_zoo()
    needed = 4 * sum(encoder.parameters for encoder in (zoo.pretrained, *zoo.sources()))
    staying = zoo.staying(Room(CPU, int(share * needed)))
    assert staying.placement.kept == pytest.approx(share, abs=0.01) and staying.digest == zoo.digest
    there, here = (measure_mloss(one, samples_per_task=2) for one in (staying, zoo))
    for site, values in here.node.items():
        assert (there.node[site] == values).all()
    for method in ("ties", "iso_c", "m_ties"):
        recipe = Recipe(method=method)
        one, other = merge(staying, recipe, report=there), merge(zoo, recipe, report=here)
        assert one.digest == other.digest


def test_encoders_that_stay_are_read_once():
    zoo = tiny_zoo()
    files = {task: Counting(encoder.weights) for task, encoder in zoo.finetuned.items()}
    room = Room(CPU, 10**9)
    key = "transformer.resblocks.1.mlp.c_fc.weight"
    states = [ResidentWeights(file, room) for file in files.values()]
    for _ in range(3):
        [placed(state, key, CPU) for state in states]
    assert [file.reads[key] for file in files.values()] == [1, 1, 1]


def test_processors_without_a_gpu_keep_nothing():
    assert free_room(CPU) is None
    assert tiny_zoo().staying(None).placement is None
    assert Placement(0, 0).kept == 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_weights_stay_on_a_gpu():
    device = torch.device("cuda:0")
    room = free_room(device)
    assert 0 < room.size < torch.cuda.get_device_properties(device).total_memory
    state = ResidentWeights(weights(), room)
    assert resident(state, "a", device).device == device


@pytest.mark.parametrize("threads", [1, 3])
def test_answers_come_in_the_order_of_the_items_and_few_are_taken_ahead(threads):
    taken = []

    def items():
        for number in range(12):
            taken.append(number)
            yield number

    for place, answer in enumerate(in_order(lambda number: number**2, items(), threads)):
        assert answer == place**2
        assert len(taken) <= place + threads + 1
    assert taken == list(range(12))


@pytest.mark.parametrize("threads", [1, 2])
def test_what_goes_wrong_with_an_item_ends_the_work(threads):
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 / number, [1, 0, 2], threads))


def test_each_of_several_items_runs_on_one_thread():
    before = torch.get_num_threads()
    assert set(in_order(lambda number: torch.get_num_threads(), range(4), 2)) == {1}
    assert torch.get_num_threads() == before


def test_a_pool_of_single_threads_leaves_other_threads_alone():
    def ask(pool=None):
        if pool is not None:
            return pool.submit(torch.get_num_threads).result()
        found = []
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        return found[0]

    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread_pool(2) as pool:
            assert ask(pool) == 1 and ask() == 3 and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(usual)


def test_a_thread_that_has_one_waits_for_nobody():
    entered, left = threading.Event(), threading.Event()

    def hold():
        torch.set_num_threads(2)
        with one_thread():
            entered.set()
            left.wait(10)

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
    finally:
        left.set()
        holder.join()
        use_by_default(usual)
        torch.set_num_threads(usual)
