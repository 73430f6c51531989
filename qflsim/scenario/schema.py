"""The scenario: one strict record, whose sections are the models themselves. Every section has working defaults."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from qflsim.errors import InputError
from qflsim.learning.aggregation import Buffered, Combination, Constant, Mean, Rounds, StalenessWeight, Stream
from qflsim.learning.estimators import Estimator, Exact
from qflsim.learning.graphs import GraphFamily, RegularGraphs
from qflsim.learning.interference import InterferenceGraphs, SightedGraphs
from qflsim.learning.optimizers import GradientSteps, Optimizer
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.tasks import Task
from qflsim.model import Count, Model, Name, Patience, Positive
from qflsim.radio.blocklength import FiniteBlocklength
from qflsim.radio.fading import FadingLaw, Rayleigh
from qflsim.radio.handover import A3
from qflsim.radio.harq import Harq
from qflsim.radio.pathloss import PathLoss
from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.penetration import NoPenetration, Penetration
from qflsim.radio.rate import GapRate, RateMap
from qflsim.radio.rate_schemes import McsRate
from qflsim.radio.sharing import AlphaFair, SharingLaw
from qflsim.radio.uplink import Uplink
from qflsim.scenario.catalogue import OfKind
from qflsim.world.backhaul import SERVER, BackhaulLaw, IdealBackhaul, Network
from qflsim.world.battery import Battery, Power
from qflsim.world.blockage import LinkOutage
from qflsim.world.churn import Churn
from qflsim.world.compute import Processor, Superconducting
from qflsim.world.mobility import Mobility, RandomWaypoint
from qflsim.world.mobility_files import MobilityFile
from qflsim.world.mobility_groups import Group
from qflsim.world.outages import Downtime, OutageSource
from qflsim.world.sites import SiteAt, Sites


class Stop(Model):
    """When a run ends: at an instant or a version, whichever comes first; or when nothing arrives for `stall_s`."""

    duration_s: Annotated[float, Field(gt=0, le=1e9)] = 600.0
    versions: Count | None = None
    stall_s: Patience = 600.0


class RadioSection(Model):
    """The radio laws. A flow's rate is refreshed when its level has moved by `step_db`."""

    path_loss: Annotated[PathLoss, OfKind("path loss", "umi-street-canyon")] = UmiStreetCanyon()
    fading: Annotated[FadingLaw, OfKind("fading", "rayleigh")] = Rayleigh()
    rate: Annotated[RateMap, OfKind("rate", "gap")] = GapRate()
    harq: Harq | None = None
    """Retransmissions of blocks; none: their cost is taken to be part of the rate map."""
    short_messages: FiniteBlocklength | None = None
    """What a message of few bits pays for the shortness of its code; none: nothing."""
    handover: Annotated[A3, OfKind("handover", "a3")] = A3()
    uplink: Uplink = Uplink()
    activity: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the time in which the other cells send, and disturb this one's downlink."""
    site_correlation: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How far shadows of different sites go together."""
    sharing: Annotated[SharingLaw, OfKind("sharing", "alpha-fair")] = AlphaFair()
    step_db: Annotated[float, Field(ge=0.01, le=6.0)] = 0.5
    on_interruption: Literal["resume", "restart"] = "resume"
    """What an outage or a loss of coverage does to a transfer. A handover never loses anything."""
    strict_ranges: bool = False
    """Whether laws used outside of where they were specified are a mistake, and not just a warning."""
    link_outages: tuple[Annotated[LinkOutage, OfKind("link outage")], ...] = ()
    """What makes the link of a device and a site worse for a while, each pair of them on its own."""

    @model_validator(mode="after")
    def _errors_count_once(self) -> Self:
        if self.harq is not None and isinstance(self.rate, McsRate) and self.rate.goodput < 1.0:
            raise ValueError("rate.goodput: 1 beside harq, or block errors would count twice")
        return self


class DeviceGroup(Model):
    """Devices of one kind: how many, how they move, what they train on, what radio they carry, what data they hold."""

    name: Name = "devices"
    count: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """How many; a group that is read from a file has as many as the file."""
    mobility: Annotated[Mobility | Group | MobilityFile, OfKind("mobility")] = RandomWaypoint(
        area_m=(200.0, 200.0), origin_m=(-100.0, -100.0), speed_m_per_s=(0.5, 1.5)
    )
    processor: Annotated[Processor, OfKind("processor")] = Superconducting()
    processor_at: Literal["device", "site"] = "device"
    """Where jobs run: at a site it is the one that served the device last; they stand still while it is down."""
    shared_processors: Count | None = None
    """Processors that the group shares, first come first served; at sites so many at each, one if it is not said."""
    power: Power = Power()
    battery: Battery | None = None
    """What the devices draw from; without one they are always fed."""
    churn: Churn | None = None
    """How the devices switch off and on again; without it they are on as long as they are there."""
    eirp_dbm: Annotated[float, Field(ge=-30, le=60)] = 23.0
    noise_figure_db: Annotated[float, Field(ge=0, le=30)] = 9.0
    height_m: Annotated[float, Field(ge=0.5, le=22.5)] = 1.5
    weight: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    """What a device's share of a cell is multiplied by, before the shares of all are brought to a sum of 1."""
    penetration: Annotated[Penetration, OfKind("penetration")] = NoPenetration()
    """The loss of what a device stands in, drawn once for each."""
    graphs: Annotated[GraphFamily | InterferenceGraphs, OfKind("graphs")] = RegularGraphs()
    batch: Count = 4
    shots: Annotated[int, Field(ge=1, le=10_000_000)] = 1000

    @property
    def holds(self) -> GraphFamily:
        """What the devices hold. Interference is seen while the run goes on."""
        return SightedGraphs(self.graphs) if isinstance(self.graphs, InterferenceGraphs) else self.graphs

    @model_validator(mode="after")
    def _counted(self) -> Self:
        from_file = isinstance(self.mobility, MobilityFile)
        if from_file and self.count is not None:
            raise ValueError("no count: a group read from a file has as many devices as the file")
        if not from_file and self.count is None:
            raise ValueError("count: how many devices the group has")
        return self


