import numpy as np

from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
from tests.ui.inspect.test_choices import CHOICE, MERGE
from ui.inspect.blocks import cka_figure, cka_sentence, gap_figure, gap_sentence


def similarity(models):
    return BlockSimilarity(
        models=tuple(models),
        blocks=(0, 1, 2),
        cka=np.array([[0.9, 0.8, 0.7]] * len(models)).reshape(len(models), 3),
        cka_error=np.full((len(models), 3), 0.01),
        gap=np.array([[1e-4, 2e-4, 9e-4]] * len(models)).reshape(len(models), 3),
        gap_error=np.full((len(models), 3), 1e-5),
        images=64,
    )


ZERO_SHOT = {"key": "zero_shot", "model": "Zero-shot", "kind": "zero_shot"}
MERGED = {"key": MERGE.key, "model": "TIES k 0.2", "kind": "merged"}


def test_a_line_a_model_with_its_errors():
    fig = cka_figure(similarity([ZERO_SHOT, MERGED]), CHOICE)
    assert [trace.name for trace in fig.data] == ["Zero-shot", "TIES"]
    assert fig.data[1].line.dash == "solid" and list(fig.data[1].error_y.array) == [0.01] * 3


def test_the_sentence():
    assert cka_sentence(similarity([MERGED]), CHOICE) == (
        "Similarity to the expert: TIES from 0.90 in block 0 to 0.70 in block 2."
    )
    assert "no model with blocks of its own" in cka_sentence(similarity([]), CHOICE)
    assert not cka_figure(similarity([]), CHOICE).data
    same = similarity([MERGED])
    same.cka[0, 0] = np.nan
    assert "undefined in blocks that all images enter alike" in cka_sentence(same, CHOICE)


def test_gaps_stand_at_their_exponent():
    fig = gap_figure(similarity([MERGED]), CHOICE)
    assert fig.layout.yaxis.title.text == "Mean square, × 10⁻⁶"
    assert np.allclose(fig.data[0].y, [100, 200, 900])
    assert gap_sentence(similarity([MERGED]), CHOICE) == "Largest expert gap: TIES 900 × 10⁻⁶ in block 2."
    assert gap_sentence(similarity([]), CHOICE) == "" and not gap_figure(similarity([]), CHOICE).data
