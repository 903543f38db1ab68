"""The three exhibits of the Theory page: controls on the left, pictures on the right."""

from typing import Any

import streamlit as st

from ui import theme
from ui.theory.controls import distance_controls, node_controls, row_controls
from ui.theory.distance_figures import COMPARED, distance_figure, gap_figure
from ui.theory.layer import layer_of
from ui.theory.layer_figures import nodes_figure, rates_figure, vectors_figure
from ui.theory.node import Distance, Node, angle_curve, distance_curve, law_curve, mloss_of, one_draw, simulated_curve
from ui.theory.node_figures import angle_figure, draw_figure, joint_figure
from ui.theory.words import angle_sentence, distance_sentences, draw_sentence, joint_sentence, row_sentences

_LEFT = [1, 4]


def node_exhibit() -> None:
    """One node: all inputs, one input, and the mean over inputs."""
    left, right = st.columns(_LEFT, gap="medium")
    with left:
        node, draw = node_controls()
    sample, value = one_draw(node, draw), mloss_of(node)
    with right:
        first, second = st.columns([3, 4], gap="medium")
        with first:
            words = joint_sentence(node)
            theme.show(joint_figure(node, sample), key="th_joint", alt=f"Pre-activations of two models. {words}")
            st.caption(words)
        with second:
            words = draw_sentence(sample)
            theme.show(draw_figure(node, sample), key="th_one", alt=f"The activation at one input. {words}")
            st.caption(words)
        words = angle_sentence(node, value)
        law = law_curve(node) if node.follows_law else None
        fig = angle_figure(node, value, _angles(node), simulated_curve(node, draw), law)
        theme.show(fig, key="th_angle", alt=f"M-Loss against the angle between rows. {words.replace('*', '')}")
        st.caption(words)


def distance_exhibit() -> None:
    """Near and distant fine-tunes of one backbone."""
    left, right = st.columns(_LEFT, gap="medium")
    with left:
        models, near, far = distance_controls()
    with right:
        st.markdown(
            "Fine-tuned copies share most of what they compute. Each model's pre-activation is the shared one plus "
            "a small difference of its own, of size ε."
        )
        first, second = st.columns([1.25, 1], gap="medium")
        sentences = distance_sentences(models, near, far)
        with first:
            curves = {name: _distances(models, name) for name in COMPARED}
            theme.show(
                distance_figure(curves, models, near, far),
                key="th_distance",
                alt=f"M-Loss against disagreement. {' '.join(sentences).replace('*', '')}",
            )
        with second:
            words = (
                "ReLU: the gap exists only within ε of the kink. Its square grows like ε² and its reach like ε: "
                "together ε³. GELU: it is everywhere, but the gap itself comes from curvature, like ε²: its square is "
                "ε⁴."
            )
            theme.show(gap_figure(near, far), key="th_gap", alt=f"Squared gap along z. {words}")
        for column, line in zip((first, second), ("\n\n".join(sentences), words), strict=True):
            column.caption(line)


def row_exhibit() -> None:
    """From the M-Loss of a node to the keep rate of its row."""
    left, right = st.columns(_LEFT, gap="medium")
    with left:
        models, activation, keep_rate, span = row_controls()
    layer = layer_of(models, activation, keep_rate, span)
    lines = row_sentences(layer, span)
    with right:
        st.markdown(
            "A node's pre-activation is one row of the weight matrix times the input, so M-Loss gives every row a "
            "score. The more a node conflicts, the fewer of its row's changes are kept."
        )
        first, second, third = st.columns([2, 1.1, 1], gap="small")
        with first:
            words = "Task vectors of the models, with trimmed entries crossed out."
            theme.show(vectors_figure(layer), key="th_vectors", alt=f"{words} {lines[0]}")
        with second:
            theme.show(nodes_figure(layer), key="th_nodes", alt=f"M-Loss of each node before and after. {lines[0]}")
        with third:
            theme.show(rates_figure(layer, keep_rate), key="th_rates", alt=f"Keep rate of each row. {lines[0]}")
        st.caption("Blue raises a weight, orange lowers it, × is trimmed: the smallest changes of a row go first.")
        st.markdown("\n".join(f"- {line}" for line in lines))


@st.cache_data(show_spinner=False, max_entries=256)
def _angle_values(models: int, mean: float, spread: float, activation: str, slope: float) -> Any:
    return angle_curve(Node(models, mean, spread, 0.0, activation, slope))


def _angles(node: Node) -> Any:
    """The curve does not depend on where on it the sliders stand, so a move along it costs nothing."""
    return _angle_values(node.models, node.mean, node.spread, node.activation, node.slope)


@st.cache_data(show_spinner=False, max_entries=32)
def _distances(models: int, activation: str) -> Distance:
    return distance_curve(models, activation)