class TrainingSection(Model):
    """A participation's local training, and what travels with it.

    `gradient` is how a device learns the slope of its objective: the clock is charged for the circuits it takes.
    `noise`: the processors' gate, readout and angle errors enter what is learned. `on_interruption`: what a job whose
    processor lost its power keeps of it: "resume" the finished steps, "restart" nothing.
    """

    gradient: Annotated[Estimator, OfKind("gradient", "exact")] = Exact()
    noise: bool = False
    on_interruption: Literal["resume", "restart"] = "resume"
    optimizer: Annotated[Optimizer, OfKind("optimizer", "gradient-steps")] = GradientSteps()
    steps: Annotated[int, Field(ge=1, le=10_000)] = 2
    co_model_parameters: Annotated[int, Field(ge=0, le=10**12)] = 0
    """A classical model of 32-bit parameters that rides along: its bits travel, its learning is not simulated."""
    header_bit: Annotated[int, Field(ge=0, le=10**9)] = 512


class Aggregation(Model):
    """The aggregator: when a version is made, what an update weighs, how updates combine, what is done without one.

    `missing = "last-known"`: for a device that was invited and did not arrive, its last applied update stands in.
    `timeout_s`: how long after its invitation a device gives up. `max_staleness`: beyond it an update is `stale`.
    """

    when: Annotated[Rounds | Stream, OfKind("when")] = Buffered()
    weight: Annotated[StalenessWeight, OfKind("weight")] = Constant()
    inverse_participation: bool = False
    combine: Annotated[Combination, OfKind("combine")] = Mean()
    missing: Literal["ignore", "last-known"] = "ignore"
    max_staleness: Annotated[int, Field(ge=0)] | None = None
    server_rate: Positive = 1.0
    timeout_s: Patience | None = None


class TraceSection(Model):
    """What is written. The world's tables are always there, since a replay needs them.

    Every `link_sample_s` the links of all devices on their way are looked at; none: never.
    """

    leave_out: tuple[Literal["handovers", "transfers", "pauses", "trainings", "evaluations", "version_angles",
                             "update_angles", "events"], ...] = ()  # fmt: skip
    link_sample_s: Annotated[float, Field(ge=1e-3)] | None = None


