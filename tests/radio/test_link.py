"""What a device hears: a function of place and time alone, whose changes are those that a scan finds."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pytest

from qflsim.radio.fading import NoFading
from qflsim.radio.handover import A3
from qflsim.radio.link import Change, ChangeKind, Hardware, Link, Radio
from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.rate import GapRate
from qflsim.records import Direction
from qflsim.streams import Streams
from qflsim.units import FOREVER_NS, Floats, to_ns
from qflsim.world.mobility import RandomWaypoint, Static, Track
from qflsim.world.outages import Downtime, RenewalOutage
from qflsim.world.sites import SiteAt, Sites

PERIOD_NS = to_ns(0.08)
HARDWARE = Hardware(22.4, 9.0, 1.5, 9.0)
SITES = Sites(at=tuple(SiteAt(name=name, x_m=x_m, y_m=y_m)
                       for name, x_m, y_m in [("a", 60.0, 60.0), ("b", 240.0, 80.0), ("c", 140.0, 230.0)]))  # fmt: skip
SAMPLES = 3000
UNTIL_NS = (SAMPLES - 1) * PERIOD_NS


def weather(seed: int) -> Radio:
    """A radio with all its laws but fading."""
    return Radio(SITES, UmiStreetCanyon(), NoFading(), GapRate(), A3(), 0.5, Streams(seed))


def downtimes(seed: int, mtbf_s: float = 25.0) -> list[Downtime]:
    """Frequent failures of every site."""
    law = RenewalOutage(sites=("a",), mtbf_s=mtbf_s, mttr_s=6.0)
    return [Downtime([law.intervals(Streams(seed).named("outage", site))]) for site in "abc"]


def walker(seed: int) -> Track:
    """Walks and long rests."""
    law = RandomWaypoint(area_m=(300.0, 300.0), speed_m_per_s=(5.0, 15.0), pause_s=(0.0, 40.0))
    return law.track(Streams(seed).named("walk"))


def sitter(seed: int) -> Track:
    """A device at rest."""
    return Static(area_m=(300.0, 300.0)).track(Streams(seed).named("sit"))


class Scan:
    """The same questions, answered by looking at every measurement, one after the other, from the definitions."""

    def __init__(self, seed: int, track: Track) -> None:
        self.radio, self.track, self.down = weather(seed), track, downtimes(seed)
        self.link = Link(self.radio, track, HARDWARE, self.down)
        # what is added to a gain for an SNR
        self.offset_db = {d: float((self.link.snr_db(d, 0) - self.gain_db(0))[0]) for d in Direction}
        law = self.radio.handover
        past = 10 * law.memory
        places_m = np.array([track.leg(k * PERIOD_NS).at(k * PERIOD_NS) for k in range(-past, SAMPLES)])
        gains = self.radio.gain_db(places_m[:, 0], places_m[:, 1], HARDWARE.height_m).T
        a, level, filtered = 2.0 ** (-law.filter_coefficient / 4), gains[0], []
        for gain in gains:
            level = (1 - a) * level + a * gain
            filtered.append(level)
        self.gains, levels = gains[past:], np.array(filtered[past:])
        up = np.array([[down.is_up(k * PERIOD_NS) for down in self.down] for k in range(SAMPLES)])
        levels[~up] = -np.inf
        # better[k, site, other]: the entering condition at sample k
        self.better = up[:, None, :] & (levels[:, None, :] > levels[:, :, None] + 3.0)

    def gain_db(self, t_ns: int) -> Floats:
        """Gains of all sites at an instant."""
        x_m, y_m = self.track.leg(t_ns).at(t_ns)
        return self.radio.gain_db(np.array([x_m]), np.array([y_m]), HARDWARE.height_m)[:, 0]

    def triggers(self, k: int, site: int, since_ns: int) -> bool:
        """Whether A3 is due for some neighbour at sample k."""
        first = k - self.radio.handover.trigger_samples + 1
        return first * PERIOD_NS >= since_ns and bool(self.better[first : k + 1, site].all(axis=0).any())

    def next_change(
        self, direction: Direction, site: int, level_db: float, since_ns: int, now_ns: int
    ) -> tuple[int, ChangeKind]:
        """The next change but for looks; a `LOOK` at the end of the scan if there is none."""
        if not self.down[site].is_up(now_ns):
            return now_ns, ChangeKind.OUTAGE
        failure_ns = self.down[site].next_change_ns(now_ns)
        offset_db = self.offset_db[direction]
        for k in range(now_ns // PERIOD_NS + 1, SAMPLES):
            t_ns, snr_db = k * PERIOD_NS, self.gains[k, site] + offset_db
            if failure_ns <= t_ns:
                return failure_ns, ChangeKind.OUTAGE
            if snr_db < self.radio.rate_map.cut_db:
                return t_ns, ChangeKind.LOST
            if self.triggers(k, site, since_ns):
                return t_ns, ChangeKind.HANDOVER
            if abs(snr_db - level_db) >= self.radio.step_db:
                return t_ns, ChangeKind.RATE
        return UNTIL_NS, ChangeKind.LOOK

    def covered(self, direction: Direction, now_ns: int) -> tuple[int, int | None]:
        """When and by whom the device is covered, from now or from a measurement on."""
        first = now_ns // PERIOD_NS + 1
        levels_db = np.vstack([self.gain_db(now_ns), self.gains[first:]]) + self.offset_db[direction]
        for k in np.flatnonzero((levels_db >= self.radio.rate_map.return_db).any(axis=1)):
            t_ns = now_ns if k == 0 else (first + int(k) - 1) * PERIOD_NS
            heard = [s for s in range(3)
                     if levels_db[k, s] >= self.radio.rate_map.return_db and self.down[s].is_up(t_ns)]  # fmt: skip
            if heard:
                return t_ns, max(heard, key=lambda s: float(levels_db[k, s]))
        return UNTIL_NS, None


@lru_cache
def scanned(seed: int, track: Callable[[int], Track]) -> Scan:
    """A scan, made once."""
    return Scan(seed, track(seed))


def looked_up(link: Link, direction: Direction, site: int, level_db: float, since_ns: int, now_ns: int) -> Change:
    """The link's next change, its looks followed."""
    while True:
        change = link.next_change(direction, site, level_db, since_ns, now_ns)
        if change.kind is not ChangeKind.LOOK or change.t_ns >= UNTIL_NS:
            return change
        assert change.t_ns > now_ns
        now_ns = change.t_ns


