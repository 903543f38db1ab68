"""Zoos on disk: finding the files of the layouts in use, checking them as a set, and opening them as one zoo.

`opening.open_folder` is the door; the modules before it load no torch.
"""
