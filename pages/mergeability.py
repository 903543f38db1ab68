"""Mergeability: which models get along, pair by pair."""

from ui import frame
from ui.mergeability.view import mergeability

mergeability(frame.page("Mergeability", "Which of these models can I merge with which?"))
