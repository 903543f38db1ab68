"""zoo.json is a closed schema, and its files lie below it."""

import json

import pytest

from mloss_core.errors import ZooError
from mloss_core.zoo.folders.description import read_description


def test_without_one_and_with_all_fields(tmp_path):
    assert read_description(tmp_path) is None
    fields = {
        "name": "mine",
        "pretrained": "a.pt",
        "finetuned": {"Cars": "b/c.pt"},
        "heads": {"cars": "h.pt"},
        "activation": "gelu",
        "datasets": "/data",
    }
    (tmp_path / "zoo.json").write_text(json.dumps(fields))
    found = read_description(tmp_path)
    assert found.name == "mine" and found.pretrained == tmp_path / "a.pt" and found.activation == "gelu"
    assert found.finetuned == {"cars": tmp_path / "b" / "c.pt"} and found.heads == {"cars": tmp_path / "h.pt"}
    assert str(found.datasets) == "/data"
    (tmp_path / "zoo.json").write_text('{"datasets": "images"}')
    assert read_description(tmp_path).datasets == tmp_path / "images"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON; line 1, column 2"),
        ("[]", "must be a JSON object; found a list"),
        ('{"base": "a.pt"}', "takes name, pretrained, .*; found unknown base"),
        ('{"name": 3}', "name must be a text; found 3"),
        ('{"activation": "tanh"}', "activation must be one of gelu, .*; found 'tanh'"),
        ('{"finetuned": ["a.pt"]}', "finetuned must name a file for each task"),
        ('{"finetuned": {}}', "finetuned must name a file for each task"),
        ('{"finetuned": {"a": 1}}', "finetuned must name a file for each task"),
        ('{"finetuned": {"a": "a.pt", "A": "b.pt"}}', "must name each task once"),
        ('{"finetuned": {"pretrained": "a.pt"}}', "none 'pretrained'"),
        ('{"pretrained": "../a.pt"}', r"must lie below its folder, .*; found '\.\./a\.pt'"),
        ('{"pretrained": "/a.pt"}', "must lie below its folder"),
        ('{"pretrained": "."}', "must lie below its folder"),
        ('{"finetuned": {"a": "./"}}', "must lie below its folder"),
        ('{"pretrained": "w/\\ud800.pt"}', "must be text; found half a letter"),
        ('{"heads": {"a": "b\\\\c.pt"}}', "must lie below its folder"),
        ('{"heads": {"a": "C:/c.pt"}}', "must lie below its folder"),
    ],
)
def test_what_is_refused(text, words, tmp_path):
    (tmp_path / "zoo.json").write_text(text)
    with pytest.raises(ZooError, match=words):
        read_description(tmp_path)


def test_undecodable_text(tmp_path):
    (tmp_path / "zoo.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ZooError, match="cannot be read"):
        read_description(tmp_path)


def test_yaml_says_the_same_and_one_of_the_two_is_enough(tmp_path):
    (tmp_path / "zoo.yaml").write_text("name: mine\nfinetuned:\n  Cars: b/c.pt\ndatasets: images\n")
    found = read_description(tmp_path)
    assert found.name == "mine" and found.finetuned == {"cars": tmp_path / "b" / "c.pt"}
    assert found.datasets == tmp_path / "images"
    (tmp_path / "zoo.json").write_text("{}")
    with pytest.raises(ZooError, match=r"must hold one of zoo.json and zoo.yaml; it has both"):
        read_description(tmp_path)
    (tmp_path / "zoo.json").unlink()
    (tmp_path / "zoo.yaml").write_text("name: [")
    with pytest.raises(ZooError, match=r"zoo.yaml must be YAML; line 1"):
        read_description(tmp_path)
    (tmp_path / "zoo.yaml").write_text("base: a.pt")
    with pytest.raises(ZooError, match=r"zoo.yaml takes name, .*; found unknown base"):
        read_description(tmp_path)
