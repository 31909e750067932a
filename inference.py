"""Speech to text with three fine-tunes of Qwen3-ASR-1.7B: what a caller imports, and the command line.

    python inference.py audio.wav --direction en2ja

    from inference import load_model, transcribe
    transcript = transcribe(load_model("en2ja"), "audio.wav")

Importing this module, and `--help`, import neither torch nor qwen_asr.
"""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.audio import SAMPLE_RATE, check_waveform, format_duration, load_audio
from speech.errors import AudioError, CheckpointError, DirectionError, SpeechError
from speech.formats import WRITERS, write_atomically
from speech.transcript import Transcript, TranscriptWarning, parse_plain, parse_turns

if TYPE_CHECKING:
    import numpy as np

TINY_FOLDER = Path(__file__).parent / "assets" / "tiny"


@dataclass(frozen=True)
class Checkpoint:
    """Where weights come from: a repository on the Hugging Face hub, or a folder on this machine."""

    repo_id: str = ""
    revision: str = "main"
    folder: Path | None = None

    @property
    def name(self) -> str:
        """What the page and the transcripts call it."""
        if self.folder is None:
            return self.repo_id
        return "tiny" if self.folder == TINY_FOLDER else self.folder.name


@dataclass(frozen=True)
class Direction:
    """One thing the tool does: what is spoken, what is written, and by which checkpoint.

    `language` is the language of the *output*: Qwen3-ASR is told what to write, not what it hears (translation
    card, "How Translation Direction Works").
    """

    name: str
    label: str
    checkpoint: Checkpoint
    language: str
    max_seconds: float
    has_speakers: bool = False


_TRANSLATION = Checkpoint("voiceping-ai/qwen3-asr-ja-en-speech-translation")

DIRECTIONS = {
    direction.name: direction
    for direction in (
        Direction(
            "diarize",
            "Japanese call to a transcript with speakers",
            Checkpoint("okadahiroaki/Qwen3asr_diarization_projembed"),
            "Japanese",
            # The card names no limit. qwen-asr loses text silently past 3 to 4 minutes; past this we refuse.
            max_seconds=180,
            has_speakers=True,
        ),
        # The translation card trained on 0.5 to 30 s, "best performance on audio segments under 30 seconds".
        Direction("en2ja", "English speech to Japanese text", _TRANSLATION, "Japanese", max_seconds=30),
        Direction("ja2en", "Japanese speech to English text", _TRANSLATION, "English", max_seconds=30),
        Direction(
            "pt",
            "Portuguese speech to cased, punctuated text",
            Checkpoint("yuriyvnv/Qwen3-ASR-1.7B-PT"),
            "Portuguese",
            # The card filters by duration without saying at what; Common Voice's clips are far shorter than this.
            max_seconds=30,
        ),
    )
}


@dataclass(frozen=True)
class Model:
    """A loaded checkpoint, ready for one direction. `stock` is a `qwen_asr.Qwen3ASRModel`."""

    direction: Direction
    checkpoint: Checkpoint
    stock: Any

    @property
    def placed(self) -> str:
        """Where it computes and in what, such as `cpu (float32)`."""
        return f"{self.stock.model.device} ({str(self.stock.model.dtype).removeprefix('torch.')})"


def get_direction(name: str) -> Direction:
    """The direction of that name, or a DirectionError that lists those there are."""
    if name not in DIRECTIONS:
        raise DirectionError(f"there is no direction {name!r}: choose one of {', '.join(DIRECTIONS)}")
    return DIRECTIONS[name]


def choose_checkpoint(direction: Direction, choice: str | None = None) -> Checkpoint:
    """What `--checkpoint` means: nothing is the direction's own, `tiny` the embedded one, else a folder."""
    if choice is None:
        return direction.checkpoint
    return Checkpoint(folder=TINY_FOLDER if choice == "tiny" else Path(choice).expanduser().resolve())


def choose_device(device: str | None = None) -> str:
    """`cuda:0` where torch has a CUDA device, else `cpu`; what is asked for comes first."""
    import torch

    if device is None:
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise CheckpointError(f"{device!r} is not a device: use cpu, cuda or cuda:0") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise CheckpointError(f"torch finds no CUDA device for --device {device}: use --device cpu")
    return device


