"""Writes a run's summary as JSON, as a Markdown table and as a picture."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from evaluation.identification import confusions, identification
from evaluation.metrics import Figure
from evaluation.results import SUMMARY, Result, RunFolder
from evaluation.scoring import score
from kikitori.languages import AUTO
from kikitori.output.files import write_atomically
from kikitori.strings import format_duration
from kikitori.tasks import TASKS
from kikitori.text.faults import FAULTS


def write_summary(folder: RunFolder) -> dict:
    """Score all results of a run, write `summary.json`, `summary.md` and `figures.svg`, and return the summary."""
    summary = summarise(folder.settings(), list(folder.results()))
    write_atomically(folder.path / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    write_atomically(folder.path / "summary.md", summary_table(summary))
    if summary["figures"]:
        draw(summary, folder.path / "figures.svg")
    return summary


def summarise(settings: dict, results: Sequence[Result]) -> dict:
    """Return the summary of a run, ready for JSON.

    `incomplete`: number of transcripts with a warning that text may be missing or wrong. `tokens_per_second`: tokens
    written, divided by the time of the transcriptions, which includes reading the files. `confusions`: the languages
    that were detected wrongly, if the run detected them.
    """
    warnings = Counter(kind for result in results for kind in result.warnings)
    seconds = sum(result.seconds for result in results)
    speech = sum(result.duration_seconds for result in results)
    pairs = [result.pair for result in results]
    detects = settings.get("language") == AUTO
    figures = score(TASKS[settings["direction"]], pairs) + (identification(pairs) if detects else ())
    return settings | {
        "utterances": len(results),
        "speech_seconds": round(speech, 3),
        "refused": sum(result.refused is not None for result in results),
        "incomplete": sum(bool(FAULTS.keys() & set(result.warnings)) for result in results),
        "warnings": dict(warnings),
        "tokens_per_second": round(sum(result.tokens for result in results) / seconds, 1) if seconds else None,
        "speech_per_second": round(speech / seconds, 2) if seconds else None,
        "figures": [asdict(figure) for figure in figures],
        "confusions": confusions(pairs) if detects else [],
    }


def summary_table(summary: dict) -> str:
    """The summary as Markdown: a heading, a sentence about the test set, a row per figure, and the confusions."""
    sentence = (
        f"`{summary['direction']}` by {summary['checkpoint']}: {summary['utterances']} utterances, "
        f"{format_duration(summary['speech_seconds'])} of speech, {summary['refused']} refused, "
        f"{summary['incomplete']} incomplete"
    )
    if summary["tokens_per_second"] is not None:
        sentence += f"; {summary['tokens_per_second']} tokens/s, {summary['speech_per_second']} s of speech per second"
    lines = [
        f"# {summary['name']}",
        "",
        f"{sentence}.",
        "",
        "| figure | value | 95 % interval | from |",
        "| --- | --- | --- | --- |",
    ]
    for figure in (Figure(**figure) for figure in summary["figures"]):
        detail = figure.detail.replace("|", " ")
        interval = f"{figure.low:.2f} to {figure.high:.2f}"
        lines.append(f"| {figure.name} | {figure.value:.2f} | {interval} | {detail} |")
    if wrong := summary.get("confusions"):
        lines += ["", "| spoken | detected | recordings |", "| --- | --- | --- |"]
        lines += [f"| {pair['spoken']} | {pair['detected']} | {pair['recordings']} |" for pair in wrong]
    return "\n".join(lines) + "\n"


def draw(summary: dict, path: Path) -> None:
    """Draw the figures with their intervals as SVG."""
    from matplotlib.figure import Figure as Drawing

    figures = [Figure(**figure) for figure in reversed(summary["figures"])]
    drawing = Drawing(figsize=(7, 1 + 0.5 * len(figures)), layout="constrained")
    axes = drawing.subplots()
    for row, figure in enumerate(figures):
        axes.plot([figure.low, figure.high], [row, row], color="tab:blue", linewidth=3, alpha=0.4, clip_on=False)
        axes.plot(figure.value, row, "o", color="tab:blue", clip_on=False)
        axes.annotate(f"{figure.value:.2f}", (figure.value, row), (0, 7), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(figures)), [figure.name for figure in figures])
    right = max(1.0, *(figure.high for figure in figures))
    axes.set(xlim=(0, right), ylim=(-0.6, len(figures) - 0.2), xlabel="with 95 % bootstrap interval")
    axes.set_title(f"{summary['name']}: {summary['checkpoint']}, {summary['utterances']} utterances", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    drawing.savefig(path, metadata={"Date": None})
