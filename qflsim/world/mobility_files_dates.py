"""Instants written as dates."""

import re
from datetime import UTC, datetime

from qflsim.world.mobility_files_fixes import LATEST_S, BadFixError

_DATE = re.compile(r"\d{4}-\d\d")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_date(text: str) -> bool:
    """Whether a text can only be meant as a date, and not as a number."""
    return _DATE.match(text) is not None


def date_ns(text: str) -> int:
    """Nanoseconds from 1970 to a date and time in ISO 8601, in UTC unless it says otherwise; or `BadFixError`."""
    try:
        date = datetime.fromisoformat(text)
        since = (date if date.tzinfo else date.replace(tzinfo=UTC)) - EPOCH
    except (ValueError, OverflowError):
        raise BadFixError(f"time {text[:80]!r}", "a date such as 2024-05-31T12:00:00Z") from None
    if not 0 <= since.total_seconds() <= LATEST_S:
        raise BadFixError(f"time {text!r}", "a date from 1970 to 2096")
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
