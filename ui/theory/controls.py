"""The sliders of the Theory page. Their values live in the address, and the widgets check what comes from there."""

import streamlit as st

from ui import state
from ui.formats import ACTIVATION_WORDS
from ui.theory.node import ACTIVATIONS, Node

PAGE = "th"
TABS = ("One node", "Why nearby fine-tunes merge", "From node to row to keep rate")
TAB = state.key(PAGE, "tab")
DRAW = state.key(PAGE, "draw")
_LAST_DRAW = 999_999


def _words(name: str) -> str:
    return ACTIVATION_WORDS[name]


def node_controls() -> tuple[Node, int]:
    """The node of the first tab, and the number of the random draw."""
    models = st.slider(
        "Number of models",
        2,
        8,
        2,
        key=state.key(PAGE, "models"),
        bind=state.BIND,
        help="Fine-tuned copies of one encoder that would be averaged. Each feeds this node a pre-activation z.",
    )
    activation = st.selectbox(
        "Activation",
        ACTIVATIONS,
        key=state.key(PAGE, "activation"),
        bind=state.BIND,
        format_func=_words,
        help="What the node makes of z. Without its bend the two averages would always agree.",
    )
    slope = 0.01
    if activation == "leaky_relu":
        slope = st.slider(
            "Slope below zero",
            0.0,
            1.0,
            0.1,
            0.05,
            key=state.key(PAGE, "slope"),
            bind=state.BIND,
            help="1 is a straight line: no bend, no M-Loss.",
        )
    correlation = st.slider(
        "Correlation of the models",
        -1.0,
        1.0,
        0.5,
        0.01,
        key=state.key(PAGE, "rho"),
        bind=state.BIND,
        help="How alike the models' pre-activations are. With whitened inputs (mean zero, no correlation, variance "
        "one) it is the cosine of the angle between their weight rows.",
    )
    angle = st.empty()
    mean = st.slider(
        "Mean offset",
        -3.0,
        3.0,
        0.0,
        0.1,
        key=state.key(PAGE, "mean"),
        bind=state.BIND,
        help="Where z lies on average, in every model. The activation bends at 0.",
    )
    spread = st.slider(
        "Spread",
        0.1,
        2.0,
        1.0,
        0.1,
        key=state.key(PAGE, "spread"),
        bind=state.BIND,
        help="Standard deviation of z over inputs, in every model.",
    )
    node = Node(int(models), float(mean), float(spread), float(correlation), activation or "relu", float(slope))
    angle.caption(_angle_words(node))
    draw = draw_number()
    st.button(
        "Draw again",
        icon=":material/casino:",
        key="th_again",
        on_click=_next_draw,
        width="stretch",
        help="New random inputs for the simulation and for the single input.",
    )
    return node, draw


def draw_number() -> int:
    """Number of the random draw that the address carries, 1 at first."""
    return state.read_whole(DRAW, 1, _LAST_DRAW) or 1


def distance_controls() -> tuple[int, float, float]:
    """Number of models, and how far the near and the distant fine-tunes moved."""
    models = st.slider(
        "Number of models",
        2,
        8,
        2,
        key=state.key(PAGE, "copies"),
        bind=state.BIND,
        help="Fine-tuned copies that share one backbone.",
    )
    near = st.slider(
        "Near fine-tune ε",
        0.01,
        0.2,
        0.05,
        0.01,
        key=state.key(PAGE, "near"),
        bind=state.BIND,
        help="What a model adds of its own to the shared pre-activation, as a fraction of the shared part: standard "
        "deviation over inputs.",
    )
    far = st.slider(
        "Distant fine-tune ε",
        0.25,
        2.0,
        0.5,
        0.05,
        key=state.key(PAGE, "far"),
        bind=state.BIND,
        help="The same for models that moved much further from the backbone.",
    )
    return int(models), float(near), float(far)


def row_controls() -> tuple[int, str, float, float]:
    """Number of models, activation, keep rate k and span e."""
    models = st.segmented_control(
        "Number of models",
        (2, 3),
        default=2,
        required=True,
        key=state.key(PAGE, "layers"),
        bind=state.BIND,
        help="Fine-tuned copies of one tiny layer, with six nodes and ten inputs.",
    )
    activation = st.segmented_control(
        "Activation",
        ("relu", "gelu"),
        default="relu",
        required=True,
        format_func=_words,
        key=state.key(PAGE, "row_activation"),
        bind=state.BIND,
        help="What each node makes of its pre-activation.",
    )
    keep = st.slider(
        "Keep rate k",
        0.1,
        1.0,
        0.8,
        0.05,
        key=state.key(PAGE, "k"),
        bind=state.BIND,
        help="Fraction of the changes kept in the least conflicted row.",
    )
    span = st.slider(
        "Span e",
        0.0,
        0.8,
        0.4,
        0.05,
        key=state.key(PAGE, "e"),
        bind=state.BIND,
        help="How far the keep rate falls from the least to the most conflicted row. The papers use about 0.1.",
    )
    return (models if models in (2, 3) else 2), activation or "relu", float(keep), float(span)


def _next_draw() -> None:
    state.write(DRAW, draw_number() % _LAST_DRAW + 1)


def _angle_words(node: Node) -> str:
    if node.shared > node.correlation:
        return f"{node.models} rows cannot lie more than {node.angle:.0f}° apart: correlation −{-node.shared:.2f}."
    return f"Rows {node.angle:.0f}° apart"
