"""The facts of a run, each emitted once as an immutable record; observers turn them into files, bars and tables.

Times are integer nanoseconds (`_ns`); `NEVER_NS` stands for an instant that did not come. Devices, sites and
participations are numbered from 0; -1 stands for none. Every record starts with the instant at which it was emitted.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, TypeAlias

BASELINE = -1
"""Stands for the version in the evaluations of what was not learned by this federation."""


def label(member: IntEnum) -> str:
    """The name of an enumeration's member that users see: lower case, with hyphens."""
    return member.name.lower().replace("_", "-")


class Fate(IntEnum):
    """How a participation ended. Every participation has exactly one fate."""

    APPLIED = 0
    """combined into a version, with weight and staleness"""
    STALE = 1
    """arrived with staleness above the bound (tested at application)"""
    LATE = 2
    """arrived after its round closed, and the policy drops late ones"""
    RECALLED = 3
    """called off by the server: its round closed with enough others"""
    ABANDONED = 4
    """gave up at its time-out, before or after the download"""
    DEVICE_OFF = 5
    """the device switched off, ran out of battery or left the area"""
    REJECTED = 6
    """the robust rule or a failed authentication excluded it"""
    INSECURE = 7
    """no key left, or an eavesdropper was detected"""
    IN_FLIGHT = 8
    """still on its way when the run ended: a censored observation, kept as such"""

    @property
    def label(self) -> str:
        """The name that users see."""
        return label(self)


class Direction(IntEnum):
    """Which way a transfer goes."""

    DOWNLOAD = 0
    """from the server to the device"""
    UPLOAD = 1
    """from the device to the server"""


class Reason(IntEnum):
    """Why a device changed its serving cell."""

    ATTACH = 0
    """first attachment of a participation"""
    A3 = 1
    """a neighbour was stronger by the margin for the time to trigger"""
    OUTAGE = 2
    """the serving site failed"""
    COVERAGE = 3
    """the level fell below the cut, and another site covered the device first"""


class Happening(IntEnum):
    """What an entry of the event log says."""

    DEVICE_ON = 0
    """a device read from a file is there"""
    DEVICE_OFF = 1
    """a device is gone, switched off, or its battery is empty"""
    SITE_DOWN = 2
    """a site fails"""
    SITE_UP = 3
    """a site works again"""
    INVITED = 4
    """a device is invited"""
    DOWNLOAD_START = 5
    """a cell serves its download for the first time; value: the version"""
    DOWNLOAD_END = 6
    """the model is at the device"""
    QUEUE_START = 7
    """it is ready for a processor"""
    TRAINING_START = 8
    """it has one"""
    TRAINING_END = 9
    """it has trained"""
    UPLOAD_START = 10
    """a cell serves its upload for the first time"""
    ARRIVED = 11
    """its update is at the server"""
    ENDED = 12
    """its fate is known; value: the fate"""
    COVERAGE_LOST = 13
    """its serving cell is too weak or down; value: the cell"""
    COVERAGE_BACK = 14
    """it is served again; value: the cell"""
    HANDOVER_START = 15
    """a handover interrupts it; value: the cell that it goes to"""
    HANDOVER_END = 16
    """the handover is done; value: that cell"""
    ROUND_OPEN = 17
    """all of a round are invited; value: the round"""
    VERSION = 18
    """a version is published; value: its number"""
    STOPPED = 19
    """the run ends"""
    RADIO_LINK_FAILURE = 20
    """its link has failed and must be established anew; value: the cell"""
    LINK_DOWN = 21
    """a backhaul link fails; value: the link"""
    LINK_UP = 22
    """a backhaul link works again; value: the link"""


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

    The time from start to end splits into sharing (the cell served the transfer among others), uncovered (no cell
    was strong enough), handover (interruptions and re-establishments), outage (the serving site was down) and backhaul
    (between the site and the server).
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
    | VersionAngles | UpdateAngles | Event
)  # fmt: skip
Observer: TypeAlias = Callable[[Record], None]
LEARNED: tuple[type, ...] = (Evaluation, VersionAngles, UpdateAngles)
"""Records of the learning plane: they follow the clock and never set it, so fingerprints leave them out."""
