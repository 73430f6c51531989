"""The composition: what a run is told to consist of, and how its parts get their numbers."""

from pathlib import Path
from typing import Any

import numpy as np

from qflsim import records
from qflsim.radio.penetration import Building
from qflsim.scenario.build import build
from qflsim.scenario.load import load, parse
from qflsim.scenario.sources import read
from qflsim.streams import Streams

TWO: dict[str, Any] = {
    "name": "two",
    "stop": {"duration_s": 1.0},
    "sites": {"at": [{"name": "a", "x_m": 0.0, "y_m": 0.0}, {"name": "b", "x_m": 50.0, "y_m": 0.0}]},
    "devices": [
        {"name": "cars", "count": 2000, "penetration": {"kind": "car"}, "eirp_dbm": 20.0},
        {
            "name": "walkers",
            "count": 3,
            "processor": {"kind": "ion-trap"},
            "graphs": {"kind": "complete", "nodes": 4},
            "penetration": {"kind": "car", "mean_db": 45.0},
        },
    ],
}


def introduced(data: dict[str, Any], kind: type[records.Record]) -> list[Any]:
    """The records of a kind that are told before the run begins."""
    told: list[records.Record] = []
    scenario = parse(data, Path())
    build(scenario, read(scenario), (told.append,))
    return [record for record in told if isinstance(record, kind)]


def test_everyone_and_everything_is_introduced() -> None:
    """Sites and devices in the order of the scenario, numbered from 0, with their hardware."""
    assert [(s.site, s.name, s.x_m) for s in introduced(TWO, records.Site)] == [(0, "a", 0.0), (1, "b", 50.0)]
    devices = introduced(TWO, records.Device)
    assert [d.device for d in devices] == list(range(2003))
    assert devices[1999][2:6] == ("cars-1999", "cars", "torino", "3-regular")
    assert devices[2002][2:6] == ("walkers-2", "walkers", "aria", "complete")
    assert {d.eirp_dbm for d in devices[:2000]} == {20.0}


def test_penetration_follows_its_law() -> None:
    """max(0, N(9, 5^2)) dB a device, within five standard errors; each group draws its own."""
    losses_db = np.array([d.penetration_loss_db for d in introduced(TWO, records.Device)])
    cars_db = losses_db[:2000]
    # Mean of the normal law cut at 0: mu Phi(mu/s) + s phi(mu/s).
    mean_db = 9.0 * 0.9640697 + 5.0 * 0.0789502
    assert abs(cars_db.mean() - mean_db) < 5 * cars_db.std(ddof=1) / np.sqrt(2000)
    assert cars_db.min() == 0.0
    assert (np.abs(losses_db[2000:] - 45.0 - (cars_db[:3] - 9.0)) > 1e-9).all()


def test_what_devices_stand_in_is_drawn_from_their_groups_own_stream() -> None:
    """Buildings at the sites' carrier: device by device the loss that the law draws from the named stream."""
    tall = {"kind": "building", "walls": "high"}
    data = {**TWO, "devices": [{"name": "flats", "count": 50, "penetration": tall}]}
    data["sites"] = {**TWO["sites"], "carrier_hz": 3.5e9}
    losses_db = [d.penetration_loss_db for d in introduced(data, records.Device)]
    drawn = Building(walls="high").draw(50, 3.5e9, Streams(1).named("flats", "penetration"))
    assert losses_db == drawn.loss_db.tolist()
    assert [loss_db > 0.0 for loss_db in losses_db] == drawn.indoor.tolist()


def test_an_appended_group_or_site_moves_no_draw() -> None:
    """Hardware of the others is the same to the last bit, whoever else is there and in whatever order groups stand."""
    alone = introduced({**TWO, "devices": TWO["devices"][:1]}, records.Device)
    assert introduced(TWO, records.Device)[:2000] == alone
    swapped = introduced({**TWO, "devices": TWO["devices"][::-1]}, records.Device)
    assert [d[2:] for d in swapped[3:]] == [d[2:] for d in alone]


def test_what_was_read_from_files_is_told_before_the_run() -> None:
    """Every presence and leg of Ingolstadt's vehicles, whoever is invited, so that a trace alone can be replayed."""
    scenario = load("ingolstadt")
    sources = read(scenario)
    tracks = sources.tracks
    told: list[records.Record] = []
    build(scenario, sources, (told.append,))
    count = sum(len(group) for group in tracks.values())
    assert count == 387 == sum(isinstance(record, records.Device) for record in told)
    assert {r.device for r in told if isinstance(r, records.Presence)} == set(range(387))
    legs = [r for r in told if isinstance(r, records.Leg)]
    assert {leg.device for leg in legs} == set(range(387))
    first = tracks["simulators"][0][1]
    assert [leg[2:] for leg in legs if leg.device == 0] == first.produced


def test_payloads_are_itemised() -> None:
    """2p x 64 bit of angles, the header, and 32 bit a parameter of the model that rides along."""
    training = {"header_bit": 100, "co_model_parameters": 7}
    scenario = parse({**TWO, "training": training, "task": {"kind": "qaoa", "layers": 4}}, Path())
    told: list[records.Record] = []
    build(scenario, read(scenario), (told.append,)).run()
    transfer = next(record for record in told if isinstance(record, records.Transfer))
    assert (transfer.model_bit, transfer.header_bit, transfer.co_model_bit) == (8 * 64, 100, 7 * 32)
