"""Models in several files: the same tensors as in one, and nothing outside their folder is ever read."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mloss_core.checkpoints import open_checkpoint
from mloss_core.checkpoints.converting import convert
from mloss_core.checkpoints.sharded import source_digest
from mloss_core.errors import CheckpointError
from tests.checkpoint_files import HEADS, visual
from tests.checkpoint_formats import SHARDED, write_checkpoint, write_config, write_shards


@pytest.mark.parametrize("kind", SHARDED)
def test_shards_give_the_same_tensors_as_one_file(kind: str, tmp_path: Path) -> None:
    tower = visual()
    index = write_shards(tmp_path / "repository", tower, kind)
    write_config(tmp_path / "repository", tower)
    for path in (index, index.parent):
        with open_checkpoint(path) as checkpoint:
            assert checkpoint.format == f"sharded {'safetensors' if kind.startswith('safe') else 'zip'}:hf"
            assert checkpoint.facts["heads"] == HEADS and checkpoint.facts["activation"] == "quick_gelu"
            assert all(torch.equal(checkpoint[key], value) for key, value in tower.state_dict().items())
            assert set(checkpoint) == set(tower.state_dict())


def test_a_folder_with_one_file_is_that_file(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "pytorch_model.bin", visual(), "bin:hf4")
    with open_checkpoint(tmp_path) as checkpoint:
        assert checkpoint.path.name == "pytorch_model.bin"
    write_shards(tmp_path, visual())
    with open_checkpoint(tmp_path) as checkpoint:
        assert checkpoint.path.name == "model.safetensors.index.json"


def test_converting_shards_once_and_again_when_one_changes(tmp_path: Path) -> None:
    index = write_shards(tmp_path / "repository", visual())
    first = convert(index, folder=tmp_path / "out")
    assert convert(index.parent, folder=tmp_path / "out").path == first.path
    assert first.source_digest == source_digest(index)
    expected = visual().state_dict()
    with first.open() as file:
        assert all(torch.equal(file[key], value) for key, value in expected.items())
    write_shards(tmp_path / "repository", visual(seed=1))
    assert convert(index, folder=tmp_path / "out").path != first.path


def _with_map(index: Path, **changes: object) -> None:
    content = json.loads(index.read_text())
    key = next(iter(content["weight_map"]))
    content["weight_map"][key] = changes["shard"]
    index.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "shard",
    [
        "../secret.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "..",
        ".",
        "",
        "a\\b",
        "C:x",
        "a\0b",
        "\ud800",
        ".hidden",
        7,
        None,
        ["x"],
        {"x": 1},
        "x" * 300,
    ],
)
def test_names_that_lead_elsewhere_are_refused(shard: object, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "secret.safetensors")
    index = write_shards(tmp_path / "repository", visual())
    _with_map(index, shard=shard)
    with pytest.raises(CheckpointError, match=r"index\.json: shards must be plain names of files beside it; found"):
        open_checkpoint(index)


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    index = write_shards(tmp_path / "repository", visual())
    shard = index.parent / "model-00002-of-00003.safetensors"
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"model-00002-of-00003\.safetensors is a link out of its folder"):
        open_checkpoint(index)
    shard.unlink()
    shard.mkdir()
    with pytest.raises(CheckpointError, match="is a link out of its folder"):
        open_checkpoint(index)


def test_links_into_the_blobs_of_a_cached_repository_are_followed(tmp_path: Path) -> None:
    repository = tmp_path / "models--someone--clip"
    index = write_shards(repository / "snapshots" / "abc", visual())
    (repository / "blobs").mkdir()
    for number, path in enumerate(sorted(index.parent.iterdir())):
        path.rename(repository / "blobs" / str(number))
        path.symlink_to(os.path.relpath(repository / "blobs" / str(number), path.parent))
    with open_checkpoint(index) as checkpoint:
        assert torch.equal(checkpoint["proj"], visual().proj)


def test_links_that_circle_are_missing_shards(tmp_path: Path) -> None:
    index = write_shards(tmp_path, visual())
    shard = tmp_path / "model-00001-of-00003.safetensors"
    shard.unlink()
    shard.symlink_to(shard.name)
    with pytest.raises(CheckpointError, match=r"the shard model-00001-of-00003\.safetensors is missing"):
        open_checkpoint(index)


def test_missing_shards_and_keys_and_keys_in_two_shards_are_named(tmp_path: Path) -> None:
    index = write_shards(tmp_path, visual())
    shards = sorted(tmp_path.glob("*.safetensors"))
    content = json.loads(index.read_text())["weight_map"]
    key = next(key for key, shard in content.items() if shard == shards[0].name)
    _with_map(index, shard=shards[1].name)
    with pytest.raises(CheckpointError, match=rf"{key} is not in {shards[1].name}, where it should be"):
        open_checkpoint(index)
    write_shards(tmp_path, visual())
    state = visual().state_dict()
    save_file({key: state["class_embedding"]}, shards[2])
    with pytest.raises(CheckpointError, match=rf"is not in {shards[2].name}|{key} is in two shards"):
        open_checkpoint(index)
    write_shards(tmp_path, visual())
    shards[1].unlink()
    with pytest.raises(CheckpointError, match=rf"the shard {shards[1].name} is missing; download all of its files"):
        open_checkpoint(index)


def test_a_key_in_two_shards_is_refused(tmp_path: Path) -> None:
    index = write_shards(tmp_path, visual(), shards=1)
    content = json.loads(index.read_text())
    state = visual().state_dict()
    save_file({"vision_model.pre_layrnorm.bias": state["ln_pre.bias"], "more": torch.zeros(1)}, tmp_path / "b.bin")
    content["weight_map"]["more"] = "b.bin"
    index.write_text(json.dumps(content))
    words = r"vision_model\.pre_layrnorm\.bias is in two shards, model-00001-of-00001\.safetensors and b\.bin"
    with pytest.raises(CheckpointError, match=words):
        open_checkpoint(index)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must be a JSON object that names the shards"),
        (b"\xff\xfe{", "must be a JSON object that names the shards"),
        (b"[" * 100_000, "must be a JSON object that names the shards"),
        (b"[]", 'must hold a "weight_map"'),
        (b"{}", 'must hold a "weight_map"'),
        (b'{"weight_map": []}', 'must hold a "weight_map"'),
        (b'{"weight_map": {}}', 'must hold a "weight_map"'),
        (b'{"weight_map": {"a": "x", "a": "y"}}', "'a' stands in it twice"),
        (b'{"weight_map": {"a": "x.safetensors"}}', r"the shard x\.safetensors is missing"),
    ],
)
def test_broken_indices_are_refused_in_one_sentence(content: bytes, words: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        open_checkpoint(index)


def test_an_index_larger_than_any_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mloss_core.checkpoints.sharded._MAX_INDEX_BYTES", 100)
    index = write_shards(tmp_path, visual())
    with pytest.raises(CheckpointError, match="larger than any index"):
        open_checkpoint(index)


def test_folders_without_weights_and_missing_indices(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a folder without weights: expected one of model\.safetensors, "):
        open_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match=r"cannot read .*model\.safetensors\.index\.json: No such file"):
        open_checkpoint(tmp_path / "model.safetensors.index.json")


def test_hostile_and_damaged_shards_are_refused_as_files_are(tmp_path: Path) -> None:
    index = write_shards(tmp_path, visual(), "bin:hf4")
    shard = tmp_path / "pytorch_model-00002-of-00003.bin"
    shard.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(CheckpointError, match=r"pytorch_model-00002-of-00003\.bin names os\.system"):
        open_checkpoint(index)
    shard.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match=r"pytorch_model-00002-of-00003\.bin is a Git-LFS pointer"):
        open_checkpoint(index)
