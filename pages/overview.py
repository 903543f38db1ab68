"""Overview: what this is about, how well the open zoo does, and where to go next."""

from ui import frame
from ui.overview.page import overview
from ui.overview.view import question

overview(frame.page(question(frame.current_zoo())))
