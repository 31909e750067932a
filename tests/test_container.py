"""The container's files fit the project: what they copy exists, and what they start can be parsed."""

from __future__ import annotations

import re
import shlex

import yaml
from starlette.testclient import TestClient

from benchmarks.served import ROOT
from kikitori.api.serve import build_app
from kikitori.api.serve import build_parser as api_parser
from kikitori.page.app import build_parser as page_parser
from kikitori.server.shutdown import FAREWELL_SECONDS, STOP_SECONDS
from kikitori.tasks import choose_checkpoints

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def instruction(name: str) -> list[str]:
    """What stands after each instruction of a name, with its continued lines."""
    return re.findall(rf"^{name} ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)


def listed(text: str) -> list[str]:
    return yaml.safe_load(text)


def test_what_is_copied_exists_and_is_let_through():
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for line in instruction("COPY") if "--from" not in line for word in shlex.split(line)[:-1]]
    assert {name.split("/")[0] for name in let_through} == {name.split("/")[0] for name in copied}
    assert all((ROOT / name).exists() for name in let_through)


def test_the_command_is_one_of_ours_and_the_health_check_asks_its_port():
    (entry,), (command,) = map(instruction, ("ENTRYPOINT", "CMD"))
    assert listed(entry) == ["kikitori"]
    page, *arguments = listed(command)
    options = page_parser().parse_args(arguments)
    assert (page, options.host, options.port) == ("page", "0.0.0.0", 7860)
    assert f"http://127.0.0.1:{options.port}/health" in DOCKERFILE
    assert instruction("EXPOSE") == [str(options.port)]
    assert instruction("USER") == ["1000"]


def test_compose_starts_page_and_api_on_a_read_only_file_system():
    services = COMPOSE["services"]
    assert services.keys() == {"page", "api"}
    for service in services.values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
        assert instruction("VOLUME") == [mount.split(":")[1] for mount in service["volumes"]]
    ports = [service["ports"] for service in services.values()]
    assert ports == [["7860:7860"], ["8000:7860"]]


def test_the_api_of_compose_listens_where_its_health_is_asked():
    program, *arguments = COMPOSE["services"]["api"]["command"]
    options = api_parser().parse_args(arguments)
    assert (program, options.host, options.port) == ("serve", "0.0.0.0", 7860)
    client = TestClient(build_app(choose_checkpoints(["tiny"]), options))
    assert client.get(re.search(r"127\.0\.0\.1:7860(/\w+)", DOCKERFILE)[1]).json() == {"status": "ok"}


def test_compose_waits_until_an_orderly_stop_has_ended():
    longest = STOP_SECONDS + 2 * FAREWELL_SECONDS
    for service in COMPOSE["services"].values():
        assert int(service["stop_grace_period"].removesuffix("s")) > longest
    (named,) = re.findall(r"docker stop -t (\d+)", (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8"))
    assert int(named) > longest