class Scenario(Model):
    """A run's whole input."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    stop: Stop = Stop()
    sites: Sites = Sites(at=(SiteAt(name="site", x_m=0.0, y_m=0.0),))
    radio: RadioSection = RadioSection()
    devices: Annotated[tuple[DeviceGroup, ...], Field(min_length=1)]
    task: Annotated[Task, OfKind("task", "qaoa")] = Field(default_factory=Qaoa)
    training: TrainingSection = TrainingSection()
    aggregation: Aggregation = Aggregation()
    outages: tuple[Annotated[OutageSource, OfKind("outage")], ...] = ()
    backhaul: Annotated[BackhaulLaw, OfKind("backhaul")] = IdealBackhaul()
    trace: TraceSection = TraceSection()
    _folder: Path = PrivateAttr(default=Path())

    @field_validator("devices")
    @classmethod
    def _unique_names(cls, devices: tuple[DeviceGroup, ...]) -> tuple[DeviceGroup, ...]:
        names = [group.name for group in devices]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"unique names, but {name!r} stands twice")
        return devices

    @model_validator(mode="after")
    def _sites_exist(self) -> Self:
        known = [site.name for site in self.sites.places]
        for outage in self.outages:
            for name in outage.sites or ():
                if name not in known:
                    raise ValueError(f"outages: sites that exist ({', '.join(known)}), not {name!r}")
            if not any(outage.strikes(site) for site in self.sites.places):
                raise ValueError("outages: a region with a site in it")
        return self

    @model_validator(mode="after")
    def _backhaul_reaches_all(self) -> Self:
        sites = [site.name for site in self.sites.places]
        if SERVER in sites and not isinstance(self.backhaul, IdealBackhaul):
            raise ValueError(f"sites: no site of the name {SERVER!r}, which stands for the server among the links")
        links = self.backhaul.between(sites)
        routes = Network(links, sites, [Downtime([]) for _ in links]).routes([True] * len(links))
        if links and None in routes:
            lost = sites[routes.index(None)]
            raise ValueError(f"backhaul: links from every site to {SERVER!r}, but no way leads from {lost!r}")
        return self

    @model_validator(mode="after")
    def _suits_the_task(self) -> Self:
        task = self.task
        for group in self.devices:
            if not task.holds_graphs and group.graphs != DeviceGroup.model_fields["graphs"].default:
                raise ValueError(f"devices.{group.name}.graphs: none, for the task {task.kind} says what devices hold")
            try:
                qubits = task.qubits(group.holds)
            except InputError as error:
                raise ValueError(f"task: a model that can be used: {error}") from None
            try:
                split = group.processor.qpus(qubits) > 1
            except InputError as error:
                raise ValueError(f"devices.{group.name}: circuits that fit the processor: {error}") from None
            if split and not task.holds_graphs:
                raise ValueError(f"devices.{group.name}: circuits that fit one QPU; only those of graphs can be split")
        return self

    def out_of_range(self) -> list[InputError]:
        """What lies outside of where the radio's laws were specified. Distances show in a run only."""
        carrier_hz, law, groups = self.sites.carrier_hz, self.radio.path_loss, self.devices
        checks = [
            ("sites.carrier_hz", carrier_hz, law.limits.carrier_hz, law.kind),
            ("sites.height_m", self.sites.height_m, law.limits.site_height_m, law.kind),
            *((f"devices.{g.name}.height_m", g.height_m, law.limits.device_height_m, law.kind) for g in groups),
            *(("sites.carrier_hz", carrier_hz, g.penetration.carrier_limits_hz, g.penetration.kind) for g in groups),
        ]
        return [
            InputError(where, f"{got:g}", f"{low:g}{f' to {high:g}' if low < high else ''}, the range of {kind}")
            for where, got, (low, high), kind in dict.fromkeys(checks)
            if not low <= got <= high
        ]

    @property
    def parameters(self) -> int:
        """Length of the model's parameter vector."""
        return len(self.task.first(self.seed, tuple(group.holds for group in self.devices)))

    @property
    def folder(self) -> Path:
        """Where the scenario's relative paths start."""
        return self._folder
