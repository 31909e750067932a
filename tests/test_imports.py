"""Imports point down, there is no circle, and what must be instant pulls in nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from benchmarks.served import ROOT
from kikitori.waiting import SPINS, spin_briefly

HEAVY = ("torch", "qwen_asr", "transformers", "gradio", "librosa", "soundfile", "av", "soxr", "huggingface_hub")
FLOORS = (
    ("app", "inference", "kikitori.__main__"),
    ("kikitori.api", "kikitori.batch", "kikitori.cli", "kikitori.page", "kikitori.server"),
    ("kikitori.live",),
    ("kikitori.transcribe",),
    ("kikitori.pipeline", "kikitori.translate_turns"),
    ("kikitori.joining", "kikitori.language_changes", "kikitori.language_check"),
    ("kikitori.job",),
    ("kikitori.engines",),
    ("kikitori.model", "kikitori.audio", "kikitori.text", "kikitori.output"),
    ("kikitori.peaks", "kikitori.result", "kikitori.tasks", "kikitori.update"),
    ("kikitori.timing",),
    ("kikitori.transcript",),
    ("kikitori.errors", "kikitori.languages", "kikitori.processes", "kikitori.strings", "kikitori.waiting"),
)
"""From the top down: a file may import its own floor and those below it."""
METHODS_THAT_WRITE = {"kikitori.transcript": {"kikitori.output.writers"}}
"""The one exception. Users look for `save` and `to_srt` on Transcript, and the writers have to know Transcript. Its
methods import the writers when they are called, so loading the modules makes no circle.
"""
TOOLS = ("evaluation", "training", "benchmarks")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*ROOT.glob("*.py"), *(path for name in ("kikitori", *TOOLS) for path in ROOT.glob(f"{name}/**/*.py"))]
}


def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it, under full names; of ours those that are files."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= below & FILES.keys() or {node.module}
    return names


def imports_for_layers(name: str) -> set[str]:
    """The modules that a file imports, without the exceptions."""
    return imports(FILES[name]) - METHODS_THAT_WRITE.get(name, set())


def floor(module: str) -> int | None:
    """A module's floor, counted from the top; None for the package itself and for what is not ours."""
    for number, rooms in enumerate(FLOORS):
        if any(module == room or module.startswith(f"{room}.") for room in rooms):
            return number
    return None


def test_every_file_has_a_floor():
    without = [name for name in FILES if not name.startswith(TOOLS) and floor(name) is None]
    assert without == ["kikitori"]


@pytest.mark.slow
def test_imports_point_down():
    up = [
        f"{name} -> {other}"
        for name in FILES
        for other in imports_for_layers(name)
        if floor(name) is not None and floor(other) is not None and floor(other) < floor(name)
    ]
    assert up == []


def test_nothing_installed_imports_the_tools_or_the_entries():
    entries = (*TOOLS, "app", "inference", "tests")
    wrong = [
        f"{name} -> {other}"
        for name, path in FILES.items()
        if name.startswith("kikitori")
        for other in imports(path)
        if other.partition(".")[0] in entries
    ]
    assert wrong == []


@pytest.mark.slow
def test_there_is_no_circle():
    graph = {name: imports_for_layers(name) & FILES.keys() for name in FILES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(FILES)  # raises CycleError


@pytest.mark.slow
def test_qwen_asr_is_imported_in_three_files():
    users = {name for name, path in FILES.items() if any(one.partition(".")[0] == "qwen_asr" for one in imports(path))}
    assert {name for name in users if name.startswith("kikitori")} == {
        f"kikitori.model.{name}" for name in ("qwen", "qwen_imports", "aligner")
    }


@pytest.mark.slow
def test_gradio_appears_in_the_page_only():
    users = {name for name, path in FILES.items() if any(one.partition(".")[0] == "gradio" for one in imports(path))}
    assert all(name == "app" or name.startswith("kikitori.page.") for name in users)


@pytest.mark.slow
def test_only_batches_fetch_what_a_user_names():
    """A visitor's words reach no code that fetches: neither the page nor the API has a way to a batch."""
    assert {name for name in FILES if name.startswith("kikitori") and "fsspec" in imports(FILES[name])} == {
        "kikitori.batch.remote"
    }
    users = {name for name in FILES if any(one.startswith("kikitori.batch") for one in imports(FILES[name]))}
    assert not any(name.startswith(("app", "kikitori.page", "kikitori.api", "kikitori.server")) for name in users)


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "import inference",
        "import kikitori",
        "import kikitori.transcript, kikitori.output.writers, kikitori.errors, kikitori.audio.files",
        "import evaluation.scoring",
        "import sys; sys.argv = ['inference.py', '--help']\n"
        "try: import runpy; runpy.run_path('inference.py', run_name='__main__')\nexcept SystemExit: pass",
    ],
    ids=["inference", "package", "writing", "scoring", "help"],
)
def test_nothing_heavy_is_imported(statement):
    code = f"{statement}\nimport sys\nprint('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


def test_threads_spin_briefly_unless_their_user_has_chosen():
    for chosen in ({"GOMP_SPINCOUNT": "5"}, {"OMP_WAIT_POLICY": "ACTIVE"}):
        environ = dict(chosen)
        spin_briefly(environ)
        assert environ == chosen
    environ = {}
    spin_briefly(environ)
    assert environ == {"GOMP_SPINCOUNT": SPINS}
    assert {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys(), "the package has chosen for this process"


@pytest.mark.slow
def test_qwen_asr_is_imported_without_what_jobs_do_not_use():
    """It takes more than half of the time; whoever needs the rest still gets it."""
    code = """
import sys, torch
from kikitori.model.qwen_imports import import_qwen_asr
from kikitori.model.recognizer import load_recognizer
from kikitori.tasks import TINY
load_recognizer(str(TINY.folder), weights="int8")
qwen_asr = import_qwen_asr()
unused = ("sklearn", "scipy", "nagisa", "sympy", "torch._dynamo", "torch.distributed.tensor")
print([name for name in unused if name in sys.modules], torch.distributed.is_available())
import sklearn, scipy.optimize
from transformers.masking_utils import TransformGetItemToIndex
with TransformGetItemToIndex():
    print(torch.compile(torch.negative, backend="eager")(torch.tensor(-3)).item())
print(qwen_asr.inference.qwen3_forced_aligner.nagisa.tagging("駅はどこ").words)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-3:] == ["[] True", "3", "['駅', 'は', 'どこ']"], done.stderr


@pytest.mark.slow
def test_a_process_that_shares_a_model_with_others_has_distributed_tensors():
    code = """
from kikitori.model.qwen_imports import import_qwen_asr
import_qwen_asr()
from transformers.modeling_utils import DTensor
print(DTensor.__module__)
"""
    environ = os.environ | {"WORLD_SIZE": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environ)
    assert done.stdout.split() == ["torch.distributed.tensor"], done.stderr
