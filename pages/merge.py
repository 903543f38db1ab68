"""Merge: build recipes, and compare what they give with the Ensemble."""

from ui import frame
from ui.merge.page import merge_page

merge_page(frame.page("Merge", "How close does one merged model come to the Ensemble of all of them?"))
