"""Every format of the wild gives the same canonical tensors, bit for bit, and the facts it records."""

import io
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mloss_core.checkpoints import open_checkpoint
from mloss_core.errors import CheckpointError
from mloss_core.state_dicts import tensor_digest
from mloss_core.vision.architecture import infer_architecture
from mloss_core.vision.towers import build_tower
from tests.checkpoint_files import HEADS, hugging_face_state, save_head, save_module, vanishing_module, visual
from tests.checkpoint_formats import KINDS, write_checkpoint


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_tensors(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "finetuned.pt"
    write_checkpoint(path, visual(), kind)
    checkpoint = open_checkpoint(path)
    expected = visual().state_dict()
    assert set(checkpoint) == set(expected)
    for key, value in expected.items():
        assert torch.equal(checkpoint[key], value), key
        assert checkpoint.shape(key) == tuple(value.shape)
    assert len(checkpoint.digest) == 64
    checkpoint.close()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_forward_of_every_format_equals_the_source(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "finetuned.pt"
    write_checkpoint(path, visual(), kind)
    checkpoint = open_checkpoint(path)
    architecture = infer_architecture(checkpoint, heads=HEADS, activation="quick_gelu")
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = build_tower(architecture, checkpoint)(images), visual()(images)
        wrong = build_tower(infer_architecture(checkpoint, heads=HEADS, activation="gelu"), checkpoint)(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (wrong - expected).abs().max() > 1e-4


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_facts_of_a_pickled_module(kind: str, tmp_path: Path) -> None:
    save_module(tmp_path / "a.pt", visual(), kind)
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    assert checkpoint.facts["activation"] == "quick_gelu"
    assert checkpoint.facts["heads"] == HEADS
    assert checkpoint.facts["layer_norm_eps"] == 1e-5
    assert checkpoint.facts["root_class"] == "src.modeling.ImageEncoder"
    save_module(tmp_path / "b.pt", visual(act_layer=torch.nn.GELU), kind)
    assert open_checkpoint(tmp_path / "b.pt").facts["activation"] == "gelu"


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_dead_text_tensors_are_left_out_and_named(kind: str, tmp_path: Path) -> None:
    save_module(tmp_path / "a.pt", visual(), kind)
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    assert "model.token_embedding.weight" in checkpoint.left_out
    assert "model.attn_mask" not in checkpoint.left_out
    assert checkpoint.read_stored("model.logit_scale").item() == pytest.approx(4.6)


def test_hugging_face_config_is_read(tmp_path: Path) -> None:
    save_file(
        {key: value.contiguous() for key, value in hugging_face_state(visual()).items()}, tmp_path / "model.safetensors"
    )
    (tmp_path / "config.json").write_text(
        '{"hidden_act": "quick_gelu", "num_attention_heads": 2, "layer_norm_eps": 1e-06}'
    )
    facts = open_checkpoint(tmp_path / "model.safetensors").facts
    assert facts == {"activation": "quick_gelu", "heads": 2, "layer_norm_eps": 1e-6}


def test_missing_key_projection_is_named(tmp_path: Path) -> None:
    state = hugging_face_state(visual())
    del state["vision_model.encoder.layers.1.self_attn.k_proj.weight"]
    torch.save(state, tmp_path / "a.bin")
    with pytest.raises(CheckpointError, match=r"a\.bin: block 1 lacks k_proj\.weight"):
        open_checkpoint(tmp_path / "a.bin")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"weight": torch.zeros(3, 4), "bias": torch.zeros(3)}, "looks like a classification head"),
        ({"layer.lora_A.weight": torch.zeros(2)}, "LoRA adapter.*merge_and_unload"),
        ({"params0.a": torch.zeros(2)}, "linearised"),
        ({"layer1.0.conv1.weight": torch.zeros(2)}, "looks like a ResNet"),
        ({"x": torch.zeros(2)}, "1 tensors, the first named x"),
    ],
)
def test_files_without_a_tower_say_what_they_look_like(state: dict, words: str, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match=rf"odd\.pt.*{words}"):
        open_checkpoint(tmp_path / "odd.pt")


