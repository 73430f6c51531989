"""From a file or a shipped name to a scenario; overrides; and what identifies a run and its world."""

import hashlib
import json
import re
import tomllib
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from os.path import exists, isdir, isfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qflsim.errors import InputError, InputErrors, InputWarning
from qflsim.model import Model
from qflsim.scenario.mistakes import mistakes
from qflsim.scenario.schema import DeviceGroup, RadioSection, Scenario
from qflsim.scenario.sources import files
from qflsim.world.sites import Sites

_PACKAGE = Path(__file__).parents[1]
_MOST_BYTES = 1 << 24
_LONGEST_PATH = 1024
_DEEP_KEY = re.compile(rb"(?:[\w-]+[ \t]*\.[ \t]*){64}")  # tomllib's memory grows with the square of the depth


def shipped() -> dict[str, Path]:
    """The scenarios that come with the package, by name: from the wheel, or from the source tree beside it."""
    folders = (_PACKAGE / "_shipped" / "scenarios", _PACKAGE.parent / "scenarios")
    folder = next((f for f in folders if f.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def question(path: Path) -> tuple[str, str]:
    """A scenario's question and expected answer: its first two comment lines."""
    lines = [line.lstrip("# ").rstrip() for line in path.read_text("utf-8").splitlines()[:2]]
    return lines[0], lines[1]


def load(path_or_name: str | Path, *, seed: int | None = None, overrides: Sequence[str] = (),
         plugins: bool = False) -> Scenario:  # fmt: skip
    """The scenario of a file, or of a shipped name; `overrides` are `a.b=value` in TOML, else taken as text.

    Errors: `InputError` for what cannot be read, `InputErrors` with every mistake of what can.
    """
    path = _find(path_or_name)
    data = _read(path)
    for override in overrides:
        override_into(data, override)
    if seed is not None:
        data["seed"] = seed
    scenario = parse(data, path.parent, plugins)
    for outside in scenario.out_of_range():
        warnings.warn(f"{path_or_name}: {outside}", InputWarning, stacklevel=2)
    return scenario


def parse(data: dict[str, Any], folder: Path, plugins: bool = False) -> Scenario:
    """The scenario of plain data, whose relative paths start at `folder`."""
    try:
        scenario = Scenario.model_validate(data, context={"plugins": plugins})
    except ValidationError as error:
        raise mistakes(error, Scenario, data) from None
    if scenario.radio.strict_ranges and (outside := scenario.out_of_range()):
        raise InputErrors(outside)
    scenario._folder = folder
    return scenario


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if isfile(path):  # False, and no error, for what cannot be a path
        return path
    known = shipped()
    if str(path_or_name) in known:
        return known[str(path_or_name)]
    got = "a folder" if isdir(path) else "no such file"
    raise InputError(str(path_or_name), got, f"a scenario file, or one of {', '.join(known)}")


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise InputError(str(path), f"more than {_MOST_BYTES} bytes", "a scenario of at most 16 MiB")
        if _DEEP_KEY.search(text):
            raise InputError(str(path), "a key of more than 64 parts", "sections that a scenario has")
        return tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a file that can be read") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"a byte that is not UTF-8 at {error.start}", "a text in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise InputError(str(path), f"text that is not TOML: {error}", "a TOML file") from None


def override_into(data: dict[str, Any], override: str) -> None:
    """Sets `a.b=value` in plain scenario data. Items of a list go by index or by their `name`."""
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys) or len(path) > _LONGEST_PATH:
        raise InputError("--set", override, "section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    here: Any = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        where = f"--set {'.'.join(keys[: depth + 1])}"
        if isinstance(here, list):
            index = _index(here, key, where)
            if last:
                here[index] = value
            here = here[index]
        elif isinstance(here, dict):
            if last:
                here[key] = value
            here = here.setdefault(key, {})
        else:
            raise InputError(where, repr(here), "a section or a list to set something in")


def _index(items: list[Any], key: str, where: str) -> int:
    names = [item.get("name") for item in items if isinstance(item, dict)]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    known = [str(name) for name in names if name] or [f"0 to {len(items) - 1}"]
    raise InputError(where, key, f"one of {', '.join(known)}")


def resolved(scenario: Scenario) -> dict[str, Any]:
    """The whole scenario as plain data, defaults included."""
    return scenario.model_dump(mode="json")


def inputs(scenario: Scenario) -> dict[str, str]:
    """SHA-256 of every input file, by the path that the scenario gives it."""
    found = {}
    for file in files(scenario):
        digest = hashlib.sha256()
        try:
            if exists(scenario.folder / file) and not isfile(scenario.folder / file):  # a pipe would be waited for
                raise InputError(file, "no regular file", "an input file that can be read")
            with (scenario.folder / file).open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise InputError(file, error.strerror or str(error), "an input file that can be read") from None
        found[file] = digest.hexdigest()
    return found


def digest(scenario: Scenario, hashes: dict[str, str]) -> str:
    """What identifies a run: the resolved scenario, seed, package version and input files (their bytes, not paths)."""
    data = resolved(scenario)
    del data["trace"]
    return _hash({"scenario": data, "version": version("qflsim")}, hashes)


_DEVICES = ("count", "mobility", "processor", "shared_processors", "eirp_dbm", "noise_figure_db", "height_m",
            "penetration", "name", "churn", "power", "battery")  # fmt: skip
_SITES = ("at", "hexagons", "carrier_hz", "height_m", "sectors", "azimuth_deg", "beamwidth_deg", "tilt_deg")
_RADIO = ("path_loss", "fading", "site_correlation", "link_outages")
_WHOLE = ("seed", "outages", "backhaul")


def world(scenario: Scenario, hashes: dict[str, str]) -> str:
    """What identifies the weather: seed, places, mobility, outages, propagation, hardware."""
    data = resolved(scenario)
    devices = [{key: group[key] for key in _DEVICES} for group in data["devices"]]
    parts = {key: data[key] for key in _WHOLE}
    parts["sites"] = {key: data["sites"][key] for key in _SITES}
    radio = {key: data["radio"][key] for key in _RADIO}
    return _hash({**parts, "radio": radio, "devices": devices, "version": version("qflsim")}, hashes)


_PARTS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "sites": (Sites, _SITES), "radio": (RadioSection, _RADIO), "devices": (DeviceGroup, _DEVICES)
}  # fmt: skip
POLICY = [
    *(name for name in Scenario.model_fields if name not in (*_WHOLE, *_PARTS)),
    *(f"{name}.{'*.' if name == 'devices' else ''}{key}" for name, (model, fixed) in _PARTS.items()
      for key, field in model.model_fields.items() if key not in fixed and not field.exclude),
]  # fmt: skip
"""What may differ between runs of one world."""


def is_of_world(override: str) -> bool:
    """Whether `a.b=value` sets something that `world` looks at."""
    first, *rest = override.partition("=")[0].strip().split(".")
    keys = rest[1:] if first == "devices" else rest
    return first in _WHOLE or (first in _PARTS and (not keys or keys[0] in _PARTS[first][1]))


def _hash(data: dict[str, Any], hashes: dict[str, str]) -> str:
    text = json.dumps(_by_content(data, hashes), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _by_content(data: Any, hashes: dict[str, str], key: str = "") -> Any:
    """The data with every input file's name replaced by its hash."""
    if isinstance(data, dict):
        return {name: _by_content(value, hashes, name) for name, value in data.items()}
    if isinstance(data, list):
        return [_by_content(item, hashes, key) for item in data]
    return hashes.get(data, data) if key in _FILES else data


_FILES = ("file", "files", "holdout")
