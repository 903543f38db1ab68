import torch

from mloss_core.checkpoints import read_safetensors
from mloss_core.demo import WEIGHTS
from mloss_core.demo.clip import CONTEXT, build_clip, demo_architecture, demo_heads, demo_tokenizer
from mloss_core.demo.tasks import TASKS
from mloss_core.vision.architecture import infer_architecture
from mloss_core.vision.towers import build_tower


def test_words_become_numbers():
    tokenize = demo_tokenizer()
    first, second = tokenize(["a Circle", "a zeppelin"])
    assert len(first) == CONTEXT and first[0] == tokenize.start
    assert first[1] == second[1] == tokenize.ids["a"] and first[2] == tokenize.ids["circle"]
    assert second[2] == 0, "a word never seen is 0"
    assert first.argmax() == 3 and first[3] == tokenize.end, "open_clip reads the text where the number is largest"
    assert torch.equal(tokenize("a circle")[0], first)


def test_no_sentence_is_cut():
    tokenize = demo_tokenizer(TASKS)
    for task in TASKS.values():
        for template in task.templates:
            tokens = tokenize([template.format(name) for name in task.classes])
            assert (tokens == tokenize.end).any(1).all(), template
            assert (tokens[:, 1] != 0).all()
            assert len(torch.unique(tokens, dim=0)) == len(task.classes), "class names must differ in words"


def test_the_vision_tower_has_canonical_names_and_runs_alone():
    clip = build_clip(1).eval()
    state = clip.visual.state_dict()
    found = infer_architecture(
        state, heads=2, activation="gelu", mean=demo_architecture().mean, std=demo_architecture().std
    )
    assert found == demo_architecture()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(build_tower(found, state)(images), clip.encode_image(images))


def test_shipped_heads_are_those_of_the_shipped_text_tower():
    clip = build_clip(7)
    with (
        read_safetensors(WEIGHTS / "text.safetensors") as text,
        read_safetensors(WEIGHTS / "heads.safetensors") as kept,
    ):
        missing, unexpected = clip.load_state_dict({key: text[key].float() for key in text}, strict=False)
        assert not unexpected and all(key.startswith("visual.") for key in missing)
        for task, head in demo_heads(clip.eval()).items():
            torch.testing.assert_close(head, kept[task], rtol=1e-4, atol=1e-4)
