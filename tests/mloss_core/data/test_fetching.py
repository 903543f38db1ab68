import json

import pytest
import torch

from mloss_core.cli import main
from mloss_core.data.fetching import fetch_weights
from mloss_core.errors import CheckpointError, InvalidOptionError
from tests.mloss_core.data.test_text_towers import clip


@pytest.fixture
def fetched(monkeypatch, tmp_path):
    """open_clip's download, replaced by a file that is there."""
    torch.save(clip().state_dict(), tmp_path / "clip.pt")
    asked = []
    monkeypatch.setattr(
        "open_clip.pretrained.download_pretrained", lambda config: asked.append(config) or str(tmp_path / "clip.pt")
    )
    return asked


def test_open_clip_is_asked_for_the_named_weights(fetched, tmp_path):
    path, activation = fetch_weights("ViT-B-32/openai")
    assert path == tmp_path / "clip.pt" and activation == "quick_gelu" and "ViT-B-32" in fetched[0]["url"]
    assert fetch_weights("ViT-B-32/laion2b_s34b_b79k")[1] is None


def test_heads_are_built_from_fetched_weights(fetched, tmp_path, capsys):
    out = tmp_path / "head.safetensors"
    arguments = ["heads", "build", "--fetch", "ViT-B-32/openai", "--dataset", "mnist", "--out", str(out), "--json"]
    assert main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["classes"] == 10 and answer["activation"] == "quick_gelu" and out.is_file()


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B-32/nothing", "../etc/passwd"])
def test_unknown_names_are_refused_with_the_known_ones(name):
    with pytest.raises(InvalidOptionError, match="MODEL/TAG as open_clip lists them"):
        fetch_weights(name)


def test_without_a_network_it_is_one_sentence(monkeypatch):
    def broken(config):
        raise OSError("no route\nto host")

    monkeypatch.setattr("open_clip.pretrained.download_pretrained", broken)
    with pytest.raises(CheckpointError, match=r"cannot be fetched: OSError: no route to host. Download the file"):
        fetch_weights("ViT-B-32/openai")
