"""README.md and docs/: the commands and examples work as written, and links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from glob import glob
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import srt
import yaml

from benchmarks.served import ROOT
from kikitori.audio.files import load_audio
from kikitori.cli.run import main
from kikitori.model.recognizer import load_recognizer
from kikitori.tasks import CHECKPOINTS
from tests.support.corpora import write_fleurs
from tests.support.recordings import RECORDINGS, example, recordings_in

PAGES = {path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
README = PAGES[ROOT / "README.md"]
FRONT_MATTER = yaml.safe_load(README.split("---\n")[1])
MAX_README_LINES = 180


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    language: str
    text: str


BLOCKS = [
    Block(path.name, language, text)
    for path, page in PAGES.items()
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
]
COMMANDS = [
    (block.page, line) for block in BLOCKS for line in block.text.splitlines() if line.startswith(".venv/bin/python ")
]


def block_with(text: str) -> str:
    (found,) = [block.text for block in BLOCKS if text in block.text]
    return found


def block_after(text: str) -> str:
    return BLOCKS[[block.text for block in BLOCKS].index(block_with(text)) + 1].text


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONUTF8": "1"}, **options)
    assert done.returncode == 0, done.stderr
    return done


def arguments_of(command: str) -> list[str]:
    """A documented command with this Python in place of .venv's."""
    words = shlex.split(command)
    assert words[0] == ".venv/bin/python"
    return [sys.executable, *words[1:]]


def run_here(command: str, monkeypatch, code: int = 0) -> None:
    """Run a documented command of the command line in this process, which is faster than in one of its own."""
    program, *words = arguments_of(command)[1:]
    assert program == "inference.py"
    monkeypatch.chdir(ROOT)
    assert main([found for word in words for found in sorted(glob(word)) or [word]]) == code


def lines_of(code: str, capsys, monkeypatch) -> list[str]:
    """Run a documented Python example in this process, and return the lines that it prints."""
    monkeypatch.chdir(ROOT)
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})
    return capsys.readouterr().out.splitlines()


def test_the_shell_example_prints_what_the_readme_shows(capsys, monkeypatch):
    command = "inference.py examples/english_travel.flac --direction en2ja"
    run_here(block_with(command), monkeypatch)
    assert capsys.readouterr().out == block_after(command)


def test_the_example_in_another_language_prints_the_warning(capsys, monkeypatch):
    run_here(block_with("english_travel.flac --direction pt"), monkeypatch, code=3)
    said = "the recording seems to be in English, and pt expects Portuguese: choose the direction en2ja"
    assert said in capsys.readouterr().err
    assert said in " ".join((ROOT / "docs" / "command_line.md").read_text(encoding="utf-8").replace("> ", "").split())


def test_the_subtitle_example_prints_subtitles(capsys, monkeypatch):
    run_here(block_with("--checkpoint tiny --align -f srt"), monkeypatch)
    assert (
        " ".join(subtitle.content for subtitle in srt.parse(capsys.readouterr().out)).split()
        == example("portuguese_daily").text.split()
    )


@pytest.mark.slow
def test_the_example_with_standard_input_prints_a_table():
    command = block_with("inference.py - ").replace(".venv/bin/python", sys.executable)
    header, row = run(["bash", "-c", command], cwd=ROOT).stdout.splitlines()
    assert header.split("\t")[2] == "text" and row.split("\t")[2] == example("portuguese_shopping").text


@pytest.mark.slow
def test_the_example_with_many_files_writes_them(tmp_path, monkeypatch):
    run_here(block_with("-f json -o out").replace("-o out", f"-o {tmp_path}"), monkeypatch)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["call_appointment.json", "call_order.json"]


def test_the_python_example_prints_the_turns(capsys, monkeypatch):
    lines = lines_of(block_with("import load_model, transcribe"), capsys, monkeypatch)
    assert lines[0].startswith("spk_0 ")
    assert "".join(line.split(" ", 1)[1] for line in lines) == example("call_appointment").text


