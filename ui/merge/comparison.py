"""The right side of the Merge page: progress, the table, what to do with a row, and the charts in tabs."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mloss_core.caching import digest_of
from mloss_core.evaluation.exports import rows_csv, rows_markdown
from mloss_core.evaluation.ranking import best_merge, find
from mloss_core.evaluation.rows import EvaluationRow
from ui import jobs, state, theme
from ui.formats import plain, split_label
from ui.inspect.links import open_inspect
from ui.merge import state as merge_state
from ui.merge.draft import Draft
from ui.merge.entries import Entry, row_key, row_labels
from ui.merge.figures import bars_sentence, gap_bars, realised_lines, task_bars
from ui.merge.keep import KeepProfile, budget_sentence, keep_heatmap
from ui.merge.label_free import study_button, unlabelled_sentence
from ui.merge.published import published_tab
from ui.merge.results import NOTE, Comparison, compare, starting_entries
from ui.merge.row_actions import row_actions
from ui.merge.rows import ENSEMBLE, table_frame
from ui.merge.spectrum import spectrum_tab
from ui.merge.table import columns, legend, selected_cell, selected_keys, styled, task_of, visible_columns
from ui.merge.verdict import verdicts
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import accuracy_needs, unlabelled_tasks

SPLITS = ("test", "val")
TABS = ("Table", "Per task", "Keep rates", "Spectrum", "Published")
BASELINE_LABELS = {
    "ensemble": "Ensemble",
    "ensemble_features": "Ensemble (features)",
    "zero_shot": "Zero-shot",
    "individual": "Individual",
}
_MAX_LINES = 3


def comparison(zoo: ZooFacts, entries: Sequence[Entry], draft: Draft, profile: KeepProfile | None) -> None:
    """Draw the comparison of the recipes in `entries`."""
    toolbar = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with toolbar:
        split = _split()
        limit = image_limit(zoo)
        baseline_key = _baseline(entries)
    found = compare(zoo, entries, split, limit, content=_first_look(zoo, entries, baseline_key))
    with toolbar:
        _downloads(zoo, found.rows, split)
    _progress(found)
    sentence = accuracy_needs(zoo)
    if sentence:
        st.info(f"{sentence} Merges can be downloaded all the same: select a row.", icon=":material/info:")
    unlabelled = unlabelled_tasks(zoo)
    if unlabelled:
        st.info(unlabelled_sentence(unlabelled), icon=":material/info:")
    baseline = find(found.rows, baseline_key) or find(found.rows, ENSEMBLE)
    tabs = st.tabs(TABS, key=merge_state.TAB, on_change="rerun", bind=state.BIND)
    if tabs[0].open:
        with tabs[0]:
            _table_tab(zoo, found.rows, entries, baseline, split)
    if tabs[1].open:
        with tabs[1]:
            _task_tab(zoo, found.rows, baseline)
    if tabs[2].open:
        with tabs[2]:
            _keep_tab(zoo, found.rows, draft, profile)
    if tabs[3].open:
        with tabs[3]:
            spectrum_tab(zoo, (draft.recipe and draft.recipe.tasks) or zoo.tasks)
    if tabs[4].open:
        with tabs[4]:
            published_tab(zoo, found.rows)


def shown_rows(
    rows: Sequence[EvaluationRow], keys: Sequence[str], baseline: EvaluationRow | None = None
) -> list[EvaluationRow]:
    """The finished rows to chart: the selected ones, a single one with the baseline (or the Ensemble) beside it.

    Without a selection these are the best merge, Zero-shot, the Ensemble and Individual.
    """
    chosen = [row for row in rows if row.key in keys and row.done]
    if len(chosen) == 1:
        beside = (baseline, find(rows, ENSEMBLE))
        return [*chosen, *[row for row in beside if row and row.done and row.key not in keys][:1]]
    if chosen:
        return chosen
    best = best_merge(rows)
    return [row for row in rows if row.done and (row.key in ("zero_shot", ENSEMBLE, "individual") or row is best)]


def _first_look(zoo: ZooFacts, entries: Sequence[Entry], baseline_key: str) -> bool:
    """Whether nobody has chosen anything yet: then the model card's figures do, and no work is begun for them."""
    untouched = tuple(entries) == starting_entries(zoo.card) and baseline_key == ENSEMBLE
    return untouched and not merge_state.selected()


