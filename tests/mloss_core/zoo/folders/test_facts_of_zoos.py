"""What configurations record is taken, what they contradict is an error, and zoo.json settles it."""

import json

import pytest

from mloss_core import open_zoo
from mloss_core.data.head_files import read_head
from mloss_core.errors import ZooError
from mloss_core.zoo.model import Zoo
from tests.checkpoint_files import save_head, visual
from tests.zoo_files import describe, flat, head, hugging_face, named, save_state, towers
from tests.zoos import NoiseDataset

OPENAI = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def _configured(folder, file, *values):
    """The repositories of a hub with one configuration each, the base's first."""
    places = sorted(hugging_face(folder).iterdir())
    for number, place in enumerate(places):
        value = values[min(number, len(values) - 1)]
        (place / file).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return folder


@pytest.mark.parametrize(
    ("model", "activation"),
    [
        ({}, "gelu"),
        ({"quick_gelu": True}, "quick_gelu"),
        ({"vision_cfg": {"act_kwargs": {"approximate": "tanh"}}}, "gelu_tanh"),
    ],
)
def test_open_clips_own_configuration(model, activation, tmp_path):
    folder = tmp_path / "ViT-B-32-laion2b_s34b_b79k"
    base, models = towers(2)
    vision = {"width": 16, "layers": 2, "head_width": 8, "norm_kwargs": {"eps": 1e-6}, **model.get("vision_cfg", {})}
    config = {
        "model_cfg": {"embed_dim": 8, **model, "vision_cfg": vision},
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }
    for name, tower in zip(("zeroshot.pt", "cars.pt", "dtd.pt"), (base, *models), strict=True):
        save_state(folder / name, tower, "visual.")
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    zoo = open_zoo(folder, device="cpu")
    shape = zoo.architecture
    assert (shape.activation, shape.heads, shape.layer_norm_eps) == (activation, 2, 1e-6)
    assert shape.mean == (0.5, 0.5, 0.5) and shape.std == (0.25, 0.25, 0.25)
    assert not any("not recorded" in note for note in zoo.notes)


@pytest.mark.parametrize(
    ("recorded", "activation"),
    [("gelu_new", "gelu_tanh"), ("gelu_fast", "gelu_tanh"), ("gelu_python", "gelu"), ("leaky_relu", "leaky_relu")],
)
def test_other_names_of_activations(recorded, activation, tmp_path):
    zoo = open_zoo(_configured(tmp_path, "config.json", {"hidden_act": recorded}), device="cpu")
    assert zoo.architecture.activation == activation


def test_an_activation_that_cannot_be_run_is_an_error_until_it_is_settled(tmp_path):
    folder = _configured(tmp_path, "config.json", {"hidden_act": "silu"})
    with pytest.raises(ZooError, match=r"the activation must be one of gelu, .*; 'silu' is recorded in .*openai"):
        open_zoo(folder, device="cpu")
    zoo = open_zoo(describe(folder, activation="quick_gelu"), device="cpu")
    assert zoo.architecture.activation == "quick_gelu"
    assert any("Activation quick_gelu, from zoo.json; it overrules silu" in note for note in zoo.notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_no_part_of_a_configuration(encoding, tmp_path):
    text = json.dumps({"hidden_act": "gelu", "num_attention_heads": 2})
    zoo = open_zoo(_configured(tmp_path, "config.json", text.encode(encoding)), device="cpu")
    assert (zoo.architecture.activation, zoo.architecture.heads) == ("gelu", 2)


def test_a_configuration_that_cannot_be_read_is_named(tmp_path):
    zoo = open_zoo(_configured(tmp_path, "config.json", b'{"hidden_act": "gelu"'), device="cpu")
    assert any("model.safetensors: config.json beside it is no JSON object and was not read." in n for n in zoo.notes)


def test_normalisations_that_differ_are_an_error_that_zoo_json_settles(tmp_path):
    folder = _configured(tmp_path, "preprocessor_config.json", OPENAI, HALF)
    with pytest.raises(ZooError) as caught:
        open_zoo(folder, device="cpu")
    text = str(caught.value)
    assert "the files disagree about the mean of the pixels: 0.481455/0.457827/0.408211 in openai" in text
    assert "the deviation of the pixels" in text and "Say it in zoo.json (std)." in text
    zoo = open_zoo(describe(folder, mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]), device="cpu")
    assert zoo.architecture.mean == zoo.architecture.std == (0.5, 0.5, 0.5)
    assert any("Mean 0.5/0.5/0.5, from zoo.json; it overrules 0.481455" in note for note in zoo.notes)


