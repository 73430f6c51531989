"""Mistakes in a scenario: all told at once, with place, what stands there, what was wanted and the nearest name."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError, InputErrors
from qflsim.scenario.catalogue import CATALOGUE
from qflsim.scenario.load import parse, resolved
from qflsim.scenario.schema import Scenario

GOOD: dict[str, Any] = {"name": "x", "devices": [{"name": "cars", "count": 2}]}
MAST = {"name": "mast", "x_m": 0.0, "y_m": 0.0}
RENEWAL = {"kind": "renewal", "sites": ["site"], "mtbf_s": 9.0, "mttr_s": 1.0}
FADINGS = '"none" or "rayleigh" or "rician" or "nakagami"'


def told(**sections: Any) -> list[tuple[str, str, str]]:
    """(where, got, want) of each mistake of a scenario with these sections."""
    with pytest.raises(InputErrors) as caught:
        parse({**GOOD, **sections}, Path())
    return [(error.where, str(error.got), error.want) for error in caught.value.errors]


def device(**values: Any) -> dict[str, Any]:
    """Sections with one group."""
    return {"devices": [{"name": "cars", "count": 2, **values}]}


BLACKOUT = {"kind": "calendar", "intervals_s": [[5.0, 9.0]]}


@pytest.mark.parametrize(
    ("sections", "where", "nearest"),
    [
        ({"stopp": {}}, "stopp", "stop"),
        ({"stop": {"duration": 5.0}}, "stop.duration", "duration_s"),
        ({"sites": {"at": [{**MAST, "hight_m": 1.0}]}}, "sites.at.mast.hight_m", None),
        ({"sites": {"at": [MAST], "carier_hz": 28e9}}, "sites.carier_hz", "carrier_hz"),
        (device(btch=3), "devices.cars.btch", "batch"),
        (device(mobility={"kind": "static", "at": [1.0, 2.0]}), "devices.cars.mobility.at", "at_m"),
        (device(processor={"kind": "simulator", "overhead": 1.0}), "devices.cars.processor.overhead", "overhead_s"),
        ({"radio": {"fading": {"kind": "rayleigh", "mod": "clt"}}}, "radio.fading.mod", "mode"),
        ({"outages": [RENEWAL, {**RENEWAL, "mtbf": 3.0}]}, "outages.1.mtbf", "mtbf_s"),
        ({"aggregation": {"wen": {}}}, "aggregation.wen", "when"),
        ({"aggregation": {"when": {"kind": "quorum", "quorums": 2}}}, "aggregation.when.quorums", "quorum"),
    ],
)
def test_a_misspelt_key_is_told_with_the_nearest(sections: dict[str, Any], where: str, nearest: str | None) -> None:
    """At each level, inside sections of a kind and in items of lists, which go by their names where they have one."""
    (place, _, want), = told(**sections)  # fmt: skip
    assert place == where
    assert want.startswith("one of ")
    if nearest:
        assert want.endswith(f"; did you mean {nearest}?")


@pytest.mark.parametrize(
    ("sections", "where", "got", "want"),
    [
        ({"sites": {"carrier_hz": 28, "at": [MAST]}}, "sites.carrier_hz", "28", "a number of at least 5e+08"),
        ({"sites": {"airtime_share": 2.0, "at": [MAST]}}, "sites.airtime_share", "2.0", "a number of at most 1"),
        ({"stop": {"duration_s": 0.0}}, "stop.duration_s", "0.0", "a number above 0"),
        ({"stop": {"duration_s": float("nan")}}, "stop.duration_s", "nan", "a finite number"),
        ({"stop": {"duration_s": float("inf")}}, "stop.duration_s", "inf", "a finite number"),
        ({"stop": {"duration_s": True}}, "stop.duration_s", "True", "a number"),
        ({"stop": {"duration_s": "60"}}, "stop.duration_s", "'60'", "a number"),
        ({"stop": {"duration_s": 10**400}}, "stop.duration_s", "1" + "0" * 76 + "...", "a number"),
        ({"stop": {"stall_s": 1e-12}}, "stop.stall_s", "1e-12", "a number of at least 0.001"),
        ({"stop": {"versions": 3.0}}, "stop.versions", "3.0", "a whole number"),
        ({"stop": {"versions": False}}, "stop.versions", "False", "a whole number"),
        ({"stop": [1]}, "stop", "(1,)", "a section"),
        ({"seed": -1}, "seed", "-1", "a number of at least 0"),
        ({"name": "a b"}, "name", "'a b'", "letters, digits, '_', '-' and '.', beginning with a letter or digit"),
        ({"name": ""}, "name", "''", "a text of at least 1 characters"),
        ({"name": 3}, "name", "3", "a text in quotes"),
        ({"devices": {"count": 1}}, "devices", "{'count': 1}", "a list"),
        ({"devices": []}, "devices", "()", "at least 1 of them"),
        (device(count=2.5), "devices.cars.count", "2.5", "a whole number"),
        (device(mobility={"kind": "static"}), "devices.cars.mobility", "a section that does not fit together",
         "give either area_m or at_m"),
        (device(mobility={"kind": "static", "at_m": [1.0]}), "devices.cars.mobility.at_m.1", "nothing",
         "this key, which has no default"),
        (device(mobility={"kind": "static", "at_m": [1.0, 2.0, 3.0]}), "devices.cars.mobility.at_m", "(1.0, 2.0, 3.0)",
         "at most 2 of them"),
        ({"radio": {"on_interruption": "resme"}}, "radio.on_interruption", "'resme'", "'resume' or 'restart'"),
        (device(processor={"preset": "fez"}), "devices.cars.processor", "{'preset': 'fez'}",
         'kind = "superconducting" or "ion-trap" or "simulator" or "split"'),
        ({"radio": {"fading": {"mode": "block", "k_db": 3.0}}}, "radio.fading.k_db", "3.0",
         "one of mode, coherence_bandwidth_hz, coherence_periods, floor_speed_m_per_s, kind"),
        ({"task": {"layer": 2}}, "task.layer", "2", "one of kind, problem, layers, start, start_angle, multi_angle, "
         "warm_start, tail, precision, holdout; did you mean layers?"),
        ({"training": {"optimizer": {"learning_rate": 0.0}}}, "training.optimizer.learning_rate", "0.0",
         "a number of at least 1e-09"),
        ({"task": {"kind": "qaos"}}, "task.kind", "'qaos'", '"qaoa" or "classification"; did you mean qaoa?'),
        ({"radio": {"fading": 3}}, "radio.fading", "3", f"a section with a kind: {FADINGS}"),
        ({"radio": {"fading": {"kind": "rayleig"}}}, "radio.fading.kind", "'rayleig'",
         f"{FADINGS}; did you mean rayleigh?"),
        ({"radio": {"fading": {"kind": 3}}}, "radio.fading.kind", "3", FADINGS),
        ({"radio": {"fading": {"kind": "mine:Fading"}}}, "radio.fading.kind", "'mine:Fading'",
         f"--allow-plugins, since a model of your own is code that will run, or {FADINGS}"),
        ({"outages": [{**RENEWAL, "sites": ["sight"]}]}, "the scenario", "a section that does not fit together",
         "outages: sites that exist (site), not 'sight'"),
        ({"outages": [{"kind": "regional", "at_m": [9e5, 0.0], "radius_m": 5.0, "cause": BLACKOUT}]}, "the scenario",
         "a section that does not fit together", "outages: a region with a site in it"),
        ({"outages": [{"kind": "regional", "cause": {**BLACKOUT, "every_s": 1.0}}]}, "outages.0.cause",
         "a section that does not fit together",
         "every_s: a period in which every interval starts, and that is not shorter than one"),
        ({"aggregation": {"when": {"kind": "quorum", "clients": 2, "quorum": 3}}}, "aggregation.when",
         "a section that does not fit together", "a quorum of at most the 2 clients"),
        ({"aggregation": {"when": {"kind": "deadline", "deadline_s": 1e-13}}}, "aggregation.when.deadline_s", "1e-13",
         "a number of at least 0.001"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_what_was_wanted(sections: dict[str, Any], where: str, got: str, want: str) -> None:
    """One mistake, one line: the place, the value that stands there, the range, unit or choice that was wanted."""
    assert told(**sections) == [(where, got, want)]


def test_all_mistakes_are_told_at_once() -> None:
    """Five mistakes at five depths give five lines."""
    found = told(seed=-1, stop={"versions": 0, "durations": 5.0}, outages=[{**RENEWAL, "mttr_s": -1.0}],
                 **device(processor={"kind": "ion-trap", "preset": "arya"}))  # fmt: skip
    places = {"seed", "stop.versions", "stop.durations", "outages.0.mttr_s", "devices.cars.processor.preset"}
    assert {where for where, _, _ in found} == places
    assert len(found) == 5


def test_missing_keys_are_told() -> None:
    """An empty scenario lacks a name and devices, and nothing else."""
    with pytest.raises(InputErrors) as caught:
        parse({}, Path())
    assert [(e.where, e.got) for e in caught.value.errors] == [("name", "nothing"), ("devices", "nothing")]


def test_groups_and_names_must_fit() -> None:
    """Two groups of one name, a count for a file and none without one are refused."""
    assert "stands twice" in told(devices=[{"count": 1}, {"count": 1}])[0][2]
    assert told(devices=[{"count": 1, "mobility": {"kind": "sumo-fcd", "file": "x"}}])[0][2].startswith("no count")
    assert told(devices=[{"name": "cars"}])[0][2].startswith("count")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.dates() | st.datetimes() | st.sampled_from([10**400, -(10**400), "static", "uniform", "a:b", "os:path"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["kind", "name", "at", "count", "x_m"]) | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def paths(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value of nested data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in items for path in [(*here, key), *paths(value, (*here, key))]]


GROUPS = [{"name": "a", "count": 1}, {"name": "b", "mobility": {"kind": "sumo-fcd", "file": "x.xml"}}]
SITES = {"at": [MAST, {**MAST, "name": "site"}]}
WHOLE = resolved(parse({"name": "x", "outages": [RENEWAL], "sites": SITES, "devices": GROUPS}, Path()))
PLACES = paths(WHOLE)


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    if not path:
        return value
    if isinstance(data, dict):
        return {k: changed(v, path[1:], value) if k == path[0] else v for k, v in data.items()}
    return [changed(v, path[1:], value) if k == path[0] else v for k, v in enumerate(data)]


def mistakes_of(data: dict[str, Any]) -> tuple[InputError, ...]:
    """What is wrong with the data; nothing if it is a scenario."""
    try:
        parse(data, Path())
    except InputErrors as error:
        return error.errors
    return ()


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_whatever_stands_anywhere_is_read_or_told(edits: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Any value in any place of a whole scenario gives a scenario or its mistakes, never another exception."""
    data = WHOLE
    for path, value in edits:
        if path in paths(data):
            data = changed(data, path, value)
    assert all(mistake.where and mistake.want for mistake in mistakes_of(data))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(sorted(Scenario.model_fields)) | st.text(max_size=6), VALUES, max_size=6))
