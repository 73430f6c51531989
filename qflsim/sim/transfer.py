"""A transfer: the story of one model on its way over whatever cells serve the device, fading, moving and failing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from qflsim import records
from qflsim.radio.budget import Radio
from qflsim.radio.link import ChangeKind, Link
from qflsim.radio.sharing import Power, SharingLaw
from qflsim.sim.backhaul import Backhaul
from qflsim.sim.cell import Cell
from qflsim.sim.energy import Meter
from qflsim.sim.engine import Engine, Order, Story
from qflsim.terms import Cause, Direction, Happening, Reason
from qflsim.units import from_db, to_ns
from qflsim.world.battery import Activity


class Payload(NamedTuple):
    """What travels, itemised."""

    model_bit: int
    header_bit: int
    co_model_bit: int


@dataclass(frozen=True)
class Air:
    """What all transfers share: radio, cells, what travels, what lies behind, whether a failed link loses all."""

    radio: Radio
    cells: Mapping[Direction, list[Cell]]
    payload: Payload
    backhaul: Backhaul
    restarts: bool
    sharing: SharingLaw


class StandIn(NamedTuple):
    """In place of a transfer, in a counterfactual: for so long it waits, then for so long this cell serves it."""

    cell: int
    waits_ns: int
    served_ns: int


class _Waits(IntEnum):
    """What the time of a transfer is spent on."""

    SHARING = 0
    UNCOVERED = 1
    HANDOVER = 2
    OUTAGE = 3
    BACKHAUL = 4


_CAUSES = {_Waits.UNCOVERED: Cause.COVERAGE, _Waits.OUTAGE: Cause.OUTAGE, _Waits.HANDOVER: Cause.HANDOVER}
_WAITS_NS = [f"{waits.name.lower()}_ns" for waits in _Waits]
_ENDLESS_S = 1e9
"""Work that no stand-in is there to see the end of."""
_ACTIVITY = {Direction.DOWNLOAD: Activity.RECEIVE, Direction.UPLOAD: Activity.TRANSMIT}


class _Terms(NamedTuple):
    """On what terms a flow is served: its rate if it were alone, its weight, and how strong its signal is."""

    rate_bit_per_s: float
    weight: float
    power: Power


class Transfer:
    """One download or upload of one participation. `carry` is its story; its record is emitted however it ends."""

    def __init__(self, engine: Engine, air: Air, link: Link, direction: Direction, device: int, participation: int,
                 weight: float, rng: np.random.Generator, meter: Meter,
                 on_first_service: Callable[[], None]) -> None:  # fmt: skip
        self._engine, self._air, self._link, self._direction = engine, air, link, direction
        self._device, self._participation, self._rng = device, participation, rng
        self._on_first_service, self._weight, self._meter = on_first_service, weight, meter
        self._size_bit = self._left_bit = float(sum(air.payload))
        self._wasted_bit = 0.0
        self._start_ns = self._since_ns = engine.now_ns
        self._waits_ns = [0] * len(_WAITS_NS)
        self._waiting_for = _Waits.UNCOVERED
        self._first_cell = self.last_cell = -1
        self._handovers = self._outages = 0
        self._complete = False

    def carry(self) -> Story:
        """Finds a cell, is served, changes cells, waits where there is none, until the last bit is through."""
        try:
            cell: int | None = None
            while self._left_bit > 0:
                if cell is None:
                    cell = yield from self._find_cell()
                cell = yield from self._served_by(cell)
            if self._air.radio.harq:
                yield self._engine.wait(to_ns(self._air.radio.harq.latency_s), Order.COMPLETION, self._device)
            if self._direction is Direction.UPLOAD:
                yield from self._behind(self.last_cell)
            self._complete = True
        finally:
            self._link.let_go()
            self._turn_to(_Waits.SHARING)
            self._meter.turn_to(Activity.IDLE)
            self._emit_record()

    def stand_in(self, instead: StandIn) -> Story:
        """In place of `carry`: takes the given time, and meanwhile its part of the cell, on the terms of the first
        instant; nothing where that cell does not cover the device then."""
        if instead.waits_ns:
            yield self._engine.wait(instead.waits_ns, Order.WORLD, self._device)
        self.last_cell = instead.cell
        self._on_first_service()
        level_db, margin_db = self._quality(instead.cell)
        served = self._engine.wait(instead.served_ns, Order.COMPLETION, self._device)
        if margin_db < self._air.radio.rate_map.cut_db:
            yield served
            return
        terms, books = self._terms(level_db), self._air.cells[self._direction][instead.cell]
        books.join(self._participation, _ENDLESS_S, terms.weight, terms.power)
        try:
            yield served
        finally:
            books.leave(self._participation)

    def _find_cell(self) -> Story:
        """Waits until a cell covers the device; after a failure, until the connection is established anew as well."""
        broke_ns, cause = self._since_ns, self._waiting_for
        while True:
            look_ns, cell = self._link.coverage(self._direction, self._engine.now_ns)
            if cell is None:
                blocked = self._link.blocked_by_outage(self._direction, self._engine.now_ns)
                self._turn_to(_Waits.OUTAGE if blocked else _Waits.UNCOVERED)
                yield self._engine.at(look_ns, Order.WORLD, self._device)
            elif self.last_cell < 0 or self._waiting_for is _Waits.HANDOVER:
                break
            else:
                self._turn_to(_Waits.HANDOVER)
                reestablishment_ns = to_ns(self._air.radio.handover.reestablishment_s)
                yield self._engine.wait(reestablishment_ns, Order.WORLD, self._device)
        if self.last_cell < 0:
            self._first_cell = cell
            self._on_first_service()
            if self._direction is Direction.DOWNLOAD:
                yield from self._behind(cell)
        else:
            self._say(Happening.COVERAGE_BACK, cell)
            if cell != self.last_cell:
                self._emit_handover(cell, broke_ns, Reason.OUTAGE if cause is _Waits.OUTAGE else Reason.COVERAGE)
        return cell

    def _behind(self, cell: int) -> Story:
        """The way between a cell's site and the server."""
        self._turn_to(_Waits.BACKHAUL)
        site = self._air.radio.weather.site_of[cell]
        yield from self._air.backhaul.carry(self._participation, site, self._direction, self._size_bit)

    def _served_by(self, cell: int) -> Story:
        """Takes part in a cell until done (returns None with nothing left), failed, or handed over to a cell."""
        self.last_cell = cell
        self._turn_to(_Waits.SHARING)
        attached_ns, stretch = self._engine.now_ns, 0.0
        while True:
            level_db, margin_db = self._quality(cell)
            if margin_db < self._air.radio.rate_map.cut_db:  # the target of a handover may be lost by the end of it
                works = self._link.works(cell, self._engine.now_ns)
                kind, target = ChangeKind.LOST if works else ChangeKind.OUTAGE, cell
            else:
                terms = self._terms(level_db)
                stretch = stretch or self._stretch(terms, cell)
                kind, target = yield from self._served(cell, level_db, terms, attached_ns, stretch)
            if kind is None:
                return None
            if kind is ChangeKind.HANDOVER:
                return (yield from self._hand_over(target))
            change = yield from self._holds_on(cell, kind, attached_ns)
            if change.kind is ChangeKind.HANDOVER:
                return (yield from self._hand_over(change.cell))
            if change.kind is ChangeKind.LOST:
                return None

    def _served(self, cell: int, level_db: float, terms: _Terms, attached_ns: int, stretch: float) -> Story:
        """Is served until the flow is done (None), or lost or to be handed over (why, to which cell)."""
        books = self._air.cells[self._direction][cell]
        done = books.join(self._participation, self._work_s(terms, stretch), terms.weight, terms.power)
        try:
            while True:
                change = self._link.next_change(self._direction, cell, level_db, attached_ns, self._engine.now_ns)
                yield self._engine.either(done, self._engine.at(change.t_ns, Order.WORLD, self._device))
                if done.triggered:
                    return None, cell
                if change.kind is ChangeKind.RATE:
                    left_s = books.remaining_s(self._participation)
                    self._keep_bit(left_s * terms.rate_bit_per_s / stretch)
                    level_db = change.level_db
                    terms = self._terms(level_db)
                    books.retune(self._participation, self._work_s(terms, stretch), terms.weight, terms.power)
                elif change.kind is not ChangeKind.LOOK:
                    return change.kind, change.cell
        finally:
            left_s = 0.0 if done.triggered else books.leave(self._participation)
            self._keep_bit(left_s * terms.rate_bit_per_s / stretch)

    def _quality(self, cell: int) -> tuple[float, float]:
        """Level and margin [dB] of a cell now."""
        level_db, margin_db = self._link.quality(self._direction, self._engine.now_ns)
        return float(level_db[cell]), float(margin_db[cell])

    def _terms(self, level_db: float) -> _Terms:
        power = self._link.budget.power(self._direction, level_db)
        rate_bit_per_s = self._link.budget.carried(self._direction, power).rate_bit_per_s
        return _Terms(rate_bit_per_s, self._weight * self._air.sharing.weight(rate_bit_per_s), power)

    def _work_s(self, terms: _Terms, stretch: float) -> float:
        """How long the whole cell would take for what is left."""
        return self._left_bit * stretch / terms.rate_bit_per_s

    def _keep_bit(self, left_bit: float) -> None:
        self._left_bit = min(self._left_bit, left_bit)  # rounding must not give bits back

    def _hand_over(self, target: int) -> Story:
        """The interruption of a handover; nothing that was sent is lost."""
        self._turn_to(_Waits.HANDOVER)
        start_ns = self._engine.now_ns
        self._say(Happening.HANDOVER_START, target)
        yield self._engine.wait(to_ns(self._air.radio.handover.interruption_s), Order.WORLD, self._device)
        self._say(Happening.HANDOVER_END, target)
        self._emit_handover(target, start_ns, Reason.A3)
        return target

    def _holds_on(self, cell: int, kind: ChangeKind, attached_ns: int) -> Story:
        """Waits for a lost cell to be good again, a neighbour to take over, or the link to fail: returns which."""
        outage = kind is ChangeKind.OUTAGE
        self._turn_to(_Waits.OUTAGE if outage else _Waits.UNCOVERED)
        self._say(Happening.COVERAGE_LOST, cell)
        if outage:
            self._outages += 1
        change = self._link.way_out(self._direction, cell, kind, attached_ns, self._engine.now_ns)
        yield self._engine.at(change.t_ns, Order.WORLD, self._device)
        if change.kind is ChangeKind.RATE:
            self._turn_to(_Waits.SHARING)
            self._say(Happening.COVERAGE_BACK, cell)
        elif change.kind is ChangeKind.LOST:
            self._say(Happening.RADIO_LINK_FAILURE, cell)
            if self._air.restarts:
                self._wasted_bit += self._size_bit - self._left_bit
                self._left_bit = self._size_bit
        return change

    def _stretch(self, terms: _Terms, cell: int) -> float:
        """How much more or less than its bits the mean rate has to carry, by one draw of the fading."""
        radio = self._air.radio
        share = self._air.cells[self._direction][cell].share(terms.weight)
        carried = self._link.budget.carried(self._direction, terms.power, share)
        coherence_s = radio.fading.coherence_s(self._link.speed_m_per_s(self._engine.now_ns), radio.sites.carrier_hz)
        used_s = coherence_s * carried.duty  # the part of a fading state's time in which bits arrive
        work_bit = radio.fading.work_bit(
            self._left_bit, radio.rate_map, carried.snr_db, carried.bandwidth_hz, used_s, self._rng
        )
        if radio.short_messages:
            work_bit *= radio.short_messages.stretch(self._size_bit, float(from_db(carried.snr_db)))
        return work_bit / self._left_bit

    def _turn_to(self, waits: _Waits) -> None:
        if waits is self._waiting_for and waits in _CAUSES:
            return  # one pause, however often it is looked at
        now_ns = self._engine.now_ns
        self._waits_ns[self._waiting_for] += now_ns - self._since_ns
        cause = _CAUSES.get(self._waiting_for)
        if cause is not None and now_ns > self._since_ns and self._engine.observed:
            self._engine.emit(records.Pause(now_ns, self._participation, self._device, self._direction, cause,
                                            self._since_ns))  # fmt: skip
        self._waiting_for, self._since_ns = waits, now_ns
        self._meter.turn_to(_ACTIVITY[self._direction] if waits is _Waits.SHARING else Activity.IDLE)

    def _say(self, happening: Happening, cell: int) -> None:
        site = self._air.radio.weather.site_of[cell]
        self._engine.emit(records.Event(self._engine.now_ns, happening, self._device, self._participation, site, cell))

    def _emit_handover(self, to_cell: int, start_ns: int, reason: Reason) -> None:
        self._handovers += 1
        self._engine.emit(records.Handover(self._engine.now_ns, self._device, self._participation, self.last_cell,
                                           to_cell, start_ns, reason))  # fmt: skip

    def _emit_record(self) -> None:
        if not self._engine.observed:
            return
        self._engine.emit(
            records.Transfer(
                t_ns=self._engine.now_ns,
                participation=self._participation,
                device=self._device,
                direction=self._direction,
                start_ns=self._start_ns,
                end_ns=self._engine.now_ns,
                **dict(zip(_WAITS_NS, self._waits_ns, strict=True)),
                first_cell=self._first_cell,
                last_cell=self.last_cell,
                handovers=self._handovers,
                outages=self._outages,
                **self._air.payload._asdict(),
                sent_bit=self._wasted_bit + self._size_bit - self._left_bit,
                complete=self._complete,
            )
        )
