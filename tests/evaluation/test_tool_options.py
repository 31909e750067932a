"""Options of the tools can be written with underscores or hyphens."""

from __future__ import annotations

import pytest

from evaluation.options import OptionParser


@pytest.fixture
def parser():
    parser = OptionParser(prog="tool")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("files", nargs="*")
    return parser


@pytest.mark.parametrize("option", ["--output_dir=some-dir", "--output-dir=some-dir"])
def test_both_spellings_of_an_option_are_accepted(parser, option):
    assert parser.parse_args([option]).output_dir == "some-dir"


def test_values_keep_their_hyphens(parser):
    options = parser.parse_args(["--output-dir", "a-b", "c-d", "--", "--e-f"])
    assert (options.output_dir, options.files) == ("a-b", ["c-d", "--e-f"])


def test_help_and_errors_show_underscores(parser, capsys):
    assert "--output_dir" in parser.format_help()
    assert "--output-dir" not in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "--output_dir" in capsys.readouterr().err


def test_arguments_come_from_the_command_line_by_default(parser, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tool", "--output-dir", "results"])
    assert parser.parse_args().output_dir == "results"
