"""What a merge would do if one choice were another: live figures, controls, surfaces, paths and planes."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.whatif.axes import Axis, parse_axis
    from mloss_core.whatif.live import live_states
    from mloss_core.whatif.workbench import Workbench

__all__ = ["Axis", "Workbench", "live_states", "parse_axis"]

__getattr__, __dir__ = lazy_names(
    __name__, {"axes": ("Axis", "parse_axis"), "live": ("live_states",), "workbench": ("Workbench",)}
)
