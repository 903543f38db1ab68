"""Where M-Loss guides: node M-Loss of the chosen models, and the choice of blocks, for pages that build recipes.

Both choices of a page, `<page>_blocks` and `<page>_custom`, are in the address. The custom blocks are not bound to it:
a click on the strip sets them before their widget is there, which a bound one loses.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import streamlit as st

from mloss_core.mloss.report import MLossReport
from mloss_core.recipe import MLossOptions
from ui import jobs, state, theme
from ui.merge.draft import ALL, CUSTOM, block_choices, chosen_blocks
from ui.merge.figures import block_strip, toggled
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import image_needs

Scores = Mapping[int, np.ndarray]
"""Node M-Loss by block."""


def node_scores(zoo: ZooFacts, tasks: Sequence[str], mloss: MLossOptions) -> Scores | None:
    """Node M-Loss by block of the chosen models, measured when it is not yet known; None until then."""
    if len(tasks) < 2:
        return None
    sentence = image_needs(zoo, "M-Loss needs", tasks)
    if sentence:
        st.info(sentence, icon=":material/info:")
        return None
    params = {"zoo": zoo.name, "tasks": None if tuple(tasks) == zoo.tasks else list(tasks), "mloss": mloss.to_dict()}
    payload = jobs.job_payload("measure", params, label="Measuring M-Loss")
    if payload is None:
        return None
    report = MLossReport.from_entry(payload.meta, payload.arrays)
    return dict(zip(report.blocks, report.values, strict=True))


def block_choice(
    page: str, zoo: ZooFacts, mloss: Mapping[int, float] | None, *, help: str, pills: bool = False
) -> tuple[int, ...] | None:
    """Draw the choice of blocks and the strip under it; the chosen blocks, None for all.

    Args:
        page: prefix of the page's widgets.
        zoo: whose blocks.
        mloss: M-Loss of each block, where it is known.
        help: of the choice.
        pills: also show the custom blocks as pills.
    """
    choices, custom_key = block_choices(zoo.layers), state.key(page, "custom")
    choice = st.segmented_control(
        "Blocks",
        list(choices),
        default=ALL,
        required=True,
        key=state.key(page, "blocks"),
        bind=state.BIND,
        wrap=True,
        format_func=lambda word: choices.get(word, word),
        help=help,
    )
    choice = choice if choice in choices else ALL
    picked = chosen_blocks(choice, _restored(custom_key, zoo.layers), zoo.layers, mloss)
    shown = tuple(range(zoo.layers)) if picked is None else picked
    strip = state.key(page, "strip")
    theme.show(
        block_strip(zoo.layers, shown, mloss),
        key=strip,
        on_select=_clicked(page, strip, shown, zoo.layers),
        alt=f"Blocks whose keep rate follows M-Loss: {', '.join(map(str, shown)) or 'none'}.",
    )
    if pills and choice == CUSTOM:
        custom = st.pills(
            "Custom blocks",
            range(zoo.layers),
            selection_mode="multi",
            key=custom_key,
            persist_state="session",
            wrap=True,
            label_visibility="collapsed",
        )
        picked = chosen_blocks(CUSTOM, custom or [], zoo.layers, mloss)
    held = ",".join(map(str, st.session_state.get(custom_key) or ()))
    state.write(custom_key, held if choice == CUSTOM and held else None)
    return picked


def set_blocks(page: str, blocks: Sequence[int] | None) -> None:
    """Set a page's choice, None for all blocks. A callback, or before the page is drawn."""
    state.put(state.key(page, "blocks"), ALL if blocks is None else CUSTOM)
    if blocks is not None:
        state.put(state.key(page, "custom"), list(blocks))


def _restored(key: str, layers: int) -> list[int]:
    """The custom blocks: of this session, else of the link, and only those that exist."""
    if key not in st.session_state:
        words = st.query_params.get(key, "")[:200].split(",")
        st.session_state[key] = sorted({int(word) for word in words if word.isascii() and word.isdigit()})
    state.prune(key, range(layers))
    return list(st.session_state[key] or ())


def _clicked(page: str, strip: str, shown: Sequence[int], layers: int) -> Callable[[], None]:
    def clicked() -> None:
        block = theme.selected_id(st.session_state.get(strip))
        if isinstance(block, int):
            set_blocks(page, toggled(shown, block, layers))

    return clicked
