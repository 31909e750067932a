"""Prints the tables of the model cards and of Qwen3-ASR's report, with our measured figures next to the published ones.

    python -m evaluation.cards results/cv17 results/fleurs-en2ja results/fleurs-ja2en results/librispeech

A run fills a row if it has the row's name (`--name "Common Voice 17 (test)"`, `--name FLEURS`) and its checkpoint is
the row's model. Other runs of the same directions are listed in a separate table below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.identification import NAME as IDENTIFICATION
from evaluation.metrics import Figure
from evaluation.options import OptionParser
from evaluation.results import RunFolder
from kikitori.errors import exit_code_of
from kikitori.tasks import BASES, CHECKPOINTS

BASE = BASES["1.7b"].repo_id
"""The model of the report, and of the Portuguese card's "Zero-shot" columns."""
QUALITY = "quality"
"""Name of the figure from `evaluation.judge`: 1 to 5."""

PORTUGUESE_ROWS = (
    # Test set, samples, WER zero-shot and fine-tuned, CER zero-shot and fine-tuned; source: the card, "Results"
    ("Common Voice 17 (test)", 9467, 12.63, 8.11, 3.51, 2.41),
    ("Common Voice 22 (test)", 9641, 12.91, 8.50, 3.6, 2.55),
)
REPORT_ROWS = (
    # Test set, figure, the value of BASE; sources: the summaries of the technical report and of the toolkit's page.
    ("LibriSpeech (test-clean)", "WER, English", 1.63, "toolkit"),
    ("GigaSpeech", "WER, English", 8.45, "report"),
    # The report's summary calls it the meeting subset. The toolkit's page, which has a table of both, calls it net.
    ("WenetSpeech (net)", "CER, Chinese", 4.97, "report, toolkit"),
    ("KeSpeech", "CER, Chinese", 5.10, "toolkit"),
    ("22 Chinese dialects (internal)", "CER, Chinese", 15.94, "report"),
    ("Several sets (average)", IDENTIFICATION, 97.9, "toolkit"),
)
TRANSLATION_ROWS = (
    # Model, parameters, quality EN->JA and JA->EN, tokens per second; source: the card, "Benchmark"
    ("openai/whisper-large-v3", "1.55B", "N/A", 3.2, 51.0),
    ("facebook/seamless-m4t-v2-large", "1.50B", 3.8, 3.0, 48.6),
    ("voiceping-ai/whisper-ja-en-speech-translation", "756M", 2.6, 2.4, 212.1),
    (CHECKPOINTS["translation"].repo_id, "1.7B", 4.2, 4.0, 45.8),
)


@dataclass(frozen=True)
class Run:
    """A finished run: its summary and its figures, including the judge's score if one was made."""

    summary: dict
    figures: tuple[Figure, ...]

    def matches(self, name: str, direction: str, checkpoint: str) -> bool:
        """Whether this run measured the checkpoint (a hub id, or a folder with the same name) on the named test set."""
        model = self.summary["checkpoint"].rpartition("/")[2]
        return (self.summary["name"], self.summary["direction"]) == (name, direction) and (
            model == checkpoint.rpartition("/")[2]
        )


class Runs:
    """Finished runs, and which of them a card already shows."""

    def __init__(self, runs: Sequence[Run]):
        self._runs = runs
        self._used: set[int] = set()

    def find(self, name: str, direction: str, checkpoint: str) -> Run | None:
        """Return the run for a row of a card, the last one if there are several, and mark it as used."""
        for number, run in reversed(list(enumerate(self._runs))):
            if run.matches(name, direction, checkpoint):
                self._used.add(number)
                return run
        return None

    def others(self, directions: Sequence[str]) -> Iterator[Run]:
        """Yield the runs of these directions that no row has used."""
        for number, run in enumerate(self._runs):
            if number not in self._used and run.summary["direction"] in directions:
                yield run


def load_run(path: Path) -> Run:
    """Read the folder of a finished run. Raises DataError if `evaluation.run` has not finished it."""
    folder = RunFolder(path)
    summary = folder.summary()
    found = [*summary["figures"], *folder.quality()]
    return Run(summary, tuple(Figure(**figure) for figure in found))


