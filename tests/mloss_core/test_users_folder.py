"""The whole way on a folder that looks like a user's: the field's eight datasets in their own files, pickled models."""

import json

import pytest
import torch

from mloss_core.cli import main
from mloss_core.data.field.catalogue import CATALOGUE, SUITES
from tests.field_files import CORE
from tests.mloss_core.data.test_text_towers import clip
from tests.zoo_files import save_pickled, towers

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`checkpoints/tiny/<Dataset>/finetuned.pt` with `zeroshot.pt`, `data/` with all eight, and a whole CLIP."""
    root = tmp_path_factory.mktemp("user")
    for make in CORE.values():
        make(root / "data")
    base, models = towers(8)
    save_pickled(root / "checkpoints" / "tiny" / "zeroshot.pt", base)
    for name, model in zip(SUITES["N8"], models, strict=True):
        save_pickled(root / "checkpoints" / "tiny" / CATALOGUE[name].title / "finetuned.pt", model)
    torch.save(clip().state_dict(), root / "clip.pt")
    return root


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLOSS_DATA", str(folder / "data"))


@pytest.fixture
def answer(capsys):
    def run(*arguments):
        assert main([*map(str, arguments), "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


def test_from_files_to_a_table(answer, folder):
    for name in SUITES["N8"]:
        out = folder / "checkpoints" / "tiny" / f"head_{CATALOGUE[name].title}.safetensors"
        built = answer("heads", "build", "--weights", "clip.pt", "--dataset", name, "--out", out)
        assert built["classes"] == len(CATALOGUE[name].classes)
    # The name alone is enough: ./checkpoints is looked in.
    zoo = answer("zoo", "tiny")
    assert [model["name"] for model in zoo["models"][1:]] == sorted(SUITES["N8"])
    assert all(model["head"][0] == model["classes"] and model["images"]["test"] for model in zoo["models"][1:])
    assert any("cars: 20 training and 6 test images are here" in note for note in zoo["notes"])
    measured = answer("measure", "--zoo", "tiny", "--samples", 8)
    assert len(measured["tasks"]) == 8 and all(layer["mloss"] > 0 for layer in measured["layers"])
    merged = folder / "merged.safetensors"
    recipe = ("--method", "m_ties", "--option", "keep_rate=0.8")
    answer("merge", "--zoo", "tiny", *recipe, "--out", merged, "--format", "open_clip")
    table = answer("evaluate", "--zoo", "tiny", *recipe, "--weights", merged)
    rows = {row["model"]: row for row in table["rows"]}
    assert rows[str(merged)]["tasks"] == rows["M-TIES k 0.8 e 0.1"]["tasks"]
    assert set(rows["Individual"]["tasks"]) == set(SUITES["N8"]) and table["counts"]["sun397"] == 158
    assert len(table["images"]["eurosat"]["sha256"]) == 64 and "seed 0" in table["images"]["mnist"]["rule"]


def test_a_few_images_of_each_task_are_enough_for_a_look(answer):
    table = answer("evaluate", "--zoo", "tiny", "--method", "average", "--limit", 5)
    assert set(table["counts"].values()) == {5}
