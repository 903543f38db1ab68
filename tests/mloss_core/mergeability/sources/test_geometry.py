import dataclasses

import numpy as np
import pytest
import torch

from mloss_core.errors import CheckpointError, IncompatibleStateDictsError
from mloss_core.mergeability.sources import geometry as geometry_module
from mloss_core.mergeability.sources.geometry import geometry
from mloss_core.types import silent
from mloss_core.zoo.model import Encoder
from tests.zoos import tiny_zoo


def zoo_of(pretrained, **finetuned):
    """A zoo whose encoders hold just these tensors; geometry looks at nothing else."""
    return dataclasses.replace(
        tiny_zoo(tasks=1, layers=1),
        pretrained=Encoder("pretrained", pretrained, "p"),
        finetuned={name: Encoder(name, weights, name) for name, weights in finetuned.items()},
    )


def facts(zoo, *pairs):
    return dict(geometry(zoo, pairs, silent))


def test_a_hand_worked_pair():
    """a = (1, 2, 0 | 3), b = (-2, 2, 5 | 0): dot 2, squares 14 and 33, both nonzero at two entries, one conflict."""
    base = {"w": torch.tensor([10.0, 10.0, 10.0]), "b": torch.tensor([[1.0]])}
    zoo = zoo_of(
        base,
        a={"w": torch.tensor([11.0, 12.0, 10.0]), "b": torch.tensor([[4.0]])},
        b={"w": torch.tensor([8.0, 12.0, 15.0]), "b": torch.tensor([[1.0]])},
    )
    found = facts(zoo, ("a", "b"))[("a", "b")]
    whole = {name: float(value) for name, value in found.items() if not name.startswith("tensor_")}
    assert whole == {"dot": 2.0, "square_a": 14.0, "square_b": 33.0, "both": 2.0, "conflicts": 1.0}
    by_tensor = {name: value.tolist() for name, value in found.items() if name.startswith("tensor_")}
    assert by_tensor == {"tensor_dot": [2, 0], "tensor_square_a": [5, 9], "tensor_square_b": [33, 0]}


def test_integer_tensors_do_not_count():
    base = {"w": torch.zeros(2), "steps": torch.tensor([1, 2])}
    tuned = {"w": torch.ones(2), "steps": torch.tensor([5, 6])}
    assert facts(zoo_of(base, a=tuned, b=tuned), ("a", "b"))[("a", "b")]["dot"] == 2.0


def test_all_pairs_in_one_pass_equal_a_plain_loop(monkeypatch):
    monkeypatch.setattr(geometry_module, "_BAND", 37)
    zoo = tiny_zoo(tasks=3, layers=2)
    pairs = [("apples", "boats"), ("clouds", "apples"), ("boats", "boats")]
    flat = {
        task: torch.cat(
            [
                (encoder.weights[key] - zoo.pretrained.weights[key]).double().reshape(-1)
                for key in zoo.pretrained.weights
            ]
        ).numpy()
        for task, encoder in zoo.finetuned.items()
    }
    for (first, second), found in facts(zoo, *pairs).items():
        a, b = flat[first], flat[second]
        expected = {
            "dot": a @ b,
            "square_a": a @ a,
            "square_b": b @ b,
            "both": np.sum((a != 0) & (b != 0)),
            "conflicts": np.sum(a * b < 0),
        }
        assert {name: float(found[name]) for name in expected} == pytest.approx(expected)


def test_sums_keep_what_float32_would_lose():
    """Two nearly parallel task vectors of 4 million entries: their cosine must not exceed 1."""
    draw = torch.Generator().manual_seed(0)
    shared = torch.rand(2**22, generator=draw)
    zoo = zoo_of({"w": torch.zeros(2**22)}, a={"w": shared}, b={"w": shared + 1e-3})
    found = facts(zoo, ("a", "b"))[("a", "b")]
    a, b = shared.double().numpy(), (shared + 1e-3).double().numpy()
    assert found["dot"] == pytest.approx(a @ b, rel=1e-12)
    assert found["dot"] < np.sqrt(found["square_a"] * found["square_b"])


def test_models_of_other_shapes_are_named():
    zoo = zoo_of({"w": torch.zeros(2)}, a={"w": torch.ones(3)}, b={"w": torch.ones(2)})
    with pytest.raises(IncompatibleStateDictsError, match=r"a: w is \(3,\), the pretrained one is \(2,\)"):
        facts(zoo, ("a", "b"))


def test_weights_that_are_not_finite_are_named():
    zoo = zoo_of({"w": torch.zeros(2)}, a={"w": torch.ones(2)}, b={"w": torch.tensor([1.0, float("nan")])})
    with pytest.raises(CheckpointError, match="weights must be finite; w of b or of the pretrained model is not"):
        facts(zoo, ("a", "b"))
