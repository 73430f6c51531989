"""The facts of a run, each emitted once as an immutable record; observers turn them into files, bars and tables.

Times are integer nanoseconds (`_ns`); `NEVER_NS` stands for an instant that did not come. Devices, sites and
participations are numbered from 0; -1 stands for none. Every record starts with the instant at which it was emitted.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from qflsim.terms import Cause, Direction, Fate, Happening, Reason

BASELINE = -1
"""Stands for the version in the evaluations of what was not learned by this federation."""


class Device(NamedTuple):
    """A registered device and its hardware."""

    t_ns: int
    device: int
    name: str
    group: str
    processor: str
    data_class: str
    eirp_dbm: float
    noise_figure_db: float
    height_m: float
    penetration_loss_db: float
    indoor: bool


class Site(NamedTuple):
    """A base station."""

    t_ns: int
    site: int
    name: str
    x_m: float
    y_m: float
    height_m: float
    carrier_hz: float
    bandwidth_hz: float
    power_dbm: float
    antenna_gain_dbi: float


class Cell(NamedTuple):
    """What serves devices: a whole site (`azimuth_deg` is nan) or a sector of it, which looks to there."""

    t_ns: int
    cell: int
    site: int
    name: str
    azimuth_deg: float


class Presence(NamedTuple):
    """An interval in which a device is switched on and in the area, as read from a file."""

    t_ns: int
    device: int
    on_ns: int
    off_ns: int


class Leg(NamedTuple):
    """A stretch that a device travels at constant velocity. Of a device that follows a law, those since it was first
    asked for."""

    t_ns: int
    device: int
    start_ns: int
    end_ns: int
    x_m: float
    y_m: float
    vx_m_per_s: float
    vy_m_per_s: float


class Outage(NamedTuple):
    """An interval in which a site is down, emitted when it begins (`end_ns` may lie beyond the run)."""

    t_ns: int
    site: int
    start_ns: int
    end_ns: int


class Handover(NamedTuple):
    """A device's change of serving cell during a transfer, emitted when it is completed."""

    t_ns: int
    device: int
    participation: int
    from_cell: int
    to_cell: int
    start_ns: int
    reason: Reason


class Transfer(NamedTuple):
    """One download or upload, emitted when it ended or was cut off.

    The time from start to end splits into sharing (the cell served the transfer among others), uncovered (its cell was
    too weak, or none strong enough), handover (interruptions and re-establishments), outage (the serving site was down)
    and backhaul (between the site and the server).
    """

    t_ns: int
    participation: int
    device: int
    direction: Direction
    start_ns: int
    end_ns: int
    sharing_ns: int
    uncovered_ns: int
    handover_ns: int
    outage_ns: int
    backhaul_ns: int
    first_cell: int
    last_cell: int
    handovers: int
    outages: int
    model_bit: int
    header_bit: int
    co_model_bit: int
    sent_bit: float
    complete: bool


class Pause(NamedTuple):
    """A stretch of a transfer in which no cell serves it, emitted when it is over. A transfer's pauses of each cause
    add up to its uncovered, outage and handover time."""

    t_ns: int
    participation: int
    device: int
    direction: Direction
    cause: Cause
    start_ns: int


class Training(NamedTuple):
    """One job on a processor, emitted when it ended or was cut off.

    `site` is where the processor stands, -1 for the device itself; `outages` counts how often it lost its power.
    """

    t_ns: int
    participation: int
    device: int
    queued_ns: int
    start_ns: int
    end_ns: int
    compile_ns: int
    circuits: int
    shots: int
    circuit_s: float
    energy_j: float
    site: int
    outages: int
    complete: bool


class Update(NamedTuple):
    """A participation from invitation to fate, emitted once its fate is known. `round` is -1 where there are none.

    `energy_j` is what the device itself spent from the invitation until the update arrived or the participation ended:
    on receiving, transmitting, computing and waiting. The energy of the processor that circuits ran on is not part of
    it, but of the training.
    """

    t_ns: int
    participation: int
    device: int
    device_participation: int
    round: int
    invited_ns: int
    download_start_ns: int
    download_end_ns: int
    training_start_ns: int
    training_end_ns: int
    upload_start_ns: int
    arrived_ns: int
    ended_ns: int
    base_version: int
    applied_version: int
    staleness: int
    weight: float
    fate: Fate
    energy_j: float


class Version(NamedTuple):
    """A version of the shared model (version 0 is the start)."""

    t_ns: int
    version: int
    contributors: int
    stand_ins: int
    last_participation: int
    mean_staleness: float


class Evaluation(NamedTuple):
    """A metric of a version, stamped with the version's time. Baselines carry version -1 and time 0.

    `half_width` is that of the 95 % confidence interval of a mean over held-out data, nan where there is none.
    """

    t_ns: int
    version: int
    metric: str
    value: float
    half_width: float


class VersionAngles(NamedTuple):
    """The parameter vector of a version."""

    t_ns: int
    version: int
    angles: tuple[float, ...]


class UpdateAngles(NamedTuple):
    """The parameter vector that an applied participation contributed, aligned to its base version."""

    t_ns: int
    participation: int
    angles: tuple[float, ...]


class LinkSample(NamedTuple):
    """How well a cell serves the device of a participation on its way, at a multiple of `[trace] link_sample_s`.

    A device has a row for each cell that covers it in either direction, and for the strongest one if none does. All
    but `gain_db` is minus infinity (a rate 0) where the cell's site is down. Fading is not in it: it has no value at
    an instant, but a mean that the rates contain.
    """

    t_ns: int
    participation: int
    device: int
    cell: int
    x_m: float
    y_m: float
    gain_db: float
    downlink_sinr_db: float
    uplink_margin_db: float
    downlink_bit_per_s: float
    uplink_bit_per_s: float


class Event(NamedTuple):
    """An entry of the event log. `value` is the version of a download or publication, the fate of what ended, the round
    that opened, and the cell of a handover, a loss, a failure or a return of coverage."""

    t_ns: int
    happening: Happening
    device: int
    participation: int
    site: int
    value: int


Record: TypeAlias = (
    Device | Site | Cell | Presence | Leg | Outage | Handover | Transfer | Training | Update | Version | Evaluation
    | VersionAngles | UpdateAngles | Event | Pause | LinkSample
)  # fmt: skip
Observer: TypeAlias = Callable[[Record], None]
LEARNED: tuple[type, ...] = (Evaluation, VersionAngles, UpdateAngles)
"""Records of the learning plane: they follow the clock and never set it, so fingerprints leave them out."""