def _split() -> str:
    split = st.segmented_control(
        "Accuracy on",
        SPLITS,
        default="test",
        required=True,
        key=merge_state.SPLIT,
        bind=state.BIND,
        format_func=split_label,
        help="Choose on validation, report on test: numbers that were used to choose a recipe flatter it.",
    )
    return split if split in SPLITS else "test"


def _baseline(entries: Sequence[Entry]) -> str:
    """The key of the row that differences are taken to."""
    labels = row_labels(entries)
    options = dict(BASELINE_LABELS) | {row_key(entry.recipe): labels[entry.key] for entry in entries}
    key = st.selectbox(
        "Differences to",
        list(options),
        index=list(options).index(ENSEMBLE),
        key=merge_state.BASELINE,
        bind=state.BIND,
        format_func=lambda key: options.get(key, BASELINE_LABELS[ENSEMBLE]),
        width=230,
        help="The row that the Difference column subtracts.",
    )
    return key if key in options else ENSEMBLE


def image_limit(zoo: ZooFacts) -> int | None:
    """Images of each task that accuracies are measured on: the user's choice on a folder of checkpoints, else all."""
    if not zoo.own:
        return None
    st.selectbox(
        "Images per task",
        list(merge_state.LIMITS),
        index=1,
        key=merge_state.LIMIT,
        bind=state.BIND,
        width=135,
        help="Accuracies are measured on at most so many images of each task, drawn at random once. Large encoders "
        "take long on a processor without a GPU; the standard error says what few images can tell.",
    )
    return merge_state.held_limit(zoo)


def _downloads(zoo: ZooFacts, rows: Sequence[EvaluationRow], split: str) -> None:
    with st.popover("Download", icon=":material/download:", disabled=not any(row.done or row.criteria for row in rows)):
        name = f"{Path(zoo.name).name}_{split}_comparison"
        st.download_button(
            "Table as CSV",
            rows_csv(rows, zoo.tasks),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/table:",
            width="stretch",
        )
        st.download_button(
            "Table as Markdown",
            rows_markdown(rows, zoo.tasks),
            f"{name}.md",
            "text/markdown",
            on_click="ignore",
            icon=":material/markdown:",
            width="stretch",
        )


def _progress(found: Comparison) -> None:
    shown = found.active[:_MAX_LINES]
    jobs.watch([job for job, _ in shown], [label for _, label in shown])
    if len(found.active) > len(shown):
        st.caption(f"{len(found.active) - len(shown)} more wait in the queue.")
    for problem in found.problems:
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(
                f":red[:material/error:] **{plain(problem.label)}**: {plain(problem.sentence)}", width="stretch"
            )
            key = digest_of(problem.kind, dict(problem.params))[:10]
            st.button(
                "Try again",
                key=f"mg_retry_{key}",
                icon=":material/refresh:",
                type="tertiary",
                on_click=jobs.forget,
                args=(problem.kind, dict(problem.params)),
            )
            if problem.digest is not None:
                st.button(
                    "Remove",
                    key=f"mg_drop_{key}",
                    icon=":material/close:",
                    type="tertiary",
                    on_click=merge_state.drop,
                    args=([problem.digest],),
                )


