"""Heads of the field are read as they are stored; what is no zero-shot head is refused with a reason."""

import pytest
import torch

from mloss_core.data.head_files import read_head, write_head
from mloss_core.errors import CheckpointError
from tests.checkpoint_files import ClassificationHead, save_head, vanishing_module

ROWS = torch.tensor([[3.0, 4.0, 0.0], [0.0, 5.0, 0.0]])
UNIT = torch.tensor([[0.6, 0.8, 0.0], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize("kind", ["module", "state", "tensor", "parameter", "ours"])
def test_every_kind_of_file(kind, tmp_path):
    path = tmp_path / "head_Cars.pt"
    if kind == "module":
        save_head(path, ROWS, "src.models.modeling")
    elif kind == "ours":
        write_head(path, ROWS, {"classes": ["a", "b"]})
    else:
        values = {"state": {"weight": ROWS}, "tensor": ROWS, "parameter": torch.nn.Parameter(ROWS)}
        torch.save(values[kind], path)
    head, notes = read_head(path, 3)
    assert torch.equal(head, ROWS) and head.dtype == torch.float32 and notes == ()


def test_unit_rows_get_the_usual_scale(tmp_path):
    torch.save(UNIT, tmp_path / "h.pt")
    head, notes = read_head(tmp_path / "h.pt", 3)
    torch.testing.assert_close(head, 100 * UNIT)
    assert notes == ("h.pt records no logit scale; OpenAI's 100 is used.",)


def test_classes_as_columns_half_precision_and_a_linear_probe(tmp_path):
    torch.save(ROWS.T.half(), tmp_path / "h.pt")
    head, notes = read_head(tmp_path / "h.pt", 3)
    assert torch.equal(head, ROWS) and notes == ("h.pt is stored with classes as columns; it was transposed.",)
    torch.save(ROWS * torch.tensor([[1.0], [3.0]]), tmp_path / "h.pt")
    assert "rows of different lengths" in read_head(tmp_path / "h.pt", 3)[1][0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"weight": ROWS, "bias": torch.tensor([0.0, 1.0])}, "has a bias"),
        ({"weight": ROWS, "other": ROWS}, r"no classification head: it holds 2 tensors, among them weight.*a model"),
        ({"weight": torch.zeros(3)}, r"must hold a matrix .*found \(3,\)"),
        ({"weight": torch.full((2, 3), float("nan"))}, "not finite"),
        (torch.ones(2, 4), r"must be \(class, 3\).*is \(2, 4\): it belongs to another model"),
        ({"a": 1}, "without tensors"),
    ],
)
def test_what_is_no_head(content, words, tmp_path):
    torch.save(content, tmp_path / "h.pt")
    with pytest.raises(CheckpointError, match=rf"h\.pt.*{words}"):
        read_head(tmp_path / "h.pt", 3)


def test_heads_for_raw_features_are_refused(tmp_path):
    head = ClassificationHead(ROWS)
    head.normalize = False
    with vanishing_module("src.modeling", ClassificationHead):
        torch.save(head, tmp_path / "h.pt")
    with pytest.raises(CheckpointError, match="features that are not normalised"):
        read_head(tmp_path / "h.pt", 3)
