import pickle

import pytest
import torch

from mloss_core.checkpoints import open_checkpoint, read_safetensors, write_safetensors
from mloss_core.errors import CheckpointError
from mloss_core.state_dicts import state_digest

TENSORS = {"a": torch.arange(4.0), "b": torch.ones(2, 2)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, TENSORS)
    return path


def test_reads_lazily_in_file_order(file):
    with read_safetensors(file) as weights:
        assert list(weights) == ["a", "b"] and len(weights) == 2 and "a" in weights and "c" not in weights
        assert torch.equal(weights["b"], TENSORS["b"])
        assert weights.digest == state_digest(TENSORS)
        assert weights.format == "safetensors" and weights.metadata == {}
        with pytest.raises(KeyError, match="'c'"):
            weights["c"]
    with pytest.raises(CheckpointError, match="was closed"):
        weights["a"]


def test_the_digest_is_of_the_content_alone(file, tmp_path):
    other = tmp_path / "other.safetensors"
    write_safetensors(other, {"b": TENSORS["b"], "a": TENSORS["a"]}, {"note": "other facts, other order"})
    assert other.read_bytes() != file.read_bytes()
    assert read_safetensors(other).digest == read_safetensors(file).digest
    write_safetensors(other, {**TENSORS, "b": TENSORS["b"] + 1})
    assert read_safetensors(other).digest != read_safetensors(file).digest


def test_a_truncated_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        read_safetensors(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "kind zip"),
        (pickle.dumps({"a": 1}), "kind pickle"),
        (b"<html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git-LFS pointer"),
        (b"no weights at all", "is not a checkpoint"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path, content, words):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        read_safetensors(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(CheckpointError, match="no weight file"):
        open_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="is a folder"):
        open_checkpoint(tmp_path)
