"""Damaged files of every format open, or are refused in one sentence of ours; nothing else is ever raised."""

import pytest

from tests.checkpoint_mutations import MUTATIONS, foreign_errors


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_no_damage_raises_anything_foreign():
    assert list(foreign_errors(400, seed=7)) == []


def test_the_search_can_find(monkeypatch):
    monkeypatch.setattr("tests.checkpoint_mutations.open_checkpoint", lambda path: {}["no such name"])
    found = list(foreign_errors(len(MUTATIONS)))
    assert len(found) == len(MUTATIONS) and all("KeyError" in text for text in found)
