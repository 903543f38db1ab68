import json

import pytest

from mloss_core.errors import ZooError
from mloss_core.zoo.embedded import DEFAULT_ZOO, EMBEDDED, EmbeddedZoo
from ui.zoo import facts as cached


def manifest():
    return {
        "architecture": {"layers": 3, "mlp_width": 16, "width": 4},
        "files": {
            name: {"sha256": name * 2, "bytes": 10}
            for name in ("pretrained.safetensors", "digits.safetensors", "signs.safetensors")
        },
        "tasks": {"digits": {"digest": "a"}, "signs": {"digest": "b"}},
    }


def header(path, tensors):
    text = json.dumps({"__metadata__": {"activation": "gelu"}} | tensors).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


def test_facts_come_from_the_manifest():
    facts = cached.facts_of("demo", manifest(), 1234)
    assert facts.tasks == ("digits", "signs")
    assert (facts.layers, facts.nodes, facts.width, facts.parameters) == (3, 16, 4, 1234)
    assert facts.title == "Demo zoo"
    assert "3 blocks" in facts.backbone


def test_digest_follows_weights_and_datasets():
    first = cached.facts_of("demo", manifest(), 1).digest
    other = manifest()
    other["tasks"]["signs"]["digest"] = "c"
    assert cached.facts_of("demo", other, 1).digest != first
    assert cached.facts_of("demo", manifest(), 2).digest == first


def test_weights_are_counted_from_the_header(tmp_path):
    tensors = {"a": {"shape": [2, 3]}, "b": {"shape": []}}
    assert cached.count_weights(header(tmp_path / "x", tensors)) == 7


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 16])
def test_what_is_no_weight_file_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError):
        cached.count_weights(tmp_path / "x")


def test_zoo_without_a_manifest_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(EMBEDDED, DEFAULT_ZOO, EmbeddedZoo(DEFAULT_ZOO, "Demo zoo", tmp_path))
    with pytest.raises(ZooError, match="the zoo 'demo' cannot be opened"):
        cached.zoo_facts("demo")


def test_rebuilt_zoo_is_read_again(monkeypatch, tmp_path):
    import os

    folder = tmp_path
    header(folder / "pretrained.safetensors", {"a": {"shape": [5]}})
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    monkeypatch.setitem(EMBEDDED, DEFAULT_ZOO, EmbeddedZoo(DEFAULT_ZOO, "Demo zoo", folder))
    assert cached.zoo_facts("demo").layers == 3
    other = manifest()
    other["architecture"]["layers"] = 4
    (folder / "manifest.json").write_text(json.dumps(other))
    os.utime(folder / "manifest.json", ns=(1, 1))
    assert cached.zoo_facts("demo").layers == 4
