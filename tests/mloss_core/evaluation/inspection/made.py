"""Inspections made by hand."""

import numpy as np

from mloss_core.evaluation.inspection.answers import Answers, Inspection


def answers(predicted, margin=None, confidence=None, model="A"):
    """Answers of one model, from a text of digits."""
    found = np.array([int(letter) for letter in predicted], np.int32)
    return Answers(
        key=model.lower(),
        model=model,
        kind="merged",
        predicted=found,
        margin=np.asarray(margin if margin is not None else np.ones(len(found)), np.float32),
        confidence=np.asarray(confidence if confidence is not None else np.full(len(found), 0.9), np.float32),
    )


def inspection(truth, a, b, *, margins=(None, None), classes=3, files=()):
    """Two models' answers to the same images, from texts of digits; a truth of None has no labels."""
    return Inspection(
        task="digits",
        split="test",
        classes=tuple(f"c{number}" for number in range(classes)),
        a=answers(a, margins[0]),
        b=answers(b, margins[1], model="B"),
        truth=None if truth is None else np.array([int(letter) for letter in truth], np.int32),
        index=np.arange(10, 10 + len(a), dtype=np.int32),
        files=files,
        digest="d" * 64,
    )
