import os

import pytest
import torch
from safetensors.torch import load_file

from mloss_core.checkpoints import SafetensorsWriter, read_safetensors, write_safetensors
from mloss_core.errors import CheckpointError
from mloss_core.state_dicts import state_digest

TENSORS = {
    "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
    "matrix": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "brain": torch.tensor([[3.0]], dtype=torch.bfloat16),
    "steps": torch.tensor(7),
    "wide": torch.tensor([0.1], dtype=torch.float64),
    "flags": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 4),
}


def test_the_official_reader_finds_the_same_tensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    digest = write_safetensors(path, TENSORS, {"recipe": '{"method": "ties"}'})
    found = load_file(path)
    assert set(found) == set(TENSORS)
    assert all(torch.equal(found[key], TENSORS[key]) and found[key].dtype == TENSORS[key].dtype for key in TENSORS)
    assert digest == state_digest(TENSORS)
    assert read_safetensors(path).metadata == {"recipe": '{"method": "ties"}'}


def test_a_transposed_tensor_is_written_as_it_reads(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, {"turned": TENSORS["matrix"].T})
    assert load_file(path)["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_wide_types_come_first_so_that_all_lie_aligned(tmp_path):
    writer = SafetensorsWriter(tmp_path / "w", {key: (t.dtype, tuple(t.shape)) for key, t in TENSORS.items()})
    assert writer.order == ("steps", "wide", "matrix", "empty", "half", "brain", "flags")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, {"matrix": TENSORS["matrix"]})
    before = path.read_bytes()
    layout = {"matrix": (torch.float32, (2, 3)), "other": (torch.float32, (2,))}
    with pytest.raises(KeyboardInterrupt), SafetensorsWriter(path, layout) as writer:
        writer.write("matrix", TENSORS["matrix"])
        raise KeyboardInterrupt
    with pytest.raises(CheckpointError, match="1 missing, first other"), SafetensorsWriter(path, layout) as writer:
        writer.write("matrix", TENSORS["matrix"])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["weights.safetensors"]  # noqa: PTH208


def test_a_full_disk_is_one_clear_error(tmp_path):
    path = tmp_path / "weights.safetensors"
    with (
        pytest.raises(CheckpointError, match=r"cannot write .*No space left"),
        SafetensorsWriter(path, {"matrix": (torch.float32, (2, 3))}) as writer,
    ):
        with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
            writer._file.close()
            writer._file = full
            writer.write("matrix", TENSORS["matrix"])
    assert not list(tmp_path.iterdir())


def test_bad_targets_and_tensors_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"is a folder; name a file"):
        write_safetensors(tmp_path, TENSORS)
    with pytest.raises(CheckpointError, match=r"cannot write .*No such file"):
        write_safetensors(tmp_path / "nowhere" / "w.safetensors", TENSORS)
    with pytest.raises(CheckpointError, match=r"spectrum is torch.complex64"):
        write_safetensors(tmp_path / "w.safetensors", {"spectrum": torch.zeros(2, dtype=torch.complex64)})
    layout = {"a": (torch.float32, (2,)), "b": (torch.float32, (2,))}
    with pytest.raises(CheckpointError, match="expected a, got b"), SafetensorsWriter(tmp_path / "w", layout) as writer:
        writer.write("b", torch.zeros(2))
    with (
        pytest.raises(CheckpointError, match=r"a must be float32 \(2,\).*got float64"),
        SafetensorsWriter(tmp_path / "w", layout) as writer,
    ):
        writer.write("a", torch.zeros(2, dtype=torch.float64))
    with pytest.raises(CheckpointError, match="write inside 'with"):
        SafetensorsWriter(tmp_path / "w", layout).write("a", torch.zeros(2))
    assert not list(tmp_path.iterdir())
