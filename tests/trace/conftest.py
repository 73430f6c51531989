"""What the tests of the trace share: making a writer with the least said."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import QflsimError
from qflsim.trace.writer import TraceWriter

MakeWriter = Callable[..., TraceWriter]


@pytest.fixture
def make_writer(tmp_path: Path) -> Iterator[MakeWriter]:
    """Makes writers that commit only when told to; those left open are closed after the test."""
    made: list[TraceWriter] = []

    def make(path: Path = tmp_path / "trace.h5", **options: Any) -> TraceWriter:
        defaults: dict[str, Any] = {"header": {}, "texts": {}, "parameters": 2, "flush_s": 3600.0}
        made.append(TraceWriter(path, **(defaults | options)))
        return made[-1]

    yield make
    for writer in made:
        with suppress(QflsimError, ValueError):  # closed or failed before, as the test wanted
            writer.close(reason="left open", fingerprint=None, totals={}, complete=False)
