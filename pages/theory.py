"""Theory: what M-Loss means for one node, why nearby fine-tunes merge, and how a node's M-Loss sets its keep rate."""

from ui import frame
from ui.theory.page import theory

frame.page(
    "Theory", "When does averaging the weights of several models give the same answer as averaging their answers?"
)
theory()
