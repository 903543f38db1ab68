"""Predictor: how well pairwise metrics foretell merges, beside rules that know none of them."""

from ui import frame
from ui.predictor.page import predictor

predictor(frame.page("Predictor", "Can metrics of two models foretell how well they merge, before anything is merged?"))
