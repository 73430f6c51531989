"""What a device hears: a function of place and time alone, whose changes are those that a scan finds."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from qflsim.radio.budget import Budget, Radio
from qflsim.radio.equipment import Hardware
from qflsim.radio.fading import NoFading
from qflsim.radio.handover import A3
from qflsim.radio.link import Change, ChangeKind, Link
from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.rate import GapRate
from qflsim.radio.uplink import Uplink
from qflsim.radio.weather import Weather
from qflsim.streams import Streams
from qflsim.terms import Direction
from qflsim.units import FOREVER_NS, Floats, to_ns
from qflsim.world.blockage import GilbertElliott, LinkWeather
from qflsim.world.mobility import RandomWaypoint, Static
from qflsim.world.outages import Downtime, RenewalOutage
from qflsim.world.sites import SiteAt, Sites
from qflsim.world.tracks import Track

PERIOD_NS = to_ns(0.08)
HARDWARE = Hardware(22.4, 9.0, 1.5, 9.0)
PLACES = (
    SiteAt(name="a", x_m=60.0, y_m=60.0),
    SiteAt(name="b", x_m=240.0, y_m=80.0, offset_db=1.5),
    SiteAt(name="c", x_m=140.0, y_m=230.0, offset_db=-1.0),
)
SAMPLES = 1200
UNTIL_NS = (SAMPLES - 1) * PERIOD_NS


def radio(seed: int, sectors: int = 1) -> Radio:
    """A radio with all its laws but fading; with sectors the cells disturb each other, too."""
    weather = Weather(Sites(at=PLACES, sectors=sectors), UmiStreetCanyon(), 0.5, False, Streams(seed))
    return Radio(weather, NoFading(), GapRate(), A3(), Uplink(), None, None, 0.0 if sectors == 1 else 0.3, 0.5)


def downtimes(seed: int, mtbf_s: float = 25.0) -> dict[int, Downtime]:
    """Frequent failures of every site."""
    law = RenewalOutage(sites=("a",), mtbf_s=mtbf_s, mttr_s=6.0)
    return {k: Downtime([law.intervals(Streams(seed).named("outage", site))]) for k, site in enumerate("abc")}


def obstacles(seed: int) -> dict[int, LinkWeather]:
    """Bad times of the way to each site."""
    law = GilbertElliott(good_s=6.0, bad_s=3.0, loss_db=35.0)

    def blocks(site: int) -> Callable[[int], np.random.Generator]:
        return lambda block: Streams(seed).named("obstacle", site, block)

    return {site: LinkWeather([(law, blocks(site))], 10.0, HARDWARE.height_m) for site in range(3)}


def errors(seed: int) -> Callable[[int], np.random.Generator]:
    """By what the device's measurements err."""
    return lambda block: Streams(seed).named("error", block)


def walker(seed: int) -> Track:
    """Walks and long rests."""
    law = RandomWaypoint(area_m=(300.0, 300.0), speed_m_per_s=(5.0, 15.0), pause_s=(0.0, 40.0))
    return law.track(Streams(seed).named("walk"))


def sitter(seed: int) -> Track:
    """A device at rest."""
    return Static(area_m=(300.0, 300.0)).track(Streams(seed).named("sit"))


