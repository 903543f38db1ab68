"""Small state dicts to merge: every kind of tensor that a real checkpoint holds."""

import torch
from torch import Tensor

from mloss_core.merging import METHODS, CoefficientSystem, GivenStatistics

SCORED = ("fc1.weight", "fc2.weight")


def pretrained(dtype: torch.dtype = torch.float32, seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    shapes = {
        "fc1.weight": (7, 10),
        "fc1.bias": (7,),
        "fc2.weight": (6, 9),
        "conv.weight": (4, 3, 2, 2),
        "scale": (),
        "text.weight": (30, 4),
    }
    state = {key: torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype) for key, shape in shapes.items()}
    return {**state, "position_ids": torch.arange(5), "byte": torch.tensor([1, 255], dtype=torch.uint8)}


def finetuned(base: dict[str, Tensor], count: int = 3, spread: float = 0.1, seed: int = 1) -> list[dict[str, Tensor]]:
    """Copies of `base` in which everything moved but the text weights and the integers (which differ in one model)."""
    models = []
    for model in range(count):
        draw = torch.Generator().manual_seed(1000 * seed + model)
        state = {}
        for key, tensor in base.items():
            moves = tensor.is_floating_point() and key != "text.weight"
            noise = spread * torch.randn(tensor.shape, generator=draw, dtype=torch.float64)
            state[key] = (tensor.double() + noise).to(tensor.dtype) if moves else tensor.clone()
        models.append(state)
    models[-1]["position_ids"] = torch.arange(5) + 1
    return models


def node_mloss(base: dict[str, Tensor], seed: int = 2) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {key: torch.rand(base[key].shape[0], generator=draw) for key in SCORED}


def statistics(method: str, base: dict[str, Tensor], models: int) -> GivenStatistics:
    """Of images that drive all models alike, so that their order may change; other ones for every method."""
    draw = torch.Generator().manual_seed(len(method))
    inputs = {key: torch.rand(40, base[key].shape[1], generator=draw, dtype=torch.float64) for key in SCORED}
    information = {key: torch.rand(base[key].shape, generator=draw) for key in (*SCORED, "fc1.bias") if key in base}
    rows = base["fc1.weight"].shape[0]
    # One model alone is its own Ensemble, and nothing draws it elsewhere.
    slope = torch.full((rows, models), 0.1 if models > 1 else 0.0, dtype=torch.float64)
    system = CoefficientSystem(torch.eye(models, dtype=torch.float64).repeat(rows, 1, 1), slope, ("fc1.weight",))
    return GivenStatistics(
        squares={key: [rows.square().mean(0)] * models for key, rows in inputs.items()},
        gram={key: [rows.T @ rows / 40] * models for key, rows in inputs.items()},
        information=[information] * models,
        systems={"fc1.": system},
    )


def extras(method: str, base: dict[str, Tensor], models: int = 3) -> dict[str, object]:
    """What a method needs beside its options."""
    if "mloss" in METHODS[method].needs:
        return {"node_mloss": node_mloss(base)}
    return {"statistics": statistics(method, base, models)} if METHODS[method].needs else {}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two state dicts are equal to the last bit, types included."""
    return list(first) == list(second) and all(
        first[key].dtype == second[key].dtype and torch.equal(first[key], second[key]) for key in first
    )


def close(first: dict[str, Tensor], second: dict[str, Tensor], tolerance: float = 1e-6) -> bool:
    return set(first) == set(second) and all(
        torch.allclose(first[key].double(), second[key].double(), rtol=tolerance, atol=tolerance) for key in first
    )
