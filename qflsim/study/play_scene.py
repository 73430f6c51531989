"""What a trace says of an instant: what each device did and where, which sites were down, the version, the news."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from qflsim.errors import InputError
from qflsim.study.summary import reach_s
from qflsim.study.under_way import BEGINS, participations
from qflsim.terms import Fate, Happening
from qflsim.trace.reader import Trace
from qflsim.units import NS_PER_S, Floats

Numbers = npt.NDArray[np.int64]

SINCE = {
    "waiting for coverage": "invited_s",
    "download": "download_start_s",
    "waiting for a processor": "download_end_s",
    "training": "training_start_s",
    "waiting to upload": "training_end_s",
    "upload": "upload_start_s",
}
"""What a participation does from which of its instants on, until the next."""
BUSY = tuple(SINCE)
"""Phases in which a device takes part. In the buffer its update waits alone."""
_WORDS = {
    Happening.DEVICE_ON: "{device} comes",
    Happening.DEVICE_OFF: "{device} is off or gone",
    Happening.SITE_DOWN: "site {site} fails",
    Happening.SITE_UP: "site {site} works again",
    Happening.INVITED: "{device} is invited",
    Happening.DOWNLOAD_START: "{device} begins to download version {value}",
    Happening.DOWNLOAD_END: "{device} has the model",
    Happening.QUEUE_START: "{device} waits for a processor",
    Happening.TRAINING_START: "{device} begins to train",
    Happening.TRAINING_END: "{device} has trained",
    Happening.UPLOAD_START: "{device} begins to upload",
    Happening.ARRIVED: "the update of {device} arrives",
    Happening.ENDED: "{device}: {fate}",
    Happening.COVERAGE_LOST: "{device} loses cell {cell}",
    Happening.COVERAGE_BACK: "{device} is served again, by cell {cell}",
    Happening.HANDOVER_START: "{device} is handed over to cell {cell}",
    Happening.HANDOVER_END: "{device} is now in cell {cell}",
    Happening.ROUND_OPEN: "round {value} opens",
    Happening.VERSION: "version {value} is published",
    Happening.STOPPED: "the run ends",
    Happening.RADIO_LINK_FAILURE: "the link of {device} fails",
    Happening.LINK_DOWN: "backhaul link {value} fails",
    Happening.LINK_UP: "backhaul link {value} works again",
}


_FATES = {int(fate): fate.label for fate in Fate}


class Places(NamedTuple):
    """Devices of which the trace says where they are, and where."""

    device: Numbers
    x_m: Floats
    y_m: Floats


def doing(participations: pd.DataFrame, t_s: float) -> pd.Series:
    """The phase (of `BUSY`) in which each device that takes part at an instant is, by device.

    A phase holds from the instant at which it begins until the next does; of those that begin at once the last counts.
    """
    until_s = participations["arrived_s"].fillna(participations["ended_s"]).fillna(np.inf)
    now = participations[(participations["invited_s"] <= t_s) & (until_s > t_s)]
    begun = now[list(SINCE.values())].to_numpy() <= t_s
    last = len(BUSY) - 1 - begun[:, ::-1].argmax(axis=1)
    return pd.Series(np.array(BUSY)[last], index=now["device"].to_numpy(), dtype=str)


class Scene:
    """A trace, ready to be asked about one instant after the other (in simulated seconds)."""

    def __init__(self, trace: Trace) -> None:
        self.name, self.complete = str(trace.header.get("name", trace.path.stem)), trace.complete
        self.devices, self.cells, self.sites = trace.devices["name"].tolist(), trace.cells["name"].tolist(), trace.sites
        self.participations = participations(trace)
        self._outages, self._presence, self._versions = trace.outages, trace.presence, trace.versions
        self._events = trace.table("events")
        if not np.isin(self._events["happening"], list(Happening)).all():
            raise InputError(f"{trace.path}: events", "a happening that no run writes", "an undamaged trace")
        self._legs = trace.legs.sort_values(["device", "start_s"], kind="stable")
        self.events_s: Floats = self._events["t_ns"] / NS_PER_S
        self.end_s = reach_s(trace)

    @property
    def missing(self) -> list[str]:
        """What cannot be shown, for the trace does not have it."""
        tables = {"devices": self.devices, "sites": self.sites, "legs": self._legs, "events": self._events}
        return [name for name, rows in tables.items() if len(rows) == 0]

    @property
    def changes_s(self) -> Floats:
        """The instants, from the beginning to the end, at which something happens."""
        phases_s = self.participations[list(BEGINS.values())].to_numpy().ravel()
        outages_s = self._outages[["start_s", "end_s"]].to_numpy().ravel()
        times_s = np.concatenate([[0.0, self.end_s], self.events_s, self._versions["t_s"], phases_s, outages_s])
        return np.unique(times_s[(times_s >= 0) & (times_s <= self.end_s)])

    def version(self, t_s: float) -> int | None:
        """The number of the last version by then; None if there was none."""
        made = self._versions["version"][self._versions["t_s"] <= t_s]
        return int(made.iloc[-1]) if len(made) else None

    def made_s(self, version: int) -> float | None:
        """When a version was made; None if it was not."""
        made = self._versions["t_s"][self._versions["version"] == version]
        return float(made.iloc[0]) if len(made) else None

    def versions_told(self) -> str:
        """Which versions there are, in words."""
        made = self._versions["version"]
        return f"a version of the run, v{made.min()} to v{made.max()}" if len(made) else "seconds: it has no version"

    def buffered(self, t_s: float) -> int:
        """How many updates wait at the server."""
        there = self.participations
        return int(((there["arrived_s"] <= t_s) & (t_s < there["ended_s"].fillna(np.inf))).sum())

    def away(self, t_s: float) -> set[int]:
        """The devices that are not there, as far as the trace says: those that are read from files."""
        there = self._presence[(self._presence["on_s"] <= t_s) & (t_s < self._presence["off_s"])]
        return set(self._presence["device"]) - set(there["device"])

    def down(self, t_s: float) -> set[int]:
        """The sites that are down."""
        return set(self._outages["site"][(self._outages["start_s"] <= t_s) & (t_s < self._outages["end_s"])])

    def places(self, t_s: float) -> Places:
        """Where the devices are that have legs: on the last leg that has begun, or at the start of their first."""
        legs = {name: column.to_numpy() for name, column in self._legs.items()}
        devices, firsts = np.unique(legs["device"], return_index=True)
        if not len(devices):
            return Places(devices, legs["x_m"], legs["y_m"])
        begun = np.add.reduceat(legs["start_s"] <= t_s, firsts, dtype=np.int64)
        leg = {name: column[firsts + np.maximum(begun - 1, 0)] for name, column in legs.items()}
        moved_s = np.clip(t_s, leg["start_s"], leg["end_s"]) - leg["start_s"]
        return Places(devices, leg["x_m"] + leg["vx_m_per_s"] * moved_s, leg["y_m"] + leg["vy_m_per_s"] * moved_s)

    def area_m(self) -> tuple[float, float, float, float]:
        """The least and greatest x, and the least and greatest y, of sites and of devices during the run."""
        moved_s = self._legs["end_s"].clip(upper=max(self.end_s, 0.0)) - self._legs["start_s"]
        bounds = []
        for axis in ("x", "y"):
            ends_m = self._legs[f"{axis}_m"] + self._legs[f"v{axis}_m_per_s"] * moved_s.clip(lower=0.0)
            at_m = np.concatenate([self.sites[f"{axis}_m"], self._legs[f"{axis}_m"], ends_m])
            at_m = at_m[np.isfinite(at_m)]
            bounds += [float(at_m.min()), float(at_m.max())] if len(at_m) else [0.0, 0.0]
        return bounds[0], bounds[1], bounds[2], bounds[3]

    def news(self, t_s: float, count: int) -> list[str]:
        """The last events by an instant in words, the latest last."""
        seen = int(np.searchsorted(self.events_s, t_s, side="right"))
        return [self._told(event) for event in self._events[max(seen - count, 0) : seen]]

    def _told(self, event: Any) -> str:
        happening, value = Happening(event["happening"]), int(event["value"])
        words = _WORDS[happening].format(
            device=_named(self.devices, event["device"], "device"),
            site=_named(self.sites["name"].tolist(), event["site"], ""),
            cell=_named(self.cells, value, ""),
            fate=_FATES.get(value, ""),
            value=value,
        )
        return f"{event['t_ns'] / NS_PER_S:.3f} s  {words}"


def _named(names: Sequence[str], number: int, kind: str) -> str:
    """The name of what has a number, or the number where the trace has no name for it."""
    return names[number] if 0 <= number < len(names) else f"{kind} {number}".strip()
