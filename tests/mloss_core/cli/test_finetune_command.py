"""Fine-tuning from the command line: from a zoo, and from one pretrained file."""

import json

import pytest

from mloss_core.cli import main
from mloss_core.opening import open_zoo
from mloss_core.outputs.encoders import encoder_from_file
from tests.zoo_files import save_pickled, task_vectors, towers

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
QUICK = ("--epochs", "1", "--batch", "4", "--learning-rate", "0.01", "--warmup", "0")


@pytest.fixture
def data(monkeypatch, tmp_path):
    """Image folders of cars: three classes."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("a", "b", "c"):
            folder = tmp_path / "data" / "cars" / split / name
            folder.mkdir(parents=True)
            for place in range(4):
                Image.fromarray(draw.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / f"{place}.png")
    monkeypatch.setenv("MLOSS_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def answer(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    assert main(list(map(str, arguments))) == 2
    return capsys.readouterr().err


def test_a_zoo_task_is_fine_tuned_and_the_file_opens(capsys, tmp_path, data):
    folder, out = task_vectors(tmp_path / "mine"), tmp_path / "cars.safetensors"
    found = answer(capsys, "finetune", "--zoo", folder, "--task", "cars", "--out", out, *QUICK)
    assert found["updates"] == 3 and found["checked"] == 12 and 0 <= found["after"] <= 1
    zoo = open_zoo(folder, device="cpu")
    encoder = encoder_from_file(zoo, out)
    assert encoder.digest == found["digest"] != zoo.pretrained.digest


def test_one_pretrained_file_is_enough(capsys, tmp_path, data):
    folder = task_vectors(tmp_path / "mine")
    base, out = tmp_path / "alone" / "zeroshot.pt", tmp_path / "model.safetensors"
    save_pickled(base, towers()[0])
    found = answer(
        capsys,
        "finetune",
        "--pretrained",
        base,
        "--head",
        folder / "head_Cars.pt",
        "--data",
        data,
        "--task",
        "cars",
        "--out",
        out,
        "--format",
        "hf",
        *QUICK,
    )
    assert found["loss"] > 0 and (tmp_path / "config.json").is_file()


def test_models_that_are_read_are_never_replaced(capsys, tmp_path, data):
    folder = task_vectors(tmp_path / "mine")
    base = tmp_path / "base.safetensors"
    assert main(["convert", str(folder / "zeroshot.pt"), "--out", str(base)]) == 0
    (folder / "zeroshot.pt").unlink()
    (folder / "zeroshot.safetensors").write_bytes(base.read_bytes())
    before = base.read_bytes()
    start = ("finetune", "--task", "cars", *QUICK)
    alone = ("--pretrained", base, "--head", folder / "head_Cars.pt", "--data", data)
    assert "must not replace a model" in refused(capsys, *start, *alone, "--out", base)
    place = folder / "zeroshot.safetensors"
    assert "must not replace a model" in refused(capsys, *start, "--zoo", folder, "--out", place)
    assert base.read_bytes() == place.read_bytes() == before


def test_numbers_that_no_training_takes(capsys, tmp_path, data):
    start = (
        "finetune",
        "--task",
        "cars",
        "--zoo",
        task_vectors(tmp_path / "mine"),
        "--out",
        tmp_path / "x.safetensors",
    )
    assert "seed must be from 0 to" in refused(capsys, *start, "--seed", "9" * 20)
    assert "epochs must be from" in refused(capsys, *start, "--epochs", "1e300")


def test_what_is_missing_is_one_line(capsys, tmp_path, data, monkeypatch):
    folder, out = task_vectors(tmp_path / "mine"), tmp_path / "x.safetensors"
    start = ("finetune", "--task", "cars", "--out", out)
    assert "--head belongs to --pretrained" in refused(capsys, *start, "--head", "x.pt")
    assert "epochs must be a number" in refused(capsys, *start, "--zoo", folder, "--epochs", "many")
    assert "no dataset for dtd" in refused(capsys, "finetune", "--task", "dtd", "--out", out, "--zoo", folder, *QUICK)
    lonely = ("--pretrained", folder / "zeroshot.pt")
    assert "needs its zero-shot head: give --head" in refused(capsys, *start, *lonely)
    monkeypatch.delenv("MLOSS_DATA")
    assert "none was given: set MLOSS_DATA" in refused(capsys, *start, *lonely)
    assert "must be a folder" in refused(capsys, *start, *lonely, "--data", tmp_path / "no")
    assert not out.exists()
