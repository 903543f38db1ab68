import pytest
import torch

from mloss_core.demo.clip import build_clip, demo_heads, demo_tokenizer
from mloss_core.errors import InvalidOptionError
from mloss_core.training.loops import (
    CaptionedImages,
    TrainingOptions,
    _sentence_loss,
    finetune,
    jitter,
    learning_rate,
    pretrain,
)
from mloss_core.vision.towers import build_tower
from tests.zoos import tiny_zoo

QUICK = TrainingOptions(steps=30, batch=16, learning_rate=3e-3, warmup=5, weight_decay=0.0)


def _task():
    """Eight colours to tell apart."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 4
    images = 0.1 * torch.randn(64, 3, 16, 16, generator=draw)
    images[:, 0] += labels.float()[:, None, None] - 1.5
    return images, labels


def test_finetuning_learns_with_the_head_frozen():
    zoo = tiny_zoo(1)
    images, labels = _task()
    head = 10 * torch.nn.functional.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(1)), dim=-1)
    before = head.clone()
    tower = build_tower(zoo.architecture, zoo.pretrained.weights, trainable=True)
    losses = finetune(tower, head, images, labels, QUICK, seed=3)
    assert len(losses) == 30 and sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert torch.equal(head, before) and not tower.training
    with torch.no_grad():
        answers = (torch.nn.functional.normalize(tower(images), dim=-1) @ head.T).argmax(-1)
    assert (answers == labels).float().mean() > 0.9


def test_the_same_seed_gives_the_same_weights():
    zoo, (images, labels) = tiny_zoo(1), _task()
    towers = [build_tower(zoo.architecture, zoo.pretrained.weights, trainable=True) for _ in range(3)]
    short = TrainingOptions(**{**vars(QUICK), "steps": 4})
    for tower, seed in zip(towers, (1, 1, 2), strict=True):
        finetune(tower, torch.eye(8)[:4], images, labels, short, augment=jitter, seed=seed)
    a, b, c = (tower.conv1.weight for tower in towers)
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert not torch.equal(a, zoo.pretrained.weights["conv1.weight"]), "the zoo's own weights must stay"


def test_sgd_and_divergence():
    zoo, (images, labels) = tiny_zoo(1), _task()
    tower = build_tower(zoo.architecture, zoo.pretrained.weights, trainable=True)
    sgd = TrainingOptions(steps=3, batch=8, learning_rate=1e-2, warmup=0, optimizer="sgd")
    assert len(finetune(tower, torch.eye(8)[:4], images, labels, sgd)) == 3
    with pytest.raises(InvalidOptionError, match="diverged at update"):
        finetune(tower, torch.full((4, 8), float("nan")), images, labels, sgd)
    with pytest.raises(InvalidOptionError, match="optimizer must be one of adamw, sgd"):
        TrainingOptions(optimizer="lion")


def test_schedule_by_hand():
    options = TrainingOptions(steps=110, warmup=10, learning_rate=1.0)
    assert learning_rate(0, options) == pytest.approx(0.1)
    assert learning_rate(10, options) == pytest.approx(1.0)
    assert learning_rate(60, options) == pytest.approx(0.5)
    assert learning_rate(110, options) == pytest.approx(0.0)


def test_sentences_share_their_positives():
    """One sentence true of two of three images: the best it can do is log 2."""
    targets = torch.tensor([0, 0, 1])
    even = torch.tensor([[50.0, 50.0, -50.0], [-50.0, -50.0, 50.0]])
    assert _sentence_loss(even, targets).item() == pytest.approx(0.5 * torch.log(torch.tensor(2.0)).item(), abs=1e-4)
    wrong = -even
    assert _sentence_loss(wrong, targets) > 10


def test_pretraining_learns_from_sentences():
    torch.manual_seed(0)
    clip, tokenize = build_clip(), demo_tokenizer()
    images = torch.zeros(40, 3, 32, 32)
    labels = torch.arange(40) % 2
    images[labels == 1] = 1.0
    images += 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    captions = torch.stack(
        [tokenize(["a circle", "the shape of a circle"]), tokenize(["a square", "the shape of a square"])]
    )
    options = TrainingOptions(steps=25, batch=16, learning_rate=2e-3, warmup=5, weight_decay=0.0, clip=5.0)
    losses = pretrain(clip, {"shapes": CaptionedImages(images, labels, captions)}, options)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    heads = demo_heads(clip)
    assert heads["shapes"].shape == (8, 64)
    torch.testing.assert_close(heads["shapes"].norm(dim=-1), clip.logit_scale.exp().expand(8).detach())
