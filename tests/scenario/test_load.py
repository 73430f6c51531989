"""Scenario files: found and read or refused, overridden by path, identified by what they say."""

import json
from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import InputError, InputErrors
from qflsim.scenario.load import digest, inputs, load, override_into, parse, question, resolved, shipped, world
from qflsim.scenario.schema import Scenario

GOOD = 'name = "x"\n[[devices]]\nname = "cars"\ncount = 2\n'
FCD = '<fcd-export><timestep time="0"><vehicle id="v" x="1" y="2"/></timestep><timestep time="1"/></fcd-export>'


def written(folder: Path, content: str | bytes, name: str = "s.toml") -> Path:
    """A file in the folder."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"\xff\xfen\x00", "a byte that is not UTF-8 at 0"),
        ("name = = 3", "text that is not TOML: Invalid value (at line 1, column 8)"),
        ("a = 1\na = 2", "text that is not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 100_000, "text that is not TOML: maximum recursion depth exceeded"),
        ("seed = " + "1" * 5000, "text that is not TOML: Exceeds the limit"),
        ("#" * ((1 << 24) + 1), "more than 16777216 bytes"),
    ],
    ids=["not UTF-8", "syntax", "twice", "deep", "long number", "huge"],
)
def test_what_is_no_toml_file_is_refused(tmp_path: Path, content: str | bytes, got: str) -> None:
    """One mistake at the file, whatever is wrong with it as a whole."""
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.where == str(path)
    assert str(caught.value.got).startswith(got)


@pytest.mark.parametrize("name", ["nowhere", "a" * 5000, "a\0b", "", "nowhere/s.toml"])
def test_what_does_not_exist_is_refused_with_what_does(name: str) -> None:
    """A path that cannot be names the shipped scenarios, even where it can be no path at all."""
    with pytest.raises(InputError) as caught:
        load(name)
    assert {"ingolstadt", "quickstart", "wait-for-all"} < set(shipped())
    assert caught.value.want == f"a scenario file, or one of {', '.join(sorted(shipped()))}"


def test_a_folder_is_not_a_scenario(tmp_path: Path) -> None:
    """It is told as a folder."""
    with pytest.raises(InputError, match="got a folder"):
        load(tmp_path)


def test_an_empty_file_lacks_everything(tmp_path: Path) -> None:
    """It is valid TOML, so its missing keys are told."""
    with pytest.raises(InputErrors, match="name: got nothing"):
        load(written(tmp_path, ""))


def test_shipped_scenarios_go_by_name_unless_a_file_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their first two comment lines are question and answer; a file of that name in the way comes first."""
    assert load("quickstart").name == "quickstart"
    for path in shipped().values():
        asked, answered = question(path)
        assert asked.endswith("?")
        assert len(answered) > 20
    monkeypatch.chdir(tmp_path)
    written(tmp_path, GOOD, "quickstart")
    assert load("quickstart").name == "x"


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("seed=7", ("seed",), 7),
        ("name=other", ("name",), "other"),
        ('name="other"', ("name",), "other"),
        ("stop.duration_s=5.0", ("stop", "duration_s"), 5.0),
        ("devices.cars.count=9", ("devices", 0, "count"), 9),
        ("devices.1.count=9", ("devices", 1, "count"), 9),
        ("devices.7.count=9", ("devices", 2, "count"), 9),
        ("sites.at.mast.x_m=3", ("sites", "at", 0, "x_m"), 3),
        ("trace.leave_out=[\"events\"]", ("trace", "leave_out"), ["events"]),
        ("aggregation.when = { kind = \"async\" }", ("aggregation", "when"), {"kind": "async"}),
        ("seed=1" + "1" * 5000, ("seed",), "1" + "1" * 5000),
        ("name=" + "[" * 20_000, ("name",), "[" * 20_000),
        ("name=a=b", ("name",), "a=b"),
        ("name=", ("name",), ""),
    ],
)  # fmt: skip
def test_an_override_sets_its_place(override: str, place: tuple[Any, ...], value: object) -> None:
    """A TOML value, else text; items of a list by name first, then by index; sections that are not there are made."""
    data: dict[str, Any] = {"devices": [{"name": "cars"}, {}, {"name": "7"}], "sites": {"at": [{"name": "mast"}]}}
    override_into(data, override)
    for key in place:
        data = data[key]
    assert data == value


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("seed", "--set"),
        ("=1", "--set"),
        ("a..b=1", "--set"),
        ("seed.x=1", "--set seed.x"),
        ("devices.vans.count=1", "--set devices.vans"),
        ("devices.5.count=1", "--set devices.5"),
        ("devices.-1.count=1", "--set devices.-1"),
        ("devices.cars.count.x=1", "--set devices.cars.count.x"),
    ],
)
def test_an_override_without_a_place_is_refused(override: str, where: str) -> None:
    """It says how far the path could be followed."""
    with pytest.raises(InputError) as caught:
        override_into({"seed": 1, "devices": [{"name": "cars", "count": 2}]}, override)
    assert caught.value.where == where


