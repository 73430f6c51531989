"""The command line: a contract that scripts rely on. Output, exit codes, JSON, and never a traceback."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

from qflsim.errors import InputError, InputWarning
from qflsim.study.replay import replay
from qflsim.terms import Fate
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES

COMMAND = [sys.executable, "-m", "qflsim"]
INSPECTED = {
    "scenario", "seed", "digest", "world", "version", "complete", "reason", "simulated_s", "wall_s", "events",
    "fingerprint", "tables", "fates", "versions", "metrics",
}  # fmt: skip


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


def mistake(answer: Answer) -> dict[str, str]:
    """The one JSON object of a mistake: exit code 2, nothing else on either stream."""
    assert answer.code == 2
    assert answer.err == ""
    told = json.loads(answer.out)
    assert set(told) == {"error"}
    assert set(told["error"]) == {"where", "got", "want"}
    error: dict[str, str] = told["error"]
    return error


def line(answer: Answer, code: int = 2) -> str:
    """The one line on standard error that tells a mistake or mishap."""
    assert answer.code == code
    assert "Traceback" not in answer.err
    told = answer.err.rstrip("\n")
    assert told
    assert "\n" not in told
    return told


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits for a condition for as long as the process lives."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def rows(path: Path) -> int:
    """Committed rows of a trace; 0 while there is none."""
    try:
        return sum(Trace(path).rows.values())
    except InputError:
        return 0


@pytest.fixture
def started(tiny: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a run of the tiny scenario that would take very long, writing to t.h5; what is left of it is killed."""
    processes = []

    def start(*words: str) -> subprocess.Popen[str]:
        run = [*COMMAND, "run", str(tiny), "-o", str(tmp_path / "t.h5"), "--set", "stop.duration_s=1e6", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(run, text=True, start_new_session=True, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


# --- run


def test_run_tells_a_table_and_writes_a_trace(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """Exit code 0, the table on standard output, and nothing on standard error where it is no terminal."""
    code, out, err = qflsim("run", tiny, "-o", tmp_path / "t.h5")
    assert (code, err) == (0, "")
    assert out.startswith("tiny, seed 3, digest ")
    assert Trace(tmp_path / "t.h5").complete


def test_run_as_json(qflsim: Command, tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """One JSON object: all that `inspect` says, and the path of the trace."""
    out = tmp_path / "t.h5"
    answer = qflsim("run", tiny, "-o", out, "--json")
    told = json.loads(answer.out)
    assert (answer.code, answer.err) == (0, "")
    assert set(told) >= INSPECTED | {"trace"}
    assert told["trace"] == str(out)
    assert told["fingerprint"] == finished.fingerprint
    inspected = json.loads(qflsim("inspect", out, "--json").out)
    assert inspected == {key: value for key, value in told.items() if key != "trace"}


def test_run_by_default_writes_to_a_new_name(
    qflsim: Command, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """./traces/<name>-<digest8>.h5, then -2, then -3."""
    monkeypatch.chdir(tmp_path)
    told = [json.loads(qflsim("run", tiny, "--timing-only", "--json").out) for _ in range(3)]
    stem = f"traces/tiny-{told[0]['digest'][:8]}"
    assert [t["trace"] for t in told] == [f"{stem}.h5", f"{stem}-2.h5", f"{stem}-3.h5"]


def test_run_overrides(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """--seed and --set reach the scenario: TOML values, else texts; items of a list by name or index."""
    sets = [
        "stop.duration_s=2", "name=other", "sites.at.mast.x_m=99.0", "devices.0.count=3",
        "trace.leave_out=['events']", "aggregation.weight={kind='polynomial', exponent=1.0}",
    ]  # fmt: skip
    words = [word for item in sets for word in ("--set", item)]
    answer = qflsim("run", tiny, "-o", tmp_path / "t.h5", "--timing-only", "--seed", "9", *words)
    assert answer.code == 0, answer.err
    trace = Trace(tmp_path / "t.h5")
    scenario = trace.scenario
    assert (scenario["name"], scenario["seed"], scenario["stop"]["duration_s"]) == ("other", 9, 2.0)
    assert scenario["sites"]["at"][0]["x_m"] == 99.0
    assert len(trace.devices) == 3
    assert scenario["aggregation"]["weight"]["kind"] == "polynomial"


def test_run_refuses_an_existing_output(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """Exit code 2 and a way out; with --force it is replaced."""
    out = tmp_path / "t.h5"
    out.write_text("mine")
    assert "--force" in line(qflsim("run", tiny, "-o", out))
    assert out.read_text() == "mine"
    assert qflsim("run", tiny, "-o", out, "--force", "--timing-only").code == 0


@pytest.mark.parametrize("out", ["missing/t.h5", "/proc/t.h5", "."])
def test_run_where_nothing_can_be_written(qflsim: Command, tiny: Path, tmp_path: Path, out: str,
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """A folder that is missing, or in which no file can be made, or a folder for a file: exit code 2, one line."""
    monkeypatch.chdir(tmp_path)
    assert line(qflsim("run", tiny, "-o", out)).startswith(out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "where"),
    [
        ("stop.duratio_s=3", "stop.duratio_s"),
        ("stop.duration_s=nan", "stop.duration_s"),
        ("stop.duration_s=true", "stop.duration_s"),
        ("stop.duration_s=-1", "stop.duration_s"),
        ("seed=1.5", "seed"),
        ("sites.at.nobody.x_m=1", "--set sites.at.nobody"),
        ("nonsense", "--set"),
    ],
)
def test_run_tells_what_is_wrong_with_a_scenario(qflsim: Command, tiny: Path, word: str, where: str) -> None:
    """Place, got and want, in a line and as JSON."""
    assert line(qflsim("run", tiny, "--set", word)).startswith(where)
    assert mistake(qflsim("run", tiny, "--set", word, "--json"))["where"] == where


def test_run_tells_every_mistake(qflsim: Command, tiny: Path) -> None:
    """Two mistakes, two lines."""
    answer = qflsim("run", tiny, "--set", "stop.duration_s=-1", "--set", "seed=-1")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 2


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{10 * f"&{chr(97 + i)};"}">' for i in range(9)
)
FILES: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "not XML": b"a,b\n1,2\n",
    "other XML": b"<html></html>",
    "truncated": b'<fcd-export><timestep time="0"><vehicle id="a" x="1" y="1"/></time',
    "bomb": (
        BOMB + ']><fcd-export><timestep time="0"><vehicle id="&j;" x="1" y="1"/></timestep></fcd-export>'
    ).encode(),
    "truncated gzip": gzip.compress(b"<fcd-export>" + bytes(1000))[:20],
}


@pytest.mark.parametrize("name", FILES)
def test_run_tells_what_is_wrong_with_a_mobility_file(qflsim: Command, tiny: Path, tmp_path: Path, name: str) -> None:
    """Whatever stands in the place of a mobility file: exit code 2, one line that names it, no trace."""
    file = f"fcd.xml{'.gz' if 'gzip' in name else ''}"
    content = FILES[name]
    if content is not None:
        (tmp_path / file).write_bytes(content)
    scenario = tiny.read_text().replace("count = 4\n", "", 1)
    scenario = scenario.replace("mobility =", f'mobility = {{ kind = "sumo-fcd", file = "{file}" }} #')
    (tmp_path / "s.toml").write_text(scenario)
    for words in (["run", tmp_path / "s.toml", "-o", tmp_path / "t.h5"], ["validate", tmp_path / "s.toml"]):
        answer = qflsim(*words)
        assert answer.code == 2
        told = (answer.err or answer.out).rstrip("\n")
        assert file in told
        assert "\n" not in told
    assert not (tmp_path / "t.h5").exists()


def test_run_tells_what_it_passed_over(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """A repaired file runs, in laps; a warning counts what was left out; the trace alone replays it."""
    rows = "".join(f"{name},{t},{10 + 3 * t},{step}\n" for t in range(8) for step, name in enumerate("abcd"))
    (tmp_path / "fixes.csv").write_text("id,t,x,y\na,0,nan,0\n" + rows)
    scenario = tiny.read_text().replace("count = 4\n", "", 1)
    mobility = 'mobility = { kind = "csv", file = "fixes.csv", bad_fixes = "skip", loop_pause_s = 0.5 } #'
    (tmp_path / "s.toml").write_text(scenario.replace("mobility =", mobility))
    with pytest.warns(InputWarning, match=r"^fixes.csv: 1 fixes passed over as unusable; the first: line 2, x = 'nan'"):
        assert qflsim("run", tmp_path / "s.toml", "-o", tmp_path / "t.h5").code == 0
    presence = Trace(tmp_path / "t.h5").table("presence")
    assert len(presence) == 8
    assert {int(on_ns) % 7_500_000_000 for on_ns in presence["on_ns"]} == {0}
    (tmp_path / "fixes.csv").unlink()
    assert qflsim("replay", tmp_path / "t.h5").code == 0


def test_run_where_nobody_reaches_a_site(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """Exit code 3, the table all the same, and the reason in the trace; as JSON the error names the trace."""
    far = ["run", tiny, "-o", tmp_path / "t.h5", "--force", "--set", "sites.at.mast.x_m=1e6"]
    answer = qflsim(*far)
    assert "nobody can reach a site" in line(answer, code=3)
    assert "walkers: none of its devices could reach a site" in answer.out
    assert Trace(tmp_path / "t.h5").reason.startswith("nobody can reach a site")
    answer = qflsim(*far, "--json")
    assert answer.code == 3
    error = json.loads(answer.out)["error"]
    assert error["where"] == str(tmp_path / "t.h5")
    assert "nobody can reach a site" in error["got"]


def test_run_that_stalls(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """Exit code 3, what was waited for on standard error, the trace whole."""
    slow = ["--set", "stop.stall_s=2.0", "--set", "devices.walkers.shots=1000000"]
    answer = qflsim("run", tiny, "-o", tmp_path / "t.h5", *slow)
    assert "waiting for 3 for the training" in line(answer, code=3)
    assert Trace(tmp_path / "t.h5").complete


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting takes rights that this user lacks")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_run_on_a_disk_that_fills(qflsim: Command, tiny: Path, small_disk: Path) -> None:
    """Exit code 3 and a message; what was written is a trace, and says that it is incomplete."""
    out = small_disk / "t.h5"
    (small_disk / "ballast").write_bytes(bytes(2_000_000))
    answer = qflsim("run", tiny, "-o", out, "--timing-only", "--set", "stop.duration_s=1e6")
    assert "the disk is full" in line(answer, code=3)
    assert json.loads(qflsim("inspect", out, "--json").out)["complete"] is False


# --- signals and kills


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_stopped_run(started: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: int) -> None:
    """A signal in the middle: exit code 128 + its number, the table, one line, and a plain trace without an end."""
    process = started()
    until(lambda: rows(tmp_path / "t.h5") > 0, process)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 128 + number
    assert out.startswith("tiny, seed 3")
    assert err == f"stopped by {signal.Signals(number).name}; the trace up to there is {tmp_path / 't.h5'}\n"
    with h5py.File(tmp_path / "t.h5") as file:
        assert len(file["tables/updates"]) == len(Trace(tmp_path / "t.h5").updates) > 0


def test_ctrl_c_while_workers_start(started: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """Ctrl-C reaches the workers too, and leaves it to the run to end: as soon as there is a file, in order."""
    process = started("--workers", "2")
    until((tmp_path / "t.h5").exists, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == f"stopped by SIGINT; the trace up to there is {tmp_path / 't.h5'}\n"


def check_killed(qflsim: Command, path: Path) -> None:
    """No file, or one whose tables agree, that says it is incomplete, and of which plain h5py reads a clean copy."""
    hidden = [p for p in path.parent.iterdir() if p != path and p.name.startswith(".")]
    for leftover in hidden:
        leftover.unlink()
    if not path.exists():
        return
    told = json.loads(qflsim("inspect", path, "--json").out)
    assert told["complete"] is False
    assert told["fingerprint"] is None
    assert "incomplete" in qflsim("inspect", path).out
    clean = path.with_name("clean.h5")
    assert qflsim("recover", path, "-o", clean, "--force").code == 0
    trace = Trace(path)
    with h5py.File(clean) as file:
        for name in TABLES:
            assert file["tables"][name][:].tobytes() == trace.table(name).tobytes(), name  # nan is nan
            assert len(file["tables"][name]) == told["tables"][name]
    assert (np.diff(trace.table("events")["t_ns"]) >= 0).all()
    assert replay(trace).equal


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9, whatever it is doing."""
    process.kill()
    process.communicate()


def test_a_run_killed_before_its_first_flush(
    started: Callable[..., subprocess.Popen[str]], qflsim: Command, tmp_path: Path
) -> None:
    """As soon as the file is there it is a trace, if an empty one."""
    process = started()
    until((tmp_path / "t.h5").exists, process)
    kill(process)
    check_killed(qflsim, tmp_path / "t.h5")
    assert (tmp_path / "t.h5").exists()


def test_a_run_killed_after_a_flush(
    started: Callable[..., subprocess.Popen[str]], qflsim: Command, tmp_path: Path
) -> None:
    """What was committed is there after a kill."""
    process = started()
    until(lambda: rows(tmp_path / "t.h5") > 0, process)
    committed = rows(tmp_path / "t.h5")
    kill(process)
    check_killed(qflsim, tmp_path / "t.h5")
    assert rows(tmp_path / "t.h5") >= committed


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", np.random.default_rng(5).uniform(0.0, 6.0, 10).tolist())
def test_a_run_killed_at_any_instant(
    started: Callable[..., subprocess.Popen[str]], qflsim: Command, tmp_path: Path, delay_s: float
) -> None:
    """Whenever it comes, a kill leaves no file or a valid one."""
    process = started()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(delay_s)
    kill(process)
    check_killed(qflsim, tmp_path / "t.h5")


# --- the other commands


def test_validate(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """Every mistake of every file at once, exit code 2; of good files none, exit code 0."""
    bad = tmp_path / "bad.toml"
    bad.write_text(tiny.read_text().replace("x_m = 100.0", 'x_m = "far"').replace("count = 4", "cuont = 4", 1))
    answer = qflsim("validate", tiny, bad, tmp_path / "none.toml")
    assert answer.code == 2
    assert "did you mean count?" in answer.out
    errors = json.loads(qflsim("validate", tiny, bad, tmp_path / "none.toml", "--json").out)["errors"]
    assert all(set(error) == {"where", "got", "want"} for error in errors)
    assert {error["where"].split(":")[0] for error in errors} == {str(bad), str(tmp_path / "none.toml")}
    assert len(errors) >= 3
    assert qflsim("validate", tiny) == (0, "no mistakes\n", "")
    assert json.loads(qflsim("validate", tiny, "--json").out) == {"errors": []}


def test_a_law_outside_its_range_is_a_line_on_standard_error(qflsim: Command, tiny: Path, tmp_path: Path) -> None:
    """A warning and no mistake, so that standard output and exit code are as ever; strict, it is a mistake."""
    far = tmp_path / "far.toml"
    far.write_text(tiny.read_text() + '\n[radio]\npath_loss = { kind = "uma" }\n')
    told = subprocess.run([*COMMAND, "validate", str(far), "--json"], capture_output=True, text=True, check=True)
    assert told.stderr == f"warning: {far}: sites.height_m: got 10; want 25, the range of uma\n"
    assert json.loads(told.stdout) == {"errors": []}
    far.write_text(far.read_text() + "strict_ranges = true\n")
    assert qflsim("validate", far) == (2, f"{far}: sites.height_m: got 10; want 25, the range of uma\n", "")


def test_inspect(qflsim: Command, finished: Trace) -> None:
    """The required keys, with the values of the trace; for people, the same in tables."""
    told = json.loads(qflsim("inspect", finished.path, "--json").out)
    assert set(told) >= INSPECTED
    assert set(told["fates"]) == {fate.label for fate in Fate}
    assert told["tables"] == finished.rows
    assert told["versions"] == len(finished.versions) - 1
    assert told["complete"] is True
    assert qflsim("inspect", finished.path).out.startswith("tiny, seed 3, digest ")


@pytest.mark.parametrize("command", ["inspect", "replay", "stragglers"])
def test_what_is_no_trace(qflsim: Command, tmp_path: Path, tiny: Path, command: str) -> None:
    """A missing file, a folder, a text: exit code 2, one line, and the same as JSON."""
    for path in (tmp_path / "none.h5", tmp_path, tiny):
        assert line(qflsim(command, path)).startswith(str(path))
        assert mistake(qflsim(command, path, "--json"))["where"] == str(path)


def test_replay(qflsim: Command, finished: Trace) -> None:
    """Exit code 0 and what was compared."""
    told = json.loads(qflsim("replay", finished.path, "--json").out)
    expected = {"equal": True, "compared": sum(finished.rows.values()), "first_divergence": None, "held": "exact"}
    assert told == expected


def test_replay_that_diverges(qflsim: Command, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 and the first divergence, where a law has changed since the trace was made."""
    path = tmp_path / "t.h5"
    assert qflsim("run", tiny, "-o", path, "--timing-only").code == 0
    monkeypatch.setattr("qflsim.units.NS_PER_S", 1_000_000_001)
    answer = qflsim("replay", path)
    assert answer.code == 1
    assert answer.out.startswith("diverged at ")
    answer = qflsim("replay", path, "--json")
    told = json.loads(answer.out)
    assert answer.code == 1
    assert (told["equal"], told["held"]) == (False, None)
    assert set(told["first_divergence"]) == {"table", "row", "t_ns", "trace", "replay"}


def test_stragglers(qflsim: Command, finished: Trace) -> None:
    """A row a version, and the seconds of each phase."""
    told = json.loads(qflsim("stragglers", finished.path, "--json").out)
    assert all(
        set(row) == {"version", "t_s", "participation", "device", "group", "phase", "held_up_s"}
        for row in told["versions"]
    )
    assert len(told["versions"]) == len(finished.versions) - 1
    assert set(told) == {"versions", "phases", "groups", "fairness"}
    assert "held up [s]" in qflsim("stragglers", finished.path).out
    blamed = json.loads(qflsim("stragglers", finished.path, "--blame", 1, "--json").out)["blame"]
    assert {row["version"] for row in blamed} == {max(told["versions"], key=lambda row: row["held_up_s"])["version"]}
    assert "earlier by [s]" in qflsim("stragglers", finished.path, "--blame", 1).out


def test_recover_refuses_what_exists(qflsim: Command, finished: Trace, tmp_path: Path) -> None:
    """A file that exists stays without --force; the clean file of a finished trace is as good as the trace."""
    out = tmp_path / "u.h5"
    out.write_text("mine")
    assert "--force" in line(qflsim("recover", finished.path, "-o", out))
    assert out.read_text() == "mine"
    assert qflsim("recover", finished.path, "-o", out, "--force").code == 0
    assert Trace(out).fingerprint == finished.fingerprint


def test_scenarios(qflsim: Command) -> None:
    """The shipped scenarios by name, each with its question and answer."""
    lines = qflsim("scenarios").out.splitlines()
    assert "quickstart" in lines
    assert "ingolstadt" in lines
    assert len(lines) % 3 == 0
    assert all(question.endswith("?") for question in lines[1::3])


def test_bench(qflsim: Command) -> None:
    """One bench alone, with its peer; an unknown one is a mistake that names those that are known."""
    (figure,) = json.loads(qflsim("bench", "--only", "simpy", "--json").out)["figures"]
    assert set(figure) == {"name", "value", "unit", "peer", "peer_name", "ratio"}
    assert "qaoa" in mistake(qflsim("bench", "--only", "nothing", "--json"))["want"]


# --- the frame


@pytest.mark.parametrize("words", [["run"], ["run", "--bogus"], ["nothing"], ["run", "x", "--workers", "0"]])
def test_usage_mistakes(qflsim: Command, words: list[str]) -> None:
    """A mistake of the command line itself is a mistake like any other: exit code 2, one line, the same as JSON."""
    assert "--help" in line(qflsim(*words))
    assert "--help" in mistake(qflsim(*words, "--json"))["want"]


def test_non_finite_numbers_are_null(qflsim: Command, finished: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON knows no nan and no infinity."""
    told: dict[str, Any] = {"a": float("nan"), "b": [float("inf"), {"c": -float("inf")}], "d": 1.5}
    monkeypatch.setattr("qflsim.study.summary.summary", lambda _: told)
    assert json.loads(qflsim("inspect", finished.path, "--json").out) == {"a": None, "b": [None, {"c": None}], "d": 1.5}


def test_help_is_light(finished: Trace) -> None:
    """`qflsim --help`, and importing the package, take neither numpy nor any other heavy library."""
    for words in ("import qflsim", "import qflsim.cli\ntry: qflsim.cli.main()\nexcept SystemExit: pass"):
        told = f"import sys; sys.argv = ['qflsim', '--help']\n{words}\nprint('numpy' in sys.modules, len(sys.modules))"
        done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
        heavy, modules = done.stdout.split()[-2:]
        assert heavy == "False"
        assert int(modules) < 400


def test_the_module_is_the_command(finished: Trace) -> None:
    """`python -m qflsim` works, and without words shows the help."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    assert "stragglers" in done.stdout


def test_a_reader_that_has_enough(finished: Trace) -> None:
    """A pipe that is closed early ends the command quietly, with its own exit code."""
    process = subprocess.Popen([*COMMAND, "inspect", finished.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_standard_output_that_is_full(finished: Trace, json_: list[str]) -> None:
    """Exit code 3 and one line."""
    with open("/dev/full", "w") as full:
        words = [*COMMAND, "inspect", str(finished.path), *json_]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    assert done.stderr == f"standard output: {os.strerror(28)}\n"