def test_two_towers_and_other_architectures_are_refused(tmp_path: Path) -> None:
    state = visual().state_dict()
    torch.save({f"{side}.{key}": value for side in ("a", "b") for key, value in state.items()}, tmp_path / "two.pt")
    with pytest.raises(CheckpointError, match=r"more than one vision tower, below 'a\.' and 'b\.'"):
        open_checkpoint(tmp_path / "two.pt")
    torch.save(
        {f"visual.{key}": value for key, value in state.items()} | {"visual.attn_pool.q": torch.zeros(2)},
        tmp_path / "siglip.pt",
    )
    with pytest.raises(CheckpointError, match="attention-pooled"):
        open_checkpoint(tmp_path / "siglip.pt")


@pytest.mark.parametrize("lost", ["ln_pre.bias", "transformer.resblocks.1.mlp.c_fc.bias", "class_embedding"])
def test_towers_that_are_not_whole_are_refused(lost: str, tmp_path: Path) -> None:
    state = {f"visual.{key}": value for key, value in visual().state_dict().items() if key != lost}
    torch.save(state, tmp_path / "part.pt")
    with pytest.raises(CheckpointError, match=rf"part\.pt: its vision tower is not whole; it lacks {lost}\."):
        open_checkpoint(tmp_path / "part.pt")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("legacy", [False, True])
def test_dtypes_and_views_survive(dtype: torch.dtype, legacy: bool, tmp_path: Path) -> None:
    state = {f"visual.{key}": value.to(dtype) for key, value in visual().state_dict().items()}
    wide = torch.randn(8, WIDE := 40).to(dtype)
    state["visual.proj"] = wide.T[:16, :]
    assert WIDE > 16 and not state["visual.proj"].is_contiguous()
    torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    for key, value in state.items():
        assert torch.equal(checkpoint[key.removeprefix("visual.")], value), key


def test_tied_weights_are_read_from_one_storage(tmp_path: Path) -> None:
    state = {f"visual.{key}": value for key, value in visual().state_dict().items()}
    state["visual.ln_post.weight"] = state["visual.ln_pre.weight"]
    torch.save(state, tmp_path / "a.pt")
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    assert torch.equal(checkpoint["ln_post.weight"], checkpoint["ln_pre.weight"])


def test_agrees_with_torch_weights_only_loader(tmp_path: Path) -> None:
    """torch's own restricted loader is the oracle for state dicts."""
    torch.save({f"visual.{key}": value for key, value in visual(3).state_dict().items()}, tmp_path / "a.pt")
    oracle = torch.load(io.BytesIO((tmp_path / "a.pt").read_bytes()), weights_only=True)
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    for key in checkpoint:
        assert torch.equal(checkpoint[key], oracle[f"visual.{key}"])


def test_the_classes_of_a_module_file_are_gone(tmp_path: Path) -> None:
    """The module files of this suite cannot be opened by importing their classes, as in the wild."""
    save_module(tmp_path / "a.pt", visual(), "zip")
    with pytest.raises(ModuleNotFoundError):
        torch.load(tmp_path / "a.pt", weights_only=False)
    save_head(tmp_path / "head.pt", torch.ones(2, 3))
    with pytest.raises(CheckpointError, match="classification head"):
        open_checkpoint(tmp_path / "head.pt")
    with vanishing_module("src.modeling"):
        pass


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "safetensors:open_clip"])
@pytest.mark.parametrize("band_bytes", [1, 100, 1 << 24])
def test_digest_of_a_stored_tensor_is_the_same_in_bands(
    kind: str, band_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "a.pt", visual(), kind)
    monkeypatch.setattr("mloss_core.checkpoints.lazy._BAND_BYTES", band_bytes)
    names = {"safetensors:open_clip": ["visual.conv1.weight", "visual.class_embedding"]}
    with open_checkpoint(tmp_path / "a.pt") as checkpoint:
        for name in names.get(kind, ["model.token_embedding.weight", "model.logit_scale", "model.ln_final.bias"]):
            assert checkpoint.stored_digest(name) == tensor_digest(checkpoint.read_stored(name))
