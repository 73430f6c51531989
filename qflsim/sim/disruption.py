"""The world's own stories: sites that fail and recover, devices that come and go."""

from qflsim import records
from qflsim.sim.engine import Engine, Order, Story
from qflsim.sim.server import Server
from qflsim.terms import Happening
from qflsim.units import FOREVER_NS, to_s
from qflsim.world.fleet import Fleet
from qflsim.world.outages import Downtime


def outages(engine: Engine, site: int, downtime: Downtime) -> Story:
    """Tells of a site's failures and repairs; those whom it serves hear of them by their links."""
    while True:
        now_ns = engine.now_ns
        interval = downtime.interval(now_ns)
        if interval is not None:
            engine.emit(records.Outage(now_ns, site, *interval))
            engine.emit(records.Event(now_ns, Happening.SITE_DOWN, -1, -1, site, 0))
            if interval[1] >= FOREVER_NS:
                return
            yield engine.at(interval[1], Order.WORLD)
            engine.emit(records.Event(engine.now_ns, Happening.SITE_UP, -1, -1, site, 0))
        failure_ns = downtime.next_change_ns(engine.now_ns)
        if failure_ns >= FOREVER_NS:
            return
        yield engine.at(failure_ns, Order.WORLD)


def comings_and_goings(engine: Engine, fleet: Fleet, server: Server) -> Story:
    """Devices of a file switch on and off as it says; what a device was doing when it leaves is lost."""
    for t_ns, comes, device in fleet.changes():
        if t_ns > engine.now_ns:
            yield engine.at(t_ns, Order.WORLD)
        engine.emit(records.Event(t_ns, Happening.DEVICE_ON if comes else Happening.DEVICE_OFF, device, -1, -1, 0))
        if comes:
            server.device_on(device)
        else:
            server.device_off(device)


def stall_watch(engine: Engine, server: Server, patience_ns: int) -> Story:
    """Ends a run in which nothing has arrived for too long, and says what it was waiting for."""
    arrivals = -1
    while server.arrivals != arrivals:
        arrivals = server.arrivals
        yield engine.wait(patience_ns, Order.POLICY)
    engine.stop(
        f"stalled: nothing arrived for {to_s(patience_ns):g} s; waiting for {server.waiting_for()}", failed=True
    )
