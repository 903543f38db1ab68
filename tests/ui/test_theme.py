import plotly.graph_objects as go

from ui import theme


def test_colours_are_the_markers_that_streamlit_exchanges():
    names = [*theme.CATEGORY, theme.INK, theme.MUTED, theme.GROUND, theme.FAINT]
    names += [colour for _, colour in theme.SEQUENTIAL + theme.DIVERGING]
    assert all(name.startswith("#0000") for name in names)
    assert len(set(names)) == len(names)
    assert len(theme.SEQUENTIAL) == len(theme.DIVERGING) == 10


def test_figure_has_titles_and_a_clear_ground():
    fig = theme.figure("What it shows", x="Share, %", y="Block", subtitle="more", height=200)
    assert fig.layout.title.text == "What it shows"
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("Share, %", "Block")
    assert fig.layout.title.subtitle.text == "more"
    assert fig.layout.height == 200
    assert fig.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_fade_pales_a_copy_and_keeps_invisible_layers_so():
    fig = go.Figure([go.Bar(x=[1], y=[1]), theme.click_layer([1], [1], ["a"], ["0:1"])])
    pale = theme.fade(fig)
    assert 0 < pale.data[0].opacity < 0.5
    assert pale.data[1].opacity == 0
    assert fig.data[0].opacity is None


def test_click_layer_hands_back_what_was_clicked():
    layer = theme.click_layer([0.5, 1.5], [0, 0], ["first", "second"], ["0:3", "0:9"])
    assert [list(item) for item in layer.customdata] == [["0:3"], ["0:9"]]
    assert layer.opacity == 0
    event = {"selection": {"points": [{"customdata": ["0:9"]}]}}
    assert theme.selected_id(event) == "0:9"


def test_selected_id_of_nothing_or_nonsense_is_none():
    for event in (None, {}, {"selection": {"points": []}}, {"selection": {"points": [{}]}}, "no event"):
        assert theme.selected_id(event) is None


def test_colours_by_place_and_role():
    assert theme.task_colour(0) == theme.task_colour(9) == theme.ACCENT
    assert theme.role_colour("ensemble") == theme.ROLES["ensemble"]
    assert theme.role_colour("per_task") == theme.CATEGORY[4]


def test_foreign_tags_in_figures_are_text():
    import numpy as np

    from ui import theme

    link = "<a href='http://h'>x</a>"
    fig = theme.figure(f"{link} <b>bold</b>", x=link)
    fig.add_scatter(x=[link, "b"], y=[1, 2], name=link, text=np.array([link, "x<br>y"], dtype=object))
    fig.add_heatmap(z=np.ones((2, 2)), hovertemplate=f"{link}<extra></extra>")
    shown = theme.without_markup(fig)
    assert "<a" not in shown.to_json().replace("\\u003c", "<")
    assert shown.layout.title.text.endswith("<b>bold</b>") and shown.data[0].text[1] == "x<br>y"
    assert shown.data[1].hovertemplate.endswith("<extra></extra>")
    plain = theme.figure("a")
    assert theme.without_markup(plain) is plain
