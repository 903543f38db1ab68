"""The text tower of a file gives the embeddings that open_clip's own CLIP gives."""

import pytest
import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import SimpleTokenizer

from mloss_core.data.heads import build_head
from mloss_core.data.text_towers import read_text_tower
from mloss_core.errors import CheckpointError
from tests.checkpoint_files import visual
from tests.zoo_files import save_pickled

CLASSES, TEMPLATES = ("cat", "traffic light"), ("a photo of a {}.", "a sketch of the {}.")


def clip(kind=CLIP, quick_gelu=True):
    torch.manual_seed(0)
    vision = CLIPVisionCfg(image_size=16, patch_size=8, width=64, layers=1, head_width=64)
    text = CLIPTextCfg(context_length=16, width=64, heads=1, layers=2)
    return kind(8, vision, text, quick_gelu=quick_gelu).eval()


def expected(model):
    tokenize, scale = SimpleTokenizer(context_length=16), float(model.logit_scale.detach().exp())
    return build_head(model.encode_text, tokenize, CLASSES, TEMPLATES, scale)


@pytest.mark.parametrize(("kind", "prefix"), [(CLIP, ""), (CLIP, "module."), (CustomTextCLIP, "")])
def test_heads_equal_those_of_open_clip(kind, prefix, tmp_path):
    model, told = clip(kind), []
    torch.save({f"{prefix}{key}": value for key, value in model.state_dict().items()}, tmp_path / "clip.pt")
    tower = read_text_tower(tmp_path / "clip.pt")
    head = tower.head(CLASSES, TEMPLATES, lambda fraction, _="": told.append(fraction))
    torch.testing.assert_close(head, expected(model))
    assert head.shape == (2, 8) and tower.logit_scale == pytest.approx(1 / 0.07, rel=1e-5) and told == [0.5, 1.0]
    assert "Activation not recorded in clip.pt; using quick_gelu" in tower.notes[0]


def test_the_activation_counts(tmp_path):
    model = clip(quick_gelu=False)
    torch.save(model.state_dict(), tmp_path / "clip.pt")
    tower = read_text_tower(tmp_path / "clip.pt", "gelu")
    torch.testing.assert_close(tower.head(CLASSES, TEMPLATES), expected(model))
    assert tower.notes == () and tower.activation == "gelu"
    quick = read_text_tower(tmp_path / "clip.pt").head(CLASSES, TEMPLATES)
    assert (quick - expected(model)).abs().max() > 1e-4


def test_files_without_a_whole_text_tower(tmp_path):
    save_pickled(tmp_path / "finetuned.pt", visual())
    with pytest.raises(CheckpointError, match=r"finetuned\.pt holds no text tower: its text transformer was dropped"):
        read_text_tower(tmp_path / "finetuned.pt")
    torch.save(visual().state_dict(), tmp_path / "visual.pt")
    with pytest.raises(CheckpointError, match="holds no text tower: give an open_clip checkpoint of the whole CLIP"):
        read_text_tower(tmp_path / "visual.pt")
    state = clip().state_dict()
    torch.save({**state, "token_embedding.weight": torch.zeros(9, 64)}, tmp_path / "small.pt")
    with pytest.raises(CheckpointError, match="knows 9 tokens"):
        read_text_tower(tmp_path / "small.pt")
    for lacking, words in (
        ("text_projection", "lacks text_projection"),
        ("logit_scale", "no logit_scale"),
        ("transformer.resblocks.1.ln_2.bias", "unknown architecture"),
    ):
        torch.save({key: value for key, value in state.items() if key != lacking}, tmp_path / "odd.pt")
        with pytest.raises(CheckpointError, match=words):
            read_text_tower(tmp_path / "odd.pt")
    torch.save({**state, **{f"b.{key}": value for key, value in state.items()}}, tmp_path / "two.pt")
    with pytest.raises(CheckpointError, match=r"more than one text tower, below '' and 'b\.'"):
        read_text_tower(tmp_path / "two.pt")
