"""The image tower: its architecture in numbers, open_clip's layers, and the blocks that M-Loss walks through."""
