"""What a reader of the README would type works as it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module

import pytest
import srt
import yaml

from benchmarks.served import ROOT
from kikitori.model.recognizer import load_recognizer
from kikitori.tasks import ALIGNER, ENGLISH, TASKS
from tests.support.recordings import RECORDINGS, example, recordings_in

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text(encoding="utf-8")
FRONT_MATTER = yaml.safe_load(README.split("---\n")[1])
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def block_with(text: str) -> str:
    (found,) = [content for _, content in BLOCKS if text in content]
    return found


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONUTF8": "1"}, **options)
    assert done.returncode == 0, done.stderr
    return done


def arguments_of(command: str) -> list[str]:
    """A command of the README with this Python for .venv's."""
    words = shlex.split(command)
    assert words[0] == ".venv/bin/python"
    return [sys.executable, *words[1:]]


def test_the_shell_example_prints_what_the_readme_shows():
    done = run(arguments_of(block_with("inference.py examples/english_travel.flac")), cwd=ROOT)
    shown = README.split("prints, on standard output,\n\n```\n")[1].split("```")[0]
    assert done.stdout == shown


def test_the_subtitle_example_prints_subtitles():
    done = run(arguments_of(block_with("--checkpoint tiny --align -f srt")), cwd=ROOT)
    assert (
        " ".join(subtitle.content for subtitle in srt.parse(done.stdout)).split()
        == example("portuguese_daily").text.split()
    )


def test_the_example_with_many_files_writes_them(tmp_path):
    command = (
        block_with("-f json -o out").replace("-o out", f"-o {tmp_path}").replace(".venv/bin/python", sys.executable)
    )
    run(["bash", "-c", command], cwd=ROOT)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["call_appointment.json", "call_order.json"]


def test_the_python_example_prints_the_turns():
    done = run([sys.executable, "-c", block_with("from inference import")], cwd=ROOT)
    assert done.stdout.split("\n")[0].startswith("spk_0 ")
    assert "".join(line.split(" ", 1)[1] for line in done.stdout.splitlines()) == example("call_appointment").text


def test_the_api_example_prints_the_text(server):
    code = block_with("from gradio_client import").replace("http://127.0.0.1:7860", server)
    done = run([sys.executable, "-c", code], cwd=ROOT)
    assert done.stdout.splitlines()[-1] == example("call_order").text


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine: install Debian's package nodejs")
def test_the_javascript_example_prints_the_text(server):
    code = block_with("new FormData()").replace("http://127.0.0.1:7860", server.rstrip("/"))
    done = run(["node", "--input-type=module", "-e", code], cwd=ROOT)
    assert done.stdout.strip() == example("portuguese_daily").text


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine: install Debian's package curl")
def test_the_curl_example_prints_the_transcript(server):
    code = block_with("curl -s -F").replace("http://127.0.0.1:7860", server.rstrip("/"))
    done = run(["bash", "-c", code], cwd=ROOT)
    assert json.loads(done.stdout.rpartition("data: ")[2])[0]["text"] == example("english_travel").text


def test_the_front_matter_is_that_of_this_space():
    pins = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert FRONT_MATTER["sdk_version"] == pins["gradio"]
    assert (ROOT / FRONT_MATTER["app_file"]).is_file()
    repositories = {direction.checkpoint.repo_id for direction in (*TASKS.values(), ENGLISH)} | {ALIGNER.repo_id}
    assert set(FRONT_MATTER["models"]) == set(FRONT_MATTER["preload_from_hub"]) == repositories
    assert len(FRONT_MATTER["short_description"]) <= 60  # the hub's limit


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_and_pictures_lead_somewhere(target):
    assert (ROOT / target).is_file()


def test_no_file_is_too_large_for_a_space():
    listed = run(["git", "ls-files", "-z"], cwd=ROOT).stdout.split("\0")
    assert [name for name in filter(None, listed) if (ROOT / name).stat().st_size > 9e6] == []


TRAINING = README[README.index("## Training") : README.index("## On a Hugging Face Space")]


def lay_out_data(folder) -> None:
    """The tests' recordings in the layouts that the README's training commands name."""
    clips = folder / "cv-corpus-22.0" / "pt" / "clips"
    clips.mkdir(parents=True)
    spoken = recordings_in(RECORDINGS, "pt")
    for split, chosen in (("test", spoken[:2]), ("train", spoken)):
        rows = ["path\tsentence", *(f"{one.path.name}\t{one.reference}" for one in chosen)]
        (clips.parent / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for one in spoken:
        shutil.copy(one.path, clips)
    for split, several in (("train", slice(0, 2)), ("dev", slice(2, 4))):
        rows = {"en_us": [], "ja_jp": []}
        for name, (heard, written) in {"en2ja": ("en_us", "ja_jp"), "ja2en": ("ja_jp", "en_us")}.items():
            for one in recordings_in(RECORDINGS, name)[several]:
                for language, text in ((heard, one.said), (written, one.reference)):
                    rows[language].append(f"{one.path.stem}\t{one.path.name}\t{text}\t\t\t\t\n")
                    audio = folder / "fleurs" / language / "audio" / split
                    audio.mkdir(parents=True, exist_ok=True)
                    shutil.copy(one.path, audio)
        for language, lines in rows.items():
            (folder / "fleurs" / language / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "calls").mkdir()
    turns = []
    for one in recordings_in(RECORDINGS, "diarize"):
        shutil.copy(one.path, folder / "calls")
        for second, turn in enumerate(one.turns):
            place = {"session_id": one.path.stem, "start_time": second, "end_time": second + 1}
            turns.append(place | {"speaker": turn.speaker, "words": turn.text})
    (folder / "calls" / "calls.json").write_text(json.dumps(turns), encoding="utf-8")


def test_the_training_commands_make_checkpoints_of_the_tiny_one(tmp_path, monkeypatch):
    lay_out_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\.venv/bin/python -m (training\.\w+) (.*)$", TRAINING, re.MULTILINE)
    assert len(commands) == 9
    for module, words in commands:
        base = [] if module == "training.prepare" else ["--base", "tiny"]
        assert import_module(module).main([*shlex.split(words), *base]) == 0, words
    for name in ("pt", "translation", "calls"):
        load_recognizer(str(tmp_path / "models" / name))
