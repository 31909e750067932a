"""The wheel, installed away from the clone: it transcribes, and brings all that the page needs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kikitori
from benchmarks.served import ROOT
from tests.support.recordings import example

pytestmark = pytest.mark.slow

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel; pip fetches the build backend, hatchling."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", folder, ROOT], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder outside the clone that holds the installed package, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", folder, wheel], check=True)
    return folder


@pytest.fixture
def run(installed, tmp_path):
    """Run Python in an empty folder, with the installed package and without the clone."""

    def run(*arguments: object) -> str:
        environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONUTF8": "1"}
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name == f"kikitori-{kikitori.__version__}-py3-none-any.whl"
    assert {name.partition("/")[0] for name in names} == {"kikitori", f"kikitori-{kikitori.__version__}.dist-info"}
    source = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("kikitori/**/*") if path.is_file()}
    source = {path for path in source if "__pycache__" not in path}
    assert source <= set(names)
    others = [Path(name).parts[1] for name in names if name.startswith("kikitori/") and name not in source]
    assert set(others) == {"assets", "examples"}


def test_the_licences_are_in_the_wheel(wheel):
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}
    assert {"LICENSE", "LICENCES.md"} <= names


def test_the_console_script_prints_the_version(run, installed):
    (script,) = (path for path in (installed / "bin").iterdir() if path.stem == "kikitori")
    assert run(script, "--version") == f"kikitori {kikitori.__version__}\n"


def test_the_installed_page_finds_its_files_and_the_command_line_transcribes_an_example(run, installed):
    """In one process, because importing what both need takes seconds."""
    package = installed / "kikitori"
    code = """
import runpy, sys
from kikitori.page import script, start, tabs, texts
from kikitori.tasks import CHECKPOINTS, TINY, TINY_ALIGNER
print(script.STATIC, start.EXAMPLES, TINY.folder, TINY_ALIGNER.folder, *texts.TEXTS, sep="\\n")
names = [example.name for tab in tabs.TABS for example in tab.examples]
missing = [name for name in names if not start.example_path(name).is_file()]
assert missing == [], missing
assert "mountView" in script.page_head()
tabs.build_page(dict.fromkeys(CHECKPOINTS, TINY))
runpy.run_module("kikitori", run_name="__main__")
"""
    sound = package / "examples" / "portuguese_daily.flac"
    *lines, text = run("-c", code, sound, "--direction", "pt", "--checkpoint", "tiny").splitlines()
    folders, languages = lines[:4], lines[4:]
    assert folders[0] == str(package / "page" / "static")
    assert all(Path(folder).is_relative_to(package) and Path(folder).is_dir() for folder in folders)
    assert {"en", "ja", "pt-BR", "pt-PT"} <= set(languages)
    assert text == example("portuguese_daily").reference
