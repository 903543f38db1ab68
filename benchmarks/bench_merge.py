"""How long merges take, and what vectorising buys over a Python loop over rows, both timed in the same run.

    python -m benchmarks.bench_merge [--width 192] [--layers 12] [--models 8] [--repeats 3]

The default sizes are those of the embedded zoo; `--width 768` is a ViT-B/32. Times are the best of the repeats.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mloss_core.merging import METHODS, merge_state_dicts
from mloss_core.merging.sparsifiers.keep_rates import keep_rates
from mloss_core.merging.sparsifiers.sparsify import trim_rows

StateDict = dict[str, Tensor]


def encoder(width: int, layers: int, draw: torch.Generator) -> StateDict:
    """Random weights under the names and in the shapes of a CLIP vision tower."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (width, 3, 8, 8), "proj": (width, width // 2)}
    for block in range(layers):
        prefix = f"transformer.resblocks.{block}."
        shapes |= {
            prefix + "attn.in_proj_weight": (3 * width, width),
            prefix + "attn.out_proj.weight": (width, width),
            prefix + "mlp.c_fc.weight": (4 * width, width),
            prefix + "mlp.c_fc.bias": (4 * width,),
            prefix + "mlp.c_proj.weight": (width, 4 * width),
            prefix + "ln_1.weight": (width,),
        }
    return {key: torch.randn(shape, generator=draw) for key, shape in shapes.items()}


def trim_rows_by_loop(vector: Tensor, rates: Tensor) -> Tensor:
    """The plain way: one row after the other."""
    trimmed = torch.zeros_like(vector)
    for row in range(vector.shape[0]):
        count = int(float(rates[row]) * vector.shape[1] + 1e-9)
        kept = torch.argsort(vector[row].abs(), descending=True, stable=True)[:count]
        trimmed[row, kept] = vector[row, kept]
    return trimmed


def best_of(repeats: int, action: Callable[[], object]) -> float:
    """Seconds of the quickest run."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def compare_row_trims(base: StateDict, models: list[StateDict], repeats: int) -> None:
    """Row-wise trim of one block of every model, vectorised and by the loop; the results must be equal."""
    key = "transformer.resblocks.0.mlp.c_fc.weight"
    vectors = [model[key] - base[key] for model in models]
    rates = keep_rates(torch.arange(base[key].shape[0]), 0.8, 0.1)
    for vector in vectors:
        if not torch.equal(trim_rows(vector, rates), trim_rows_by_loop(vector, rates)):
            raise SystemExit("the two ways of trimming rows disagree")
    quick = best_of(repeats, lambda: [trim_rows(vector, rates) for vector in vectors])
    slow = best_of(repeats, lambda: [trim_rows_by_loop(vector, rates) for vector in vectors])
    print(f"row trim of one block, {len(models)} models: {quick * 1e3:.1f} ms vectorised, {slow * 1e3:.1f} ms by loop")
    print(f"ratio {slow / quick:.1f}")


def plain_ties(base: StateDict, models: list[StateDict], groups: list[list[str]]) -> dict[str, Tensor]:
    """TIES as its formula reads, on all models at once, with one threshold a group of tensors."""
    merged = {}
    for keys in groups:
        stack = torch.stack([torch.cat([(model[key] - base[key]).reshape(-1) for key in keys]) for model in models])
        place = stack.shape[1] - int(0.2 * stack.shape[1]) + 1
        stack = torch.where(stack.abs() >= stack.abs().kthvalue(place, dim=1, keepdim=True).values, stack, 0.0)
        rises = stack.sum(0) >= 0
        agreeing = torch.where(rises, stack.clamp(min=0), stack.clamp(max=0))
        mean = agreeing.sum(0) / (agreeing != 0).sum(0).clamp(min=1)
        parts = mean.split([base[key].numel() for key in keys])
        merged.update({key: base[key] + part.view_as(base[key]) for key, part in zip(keys, parts, strict=True)})
    return merged


def compare_ties(base: StateDict, models: list[StateDict], repeats: int) -> None:
    """TIES against its plain formula, with one threshold a model and with one a tensor."""
    for scope, groups in (("global", [list(base)]), ("tensor", [[key] for key in base])):
        options = {"keep_rate": 0.2, "scope": scope}
        quick = best_of(repeats, lambda options=options: merge_state_dicts(base, models, "ties", **options))
        plain = best_of(repeats, lambda groups=groups: plain_ties(base, models, groups))
        print(f"ties, {scope} scope: {quick:.3f} s, {plain:.3f} s by the plain formula, ratio {plain / quick:.1f}")


def time_methods(base: StateDict, models: list[StateDict], repeats: int) -> None:
    """Whole merges, one line a method."""
    scores = {key: torch.rand(base[key].shape[0]) for key in base if key.endswith("c_fc.weight")}
    for name, method in METHODS.items():
        if method.output != "single":
            continue
        extra = {"node_mloss": scores} if "mloss" in method.needs else {}
        seconds = best_of(repeats, lambda name=name, extra=extra: merge_state_dicts(base, models, name, **extra))
        print(f"{name:16} {seconds:7.2f} s")


def main() -> None:
    """Make the models, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 192), ("layers", 12), ("models", 8), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = parser.parse_args()
    draw = torch.Generator().manual_seed(0)
    base = encoder(sizes.width, sizes.layers, draw)
    models = [
        {key: t + 0.01 * torch.randn(t.shape, generator=draw) for key, t in base.items()} for _ in range(sizes.models)
    ]
    count = sum(tensor.numel() for tensor in base.values())
    print(f"{sizes.models} models of {count / 1e6:.1f} M weights, {torch.get_num_threads()} threads")
    compare_row_trims(base, models, sizes.repeats)
    compare_ties(base, models, sizes.repeats)
    time_methods(base, models, sizes.repeats)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
