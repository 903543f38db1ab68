"""M-Loss map: where the models disagree, block by block and node by node."""

from ui import frame
from ui.mloss_map.page import mloss_map

mloss_map(frame.page("M-Loss map", "Where do the fine-tuned models disagree, and how sure can we be of it?"))
