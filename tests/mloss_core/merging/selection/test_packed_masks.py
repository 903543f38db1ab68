"""Masks as a file: what goes in comes out, and what is no such file is refused."""

import json

import numpy as np
import pytest
import torch

from mloss_core.errors import CheckpointError, InvalidOptionError, UnknownNameError
from mloss_core.merging import METHODS, merge
from mloss_core.merging.selection.packed_masks import FORMAT, read_masks, write_masks
from mloss_core.recipe import Recipe
from tests.zoos import tiny_zoo

MASKED = tuple(name for name, method in METHODS.items() if method.masks)
SHARED = {"tall_mask": "task_arithmetic", "magnitude_mask": "task_arithmetic"}


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


def test_the_methods_with_masks():
    assert MASKED == ("tall_mask", "magnitude_mask", "emr")
    assert all(METHODS[name].output == "per_task" for name in MASKED)


@pytest.mark.parametrize("method", MASKED)
def test_masks_come_back_from_the_file(zoo, method, tmp_path):
    result, path = merge(zoo, Recipe(method=method)), tmp_path / "masks.npz"
    written = write_masks(result, path)
    found = read_masks(path)
    assert found.tasks == zoo.tasks and found.manifest == written.manifest
    for task in zoo.tasks:
        assert list(found.masks(task)) == list(result.masks[task]) == list(found.shapes)
        ones = entries = 0
        for key, mask in result.masks[task].items():
            assert torch.equal(found.masks(task)[key], mask) and mask.dtype == torch.bool
            # A mask is where the task's model moves, where the shared update is not 0.
            moves = result.per_task[task][key] != zoo.pretrained.weights[key]
            assert bool((moves <= mask).all()) and mask.shape == zoo.pretrained.weights[key].shape
            ones, entries = ones + int(mask.sum()), entries + mask.numel()
        assert found.manifest["density"][task] == pytest.approx(ones / entries)
    assert path.stat().st_size < 3 * entries / 8 + 20_000


@pytest.mark.parametrize("method", sorted(SHARED))
def test_every_tasks_model_is_made_again_from_masks_and_the_shared_update(zoo, method, tmp_path):
    result = merge(zoo, Recipe(method=method))
    write_masks(result, tmp_path / "masks.npz")
    shared = merge(zoo, Recipe(method=SHARED[method])).update
    for task in zoo.tasks:
        again = read_masks(tmp_path / "masks.npz").state_dict(task, zoo.pretrained.weights, shared)
        assert list(again) == list(result.per_task[task])
        assert all(torch.equal(again[key], tensor) for key, tensor in result.per_task[task].items())


def test_emr_keeps_the_factor_of_each_task(zoo, tmp_path):
    result = merge(zoo, Recipe(method="emr"))
    manifest = write_masks(result, tmp_path / "masks.npz").manifest
    assert manifest["scales"] == {task: result.masks[task].scale for task in zoo.tasks}
    assert all(scale > 0 and scale != 1 for scale in manifest["scales"].values())


def test_the_manifest_says_what_the_masks_are_of_and_the_same_merge_gives_the_same_file(zoo, tmp_path):
    recipe = Recipe(method="tall_mask", options={"thresholds": (0.2, 0.4, 0.6)})
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    for path in (first, second):
        write_masks(merge(zoo, recipe), path)
    assert first.read_bytes() == second.read_bytes()
    manifest = read_masks(first).manifest
    assert Recipe.from_dict(manifest["recipe"]) == recipe and manifest["digest"] == merge(zoo, recipe).digest
    assert set(manifest["inputs"]) == {"pretrained", *zoo.tasks} and manifest["format"] == FORMAT


def test_a_packed_mask_by_hand(zoo, tmp_path):
    result = merge(zoo, Recipe(method="tall_mask"))
    write_masks(result, tmp_path / "masks.npz")
    with np.load(tmp_path / "masks.npz", allow_pickle=False) as file:
        keys = json.loads(file["manifest"].tobytes())["keys"]
        first = result.masks[zoo.tasks[0]][keys[0]].reshape(-1)[:8]
        assert int(file["task_0"][0]) == sum(int(bit) << (7 - place) for place, bit in enumerate(first))


def test_a_merge_without_masks_and_a_task_without_model_are_refused(zoo, tmp_path):
    for method in ("ties", "tsv_c"):
        with pytest.raises(InvalidOptionError, match="masks are saved of methods that have some, tall_mask say"):
            write_masks(merge(zoo, Recipe(method=method)), tmp_path / "masks.npz")
    assert not list(tmp_path.iterdir())
    packed = write_masks(merge(zoo, Recipe(method="emr")), tmp_path / "masks.npz")
    with pytest.raises(UnknownNameError, match="unknown task 'boat': did you mean 'boats'"):
        packed.masks("boat")
    with pytest.raises(CheckpointError, match="cannot write"):
        write_masks(merge(zoo, Recipe(method="emr")), tmp_path / "masks.npz" / "more.npz")


def test_other_files_are_refused(zoo, tmp_path):
    path = tmp_path / "masks.npz"
    write_masks(merge(zoo, Recipe(method="emr")), path)
    with np.load(path) as file:
        parts = dict(file)
    manifest = json.loads(parts["manifest"].tobytes())

    def changed(**changes):
        text = json.dumps({**manifest, **changes}).encode()
        return {**parts, "manifest": np.frombuffer(text, np.uint8)}

    broken = {
        "must hold packed masks": {name: part for name, part in parts.items() if name != "task_1"},
        r"must fill \d+ bytes and have a scale": {**parts, "task_1": parts["task_1"][:-1]},
        "of version 1; .* of version 2": changed(version=2),
        "a shape for each tensor": changed(keys=manifest["keys"][1:]),
        "it holds none": {**parts, "manifest": np.array([{}], dtype=object)},
    }
    for words, content in broken.items():
        np.savez(path, **content)
        with pytest.raises(CheckpointError, match=words):
            read_masks(path)
    np.savez_compressed(path, **parts)
    with pytest.raises(CheckpointError, match="stored uncompressed"):
        read_masks(path)
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="must hold packed masks"):
        read_masks(path)
    with pytest.raises(CheckpointError, match="cannot read"):
        read_masks(tmp_path / "none.npz")
