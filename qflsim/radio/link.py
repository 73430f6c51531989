"""What a device hears along its way: the large-scale levels of all sites, and when something about them changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from qflsim.radio.fading import FadingLaw
from qflsim.radio.fields import GaussianFields, soft_los
from qflsim.radio.handover import A3
from qflsim.radio.pathloss import PathLoss
from qflsim.radio.rate import RateMap, noise_dbm
from qflsim.records import Direction
from qflsim.streams import Streams
from qflsim.units import FOREVER_NS, Floats, to_ns
from qflsim.world.mobility import Track
from qflsim.world.outages import Downtime
from qflsim.world.sites import Sites


class Radio:
    """The radio weather: large-scale gain of every site at every place, a pure function of (seed, site, place).

    Loss = s L_LOS + (1 - s) L_NLOS + s S_LOS + (1 - s) S_NLOS in dB, where s in [0, 1] is the soft LOS state of
    TR 38.901 7.6.3.3 and S are shadowing fields with the deviation and correlation distance of their state. LOS is a
    random field, not the map's geometry.
    """

    def __init__(self, sites: Sites, path_loss: PathLoss, fading: FadingLaw, rate: RateMap, handover: A3,
                 step_db: float, streams: Streams) -> None:  # fmt: skip
        self.sites, self.fading, self.rate_map, self.handover, self.step_db = sites, fading, rate, handover, step_db
        self._path_loss = path_loss
        kinds = {"los": path_loss.state_correlation_m, "shadow-los": path_loss.los_correlation_m,
                 "shadow-nlos": path_loss.nlos_correlation_m}  # fmt: skip
        self._fields = GaussianFields(
            [streams.named("site", site.name, kind) for kind in kinds for site in sites.at],
            [distance_m for distance_m in kinds.values() for _ in sites.at],
        )
        self._x_m = np.array([[site.x_m] for site in sites.at])
        self._y_m = np.array([[site.y_m] for site in sites.at])
        self.rate_scale_hz = sites.bandwidth_hz * sites.airtime_share

    def gain_db(self, x_m: Floats, y_m: Floats, device_height_m: float) -> Floats:
        """Large-scale gain [dB] of each site (rows) at each place (columns), antennas and penetration not counted."""
        distance_m = np.hypot(x_m - self._x_m, y_m - self._y_m)
        los_db, nlos_db = self._path_loss.loss_db(
            distance_m, self.sites.height_m, device_height_m, self.sites.carrier_hz
        )
        state, shadow_los, shadow_nlos = np.split(self._fields(x_m, y_m), 3)
        los = soft_los(state, self._path_loss.los_probability(distance_m), self.sites.carrier_hz)
        los_db = los_db + self._path_loss.los_sigma_db * shadow_los
        nlos_db = nlos_db + self._path_loss.nlos_sigma_db * shadow_nlos
        return np.asarray(-(los * los_db + (1.0 - los) * nlos_db))

    def rate_bit_per_s(self, snr_db: float) -> float:
        """Mean rate of a flow that has the service's whole share of a cell: airtime x bandwidth x mean efficiency."""
        return self.rate_scale_hz * float(self.fading.moments(self.rate_map, snr_db)[0])


@dataclass(frozen=True)
class Hardware:
    """A device's radio: radiated power, receiver noise, antenna height, and the loss of what it stands in."""

    eirp_dbm: float
    noise_figure_db: float
    height_m: float
    penetration_loss_db: float


class ChangeKind(Enum):
    """What ends a stretch of unchanged service."""

    LOOK = "nothing yet: look again"
    RATE = "the level moved by a step"
    LOST = "the level fell below the cut"
    HANDOVER = "a neighbour is better"
    OUTAGE = "the serving site failed"


class Change(NamedTuple):
    """The next thing that matters to a flow, and (for a handover) the site that it points to."""

    t_ns: int
    kind: ChangeKind
    site: int


