"""Gives commands of `qflsim` about files, under a limit of memory, and says what came of each.

A program of its own, for a library in C may crash: `as_user.py COMMAND,... PATH...`. A line of JSON for each.
"""

import contextlib
import io
import json
import resource
import sys
import time
import traceback
from pathlib import Path

from qflsim.cli import main
from qflsim.study import replay, report, stragglers  # so that imports are not part of what a file takes

MOST_ADDRESS_BYTE = 1 << 33
COMMANDS = {
    "inspect": ["inspect"],
    "json": ["inspect", "--json"],
    "stragglers": ["stragglers"],
    "replay": ["replay"],
    "recover": ["recover", "--force", "-o"],
}


def given(words: list[str]) -> tuple[object, str, str]:
    """The exit code of a command, and what it said."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["qflsim", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return ended.code or 0, out.getvalue(), err.getvalue()
    except BaseException:
        return "traceback", out.getvalue(), traceback.format_exc()


def grown_kib() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    assert replay
    assert report
    assert stragglers
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    names, first, *others = sys.argv[1:]
    for name in names.split(","):  # what a whole trace takes, modules among it
        given([*COMMANDS[name], *([f"{first}-out"] if name == "recover" else []), first])
    before_kib = grown_kib()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESS_BYTE, MOST_ADDRESS_BYTE))
    for path in [first, *others]:
        for name in names.split(","):
            began = time.perf_counter()
            code, out, err = given([*COMMANDS[name], *([f"{path}-out"] if name == "recover" else []), path])
            took_s, grown_mib = time.perf_counter() - began, (grown_kib() - before_kib) / 1024
            line = {"file": Path(path).stem, "command": name, "code": code, "out": out, "err": err}
            sys.stdout.write(json.dumps({**line, "took_s": took_s, "grown_mib": grown_mib}) + "\n")
            sys.stdout.flush()