def test_whatever_is_no_scenario_is_told(data: dict[str, Any]) -> None:
    """Arbitrary nested data raises `InputErrors` alone."""
    assert all(mistake.where and mistake.want for mistake in mistakes_of(data))


@pytest.mark.parametrize("family", sorted(CATALOGUE))
def test_every_kind_says_its_own_name(family: str) -> None:
    """The catalogue's key is the default of the model's own `kind`, so that a resolved scenario can be read again."""
    assert {kind: model.model_fields["kind"].default for kind, model in CATALOGUE[family].items()} == {
        kind: kind for kind in CATALOGUE[family]
    }


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("radio", "rate", {"kind": "gap", "peak_bit_per_s_hz": 1e-300}),
        ("radio", "fading", {"kind": "rayleigh", "floor_speed_m_per_s": 1e308}),
        ("radio", "fading", {"kind": "rayleigh", "coherence_bandwidth_hz": 1e-300}),
        ("radio", "path_loss", {"kind": "umi-street-canyon", "los_correlation_m": 1e-308}),
        ("aggregation", "when", {"kind": "deadline", "over_selection": 1e308}),
        ("aggregation", "when", {"kind": "deadline", "clients": 10**400}),
        ("aggregation", "server_rate", 1e308),
        ("task", "layers", 2**70),
        pytest.param("training", "steps", int("f" * 5000, 16), id="digits that Python refuses to print"),
    ],
)
def test_numbers_have_an_end(section: str, key: str, value: object) -> None:
    """What arithmetic could not stand is a mistake of the scenario, however large its digits."""
    data = {"name": "s", "devices": [{"count": 1}], section: {key: value}}
    if section == "task":
        data["task"] = {"kind": "qaoa", key: value}
    with pytest.raises(InputErrors, match=f"{section}.{key}"):
        parse(data, Path())
