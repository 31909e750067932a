"""Reads FLEURS, from a folder or from the hub. Each of its sentences is read aloud in every language."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from evaluation.data import DataError, Segment, Utterance
from evaluation.tables import tsv_rows
from kikitori.tasks import Task

FLEURS = "google/fleurs"
"""Read from its own files under `data/`: it has no reliable parquet export."""
CONFIGS = {
    "Arabic": "ar_eg",
    "Cantonese": "yue_hant_hk",
    "Chinese": "cmn_hans_cn",
    "Czech": "cs_cz",
    "Danish": "da_dk",
    "Dutch": "nl_nl",
    "English": "en_us",
    "Filipino": "fil_ph",
    "Finnish": "fi_fi",
    "French": "fr_fr",
    "German": "de_de",
    "Greek": "el_gr",
    "Hindi": "hi_in",
    "Hungarian": "hu_hu",
    "Indonesian": "id_id",
    "Italian": "it_it",
    "Japanese": "ja_jp",
    "Korean": "ko_kr",
    "Macedonian": "mk_mk",
    "Malay": "ms_my",
    "Persian": "fa_ir",
    "Polish": "pl_pl",
    "Portuguese": "pt_br",
    "Romanian": "ro_ro",
    "Russian": "ru_ru",
    "Spanish": "es_419",
    "Swedish": "sv_se",
    "Thai": "th_th",
    "Turkish": "tr_tr",
    "Vietnamese": "vi_vn",
}
"""Language -> the name that FLEURS gives it, which is the name of its folder."""
COLUMNS = ("id", "file_name", "raw_transcription", "transcription", "characters", "num_samples", "gender")
"""Columns of the tsv files, which have no header."""

_LOG = logging.getLogger(__name__)


def languages_in(root: Path, split: str, task: Task) -> list[str]:
    """Return the languages that a task can use and that a folder has recordings of."""
    spoken = list(CONFIGS) if task.spoken is None else [task.spoken]
    return [language for language in spoken if (root / CONFIGS[language] / f"{split}.tsv").is_file()]


def read_fleurs(root: Path, split: str, task: Task) -> Iterator[Utterance]:
    """Yield the recordings of all `languages_in` the folder, with their sentences in the language that is written."""
    for language in languages_in(root, split, task):
        spoken, written = root / CONFIGS[language], root / CONFIGS[task.language or language]
        sentences = _sentences(spoken, written, split)
        for name, audio in _audio(spoken / "audio", split, sentences):
            # File names are unique in one language only.
            unique = f"{spoken.name}/{name}" if task.takes_any else name
            yield Utterance(unique, audio, (Segment(None, sentences[name]),), language)


def _sentences(spoken: Path, written: Path, split: str) -> dict[str, str]:
    """The sentence of each recording, by file name. Recordings whose sentence is not in `written` are left out."""
    texts = {row["id"]: row["raw_transcription"] for row in _rows(written / f"{split}.tsv")}
    files: dict[str, str] = {}
    for row in _rows(spoken / f"{split}.tsv"):
        if files.setdefault(row["file_name"], row["id"]) != row["id"]:
            raise DataError(f"{spoken / split}.tsv has two sentences for {row['file_name']}: fetch the data again")
    sentences = {name: texts[identity] for name, identity in files.items() if identity in texts}
    if unpaired := len(files) - len(sentences):
        _LOG.warning("%d of %d recordings have no sentence in %s and are left out", unpaired, len(files), written.name)
    return sentences


def _rows(path: Path) -> Iterator[dict[str, str]]:
    for number, row in enumerate(tsv_rows(path, COLUMNS), start=1):
        if row["raw_transcription"] is None:
            raise DataError(f"{path}, row {number}, is cut short: fetch the data again")
        yield row


def _audio(folder: Path, split: str, names: Iterable[str]) -> Iterator[tuple[str, Path | bytes]]:
    archive = folder / f"{split}.tar.gz"
    if not archive.is_file():
        yield from ((name, folder / split / name) for name in names)
        return
    missing = set(names)
    try:
        with tarfile.open(archive, mode="r|gz") as members:
            for member in members:
                name = Path(member.name).name
                if name in missing and member.isfile():
                    missing.remove(name)
                    yield name, members.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{archive} can't be read ({error}): fetch it again") from error
    if missing:
        raise DataError(f"{archive} lacks {min(missing)} and {len(missing) - 1} more: fetch it again")


def fetch_fleurs(split: str, task: Task) -> Path:
    """Download the files of one task and split; return the folder of languages in the hub's cache."""
    from huggingface_hub import snapshot_download

    spoken = [CONFIGS[task.spoken]] if task.spoken else list(CONFIGS.values())
    written = [CONFIGS[task.language]] if task.language else spoken
    wanted = [f"data/{config}/{split}.tsv" for config in {*spoken, *written}]
    wanted += [f"data/{config}/audio/{split}.tar.gz" for config in spoken]
    return Path(snapshot_download(FLEURS, repo_type="dataset", allow_patterns=wanted)) / "data"