def test_rounded_normalisations_are_the_same(tmp_path):
    rounded = {"image_mean": [0.4815, 0.4578, 0.4082], "image_std": [0.2686, 0.2613, 0.2758]}
    zoo = open_zoo(_configured(tmp_path, "preprocessor_config.json", OPENAI, rounded), device="cpu")
    assert zoo.architecture.mean == tuple(OPENAI["image_mean"])


def test_heads_and_epsilon_from_zoo_json(tmp_path):
    shape = open_zoo(describe(flat(tmp_path), attention_heads=4, layer_norm_eps=1e-6), device="cpu").architecture
    assert (shape.heads, shape.layer_norm_eps) == (4, 1e-6)
    with pytest.raises(ZooError, match="3 attention heads are recorded, which do not divide the width 16"):
        open_zoo(describe(tmp_path, attention_heads=3), device="cpu")


def test_models_far_from_their_base_need_a_word(tmp_path):
    flat(tmp_path)
    save_state(tmp_path / "Cars.pth", visual(9), "")
    with pytest.raises(ZooError, match="differs from the base"):
        open_zoo(tmp_path, device="cpu")
    zoo = open_zoo(describe(tmp_path, far_from_base=True), device="cpu")
    assert any(note.startswith("Cars.pth differs from the base by") for note in zoo.notes)


def test_several_fine_tunes_of_one_dataset_share_its_head(tmp_path):
    folder = named(tmp_path)
    files = {"cars_a": "w/1.pt", "cars_b": "w/2.pt", "dtd": "w/3.pt"}
    save_head(folder / "head_Cars.pt", head("cars"))
    fields = {"pretrained": "w/0.pt", "finetuned": files, "activation": "gelu"}
    zoo: Zoo = open_zoo(describe(folder, **fields, dataset_of={"cars_a": "Cars", "cars_b": "cars"}), device="cpu")
    assert set(zoo.heads) == {"cars_a", "cars_b"} and not any("without a model" in note for note in zoo.notes)
    assert (zoo.heads["cars_b"] == read_head(folder / "head_Cars.pt", 8)[0]).all()
    with pytest.raises(ZooError, match=r"dataset_of in zoo\.json must name models of the zoo; it has boats"):
        open_zoo(describe(folder, **fields, dataset_of={"boats": "cars"}), device="cpu")


def test_several_fine_tunes_of_one_dataset_share_its_images(tmp_path, monkeypatch):
    asked = []

    def datasets(tasks, named_folder, architecture):
        asked.append(tasks)
        sizes = {"train": 4, "val": 2, "test": 2}
        return {name: NoiseDataset(name, 3, 16, sizes, 0) for name in tasks if name == "cars"}, (), "nowhere"

    monkeypatch.setattr("mloss_core.zoo.folders.opening.datasets_of", datasets)
    folder = named(tmp_path)
    files = {"cars_a": "w/1.pt", "cars_b": "w/2.pt", "dtd": "w/3.pt"}
    fields = {"pretrained": "w/0.pt", "finetuned": files, "dataset_of": {"cars_a": "cars", "cars_b": "cars"}}
    zoo = open_zoo(describe(folder, **fields), device="cpu")
    assert asked == [("cars", "dtd")] and set(zoo.datasets) == {"cars_a", "cars_b"}


@pytest.mark.parametrize("tasks", [("cars", "cars"), ("dtd", "cars", "dtd")])
def test_a_task_named_twice_is_refused(tasks, tmp_path):
    zoo = open_zoo(flat(tmp_path), device="cpu")
    with pytest.raises(ZooError, match=f"each task must be chosen once; found {tasks[0]} more than once"):
        zoo.check_tasks(tasks)
