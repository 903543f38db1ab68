"""The zoo's CLIP: open_clip's own model in small, with a vocabulary of the words that the tasks use."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mloss_core.data.heads import build_head
from mloss_core.demo.dataset import MEAN, STD
from mloss_core.demo.tasks import Task, first_tasks
from mloss_core.vision.architecture import Architecture

if TYPE_CHECKING:
    from open_clip.model import CLIP

WIDTH = 64
EMBED_DIM = 64
CONTEXT = 12
VISION: dict[str, Any] = {
    "image_size": 32,
    "patch_size": 8,
    "width": WIDTH,
    "layers": 12,
    "head_width": 32,
    "mlp_ratio": 4.0,
}
TEXT: dict[str, Any] = {"context_length": CONTEXT, "width": 64, "heads": 2, "layers": 2}


class WordTokenizer:
    """Whole words to numbers. The last two numbers open and close a sentence; the closing one is the largest, which is
    where open_clip's text tower reads its result. Zero pads, and stands for words that were never seen.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        words = sorted({word for sentence in sentences for word in _words(sentence)})
        self.ids = {word: number + 1 for number, word in enumerate(words)}
        self.start, self.end = len(words) + 1, len(words) + 2

    @property
    def size(self) -> int:
        """Number of token ids."""
        return self.end + 1

    def __call__(self, sentences: Sequence[str] | str) -> Tensor:
        """Token ids, int64 (sentence, CONTEXT)."""
        listed = [sentences] if isinstance(sentences, str) else list(sentences)
        tokens = torch.zeros(len(listed), CONTEXT, dtype=torch.long)
        for row, sentence in enumerate(listed):
            ids = [self.ids.get(word, 0) for word in _words(sentence)][: CONTEXT - 2]
            tokens[row, : len(ids) + 2] = torch.tensor([self.start, *ids, self.end])
        return tokens


def _words(sentence: str) -> list[str]:
    return re.findall(r"[a-z]+", sentence.lower())


Tasks = Mapping[str, Task]


def demo_tokenizer(tasks: Tasks | None = None) -> WordTokenizer:
    """The tokenizer of every sentence that templates and class names make; of the first eight tasks unless told."""
    chosen = (tasks or first_tasks(8)).values()
    return WordTokenizer([t.format(c) for task in chosen for t in task.templates for c in task.classes])


def build_clip(seed: int = 0, tasks: Tasks | None = None, width: int = WIDTH) -> "CLIP":
    """open_clip's `CLIP`, freshly drawn: a 12-block vision tower with GELU and a two-block text tower."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    torch.manual_seed(seed)
    text = CLIPTextCfg(**TEXT, vocab_size=demo_tokenizer(tasks).size)
    return CLIP(EMBED_DIM, CLIPVisionCfg(**{**VISION, "width": width}), text, quick_gelu=False)


def demo_architecture(width: int = WIDTH) -> Architecture:
    """The vision tower in numbers."""
    return Architecture(
        width=width,
        layers=VISION["layers"],
        heads=width // VISION["head_width"],
        patch=VISION["patch_size"],
        grid=VISION["image_size"] // VISION["patch_size"],
        mlp_width=4 * width,
        embed_dim=EMBED_DIM,
        activation="gelu",
        mean=MEAN,
        std=STD,
    )


def demo_heads(clip: "CLIP", tasks: Tasks | None = None) -> dict[str, Tensor]:
    """The zero-shot head of every task, from the text tower."""
    chosen = tasks or first_tasks(8)
    scale = float(clip.logit_scale.detach().exp())
    tokenize = demo_tokenizer(chosen)
    return {
        name: build_head(clip.encode_text, tokenize, task.classes, task.templates, scale)
        for name, task in chosen.items()
    }
