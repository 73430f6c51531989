"""Traces made to harm: each is refused with what was found, in bounded memory, whatever command is given it."""

import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qflsim.trace.commits import checksum, sealed
from qflsim.trace.layout import FORMAT
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES

Make = Callable[[h5py.File], object]
ALL = ("inspect", "json", "stragglers", "replay", "recover")
MOST_MIB, MOST_S = 600, 20.0


def counted(file: h5py.File, **counts: tuple[int, int]) -> None:
    """A single commit with a seal that holds, and these (rows, checksum) in place of the true ones."""
    rows = {name: file["tables"][name] for name in TABLES if name not in counts}
    all_counts = {name: (len(found), checksum(found[:])) for name, found in rows.items()} | counts
    del file["commits"]
    file.create_dataset("commits", data=sealed(all_counts[name] for name in TABLES), maxshape=(None,), chunks=(64,))


def rewritten(name: str, change: Callable[[Any], object]) -> Make:
    """A table with other values, all checksums of which hold."""

    def make(file: h5py.File) -> None:
        rows = file["tables"][name][:]
        change(rows)
        file["tables"][name][:] = rows
        counted(file)

    return make


def column(name: str, column_: str, value: Any) -> Make:
    """A table whose first row has another value in a column."""

    def change(rows: Any) -> None:
        if rows.dtype[column_].kind == "b":
            rows[column_].view(np.uint8)[:1] = value
        else:
            rows[column_][:1] = value

    return rewritten(name, change)


def without(name: str, then: Callable[[h5py.File, str], object]) -> Make:
    """Something else under a name."""

    def make(file: h5py.File) -> None:
        del file[name]
        then(file, name)

    return make


def linked(name: str, link: Any) -> Make:
    """A link under a name."""
    return without(name, lambda file, at: file.__setitem__(at, link))


def text(name: str, content: bytes) -> Make:
    """Another text whose checksum holds."""

    def put(file: h5py.File, at: str) -> None:
        file[at] = np.array(content, f"S{len(content)}")
        file[at].attrs["sha256"] = np.bytes_(sha256(content).hexdigest())

    return without(f"texts/{name}", put)


def scenario(**changes: Any) -> Make:
    """A scenario with other values."""

    def make(file: h5py.File) -> None:
        data = json.loads(file["texts/scenario"][()])
        text("scenario", json.dumps(data | changes).encode())(file)

    return make


def attribute(name: str, value: Any, at: str = "/") -> Make:
    """Another attribute."""
    return lambda file: file[at].attrs.__setitem__(name, value(file) if callable(value) else value)


def table(rows: int, **options: Any) -> Make:
    """Events of a kind, none of them written, but counted."""

    def make(file: h5py.File) -> None:
        usual = {"chunks": file["tables/events"].chunks, "compression": "gzip", "shuffle": True, "maxshape": (None,)}
        dtype = file["tables/events"].dtype
        del file["tables/events"]
        file.create_dataset("tables/events", (rows,), dtype, **usual | options)
        counted(file, events=(rows, 0))

    return make


def chunks(count: int, content: Callable[[int], bytes]) -> Make:
    """Events in so many chunks that are stored like this; `content` is given a chunk's length."""

    def make(file: h5py.File) -> None:
        old = file["tables/events"]
        (length,), dtype = old.chunks, old.dtype
        table(count * length)(file)
        packed = content(length * dtype.itemsize)
        for i in range(count):
            file["tables/events"].id.write_direct_chunk((i * length,), packed)

    return make


def virtual(file: h5py.File, name: str) -> None:
    """Events that lie in another file."""
    dtype = Trace(file.filename).table("versions").dtype
    layout = h5py.VirtualLayout((4,), dtype)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,), dtype)
    file.create_virtual_dataset(name, layout)


