"""What each criterion computes on the images of one task: a value for every image."""

import dataclasses

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """What models say on the images of one task, each under that task's head. What nobody asked for is None.

    Args:
        features: of the judged model, (image, embed_dim), of any length.
        logits: its logits, (image, class).
        own_logits: of the task's own fine-tuned encoder, (image, class); own_features likewise (image, embed_dim).
        ensemble_logits: mean of all fine-tuned encoders' logits, (image, class).
        labels: class index of each image, (image,).
    """

    features: Tensor
    logits: Tensor | None = None
    own_logits: Tensor | None = None
    own_features: Tensor | None = None
    ensemble_logits: Tensor | None = None
    labels: Tensor | None = None


def accuracy(answers: Answers) -> Tensor:
    """1 where the top class is the label's, else 0."""
    return _given(answers.logits).argmax(1).eq(_given(answers.labels)).double()


def expert_agreement(answers: Answers) -> Tensor:
    """1 where the top class is the own expert's, else 0."""
    return _same_top(_given(answers.logits), _given(answers.own_logits))


def ensemble_agreement(answers: Answers) -> Tensor:
    """1 where the top class is the Ensemble's, else 0."""
    return _same_top(_given(answers.logits), _given(answers.ensemble_logits))


def expert_kl(answers: Answers) -> Tensor:
    """-KL(softmax(own) || softmax(model)) in nats, at most 0."""
    target = torch.log_softmax(_given(answers.own_logits).double(), 1)
    found = torch.log_softmax(_given(answers.logits).double(), 1)
    return -(target.exp() * (target - found)).sum(1).clamp_min(0.0)


def feature_cosine(answers: Answers) -> Tensor:
    """Cosine of the model's features to the own expert's, in [-1, 1]; 0 for a feature of length 0."""
    return torch.nn.functional.cosine_similarity(
        answers.features.double(), _given(answers.own_features).double(), dim=1, eps=1e-12
    )


def confidence(answers: Answers) -> Tensor:
    """Minus the entropy of softmax(model) in nats, from -log(classes) to 0."""
    logs = torch.log_softmax(_given(answers.logits).double(), 1)
    return (logs.exp() * logs).sum(1).clamp_max(0.0)


def _same_top(a: Tensor, b: Tensor) -> Tensor:
    return a.argmax(1).eq(b.argmax(1)).double()


def _given(part: Tensor | None) -> Tensor:
    if part is None:
        raise ValueError("the answers must hold what the criterion needs; see `Criterion.needs`.")
    return part