def _table_tab(
    zoo: ZooFacts, rows: Sequence[EvaluationRow], entries: Sequence[Entry], baseline: EvaluationRow | None, split: str
) -> None:
    if not rows:
        st.info("The baselines are being measured. Add a recipe on the left to compare it.", icon=":material/info:")
        return

    def inspect(row: EvaluationRow, column: str = "average") -> None:
        limit = st.session_state.get(merge_state.LIMIT) if zoo.own else None
        expert = column == "expert_agreement" or not row.done
        open_inspect(row, task_of(row, column), baseline, entries, split, limit, expert=expert)

    keys, cell = _table(zoo, rows, baseline)
    if cell is not None:
        inspect(*cell)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        st.caption(f"{legend()} {NOTE}" if any(row.recorded for row in rows) else legend(), width="stretch")
        study_button()
    row_actions(zoo, rows, entries, keys, inspect)
    verdicts(rows, entries, offer=not keys)
    chart = shown_rows(rows, keys, baseline)
    if chart:
        theme.show(task_bars(chart, zoo.tasks, height=320), key="mg_bars", alt=bars_sentence(chart, zoo.tasks))


def _table(
    zoo: ZooFacts, rows: Sequence[EvaluationRow], baseline: EvaluationRow | None
) -> tuple[tuple[str, ...], tuple[EvaluationRow, str] | None]:
    """Draw the table; keys of the selected rows, and row and column of a clicked figure."""
    frame = table_frame(rows, zoo.tasks, baseline)
    before = merge_state.selected()
    places = [place for place, row in enumerate(rows) if row.key in before]
    # A new set of rows is a new widget: positions of another table must not be taken for this one's.
    key = f"mg_table_{digest_of([row.key for row in rows])[:10]}"
    best = best_merge(rows)
    event = st.dataframe(
        styled(frame, rows, zoo.tasks, st.context.theme.type or "light"),
        hide_index=True,
        key=key,
        column_order=visible_columns(frame),
        column_config=columns(zoo.tasks, baseline),
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": places}},
        placeholder="",
        height="content",
        alt="Accuracy of each model by task" + (f"; the best merge is {best.model}" if best else ""),
    )
    keys = selected_keys(event, rows)
    if keys != before:
        merge_state.select(keys)
    return keys, selected_cell(event, rows, zoo.tasks)


def _task_tab(zoo: ZooFacts, rows: Sequence[EvaluationRow], baseline: EvaluationRow | None) -> None:
    chart = shown_rows(rows, merge_state.selected(), baseline)
    if not chart:
        st.caption("Nothing is measured yet.")
        return
    theme.show(task_bars(chart, zoo.tasks), key="mg_task_bars", alt=bars_sentence(chart, zoo.tasks))
    others = [row for row in chart if baseline is not None and row.key != baseline.key]
    if baseline is not None and baseline.done and others:
        theme.show(
            gap_bars(others, baseline, zoo.tasks),
            key="mg_gap_bars",
            alt=f"Accuracy by task minus that of {baseline.model}, in points.",
        )
    st.caption("Rows selected in the table are charted; without a selection, the best merge and the baselines.")


def _keep_tab(zoo: ZooFacts, rows: Sequence[EvaluationRow], draft: Draft, profile: KeepProfile | None) -> None:
    if profile is not None:
        theme.show(
            keep_heatmap(profile, f"Keep rates that {draft.method.title} would use"),
            key="mg_keep_map",
            alt=f"Keep rate by block and node. {budget_sentence(profile)}",
        )
        st.caption(budget_sentence(profile))
    elif draft.guided:
        st.caption(draft.problem or "The keep rates follow once M-Loss is measured.")
    else:
        st.caption(f"{draft.method.title} works without M-Loss: it has no row-wise keep rates.")
    done = [row for row in rows if row.realised and (row.key in merge_state.selected() or not merge_state.selected())]
    if done:
        theme.show(
            realised_lines(done, zoo.layers),
            key="mg_realised",
            alt="What each merge really kept in the scored layer of every block.",
        )
        st.caption("Counted in the finished merges: nonzero share of the sparsified task vectors, mean over models.")
