"""Everything that must stay the same when code only moves, as JSON lines: run it at two commits and compare the files.

    python -m benchmarks.same_results --out before.jsonl
    git checkout ...
    python -m benchmarks.same_results --out after.jsonl --against before.jsonl

Merges the demo zoo by every method, measures M-Loss and pairs, evaluates, asks the command line, and lists the keys of
all that the cache then holds. What was there must be there unchanged: a new method is a new line and a new field a new
field, not a difference.
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Line = tuple[str, Any]
REQUESTS: dict[str, dict[str, Any]] = {
    "zoo": {},
    "measure": {"mloss": {}},
    "node": {"mloss": {}, "block": 3, "node": 7},
    "samples": {"task": "shapes", "split": "train", "indices": [0, 1]},
    "pairs": {"mloss": {}},
    "baselines": {"split": "test"},
    "recipe": {"recipe": {"method": "m_ties", "blocks": [8, 9, 10]}, "split": "test"},
}
COMMANDS = (
    ("measure", "--samples", "4"),
    ("evaluate", "--method", "ties", "--option", "keep_rate=0.5", "--split", "val"),
    ("evaluate", "--tune", "--method", "task_arithmetic"),
    ("methods",),
    ("zoo",),
)
VARIANTS: tuple[dict[str, Any], ...] = (
    {"method": "m_ties", "options": {"keep_rate": 0.5, "span": 0.3}, "blocks": [8, 9, 10]},
    {"method": "m_dare", "options": {"target_rule": "magnitude"}, "seed": 3},
    {"method": "ties", "options": {"keep_rate": 0.3, "scope": "row"}},
    {"method": "dare", "options": {"then": "ties"}, "seed": 1},
    {"method": "task_arithmetic", "pre": ["mloss:keep_rate=0.5,span=0.4"], "post": ["svc"]},
    {"method": "wudi", "options": {"solver": "least_squares"}},
    {"method": "average", "tasks": ["shapes", "signs"]},
    {"method": "ties", "tasks": ["digits"], "options": {"keep_rate": 1.0}},
)


def lines() -> Iterator[Line]:
    """Name and plain value of each result."""
    from mloss_core import Recipe, open_zoo
    from mloss_core.merging import METHODS

    zoo = open_zoo("demo", device="cpu")
    yield "zoo", zoo.digest
    recipes = [Recipe(method=name) for name in METHODS] + [Recipe.from_dict(values) for values in VARIANTS]
    for position, recipe in enumerate(recipes):
        suffix = "" if position < len(METHODS) else f" {recipe.to_json(indent=None)}"
        yield f"merge {recipe.method}{suffix}", _merged(zoo, recipe)
    yield from _measured(zoo)
    yield from _commands()
    yield from _request_keys()
    root = Path(os.environ["MLOSS_CACHE"])
    for path in sorted(root.rglob("*.safetensors")):
        yield f"cache {path.relative_to(root)}", True


def _merged(zoo: Any, recipe: Any) -> dict[str, Any]:
    from mloss_core import merge

    result = merge(zoo, recipe)
    tasks = {task: _hashes(weights) for task, weights in (getattr(result, "per_task", None) or {}).items()}
    return {
        "recipe": recipe.digest,
        "merged": result.digest,
        "kept": result.kept_fraction,
        "name": result.name,
        "tasks": tasks,
    }


def _hashes(weights: Mapping[str, Any]) -> str:
    return hashlib.sha256("".join(f"{key}{_hash(weights[key])}" for key in weights).encode()).hexdigest()


def _measured(zoo: Any) -> Iterator[Line]:
    from mloss_core import evaluate, measure_mloss
    from mloss_core.mergeability import pairwise_metrics

    for preset in ("paper", "reference"):
        report = measure_mloss(zoo, preset=preset)
        yield f"report {preset}", {site: _hash(values) for site, values in report.node.items()}
        yield f"layers {preset}", json.loads(report.layers.to_json(double_precision=15))
    yield "pairs", json.loads(pairwise_metrics(zoo).to_json(double_precision=15))
    yield "evaluate", json.loads(evaluate(zoo, split="val").to_json(double_precision=15))


def _hash(values: Any) -> str:
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()


def _commands() -> Iterator[Line]:
    from mloss_core.cli import main

    for arguments in COMMANDS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            main([*arguments, "--json"])
        yield f"command {' '.join(arguments)}", _timeless(json.loads(out.getvalue()))


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _timeless(one) for name, one in value.items() if name not in ("seconds", "methods", "memory")}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _request_keys() -> Iterator[Line]:
    try:
        requests = keys = importlib.import_module("mloss_core.lab.requests")
    except ImportError:
        requests, keys = (importlib.import_module(f"mloss_core.lab.{name}") for name in ("kinds", "identity"))
    for kind, params in REQUESTS.items():
        spelt = requests.canonical(kind, {"zoo": "demo", **params})
        yield f"request {kind}", {"params": spelt, "key": keys.request_key(kind, spelt, "cpu")}


def _holds(after: Any, before: Any) -> bool:
    """Whether all that was there is there unchanged; fields may be added."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(name in after and _holds(after[name], value) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_holds, after, before))
    return after == before


def main() -> int:
    """Write the lines; with `--against`, say which differ and return 1 if any does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLOSS_CACHE"] = folder
        found = dict(lines())
    options.out.write_text("".join(f"{json.dumps([name, value])}\n" for name, value in found.items()))
    if options.against is None:
        return 0
    before = dict(json.loads(line) for line in options.against.read_text().splitlines())
    found = json.loads(json.dumps(found))
    different = [name for name in before if not _holds(found.get(name), before[name])]
    print(f"{len(before) - len(different)} of {len(before)} results are the same, bit for bit.")
    print("".join(f"  differs: {name}\n" for name in different), end="")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
