"""Merging real-sized zoos into a streamed file: seconds and peak anonymous memory, beside a load of everything.

    python -m benchmarks.make_checkpoints --out DIR --formats state-dict --models 8
    python -m benchmarks.bench_merge_memory --zoo DIR/state-dict [--models 2,8] [--plain]

TIES trims each whole task vector (global scope); M-TIES prunes three blocks by random M-Loss, so that merging alone is
timed. Each line has wall and processor time, and is a process of its own, its memory counted above the start, with the
imports done and the files converted. `--plain` adds the textbook way: torch.load of all files, task vectors stacked,
the formula on whole tensors.
It needs several times the memory of all models. The merged weights of both ways are compared; where several magnitudes
equal the threshold the plain way keeps all of them and so a few more.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.measuring import Measured, measured
from mloss_core import Recipe, merge, open_zoo
from mloss_core.checkpoints import read_safetensors
from mloss_core.merging.sparsifiers.keep_rates import keep_rates
from mloss_core.mloss import MLossReport
from mloss_core.recipe import MLossOptions
from mloss_core.vision.architecture import weight_key
from mloss_core.zoo.folders.discovery import discover
from mloss_core.zoo.model import Zoo

KEEP, SPAN, TIES_KEEP = 0.8, 0.1, 0.2


def prepare(folder: Path) -> int:
    """Open the zoo once, so that its files are converted; the number of models."""
    return len(open_zoo(folder, "cpu").tasks)


def chosen_blocks(layers: int) -> tuple[int, ...]:
    """The papers' three blocks of twelve, or those at the same depth."""
    return tuple(sorted({layers * 2 // 3 + step for step in range(3) if layers * 2 // 3 + step < layers}))


def scores(rows: int, block: int) -> Tensor:
    """Random M-Loss of a block's nodes, all different."""
    return torch.from_numpy(np.random.default_rng(block).permutation(rows).astype(np.float32))


def random_report(zoo: Zoo) -> MLossReport:
    """A report as if M-Loss had been measured."""
    shape = zoo.architecture
    values = {shape.sites[block]: scores(shape.mlp_width, block).numpy() for block in chosen_blocks(shape.layers)}
    return MLossReport(
        options=MLossOptions(),
        activation=shape.activation,
        tasks=zoo.tasks,
        zoo_digest=zoo.digest,
        node_values=values,
        node_errors=values,
        layers=pd.DataFrame(),
        image_task=np.zeros(0),
        image_index=np.zeros(0),
    )


def ours(folder: Path, models: int, method: str, out: Path) -> None:
    """Merge the first models of a zoo into a file."""
    zoo = open_zoo(folder, "cpu")
    zoo = zoo.subset(zoo.tasks[:models])
    options = {"scope": "global", "keep_rate": TIES_KEEP} if method == "ties" else {"keep_rate": KEEP, "span": SPAN}
    blocks = None if method == "ties" else chosen_blocks(zoo.architecture.layers)
    recipe = Recipe(method=method, options=options, blocks=blocks)
    merge(zoo, recipe, None if method == "ties" else random_report(zoo), out=out)


@torch.no_grad()
def plain(folder: Path, models: int, method: str, out: Path) -> None:
    """Load everything, apply the formula to whole stacks, save."""
    found = discover(folder)
    files = [found.pretrained[0], *list(found.finetuned.values())[:models]]
    base, *tuned = (torch.load(path, weights_only=True) for path in files)
    for state in (base, *tuned):
        state.pop("model_name", None)
    if method == "ties":
        merged = elect(trimmed(torch.stack([flat(state) - flat(base) for state in tuned]), TIES_KEEP)) + flat(base)
        parts = merged.split([tensor.numel() for tensor in base.values()])
        result = {key: part.view_as(base[key]) for key, part in zip(base, parts, strict=True)}
    else:
        blocks = chosen_blocks(sum(key.endswith("mlp.c_fc.weight") for key in base))
        guided = {weight_key(f"blocks.{block}.mlp.c_fc"): block for block in blocks}
        result = {key: base[key] + m_ties(base[key], tuned, key, guided) for key in base}
    torch.save(result, out)


def flat(state: dict[str, Tensor]) -> Tensor:
    """A model as one vector."""
    return torch.cat([tensor.reshape(-1) for tensor in state.values()])


def trimmed(vectors: Tensor, keep_rate: float) -> Tensor:
    """Every row's largest entries; (model, entry)."""
    count = int(keep_rate * vectors.shape[1])
    thresholds = [vector.abs().kthvalue(vector.numel() - count + 1).values for vector in vectors]
    return torch.where(vectors.abs() >= torch.stack(thresholds)[:, None], vectors, 0.0)


def elect(vectors: Tensor) -> Tensor:
    """Elected sign, then the mean of the entries that agree."""
    signs = torch.where(vectors.sum(0) >= 0, 1.0, -1.0)
    agree = torch.where(vectors * signs > 0, vectors, 0.0)
    return agree.sum(0) / (agree != 0).sum(0).clamp(min=1)


def m_ties(base: Tensor, tuned: list[dict[str, Tensor]], key: str, guided: dict[str, int]) -> Tensor:
    """One tensor of M-TIES: rows trimmed to their own keep rates, other tensors trimmed one by one."""
    vectors = torch.stack([state[key] - base for state in tuned])
    name = key.removeprefix("model.visual.")
    if name not in guided:
        return elect(trimmed(vectors.flatten(1), KEEP)).view_as(base)
    rates = keep_rates(scores(base.shape[0], guided[name]), KEEP, SPAN)
    counts = (rates * base.shape[1] + 1e-9).long()
    ordered = vectors.abs().sort(dim=2, descending=True).values
    thresholds = ordered.gather(2, (counts - 1).expand(len(tuned), -1)[..., None])
    return elect(torch.where(vectors.abs() >= thresholds, vectors, 0.0))


def compare(ours: Path, plain: Path) -> str:
    """How many weights of two merged files differ by more than rounding."""
    theirs = torch.load(plain, weights_only=True)
    with read_safetensors(ours) as file:
        gaps = [(file[key] - theirs[f"model.visual.{key}"]).abs() for key in file]
        different = sum(int((gap > 1e-6).sum()) for gap in gaps)
        return f"{different} of {sum(gap.numel() for gap in gaps)} weights differ by more than 1e-6"


def line(name: str, models: int, run: Measured) -> None:
    """Print one measurement."""
    print(f"{name:20} {models:6} {run.seconds:9.1f} {run.processor:10.1f} {run.above / 1e6:20.0f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, required=True, help="a zoo of state dicts that make_checkpoints made")
    parser.add_argument("--models", default="2,8", help="numbers of models to merge (default 2,8)")
    parser.add_argument("--methods", default="ties,m_ties", help="ties, m_ties or both")
    parser.add_argument("--plain", action="store_true", help="also load everything with torch")
    options = parser.parse_args()
    print(f"{measured(prepare, options.zoo).result} models in {options.zoo}")
    print(f"{'':20} {'models':>6} {'seconds':>9} {'processor':>10} {'peak MB above start':>20}")
    for method in options.methods.split(","):
        for models in map(int, options.models.split(",")):
            with tempfile.TemporaryDirectory(dir=options.zoo.parent) as folder:
                mine, theirs = Path(folder) / "mine.safetensors", Path(folder) / "plain.pt"
                line(method, models, measured(ours, options.zoo, models, method, mine))
                if options.plain:
                    line(f"{method}, plain", models, measured(plain, options.zoo, models, method, theirs))
                    print(f"{'':20} {compare(mine, theirs)}", flush=True)


if __name__ == "__main__":
    main()
