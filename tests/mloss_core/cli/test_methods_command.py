import json

import pytest

from mloss_core.cli.main import main
from mloss_core.merging import METHODS
from mloss_core.merging.plugins import VARIABLE
from mloss_core.merging.presets import PRESETS
from tests.mloss_core.merging.plugin_files import write


def printed(capsys, *words):
    assert main(["methods", *words]) == 0
    return capsys.readouterr().out


def test_the_list_names_every_method_and_preset(capsys):
    lines = printed(capsys).splitlines()
    firsts = {line.split()[0] for line in lines if line}
    assert {*METHODS, *PRESETS} <= firsts
    assert next(line for line in lines if line.startswith("m_ties ")).split()[2:5] == ["guided", "mloss", "single"]


def test_one_method_is_its_card(capsys):
    text = printed(capsys, "iso_cts")
    assert "Formula (LaTeX): \\tau = s\\,\\operatorname{polar}" in text
    assert "common_fraction=0.8" in text and "78.1 (85.5)  Isotropic Model Merging, Table 1" in text
    assert "Known fault: For small common fractions" in text and "Preset iso_cts@iso_merging/ViT-B-32/8" in text
    assert "one model a task; the task must be known" in printed(capsys, "emr")


def test_one_preset_is_its_recipe(capsys):
    text = printed(capsys, "ties@tall_masks")
    assert "https://github.com/nik-dim/tall_masks" in text and "(--tune)" in text
    assert json.loads(text[text.index("{") :])["options"]["domain"] == "all"


def test_for_machines(capsys):
    everything = json.loads(printed(capsys, "--json"))
    assert [one["name"] for one in everything["methods"]] == list(METHODS)
    assert [one["name"] for one in everything["presets"]] == list(PRESETS)
    one = json.loads(printed(capsys, "tsv_m", "--json"))
    assert one["output"] == "single" and one["options"]["scale"] == 1.0 and len(one["published"]) > 10
    assert json.loads(printed(capsys, "ties@adamerging", "--json"))["recipe"]["method"] == "ties"


def test_a_plugin_has_no_card_but_all_else(capsys, tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setenv(VARIABLE, str(path))
    text = printed(capsys, "median")
    assert "The median of the task vectors." in text and str(path) in text and "scale=1.0" in text
    assert json.loads(printed(capsys, "median", "--json"))["plugin"]["where"] == str(path)


@pytest.mark.parametrize("name", ["tise", "svc"])
def test_an_unknown_name(capsys, name):
    assert main(["methods", name]) == 2
    assert f"unknown method '{name}'" in capsys.readouterr().err
