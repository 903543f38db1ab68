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
        ('{"attention_heads": 0}', "attention_heads must be a whole number from 1 to 1000; found 0"),
        ('{"attention_heads": true}', "attention_heads must be a whole number"),
        ('{"layer_norm_eps": 1}', "layer_norm_eps must be a number between 0 and 1; found 1"),
        ('{"mean": [0.5, 0.5]}', "mean must be three numbers, one a colour"),
        ('{"std": [0.5, 0.5, 0]}', "std must be three numbers"),
        ('{"mean": [1e999, 0, 0]}', "mean must be three numbers"),
        ('{"text_may_differ": 1}', "text_may_differ must be true or false; found 1"),
        ('{"far_from_base": "yes"}', "far_from_base must be true or false"),
        ('{"dataset_of": {"a": 1}}', "dataset_of must name a dataset for models"),
    ],
)
def test_what_is_refused(text, words, tmp_path):
    (tmp_path / "zoo.json").write_text(text)
    with pytest.raises(ZooError, match=words):
        read_description(tmp_path)


def test_facts_and_permissions_and_a_byte_order_mark(tmp_path):
    fields = {
        "attention_heads": 12,
        "layer_norm_eps": 1e-6,
        "mean": [0, 0.5, 0.5],
        "std": [1, 0.5, 0.5],
        "text_may_differ": True,
        "dataset_of": {"Cars_2": "Cars"},
    }
    (tmp_path / "zoo.json").write_text(json.dumps(fields), encoding="utf-8-sig")
    found = read_description(tmp_path)
    assert found.facts == {"heads": 12, "layer_norm_eps": 1e-6, "mean": (0.0, 0.5, 0.5), "std": (1.0, 0.5, 0.5)}
    assert (found.text_may_differ, found.far_from_base, found.dataset_of) == (True, False, {"cars_2": "cars"})


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