class Link:
    """One device's view of all sites, on a grid of measurement instants that is the same for everybody.

    All answers are functions of the world, of the instant and of what is asked; nothing is remembered but a chunk of
    samples that would come out the same again.
    """

    CHUNK = 32

    def __init__(self, radio: Radio, track: Track, hardware: Hardware, downtimes: Sequence[Downtime]) -> None:
        self._radio, self._track, self._hardware, self._downtimes = radio, track, hardware, downtimes
        self._period_ns = to_ns(radio.handover.measurement_period_s)
        sites = radio.sites
        budget_db = sites.antenna_gain_dbi - hardware.penetration_loss_db
        self._offset_db = {
            Direction.DOWNLOAD: sites.power_dbm + budget_db - noise_dbm(sites.bandwidth_hz, hardware.noise_figure_db),
            Direction.UPLOAD: hardware.eirp_dbm + budget_db - noise_dbm(sites.bandwidth_hz, sites.noise_figure_db),
        }
        self._chunk = -1
        self._gain_db = self._filtered_db = np.empty((0, 0))

    def snr_db(self, direction: Direction, t_ns: int) -> Floats:
        """Mean SNR [dB] of each site at an instant, sites that are down included."""
        sample, rest_ns = divmod(t_ns, self._period_ns)
        if rest_ns == 0 and sample // self.CHUNK == self._chunk:  # heard already, and the same to the last bit
            gain_db: Floats = self._gain_db[:, sample % self.CHUNK]
        else:
            x_m, y_m = self._track.leg(t_ns).at(t_ns)
            gain_db = self._radio.gain_db(np.array([x_m]), np.array([y_m]), self._hardware.height_m)[:, 0]
        return gain_db + self._offset_db[direction]

    def speed_m_per_s(self, t_ns: int) -> float:
        """Speed of the device."""
        leg = self._track.leg(t_ns)
        return float(np.hypot(leg.vx_m_per_s, leg.vy_m_per_s))

    def coverage(self, direction: Direction, now_ns: int) -> tuple[int, int | None]:
        """(now, site) of the strongest site that is up and covers the device; else (when to look again, None).

        That is when a site covers the device, or when the answer of `blocked_by_outage` changes.
        """
        best = self._strongest(self.snr_db(direction, now_ns), now_ns)
        if best is not None:
            return now_ns, best
        grid_ns, gain_db, _ = self._ahead(now_ns)
        blocked = self.blocked_by_outage(direction, now_ns)
        audible = gain_db.max(axis=0) + self._offset_db[direction] >= self._radio.rate_map.return_db
        for k in np.flatnonzero(audible | blocked):
            t_ns = int(grid_ns[k])
            if audible[k] != blocked or self._strongest(gain_db[:, k] + self._offset_db[direction], t_ns) is not None:
                return t_ns, None
        return self._horizon_ns(now_ns, 0, grid_ns), None

    def blocked_by_outage(self, direction: Direction, now_ns: int) -> bool:
        """Whether some site would cover the device now if it were not down."""
        return bool((self.snr_db(direction, now_ns) >= self._radio.rate_map.return_db).any())

    def _strongest(self, snr_db: Floats, t_ns: int) -> int | None:
        for site in np.argsort(-snr_db, kind="stable"):
            if snr_db[site] < self._radio.rate_map.return_db:
                return None
            if self._downtimes[site].is_up(t_ns):
                return int(site)
        return None

    def next_change(self, direction: Direction, site: int, level_db: float, since_ns: int, now_ns: int) -> Change:
        """What happens next to a flow served by `site` at `level_db`, to which it has been attached `since_ns`."""
        grid_ns, gain_db, filtered_db = self._ahead(now_ns)
        snr_db = gain_db[site] + self._offset_db[direction]
        changes = [Change(self._horizon_ns(now_ns, since_ns, grid_ns), ChangeKind.LOOK, site)]
        changes += _first(grid_ns, snr_db < self._radio.rate_map.cut_db, ChangeKind.LOST, site)
        changes += _first(grid_ns, np.abs(snr_db - level_db) >= self._radio.step_db, ChangeKind.RATE, site)
        changes += self._handover(site, since_ns, now_ns, filtered_db)
        if not self._downtimes[site].is_up(now_ns):
            return Change(now_ns, ChangeKind.OUTAGE, site)
        failure_ns = self._downtimes[site].next_change_ns(now_ns)
        changes.append(Change(failure_ns, ChangeKind.OUTAGE, site))
        severity = [ChangeKind.OUTAGE, ChangeKind.LOST, ChangeKind.HANDOVER, ChangeKind.RATE, ChangeKind.LOOK]
        return min(changes, key=lambda change: (change.t_ns, severity.index(change.kind)))

    def _handover(self, site: int, since_ns: int, now_ns: int, filtered_db: Floats) -> list[Change]:
        """The A3 trigger ahead, counting the samples since the device attached to its site."""
        law = self._radio.handover
        first = max(-(-since_ns // self._period_ns), now_ns // self._period_ns + 1 - (law.trigger_samples - 1))
        start = self._chunk * self.CHUNK - (law.trigger_samples - 1)
        heard = filtered_db[:, first - start :]
        candidates = np.arange(len(filtered_db)) != site
        found = law.first_trigger(heard, site, candidates)
        if found is None:
            return []
        sample, target = found
        return [Change((first + sample) * self._period_ns, ChangeKind.HANDOVER, target)]

    def _ahead(self, now_ns: int) -> tuple[np.ndarray, Floats, Floats]:
        """Instants, gains and filtered levels after `now_ns` in its chunk; the filtered ones from earlier on."""
        first = now_ns // self._period_ns + 1
        if first // self.CHUNK != self._chunk:
            self._hear(first // self.CHUNK)
        begin = first - self._chunk * self.CHUNK
        grid_ns = np.arange(first, (self._chunk + 1) * self.CHUNK, dtype=np.int64) * self._period_ns
        return grid_ns, self._gain_db[:, begin:], self._filtered_db

    def _hear(self, chunk: int) -> None:
        law = self._radio.handover
        back = law.trigger_samples - 1
        begin = chunk * self.CHUNK
        grid_ns = np.arange(begin - back - law.memory, begin + self.CHUNK, dtype=np.int64) * self._period_ns
        x_m, y_m = self._track.positions_m(grid_ns)
        fresh = np.flatnonzero(np.r_[True, (np.diff(x_m) != 0) | (np.diff(y_m) != 0)])
        gain_db = self._radio.gain_db(x_m[fresh], y_m[fresh], self._hardware.height_m)
        gain_db = np.repeat(gain_db, np.diff(np.r_[fresh, len(grid_ns)]), axis=1)  # a device at rest hears the same
        filtered_db = law.filtered_dbm(gain_db)
        heard_ns = grid_ns[law.memory :]
        for site, downtime in enumerate(self._downtimes):
            for down_ns, up_ns in downtime.intervals(int(heard_ns[0]), int(heard_ns[-1])):
                filtered_db[site, (heard_ns >= down_ns) & (heard_ns < up_ns)] = -np.inf
        self._chunk, self._gain_db, self._filtered_db = chunk, gain_db[:, back + law.memory :], filtered_db

    def _horizon_ns(self, now_ns: int, since_ns: int, grid_ns: np.ndarray) -> int:
        """When to look again if nothing was found: the chunk's end, or for a device at rest the end of its rest.

        It rests while it stands, is attached to the same site and no site fails or is repaired, for so long that no
        filter and no trigger remembers otherwise.
        """
        end_ns, law, leg = int(grid_ns[-1]), self._radio.handover, self._track.leg(now_ns)
        settled_ns = now_ns - (law.memory + law.trigger_samples) * self._period_ns
        weather_ns = min(downtime.next_change_ns(settled_ns) for downtime in self._downtimes)
        moves = leg.vx_m_per_s != 0.0 or leg.vy_m_per_s != 0.0
        if moves or max(leg.start_ns, since_ns) > settled_ns or weather_ns <= now_ns:
            return end_ns
        rest_ns = min(leg.end_ns, weather_ns)
        if rest_ns >= FOREVER_NS:
            return FOREVER_NS
        return max(end_ns, (rest_ns - 1) // self._period_ns * self._period_ns)  # the last measurement before it


def _first(grid_ns: np.ndarray, condition: np.ndarray, kind: ChangeKind, site: int) -> list[Change]:
    k = int(np.argmax(condition))
    return [Change(int(grid_ns[k]), kind, site)] if condition[k] else []
