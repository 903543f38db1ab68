"""The Mergeability page: which models get along, pair by pair."""

from ui import frame
from ui.errors import guard
from ui.mergeability.view import mergeability

zoo = frame.page("Mergeability", "Which of these models can I merge with which?")
with guard():
    mergeability(zoo)
