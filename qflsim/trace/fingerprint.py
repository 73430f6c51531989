"""The fingerprint of a run: one hash of who did what when, whatever was recorded of it."""

import hashlib
import struct
import typing
from operator import itemgetter

from qflsim.records import LEARNED, Cell, Device, LinkSample, Record, Site

_KINDS = typing.get_args(Record)


def _whole_numbers(kind: type) -> list[int]:
    hints = typing.get_type_hints(kind)
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return [i for i, name in enumerate(fields) if isinstance(hints[name], type) and issubclass(hints[name], int)]


class Fingerprint:
    """An observer that hashes the kind, entities and times of every record, in order (SHA-256).

    The learning plane is left out, so that a run without learning has the same fingerprint where no policy reads
    values; so are link samples, which are told on request, and the list of sites and devices, which the digest covers.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._packers = {
            kind: (number, struct.Struct(f"<B{len(_whole_numbers(kind))}q").pack, itemgetter(*_whole_numbers(kind)))
            for number, kind in enumerate(_KINDS)
            if kind not in (*LEARNED, LinkSample, Cell, Device, Site)
        }

    def __call__(self, record: Record) -> None:
        """Takes a record in."""
        packer = self._packers.get(type(record))
        if packer is not None:
            number, pack, whole_numbers = packer
            self._hash.update(pack(number, *whole_numbers(record)))

    def hexdigest(self) -> str:
        """The fingerprint of the records so far."""
        return self._hash.hexdigest()
