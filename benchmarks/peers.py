"""Speed and memory of programs that run the same model on a CPU: `python -m benchmarks.peers --shape 1.7b`.

Kikitori in each format, the unchanged qwen-asr, and transcribe.cpp, which has its own files: its repository's converter
and quantiser write them from the same random weights. Each run is a process of its own that hears one clip of 30 s.
The programs run in turns on a machine that does nothing else, and figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import torch

from benchmarks.decode import LANGUAGE, sounds, timed, weight_bytes
from benchmarks.qwen_generate import generate_with_qwen
from benchmarks.shapes import SHAPES
from benchmarks.weights import in_turns, load, peak_bytes, read_bandwidth, table, write_checkpoint
from kikitori.model.batch import embed_prompts
from kikitori.model.checkpoints import choose_dtype
from kikitori.model.generate import decode
from kikitori.model.quantised_checkpoint import quantise_folder
from kikitori.model.qwen import build_prompt, load_qwen_model
from kikitori.tasks import FORMATS, Checkpoint

CPU = torch.device("cpu")
BUSY_SECONDS, BUSY_PERCENT = 5, 5
TRANSCRIBE_CPP_FORMATS = ("BF16", "Q8_0", "Q4_K_M")
ROWS = {
    "encoder": ("features and encoder, s", ".2f"),
    "prefill": ("prompt, s", ".2f"),
    "step": ("ms per token", ".0f"),
    "speed": ("tokens/s", ".1f"),
    "share": ("share of the bandwidth for reading", ".0%"),
    "whole": ("clip of 30 s, sound to text, s", ".1f"),
    "peak": ("peak memory of the process, GB", ".1f"),
}
"""Key of a run's record -> the row's label and the form of its figures."""


def record(encoder: float, first: float, step: float, tokens: int, read: int) -> dict[str, float]:
    """Return a run's record: the keys of ROWS.

    encoder, first: seconds until the clip is encoded, and until the first token. step: seconds per further token.
    tokens: of the text. read: bytes of matrices that a step reads.
    """
    peak = peak_bytes() / 1e9  # before the bandwidth is measured, which takes memory too
    return {
        "encoder": encoder,
        "prefill": first - encoder,
        "step": step * 1e3,
        "speed": 1 / step,
        "share": read / step / read_bandwidth(),
        "whole": first + (tokens - 1) * step,
        "peak": peak,
    }


@torch.inference_mode()
def run_kikitori(folder: Path, weights: str, tokens: int) -> dict[str, float]:
    """Measure this project. weights: a format, or a dtype for exact weights."""
    recognizer = load(folder, weights)
    clip, _ = sounds(fixed=True, windows=1)
    prompt = recognizer.prompt_ids(build_prompt(recognizer.qwen, LANGUAGE))

    def decoding(most: int) -> float:
        return timed(CPU, lambda: decode(recognizer, [clip], LANGUAGE, lambda text: False, max_tokens=most))

    decoding(2)  # warm
    encoder = timed(CPU, lambda: embed_prompts(recognizer, [clip], *prompt))
    first, whole = decoding(1), decoding(tokens)
    return record(encoder, first, (whole - first) / (tokens - 1), tokens, weight_bytes(recognizer))


@torch.inference_mode()
def run_qwen_asr(folder: Path, dtype: str, tokens: int) -> dict[str, float]:
    """Measure the unchanged qwen-asr."""
    qwen = load_qwen_model(str(folder), getattr(torch, dtype), "cpu")
    clip, _ = sounds(fixed=True, windows=1)

    def encode() -> None:
        inputs = qwen.processor(text=[build_prompt(qwen, LANGUAGE)], audio=[clip], return_tensors="pt", padding=True)
        features = inputs["input_features"].to(qwen.model.dtype)
        qwen.model.thinker.get_audio_features(features, feature_attention_mask=inputs["feature_attention_mask"])

    def decoding(most: int) -> float:
        return timed(CPU, lambda: generate_with_qwen(qwen, clip, LANGUAGE, most, ends_itself=False))

    decoding(2)  # warm
    encoder, first, whole = timed(CPU, encode), decoding(1), decoding(tokens)
    text = qwen.model.thinker.model
    read = sum(weights.nbytes for weights in text.parameters() if weights.dim() == 2)  # the head is tied
    return record(encoder, first, (whole - first) / (tokens - 1), tokens, read)


def run_transcribe_cpp(file: Path, _: str, tokens: int) -> dict[str, float]:
    """Measure transcribe.cpp through its Python package. Its texts end at a limit of its own; `tokens` are counted."""
    import transcribe_cpp
    from gguf import GGUFReader

    # Random weights repeat a token, which it takes for a fault.
    os.environ |= {"TRANSCRIBE_PERF_DEBUG": "1", "TRANSCRIBE_NO_REPETITION_GUARD": "1"}
    said: list[str] = []
    transcribe_cpp.set_log_callback(lambda level, message: said.append(message))
    clip, _ = sounds(fixed=True, windows=1)
    threads = torch.get_num_threads()
    with transcribe_cpp.Model(str(file), backend="cpu") as model, model.session(n_threads=threads) as session:
        with file.open("rb") as weights:  # it maps the file, whose first use would read the disk
            while weights.read(1 << 26):
                pass
        with suppress(transcribe_cpp.OutputTruncated):  # random weights never end a text
            session.run(clip, language="pt")
    spent = {name: float(ms) / 1e3 for name, ms in re.findall(r"^ +(\w+) +([\d.]+) ms", "\n".join(said), re.M)}
    encoder = spent["mel"] + spent["enc_build"] + spent["enc_compute"] + spent["enc_d2h"]
    prefill = spent["prefill_build"] + spent["prefill_compute"] + spent["prefill_logits"]
    steps = int(re.search(r"\((\d+) steps", "\n".join(said))[1])
    tensors = [tensor for tensor in GGUFReader(file).tensors if tensor.name.startswith("dec.")]
    read = sum(int(tensor.n_bytes) for tensor in tensors if len(tensor.shape) == 2)
    return record(encoder, encoder + prefill, spent["step_loop"] / steps, tokens, read)


RUNS = {"kikitori": run_kikitori, "qwen-asr": run_qwen_asr, "transcribe.cpp": run_transcribe_cpp}


def transcribe_cpp_files(repository: Path, checkpoint: Path) -> dict[str, Path]:
    """Write transcribe.cpp's files of a checkpoint. Returns the path of each of its formats.

    repository: a clone in which `transcribe-quantize` has been built.
    """
    quantiser = next(repository.glob("**/bin/transcribe-quantize"), None)
    if quantiser is None:
        raise SystemExit(f"There is no bin/transcribe-quantize in {repository}. See docs/benchmarks.md.")
    files = {name: checkpoint.with_name(f"{name}.gguf") for name in TRANSCRIBE_CPP_FORMATS}
    exact = files["BF16"]
    converter = repository / "scripts" / "convert-qwen3_asr.py"
    subprocess.run(
        [sys.executable, converter, checkpoint, exact, "--repo-id", "Qwen/Qwen3-ASR-1.7B"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for name, file in files.items():
        if file != exact:
            subprocess.run([quantiser, exact, file, "--quant", name], check=True, stdout=subprocess.DEVNULL)
    return files


def columns(folder: Path, repository: Path | None) -> Iterator[tuple[str, tuple[str, Path, str]]]:
    """Write the files that the programs read. Yields each column's name and its key of RUNS, file and format.

    folder: a checkpoint, next to which the files are written. repository: of transcribe.cpp; None leaves it out.
    """
    exact = str(choose_dtype("cpu", Checkpoint(folder=folder))).removeprefix("torch.")
    yield f"qwen-asr, {exact}", ("qwen-asr", folder, exact)
    yield f"Kikitori, {exact}", ("kikitori", folder, exact)
    for name in FORMATS:
        quantise_folder(folder, folder.with_name(name), name, "benchmarks.peers")
        yield f"Kikitori, {name}", ("kikitori", folder.with_name(name), name)
    if repository:
        for name, file in transcribe_cpp_files(repository, folder).items():
            yield f"transcribe.cpp, {name}", ("transcribe.cpp", file, name)


def check_quiet() -> None:
    """Raise SystemExit if other programs keep the processors busy."""
    percent = psutil.cpu_percent(BUSY_SECONDS)
    if percent > BUSY_PERCENT:
        raise SystemExit(
            f"Other programs use {percent:.0f} % of the processors, more than {BUSY_PERCENT} %. Stop them."
        )


def main(argv: list[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="1.7b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64, help="of the text (default: %(default)s)")
    parser.add_argument("--transcribe-cpp", type=Path, help="clone of its repository, with its quantiser built")
    parser.add_argument("--once", nargs=3, metavar=("PROGRAM", "FILE", "FORMAT"), help="one run; print it as JSON")
    options = parser.parse_args(argv)
    if options.once:
        program, file, form = options.once
        print(json.dumps(RUNS[program](Path(file), form, options.tokens)))
        return 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "random"
        write_checkpoint(folder, options.shape)
        runs = dict(columns(folder, options.transcribe_cpp))
        check_quiet()
        versions = f"{torch.get_num_threads()} threads, torch {torch.__version__}, {datetime.date.today()}"
        print(f"{options.shape}, {versions}\n")
        commands = {
            name: ["benchmarks.peers", "--once", *run, "--tokens", options.tokens] for name, run in runs.items()
        }
        for line in table(in_turns(commands, options.rounds), ROWS):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
