import pytest

from mloss_core.evaluation.published.tables import (
    ROWS,
    TASKS,
    UNLISTED,
    published_rows,
    reading_notes,
    recorded_average,
)

PRINTED_AVERAGES = {
    (1, "ViT-B/32", "Simple Average"): 65.902,
    (1, "ViT-B/32", "Task Arithmetic"): 70.606,
    (1, "ViT-B/32", "DARE"): 71.642,
    (1, "ViT-B/32", "TIES"): 72.417,
    (1, "ViT-B/32", "M-TIES"): 73.232,
    (1, "ViT-B/32", "Ensemble (features)"): 78.559,
    (1, "ViT-L/14", "Simple Average"): 79.459,
    (1, "ViT-L/14", "Task Arithmetic"): 83.619,
    (1, "ViT-L/14", "DARE"): 85.041,
    (1, "ViT-L/14", "TIES"): 84.939,
    (1, "ViT-L/14", "M-TIES"): 85.278,
    (1, "ViT-L/14", "Ensemble (features)"): 85.565,
}


@pytest.mark.parametrize("key", PRINTED_AVERAGES)
def test_averages_are_the_printed_ones(key):
    table, backbone, method = key
    (row,) = (row for row in published_rows(table, backbone) if row.method == method)
    assert 100 * row.average == pytest.approx(PRINTED_AVERAGES[key])


def test_tables_2_and_3_repeat_the_all_blocks_row_and_add_two():
    assert [(row.blocks, round(100 * row.average, 2)) for row in published_rows(2)] == [
        ("all", 73.23),
        ("0, 8, 9, 10", 73.22),
        ("8, 9, 10", 73.22),
    ]
    assert [(row.blocks, round(100 * row.average, 2)) for row in published_rows(3)] == [
        ("all", 85.28),
        ("0, 20, 21, 22", 85.26),
        ("20, 21, 22", 85.26),
    ]


def test_variances_are_those_of_the_page_in_percent_squared():
    variances = {row.method: 1e4 * row.variance for row in published_rows(1, "ViT-B/32")}
    printed = {"M-TIES": 172.22, "TIES": 203.27, "DARE": 197.61, "Task Arithmetic": 158.58, "Simple Average": 122.24}
    assert {method: variances[method] for method in printed} == pytest.approx(printed, abs=0.02)


def test_values_are_fractions_on_the_eight_datasets():
    for row in (*ROWS, *UNLISTED):
        assert tuple(row.accuracy) == TASKS
        assert 0 < row.worst <= row.average < 1
        assert sum(row.accuracy.values()) / 8 == pytest.approx(row.average, abs=5.1e-5)


def test_runs_off_the_page_are_not_in_its_tables():
    assert all(row.table is None for row in UNLISTED)
    assert not any(row in published_rows() for row in UNLISTED)


def test_notes_quote_the_recorded_numbers():
    text = " ".join(sentences for _, sentences in reading_notes())
    for quoted in (
        "85.90 %",
        "85.28 %",
        "85.56 %",
        "73.09 %",
        "73.23 %",
        "72.75 % against 72.42 %",
        "71.27 % against 71.02 %",
        "72.21 % against 72.64 %",
    ):
        assert quoted in text


def test_an_unrecorded_run_is_an_error():
    assert recorded_average("ViT-B/32", "TIES", "k 0.6, global") == pytest.approx(0.72644)
    with pytest.raises(LookupError, match="no recorded run of TIES with k 9"):
        recorded_average("ViT-B/32", "TIES", "k 9")
