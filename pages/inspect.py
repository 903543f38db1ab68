"""Inspect: which images a merge gets wrong that another model gets right."""

from ui import frame
from ui.inspect.page import inspect_page

inspect_page(frame.page("Inspect", "Which images does one model get wrong that another gets right, and why?"))
