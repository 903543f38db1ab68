"""A strip of sample images for each task."""

import streamlit as st

from ui.cached import ZooFacts


def sample_section(zoo: ZooFacts) -> None:
    pass