def test_overrides_are_checked_like_the_file(tmp_path: Path) -> None:
    """A wrong value or a new key that does not exist is a mistake of the scenario; a seed of its own comes last."""
    path = written(tmp_path, GOOD)
    with pytest.raises(InputErrors, match=r"stop\.duration: got 3; want one of duration_s"):
        load(path, overrides=["stop.duration=3"])
    assert load(path, seed=9, overrides=["seed=3", "devices.cars.count=5"]).seed == 9
    assert load(path, overrides=["devices.cars.count=5"]).devices[0].count == 5


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_resolved_scenario_reads_as_itself(name: str) -> None:
    """Scenario -> JSON -> scenario is the identity, and so are its hashes: a trace carries it this way."""
    scenario = load(name)
    again = parse(json.loads(json.dumps(resolved(scenario))), scenario.folder)
    assert again == scenario
    assert resolved(again) == resolved(scenario)
    hashes = inputs(scenario)
    assert digest(again, hashes) == digest(scenario, hashes)
    assert world(again, hashes) == world(scenario, hashes)


def identities(scenario: Scenario) -> tuple[str, str]:
    """Digest and world."""
    hashes = inputs(scenario)
    return digest(scenario, hashes), world(scenario, hashes)


def from_file(folder: Path, fcd: str = FCD, file: str = "a.xml") -> Scenario:
    """A scenario of one group read from a file in the folder."""
    folder.mkdir(exist_ok=True, parents=True)
    written(folder, fcd, file)
    return parse({"name": "x", "devices": [{"mobility": {"kind": "sumo-fcd", "file": file}}]}, folder)


def test_identity_is_of_bytes_not_of_paths(tmp_path: Path) -> None:
    """The same file under another name in another folder is the same run; one byte more is another run and world."""
    first = identities(from_file(tmp_path / "a"))
    assert identities(from_file(tmp_path / "b", file="other.xml")) == first
    other = identities(from_file(tmp_path / "c", FCD + "\n"))
    assert other[0] != first[0]
    assert other[1] != first[1]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing input is a mistake at its path, before anything runs."""
    scenario = from_file(tmp_path)
    (tmp_path / "a.xml").unlink()
    with pytest.raises(InputError, match=r"a\.xml: got No such file"):
        inputs(scenario)


@pytest.mark.parametrize(
    ("override", "new_run", "new_world"),
    [
        ("seed=2", True, True),
        ("name=other", True, False),
        ("trace.leave_out=[\"events\"]", False, False),
        ("stop.duration_s=61.0", True, False),
        ("aggregation.timeout_s=3.0", True, False),
        ("training.steps=3", True, False),
        ('task={ kind = "qaoa", layers = 2 }', True, False),
        ("task.layers=2", True, False),
        ("devices.walkers.batch=2", True, False),
        ("devices.walkers.count=21", True, True),
        ("devices.walkers.mobility.speed_m_per_s=[0.8, 1.9]", True, True),
        ("devices.walkers.eirp_dbm=20.0", True, True),
        ("devices.walkers.processor.kind=simulator", True, True),
        ("sites.at.mast.x_m=101.0", True, True),
        ("radio.path_loss.los_sigma_db=5.0", True, True),
        ('radio.link_outages=[{ kind = "gilbert-elliott", good_s = 9.0, bad_s = 1.0 }]', True, True),
        ("devices.walkers.churn={ on_s = 60.0, off_s = 60.0 }", True, True),
        ("devices.walkers.battery.capacity_j=500.0", True, True),
        ("outages=[{ kind = \"renewal\", sites = [\"mast\"], mtbf_s = 9.0, mttr_s = 1.0 }]", True, True),
    ],
)  # fmt: skip
def test_what_makes_another_run_and_what_another_world(override: str, new_run: bool, new_world: bool) -> None:
    """The digest follows every value but the trace's; the world only what makes the weather."""
    base = {"radio.path_loss.kind=umi-street-canyon"}
    ours = identities(load("quickstart", overrides=[*base]))
    theirs = identities(load("quickstart", overrides=[*base, override]))
    assert (theirs[0] != ours[0], theirs[1] != ours[1]) == (new_run, new_world)


def test_a_default_spelt_out_is_no_other_run() -> None:
    """Identity is of the resolved scenario: writing a default down changes nothing."""
    assert identities(load("quickstart", overrides=["radio.step_db=0.5"])) == identities(load("quickstart"))


@pytest.mark.parametrize(
    ("section", "kind", "key", "value"),
    [
        ("task", "qaoa", "layers", "2"),
        ("training.gradient", "exact", "charged_as", "parameter-shift"),
        ("training.optimizer", "gradient-steps", "learning_rate", "0.7"),
    ],
)
def test_a_section_without_a_kind_is_of_the_default_one(
    tmp_path: Path, section: str, kind: str, key: str, value: str
) -> None:
    """Task, gradient and optimizer need none: a key set alone is one of the kind that stands there anyway.

    With the kind spelt out it is the same run; other sections still want theirs.
    """
    path = written(tmp_path, GOOD)
    ours = load(path, overrides=[f"{section}.{key}={value}"])
    found: Any = ours
    for name in section.split("."):
        found = getattr(found, name)
    assert (found.kind, str(getattr(found, key))) == (kind, value)
    assert load(path, overrides=[f"{section}.kind={kind}", f"{section}.{key}={value}"]) == ours != load(path)
    with pytest.raises(InputErrors, match=r"aggregation\.when: .* want kind = "):
        load(path, overrides=["aggregation.when.clients=2"])


def test_keys_without_end_are_refused(tmp_path: Path) -> None:
    """A dotted key of a hundred thousand parts is a mistake, told before it takes any memory."""
    path = tmp_path / "deep.toml"
    path.write_text("a." * 100_000 + "a = 1\n")
    with pytest.raises(InputError, match="64 parts"):
        load(path)