def test_the_streaming_example_prints_the_turns_and_the_length(capsys, monkeypatch):
    *turns, length = lines_of(block_with("transcription = stream("), capsys, monkeypatch)
    assert " ".join(turns) == example("portuguese_daily").text
    assert re.fullmatch(r"[45]\.\d+ seconds", length)


def test_the_api_example_prints_the_text(server, capsys, monkeypatch):
    code = block_with('api_name="/diarize"').replace("http://127.0.0.1:7860", server)
    assert lines_of(code, capsys, monkeypatch)[-1] == example("call_order").text


def test_the_api_example_with_a_source_prints_both_languages(server, capsys, monkeypatch):
    code = block_with('api_name="/translate"').replace("http://127.0.0.1:7860", server)
    expected = example("japanese_travel")
    assert lines_of(code, capsys, monkeypatch)[-1] == f"{expected.said} = {expected.text}"


@pytest.fixture
def live_client(server, tmp_path):
    """The documented client, as a process."""
    code = block_with("input_audio_buffer.commit").replace(
        "ws://127.0.0.1:8000", server.rstrip("/").replace("http", "ws")
    )
    path = tmp_path / "live_client.py"
    path.write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as client:
        yield client
        client.kill()


def test_the_live_client_prints_a_line_before_the_next_sound_comes(live_client):
    second_of_silence = bytes(32000)
    spoken = {
        "portuguese_daily": ["Bom dia, eu sou Helena.", "Quero marcar a consulta para quinta."],
        "portuguese_shopping": ["Eu queria três quilos de laranja."],
    }
    for name, expected in spoken.items():
        waveform = load_audio(example(name).path)
        live_client.stdin.write((waveform * 32767).astype("<i2").tobytes() + second_of_silence)
        live_client.stdin.flush()
        assert [live_client.stdout.readline().decode().rstrip() for _ in expected] == expected
    said, errors = live_client.communicate()
    assert (live_client.returncode, said, errors) == (0, b"", b"")


def test_the_live_client_ends_with_the_servers_error(live_client):
    _, errors = live_client.communicate(example("portuguese_daily").path.read_bytes())
    assert live_client.returncode == 1 and b"begins as a FLAC file does" in errors


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine: install Debian's package nodejs")
def test_the_javascript_example_prints_the_text(server):
    code = block_with("new FormData()").replace("http://127.0.0.1:7860", server.rstrip("/"))
    done = run(["node", "--input-type=module", "-e", code], cwd=ROOT)
    assert done.stdout.strip() == example("portuguese_daily").text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine: install Debian's package curl")
def test_the_curl_example_prints_the_transcript(server):
    code = block_with("curl -s -F").replace("http://127.0.0.1:7860", server.rstrip("/"))
    done = run(["bash", "-c", code], cwd=ROOT)
    assert json.loads(done.stdout.rpartition("data: ")[2])[0]["text"] == example("english_travel").text


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=lambda one: one.page)
def test_python_examples_are_python(block):
    compile(block.text, block.page, "exec")


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_documented_programs_exist(page, command):
    name, *arguments = arguments_of(command)[1:]
    if name == "-m":
        assert find_spec(arguments[0]), f"{page} names {arguments[0]}"
    else:
        assert (ROOT / name).is_file(), f"{page} names {name}"


def test_modules_and_files_named_in_the_text_exist():
    text = "".join(PAGES.values())
    modules = set(re.findall(r"python -m ((?:training|evaluation|benchmarks)[\w.]*\w)", text))
    assert [name for name in sorted(modules) if not find_spec(name)] == []
    files = set(re.findall(r"`((?:kikitori|tests|evaluation|training|benchmarks)/[\w/.]+)`", text))
    assert [name for name in sorted(files) if not (ROOT / name).exists()] == []


def test_the_front_matter_is_that_of_this_space():
    pins = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert FRONT_MATTER["sdk_version"] == pins["gradio"]
    assert (ROOT / FRONT_MATTER["app_file"]).is_file()
    repositories = {checkpoint.repo_id for checkpoint in CHECKPOINTS.values()}
    assert set(FRONT_MATTER["models"]) == set(FRONT_MATTER["preload_from_hub"]) == repositories
    assert len(FRONT_MATTER["short_description"]) <= 60  # the hub's limit


