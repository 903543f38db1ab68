"""Files of any architecture, merged tensor by tensor."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mloss_core.cli import main
from mloss_core.errors import CheckpointError, IncompatibleStateDictsError, InvalidOptionError
from mloss_core.merging import merge_state_dicts
from mloss_core.merging.file_merge import merge_files
from mloss_core.recipe import Recipe
from tests.mloss_core.merging.models import finetuned, pretrained, same


@pytest.fixture
def files(tmp_path):
    """A base and three models of no known architecture, in three containers."""
    base = pretrained()
    models = finetuned(base)
    torch.save(base, tmp_path / "base.pt")
    torch.save(models[0], tmp_path / "a.pt")
    torch.save({"state_dict": models[1]}, tmp_path / "b.pt")
    save_file({key: value.contiguous() for key, value in models[2].items()}, tmp_path / "c.safetensors")
    return tmp_path, base, models


def test_any_state_dict_is_merged_as_in_memory(files):
    folder, base, models = files
    torch.save(models[1], folder / "b.pt")
    recipe = Recipe(method="ties", options={"keep_rate": 0.5})
    paths = [folder / name for name in ("a.pt", "b.pt", "c.safetensors")]
    merge_files(folder / "base.pt", paths, recipe, folder / "out.safetensors")
    found = load_file(folder / "out.safetensors")
    expected = merge_state_dicts(base, models, "ties", keep_rate=0.5)
    assert same({key: found[key] for key in expected}, expected)


def test_the_command_line_merges_files(files, capsys):
    folder, base, models = files
    arguments = [
        "merge",
        "--pretrained",
        folder / "base.pt",
        "--models",
        folder / "a.pt",
        folder / "c.safetensors",
        "--method",
        "average",
        "--out",
        folder / "out.safetensors",
        "--json",
    ]
    assert main([str(one) for one in arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = load_file(folder / "out.safetensors")
    assert len(answer["digest"]) == 64
    expected = merge_state_dicts(base, [models[0], models[2]], "average")
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def refused(capsys, *arguments):
    assert main([str(one) for one in arguments]) == 2
    return capsys.readouterr().err


def test_what_cannot_be_is_one_line(files, capsys):
    folder, _, _ = files
    start = ("merge", "--method", "average", "--out", folder / "out.safetensors")
    assert "files are merged by --pretrained FILE --models" in refused(capsys, *start, "--models", folder / "a.pt")
    both = (*start, "--pretrained", folder / "base.pt", "--models", folder / "a.pt")
    assert "merged files keep their own names" in refused(capsys, *both, "--format", "hf")
    assert "--out must end in .safetensors" in refused(
        capsys, "merge", "--method", "average", "--out", folder / "a.pt", *both[-4:]
    )
    assert not (folder / "out.safetensors").exists()


@pytest.mark.parametrize(("method", "words"), [("m_ties", "needs M-Loss"), ("regmean", "needs images of the tasks")])
def test_what_runs_the_models_needs_a_zoo(method, words, files):
    folder, _, _ = files
    with pytest.raises(InvalidOptionError, match=words):
        merge_files(folder / "base.pt", [folder / "a.pt"], Recipe(method=method), folder / "out.safetensors")


def test_other_tensors_and_broken_files_are_named(files):
    folder, base, _ = files
    torch.save({**base, "more": torch.zeros(2)}, folder / "d.pt")
    with pytest.raises(IncompatibleStateDictsError, match=r"d.pt has unexpected more"):
        merge_files(folder / "base.pt", [folder / "d.pt"], Recipe(method="average"), folder / "out.safetensors")
    (folder / "e.pt").write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="web page"):
        merge_files(folder / "base.pt", [folder / "e.pt"], Recipe(method="average"), folder / "out.safetensors")
    assert not (folder / "out.safetensors").exists()
