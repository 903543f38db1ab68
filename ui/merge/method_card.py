"""What a method is, needs and costs, what others published of it, and what is wrong with reference code: one card."""

import streamlit as st

from mloss_core.evaluation.published.averages import published_results, published_sources
from mloss_core.lab.requests import recipe_request
from mloss_core.merging.methods import tidy
from mloss_core.merging.record import Method
from mloss_core.recipe import Recipe
from ui import jobs
from ui.merge import state as merge_state
from ui.zoo.facts import ZooFacts

_SPLITS = ("test", "val")


def card(zoo: ZooFacts, method: Method, recipe: Recipe | None) -> None:
    """A button that opens the method's card.

    Args:
        zoo: on which the cost is measured.
        method: the one that the builder holds.
        recipe: the recipe under construction, if it is legal.
    """
    with st.popover(f"About {method.title}", icon=":material/menu_book:", width="stretch"):
        found = method.card
        st.markdown(found.idea if found else method.summary)
        if found:
            st.latex(found.formula)
            st.markdown(f"**Data.** {found.data}")
        seconds = measured_seconds(zoo, recipe)
        st.markdown(f"**Cost.** {found.cost if found else ''} {cost_words(seconds)}")
        if method.output == "per_task":
            st.markdown("**Output.** One model a task: it must be told which task an image is of.")
        lines = published_lines(method.name)
        if lines:
            st.markdown("**Published averages, %.** Different sources do not compare.\n" + "\n".join(lines))
        if found and found.faults:
            st.markdown("**Known faults of reference code**\n" + "\n".join(f"- {fault}" for fault in found.faults))
        if method.origin:
            st.markdown(f"**Plugin.** {method.origin.where}")


def measured_seconds(zoo: ZooFacts, recipe: Recipe | None) -> float | None:
    """How long this recipe's merge took when it last ran on this zoo, or None; nothing is asked for."""
    if recipe is None:
        return None
    for split in _SPLITS:
        payload = jobs.known(
            "recipe", recipe_request(zoo.name, tidy(recipe), split, merge_state.held_limit(zoo), zoo.tasks)
        )
        if payload is not None and payload.meta.get("seconds") is not None:
            return float(payload.meta["seconds"])
    return None


def cost_words(seconds: float | None) -> str:
    """The measured cost as a sentence."""
    if seconds is None:
        return "Not measured on this zoo yet: add the recipe."
    return f"This recipe's merge took {seconds:.2f} s on this zoo, without measuring or evaluating."


def published_lines(method: str) -> list[str]:
    """The method's published averages in percent, a line of Markdown for each source and backbone."""
    sources = published_sources()
    found: dict[tuple[str, str], list[str]] = {}
    for row in published_results(method=method):
        words = f"{100 * row.average:.1f} ({row.tasks} tasks)"
        found.setdefault((row.source, row.backbone), []).append(words)
    return [
        f"- [{sources[source].title}]({sources[source].url}), {backbone}: {', '.join(words)}"
        for (source, backbone), words in found.items()
    ]
