"""All models at once, in bands, merge as one model after the other does, bit for bit."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from mloss_core.errors import CheckpointError
from mloss_core.merging import merge_state_dicts
from mloss_core.merging.flat import rule, stacked_trims, stacks
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.sparsifiers import sampled_cuts

State = dict[str, Tensor]
SHAPES = {
    "matrix": (30, 400),
    "bias": (7,),
    "kernel": (4, 3, 5, 5),
    "scale": (),
    "empty": (0, 3),
    "still": (2, 2),
    # Of one shape, so that they are merged together.
    "other bias": (7,),
    "last bias": (7,),
    "square": (3, 3),
    "other square": (3, 3),
    "one": (1,),
    "other one": (1,),
    "other scale": (),
}
SCORES = {"matrix": torch.arange(30.0)}
CASES: dict[str, Mapping] = {
    "ties, global": {"method": "ties", "keep_rate": 0.3, "scope": "global"},
    "ties, tensor": {"method": "ties", "keep_rate": 0.3, "scope": "tensor"},
    "ties, row": {"method": "ties", "keep_rate": 0.3, "scope": "row"},
    "ties, sum": {"method": "ties", "keep_rate": 0.3, "merge": "sum"},
    "ties, nothing": {"method": "ties", "keep_rate": 0.0},
    "ties, everything": {"method": "ties", "keep_rate": 1.0},
    "ties, nearly everything": {"method": "ties", "keep_rate": 0.999},
    "m_ties": {"method": "m_ties", "keep_rate": 0.6, "span": 0.3, "node_mloss": SCORES},
    "m_ties, global": {"method": "m_ties", "others": "global", "node_mloss": SCORES},
    "magmax": {"method": "magmax"},
    "average": {"method": "average"},
    "task_arithmetic": {"method": "task_arithmetic"},
}


def models(step: float, dtype: torch.dtype = torch.float32, count: int = 4) -> tuple[State, list[State]]:
    """A base and fine-tunes whose weights are multiples of a step: the coarser, the more magnitudes are equal."""
    draw = torch.Generator().manual_seed(1)
    base, *tuned = (
        {key: (torch.randn(shape, generator=draw) / step).round() * step for key, shape in SHAPES.items()}
        for _ in range(count + 1)
    )
    for state in tuned:
        state["still"] = base["still"]
        state["matrix"][3] = base["matrix"][3]
    return ({key: t.to(dtype) for key, t in base.items()}, [{key: t.to(dtype) for key, t in s.items()} for s in tuned])


def merged(base: State, tuned: list[State], case: str) -> State:
    return merge_state_dicts(base, tuned, **CASES[case])


def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise stacks.UnfitError

    monkeypatch.setattr(rule, "ModelStack", refuse)
    monkeypatch.setattr(rule, "stackable", lambda inputs: False)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("step", [1e-6, 0.25])
@pytest.mark.parametrize("band", [1 << 17, 1 << 10])
def test_bands_merge_as_one_model_after_the_other(
    case: str, step: float, band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tuned = models(step)
    monkeypatch.setattr(stacks, "BAND", band)
    if band < 1 << 17:
        monkeypatch.setattr(sampled_cuts, "_HELD", 1000)
    together = merged(base, tuned, case)
    one_after_the_other(monkeypatch)
    alone = merged(base, tuned, case)
    for key in base:
        assert torch.equal(together[key].view(torch.int32), alone[key].view(torch.int32)), key


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_dtypes_merge_as_one_model_after_the_other(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    base, tuned = models(1e-6, dtype)
    together = merged(base, tuned, "ties, global")
    one_after_the_other(monkeypatch)
    alone = merged(base, tuned, "ties, global")
    assert all(torch.equal(together[key], alone[key]) for key in base)


def test_too_many_equal_magnitudes_take_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    base, tuned = models(0.25)
    expected = merged(base, tuned, "ties, global")
    monkeypatch.setattr(stacked_trims, "NEAR", 100)
    found = merged(base, tuned, "ties, global")
    assert all(torch.equal(found[key], expected[key]) for key in base)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("case", ["ties, global", "ties, tensor", "ties, row", "average"])
@pytest.mark.parametrize("band", [1 << 17, 1 << 10])
def test_weights_that_are_not_finite_are_refused_by_name(
    value: float, case: str, band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "BAND", band)
    base, tuned = models(1e-6)
    tuned[2]["matrix"][20, 7] = value
    with pytest.raises(CheckpointError, match="matrix of model 2"):
        merged(base, tuned, case)


def test_finite_weights_whose_sum_overflows_are_merged() -> None:
    base, tuned = {"w": torch.zeros(4, 300)}, [{"w": torch.full((4, 300), value)} for value in (3e37, 1e37)]
    assert bool(torch.isfinite(merged(base, tuned, "ties, row")["w"]).all())


def test_threads_change_nothing() -> None:
    base, tuned = models(0.25, count=3)
    plan = stacked_trims.stacked_cuts
    sizes = {key: base[key].numel() for key in ("matrix", "bias", "kernel")}
    inputs = MergeInputs(pretrained=base, finetuned=tuple(tuned), names=("a", "b", "c"))
    found = [plan(lambda key: stacks.ModelStack(inputs, key), sizes, 3, 2000, threads) for threads in (1, 3)]
    assert found[0] == found[1]
