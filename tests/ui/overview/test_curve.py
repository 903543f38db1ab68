from mloss_core.evaluation.cards import curve_of_card, profile_of_card
from tests.ui.fake_card import fake_manifest
from ui.overview.curve import curve_alt, curve_figure, profile_alt, profile_figure

CURVE, PROFILE = curve_of_card(fake_manifest()), profile_of_card(fake_manifest())


def test_a_line_a_row_with_errors_in_percent():
    fig = curve_figure(CURVE)
    lines = {trace.name: trace for trace in fig.data}
    assert list(lines) == ["Individual", "Ensemble", "Simple Average", "TIES k 0.2", "Zero-shot"]
    ties = lines["TIES k 0.2"]
    assert ties.x[0] == 2 and abs(ties.y[0] - 73) < 1e-9 and abs(ties.error_y.array[0] - 0.5) < 1e-9
    assert ties.text[0] == "TIES k 0.2 of 2 models: 73.0 ± 0.5 % on their 2 tasks"
    assert len({(trace.line.color, trace.marker.symbol) for trace in fig.data}) == 5
    assert "TIES k 0.2 from 73.0 %" in curve_alt(CURVE)


def test_a_bar_a_block_with_its_error():
    fig = profile_figure(PROFILE, 8)
    bars = fig.data[0]
    assert list(bars.x) == [one.block for one in PROFILE] and abs(bars.y[0] - 1) < 1e-9
    assert abs(bars.error_y.array[0] - 0.01) < 1e-9 and "× 10⁻⁶" in fig.layout.title.text
    assert bars.text[0].startswith("Block 0: M-Loss ")
    assert f"block {PROFILE[-1].block}" in profile_alt(PROFILE)
