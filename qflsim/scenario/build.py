"""The composition root: the one place that knows every part. Read it as the architecture diagram."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

from qflsim import records
from qflsim.learning.interference import InterferenceGraphs, SightedGraphs
from qflsim.learning.mixtures import MixedGraphs
from qflsim.learning.training import Training
from qflsim.learning.updates import Learner
from qflsim.radio.budget import Radio
from qflsim.radio.equipment import Equipment
from qflsim.radio.sharing import BandShare, Books, Superposition, TimeShare, Together
from qflsim.radio.weather import Weather
from qflsim.records import Observer
from qflsim.scenario.schema import DeviceGroup, Scenario
from qflsim.scenario.sources import Sources, Tracks
from qflsim.sim.backhaul import Backhaul
from qflsim.sim.cell import Cell
from qflsim.sim.disruption import comings_and_goings, outages, stall_watch
from qflsim.sim.engine import Engine, Order, forget_earlier_runs, seldom_searched
from qflsim.sim.sampling import LinkSampler
from qflsim.sim.server import Server
from qflsim.sim.surroundings import Surroundings
from qflsim.sim.transfer import Air, Payload
from qflsim.sim.world import Group, WhatIf, World
from qflsim.streams import Streams
from qflsim.terms import Direction, Happening
from qflsim.units import to_ns
from qflsim.world.backhaul import Network
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility_files import MobilityFile
from qflsim.world.outages import Downtime
from qflsim.world.sites import SiteAt
from qflsim.world.tracks import Leg

BIT_PER_ANGLE, BIT_PER_CO_PARAMETER = 64, 32


class Outcome(NamedTuple):
    """How a run ended."""

    reason: str
    failed: bool


class Simulation:
    """A run, ready to go. `run` may be called once."""

    def __init__(self, engine: Engine, server: Server, learner: Learner | None) -> None:
        self.engine, self.server, self.learner = engine, server, learner

    def run(self) -> Outcome:
        """Runs to the end, and gives everything that is still on its way its fate."""
        reason = self.engine.run()
        self.server.finish()
        self.engine.emit(records.Event(self.engine.now_ns, Happening.STOPPED, -1, -1, -1, 0))
        if not self.server.reached:
            nobody = "nobody can reach a site" if self.server.invited else "nobody was there to be invited"
            return Outcome(f"{nobody} ({reason})", failed=True)
        return Outcome(reason, self.engine.failed)


def with_sights(scenario: Scenario, sources: Sources) -> Sources:
    """The sources, with graphs for exam and baselines of groups that gather theirs: what their devices would see in
    this world at random moments. Errors: `InputError` if there is hardly anything to see."""
    blind = {
        name: family
        for name, family in sources.graphs.items()
        if isinstance(family, SightedGraphs) and not family.held_out()
    }
    if not blind:
        return sources
    streams, movers, exam = Streams(scenario.seed), _all_movers(scenario, sources), scenario.task.holdout
    fleet = Fleet(movers, streams, None)
    surroundings = Surroundings(fleet, _equipment(scenario, fleet), _radio(scenario, streams))
    until_ns, seen = to_ns(scenario.stop.duration_s), dict(sources.graphs)
    for name, family in blind.items():
        devices = [device for device in range(len(fleet)) if fleet.key(device)[0] == name]
        rng = streams.named(name, "sightings")
        graphs = surroundings.sightings(name, devices, until_ns, family.family, 2 * exam, rng)
        seen[name] = SightedGraphs(family.family, graphs[:exam], graphs[exam:])
    return sources._replace(graphs=seen)


def build(scenario: Scenario, sources: Sources, observers: Sequence[Observer] = (),
          executor: Executor | None = None,
          what_if: Mapping[tuple[int, int], WhatIf] | None = None) -> Simulation:  # fmt: skip
    """The run of a scenario. Without an executor it keeps time and learns nothing. For `what_if` see `World`."""
    forget_earlier_runs()
    if executor is not None:
        sources = with_sights(scenario, sources)
    engine = Engine(observers)
    streams = Streams(scenario.seed)
    movers = _all_movers(scenario, sources)

    asked_ns: dict[int, int] = {}

    def on_leg(device: int, leg: Leg) -> None:
        if leg.end_ns > asked_ns.setdefault(device, engine.now_ns):  # what was before is no fact of this run
            engine.emit(_leg(engine.now_ns, device, leg))

    fleet = Fleet(movers, streams, on_leg if engine.observed else None)
    hardware = _equipment(scenario, fleet)
    backhaul = _backhaul(scenario, engine, streams)
    air = _air(scenario, engine, streams, backhaul)
    trainings = {group.name: _training(scenario, group, sources) for group in scenario.devices}
    groups = [_group(scenario, group, trainings[group.name], engine) for group in scenario.devices]
    downtimes = [_downtime(scenario, site, streams) for site in scenario.sites.places]
    world = World(engine, streams, fleet, groups, hardware, downtimes, scenario.radio.link_outages, air,
                  what_if or {})  # fmt: skip
    if engine.observed and (period_s := scenario.trace.link_sample_s) is not None:
        apart = replace(world, fleet=Fleet(movers, streams, None),
                        air=replace(air, radio=_radio(scenario, streams, strict=False)))  # fmt: skip
        engine.tell_first(LinkSampler(apart, to_ns(period_s), observers))
    learner = None
    if executor is not None:
        learner = Learner(scenario.seed, sources.task, trainings, scenario.aggregation, executor)
    server = Server(world, scenario.aggregation, learner, scenario.stop.versions)

    _introduce(engine, scenario, trainings, fleet, hardware)
    for site, downtime in enumerate(downtimes):
        engine.process(outages(engine, site, downtime))
    engine.process(backhaul.story())
    engine.process(comings_and_goings(engine, fleet, server))
    engine.process(server.story())
    engine.process(stall_watch(engine, server, to_ns(scenario.stop.stall_s)))
    engine.call_at(to_ns(scenario.stop.duration_s), Order.STOP, 0, lambda: engine.stop("the simulated time is over"))
    return Simulation(engine, server, learner)


def _all_movers(scenario: Scenario, sources: Sources) -> list[Movers]:
    return [_movers(group, sources.tracks) for group in scenario.devices]


def _equipment(scenario: Scenario, fleet: Fleet) -> Equipment:
    carrier_hz = scenario.sites.carrier_hz
    groups = []
    for group, movers in zip(scenario.devices, fleet.movers, strict=True):
        drawn = group.penetration.draw(movers.count, carrier_hz, fleet.streams.named(group.name, "penetration"))
        groups.append(((group.eirp_dbm, group.noise_figure_db, group.height_m), drawn))
    return Equipment(fleet, groups)


def _movers(group: DeviceGroup, tracks: Tracks) -> Movers:
    if isinstance(group.mobility, MobilityFile):
        names = tuple(name for name, _ in tracks[group.name])
        return Movers(group.name, len(names), None, names, tuple(track for _, track in tracks[group.name]),
                      group.churn)  # fmt: skip
    assert group.count is not None
    return Movers(group.name, group.count, group.mobility, churn=group.churn)


def _training(scenario: Scenario, group: DeviceGroup, sources: Sources) -> Training:
    law = scenario.training
    return Training(scenario.seed, group.name, sources.task, sources.graphs[group.name], group.processor,
                    law.gradient, law.optimizer, law.steps, group.batch, group.shots, law.noise)  # fmt: skip


def _group(scenario: Scenario, group: DeviceGroup, training: Training, engine: Engine) -> Group:
    at_site = group.processor_at == "site"
    shared = group.shared_processors or (1 if at_site else 0)
    pools = [engine.pool(shared) for _ in (scenario.sites.places if at_site else range(1))] if shared else []
    family = group.graphs
    return Group(
        training,
        pools,
        sees=family if isinstance(family, InterferenceGraphs) else None,
        by_region=isinstance(family, MixedGraphs) and family.by == "region",
        at_site=at_site,
        weight=group.weight,
        power=group.power,
        battery=group.battery,
        resumes=scenario.training.on_interruption == "resume",
    )


def _downtime(scenario: Scenario, site: SiteAt, streams: Streams) -> Downtime:
    whose = {False: ("site", site.name), True: ("sites",)}
    return Downtime(
        outage.intervals(streams.named(*whose[outage.shared], "outage", number))
        for number, outage in enumerate(scenario.outages)
        if outage.strikes(site)
    )


def _radio(scenario: Scenario, streams: Streams, *, strict: bool = True) -> Radio:
    laws = scenario.radio
    weather = Weather(scenario.sites, laws.path_loss, laws.site_correlation, strict and laws.strict_ranges, streams)
    return Radio(weather, laws.fading, laws.rate, laws.handover, laws.uplink, laws.harq, laws.short_messages,
                 laws.activity, laws.step_db)  # fmt: skip


def _air(scenario: Scenario, engine: Engine, streams: Streams, backhaul: Backhaul) -> Air:
    count = len(scenario.sites.cells)
    radio = _radio(scenario, streams)
    uplinks: dict[str, Callable[[], Books]] = {
        "tdma": TimeShare,
        "ofdma": lambda: Together(BandShare(radio.efficiency)),
        "noma": lambda: Together(Superposition(radio.efficiency)),
    }
    books = {Direction.DOWNLOAD: TimeShare, Direction.UPLOAD: uplinks[radio.uplink.access]}
    cells = {direction: [Cell(engine, k, books[direction]()) for k in range(count)] for direction in Direction}
    payload = Payload(
        model_bit=BIT_PER_ANGLE * scenario.parameters,
        header_bit=scenario.training.header_bit,
        co_model_bit=BIT_PER_CO_PARAMETER * scenario.training.co_model_parameters,
    )
    return Air(radio, cells, payload, backhaul, restarts=scenario.radio.on_interruption == "restart",
               sharing=scenario.radio.sharing)  # fmt: skip


def _backhaul(scenario: Scenario, engine: Engine, streams: Streams) -> Backhaul:
    sites = [site.name for site in scenario.sites.places]
    links = scenario.backhaul.between(sites)
    ends = [sorted(link.between) for link in links]
    downtimes = [link.downtime(streams.named("link", *ends[number], "outage", ends[:number].count(ends[number])))
                 for number, link in enumerate(links)]  # fmt: skip
    return Backhaul(engine, Network(links, sites, downtimes))


def _introduce(
    engine: Engine, scenario: Scenario, trainings: dict[str, Training], fleet: Fleet, hardware: Equipment
) -> None:
    """Tells the observers who and what there is."""
    sites = scenario.sites
    for number, site in enumerate(sites.places):
        engine.emit(records.Site(0, number, site.name, site.x_m, site.y_m, sites.height_m, sites.carrier_hz,
                                 sites.bandwidth_hz, sites.power_dbm, sites.antenna_gain_dbi))  # fmt: skip
    for number, cell in enumerate(sites.cells):
        engine.emit(records.Cell(0, number, cell.site, cell.name, cell.azimuth_deg))
    if engine.observed:  # a million records take seconds
        with seldom_searched():
            for number, group in enumerate(scenario.devices):
                name, label, held = fleet.movers[number].name, group.processor.label, trainings[group.name].data_class
                devices = zip(fleet.members(number), hardware.of_group(number), strict=True)
                for index, (device, radio) in enumerate(devices):
                    engine.emit(records.Device(0, device, name(index), group.name, label, held, *radio))
    for device, track in fleet.from_files():
        for on_ns, off_ns in track.presence:
            engine.emit(records.Presence(0, device, on_ns, off_ns))
        for leg in track:
            engine.emit(_leg(0, device, leg))


def _leg(now_ns: int, device: int, leg: Leg) -> records.Leg:
    return records.Leg(now_ns, device, *leg)
