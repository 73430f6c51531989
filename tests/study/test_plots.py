"""Figures: labelled with units, numbers as in the tables, files that viewers open, and what a trace lacks is named."""

import io
import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from qflsim.errors import InputError
from qflsim.scenario.load import load
from qflsim.study import plots
from qflsim.study.plots_learning import curves, time_to_target_s
from qflsim.study.plots_places import chosen, deaths, places, shown, ways
from qflsim.study.plots_style import PHASE_COLOURS, Missing, by_group, clock, short
from qflsim.study.report import grades
from qflsim.study.run import run
from qflsim.trace.reader import Trace

Command = Callable[..., Any]
UNITLESS = {"approximation ratio", "accuracy by class"}
LEARNED = {"metric", "target"}


@pytest.mark.parametrize("name", plots.FIGURES)
def test_every_axis_says_what_it_shows_and_in_which_unit(name: str, finished: Trace, timed: Trace) -> None:
    """A unit in brackets, or a quantity that has none; an axis of names has names."""
    for trace in (finished, timed):
        if trace is timed and name in LEARNED:
            with pytest.raises(Missing, match="timing only"):
                plots.FIGURES[name](trace)
            continue
        panels = plots.FIGURES[name](trace).axes
        assert len(panels) == (3 if name == "fairness" else 1)
        for axes in panels:
            if not axes.axison:  # empty, and says why
                assert axes.texts[0].get_text()
                continue
            assert re.fullmatch(r".+ \[(%|ms|s|h|d|m|km|versions)\]", axes.get_xlabel())
            if axes.get_ylabel() in {"", *UNITLESS} or name == "gantt":
                names = [tick.get_text() for tick in axes.get_yticklabels()]
                assert all(names) or axes.get_ylabel() in UNITLESS
            else:
                assert re.fullmatch(r".+ \[(%|m|km)\]", axes.get_ylabel())


def test_lines_of_the_metric_are_the_evaluations(finished: Trace) -> None:
    """The last point of the line is the last version's grade in the report, the dashed line the centralised one."""
    (axes,) = plots.metric(finished).axes
    line, centralised = axes.get_lines()
    told = {name: float(cells[0].split()[0]) for name, *cells in grades(finished)[1]}
    last = f"version {finished.versions['version'].max()}"
    assert round(float(np.asarray(line.get_ydata())[-1]), 3) == told[last]
    assert round(float(np.asarray(centralised.get_ydata())[0]), 3) == told["centralised (8 devices)"]
    assert np.asarray(line.get_xdata()).tolist() == finished.versions["t_s"].tolist()


def test_the_target_is_reached_by_the_first_that_is_as_good(finished: Trace) -> None:
    """At once if any value will do, never if none does, else with the first version that is as good."""
    mean = curves(finished).value["mean"]
    assert time_to_target_s(finished, 0.0) == 0.0
    assert np.isnan(time_to_target_s(finished, 1.1))
    best = float(mean.max())
    assert time_to_target_s(finished, best) == mean.index[mean == best][0]


def test_a_gantt_chart_shows_the_contributors_of_its_version(finished: Trace, timed: Trace) -> None:
    """All of them if there is room; bars do not overlap, for a device takes part once at a time."""
    for trace in (finished, timed):
        version, since_s, until_s = chosen(trace)
        rows, busy = shown(trace, since_s, until_s, version)
        contributors = set(trace.updates.query("applied_version == @version")["device"])
        assert contributors <= set(rows["device"])
        assert rows["row"].nunique() == min(busy, 24)
        spans: dict[int, list[tuple[float, float]]] = {}
        for patch in plots.gantt(trace).axes[0].patches:
            if patch.get_height() > 0.5:  # what waits in the buffer keeps nobody busy
                spans.setdefault(round(patch.get_y() + 0.35), []).append(
                    (patch.get_x(), patch.get_x() + patch.get_width())
                )
        assert len(spans) == rows["row"].nunique()
        for mine in spans.values():
            mine.sort()
            assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(mine))


def test_a_gantt_chart_of_a_time_or_a_version(finished: Trace) -> None:
    """As it is asked for; a version or time that is not there is told."""
    axes = plots.gantt(finished, since_s=2.0, until_s=4.0).axes[0]
    low, high = axes.get_xlim()
    assert (low, high) == pytest.approx((1.92, 4.08))
    assert any(
        text.get_text() == "v2" and text.get_weight() == "bold" for text in plots.gantt(finished, 2).axes[0].texts
    )
    with pytest.raises(Missing, match="version: got 999"):
        plots.gantt(finished, 999)
    with pytest.raises(Missing, match="none from 5000 to 6000 s"):
        plots.gantt(finished, since_s=5000.0, until_s=6000.0)


