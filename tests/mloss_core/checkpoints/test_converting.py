"""Conversion happens once, gives the same weights from every container, and leaves nothing behind when it fails."""

from pathlib import Path

import pytest
import torch

from mloss_core.checkpoints.converting import convert
from mloss_core.errors import CacheError, CheckpointError
from tests.checkpoint_files import save_module, visual


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_converts_to_canonical_float32_with_facts(kind: str, tmp_path: Path) -> None:
    save_module(tmp_path / "finetuned.pt", visual().half(), kind)
    converted = convert(tmp_path / "finetuned.pt", folder=tmp_path / "cache")
    with converted.open() as weights:
        for key, value in visual().state_dict().items():
            assert weights[key].dtype == torch.float32
            assert torch.equal(weights[key], value.half().float())
    assert converted.facts["activation"] == "quick_gelu" and converted.facts["source"] == "finetuned.pt"
    assert set(converted.facts["left_out"]) >= {"model.token_embedding.weight", "model.logit_scale"}


def test_the_second_call_finds_the_first_result(tmp_path: Path) -> None:
    save_module(tmp_path / "a.pt", visual(), "zip")
    first = convert(tmp_path / "a.pt", folder=tmp_path / "cache")
    stamp, calls = first.path.stat().st_mtime_ns, []
    (tmp_path / "a.pt").rename(tmp_path / "renamed.pt")
    second = convert(tmp_path / "renamed.pt", folder=tmp_path / "cache", progress=lambda *report: calls.append(report))
    assert second.path == first.path and second.path.stat().st_mtime_ns == stamp and not calls


def test_progress_reaches_one(tmp_path: Path) -> None:
    save_module(tmp_path / "a.pt", visual(), "zip")
    calls: list[float] = []
    convert(tmp_path / "a.pt", folder=tmp_path / "cache", progress=lambda share, _="": calls.append(share))
    assert calls == sorted(calls) and calls[-1] == 1


def test_failures_leave_nothing_behind(tmp_path: Path) -> None:
    state = {f"visual.{key}": value for key, value in visual().state_dict().items()}
    torch.save({**state, "visual.proj": torch.zeros(16, 8, dtype=torch.int64)}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match=r"odd\.pt: proj is int64"):
        convert(tmp_path / "odd.pt", folder=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.safetensors"))
    (tmp_path / "file").write_text("")
    save_module(tmp_path / "a.pt", visual(), "zip")
    with pytest.raises(CacheError, match="cannot write"):
        convert(tmp_path / "a.pt", folder=tmp_path / "file")
