"""Who held each version up: the critical path to it, whose time lies on it, and in which phase."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qflsim.study.foreign import as_recorded
from qflsim.study.phases import BUFFER, PHASES, Delays, Instants
from qflsim.study.summary import table
from qflsim.trace.reader import Trace
from qflsim.units import FOREVER_NS, NS_PER_S

OWN_PHASES = [phase for phase in PHASES if phase != BUFFER]
COLUMNS = ["version", "t_s", "participation", "device", "group", "phase", "held_up_s"]


class Wait(NamedTuple):
    """What a version waited for: the row of the last answer in the updates, and the answer before it."""

    version: int
    since_ns: int
    """when the version before was made"""
    t_ns: int
    row: int
    before_ns: int
    """when the server had the answer before, or at first when the version before was made"""
    answered_ns: int


class Paths:
    """The critical paths of a trace.

    A round waits for the answers of all whom it invited, an arrival or the news that none will come: its last answer
    held the version up, since the answer before. If it closed at its limit instead, the first of those who had not
    answered did. Without rounds, the arrival that filled the buffer did, since the arrival before (if it is the only
    one, since the version before).

    The path to a version leads back from that answer through the phases of its participation to the invitation; from
    there, without rounds, to whoever's answer made room for it, and so on, until the version before.
    """

    def __init__(self, trace: Trace) -> None:
        self.delays = Delays(trace)
        self._answers = np.argsort(self.delays.answered_ns, kind="stable")

    def waits(self) -> list[Wait]:
        """What each version that was made of updates waited for, in the order of versions."""
        updates, answered_ns, made_ns = self.delays.updates, self.delays.answered_ns, self.delays.made_ns
        applied = updates["applied_version"]
        versions = np.unique(applied[(applied > 0) & (applied < len(made_ns))])  # a killed run's last may be missing
        rounds = updates["round"].max(initial=-1) >= 0
        owner = updates["round"] if rounds else applied
        order = np.lexsort((answered_ns, owner))
        if rounds:
            names = np.unique(updates["round"])
            opened_ns = np.full(len(names), FOREVER_NS)
            np.minimum.at(opened_ns, np.searchsorted(names, updates["round"]), updates["invited_ns"])
            owners = names[np.searchsorted(opened_ns, made_ns[versions]) - 1]
        else:
            owners = versions
        starts, ends = (np.searchsorted(owner[order], owners, side=side) for side in ("left", "right"))
        spans = zip(versions.tolist(), starts.tolist(), ends.tolist(), strict=True)
        return [self._wait(version, order[start:end]) for version, start, end in spans]

    def _wait(self, version: int, asked: Instants) -> Wait:
        """The wait for those who were asked, in the order of their answers."""
        answered_ns, made_ns = self.delays.answered_ns[asked], self.delays.made_ns
        t_ns, since_ns = int(made_ns[version]), int(made_ns[version - 1])
        there = int(np.searchsorted(answered_ns, t_ns, side="right"))
        late = there < len(asked) and (not there or answered_ns[there - 1] < t_ns)
        last = there if late else there - 1
        row = int(asked[there:].min()) if late else int(asked[last])
        before_ns = int(answered_ns[last - 1]) if last else since_ns
        return Wait(version, since_ns, t_ns, row, before_ns, min(int(self.delays.answered_ns[row]), t_ns))

    def path(self, wait: Wait) -> list[tuple[int, str, int]]:
        """The critical path to a version, latest first: (row of an update or -1, phase, nanoseconds).

        They add up to the time since the version before.
        """
        updates, answered_ns = self.delays.updates, self.delays.answered_ns
        found, t_ns, row = [], wait.t_ns, wait.row
        while row >= 0:
            if answered_ns[row] < t_ns:
                found.append((row, BUFFER, t_ns - int(answered_ns[row])))
            found += self._own(row, wait.since_ns, min(t_ns, int(answered_ns[row])))
            t_ns = max(int(updates["invited_ns"][row]), wait.since_ns)
            row = self._made_room(t_ns) if t_ns > wait.since_ns and updates["round"][row] < 0 else -1
        if t_ns > wait.since_ns:
            found.append((-1, "waiting for invitation", t_ns - wait.since_ns))
        return found

    def _own(self, row: int, since_ns: int, until_ns: int) -> list[tuple[int, str, int]]:
        """What a participation did between two instants, latest first."""
        within = [(row, stretch.phase, min(stretch.end_ns, until_ns) - max(stretch.start_ns, since_ns))
                  for stretch in reversed(self.delays.stretches(row))]  # fmt: skip
        return [piece for piece in within if piece[-1] > 0]

    def _made_room(self, t_ns: int) -> int:
        """Whose answer at this instant let another one be invited: the last of them; -1 if it was nobody's."""
        there = np.searchsorted(self.delays.answered_ns, t_ns, side="right", sorter=self._answers) - 1
        row = int(self._answers[there]) if there >= 0 else -1
        return row if row >= 0 and self.delays.answered_ns[row] == t_ns else -1


