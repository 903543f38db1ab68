"""Files whose parts contradict each other are refused; what lies beside the tower never blocks it."""

import os
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from mloss_core.checkpoints import open_checkpoint
from mloss_core.checkpoints.opening import open_tensors
from mloss_core.errors import CheckpointError
from tests.checkpoint_files import hugging_face_state, save_module, timm_state, visual, zip_with_pickle

NAMED = {f"visual.{key}": value for key, value in visual().state_dict().items()}
KEY = "transformer.resblocks.1.mlp.c_fc.weight"


def _read(path):
    with open_checkpoint(path) as checkpoint:
        return {key: checkpoint[key] for key in checkpoint}


@pytest.mark.parametrize("value", [None, 3.0, [1.0, 2.0], "gone", torch.zeros(16, 8).to_sparse()])
def test_an_entry_of_the_tower_that_is_no_tensor_is_refused(value, tmp_path):
    torch.save({**NAMED, "visual.proj": value}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a\.pt: visual\.proj (must be a tensor|is a sparse)"):
        open_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("name", ["visual.ln_pre.weight", "visual.conv1.weight"])
def test_an_optional_tensor_and_the_anchor_that_are_none_are_no_other_architecture(name, tmp_path):
    torch.save({**NAMED, name: None}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=rf"a\.pt: {name} must be a tensor; it is nothing"):
        open_checkpoint(tmp_path / "a.pt")


def test_what_is_beside_the_tower_never_blocks(tmp_path):
    beside = {
        "text.lora_A.weight": torch.ones(2),
        "index": torch.eye(3).to_sparse(),
        "scaled": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
        "model_name": "ViT-B-32",
        "config": {"a": [1, None]},
        "classifier.weight": torch.ones(3, 8),
        "layer1.weight": torch.ones(2),
    }
    torch.save({**NAMED, **beside}, tmp_path / "a.pt")
    assert torch.equal(_read(tmp_path / "a.pt")[KEY], NAMED[f"visual.{KEY}"])
    bare = {key.removeprefix("visual."): value for key, value in NAMED.items()}
    torch.save({**bare, **beside}, tmp_path / "b.pt")
    assert set(_read(tmp_path / "b.pt")) == set(bare)
    save_file({**NAMED, "extra": torch.ones(2).to(torch.float8_e4m3fn)}, tmp_path / "c.safetensors")
    assert set(_read(tmp_path / "c.safetensors")) == set(bare)
    for state in (hugging_face_state(visual(), prefix=""), timm_state(visual())):
        torch.save({**state, **beside}, tmp_path / "d.pt")
        assert set(_read(tmp_path / "d.pt")) == set(bare)


def test_an_unreadable_type_inside_the_tower_is_named(tmp_path):
    save_file({**NAMED, f"visual.{KEY}": torch.ones(64, 16).to(torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=rf"a\.safetensors: visual\.{KEY} is of type F8_E4M3"):
        open_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize("names", ["timm", "hf", "trunk"])
def test_a_trained_bias_of_the_projection_is_refused_and_zeros_are_fine(names, tmp_path):
    if names == "hf":
        state, bias = hugging_face_state(visual()), "visual_projection.bias"
    elif names == "timm":
        state, bias = timm_state(visual()), "head.bias"
    else:
        state = {f"visual.trunk.{key}": value for key, value in timm_state(visual()).items() if key != "head.weight"}
        bias = "visual.head.proj.bias"
        state["visual.head.proj.weight"] = visual().proj.detach().T.contiguous()
    torch.save({**state, bias: torch.zeros(8)}, tmp_path / "a.pt")
    assert torch.equal(_read(tmp_path / "a.pt")["proj"], visual().proj)
    torch.save({**state, bias: torch.full((8,), 0.1)}, tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match=rf"b\.pt: {bias} is trained; a projection with a bias"):
        open_checkpoint(tmp_path / "b.pt")


def _rewritten(path, change):
    """The same archive with its entries changed, and checksums that are right."""
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, change(name, content))


@pytest.mark.parametrize("size", [4, -4])
def test_a_storage_of_another_size_than_the_file_says_is_refused(size, tmp_path):
    torch.save(NAMED, tmp_path / "a.pt")
    change = {4: lambda content: content + b"\0" * 4, -4: lambda content: content[:-4]}[size]
    _rewritten(tmp_path / "a.pt", lambda name, content: change(content) if name.endswith("data/7") else content)
    with pytest.raises(CheckpointError, match=r"a\.pt: .*its storage must have \d+ bytes, as the file says; it has"):
        open_checkpoint(tmp_path / "a.pt")


def test_damaged_bytes_are_told_by_their_checksum(tmp_path):
    torch.save(NAMED, tmp_path / "a.pt")
    sound = (tmp_path / "a.pt").read_bytes()
    place = sound.index(NAMED[f"visual.{KEY}"].numpy().tobytes())
    damaged = bytearray(sound)
    damaged[place + 8] ^= 1
    (tmp_path / "a.pt").write_bytes(damaged)
    with (
        open_checkpoint(tmp_path / "a.pt") as checkpoint,
        pytest.raises(CheckpointError, match=rf"a\.pt: the bytes of visual\.{KEY} are damaged: their checksum"),
    ):
        checkpoint[KEY]
    damaged = bytearray(sound)
    damaged[sound.index(b"visual.proj") + 2] ^= 1
    (tmp_path / "a.pt").write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"the bytes of data\.pkl are damaged"):
        open_checkpoint(tmp_path / "a.pt")


def test_archives_without_checksums_are_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(NAMED, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(_read(tmp_path / "a.pt")[KEY], NAMED[f"visual.{KEY}"])


def test_a_zip_with_a_piece_missing_says_so(tmp_path):
    torch.save(NAMED, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(data[:3000] + data[9000:])
    with pytest.raises(CheckpointError, match=r"a\.pt: .*(piece of the zip|damaged zip)"):
        open_checkpoint(tmp_path / "a.pt")


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"must be a regular file; .*a\.pt is a pipe"):
        open_checkpoint(tmp_path / "a.pt")
    os.mkfifo(tmp_path / "model.safetensors.index.json")
    with pytest.raises(CheckpointError, match="an index of shards must be a regular file"):
        open_checkpoint(tmp_path / "model.safetensors.index.json")
    torch.save(NAMED, tmp_path / "b.pt")
    os.mkfifo(tmp_path / "config.json")
    assert "notes" not in open_checkpoint(tmp_path / "b.pt").facts


def test_a_block_number_without_end_is_a_gap(tmp_path):
    torch.save({**NAMED, "visual.transformer.resblocks.99999999.ln_1.weight": torch.ones(16)}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"not whole; it lacks transformer\.resblocks\.2\."):
        open_checkpoint(tmp_path / "a.pt")


def test_messages_quote_one_printable_line(tmp_path):
    torch.save({"a\nb\x1b[31m" + "x" * 900: torch.ones(2)}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path / "odd.pt")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 600


def test_whatever_a_library_raises_becomes_our_sentence(tmp_path, monkeypatch):
    save_module(tmp_path / "a.pt", visual(), "zip")

    def fails(*_):
        raise AttributeError("'NoneType' object has no attribute 'x'")

    monkeypatch.setattr("mloss_core.checkpoints.lazy.read_container", fails)
    with pytest.raises(CheckpointError, match=r"a\.pt is damaged: .*AttributeError.*Download or write it again"):
        open_tensors(tmp_path / "a.pt")


def test_zip_without_tensors_of_a_size_that_cannot_be(tmp_path):
    save_module(tmp_path / "sound.pt", visual(), "zip")
    zip_with_pickle(tmp_path / "a.pt", b"\x80\x02}.")
    with pytest.raises(CheckpointError, match=r"a\.pt holds a dict without tensors"):
        open_checkpoint(tmp_path / "a.pt")
