"""Penetration: walls against the standard's numbers, draws against their laws."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import kstest, norm
from tr3gpp import tr38901

from qflsim.radio.penetration import Building, Car, FixedPenetration, NoPenetration

MANY = 20_000


@pytest.mark.parametrize(
    ("carrier_hz", "low_db", "old_high_db", "high_db", "wooden_db"),
    [
        (3.5e9, 12.6975, 26.8498, 27.4993, 6.9205),
        (7e9, 13.6177, 31.3572, 32.3490, 7.5416),
        (28e9, 17.8288, 37.9490, 35.0290, 11.2584),
    ],
)
def test_walls_have_the_published_loss(
    carrier_hz: float, low_db: float, old_high_db: float, high_db: float, wooden_db: float
) -> None:
    """Three kinds of wall at three carriers; coated glass lost more at 28 GHz up to release 18, and less at 7."""
    walls = (Building(walls="low"), Building(walls="high", release=18), Building(walls="high"),
             Building(walls="low-a"))  # fmt: skip
    expected = [low_db, old_high_db, high_db, wooden_db]
    assert [wall.wall_db(carrier_hz) for wall in walls] == pytest.approx(expected, abs=1e-4)
    assert Building(walls="high", release=16) != Building(walls="high", release=17)
    assert Building(walls="low", release=16).wall_db(carrier_hz) == Building(walls="low").wall_db(carrier_hz)


@pytest.mark.parametrize(("kind", "model"), [("low", "Low-loss"), ("high", "High-loss"), ("low-a", "Low-loss A")])
def test_walls_equal_the_printed_formulas(kind: str, model: str) -> None:
    """Mix, materials and deviation are those of the transcribed standard, at carriers across its range."""
    tables = tr38901.section("7.4").o2i_penetration_loss
    entry = next(e for e in tables.building_models if e.model == f"{model} model" or e.model == model)
    wall = Building.model_validate({"walls": kind})
    assert float(entry.std_p_db) == wall.sigma_db
    materials = {m.formula.split("=")[0].strip(): m.formula.split("=")[1] for m in tables.materials}
    for f_ghz in (0.5, 3.5, 15.0, 60.0, 100.0):
        mixed = 0.0
        for share, name in re.findall(r"([\d.]+)\\cdot\s*10\^\{-(L_\{\w+\})/10\}", entry.pl_tw_formula):
            constant, slope = re.findall(r"[\d.]+", materials[name])
            mixed += float(share) * 10.0 ** (-(float(constant) + float(slope) * f_ghz) / 10.0)
        assert wall.wall_db(f_ghz * 1e9) == pytest.approx(5.0 - 10.0 * np.log10(mixed), abs=1e-9)


def test_low_walls_of_wood_are_of_release_19() -> None:
    """The older release has no such table, and none is made up for it."""
    with pytest.raises(ValidationError, match="low-a"):
        Building(walls="low-a", release=18)


def test_cars_follow_their_law() -> None:
    """A normal law with the weight of its negative part at zero, whatever its mean; nobody is in a building."""
    for mean_db in (9.0, 20.0):
        loss_db, indoor = Car(mean_db=mean_db).draw(MANY, 28e9, np.random.default_rng(1))
        assert not indoor.any()
        none = norm.cdf(-mean_db / 5.0)
        assert abs(np.mean(loss_db == 0.0) - none) <= 5.0 * np.sqrt(none / MANY)
        drawn_db = loss_db[loss_db > 0.0]
        assert kstest(drawn_db, lambda x, m=mean_db, p=none: (norm.cdf(x, m, 5.0) - p) / (1 - p)).pvalue > 1e-6


def test_buildings_follow_their_law() -> None:
    """Share indoors, mean and deviation of their loss within five standard errors; nobody outside loses anything.

    The lesser of two draws from [0, 25] has mean 25/3 and variance 25^2/18; half of it is lost.
    """
    law = Building(walls="high", indoor_share=0.7)
    loss_db, indoor = law.draw(MANY, 28e9, np.random.default_rng(1))
    assert abs(indoor.mean() - 0.7) < 5.0 * np.sqrt(0.7 * 0.3 / MANY)
    assert (loss_db[~indoor] == 0.0).all()
    inside_db = loss_db[indoor]
    variance = 6.5**2 + 0.25 * 25.0**2 / 18.0
    assert abs(inside_db.mean() - law.wall_db(28e9) - 25.0 / 6.0) < 5.0 * np.sqrt(variance / len(inside_db))
    spread = np.std((inside_db - inside_db.mean()) ** 2) / np.sqrt(len(inside_db))
    assert abs(inside_db.var() - variance) < 5.0 * spread
    assert inside_db.min() > 0.0


def test_depth_counts_half_a_decibel_a_metre() -> None:
    """Devices that stand in the same place of a deeper building lose 0.5 dB for each metre more."""
    shallow, _ = Building(walls="high", indoor_share=1.0, deepest_m=10.0).draw(500, 28e9, np.random.default_rng(3))
    deep, _ = Building(walls="high", indoor_share=1.0, deepest_m=25.0).draw(500, 28e9, np.random.default_rng(3))
    wall, _ = Building(walls="high", indoor_share=1.0, deepest_m=0.0).draw(500, 28e9, np.random.default_rng(3))
    assert deep - wall == pytest.approx(2.5 * (shallow - wall), abs=1e-9)
    assert (deep - wall).max() <= 12.5


@given(count=st.integers(1, 50), more=st.integers(0, 50), seed=st.integers(0, 1000))
def test_more_devices_move_no_earlier_draw(count: int, more: int, seed: int) -> None:
    """The first devices of a larger group are those of the smaller one, and no loss is ever negative."""
    for law in (NoPenetration(), FixedPenetration(loss_db=3.0), Car(), Building(walls="low")):
        few = law.draw(count, 3.5e9, np.random.default_rng(seed))
        many = law.draw(count + more, 3.5e9, np.random.default_rng(seed))
        assert many.loss_db.shape == many.indoor.shape == (count + more,)
        assert (many.loss_db[:count] == few.loss_db).all()
        assert (many.indoor[:count] == few.indoor).all()
        assert (many.loss_db >= 0.0).all()


def test_what_is_fixed_is_fixed() -> None:
    """Nothing in the open, the number said elsewhere, and not a draw is taken."""
    rng = np.random.default_rng(1)
    assert NoPenetration().draw(3, 28e9, rng).loss_db.tolist() == [0.0] * 3
    assert FixedPenetration(loss_db=4.5).draw(3, 28e9, rng).loss_db.tolist() == [4.5] * 3
    assert rng.random() == np.random.default_rng(1).random()