def stragglers(trace: Trace) -> pd.DataFrame:
    """One row a version that was made of updates: version, t_s, participation, device, group, phase, held_up_s.

    The device is the one that `Paths` says was waited for, `held_up_s` how long nobody else was. The phase is the one
    that takes most of the device's own part of the critical path, the buffer aside.
    """
    with as_recorded(trace):
        paths = Paths(trace)
        return of_waits(trace, paths, paths.waits())


def of_waits(trace: Trace, paths: Paths, waits: Sequence[Wait]) -> pd.DataFrame:
    """The rows of `stragglers` for some of its versions, whose paths are known."""
    updates, devices = paths.delays.updates, trace.devices
    rows = [(wait, int(updates["device"][wait.row]), _longest(paths.path(wait), wait.row)) for wait in waits]
    numbers = [device for _, device, _ in rows]
    return pd.DataFrame(
        {
            "version": [wait.version for wait in waits],
            "t_s": [wait.t_ns / NS_PER_S for wait in waits],
            "participation": [int(updates["participation"][wait.row]) for wait in waits],
            "device": devices["name"].to_numpy()[numbers],
            "group": devices["group"].to_numpy()[numbers],
            "phase": [phase for _, _, phase in rows],
            "held_up_s": [(wait.answered_ns - wait.before_ns) / NS_PER_S for wait in waits],
        },
        columns=COLUMNS,
    )


def _longest(path: list[tuple[int, str, int]], row: int) -> str:
    own: dict[str, int] = {}
    for whose, phase, ns in path:
        if whose == row and phase != BUFFER:
            own[phase] = own.get(phase, 0) + ns
    return max(own, key=lambda phase: own[phase], default="waiting for invitation")


def critical(trace: Trace) -> pd.DataFrame:
    """The critical paths of all versions: version, participation (-1: nobody's), device, group, phase, spent_s.

    The seconds of a version add up to the time since the version before, those of all to the time of the last one.
    """
    with as_recorded(trace):
        return _critical(trace)


def _critical(trace: Trace) -> pd.DataFrame:
    paths = Paths(trace)
    rows = [(wait.version, *piece) for wait in paths.waits() for piece in paths.path(wait)]
    found = pd.DataFrame(rows, columns=["version", "row", "phase", "spent_s"])
    found["spent_s"] /= NS_PER_S
    updates, devices = paths.delays.updates, trace.devices
    own = found["row"] >= 0
    at = found["row"].clip(lower=0).to_numpy(dtype=int)
    found.insert(1, "participation", np.where(own, updates["participation"][at], -1) if len(updates) else at)
    numbers = updates["device"][at] if len(updates) else at
    for column in ("device", "group"):
        named = devices[column.replace("device", "name")].to_numpy()[numbers] if len(found) else []
        found.insert(2 if column == "device" else 3, column, pd.Series(named, dtype=object).where(own, ""))
    return found.drop(columns="row")


def stragglers_told(found: pd.DataFrame, blamed: pd.DataFrame | None) -> str:
    """The tables of `stragglers`, and of `blame.blame` if there is one, for people."""
    rows = [[str(r.version), f"{r.t_s:.1f}", r.device, r.group, r.phase, f"{r.held_up_s:.2f}"]
            for r in found.itertuples()]  # fmt: skip
    lines = table(["version", "t [s]", "waited for", "group", "its longest phase", "held up [s]"], rows)
    for kind in ("phase", "group"):
        totals = [[name, f"{seconds:.1f}"] for name, seconds in as_json(found)[f"{kind}s"].items()]
        lines += ["", *table([kind, "held up [s]"], totals)]
    if blamed is not None:
        rows = [[str(r.version), r.device, f"{r.held_up_s:.2f}", str(r.cause), f"{r.excess_s:.2f}",
                 f"{r.earlier_s:.2f}", f"{r.remainder_s:.2f}"] for r in blamed.itertuples()]  # fmt: skip
        head = ["version", "waited for", "held up [s]", "at the median in", "above [s]", "earlier by [s]", "left [s]"]
        lines += ["", *table(head, rows), "left: held up less the sum over single phases"]
    return "\n".join(lines)


def as_json(found: pd.DataFrame) -> dict[str, Any]:
    """The table, and the seconds that versions were held up by phase and by group of devices."""
    phases, groups = (found.groupby(column)["held_up_s"].sum() for column in ("phase", "group"))
    return {
        "versions": found.to_dict("records"),
        "phases": {phase: float(phases.get(phase, 0.0)) for phase in OWN_PHASES},
        "groups": {str(group): float(seconds) for group, seconds in groups.items()},
    }
