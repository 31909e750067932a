"""Imports point one way, and what must be instant pulls in nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

HEAVY = ("torch", "qwen_asr", "transformers", "gradio", "librosa", "soundfile", "av", "soxr", "huggingface_hub")
MAY_IMPORT = {
    "app": {"inference", "page", "speech"},
    "page": {"inference", "page", "speech"},
    "inference": {"command_line", "speech"},
    "command_line": {"command_line", "speech"},
    "speech": {"speech"},
    "training": {"benchmarks", "evaluation", "speech", "training"},
    "benchmarks": {"speech", "benchmarks"},
    "evaluation": {"inference", "speech", "evaluation"},
}


@pytest.mark.parametrize(
    "statement",
    [
        "import inference",
        "import speech.transcript, speech.formats, speech.errors, speech.audio",
        "import sys; sys.argv = ['inference.py', '--help']\n"
        "try: import runpy; runpy.run_path('inference.py', run_name='__main__')\nexcept SystemExit: pass",
    ],
    ids=["inference", "parsing", "help"],
)
def test_nothing_heavy_is_imported(statement):
    code = f"{statement}\nimport sys\nprint('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


def test_gradio_appears_in_the_page_only():
    users = {path.name for path in ROOT.glob("*.py") if "gradio" in imported_by(path)}
    parts = [path for folder in ("speech", "page", "command_line") for path in ROOT.glob(f"{folder}/*.py")]
    users |= {path.name for path in parts if "gradio" in imported_by(path)}
    assert users == {"app.py"}


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_imports_point_one_way(module):
    ours = {"app", "inference", "command_line", "page", "speech", "training", "benchmarks", "evaluation", "tests"}
    files = [ROOT / f"{module}.py"] if (ROOT / f"{module}.py").exists() else list((ROOT / module).glob("*.py"))
    assert files
    for path in files:
        assert imported_by(path) & ours <= MAY_IMPORT[module], path


def imported_by(path) -> set[str]:
    """The top-level packages that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names