def choose_dtype(device: str):
    """bfloat16, as the cards have it, on CUDA and on processors that compute it natively; else float32.

    Returns a torch dtype.
    """
    import torch

    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.startswith("cuda") or native else torch.float32


_LOADED: dict[tuple, Any] = {}
_LOADING = threading.Lock()


def load_model(direction: str, device: str | None = None, dtype=None, checkpoint: str | None = None) -> Model:
    """Load what a direction needs; each checkpoint is loaded once and kept.

    direction: a key of DIRECTIONS. device: a torch device, by default CUDA where there is one. dtype: a torch dtype,
    by default `choose_dtype`. checkpoint: None for the direction's own from the hub, `tiny`, or a folder.
    Raises DirectionError or CheckpointError.
    """
    chosen = get_direction(direction)
    source = choose_checkpoint(chosen, checkpoint)
    device = choose_device(device)
    dtype = dtype or choose_dtype(device)
    with _LOADING:
        key = (source, device, dtype)
        if key not in _LOADED:
            _LOADED[key] = _load(source, device, dtype)
        model = Model(chosen, source, _LOADED[key])
    if chosen.has_speakers:
        check_speaker_tokens(model.stock.processor.tokenizer, source.name)
    return model


def _load(checkpoint: Checkpoint, device: str, dtype):
    from safetensors import SafetensorError

    from speech.decoding import load_stock_model

    folder = checkpoint_folder(checkpoint)
    try:
        return load_stock_model(str(folder), dtype, device)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(
            f"{checkpoint.name} ({folder}) could not be loaded as a Qwen3-ASR checkpoint: "
            f"{_first_line(error)}; fetch it again, or use --checkpoint tiny"
        ) from error