def portuguese_table(runs: Runs) -> str:
    """The Portuguese card's results as a Markdown table."""
    tuned_checkpoint = CHECKPOINTS["pt"].repo_id
    rows = []
    for name, samples, base_wer, tuned_wer, base_cer, tuned_cer in PORTUGUESE_ROWS:
        base, tuned = (runs.find(name, "pt", checkpoint) for checkpoint in (BASE, tuned_checkpoint))
        change = f"{tuned_wer - base_wer:.2f} ({100 * (tuned_wer / base_wer - 1):.1f}%)"
        rows.append(
            [
                *(name, f"{samples:,}", str(tuned.summary["utterances"]) if tuned else ""),
                *(f"{base_wer:.2f}", _shown(base, "WER"), f"{tuned_wer:.2f}", _shown(tuned, "WER")),
                *(change, _change(base, tuned)),
                *(f"{base_cer:g} → {tuned_cer:g}", _both(base, tuned, "CER")),
            ]
        )
    columns = ["Samples", "Zero-shot WER", "Fine-tuned WER", "Δ WER", "CER (zero-shot → fine-tuned)"]
    return _table(["Test set", *_with_ours(columns)], rows)


def translation_table(runs: Runs) -> str:
    """The translation card's benchmark as a Markdown table: quality from 1 to 5 on FLEURS, and tokens per second."""
    rows = []
    for model, parameters, to_japanese, to_english, speed in TRANSLATION_ROWS:
        en2ja, ja2en = (runs.find("FLEURS", direction, model) for direction in ("en2ja", "ja2en"))
        speeds = [str(run.summary["tokens_per_second"]) for run in (en2ja, ja2en) if run]
        quality = [str(to_japanese), _shown(en2ja, QUALITY), str(to_english), _shown(ja2en, QUALITY)]
        rows.append([model, parameters, *quality, str(speed), ", ".join(speeds)])
    return _table(["Model", "Parameters", *_with_ours(["EN->JA (of 5)", "JA->EN (of 5)", "Speed (tok/s)"])], rows)


def report_table(runs: Runs) -> str:
    """The accuracy of the base model in Qwen3-ASR's technical report and on its toolkit's page, as a Markdown table."""
    rows = []
    for name, figure, published, source in REPORT_ROWS:
        run = runs.find(name, "transcribe", BASE)
        recordings = str(run.summary["utterances"]) if run else ""
        rows.append([name, figure, f"{published:.2f}", _shown(run, figure), recordings, source])
    return _table(["Test set", "Figure", "Published", "ours", "Recordings, ours", "Published by"], rows)


def others_table(runs: Runs, directions: Sequence[str]) -> str:
    """Runs that fill no row of a card, with all their figures, as a Markdown table; empty if there are none."""
    rows = []
    for run in runs.others(directions):
        figures = "; ".join(f"{figure.name} {_interval(figure)}" for figure in run.figures)
        summary = run.summary
        rows.append([summary["name"], summary["direction"], summary["checkpoint"], str(summary["utterances"]), figures])
    return _table(["Set", "Task", "Checkpoint", "Recordings", "Figures"], rows) if rows else ""


def cards(runs: Runs) -> Iterator[str]:
    """Yield each checkpoint's heading and table, then the other runs of its directions, as Markdown."""
    translation = CHECKPOINTS["translation"].repo_id
    yield f"## {CHECKPOINTS['diarize'].repo_id}\n\nThe card gives no figures.\n"
    yield others_table(runs, ["diarize"])
    yield f"## {translation}\n\n{translation_table(runs)}"
    yield others_table(runs, ["en2ja", "ja2en"])
    yield f"## {CHECKPOINTS['pt'].repo_id}\n\n{portuguese_table(runs)}"
    yield others_table(runs, ["pt"])
    yield f"## {BASE}\n\n{report_table(runs)}"
    yield others_table(runs, ["transcribe"])


def _with_ours(columns: Sequence[str]) -> list[str]:
    return [heading for column in columns for heading in (column, "ours")]


def _figure(run: Run | None, name: str) -> Figure | None:
    return next((figure for figure in run.figures if figure.name == name), None) if run else None


def _shown(run: Run | None, name: str) -> str:
    figure = _figure(run, name)
    return _interval(figure) if figure else ""


def _interval(figure: Figure) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _change(base: Run | None, tuned: Run | None) -> str:
    before, after = _figure(base, "WER"), _figure(tuned, "WER")
    if not (before and after and before.value):
        return ""
    return f"{after.value - before.value:.2f} ({100 * (after.value / before.value - 1):.1f}%)"


def _both(base: Run | None, tuned: Run | None, name: str) -> str:
    before, after = _shown(base, name), _shown(tuned, name)
    return f"{before} → {after}" if before or after else ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(argv: list[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = OptionParser(prog="python -m evaluation.cards", description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="*", type=Path, help="output folders of `python -m evaluation.run`")
    options = parser.parse_args(argv)

    def work() -> None:
        runs = Runs([load_run(path) for path in options.results])
        print("\n".join(filter(None, cards(runs))), end="")

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
