"""The picture of docs/label_free.md from what was measured: `python -m docs.draw_label_free`."""

import io
from pathlib import Path

import plotly.graph_objects as go
from PIL import Image
from playwright.sync_api import sync_playwright
from plotly.subplots import make_subplots

from mloss_core.evaluation.criteria.measured import ZOOS, image_counts, measured, summary_of
from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE
from tests.browser.finding import ARGUMENTS, find_browser

OUT = Path(__file__).parent / "images" / "label_free.png"
WIDTH, ROW = 1280, 250


def figure() -> go.Figure:
    """One row a zoo, one column a criterion: every recipe, with the criterion's choice and the best marked."""
    zoos = measured()
    titles = [_title(record, name) for record in zoos.values() for name in LABEL_FREE]
    fig = make_subplots(len(zoos), len(LABEL_FREE), subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.02)
    for row, (zoo, record) in enumerate(zoos.items(), 1):
        recipes = record["recipes"]
        y = [100 * recipe["accuracy"] for recipe in recipes]
        for column, name in enumerate(LABEL_FREE, 1):
            x = [recipe["values"]["train"][name] for recipe in recipes]
            first, best = x.index(max(x)), y.index(max(y))
            for places, marker in (
                (range(len(x)), {"color": "#2171b5", "size": 6, "opacity": 0.7}),
                ([first], {"color": "#d95f02", "size": 13, "symbol": "diamond-open", "line": {"width": 2}}),
                ([best], {"color": "#222222", "size": 13, "symbol": "circle-open", "line": {"width": 2}}),
            ):
                points = [x[place] for place in places], [y[place] for place in places]
                fig.add_scatter(x=points[0], y=points[1], mode="markers", marker=marker, row=row, col=column)
        fig.update_yaxes(title_text=f"{ZOOS[zoo]}<br>validation accuracy, %", title_font_size=12, row=row, col=1)
    for place, name in enumerate(LABEL_FREE, 1):
        unit = {"fraction": " (fraction)", "nats": " (nats)"}.get(CRITERIA[name].unit, "")
        fig.update_xaxes(title_text=f"{CRITERIA[name].short}{unit}", title_font_size=12, row=len(zoos), col=place)
    fig.update_annotations(font_size=12)
    fig.update_layout(
        template="plotly_white",
        showlegend=False,
        width=WIDTH,
        height=60 + ROW * len(zoos),
        margin={"l": 80, "r": 10, "t": 30, "b": 50},
        font={"family": "Source Sans Pro, Helvetica, Arial, sans-serif"},
    )
    return fig


def _title(record: dict, name: str) -> str:
    found = summary_of(record, "train", image_counts(record)[-1])[name]
    return f"Spearman {found['spearman']:.2f}, {100 * found['lost']:.1f} points lost".replace("-", "−")


def main() -> None:
    """Draw it in headless Chromium."""
    fig = figure()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": int(fig.layout.height)})
        page.set_content(fig.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.locator(".main-svg").first.wait_for()
        picture = page.locator(".plot-container").screenshot()
        browser.close()
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    image.save(OUT, "PNG", optimize=True)
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
