"""Break one thing at a time in a module, and show which breaks no test notices: mutation testing.

    python -m tests.support.mutants kikitori/text/faults.py

The breaks are cosmic-ray's. Each runs in a fork of this process, which has the libraries loaded already, so that
it costs little more than the module's own tests. Nothing is written to the source files.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from difflib import unified_diff
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

AUDIO_FILES = " ".join(f"tests/audio/test_{name}.py" for name in ("files", "lengths", "checks", "unusable_files"))
SUBTITLES = " ".join(
    f"tests/output/test_{name}.py" for name in ("line_breaks", "subtitles", "subtitle_times", "arbitrary_subtitles")
)

TESTS = {
    "kikitori/text/confidence.py": "tests/text/test_confidence.py",
    "kikitori/text/error_counts.py": "tests/evaluation/test_evaluation_metrics.py",
    "kikitori/text/faults.py": "tests/text/test_faults.py",
    "kikitori/text/scripts.py": "tests/text/test_scripts.py",
    "kikitori/text/speaker_linking.py": "tests/text/test_speaker_linking.py",
    "kikitori/text/tags.py": "tests/text/test_tags.py tests/test_properties.py",
    "kikitori/audio/pieces.py": "tests/audio/test_windows.py tests/audio/test_pieces.py",
    "kikitori/audio/windows.py": "tests/audio/test_windows.py tests/audio/test_packing.py",
    "kikitori/audio/recutting.py": "tests/audio/test_windows.py tests/audio/test_packing.py",
    "kikitori/audio/channels.py": "tests/audio/test_channels.py",
    "kikitori/audio/vad.py": "tests/audio/test_windows.py",
    "kikitori/audio/resample.py": f"{AUDIO_FILES} -k 'resampled or rate or array or wav or flac or finite'",
    "kikitori/engines/journal.py": "tests/cli/test_resume.py",
    "kikitori/engines/zero_gpu.py": "tests/engines -k 'zero_gpu or refuses or hears or missing'",
    "kikitori/text/context.py": "tests/text/test_context.py",
    "kikitori/text/detected_language.py": "tests/test_any_language.py tests/test_language_check.py",
    "kikitori/text/replacements.py": "tests/text/test_replacements.py",
    "kikitori/language_changes.py": "tests/test_any_language.py -k 'parts or changes'",
    "kikitori/pipeline.py": "tests/test_parsed_windows.py tests/test_pipeline.py tests/test_language_check.py",
    "kikitori/joining.py": "tests/test_parsed_windows.py tests/test_pipeline.py",
    "kikitori/update.py": "tests/test_pipeline.py",
    "kikitori/language_check.py": "tests/test_language_check.py",
    "kikitori/audio/checks.py": f"{AUDIO_FILES} -k 'finite or short or silent or quiet or limit or array "
    "or durations or long or peak or rate or error or header'",
    "kikitori/audio/mixing.py": "tests/audio/test_mixing.py -k 'not m4a'",
    "kikitori/audio/tracks.py": "tests/audio/test_tracks.py",
    "kikitori/audio/files.py": f"tests/audio/test_tracks.py {AUDIO_FILES} "
    "tests/audio/test_damage.py::test_a_file_that_shrinks_while_it_is_read_is_damaged",
    "kikitori/audio/decoders.py": f"tests/audio/test_tracks.py tests/audio/test_damage.py "
    f"tests/audio/test_changed_bytes.py {AUDIO_FILES} -k 'tracks or libsndfile or changed_byte or packet or stands "
    "or joined or FLAC or test_files or test_lengths or test_checks or unusable'",
    "kikitori/audio/frames.py": AUDIO_FILES,
    "kikitori/audio/containers/__init__.py": "tests/audio/test_chunk_sizes.py tests/audio/test_frame_lengths.py "
    "tests/audio/test_frame_streams.py tests/audio/test_damage.py tests/audio/test_changed_bytes.py "
    "-k 'chunk_sizes or frame_ or element or ogg'",
    "kikitori/audio/containers/reader.py": "tests/audio/test_reader.py",
    "kikitori/audio/containers/chunks.py": "tests/audio/test_chunk_sizes.py tests/audio/test_damage.py -k 'chunk_sizes "
    "or [WAV or [RF64 or [W64 or [AIFF or [AU or [CAF or [M4A or [MP4 or [MOV or [3GP or [AVI or [WMA or chunks "
    "or lists or boxes or finished or avi or order or wav'",
    "kikitori/audio/containers/frames.py": "tests/audio/test_frame_lengths.py tests/audio/test_frame_streams.py "
    "tests/audio/test_chunk_sizes.py",
    "kikitori/audio/containers/matroska.py": "tests/audio/test_damage.py -k 'MKV or WebM or webm or element'",
    "kikitori/audio/containers/ogg.py": "tests/audio/test_damage.py tests/audio/test_changed_bytes.py "
    "-k 'Ogg or pages or chained or ogg'",
    "kikitori/server/json_size.py": "tests/server/test_json_size.py",
    "kikitori/output/files.py": "tests/output/test_output_files.py tests/output/test_atomic_files.py",
    "kikitori/output/jsonl.py": "tests/cli/test_resume.py tests/output/test_output_files.py "
    "-k 'journal or half or unchanged or record'",
    "kikitori/output/line_breaks.py": SUBTITLES,
    "kikitori/output/subtitles.py": SUBTITLES,
    "kikitori/output/writers.py": "tests/output/test_writers.py tests/output/test_readers.py tests/test_transcript.py "
    "-k 'writers or readers or suffix or format'",
}
"""Module -> the tests that are to notice a break in it. Slow tests are left out."""

PRELOADED = (
    *("spaces", "torch", "transformers", "qwen_asr", "silero_vad", "gradio", "librosa", "scipy.optimize", "soxr", "av"),
    *("soundfile", "hypothesis.strategies", "_hypothesis_pytestplugin", "httpx", "srt", "pysrt", "webvtt", "jiwer"),
)

PARTNERS = {
    "Comparison": "Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is".split(),
    "Binary": "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr".split(),
    "Unary": "USub_UAdd Delete_Not".split(),
}
"""cosmic-ray puts every operator in every other one's place. Its neighbour and its opposite are enough."""

