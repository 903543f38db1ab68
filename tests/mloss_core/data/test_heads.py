import pytest
import torch

from mloss_core.data.heads import build_head
from mloss_core.errors import DatasetError

BAD_TEMPLATES = [
    "a photo",
    "{} and {}",
    "a {photo} of {}",
    "{1}",
    "a } of {}",
    "{{}}",
    "{0} {}",
    "{}{",
    "{!r}",
    "{:>9}",
]


def _tokenize(sentences: list[str]) -> torch.Tensor:
    return torch.tensor([[len(sentence), sentence.count("a")] for sentence in sentences])


def test_rows_are_scaled_unit_means_over_templates():
    """Two templates of class "a" have tokens (1, 1) and (2, 1): unit vectors, their mean, its unit, times 10."""
    head = build_head(lambda tokens: tokens.float(), _tokenize, ["a", "bbb"], ["{}", "{}."], 10)
    first = torch.nn.functional.normalize(torch.tensor([[1.0, 1.0], [2.0, 1.0]]), dim=-1).mean(0)
    torch.testing.assert_close(head[0], 10 * first / first.norm())
    torch.testing.assert_close(head[1], torch.tensor([10.0, 0.0]))


def test_one_class_is_one_row():
    assert build_head(lambda tokens: tokens.float(), _tokenize, ["a"], ["{}"], 1).shape == (1, 2)


@pytest.mark.parametrize(
    ("classes", "templates", "words"),
    [
        ([], ["{}"], "found 0 and 1"),
        (["a"], [], "found 1 and 0"),
        *((["a"], ["{}", bad], "exactly one {}.* found '") for bad in BAD_TEMPLATES),
    ],
)
def test_bad_input(classes, templates, words):
    with pytest.raises(DatasetError, match=words):
        build_head(lambda tokens: tokens.float(), _tokenize, classes, templates, 1)


def test_class_names_may_hold_braces():
    said = []
    build_head(
        lambda tokens: tokens.float(), lambda words: said.extend(words) or _tokenize(words), ["{0}"], ["a {}."], 1
    )
    assert said == ["a {0}."]
