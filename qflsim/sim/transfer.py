"""A transfer: the story of one model on its way over whatever sites serve the device, fading, moving and failing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np
import simpy

from qflsim import records
from qflsim.radio.link import ChangeKind, Link, Radio
from qflsim.records import Direction, Happening, Reason
from qflsim.sim.cell import Cell
from qflsim.sim.engine import Engine, Order, Story
from qflsim.units import to_ns


class Payload(NamedTuple):
    """What travels, itemised."""

    model_bit: int
    header_bit: int
    co_model_bit: int


@dataclass(frozen=True)
class Air:
    """What all transfers share: radio weather, cells, what travels, and whether a broken connection loses it."""

    radio: Radio
    cells: Mapping[Direction, list[Cell]]
    payload: Payload
    restarts: bool


class _Waits(Enum):
    """What the time of a transfer is spent on."""

    SHARING = "sharing"
    UNCOVERED = "uncovered"
    HANDOVER = "handover"
    OUTAGE = "outage"


class Transfer:
    """One download or upload of one participation. `carry` is its story; its record is emitted however it ends."""

    def __init__(self, engine: Engine, air: Air, link: Link, direction: Direction, device: int, participation: int,
                 rng: np.random.Generator, on_first_service: Callable[[], None]) -> None:  # fmt: skip
        self._engine, self._air, self._link, self._direction = engine, air, link, direction
        self._device, self._participation, self._rng = device, participation, rng
        self._on_first_service = on_first_service
        self._size_bit = self._left_bit = float(sum(air.payload))
        self._wasted_bit = 0.0
        self._start_ns = self._since_ns = engine.now_ns
        self._waits: dict[_Waits, int] = dict.fromkeys(_Waits, 0)
        self._waiting_for = _Waits.UNCOVERED
        self._first_site = self.last_site = -1
        self._handovers = self._outages = 0

    def carry(self) -> Story:
        """Finds a site, is served, changes sites, waits where there is none, until the last bit is through."""
        try:
            site: int | None = None
            while self._left_bit > 0:
                if site is None:
                    site = yield from self._find_site()
                site = yield from self._served_by(site)
        finally:
            self._turn_to(_Waits.SHARING)
            self._emit_record()

    def _find_site(self) -> Story:
        """Waits until a site covers the device; after a break, until the connection is established anew as well."""
        broke_ns, cause = self._since_ns, self._waiting_for
        while True:
            look_ns, site = self._link.coverage(self._direction, self._engine.now_ns)
            if site is None:
                blocked = self._link.blocked_by_outage(self._direction, self._engine.now_ns)
                self._turn_to(_Waits.OUTAGE if blocked else _Waits.UNCOVERED)
                yield self._engine.at(look_ns, Order.WORLD, self._device)
            elif self.last_site < 0 or self._waiting_for is _Waits.HANDOVER:
                break
            else:
                self._turn_to(_Waits.HANDOVER)
                reestablishment_ns = to_ns(self._air.radio.handover.reestablishment_s)
                yield self._engine.wait(reestablishment_ns, Order.WORLD, self._device)
        if self.last_site < 0:
            self._first_site = site
            self._on_first_service()
        else:
            self._say(Happening.COVERAGE_BACK, site)
            if site != self.last_site:
                self._emit_handover(site, broke_ns, Reason.OUTAGE if cause is _Waits.OUTAGE else Reason.COVERAGE)
        return site

    def _served_by(self, site: int) -> Story:
        """Takes part in a site's cell until done (returns None with nothing left), lost, or handed over to a site."""
        self.last_site = site
        self._turn_to(_Waits.SHARING)
        cell, attached_ns = self._air.cells[self._direction][site], self._engine.now_ns
        level_db = float(self._link.snr_db(self._direction, attached_ns)[site])
        if level_db < self._air.radio.rate_map.cut_db:  # the target of a handover may be lost by the end of it
            self._lose(ChangeKind.LOST)
            return None
        stretch = self._stretch(level_db, cell)
        work_bit = self._left_bit * stretch
        while True:
            rate_bit_per_s = self._air.radio.rate_bit_per_s(level_db)
            done = cell.join(self._participation, work_bit / rate_bit_per_s)
            try:
                change = yield from self._unchanged(done, site, level_db, attached_ns)
            finally:
                work_bit = 0.0 if done.triggered else cell.leave(self._participation) * rate_bit_per_s
                self._left_bit = min(self._left_bit, work_bit / stretch)  # rounding must not give bits back
            if change is None:
                return None
            if change.kind is ChangeKind.RATE:
                level_db = float(self._link.snr_db(self._direction, self._engine.now_ns)[site])
            elif change.kind is ChangeKind.HANDOVER:
                return (yield from self._hand_over(change.site))
            else:
                self._lose(change.kind)
                return None

    def _unchanged(self, done: simpy.Event, site: int, level_db: float, attached_ns: int) -> Story:
        """Waits until the flow is done (None) or something about its radio changes (what)."""
        while not done.triggered:
            change = self._link.next_change(self._direction, site, level_db, attached_ns, self._engine.now_ns)
            yield done | self._engine.at(change.t_ns, Order.WORLD, self._device)
            if not done.triggered and change.kind is not ChangeKind.LOOK:
                return change
        return None

    def _hand_over(self, target: int) -> Story:
        """The interruption of a handover; nothing that was sent is lost."""
        self._turn_to(_Waits.HANDOVER)
        start_ns = self._engine.now_ns
        self._say(Happening.HANDOVER_START, target)
        yield self._engine.wait(to_ns(self._air.radio.handover.interruption_s), Order.WORLD, self._device)
        self._say(Happening.HANDOVER_END, target)
        self._emit_handover(target, start_ns, Reason.A3)
        return target

    def _lose(self, kind: ChangeKind) -> None:
        """The connection breaks: what got through is kept, or lost if transfers restart."""
        self._turn_to(_Waits.OUTAGE if kind is ChangeKind.OUTAGE else _Waits.UNCOVERED)
        self._say(Happening.COVERAGE_LOST, self.last_site)
        if self._air.restarts:
            self._wasted_bit += self._size_bit - self._left_bit
            self._left_bit = self._size_bit
        if kind is ChangeKind.OUTAGE:
            self._outages += 1

    def _stretch(self, level_db: float, cell: Cell) -> float:
        """How much more or less than its bits the mean rate has to carry, by one draw of the fading."""
        radio = self._air.radio
        return (
            radio.fading.work_bit(
                self._left_bit,
                radio.rate_map,
                level_db,
                radio.rate_scale_hz / (cell.flows + 1),
                radio.fading.coherence_s(self._link.speed_m_per_s(self._engine.now_ns), radio.sites.carrier_hz),
                self._rng,
            )
            / self._left_bit
        )

    def _turn_to(self, waits: _Waits) -> None:
        self._waits[self._waiting_for] += self._engine.now_ns - self._since_ns
        self._waiting_for, self._since_ns = waits, self._engine.now_ns

    def _say(self, happening: Happening, site: int) -> None:
        self._engine.emit(records.Event(self._engine.now_ns, happening, self._device, self._participation, site, 0))

    def _emit_handover(self, to_site: int, start_ns: int, reason: Reason) -> None:
        self._handovers += 1
        self._engine.emit(records.Handover(self._engine.now_ns, self._device, self._participation, self.last_site,
                                           to_site, start_ns, reason))  # fmt: skip

    def _emit_record(self) -> None:
        self._engine.emit(
            records.Transfer(
                t_ns=self._engine.now_ns,
                participation=self._participation,
                device=self._device,
                direction=self._direction,
                start_ns=self._start_ns,
                end_ns=self._engine.now_ns,
                **{f"{waits.value}_ns": time_ns for waits, time_ns in self._waits.items()},
                first_site=self._first_site,
                last_site=self.last_site,
                handovers=self._handovers,
                outages=self._outages,
                **self._air.payload._asdict(),
                sent_bit=self._wasted_bit + self._size_bit - self._left_bit,
                complete=self._left_bit == 0,
            )
        )
