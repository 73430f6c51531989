"""The roster: who can be invited, whatever is said about whom and how often."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.sim.roster import Roster
from qflsim.sim.server import Server
from qflsim.terms import Fate

Small = Callable[..., dict[str, Any]]


@pytest.fixture
def server(small: Small) -> Server:
    """That of a world of eight devices, before its first event."""
    scenario = parse(small({f"d{k}": 1.0 for k in range(8)}), Path())
    return build(scenario, read(scenario)).server


def test_who_takes_part_or_is_away_is_not_invited(server: Server) -> None:
    """All who are there and idle, each once, however often a coming or going is told; nobody more."""
    roster: Roster = server._roster
    for told in (roster.device_off, roster.device_off):
        told(3)
    some = roster.invite(4, 0, server)
    others = roster.invite(100, 0, server)
    assert sorted(p.device for p in some + others) == [0, 1, 2, 4, 5, 6, 7]
    assert roster.invite(1, 0, server) == []
    roster.device_on(3)
    roster.device_on(3)
    assert [p.device for p in roster.invite(5, 0, server)] == [3]
    assert roster.invited == 8


def test_an_answer_frees_a_device_that_is_still_there(server: Server) -> None:
    """One who left in the meantime is free only once it has come back; numbers count a device's own participations."""
    roster: Roster = server._roster
    first = {p.device: p for p in roster.invite(8, 0, server)}
    roster.device_off(2)
    assert first[2].fate is Fate.DEVICE_OFF
    for device in (2, 5):
        roster.release(first[device])
    assert [(p.device, p.number) for p in roster.invite(8, 1, server)] == [(5, 1)]
    roster.device_on(2)
    assert [(p.device, p.number) for p in roster.invite(8, 1, server)] == [(2, 1)]


def test_a_round_has_turns_of_its_own(server: Server) -> None:
    """Whom a round invites first depends on its number, not on who was invited before."""

    def orders(rounds: tuple[int, ...]) -> list[list[int]]:
        roster, told = Roster(server._world, None, lambda: None), []
        for round_ in rounds:
            invited = roster.invite(8, round_, server)
            for participation in invited:
                roster.release(participation)
            told.append([p.device for p in invited])
        return told

    assert orders((0, 1, 2))[2] == orders((2,))[0]
    assert len(np.unique(orders(tuple(range(6))), axis=0)) > 3