def unread_filter(file: h5py.File, name: str) -> None:
    """Events packed by a filter that is nowhere."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4,))
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((4,)), plist)


def many_attributes(file: h5py.File) -> None:
    """More than anybody sets."""
    for i in range(1_500):
        file["totals"].attrs[f"x{i}"] = 1


def loop(file: h5py.File) -> None:
    """A group that holds its own parent."""
    file["texts/loop"] = file["/"]


def baselines_only(rows: Any) -> None:
    """Nothing was learned."""
    rows["version"] = -1


def same(column_: str) -> Callable[[Any], None]:
    """All rows the same in a column."""
    return lambda rows: rows.__setitem__(column_, 1)


def plugged_in(file: h5py.File) -> None:
    """A scenario that would load a module."""
    training = json.loads(file["texts/scenario"][()])["training"]
    scenario(training=training | {"optimizer": PLUGIN})(file)


PLUGIN = {"kind": "hostile_plugin:Gone", "x": 1}
HOSTILE: dict[str, tuple[str, Make]] = {
    "external link": ("a link", linked("tables/events", h5py.ExternalLink("/etc/passwd", "/x"))),
    "external commits": ("a link", linked("commits", h5py.ExternalLink("/etc/passwd", "/x"))),
    "external tables": ("a link", linked("tables", h5py.ExternalLink("/etc/passwd", "/x"))),
    "external texts": ("a link", linked("texts", h5py.ExternalLink("/etc/passwd", "/x"))),
    "external totals": ("a link", linked("totals", h5py.ExternalLink("/etc/passwd", "/x"))),
    "soft link": ("a link", linked("tables/events", h5py.SoftLink("/tables/updates"))),
    "soft link to itself": ("a link", linked("tables/events", h5py.SoftLink("/tables/events"))),
    "nothing": ("nothing", without("tables/updates", lambda file, name: None)),
    "virtual": ("stored elsewhere", without("tables/updates", virtual)),
    "external storage": ("stored elsewhere", without("tables/updates", lambda file, name: file.create_dataset(
        name, (5,), "<i8", external=[("/etc/passwd", 0, 40)]))),
    "2^40 rows": (r"1,099,511,627,776 rows in a file", table(1 << 40)),
    "chunks of 2^20 rows": ("chunks of", table(1 << 40, chunks=(1 << 20,))),
    "chunks of gigabytes": (r"chunks of \(33554432,\)", table(1 << 25, chunks=(1 << 25,))),
    "one piece": ("chunks of None", table(5, chunks=None, maxshape=None, compression=None, shuffle=False)),
    "commit of 2^62 rows": (r"4,611,686,018,427,387,904 rows", lambda file: counted(file, events=(1 << 62, 0))),
    "commit of -5 rows": ("fewer events than before", lambda file: counted(file, events=(-5, 0))),
    "checksum": ("damage after the first 0 of", lambda file: counted(file, updates=(5, 1))),
    "commits of gigabytes": ("rows in a file", without("commits", lambda file, name: file.create_dataset(
        name, (1 << 34,), sealed([(0, 0)] * len(TABLES)).dtype, maxshape=(None,), chunks=(64,)))),
    "commits of another kind": ("no valid commit", without("commits", lambda file, name: file.create_dataset(
        name, data=np.arange(9)))),
    "commits in a long chunk": ("short chunks", without("commits", lambda file, name: file.create_dataset(
        name, (5,), sealed([(0, 0)] * len(TABLES)).dtype, maxshape=(None,), chunks=(1 << 20,)))),
    "columns": ("columns int64", without("tables/updates", lambda file, name: file.create_dataset(
        name, data=np.arange(5)))),
    "a thousand columns": ("columns", without("tables/updates", lambda file, name: file.create_dataset(
        name, data=np.zeros(5, [(f"x{i}", "u1") for i in range(1000)])))),
    "rows of text": ("columns object", without("tables/updates", lambda file, name: file.create_dataset(
        name, data=["x"] * 5, dtype=h5py.string_dtype()))),
    "rows of references": ("columns object", without("tables/updates", lambda file, name: file.create_dataset(
        name, data=[file["/"].ref] * 5, dtype=h5py.ref_dtype))),
    "two dimensions": ("columns", without("tables/updates", lambda file, name: file.create_dataset(
        name, (2, 2), Trace(file.filename).table("updates").dtype))),
    "another filter": ("other filters", table(5, compression="lzf")),
    "a filter that is nowhere": ("other filters", without("tables/updates", unread_filter)),
    "unwritten rows": ("rows in a file", table(10**9)),
    "a few unwritten rows": ("damage after the first 0 of", table(10**5)),
    "gzip bomb of many chunks": ("[0-9,]+ rows in", chunks(4_000, lambda size: zlib.compress(bytes(size), 9))),
    "gzip bomb in a chunk": ("damage after the first 0", chunks(1, lambda size: zlib.compress(bytes(1 << 27), 9))),
    "small gzip bomb": ("damage after the first 0", chunks(1, lambda size: zlib.compress(bytes(1 << 26), 9))),
    "a chunk that is too short": ("damage after the first 0", chunks(1, lambda size: zlib.compress(b"short"))),
    "a chunk that never ends": ("damage after the first 0", chunks(1, lambda size: zlib.compress(bytes(size))[:-4])),
    "a chunk without a byte": ("damage after the first 0", chunks(1, lambda size: b"x")),
    "group for rows": ("a group", without("tables/updates", lambda file, name: file.create_group(name))),
    "type for rows": ("a type", without("tables/updates", lambda file, name: file.__setitem__(name, np.dtype("<i8")))),
    "rows for tables": ("nothing", without("tables", lambda file, name: file.create_dataset(name, data=[1]))),
    "rows for texts": ("nothing|no group", without("texts", lambda file, name: file.create_dataset(name, data=[1]))),
    "rows for totals": ("no group", without("totals", lambda file, name: file.create_dataset(name, data=[1]))),
    "group for a text": ("a group", without("texts/scenario", lambda file, name: file.create_group(name))),
    "loop": ("a group", loop),
    "array attribute": ("attribute seed of /: got int64 of shape", attribute("seed", np.arange(9))),
    "huge attribute": ("attribute name of /: got", attribute("name", np.bytes_(b"x" * (1 << 22)))),
    "compound attribute": ("attribute seed of /", attribute("seed", np.zeros((), "i4,i4"))),
    "complex attribute": ("attribute seed of /", attribute("seed", 1j)),
    "variable-length attribute": ("attribute name of /: got object", attribute("name", "x" * 100)),
    "reference attribute": ("attribute seed of /: got object", attribute("seed", lambda file: file["/"].ref)),
    "empty attribute": ("attribute seed of /", attribute("seed", h5py.Empty("f"))),
    "1,500 attributes": ("too many attributes", many_attributes),
    "attribute that is no text": ("damaged trace", attribute("name", np.bytes_(b"\xff\xfe"))),
    "status": ("attribute complete: got 7", attribute("complete", 7)),
    "no status": ("attribute reason: got nothing", lambda file: file.attrs.__delitem__("reason")),
    "total that is a text": ("attribute wall_s of /totals", attribute("wall_s", np.bytes_(b"x"), "totals")),
    "newer": (f"a trace of format {FORMAT + 1}", attribute("format", FORMAT + 1)),
    "format that is a text": ("another kind", attribute("format", np.bytes_(b"1"))),
    "format that is an array": ("attribute format", attribute("format", np.arange(9))),
    "text of gigabytes": (r"2,147,483,647 bytes", without("texts/scenario", lambda file, name: file.create_dataset(
        name, (), f"S{(1 << 31) - 1}"))),
    "text that is not there": (r"0 of 1,000 bytes", without("texts/scenario", lambda file, name: file.create_dataset(
        name, (), "S1000"))),
    "many texts": ("of shape", without("texts/scenario", lambda file, name: file.create_dataset(name, data=[b"x"]))),
    "text of variable length": ("object", without("texts/scenario", lambda file, name: file.__setitem__(name, "x"))),
    "text changed": ("not as recorded", lambda file: file["texts/scenario"].__setitem__((), b"{}")),
    "text that is not UTF-8": ("damaged|no JSON", text("scenario", b"\xff\xfe")),
    "no such fate": (r"fate 200 in row 0", column("updates", "fate", 200)),
    "no such happening": (r"happening 99 in row 0", column("events", "happening", 99)),
    "negative time": (r"arrived_ns -7 in row 0", column("updates", "arrived_ns", -7)),
    "time beyond all": (r"t_ns 9223372036854775807 in row 0", column("events", "t_ns", (1 << 63) - 1)),
    "half a truth": (r"indoor 2 in row 0", column("devices", "indoor", 2)),
    "name that is not UTF-8": (r"name b'\\xff' in row 0", column("devices", "name", b"\xff")),
}  # fmt: skip
MISLEADING: dict[str, tuple[str, Make]] = {
    "no seed": ("seed: got nothing", lambda file: file.attrs.__delitem__("seed")),
    "no JSON": ("what is no JSON", text("scenario", b"{")),
    "deep JSON": ("what is no JSON", text("scenario", b"[" * 10**5)),
    "deep JSON object": ("what is no JSON", text("scenario", b'{"a":' * 10**5)),
    "JSON of another kind": ("a JSON list", text("scenario", b"[]")),
    "JSON of pairs": ("a JSON list", text("scenario", b'[["a", 1]]')),
    "JSON with a long number": ("what is no JSON", text("scenario", b'{"seed": ' + b"9" * 10**5 + b"}")),
    "JSON without anything": ("got nothing|seed|name|stop|contradicts", text("scenario", b"{}")),
    "JSON with NaN": ("nan|finite", scenario(stop={"duration_s": float("nan")})),
    "graphs of another kind": ("a JSON int", text("graphs", b"3")),
    "graphs that are none": ("contradicts itself|walkers", text("graphs", b'{"walkers": 7}')),
    "inputs of another kind": ("a JSON list", text("inputs", b"[]")),
    "plug-in": ("allow-plugins", plugged_in),
}  # fmt: skip
"""Whole files, which recovering keeps as they are; whoever looks into them says what is wrong."""
CONTRADICTORY: dict[str, tuple[str, Make]] = {
    "device out of range": ("", column("updates", "device", 10**6)),
    "negative device": ("", column("updates", "device", -1)),
    "participation out of range": ("", column("updates", "participation", 10**9)),
    "trainings of one participation": ("", rewritten("trainings", same("participation"))),
    "versions of one number": ("", rewritten("versions", same("version"))),
    "devices of one number": ("", rewritten("devices", same("device"))),
    "baselines only": ("", rewritten("evaluations", baselines_only)),
    "metric NaN": ("", rewritten("evaluations", lambda rows: rows["value"].fill(np.nan))),
    "no such group": ("", rewritten("devices", lambda rows: rows["group"].fill(b"others"))),
    "no such metric": ("", rewritten("evaluations", lambda rows: rows["metric"].fill(b"measured/x"))),
    "all at once": ("", rewritten("updates", lambda rows: [rows[c].fill(0) for c in rows.dtype.names if "_ns" in c])),
    "no end": ("", column("updates", "ended_ns", 1 << 62)),
    "angles NaN": ("", rewritten("version_angles", lambda rows: rows["angles"].fill(np.nan))),
    "sites NaN": ("", rewritten("sites", lambda rows: rows["x_m"].fill(np.nan))),
}
"""Each holds together with itself, but not with the rest: commands may answer, or say so."""


@pytest.fixture(scope="module")
def answers(finished: Trace, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
    """What commands say of these files, by a process of their own."""
    folder = tmp_path_factory.mktemp("hostile")

    def ask(cases: dict[str, tuple[str, Make]], commands: tuple[str, ...]) -> list[dict[str, Any]]:
        whole = folder / "whole.h5"
        shutil.copy(finished.path, whole)
        for name, (_, make) in cases.items():
            shutil.copy(finished.path, folder / f"{name}.h5")
            with h5py.File(folder / f"{name}.h5", "r+", libver=("v110", "v110")) as file:
                make(file)
        program = Path(__file__).with_name("as_user.py")
        paths = [whole, *(folder / f"{name}.h5" for name in cases)]
        words = [sys.executable, program, ",".join(commands), *paths]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=900)
        told = [json.loads(line) for line in ended.stdout.splitlines()]
        assert ended.returncode == 0, (ended.returncode, told[-1:], ended.stderr[-2000:])
        assert len(told) == len(paths) * len(commands)
        assert all(answer["code"] == 0 for answer in told[: len(commands)])
        return told[len(commands) :]

    return ask


def check(told: list[dict[str, Any]]) -> None:
    """Every answer is one, or a line with place, got and want, and was not dear."""
    for answer in told:
        of = f"{answer['file']}, {answer['command']}: {answer['err'] or answer['out']}"
        assert answer["code"] in ((0, 1, 2) if answer["command"] == "replay" else (0, 2)), of
        assert answer["took_s"] < MOST_S, of
        assert answer["grown_mib"] < MOST_MIB, of
        if answer["code"] == 2 and answer["command"] == "json":
            assert set(json.loads(answer["out"])["error"]) == {"where", "got", "want"}, of
        elif answer["code"] == 2:
            assert f"{answer['file']}.h5" in answer["err"] or answer["command"] == "replay", of
            assert ": got " in answer["err"], of
            assert "; want " in answer["err"], of
            assert len(answer["err"]) < 2000, of


def test_what_is_made_to_harm_is_refused(answers: Callable[..., list[dict[str, Any]]]) -> None:
    """Whatever lies in a file, who would make a clean file of it is told what."""
    told = answers(HOSTILE, ("recover",))
    check(told)
    for answer in told:
        assert answer["code"] == 2, answer
        assert re.search(HOSTILE[answer["file"]][0], answer["err"]), answer


@pytest.mark.slow
def test_no_command_is_harmed(answers: Callable[..., list[dict[str, Any]]]) -> None:
    """Some command says what lies in a file, others answer or say so too."""
    told = answers(HOSTILE | MISLEADING, ALL)
    check(told)
    for name, (got, _) in (HOSTILE | MISLEADING).items():
        mine = [answer for answer in told if answer["file"] == name and answer["code"] == 2]
        assert any(re.search(got, answer["out"] + answer["err"]) for answer in mine), (name, mine)


@pytest.mark.slow
def test_what_contradicts_itself_is_answered_or_refused(answers: Callable[..., list[dict[str, Any]]]) -> None:
    """Tables that do not fit each other are no reason for a traceback."""
    check(answers(CONTRADICTORY, ALL))
