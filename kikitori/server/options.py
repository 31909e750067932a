"""The options that the page and the API's server share, and the checkpoints that they choose."""

from __future__ import annotations

import argparse
import os

from kikitori.cli.options import add_checkpoint_options, add_engine_options, add_language_check_option
from kikitori.engines.vllm.addresses import on_engine
from kikitori.errors import SpeechError
from kikitori.model.checkpoints import checkpoint_folder, choose_device
from kikitori.model.operators import check_operators
from kikitori.model.weights import check_weights
from kikitori.server.keys import KEYS_VARIABLE, Keys, read_keys
from kikitori.server.proxy import LOCAL_NAMES, SPACE_PROXIES
from kikitori.tasks import LANGUAGE_CHECK, Checkpoint, choose_checkpoints

ON_SPACE = bool(os.environ.get("SPACE_ID"))
CHECKPOINT_VARIABLE = "SPEECH_CHECKPOINT"
REVISION_VARIABLE = "SPEECH_REVISION"
PROXY_VARIABLE = "SPEECH_PROXY"
NO_LIMITS_VARIABLE = "SPEECH_NO_LIMITS"
MAX_PORT = 65535
VARIABLES = (
    f"{CHECKPOINT_VARIABLE}, {REVISION_VARIABLE} and {PROXY_VARIABLE} in the environment do what --checkpoint, "
    f"--revision and --proxy do; several checkpoints or revisions are separated by spaces. {NO_LIMITS_VARIABLE}=1 does "
    "what --no-limits does."
)


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about checkpoints, proxies and limits."""
    add_checkpoint_options(parser)
    add_engine_options(parser)
    add_language_check_option(parser)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1; on a Space 0.0.0.0)")
    parser.add_argument(
        "--proxy",
        default=os.environ.get(PROXY_VARIABLE, SPACE_PROXIES if ON_SPACE else ""),
        help="addresses or networks of reverse proxies, separated by commas, or * for any address: their X-Forwarded "
        "headers say where a request comes from (default: none; on a Space Hugging Face's)",
    )
    parser.add_argument(
        "--no-limits",
        action="store_true",
        default=bool(os.environ.get(NO_LIMITS_VARIABLE)),
        help="do not limit what one address may ask for: for a network in which everybody is trusted",
    )
    parser.add_argument(
        "--api-keys",
        metavar="FILE",
        help=f"a file with API keys, one per line; /v1 then takes requests with one of these only. {KEYS_VARIABLE} in "
        "the environment holds keys too, separated by spaces (default: no key is needed)",
    )


def served_checkpoints(options: argparse.Namespace) -> dict[str, Checkpoint]:
    """Choose the checkpoints by role. Raises CheckpointError if one can't be chosen, is missing or damaged."""
    choices = options.checkpoint or os.environ.get(CHECKPOINT_VARIABLE, "").split()
    revisions = os.environ.get(REVISION_VARIABLE, "").split() + options.revision
    checkpoints = choose_checkpoints(choices, revisions, weights=options.weights)
    checkpoints = on_engine(checkpoints, options.engine, options.engine_url)
    for checkpoint in checkpoints.values():
        if checkpoint.folder and not checkpoint.urls:
            check_weights(checkpoint_folder(checkpoint))
    if options.weights:
        check_operators(options.weights, choose_device())
    return checkpoints | ({LANGUAGE_CHECK: checkpoints["base"]} if options.language_check else {})


def parse_server_options(
    parser: argparse.ArgumentParser, argv: list[str] | None
) -> tuple[argparse.Namespace, dict[str, Checkpoint], Keys | None]:
    """Parse the options, choose the checkpoints and read the API keys. Ends the program if one can't be used."""
    options = parser.parse_args(argv)
    try:
        return options, served_checkpoints(options), read_keys(options.api_keys)
    except UnicodeDecodeError:
        parser.error(f"{options.api_keys} is not text in UTF-8: write one key per line")
    except (SpeechError, OSError) as error:
        parser.error(str(error))


def port(text: str) -> int:
    """The type of an option that is a port's number; 0 is any free port."""
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 0 to {MAX_PORT}")
    return int(text)


def is_for_this_machine(options: argparse.Namespace) -> bool:
    """Whether the server can be reached from this machine only."""
    return not (ON_SPACE or options.proxy) and (options.host or LOCAL_NAMES[0]) in LOCAL_NAMES