class Scan:
    """The same questions, answered by looking at every measurement, one after the other, from the definitions."""

    def __init__(self, seed: int, track: Track, sectors: int, blocked: bool, errs: bool) -> None:
        self.radio, self.track = radio(seed, sectors), track
        self.obstacles = obstacles(seed) if blocked else {}
        self.down = [downtimes(seed)[site] for site in self.radio.weather.site_of]
        self.budget = Budget(self.radio, HARDWARE)
        law = self.radio.handover
        past = 10 * law.memory
        gains = np.hstack([self.gain_db(k * PERIOD_NS) for k in range(-past, SAMPLES)])
        measured = gains.copy()
        for block in range(-(past // 32) - 1, SAMPLES // 32 + 1) if errs else ():
            first = block * 32 + past
            error = law.measurement_error_db * errors(seed)(block).standard_normal((len(gains), 32))
            here = slice(max(first, 0), max(first + 32, 0))
            measured[:, here] += error[:, max(-first, 0) :][:, : measured[:, here].shape[1]]
        a, level, filtered = 2.0 ** (-law.filter_coefficient / 4), measured[:, 0], []
        for gain in measured.T:
            level = (1 - a) * level + a * gain
            filtered.append(level)
        self.up = np.array([[down.is_up(k * PERIOD_NS) for k in range(SAMPLES)] for down in self.down])
        self.gains = gains[:, past:]
        heard = np.where(self.up, self.gains, -np.inf)
        self.quality = {d: self.budget.quality(d, heard) for d in Direction}
        compared = np.where(self.up, np.array(filtered[past:]).T, -np.inf) + self.radio.weather.offset_db[:, None]
        # better[cell, other, k]: the entering condition at sample k
        self.better = self.up[None] & (compared[None] > compared[:, None] + 3.0)

    def gain_db(self, t_ns: int) -> Floats:
        """Gains of all cells at an instant, in one column."""
        x_m, y_m = self.track.leg(t_ns).at(t_ns)
        gain_db = self.radio.weather.gain_db(np.array([x_m]), np.array([y_m]), HARDWARE.height_m)
        for site, obstacle in self.obstacles.items():
            gain_db[self.radio.weather.rows_of(site)] -= obstacle.loss_db(np.array([t_ns]), lambda t: np.ones(len(t)))
        return gain_db

    def now(self, direction: Direction, t_ns: int) -> tuple[Floats, Floats]:
        """Gains and margins of all cells at an instant."""
        gain_db = self.gain_db(t_ns)
        up = np.array([[down.is_up(t_ns)] for down in self.down])
        return gain_db, self.budget.quality(direction, np.where(up, gain_db, -np.inf))[1]

    def triggers(self, k: int, cell: int, since_ns: int) -> bool:
        """Whether A3 is due for some neighbour at sample k."""
        first = k - self.radio.handover.trigger_samples + 1
        return first * PERIOD_NS >= since_ns and bool(self.better[cell, :, first : k + 1].all(axis=1).any())

    def next_change(
        self, direction: Direction, cell: int, level_db: float, since_ns: int, now_ns: int
    ) -> tuple[int, ChangeKind]:
        """The next change but for looks; a `LOOK` at the end of the scan if there is none."""
        if not self.down[cell].is_up(now_ns):
            return now_ns, ChangeKind.OUTAGE
        failure_ns = self.down[cell].next_change_ns(now_ns)
        levels_db, margins_db = self.quality[direction]
        for k in range(now_ns // PERIOD_NS + 1, SAMPLES):
            t_ns = k * PERIOD_NS
            if failure_ns <= t_ns:
                return failure_ns, ChangeKind.OUTAGE
            if margins_db[cell, k] < self.radio.rate_map.cut_db:
                return t_ns, ChangeKind.LOST
            if self.triggers(k, cell, since_ns):
                return t_ns, ChangeKind.HANDOVER
            if abs(levels_db[cell, k] - level_db) >= self.radio.step_db:
                return t_ns, ChangeKind.RATE
        return UNTIL_NS, ChangeKind.LOOK

    def covered(self, direction: Direction, now_ns: int) -> tuple[int, int | None]:
        """When and by whom the device is covered, from now or from a measurement on."""
        first = now_ns // PERIOD_NS + 1
        gains_db, margins_db = self.now(direction, now_ns)
        gains_db = np.hstack([gains_db, self.gains[:, first:]]) + self.radio.weather.offset_db[:, None]
        good = np.hstack([margins_db, self.quality[direction][1][:, first:]]) >= self.radio.rate_map.return_db
        if not good.any():
            return UNTIL_NS, None
        k = int(good.any(axis=0).argmax())
        return (now_ns if k == 0 else (first + k - 1) * PERIOD_NS), int(
            np.where(good, gains_db, -np.inf)[:, k].argmax()
        )

    def way_out(
        self, direction: Direction, cell: int, kind: ChangeKind, since_ns: int, now_ns: int
    ) -> tuple[int, ChangeKind]:
        """A lost cell is good again, at a measurement or at the repair of its site, or a neighbour is due before."""
        until_ns = now_ns + to_ns(1.2)
        repairs = {up_ns for _, up_ns in self.down[cell].intervals(now_ns, until_ns)}
        grid = {k * PERIOD_NS for k in range(-(-now_ns // PERIOD_NS), until_ns // PERIOD_NS + 1)}
        for t_ns in sorted(t_ns for t_ns in repairs | grid if t_ns < until_ns):
            good = self.now(direction, t_ns)[1][cell, 0] >= self.radio.rate_map.return_db
            if good and t_ns > now_ns:
                return t_ns, ChangeKind.RATE
            if kind is ChangeKind.LOST and t_ns in grid and self.triggers(t_ns // PERIOD_NS, cell, since_ns):
                return t_ns, ChangeKind.HANDOVER
        return until_ns, ChangeKind.LOST


@lru_cache
def scanned(seed: int, track: Callable[[int], Track], sectors: int, blocked: bool, errs: bool) -> Scan:
    """A scan, made once."""
    return Scan(seed, track(seed), sectors, blocked, errs)


def looked_up(link: Link, direction: Direction, cell: int, level_db: float, since_ns: int, now_ns: int) -> Change:
    """The link's next change, its looks followed."""
    while True:
        change = link.next_change(direction, cell, level_db, since_ns, now_ns)
        if change.kind is not ChangeKind.LOOK or change.t_ns >= UNTIL_NS:
            return change
        assert change.t_ns > now_ns
        now_ns = change.t_ns


def found(link: Link, direction: Direction, now_ns: int) -> tuple[int, int | None]:
    """The link's next coverage, its looks followed."""
    cell = None
    while cell is None and now_ns < UNTIL_NS:
        look_ns, cell = link.coverage(direction, now_ns)
        assert look_ns > now_ns or cell is not None
        now_ns = look_ns
    return now_ns, cell


def attached(scan: Scan, link: Link, direction: Direction, cell: int, now_ns: int) -> tuple[int, set[ChangeKind]]:
    """Follows a device through steps, handovers and losses that it rides out, until the link has failed; every answer
    must be that of the scan."""
    kinds: set[ChangeKind] = set()
    since_ns = now_ns
    while True:
        level_db = float(link.quality(direction, now_ns)[0][cell])
        expected = scan.next_change(direction, cell, level_db, since_ns, now_ns)
        change = looked_up(link, direction, cell, level_db, since_ns, now_ns)
        if expected[1] is ChangeKind.LOOK:
            assert change.t_ns >= UNTIL_NS
            return UNTIL_NS, kinds
        assert (change.t_ns, change.kind) == expected
        kinds.add(change.kind)
        now_ns = change.t_ns
        if change.kind in (ChangeKind.LOST, ChangeKind.OUTAGE):
            lost = change.kind
            change = link.way_out(direction, cell, lost, since_ns, now_ns)
            assert (change.t_ns, change.kind) == scan.way_out(direction, cell, lost, since_ns, now_ns)
            if change.kind is ChangeKind.LOST:
                return change.t_ns, kinds
            now_ns = change.t_ns
        if change.kind is ChangeKind.HANDOVER:
            cell, since_ns = change.cell, now_ns


def life(scan: Scan, link: Link, direction: Direction) -> set[ChangeKind]:
    """What happens to a device that is attached anew whenever its link has failed."""
    kinds: set[ChangeKind] = set()
    broke_ns = 0
    while broke_ns < UNTIL_NS:
        now_ns, cell = found(link, direction, broke_ns)
        if now_ns >= UNTIL_NS or cell is None:
            break
        assert (now_ns, cell) == scan.covered(direction, broke_ns)
        broke_ns, met = attached(scan, link, direction, cell, now_ns)
        kinds |= met
    return kinds


@pytest.mark.parametrize(
    ("track", "sectors", "blocked", "errs", "chunk"),
    [
        (walker, 1, False, False, (3, 3)),
        (walker, 1, False, True, (4, 32)),
        (walker, 1, True, False, (150, 150)),
        (walker, 3, False, False, (4, 32)),
        (walker, 3, True, True, (3, 32)),
        (sitter, 1, False, False, (3, 3)),
        (sitter, 3, False, True, (4, 32)),
        (sitter, 1, True, False, (150, 150)),
    ],
)
def test_changes_are_those_of_a_scan_whatever_the_chunk(
    track: Callable[[int], Track], sectors: int, blocked: bool, errs: bool, chunk: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Every change, recovery and return of coverage, over minutes of walks, rests and failures, in chunks of any
    length; with sectors that disturb each other, obstacles in the way and measurements that err, as well."""
    monkeypatch.setattr(Link, "FEWEST", chunk[0])
    monkeypatch.setattr(Link, "MOST", chunk[1])
    kinds: set[ChangeKind] = set()
    for seed in range(2):
        scan = scanned(seed, track, sectors, blocked, errs)
        for direction in Direction:
            link = Link(scan.radio, track(seed), HARDWARE, downtimes(seed), obstacles(seed) if blocked else {},
                        errors=errors(seed) if errs else None)  # fmt: skip
            kinds |= life(scan, link, direction)
    assert ChangeKind.OUTAGE in kinds
    assert ChangeKind.HANDOVER in kinds or (track, sectors) == (sitter, 3)
    if track is walker:
        assert kinds == {ChangeKind.OUTAGE, ChangeKind.HANDOVER, ChangeKind.LOST, ChangeKind.RATE}


def test_two_devices_at_one_place_hear_the_same() -> None:
    """Gains are a pure function of (seed, site, place): for any device, instant and company, to the last bit."""
    track = walker(5)
    link = Link(radio(5), track, HARDWARE, {})
    late_ns = to_ns(77.7)
    x_m, y_m = track.leg(late_ns).at(late_ns)
    other = Link(radio(5), Static(at_m=(x_m, y_m)).track(Streams(9).named("x")), HARDWARE, {})
    for direction in Direction:
        np.testing.assert_array_equal(link.quality(direction, late_ns), other.quality(direction, 0))


def test_a_device_at_rest_hears_a_constant() -> None:
    """Without outages nothing ever happens to it: the next change is never."""
    link = Link(radio(1), sitter(1), HARDWARE, {})
    now_ns, site = link.coverage(Direction.DOWNLOAD, 0)
    assert (now_ns, site is not None) == (0, True)
    assert site is not None
    levels = {tuple(link.quality(Direction.DOWNLOAD, t_ns)[0]) for t_ns in range(0, 10**12, 10**10)}
    assert len(levels) == 1
    level_db = levels.pop()[site]
    look = link.next_change(Direction.DOWNLOAD, site, level_db, 0, to_ns(60.0))
    assert look.kind is ChangeKind.LOOK
    assert link.next_change(Direction.DOWNLOAD, site, level_db, 0, look.t_ns).t_ns == FOREVER_NS


@pytest.mark.filterwarnings("ignore::qflsim.errors.InputWarning")
def test_a_device_at_rest_without_coverage_never_looks_again() -> None:
    """It waits for ever at no cost, unless a site is repaired that it hears."""
    far = Static(at_m=(9e6, 0.0)).track(Streams(1).named("x"))
    link = Link(radio(1), far, HARDWARE, {})
    assert link.coverage(Direction.UPLOAD, to_ns(60.0)) == (FOREVER_NS, None)
    assert not link.blocked_by_outage(Direction.UPLOAD, 0)


def test_answers_do_not_depend_on_the_order_of_questions() -> None:
    """The chunk that is kept is only a copy: asked forth and back, a link says the same."""
    instants_ns = [to_ns(s) for s in (0.0, 5.1, 5.2, 33.3, 60.0, 90.0)]
    answers = []
    for order in (instants_ns, instants_ns[::-1]):
        link = Link(radio(3), walker(3), HARDWARE, downtimes(3))
        asked = {t_ns: (found(link, Direction.UPLOAD, t_ns), looked_up(link, Direction.UPLOAD, 1, -100.0, t_ns, t_ns))
                 for t_ns in order}  # fmt: skip
        answers.append(dict(sorted(asked.items())))
    assert answers[0] == answers[1]


def test_the_time_to_trigger_counts_from_the_attachment() -> None:
    """Attached a while after a better site's repair, a device is handed over the time to trigger after that."""
    down = {k: Downtime([iter([(0, to_ns(up_s))])]) for k, up_s in enumerate((0.001, 8.0, 1e9))}
    link = Link(radio(3), Static(at_m=(185.0, 75.0)).track(Streams(1).named("x")), HARDWARE, down)
    for since_s in (8.0, 8.01, 8.2, 9.0, 80.0):
        since_ns = to_ns(since_s)
        level_db = float(link.quality(Direction.DOWNLOAD, since_ns)[0][0])
        change = looked_up(link, Direction.DOWNLOAD, 0, level_db, since_ns, since_ns)
        first_ns = -(-since_ns // PERIOD_NS) * PERIOD_NS
        assert change == Change(first_ns + 4 * PERIOD_NS, ChangeKind.HANDOVER, 1)


def test_blocked_means_that_a_site_would_cover_were_it_up() -> None:
    """With all sites down a device in their midst is blocked until the first repair, and covered from then on."""
    down = {k: Downtime([iter([(0, to_ns(up_s))])]) for k, up_s in enumerate((20.0, 8.0, 30.0))}
    link = Link(radio(3), Static(at_m=(140.0, 120.0)).track(Streams(1).named("x")), HARDWARE, down)
    assert link.blocked_by_outage(Direction.DOWNLOAD, 0)
    assert found(link, Direction.DOWNLOAD, 0) == (to_ns(8.0), 1)


def test_what_was_heard_is_what_is_heard() -> None:
    """A link that has a chunk of samples in mind gives the same levels, bit for bit, as one that was just made."""
    law, track, down = radio(4), walker(4), downtimes(4)
    used = Link(law, track, HARDWARE, down)
    for k in range(5, 5 + 2 * Link.MOST):
        used.next_change(Direction.UPLOAD, 0, 0.0, 0, (k - 1) * PERIOD_NS)
        fresh = Link(law, track, HARDWARE, down)
        for t_ns in (k * PERIOD_NS, k * PERIOD_NS + 1):
            np.testing.assert_array_equal(used.quality(Direction.UPLOAD, t_ns), fresh.quality(Direction.UPLOAD, t_ns))