def found(link: Link, direction: Direction, now_ns: int) -> tuple[int, int | None]:
    """The link's next coverage, its looks followed."""
    site = None
    while site is None and now_ns < UNTIL_NS:
        look_ns, site = link.coverage(direction, now_ns)
        assert look_ns > now_ns or site is not None
        now_ns = look_ns
    return now_ns, site


def life(scan: Scan, link: Link, direction: Direction) -> Iterator[ChangeKind]:
    """Follows a device through coverage, steps, handovers and losses; every answer must be that of the scan."""
    broke_ns = 0
    while True:
        now_ns, site = found(link, direction, broke_ns)
        if now_ns >= UNTIL_NS:
            return
        assert (now_ns, site) == scan.covered(direction, broke_ns)
        kind, since_ns = ChangeKind.RATE, now_ns
        while kind in (ChangeKind.RATE, ChangeKind.HANDOVER) and site is not None:
            level_db = float(link.snr_db(direction, now_ns)[site])
            expected = scan.next_change(direction, site, level_db, since_ns, now_ns)
            change = looked_up(link, direction, site, level_db, since_ns, now_ns)
            if expected[1] is ChangeKind.LOOK:
                assert change.t_ns >= UNTIL_NS
                return
            assert (change.t_ns, change.kind) == expected
            now_ns, kind = change.t_ns, change.kind
            yield kind
            if kind is ChangeKind.HANDOVER:
                site, since_ns = change.site, now_ns
        broke_ns = now_ns


