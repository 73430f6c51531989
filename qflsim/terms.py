"""The terms that records speak in: named values, each on one byte of a trace, and the names that users see."""

from enum import IntEnum


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


class Cause(IntEnum):
    """Why nothing of a transfer is carried for a while."""

    COVERAGE = 0
    """the serving cell is too weak and another not yet the device's, or none is strong enough"""
    OUTAGE = 1
    """the serving site, or every site that would cover the device, is down"""
    HANDOVER = 2
    """the interruption of a handover, or a connection that is established anew"""


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