def checkpoint_folder(checkpoint: Checkpoint) -> Path:
    """The folder that holds a checkpoint's files, fetched from the hub into its cache where need be.

    The whole snapshot is taken at one revision, because `Qwen3ASRModel.from_pretrained` passes a revision on to the
    weights but not to the processor. Only JSON, text and safetensors files are taken. Raises CheckpointError.
    """
    if checkpoint.folder is not None:
        if not (checkpoint.folder / "config.json").is_file():
            raise CheckpointError(
                f"{checkpoint.folder} is not a checkpoint folder (it has no config.json): "
                "give the folder that holds config.json and *.safetensors, or use --checkpoint tiny"
            )
        return checkpoint.folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from requests import RequestException

    try:
        return Path(
            snapshot_download(
                checkpoint.repo_id,
                revision=checkpoint.revision,
                allow_patterns=["*.json", "*.txt", "*.jinja", "*.safetensors"],
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RequestException, OSError) as error:
        raise CheckpointError(
            f"{checkpoint.repo_id} (revision {checkpoint.revision}) is neither in this machine's Hugging Face cache "
            f"nor to be had from the hub ({type(error).__name__}): log in with `hf auth login` if it asks for it, "
            f"fetch it with `hf download {checkpoint.repo_id}`, give its folder with --checkpoint FOLDER, "
            "or try the small embedded model with --checkpoint tiny"
        ) from error


def check_speaker_tokens(tokenizer, name: str) -> None:
    """Raise CheckpointError unless `<|spk_0|>` and `<|spk_1|>` are tokens that decoding keeps.

    qwen-asr decodes with `skip_special_tokens=True`: a special speaker token would vanish from every transcript.
    """
    added = tokenizer.get_added_vocab()
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    for tag in ("<|spk_0|>", "<|spk_1|>"):
        if tag not in added or tag in special:
            state = "has no token" if tag not in added else "registers as special the token"
            raise CheckpointError(
                f"{name} {state} {tag}, so it can't mark speakers: use okadahiroaki/Qwen3asr_diarization_projembed "
                "or --checkpoint tiny for --direction diarize"
            )


def transcribe(model: Model, audio: str | Path | np.ndarray, name: str | None = None) -> Transcript:
    """Turn one recording into text.

    audio: a local file in any format `load_audio` reads, or a float32 mono 16 kHz waveform (samples,) in [-1, 1].
    name: what the transcript and the errors call the recording; by default the file's name.
    Raises AudioError for a recording that can't be used, longer ones than the direction takes included.
    """
    from speech.decoding import decode

    direction = model.direction
    waveform, name = prepare_audio(direction, audio, name)
    decoded = decode(model.stock, waveform, direction.language)
    turns, warnings = (parse_turns if direction.has_speakers else parse_plain)(decoded.text)
    if not decoded.ended:
        warnings += (
            TranscriptWarning("budget", "the model did not come to an end; the text may be a loop or lack its end"),
        )
    if not turns:
        warnings += (TranscriptWarning("no_speech", "the model found no speech in this recording"),)
    return Transcript(
        audio=name,
        turns=turns,
        direction=direction.name,
        language=direction.language,
        checkpoint=model.checkpoint.name,
        duration_seconds=round(len(waveform) / SAMPLE_RATE, 3),
        raw_text=decoded.text,
        warnings=warnings,
    )


def prepare_audio(
    direction: Direction, audio: str | Path | np.ndarray, name: str | None = None
) -> tuple[np.ndarray, str]:
    """The waveform of a recording that the direction can take, and its name; AudioError for any other."""
    if isinstance(audio, (str, Path)):
        return load_audio(audio, max_seconds=direction.max_seconds), name or Path(audio).name
    name = name or "recording"
    return check_waveform(audio, name, direction.max_seconds), name


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


# The command line

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
INCOMPLETE = {"budget"}
"""Kinds of warnings that mean that text may be missing."""


def build_parser() -> argparse.ArgumentParser:
    """The options, named as whisper's command line names them; hyphens are accepted for underscores."""
    parser = argparse.ArgumentParser(
        prog="inference.py",
        description="Speech to text: Japanese calls with speakers, English to Japanese and back, Portuguese.",
        epilog="Exit codes: 0 all done, 1 a file failed, 2 wrong usage, 3 a result is incomplete, 130 interrupted.",
    )
    parser.add_argument("audio", nargs="+", help="recordings: wav, flac, ogg, mp3, m4a, mp4, webm and more")
    parser.add_argument(
        "--direction",
        required=True,
        choices=list(DIRECTIONS),
        help="; ".join(f"{direction.name}: {direction.label}" for direction in DIRECTIONS.values()),
    )
    parser.add_argument("--checkpoint", help="`tiny` for the embedded model, or a folder (default: the hub's)")
    parser.add_argument("--device", help="cpu, cuda, cuda:0 … (default: cuda where there is one)")
    parser.add_argument(
        "-f", "--output_format", "--output-format", choices=list(WRITERS), default="txt", help="default: txt"
    )
    parser.add_argument(
        "-o", "--output_dir", "--output-dir", type=Path, help="write <name>.<format> there, not to standard output"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Transcribe the files named on the command line; results on stdout, progress and errors on stderr."""
    parser = build_parser()
    options = parser.parse_args(argv)
    outputs = [Path(audio).stem for audio in options.audio]
    if options.output_dir and len(set(outputs)) < len(outputs):
        twice = next(stem for stem in outputs if outputs.count(stem) > 1)
        parser.error(f"two recordings would both be written to {twice}.{options.output_format}: rename one")
    try:
        return _run(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SpeechError as error:
        _say(f"error: {error}")
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    model = load_model(options.direction, options.device, checkpoint=options.checkpoint)
    _say(f"{model.direction.label}, by {model.checkpoint.name} on {model.placed}")
    failed = incomplete = False
    for number, audio in enumerate(options.audio, start=1):
        try:
            transcript = transcribe(model, audio)
            _deliver(options, Path(audio), transcript)
        except AudioError as error:
            _say(f"error: {error}")
            failed = True
            continue
        _say(f"{number} of {len(options.audio)}: {audio}, {format_duration(transcript.duration_seconds)}")
        for warning in transcript.warnings:
            _say(f"warning: {Path(audio).name}: {warning.message}")
            incomplete = incomplete or warning.kind in INCOMPLETE
    return EXIT_FAILED if failed else EXIT_INCOMPLETE if incomplete else EXIT_DONE


def _deliver(options: argparse.Namespace, audio: Path, transcript: Transcript) -> None:
    text = WRITERS[options.output_format](transcript)
    if options.output_dir is None:
        if len(options.audio) > 1 and options.output_format == "txt":
            print(f"==> {audio} <==")  # as head and tail mark their files
        print(text, end="", flush=True)
        return
    path = options.output_dir / f"{audio.stem}.{options.output_format}"
    options.output_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    _say(f"written: {path}")


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
