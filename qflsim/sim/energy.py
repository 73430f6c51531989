"""What a device's participation costs in energy, and the battery that ends it."""

from collections.abc import Callable
from functools import partial

import simpy

from qflsim.sim.engine import Engine, Order
from qflsim.units import to_s
from qflsim.world.battery import Activity, Charge, Power


class Meter:
    """The energy that one device spends from now until the meter is closed, by what it is doing.

    With a battery, `on_empty` is called at the instant at which that is empty.
    """

    def __init__(self, engine: Engine, power: Power, charge: Charge | None, device: int,
                 on_empty: Callable[[], None]) -> None:  # fmt: skip
        self._engine, self._power, self._charge, self._device, self._on_empty = engine, power, charge, device, on_empty
        self._activity, self._since_ns = Activity.IDLE, engine.now_ns
        self._spent_ns = [0] * len(Activity)
        self._look: simpy.Event | None = None
        if charge is not None:
            charge.advance(engine.now_ns, power.idle_w)
            self._watch(charge)

    @property
    def spent_j(self) -> float:
        """What it has spent until it last turned to something else."""
        return sum(self._power.watts(activity) * to_s(self._spent_ns[activity]) for activity in Activity)

    def turn_to(self, activity: Activity) -> None:
        """The device does something else from now on."""
        if activity is self._activity:
            return
        self._settle()
        self._activity = activity
        if self._charge is not None:
            self._watch(self._charge)

    def close(self) -> None:
        """The participation is over; what the device draws from now on is its own affair."""
        self._settle()
        if self._look is not None:
            self._engine.forget(self._look)
        self._on_empty = _nothing  # whoever owns the meter is not owned by it any more, and can be freed at once

    def _settle(self) -> None:
        now_ns = self._engine.now_ns
        if self._charge is not None:
            self._charge.advance(now_ns, self._power.watts(self._activity))
        self._spent_ns[self._activity] += now_ns - self._since_ns
        self._since_ns = now_ns

    def _watch(self, charge: Charge) -> None:
        """Looks at the battery when it may be empty, unless the device does something else before."""
        if self._look is not None:
            self._engine.forget(self._look)
        due_ns = charge.next_ns(self._power.watts(self._activity))
        self._look = self._engine.call_at(due_ns, Order.WORLD, self._device + 1, partial(self._look_at, charge))

    def _look_at(self, charge: Charge) -> None:
        self._settle()
        if charge.empty:
            self._on_empty()
        else:
            self._watch(charge)


def _nothing() -> None:
    """What an empty battery ends after the participation: nothing."""