OPTIONS = "-x -q --assert=plain -p _hypothesis_pytestplugin --hypothesis-seed=0 -p no:cacheprovider -m".split()
OPTIONS += ["not slow and not browser"]

GUARDS = {"strict", "frozen"}
"""Arguments that change nothing in a program without a mistake."""

SECONDS = 30
"""A break that makes the tests compute longer is noticed."""


def mutants(source: str) -> Iterator[str]:
    """Yield the source with one break each, and no two that compile to the same."""
    seen = {_meaning(source)}
    tree = get_ast(source)
    for name in filter(_is_wanted, operator_names()):
        operator = get_operator(name)()
        count = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))
        for occurrence in range(count):
            # cosmic-ray negates assignment expressions without parentheses, and can't replace `except module.Error`
            with suppress(SyntaxError, AttributeError):
                mutant = mutate_code(source, operator, occurrence)
                if (meaning := _meaning(mutant)) not in seen:
                    seen.add(meaning)
                    yield mutant


def _is_wanted(operator: str) -> bool:
    kind, _, pair = operator.removeprefix("core/Replace").partition("Operator_")
    if pair and kind in PARTNERS:
        return pair in PARTNERS[kind]
    return not operator.startswith("core/Variable") and not get_operator(operator).arguments()


def _meaning(source: str) -> str:
    """What a source does: its syntax tree without annotations, which nothing evaluates here, and without GUARDS."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in GUARDS]
    return ast.dump(tree)


class _Finder(MetaPathFinder):
    """Imports one module from another source."""

    def __init__(self, file: str, source: str):
        self._name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self._loader = _Loader(self._name, str(Path(file).resolve()))
        self._loader.source = source

    def find_spec(self, fullname, path, target=None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return spec_from_file_location(fullname, self._loader.path, loader=self._loader)


class _Loader(SourceFileLoader):
    source = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


def passes(file: str, source: str, tests: list[str], is_quiet: bool = True) -> bool:
    """Whether the tests pass with this source in the place of the file's, in a fork of this process."""
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(10 * SECONDS)
        if is_quiet:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
        sys.meta_path.insert(0, _Finder(file, source))
        os._exit(pytest.main([*OPTIONS, *tests]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == pytest.ExitCode.OK


def survivors(file: str, tests: list[str]) -> tuple[int, list[str]]:
    """How many breaks were tried in a module, and the differences that no test noticed."""
    source = Path(file).read_text(encoding="utf-8")
    if not passes(file, source, tests, is_quiet=False):
        sys.exit(f"{file}: its tests fail as it is")
    tried, survived = 0, []
    for mutant in mutants(source):
        tried += 1
        if passes(file, mutant, tests):
            lines = unified_diff(source.splitlines(), mutant.splitlines(), file, file, "", "", 0, "")
            survived.append("\n".join(list(lines)[2:]))
            print(survived[-1], flush=True)
    return tried, survived


def main() -> None:
    """Try all breaks of the named modules, and print what survived and how many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="*", default=list(TESTS), help="modules; all of TESTS without any")
    for library in PRELOADED:
        importlib.import_module(library)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.freeze()  # otherwise each fork would copy what it collects
    for file in parser.parse_args().file:
        tried, survived = survivors(file, shlex.split(TESTS[file]))
        print(f"{file}: {tried} mutants, {tried - len(survived)} killed, {len(survived)} survived", flush=True)


if __name__ == "__main__":
    main()
