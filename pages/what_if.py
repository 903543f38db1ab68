"""What-if: one recipe whose choices are moved, and what that changes at once."""

from ui import frame
from ui.what_if.page import what_if_page

what_if_page(frame.page("What-if", "What changes when one choice of a merge is moved, and would chance do as well?"))