@pytest.mark.parametrize("chunk", [3, 64, 1000])
@pytest.mark.parametrize("track", [walker, sitter])
def test_changes_are_those_of_a_scan_whatever_the_chunk(
    track: Callable[[int], Track], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every change and every return of coverage, over minutes of walks, rests and failures, in chunks of any length."""
    monkeypatch.setattr(Link, "CHUNK", chunk)
    kinds: set[ChangeKind] = set()
    for seed in range(3):
        scan = scanned(seed, track)
        for direction in Direction:
            link = Link(scan.radio, track(seed), HARDWARE, downtimes(seed))
            kinds |= set(life(scan, link, direction))
    assert kinds >= {ChangeKind.OUTAGE, ChangeKind.HANDOVER}
    if track is walker:
        assert kinds == {ChangeKind.OUTAGE, ChangeKind.HANDOVER, ChangeKind.LOST, ChangeKind.RATE}


def test_two_devices_at_one_place_hear_the_same() -> None:
    """Gains are a pure function of (seed, site, place): for any device, instant and company, to the last bit."""
    track = walker(5)
    link = Link(weather(5), track, HARDWARE, downtimes(5))
    late_ns = to_ns(77.7)
    x_m, y_m = track.leg(late_ns).at(late_ns)
    other = Link(weather(5), Static(at_m=(x_m, y_m)).track(Streams(9).named("x")), HARDWARE, downtimes(8))
    for direction in Direction:
        np.testing.assert_array_equal(link.snr_db(direction, late_ns), other.snr_db(direction, 0))


def test_hardware_moves_levels_by_its_decibels() -> None:
    """Noise figure counts downwards, radiated power upwards, penetration both ways; heights aside nothing else."""
    louder = Hardware(HARDWARE.eirp_dbm + 3.0, HARDWARE.noise_figure_db + 2.0, 1.5, HARDWARE.penetration_loss_db + 5.0)
    links = [Link(weather(5), sitter(5), hardware, downtimes(5)) for hardware in (HARDWARE, louder)]
    for direction, difference_db in [(Direction.DOWNLOAD, -2.0 - 5.0), (Direction.UPLOAD, 3.0 - 5.0)]:
        before_db, after_db = (link.snr_db(direction, 0) for link in links)
        np.testing.assert_allclose(after_db - before_db, difference_db, rtol=0, atol=1e-9)


def test_link_budget_by_hand() -> None:
    """SNR = 40 + 24 - gain down, EIRP + 24 - gain up, less penetration, over -174 + 10 lg 400 MHz + noise figure."""
    radio, track = weather(2), sitter(2)
    x_m, y_m = track.leg(0).at(0)
    gain_db = radio.gain_db(np.array([x_m]), np.array([y_m]), 1.5)[:, 0]
    noise_dbm = -174.0 + 10 * np.log10(400e6)
    link = Link(radio, track, HARDWARE, downtimes(2))
    np.testing.assert_allclose(
        link.snr_db(Direction.DOWNLOAD, 0), gain_db + 40 + 24 - 9 - noise_dbm - 9, rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        link.snr_db(Direction.UPLOAD, 0), gain_db + 22.4 + 24 - 9 - noise_dbm - 5, rtol=0, atol=1e-9
    )


def test_a_device_at_rest_hears_a_constant() -> None:
    """Without outages nothing ever happens to it: the next change is never."""
    still = [Downtime([]) for _ in range(3)]
    link = Link(weather(1), sitter(1), HARDWARE, still)
    now_ns, site = link.coverage(Direction.DOWNLOAD, 0)
    assert (now_ns, site is not None) == (0, True)
    assert site is not None
    levels = {tuple(link.snr_db(Direction.DOWNLOAD, t_ns)) for t_ns in range(0, 10**12, 10**10)}
    assert len(levels) == 1
    change = link.next_change(Direction.DOWNLOAD, site, levels.pop()[site], 0, to_ns(60.0))
    assert change.t_ns == FOREVER_NS


def test_a_device_at_rest_without_coverage_never_looks_again() -> None:
    """It waits for ever at no cost, unless a site is repaired that it hears."""
    far = Static(at_m=(9e6, 0.0)).track(Streams(1).named("x"))
    link = Link(weather(1), far, HARDWARE, [Downtime([]) for _ in range(3)])
    assert link.coverage(Direction.UPLOAD, to_ns(60.0)) == (FOREVER_NS, None)
    assert not link.blocked_by_outage(Direction.UPLOAD, 0)


def test_answers_do_not_depend_on_the_order_of_questions() -> None:
    """The chunk that is kept is only a copy: asked forth and back, a link says the same."""
    instants_ns = [to_ns(s) for s in (0.0, 5.1, 5.2, 33.3, 60.0, 100.0)]
    answers = []
    for order in (instants_ns, instants_ns[::-1]):
        link = Link(weather(3), walker(3), HARDWARE, downtimes(3))
        asked = {t_ns: (link.coverage(Direction.UPLOAD, t_ns), link.next_change(Direction.UPLOAD, 1, 3.0, t_ns, t_ns))
                 for t_ns in order}  # fmt: skip
        answers.append(dict(sorted(asked.items())))
    assert answers[0] == answers[1]


def test_the_time_to_trigger_counts_from_the_attachment() -> None:
    """Attached a while after a better site's repair, a device is handed over the time to trigger after that."""
    down = [Downtime([iter([(0, to_ns(up_s))])]) for up_s in (0.001, 8.0, 1e9)]
    link = Link(weather(3), Static(at_m=(185.0, 75.0)).track(Streams(1).named("x")), HARDWARE, down)
    for since_s in (8.0, 8.01, 8.2, 9.0, 100.0):
        since_ns = to_ns(since_s)
        level_db = float(link.snr_db(Direction.DOWNLOAD, since_ns)[0])
        change = link.next_change(Direction.DOWNLOAD, 0, level_db, since_ns, since_ns)
        first_ns = -(-since_ns // PERIOD_NS) * PERIOD_NS
        assert change == Change(first_ns + 4 * PERIOD_NS, ChangeKind.HANDOVER, 1)


def test_blocked_means_that_a_site_would_cover_were_it_up() -> None:
    """With all sites down a device in their midst is blocked until the first repair, and covered from then on."""
    down = [Downtime([iter([(0, to_ns(up_s))])]) for up_s in (20.0, 8.0, 30.0)]
    link = Link(weather(3), Static(at_m=(140.0, 120.0)).track(Streams(1).named("x")), HARDWARE, down)
    assert link.blocked_by_outage(Direction.DOWNLOAD, 0)
    assert found(link, Direction.DOWNLOAD, 0) == (to_ns(8.0), 1)


def test_what_was_heard_is_what_is_heard() -> None:
    """A link that has a chunk of samples in mind gives the same levels, bit for bit, as one that was just made."""
    radio, track, down = weather(4), walker(4), downtimes(4)
    used = Link(radio, track, HARDWARE, down)
    for k in range(5, 5 + 2 * Link.CHUNK):
        used.next_change(Direction.UPLOAD, 0, 0.0, 0, (k - 1) * PERIOD_NS)
        fresh = Link(radio, track, HARDWARE, down)
        for t_ns in (k * PERIOD_NS, k * PERIOD_NS + 1):
            np.testing.assert_array_equal(used.snr_db(Direction.UPLOAD, t_ns), fresh.snr_db(Direction.UPLOAD, t_ns))
