"""Opening the shipped zoo, and what is said when its files are not as they should be."""

import json
import shutil

import pytest
import torch

from mloss_core import open_zoo
from mloss_core.demo import MANIFEST_NAME, WEIGHTS, read_manifest
from mloss_core.errors import CheckpointError, ZooError
from mloss_core.zoo.embedded import EMBEDDED, EmbeddedZoo


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(WEIGHTS, tmp_path / "zoo")


def test_opens_without_training_or_network():
    zoo = open_zoo("demo", device="cpu")
    assert len(zoo.tasks) == 8 and zoo.architecture.layers == 12 and zoo.architecture.activation == "gelu"
    assert zoo.notes == (), "this machine draws other pixels than the card was measured on"
    for task in zoo.tasks:
        assert zoo.heads[task].shape == (len(zoo.datasets[task].classes), zoo.architecture.embed_dim)
        assert set(zoo.finetuned[task].weights) == set(zoo.pretrained.weights)
        assert all(tensor.dtype == torch.float32 for tensor in zoo.finetuned[task].weights.values())
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 40e6


def test_a_copy_in_a_folder_is_the_same_zoo(copy):
    assert open_zoo(copy, device="cpu").digest == open_zoo("demo", device="cpu").digest


def test_a_damaged_file_is_named(copy):
    path = copy / "signs.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        CheckpointError, match=r"signs\.safetensors is damaged: its SHA-256 must be .*, found .*Restore"
    ):
        open_zoo(copy)


def test_a_missing_file_is_named(copy):
    (copy / "signs.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"signs\.safetensors is missing"):
        open_zoo(copy)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}'])
def test_a_manifest_that_is_none(copy, text):
    (copy / MANIFEST_NAME).write_text(text)
    with pytest.raises(ZooError, match=r"manifest\.json .*Build the zoo again"):
        open_zoo(copy)


def test_folders_that_are_no_zoo(tmp_path):
    with pytest.raises(ZooError, match="is no zoo"):
        open_zoo(tmp_path)
    with pytest.raises(ZooError, match="no zoo 'nowhere'"):
        open_zoo("nowhere")


def test_other_pixels_are_announced(copy):
    manifest = read_manifest(copy)
    manifest["tasks"]["shapes"]["pixel_digest"] = "other"
    (copy / MANIFEST_NAME).write_text(json.dumps(manifest))
    assert "draws shapes with other pixels" in open_zoo(copy).notes[0]


def test_an_embedded_zoo_may_hold_the_first_tasks_of_a_folder(copy, monkeypatch):
    names = list(read_manifest(copy)["tasks"])
    (copy / f"{names[3]}.safetensors").unlink()
    for count in (3, 2):
        monkeypatch.setitem(EMBEDDED, f"demo{count}", EmbeddedZoo(f"demo{count}", "A few", copy, count))
    few, whole = open_zoo("demo3", device="cpu"), open_zoo("demo", device="cpu")
    assert few.name == "demo3" and few.tasks == tuple(names[:3]) == tuple(few.heads) == tuple(few.datasets)
    assert few.digest == whole.subset(few.tasks).digest != open_zoo("demo2", device="cpu").digest
    assert few.card["seed"] == whole.card["seed"] and not {"accuracy", "average", "controls"} & set(few.card)
    with pytest.raises(CheckpointError, match="is missing"):
        open_zoo(copy)
    with pytest.raises(ZooError, match=r"no zoo 'demo4': 'demo', .*'demo3', 'demo2' are the embedded ones"):
        open_zoo("demo4")
    monkeypatch.setitem(EMBEDDED, "demo9", EmbeddedZoo("demo9", "Too many", copy, 9))
    with pytest.raises(ZooError, match="first 9 tasks needs a manifest with as many; found 8"):
        open_zoo("demo9")
