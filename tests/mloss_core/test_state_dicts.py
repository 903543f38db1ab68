import pytest
import torch

from mloss_core.errors import IncompatibleStateDictsError
from mloss_core.state_dicts import average, check_same_structure, moving_keys, state_digest, task_vector, tensor_digest

BASE = {"a": torch.tensor([1.0, 2.0]), "b": torch.zeros(2, 2), "n": torch.tensor([3])}


def _tuned(**changes):
    return {**BASE, **changes}


def test_structure_reports_everything_at_once():
    first = {"a": torch.zeros(3), "n": BASE["n"], "x": torch.zeros(1)}
    with pytest.raises(IncompatibleStateDictsError) as caught:
        check_same_structure(BASE, [first, {}], ["cars", "svhn"])
    text = str(caught.value)
    for part in (
        "cars lacks b",
        "cars has unexpected x",
        "cars: a is (3,), the pretrained one is (2,)",
        "svhn lacks a, b, n",
    ):
        assert part in text
    check_same_structure(BASE, [_tuned()])


def test_digests_know_dtype_shape_and_content_but_not_layout_or_order():
    tensor = torch.arange(6.0).reshape(2, 3)
    assert tensor_digest(tensor) == tensor_digest(tensor.T.contiguous().T)
    others = [tensor.double(), tensor.reshape(3, 2), tensor + 1]
    assert len({tensor_digest(t) for t in [tensor, *others]}) == 4
    assert state_digest(BASE) == state_digest(dict(reversed(BASE.items())))
    assert state_digest(BASE) != state_digest(_tuned(a=torch.tensor([1.0, 3.0])))


def test_task_vectors_and_moving_keys():
    tuned = _tuned(a=torch.tensor([1.5, 2.0]), n=torch.tensor([4]))
    assert task_vector(BASE, tuned, "a").tolist() == [0.5, 0.0]
    assert moving_keys(BASE, [tuned]) == ("a",)
    half = {key: value.half() if value.is_floating_point() else value for key, value in tuned.items()}
    assert task_vector(BASE, half, "a").dtype == torch.float32


def test_average_by_hand():
    one, two = _tuned(a=torch.tensor([1.0, 0.0])), _tuned(a=torch.tensor([3.0, 4.0]))
    assert average([one, two])["a"].tolist() == [2.0, 2.0]
    assert average([one, two], [0.75, 0.25])["a"].tolist() == [1.5, 1.0]
    assert average([one, two])["n"] is one["n"]