def test_the_documentation_names_every_checkpoint():
    names = PAGES[ROOT / "docs" / "command_line.md"]
    assert [
        role for role, checkpoint in CHECKPOINTS.items() if f"| `{role}` | `{checkpoint.repo_id}` |" not in names
    ] == []


def test_the_readme_is_short():
    assert len(README.splitlines()) <= MAX_README_LINES


LINKS = [
    (path, target) for path, page in PAGES.items() for target in re.findall(r"\]\(([^)]+)\)", page) if ":" not in target
]


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda one: one.name if isinstance(one, Path) else one)
def test_links_and_pictures_lead_somewhere(page, target):
    file, _, anchor = target.partition("#")
    linked = (page.parent / file).resolve() if file else page
    assert linked.is_file()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_page_is_linked_from_the_readme():
    linked = {(page.parent / target).resolve() for page, target in LINKS if page == ROOT / "README.md"}
    assert [path.name for path in PAGES if path.name != "README.md" and path not in linked] == []


def test_no_file_is_too_large_for_a_space():
    """The hub takes files of 10 MiB and more through Git LFS only."""
    listed = run(["git", "ls-files", "-z"], cwd=ROOT).stdout.split("\0")
    assert [name for name in filter(None, listed) if (ROOT / name).stat().st_size >= 10 * 2**20] == []


TRAINING = PAGES[ROOT / "docs" / "training.md"]


def lay_out_data(folder: Path) -> None:
    """Copy the tests' recordings into the layouts that the documented training commands name."""
    clips = folder / "cv-corpus-22.0" / "pt" / "clips"
    clips.mkdir(parents=True)
    spoken = recordings_in(RECORDINGS, "pt")
    for split, chosen in (("test", spoken[:2]), ("train", spoken)):
        rows = ["path\tsentence", *(f"{clip.path.name}\t{clip.reference}" for clip in chosen)]
        (clips.parent / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for clip in spoken:
        shutil.copy(clip.path, clips)
    for split, several in (("train", slice(0, 2)), ("dev", slice(2, 4))):
        rows = {"en_us": [], "ja_jp": []}
        for name, (source, target) in {"en2ja": ("en_us", "ja_jp"), "ja2en": ("ja_jp", "en_us")}.items():
            for clip in recordings_in(RECORDINGS, name)[several]:
                for language, text in ((source, clip.said), (target, clip.reference)):
                    rows[language].append(f"{clip.path.stem}\t{clip.path.name}\t{text}\t\t\t\t\n")
                    audio = folder / "fleurs" / language / "audio" / split
                    audio.mkdir(parents=True, exist_ok=True)
                    shutil.copy(clip.path, audio)
        for language, lines in rows.items():
            (folder / "fleurs" / language / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
        write_fleurs(folder / "fleurs", "fr_fr", {clip: clip.said for clip in spoken[several]}, split)
    (folder / "calls").mkdir()
    turns = []
    for call in recordings_in(RECORDINGS, "diarize"):
        shutil.copy(call.path, folder / "calls")
        for second, turn in enumerate(call.turns):
            place = {"session_id": call.path.stem, "start_time": second, "end_time": second + 1}
            turns.append(place | {"speaker": turn.speaker, "words": turn.text})
    (folder / "calls" / "calls.json").write_text(json.dumps(turns), encoding="utf-8")


@pytest.mark.slow
def test_the_training_commands_make_checkpoints_of_the_tiny_one(tmp_path, monkeypatch):
    lay_out_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\.venv/bin/python -m (training\.(?:prepare|sft|speakers)) (.*)$", TRAINING, re.MULTILINE)
    assert len(commands) == 12
    for module, words in commands:
        base = [] if module == "training.prepare" else ["--base", "tiny"]
        assert import_module(module).main([*shlex.split(words), *base]) == 0, words
    for name in ("pt", "fr", "translation", "calls"):
        load_recognizer(str(tmp_path / "models" / name))
