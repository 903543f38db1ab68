"""Files in the names of other tools: read back exactly, and named as those tools name them."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mloss_core.checkpoints import open_checkpoint, read_safetensors, write_safetensors
from mloss_core.checkpoints.naming import FORMATS, TowerWriter, hugging_face_config, hugging_face_images, stored_names
from mloss_core.checkpoints.writing import layout_of
from mloss_core.errors import CheckpointError, UnknownNameError
from mloss_core.state_dicts import state_digest
from mloss_core.vision.architecture import infer_architecture
from tests.checkpoint_files import hugging_face_state, visual


def write(path, state, format, metadata=None):
    with TowerWriter(path, layout_of(state), metadata or {}, format) as writer:
        for key in writer.order:
            writer.write(key, state[key])
    return writer


@pytest.fixture
def state():
    return {key: value.detach() for key, value in visual(3).state_dict().items()}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_reads_back_exactly(format, state, tmp_path):
    writer = write(tmp_path / "m.safetensors", state, format, {"recipe": "{}"})
    with open_checkpoint(tmp_path / "m.safetensors") as found:
        assert set(found) == set(state)
        assert all(torch.equal(found[key], state[key]) for key in state)
        assert found.digest == writer.digest == state_digest(state)
    assert read_safetensors(tmp_path / "m.safetensors").metadata.items() >= {"recipe": "{}"}.items()


def test_the_names_of_each_tool(state, tmp_path):
    prefixes = {"canonical": "", "open_clip": "visual.", "task_vectors": "model.visual."}
    for format, prefix in prefixes.items():
        write(tmp_path / format, state, format)
        assert set(load_file(tmp_path / format)) == {prefix + key for key in state}
    write(tmp_path / "hf", state, "hf")
    found, expected = load_file(tmp_path / "hf"), hugging_face_state(visual(3))
    assert set(found) == set(expected) and len(found) == 16 * 2 + 7 + 1
    assert all(torch.equal(found[key], expected[key]) for key in found)
    assert read_safetensors(tmp_path / "hf").metadata == {"format": "pt"}


def test_open_clip_to_hugging_face_and_back_is_exact(state, tmp_path):
    save_file({f"visual.{key}": value.contiguous() for key, value in state.items()}, tmp_path / "1")
    with open_checkpoint(tmp_path / "1") as first:
        write(tmp_path / "2", first, "hf")
    with open_checkpoint(tmp_path / "2") as second:
        write(tmp_path / "3", second, "open_clip")
    assert {k: v.tolist() for k, v in load_file(tmp_path / "3").items()} == {
        k: v.tolist() for k, v in load_file(tmp_path / "1").items()
    }


def test_mixed_precision_keeps_its_order(state, tmp_path):
    mixed = {key: value.half() if "attn" in key else value for key, value in state.items()}
    write(tmp_path / "m", mixed, "hf")
    found = open_checkpoint(tmp_path / "m")
    assert all(torch.equal(found[key], mixed[key]) and found[key].dtype == mixed[key].dtype for key in mixed)


def test_what_cannot_be_named(state, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown format 'hff': did you mean 'hf'"):
        write(tmp_path / "m", state, "hff")
    with pytest.raises(CheckpointError, match=r"no name for head\.bias"):
        write(tmp_path / "m", {**state, "head.bias": torch.zeros(2)}, "hf")
    assert not list(tmp_path.iterdir())
    assert stored_names("head.bias", "open_clip") == ("visual.head.bias",)


def test_tensors_beside_the_tower_come_along_and_count_for_no_digest(state, tmp_path):
    beside = {"model.logit_scale": torch.tensor(4.6)}
    with TowerWriter(tmp_path / "m", layout_of(state), {}, "task_vectors", beside) as writer:
        for key in writer.order:
            writer.write(key, state[key])
    assert (
        writer.digest == state_digest(state)
        and load_file(tmp_path / "m")["model.logit_scale"] == beside["model.logit_scale"]
    )


def test_a_failure_leaves_nothing(state, tmp_path):
    with (
        pytest.raises(CheckpointError, match="tensors are lacking"),
        TowerWriter(tmp_path / "m", layout_of(state), {}, "hf") as writer,
    ):
        writer.write(writer.order[0], state[writer.order[0]])
    assert not list(tmp_path.iterdir())


def test_the_configuration_tells_what_the_reader_wants(state, tmp_path):
    config = hugging_face_config(infer_architecture(state, heads=2, activation="gelu_tanh"))
    assert config["hidden_size"] == 16 and config["num_attention_heads"] == 2 and config["image_size"] == 16
    assert config["intermediate_size"] == 64 and config["projection_dim"] == 8 and config["patch_size"] == 8
    write_safetensors(tmp_path / "model.safetensors", hugging_face_state(visual(3)))
    (tmp_path / "config.json").write_text(json.dumps(config))
    facts = open_checkpoint(tmp_path / "model.safetensors").facts
    assert facts == {"activation": "gelu_tanh", "heads": 2, "layer_norm_eps": 1e-5}


def test_the_image_configuration_is_read_back(state, tmp_path):
    shape = infer_architecture(state, heads=2, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    write_safetensors(tmp_path / "model.safetensors", hugging_face_state(visual(3)))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(hugging_face_images(shape)))
    facts = open_checkpoint(tmp_path / "model.safetensors").facts
    assert facts == {"mean": shape.mean, "std": shape.std}
    assert hugging_face_images(shape)["crop_size"] == {"height": 16, "width": 16}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_written(value, state, tmp_path):
    odd = {**state, "proj": torch.full_like(state["proj"], value)}
    with (
        pytest.raises(CheckpointError, match=r"weights must be finite to be written; proj is not"),
        TowerWriter(tmp_path / "m", layout_of(state), {}) as writer,
    ):
        for key in writer.order:
            writer.write(key, odd[key])
    assert not list(tmp_path.iterdir())
