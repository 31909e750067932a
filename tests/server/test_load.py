"""Many visitors at once: what the report of benchmarks.load promises, on a small scale."""

from __future__ import annotations

import pytest

from benchmarks.load import FLOOD, load
from kikitori.page.app import MAX_WAITING
from kikitori.page.tabs import MAX_AT_ONCE

pytestmark = pytest.mark.slow

CLIENTS = 12


def test_every_answer_belongs_to_its_request():
    report = load(clients=CLIENTS, rounds=1, alone=2)
    assert report.complaints == [] and report.outcomes["wrong"] == 0
    assert (report.outcomes["cancelled"], report.outcomes["vanished"]) == (1, 1)
    assert report.outcomes["right"] == CLIENTS - 2 + report.accepted_in_flood
    assert max(report.ranks) > 0
    assert report.accepted_in_flood >= MAX_WAITING
    assert report.accepted_in_flood + report.refused_in_flood == FLOOD > MAX_WAITING + MAX_AT_ONCE
    assert report.refused_in_flood > 0
