"""Options of the command line: wrong usage, contexts, rules, weights, checkpoints, and what is added to a text."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import kikitori
from kikitori.cli import attempt, models
from kikitori.cli.options import parse_options
from kikitori.cli.report import TextReport
from kikitori.cli.run import EXIT_INTERRUPTED
from kikitori.tasks import TINY, TINY_ALIGNER
from kikitori.transcribe import stream
from kikitori.transcript import Transcript
from tests.support.command_line import CLIP_TEXTS, CLIPS
from tests.support.recordings import one_recording, who_said_what


def test_a_revision_pins_the_checkpoint(run):
    """A revision that this machine's cache does not have can't be loaded, whatever else it has."""
    done = run(one_recording("pt").path, "--direction", "pt", "--revision", "v1.2")
    assert done.returncode == 1
    assert "yuriyvnv/Qwen3-ASR-1.7B-PT (revision v1.2) is not in this machine's Hugging Face cache" in done.stderr


def test_a_folder_without_a_checkpoint_is_one_sentence(run, tmp_path):
    done = run(one_recording("pt").path, "--direction", "pt", "--checkpoint", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"loading the checkpoint {tmp_path.name}",
        f"error: {tmp_path} is not a checkpoint folder (it has no config.json): "
        "give the folder that holds config.json and *.safetensors, or use the checkpoint tiny",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a.wav"], "--direction"),
        (["a.wav", "--direction", "fr"], "invalid choice: 'fr'"),
        (["--direction", "pt"], "audio"),
        (["a.wav", "--direction", "pt", "--resume"], "--resume has no effect without --output_dir: name the folder"),
        (["a.wav", "--direction", "pt", "--skip-existing"], "--skip_existing has no effect without --output_dir"),
        (["a.wav", "--direction", "pt", "--recursive"], "--recursive has no effect without a folder: name the folder"),
        (
            ["a.wav", "b.wav", "--direction", "pt", "-f", "srt"],
            "one srt file holds one recording: use --output_dir for several",
        ),
        (["a.wav", "--direction", "pt", "-f", "all"], "name a folder with --output_dir"),
        (["a.wav", "--direction", "en2ja", "--source"], "--source has no effect in txt: use -f json, srt, vtt, tsv"),
        (
            ["a.wav", "--direction", "pt", "--source", "-f", "srt"],
            "--source has no effect on pt: use --direction en2ja or ja2en, or leave it out",
        ),
        (["a.wav", "--direction", "en2ja", "--align"], "--align has no effect on en2ja: use --direction diarize or pt"),
        (
            ["a.wav", "--direction", "pt", "--align"],
            "--align has no effect in txt: use -f srt, vtt, tsv, json, rttm",
        ),
        (
            ["a.wav", "--direction", "pt", "--stereo"],
            "--stereo has no effect on pt: use --direction diarize, or",
        ),
        (
            ["a.wav", "--direction", "en2ja", "--no-stereo"],
            "--stereo has no effect on en2ja: use --dir",
        ),
        (["a.wav", "--direction", "pt", "--max_line_width", "9"], "--max_line_width has no effect in txt: use -f srt"),
        (["a.wav", "--direction", "pt", "--max-line-count", "1", "-f", "json"], "--max_line_count has no effect in js"),
        (["a.wav", "--direction", "pt", "--max_seconds", "0"], "'0' is not a number above 0"),
        (["a.wav", "--direction", "pt", "--max_line_width", "1.5"], "'1.5' is not a whole number above 0"),
        (["quantize", "tiny", "out"], "there is no command quantize: did you mean quantise?"),
        (["a.wav", "--direction", "pt", "--context", "a", "--context_file", "b"], "can't both be given: leave one out"),
        (
            ["a.wav", "--direction", "pt", "--replace", "Ana"],
            "`Ana` is not a rule for replacements: write old=new",
        ),
        (["a.wav", "--direction", "pt", "--context", "Ana <|audio_pad|>"], "the context contains <|audio_pad|>, which"),
        (["a.wav", "--direction", "pt", "--revision", "someone/else=v1"], "the revision someone/else=v1 does not"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(run, arguments, complaint):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_context_is_sent_from_an_option_or_a_file(tiny, monkeypatch, tmp_path):
    sent = []
    monkeypatch.setattr(attempt, "stream", lambda *audio, **options: sent.append(options) or stream(*audio, **options))
    (tmp_path / "names.txt").write_bytes("\ufeffHelena\r\nSão João\n".encode())
    clip = one_recording("pt")
    for options in (["--context", "Helena"], ["--context-file", tmp_path / "names.txt"], []):
        assert tiny("pt", clip.path, *options).returncode == 0
    assert [one["context"] for one in sent] == ["Helena", "Helena\r\nSão João", ""]


def test_rules_of_a_file_come_before_those_of_options(tiny, tmp_path):
    (tmp_path / "rules.txt").write_text("# names\n\nFernando = Fernanda\n", encoding="utf-8")
    rules = ["--replace", "Fernanda=Helena", "--replace_file", tmp_path / "rules.txt", "--replace", "dia="]
    done = tiny("pt", one_recording("pt").path, *rules, "-f", "json")
    transcript = json.loads(done.stdout)
    assert transcript["text"] == "Bom, eu sou Helena."
    assert transcript["replacements"] == [["Fernando", "Fernanda"], ["Fernanda", "Helena"], ["dia", ""]]


def test_a_rule_that_makes_a_text_too_long_is_an_error_of_that_recording(tiny, two_clips):
    steps = ((CLIP_TEXTS[0], "a"), ("a", "b"))
    rules = [f"--replace={old}={' '.join([new] * 100)}" for old, new in steps]
    done = tiny("pt", *two_clips, *rules)
    assert done.returncode == 1
    assert f"error: {two_clips[0]}: the rule a=b b b" in done.stderr
    assert CLIP_TEXTS[1] in done.stdout


@pytest.mark.parametrize("option", ["--context_file", "--replace_file"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "names.txt does not exist: check the path"),
        ("folder", "names.txt cannot be opened (Is a directory): check the path"),
        (b"S\xe3o", "names.txt is not text in UTF-8: save it in that encoding"),
        (b"a" * 1_000_001, "names.txt has more than 1000000 bytes: shorten it, or choose another file"),
    ],
    ids=["missing", "folder", "Latin-1", "large"],
)
def test_a_text_file_that_is_no_use_is_one_sentence(tiny, tmp_path, monkeypatch, option, content, complaint):
    monkeypatch.chdir(tmp_path)
    if content == "folder":
        Path("names.txt").mkdir()
    elif content:
        Path("names.txt").write_bytes(content)
    done = tiny("pt", one_recording("pt").path, option, "names.txt")
    assert done.returncode == 2
    assert complaint in done.stderr


def test_the_version_is_that_of_the_package(run):
    assert (run("--version").stdout) == f"kikitori {kikitori.__version__}\n"


@pytest.mark.slow
def test_a_checkpoint_is_quantised_and_then_needs_no_option(run, tmp_path):
    """Its texts are those that were spoken, and other weights are another job for `--resume`."""
    clip, folder, output = CLIPS[0], tmp_path / "small", tmp_path / "out"
    assert run("quantise", "tiny", folder, "--weights", "int4").returncode == 0
    for chosen, weights in ((("tiny", "--weights", "int8"), "int8"), ((folder,), "int4")):
        done = run(clip.path, "--direction", "pt", "--no_language_check", "--checkpoint", *chosen)
        assert (done.returncode, done.stdout) == (0, f"{clip.reference}\n")
        assert f", {weights} weights)\n" in done.stderr
    words = [clip.path, "--direction", "pt", "--no_language_check", "--checkpoint", "tiny", "-o", output]
    jobs = [parse_options([*map(str, words), *option]) for option in ([], ["--weights", "int8"])]
    exact, quantised = (models.load_run(options, TextReport()).job for options in jobs)
    assert exact != quantised


def test_weights_that_do_not_fit_are_an_error(run, tmp_path):
    folder = tmp_path / "small"
    assert run("quantise", "tiny", folder).returncode == 0
    again = run("quantise", "tiny", folder)
    assert (again.returncode, again.stderr) == (1, f"error: {folder} exists already: name a new folder\n")
    done = run(CLIPS[0].path, "--direction", "pt", "--checkpoint", folder, "--weights", "int4")
    assert done.returncode == 1
    assert f"error: {folder} holds int8 weights, and int4 ones can't be made from them: leave" in done.stderr
    twice = run("quantise", folder, tmp_path / "out")
    assert (twice.returncode, twice.stderr) == (
        1,
        f"error: {folder} is quantised already (int8 weights): use it as it is, or give the folder that it was made "
        "from\n",
    )
    nowhere = run("quantise", tmp_path / "nowhere", tmp_path / "out")
    assert nowhere.returncode == 1 and "does not exist: give the folder" in nowhere.stderr


def test_a_name_that_no_new_folder_can_have_is_an_error(run, tmp_path):
    link, long = tmp_path / "link", tmp_path / ("a" * 300)
    link.symlink_to("nowhere")
    assert run("quantise", "tiny", link).stderr == f"error: {link} exists already: name a new folder\n"
    done = run("quantise", "tiny", long)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {long} cannot be written (File name too long): choose another folder\n",
    )


def test_a_full_disk_leaves_no_part_of_quantised_weights(run, tmp_path):
    """A limit for the size of a file is the full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        done = run("quantise", "tiny", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    reason = "cannot be written (File too large): free some space, or choose another folder"
    assert (done.returncode, done.stderr) == (1, f"error: {tmp_path / 'out'} {reason}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("config", ["{", "[]", '{"model_type": "qwen3_asr", "thinker_config": null}'])
def test_a_damaged_folder_is_not_quantised(run, tmp_path, config):
    folder = shutil.copytree(TINY.folder, tmp_path / "mine")
    (folder / "config.json").write_text(config)
    done = run("quantise", folder, tmp_path / "out")
    assert done.returncode == 1 and done.stderr.startswith(f"error: mine ({folder}) can't be loaded as a Qwen3-ASR")
    assert done.stderr.count("\n") == 1 and [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_an_interrupt_leaves_no_part_of_quantised_weights(run, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "copyfile", lambda *paths: signal.raise_signal(signal.SIGTERM))
    assert run("quantise", "tiny", tmp_path / "out").returncode == EXIT_INTERRUPTED
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_times_are_measured_with_align(tiny):
    assert_aligned(tiny("diarize", one_recording("diarize").path, "--align", "-f", "json"))


def assert_aligned(done: CompletedProcess) -> None:
    assert done.returncode == 0, done.stderr
    transcript, recording = Transcript.from_dict(json.loads(done.stdout)), one_recording("diarize")
    assert who_said_what(transcript.turns) == who_said_what(recording.turns)
    assert {turn.timing for turn in transcript.turns} == {"aligned"}
    starts = [turn.start_seconds for turn in transcript.turns]
    assert starts == sorted(set(starts))


def test_source_adds_the_spoken_words_below_their_translation(tiny):
    recording = one_recording("en2ja")
    done = tiny("en2ja", recording.path, "--source", "-f", "srt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:4] == [recording.reference, recording.said]
    assert "note: " in done.stderr and "--align" not in done.stderr  # which translations can't have


@pytest.fixture
def folders(tmp_path):
    """Copies of the embedded checkpoints, as a user without a network has the real ones."""
    copies = {name: TINY.folder for name in ("translation", "diarize")} | {"aligner": TINY_ALIGNER.folder}
    return {name: shutil.copytree(folder, tmp_path / f"my_{name}") for name, folder in copies.items()}


@pytest.mark.slow
def test_a_folder_serves_the_direction_only(run, folders):
    """Words spoken in Japanese are written by another checkpoint, which the hub has and this machine has not."""
    recording = one_recording("ja2en")
    alone = run(recording.path, "--direction", "ja2en", "--checkpoint", folders["translation"])
    assert (alone.returncode, alone.stdout) == (0, recording.reference + "\n")
    assert "note: the language is not checked, as with --no_language_check: Qwen/Qwen3-ASR-1.7B" in alone.stderr
    done = run(*alone.args, "--source", "-f", "json")
    assert (done.returncode, done.stdout) == (1, "")
    hub = "okadahiroaki/Qwen3asr_diarization_projembed"
    assert done.stderr.splitlines()[:2] == [
        "loading the checkpoint my_translation",
        f"loading the checkpoint {hub} from the hub for --source (to load another: --checkpoint diarize=FOLDER)",
    ]
    assert f"error: {hub} (revision main) is not in this machine's Hugging Face cache" in done.stderr


@pytest.mark.slow
def test_folders_given_by_name_need_no_network(run, folders):
    translation, diarize, aligner = (f"{name}={folders[name]}" for name in ("translation", "diarize", "aligner"))
    recording = one_recording("ja2en")
    arguments = ["--direction", "ja2en", "--checkpoint", translation, "--checkpoint", diarize, "--source", "-f", "srt"]
    done = run(recording.path, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:4] == [recording.reference, recording.said]
    arguments = ["--direction", "diarize", "--checkpoint", diarize, "--checkpoint", aligner, "--align", "-f", "json"]
    assert_aligned(run(one_recording("diarize").path, *arguments))
