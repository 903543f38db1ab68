"""Which table of pairs the Predictor page reads: one that comes with the lab, or an uploaded file."""

import dataclasses
import hashlib

import streamlit as st

from mloss_core.evaluation.cards import rows_of_card
from mloss_core.mergeability.predictor.offered import OfferedTable, offered_tables, table_of
from mloss_core.mergeability.predictor.tables import MAX_BYTES, PairTable
from mloss_core.wording import listing
from ui import state
from ui.errors import guard
from ui.formats import percent, plain
from ui.predictor.results import content_of, parsed
from ui.zoo.facts import ZooFacts

PAGE = "pr"
TABLE = state.key(PAGE, "table")
_KEY, _FILE = "pr_upload", "_pr_file"
_UPLOADED = "uploaded"


@dataclasses.dataclass(frozen=True)
class Source:
    """The table that is open.

    Args:
        name, title: of it; digest: of its bytes.
        table: what it holds.
        reference: whether it is the published one, whose known faults are told.
    """

    name: str
    title: str
    digest: str
    table: PairTable
    reference: bool


def table_choice(zoo: ZooFacts) -> Source | None:
    """The choice of a table; None when there is none or it cannot be read."""
    offered = {table.name: table for table in offered_tables()}
    held: tuple[str, bytes] | None = st.session_state.get(_FILE)
    names = [*([_UPLOADED] if held else []), *offered]
    source = None
    if names:
        own = table_of(zoo.name)
        first = names.index(own) if own in names and not held else 0
        name = st.selectbox(
            "Table of pairs",
            names,
            index=first,
            key=TABLE,
            bind=state.BIND,
            format_func=lambda name: _label(name, offered, held),
            help="One row a pair: its metrics, and how good merges of it were. Tables of the lab's own zoos come with "
            "it; any other can be uploaded below.",
        )
        source = _opened(name if name in names else names[0], offered, held)
        _models(offered.get(name))
    return source


def _models(table: OfferedTable | None) -> None:
    """How good the models are that a table is of, where the lab has no other place that says it."""
    if table is None or not table.card:
        return
    with guard():
        rows = {row.name: row for row in rows_of_card(table.card) if "test" in row.averages}
        plain_rows = [rows[name] for name in ("zero_shot", "simple_average", "individual") if name in rows]
        merges = [row for row in rows.values() if row.kind == "merged"]
        said = [f"{row.title} {percent(row.averages['test'])}" for row in plain_rows]
        if merges:
            best = max(merges, key=lambda row: row.averages.get("val", 0.0))
            said.append(f"{percent(best.averages['test'])} by {best.title}, the best merge on validation images")
        st.caption(f"Its models, test images: {plain(listing(said))}.")


def _label(name: str, offered: dict[str, OfferedTable], held: tuple[str, bytes] | None) -> str:
    if name == _UPLOADED and held is not None:
        return plain(held[0])
    return plain(offered[name].title) if name in offered else name


def _opened(name: str, offered: dict[str, OfferedTable], held: tuple[str, bytes] | None) -> Source | None:
    with guard():
        if name == _UPLOADED and held is not None:
            title, content, reference = held[0], held[1], False
        else:
            table = offered[name]
            title, reference = table.title, table.reference
            content = content_of(str(table.path), table.path.stat().st_mtime_ns)
        digest = hashlib.sha256(content).hexdigest()
        return Source(name, title, digest, parsed(digest, content, title), reference)
    return None


def upload() -> None:
    """A place to drop a table; it is shown at once and stays open while other pages are visited."""
    st.file_uploader(
        "Your own table",
        type=["csv"],
        key=_KEY,
        max_upload_size=MAX_BYTES // 10**6,
        on_change=_take,
        help="CSV in UTF-8 with commas: task_a, task_b, one column a metric, and for each merging method M acc_M, "
        "normacc_M, acc_a_M and acc_b_M (fractions). Without known metrics, every column of numbers is one.",
    )


def _take() -> None:
    """Keep the file while other pages are open, and show it."""
    file = st.session_state.get(_KEY)
    if file is not None:
        st.session_state[_FILE] = (file.name, file.getvalue())
        state.put(TABLE, _UPLOADED)
    else:
        st.session_state.pop(_FILE, None)
        st.session_state.pop(TABLE, None)
