"""The composition root: the one place that knows every part. Read it as the architecture diagram."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from qflsim import records
from qflsim.learning.charges import Training
from qflsim.learning.updates import Learner
from qflsim.radio.link import Hardware, Radio
from qflsim.records import Direction, Happening, Observer
from qflsim.scenario.schema import DeviceGroup, Scenario
from qflsim.sim.cell import Cell
from qflsim.sim.disruption import comings_and_goings, outages, stall_watch
from qflsim.sim.engine import Engine, Order
from qflsim.sim.server import Server
from qflsim.sim.transfer import Air, Payload
from qflsim.sim.world import Group, World
from qflsim.streams import Streams
from qflsim.units import FOREVER_NS, to_ns
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import Leg, Track
from qflsim.world.mobility_files import SumoFcd
from qflsim.world.outages import Downtime

Tracks = Mapping[str, tuple[tuple[str, Track], ...]]
"""For each group that is read from a file, its devices' names and tracks."""
BIT_PER_ANGLE, BIT_PER_CO_PARAMETER = 64, 32


class Outcome(NamedTuple):
    """How a run ended."""

    reason: str
    failed: bool


class Simulation:
    """A run, ready to go. `run` may be called once."""

    def __init__(self, engine: Engine, server: Server) -> None:
        self.engine, self.server = engine, server

    def run(self) -> Outcome:
        """Runs to the end, and gives everything that is still on its way its fate."""
        reason = self.engine.run()
        self.server.finish()
        self.engine.emit(records.Event(self.engine.now_ns, Happening.STOPPED, -1, -1, -1, 0))
        if not self.server.reached:
            nobody = "nobody can reach a site" if self.server.invited else "nobody was there to be invited"
            return Outcome(f"{nobody} ({reason})", failed=True)
        return Outcome(reason, self.engine.failed)


def read_tracks(scenario: Scenario) -> Tracks:
    """What the scenario's mobility files say."""
    return {g.name: g.mobility.read(scenario.folder) for g in scenario.devices if isinstance(g.mobility, SumoFcd)}


def build(scenario: Scenario, tracks: Tracks, observers: Sequence[Observer] = (),
          executor: Executor | None = None) -> Simulation:  # fmt: skip
    """The run of a scenario. Without an executor it keeps time and learns nothing."""
    engine = Engine(observers)
    streams = Streams(scenario.seed)
    fleet = Fleet([_movers(group, tracks) for group in scenario.devices], streams,
                  lambda device, leg: engine.emit(_leg(engine.now_ns, device, leg)))  # fmt: skip
    hardware = [h for group, movers in zip(scenario.devices, fleet.movers, strict=True)
                for h in _hardware(group, movers.count, streams)]  # fmt: skip
    groups = [_group(scenario, group, engine) for group in scenario.devices]
    downtimes = [_downtime(scenario, site.name, streams) for site in scenario.sites.at]
    world = World(engine, streams, fleet, groups, hardware, downtimes, _air(scenario, engine, streams))
    server = Server(world, scenario.aggregation, _learner(scenario, executor), scenario.stop.versions)

    _introduce(engine, scenario, fleet, hardware)
    for site, downtime in enumerate(downtimes):
        engine.process(outages(engine, site, downtime))
    engine.process(comings_and_goings(engine, fleet, server))
    engine.process(server.story())
    engine.process(stall_watch(engine, server, to_ns(scenario.stop.stall_s)))
    engine.call_at(to_ns(scenario.stop.duration_s), Order.STOP, 0, lambda: engine.stop("the simulated time is over"))
    return Simulation(engine, server)


def _movers(group: DeviceGroup, tracks: Tracks) -> Movers:
    if isinstance(group.mobility, SumoFcd):
        names = tuple(name for name, _ in tracks[group.name])
        return Movers(group.name, len(names), None, names, tuple(track for _, track in tracks[group.name]))
    assert group.count is not None
    return Movers(group.name, group.count, group.mobility)


def _hardware(group: DeviceGroup, count: int, streams: Streams) -> list[Hardware]:
    drawn = streams.named(group.name, "penetration").normal(size=count)
    losses_db = group.penetration_loss_db + group.penetration_deviation_db * drawn
    return [Hardware(group.eirp_dbm, group.noise_figure_db, group.height_m, max(0.0, float(loss_db)))
            for loss_db in losses_db]  # fmt: skip


def _group(scenario: Scenario, group: DeviceGroup, engine: Engine) -> Group:
    pool = engine.pool(group.shared_processors) if group.shared_processors else None
    training = Training(
        scenario.seed, scenario.task.layers, scenario.training.steps, group.graphs, group.batch, group.shots
    )
    return Group(group.name, group.processor, training, pool)


def _downtime(scenario: Scenario, site: str, streams: Streams) -> Downtime:
    return Downtime(
        outage.intervals(streams.named("site", site, "outage", number))
        for number, outage in enumerate(scenario.outages)
        if site in outage.sites
    )


def _air(scenario: Scenario, engine: Engine, streams: Streams) -> Air:
    laws, count = scenario.radio, len(scenario.sites.at)
    radio = Radio(scenario.sites, laws.path_loss, laws.fading, laws.rate, laws.handover, laws.step_db, streams)
    cells = {direction: [Cell(engine, site) for site in range(count)] for direction in Direction}
    payload = Payload(
        model_bit=BIT_PER_ANGLE * scenario.task.parameters,
        header_bit=scenario.training.header_bit,
        co_model_bit=BIT_PER_CO_PARAMETER * scenario.training.co_model_parameters,
    )
    return Air(radio, cells, payload, restarts=laws.on_interruption == "restart")


def _learner(scenario: Scenario, executor: Executor | None) -> Learner | None:
    if executor is None:
        return None
    families = {group.name: group.graphs for group in scenario.devices}
    batches = {group.name: group.batch for group in scenario.devices}
    training = scenario.training
    return Learner(scenario.seed, scenario.task, training.optimizer, training.steps, scenario.aggregation, families,
                   batches, executor)  # fmt: skip


def _introduce(engine: Engine, scenario: Scenario, fleet: Fleet, hardware: Sequence[Hardware]) -> None:
    """Tells the observers who and what there is."""
    sites = scenario.sites
    for number, site in enumerate(sites.at):
        engine.emit(records.Site(0, number, site.name, site.x_m, site.y_m, sites.height_m, sites.carrier_hz,
                                 sites.bandwidth_hz, sites.power_dbm, sites.antenna_gain_dbi))  # fmt: skip
    for device, radio in enumerate(hardware):
        group = scenario.devices[fleet.group[device]]
        engine.emit(records.Device(0, device, fleet.name(device), group.name, group.processor.label,
                                   group.graphs.data_class, radio.eirp_dbm, radio.noise_figure_db, radio.height_m,
                                   radio.penetration_loss_db))  # fmt: skip
    for device, track in fleet.from_files():
        for on_ns, off_ns in track.presence:
            engine.emit(records.Presence(0, device, on_ns, off_ns))
        track.leg(FOREVER_NS)
        for leg in track.produced:
            engine.emit(_leg(0, device, leg))


def _leg(now_ns: int, device: int, leg: Leg) -> records.Leg:
    return records.Leg(now_ns, device, *leg)
