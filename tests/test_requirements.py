"""The lock file holds what the requirements ask for, by hash, and says nothing of the machine that made it."""

from __future__ import annotations

import re
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.served import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings for Python 3.10

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = dict(re.findall(r"^([a-z0-9._-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def requirements(file: str) -> list[Requirement]:
    """What a file asks for itself, without the files that it includes."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-space.txt"])
def test_the_lock_file_fits_the_requirements(file):
    for requirement in requirements(file):
        assert requirement.specifier.contains(LOCKED[canonicalize_name(requirement.name)]), str(requirement)


def test_a_space_gets_exactly_what_is_locked():
    assert [str(requirement) for requirement in requirements("pre-requirements.txt")] == [
        f"{name}=={version}" for name, version in LOCKED.items()
    ]


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_every_requirement_has_an_upper_bound(file):
    for requirement in requirements(file):
        assert {clause.operator for clause in requirement.specifier} & {"==", "<"}, str(requirement)


def test_every_entry_has_hashes_and_none_an_address():
    entries = re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE).strip())
    assert len(entries) == len(LOCKED) > 100
    for entry in entries:
        first, *hashes = entry.split(" \\\n    ")
        assert re.fullmatch(r"[a-z0-9._-]+==\S+", first), entry
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), entry
    assert not re.search(r"://|@|/[a-z]+/", LOCK)


def test_the_licences_are_those_of_the_locked_libraries():
    rows = re.findall(r"^\| (\S+) +\| (\S+) +\| (.+?) +\|$", (ROOT / "LICENCES.md").read_text(), re.MULTILINE)
    listed = {canonicalize_name(name): version for name, version, _ in rows if name != "Name"}
    cuda = ("nvidia-", "cuda-", "triton")
    assert {name for name in LOCKED if not name.startswith(cuda)} == listed.keys()
    differing = {name for name in listed if LOCKED[name] != listed[name]}
    assert differing <= {"torch", "setuptools"}
    assert all("unknown" not in licence.lower() for _, _, licence in rows)


def declared(key: str) -> set[str]:
    """What pyproject.toml asks for under `dependencies` or an extra, without the extras that it includes."""
    lists = PROJECT["optional-dependencies"] | {"dependencies": PROJECT["dependencies"]}
    return {str(Requirement(line)) for line in lists[key] if not line.startswith("kikitori[")}


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("requirements.txt", "dependencies"),
        ("requirements-evaluation.txt", "evaluation"),
        ("requirements-training.txt", "training"),
        ("requirements-dev.txt", "dev"),
    ],
)
def test_the_package_asks_for_what_the_files_list(file, key):
    assert declared(key) == set(map(str, requirements(file)))


def test_an_extra_includes_the_extras_that_its_file_includes():
    for extra in ("evaluation", "training", "dev"):
        file = (ROOT / f"requirements-{extra}.txt").read_text(encoding="utf-8")
        included = set(re.findall(r"^-r requirements-(\w+)\.txt$", file, re.MULTILINE))
        lines = PROJECT["optional-dependencies"][extra]
        assert included == {line[len("kikitori[") : -1] for line in lines if line.startswith("kikitori[")}