def test_places_are_on_the_legs(timed: Trace) -> None:
    """At a leg's start and middle, where it says; before a device's first leg nowhere."""
    legs = timed.legs
    at = legs.iloc[:: max(1, len(legs) // 50)]
    middle_s = (at["start_s"] + np.minimum(at["end_s"], at["start_s"] + 10.0)) / 2
    found = places(timed, at["device"], (middle_s * 1e9).round().astype(np.int64))
    expected = at["x_m"] + at["vx_m_per_s"] * (middle_s - at["start_s"])
    np.testing.assert_allclose(found["x_m"], expected, atol=1e-5)
    assert places(timed, [int(at["device"].iloc[0])], [-5])["x_m"].isna().all()


def test_the_map_marks_each_upload_that_was_not_completed(timed: Trace) -> None:
    """As many as the transfers say, within the devices' ways, by the fates of the updates."""
    lost, transfers = deaths(timed), timed.transfers
    assert len(lost) == ((transfers["direction"] == "upload") & ~transfers["complete"]).sum() > 0
    fates = timed.updates.set_index("participation")["fate"].astype(str)
    assert lost["fate"].tolist() == fates.loc[lost["participation"]].tolist()
    (axes,) = plots.map_of_uploads(timed).axes
    drawn = [line for line in axes.get_lines() if re.search(r"\(\d+\)$", str(line.get_label()))]
    assert sum(len(np.asarray(line.get_xdata())) for line in drawn) == len(lost)
    lines, devices = ways(timed)
    assert devices <= 100
    assert lines.shape[1:] == (2, 2)
    assert axes.get_aspect() == 1.0


@pytest.fixture
def user_style() -> Iterator[None]:
    """A user's own settings."""
    with matplotlib.rc_context({"font.size": 30.0, "axes.grid": True, "pdf.fonttype": 3}):
        yield


@pytest.mark.usefixtures("user_style")
@pytest.mark.parametrize("kind", plots.FORMATS)
def test_files_are_what_their_names_say(kind: str, finished: Trace, tmp_path: Path) -> None:
    """PDFs with embedded TrueType fonts or pictures of a column's width, the same bytes again, whatever the user's
    settings; none is empty, none left over."""
    drawn = plots.plot(finished, tmp_path / "new" / "figures", kind)
    assert [path.name for path in drawn.files] == [f"{name}.{kind}" for name in plots.FIGURES]
    assert drawn.skipped == {}
    assert sorted((tmp_path / "new" / "figures").iterdir()) == sorted(drawn.files)
    matplotlib.rcParams["font.size"] = 12.0
    for name, path in zip(plots.FIGURES, drawn.files, strict=True):
        content = path.read_bytes()
        if kind == "png":
            image = Image.open(io.BytesIO(content))
            assert image.width in (700, 840, 1440)
            assert len(set(image.convert("L").tobytes())) > 10
            assert "Software" not in image.info
        else:
            assert content.startswith(b"%PDF")
            assert content.rstrip().endswith(b"%%EOF")
            assert b"/FontFile2" in content
            assert b"CreationDate" not in content
        if name == "phases":
            again = tmp_path / f"again.{name}.{kind}"
            plots.save(plots.FIGURES[name](finished), again)
            assert again.read_bytes() == content


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only two standard figures."""
    monkeypatch.setattr(plots, "FIGURES", {name: plots.FIGURES[name] for name in ("metric", "map")})


@pytest.mark.usefixtures("few")
def test_a_taken_name_is_refused_before_anything_is_drawn(finished: Trace, tmp_path: Path) -> None:
    """One file of the last name stops all; force replaces it; a file where the folder should be is told."""
    (tmp_path / "map.pdf").write_text("mine")
    with pytest.raises(InputError, match=r"got files that exist: map.pdf; want another folder, or --force"):
        plots.plot(finished, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["map.pdf"]
    plots.plot(finished, tmp_path, force=True)
    assert (tmp_path / "map.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match="got a file"):
        plots.plot(finished, tmp_path / "map.pdf")
    with pytest.raises(InputError, match="ending"):
        plots.save(plots.metric(finished), tmp_path / "a.svg")


def test_what_the_trace_lacks_is_named(tmp_path: Path) -> None:
    """Left-out tables leave out the figures that need them, each with its reason; the others are drawn."""
    overrides = ["trace.leave_out=['transfers', 'events', 'evaluations']", "stop.duration_s=20.0"]
    trace = run(load("quickstart", overrides=overrides), tmp_path / "t.h5", timing_only=True)
    drawn = plots.plot(trace, tmp_path / "figures", "png")
    assert {path.stem for path in drawn.files} == {"survival", "staleness", "fairness", "gantt"}
    assert drawn.skipped["map"] == "transfers: got a trace that leaves them out; want one that has them"
    assert drawn.skipped["metric"].startswith("evaluations: ")
    assert {*drawn.skipped, *(path.stem for path in drawn.files)} == set(plots.FIGURES)


def test_without_pauses_nobody_is_said_to_hold_others_up(tmp_path: Path) -> None:
    """Critical paths need them; every other figure is drawn."""
    overrides = ["trace.leave_out=['pauses']", "stop.duration_s=20.0"]
    trace = run(load("quickstart", overrides=overrides), tmp_path / "t.h5", timing_only=True)
    skipped = plots.plot(trace, tmp_path / "figures", "png").skipped
    assert [name for name, why in skipped.items() if why.startswith("pauses: ")] == ["stragglers", "stragglers-groups"]
    assert set(skipped) <= {"stragglers", "stragglers-groups", "metric", "target"}


def test_a_run_that_was_stopped_early_has_its_figures(tmp_path: Path) -> None:
    """Before the first version: those that need none, and no error."""
    trace = run(load("quickstart", overrides=["stop.duration_s=0.5"]), tmp_path / "t.h5", timing_only=True)
    drawn = plots.plot(trace, tmp_path / "figures", "png")
    assert {path.stem for path in drawn.files} == {"survival", "fairness", "gantt", "map"}


def test_the_readme_names_every_figure() -> None:
    """By the name of its file, and their number."""
    text = (Path(plots.__file__).parents[2] / "README.md").read_text()
    (told,) = re.findall(r"\*\*Figures\.\*\*(.+?)What a trace cannot", text, re.DOTALL)
    assert set(plots.FIGURES) <= set(re.findall(r"`([a-z-]+)`", told))
    assert len(plots.FIGURES) == 10
    assert "draws ten" in told


def test_times_are_told_in_a_unit_of_their_size() -> None:
    """Milliseconds to days."""
    assert [clock(t_s)[1] for t_s in (0.0, 0.05, 0.1, 599.0, 7200.0, 86_400.0, 400_000.0)] == [
        "s", "ms", "s", "s", "h", "h", "d"]  # fmt: skip
    assert [clock(t_s)[0] for t_s in (0.05, 1.0, 7200.0)] == [1e-3, 1.0, 3600.0]


def test_long_names_keep_their_ends() -> None:
    """At most so many characters."""
    assert short("vehicles-17") == "vehicles-17"
    found = short("a-very-long-name-of-a-group-of-vehicles-17")
    assert len(found) == 22
    assert found.startswith("a-very")
    assert found.endswith("-17")


def test_many_groups_share_a_colour(timed: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more groups than colours the largest keep their names, in the scenario's order; nobody is lost."""
    devices = timed.devices.assign(group=[f"g{i % 12:02}" for i in range(len(timed.devices))])
    monkeypatch.setattr(Trace, "devices", property(lambda _: devices))
    groups, colours = by_group(timed, timed.updates["device"])
    assert len(colours) == len(set(colours.values())) == 7
    assert list(colours)[-1] == "others"
    assert sorted(list(colours)[:-1]) == list(colours)[:-1]
    assert set(groups) == set(colours)
    assert len(plots.survival(timed).legends[0].get_texts()) == 7
    assert len(set(PHASE_COLOURS.values())) == len(PHASE_COLOURS)


def test_names_are_no_formulas(timed: Trace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A device may be called anything that a file calls it."""
    devices = timed.devices.assign(name=lambda table: "$\\foo_{" + table["name"] + "$")
    monkeypatch.setattr(Trace, "devices", property(lambda _: devices))
    plots.save(plots.stragglers(timed), tmp_path / "a.pdf")
    plots.save(plots.gantt(timed), tmp_path / "b.png")


@pytest.mark.usefixtures("few")
def test_plot_on_the_command_line(qflsim: Command, finished: Trace, tmp_path: Path) -> None:
    """It names the files; as JSON one object; a second time it refuses."""
    told = json.loads(qflsim("plot", finished.path, "-o", tmp_path / "figures", "--json").out)
    assert len(told["files"]) == 2
    assert told["skipped"] == {}
    refused = qflsim("plot", finished.path, "-o", tmp_path / "figures")
    assert (refused.code, refused.out) == (2, "")
    assert "--force" in refused.err
    assert qflsim("plot", finished.path, "-o", tmp_path, "--format", "gif").code == 2
    assert qflsim("plot", tmp_path / "no.h5", "-o", tmp_path).code == 2


def test_stragglers_draws_its_figure(qflsim: Command, timed: Trace, tmp_path: Path) -> None:
    """Beside the table or the JSON, which has the fairness too; a taken name or another ending is refused."""
    told = json.loads(qflsim("stragglers", timed.path, "--json", "--plot", tmp_path / "s.png").out)
    assert set(told["fairness"]) == {"jain", "groups", "ping_pong"}
    assert 0.0 < told["fairness"]["jain"]["devices_applied"] <= 1.0
    assert Image.open(tmp_path / "s.png").width == 840
    assert qflsim("stragglers", timed.path, "--plot", tmp_path / "s.png").code == 2
    assert "Jain's index" in qflsim("stragglers", timed.path, "--plot", tmp_path / "s.png", "--force").out
    assert "ending" in qflsim("stragglers", timed.path, "--plot", tmp_path / "s.doc").err
