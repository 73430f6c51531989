"""Tables of fixes."""

from pathlib import Path
from typing import Any

import pytest

from qflsim.errors import InputError, InputWarning
from qflsim.units import NS_PER_S
from qflsim.world.mobility_files_csv import CsvFile
from qflsim.world.tracks import Track

S = NS_PER_S


def read(folder: Path, text: str, **fields: Any) -> dict[str, Track]:
    """The tracks of a file with this content."""
    (folder / "a").write_bytes(text.encode())
    return dict(CsvFile.model_validate({"file": "a", **fields}).read(folder, 600.0))


def test_columns_go_by_their_names(tmp_path: Path) -> None:
    """In any order, among others, under names of one's own, with a byte order mark, quotes and another delimiter."""
    plain = read(tmp_path, "id,t,x,y\na,5,0,1\na,6,10,1\n")["a"]
    assert plain.presence == ((0, 2 * S),)
    other = '\ufeffy; "taxi";fare;t; x\r\n1;"a";9;5;0\r\n\r\n1;a;;6;10\r\n'
    assert read(tmp_path, other, delimiter=";", columns={"id": "taxi"})["a"].produced == plain.produced


def test_times_are_numbers_or_dates(tmp_path: Path) -> None:
    """The run begins at the earliest fix of all, in whatever unit or zone it is told, unless `start_s` says more."""
    rows = {"s": (5, 7.5), "ms": (5000, 7500), "us": (5e6, 7.5e6), "ns": (5e9, 7.5e9)}
    for unit, (first, second) in rows.items():
        tracks = read(
            tmp_path, f"id,t,x,y\nb,{second},0,0\nb,{2 * second - first},9,0\na,{first},0,0\n", time_unit=unit
        )
        assert tracks["b"].presence == ((5 * S // 2, 15 * S // 2),)
        assert tracks["a"].presence == ((0, 5 * S // 2),)
    dates = "id,t,x,y\na,2008-02-02 13:30:00,0,0\na,2008-02-02T14:30:02.5+01:00,9,0\na,2008-02-02T13:30:05Z,20,0\n"
    assert read(tmp_path, dates)["a"].presence == ((0, 15 * S // 2),)
    assert read(tmp_path, "id,t,x,y\na,5,0,0\na,6,0,9\n", start_s=0.0)["a"].presence == ((5 * S, 7 * S),)
    tiny = read(tmp_path, "id,t,x,y\na,1.0e-03,0,0\na,2.5e-03,0,0.1\n")["a"]  # numbers as programs write them
    assert tiny.presence == ((0, 3 * S // 1000),)


def test_rows_may_be_sorted_by_time_or_by_device(tmp_path: Path) -> None:
    """The order of devices' rows among one another changes their order, nothing else."""
    rows = {name: [f"{name},{t},{t * speed},0\n" for t in range(9)] for name, speed in (("b", 3), ("a", 5))}
    by_device = read(tmp_path, "id,t,x,y\n" + "".join(rows["b"] + rows["a"]))
    by_time = read(tmp_path, "id,t,x,y\n" + "".join(a + b for a, b in zip(rows["a"], rows["b"], strict=True)))
    assert (list(by_device), list(by_time)) == (["b", "a"], ["a", "b"])
    assert all(by_device[name].produced == by_time[name].produced for name in "ab")


def test_silences_are_absences(tmp_path: Path) -> None:
    """Above `gap_s` nobody is there; one fix alone lasts for a sampling period, of which a file must tell one."""
    text = "id,t,x,y\na,0,0,0\na,10,5,0\na,100,9,0\nb,20,0,0\n"
    tracks = read(tmp_path, text, gap_s=30.0)
    assert tracks["a"].presence == ((0, 20 * S), (100 * S, 110 * S))
    assert tracks["b"].presence == ((20 * S, 30 * S),)
    with pytest.raises(InputError, match="a single fix"):
        read(tmp_path, "id,t,x,y\na,0,0,0\nb,5,0,0\n")
    with pytest.raises(InputError, match="sampling period of a, 10 s"):
        read(tmp_path, text, gap_s=5.0)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a,1,2,3\na,2,3,4\n", "a:1: got the columns a, 1, 2, 3"),
        ("id,t,x\na,1,2\n", "a:1: got the columns id, t, x; want id, t, and x and y, or lat and lon"),
        ("id,t,x,y,x\n", "a:1: got the columns"),
        ("id,t,x,y\n", "a: got 0 devices"),
        ("id,t,x,y\na,1,2\n", "a:2: got a row of 3 cells"),
        ('id,t,x,y\na,1,2,3\na,2,"3,4\n', "a:3: got unexpected end of data"),
        ("id,t,x,y\n,1,2,3\n", "a:2: got the id ''"),
        ("id,t,x,y\na,tomorrow,2,3\n", "a:2: got t = 'tomorrow'"),
        ("id,t,x,y\na,2008-13-40,2,3\n", "a:2: got time '2008-13-40'"),
        ("id,t,x,y\na,1969-12-31,2,3\n", "a:2: got time '1969-12-31'"),
        ("id,t,lat,lon\na,1,91,3\n", "a:2: got lat = '91'"),
        ("id,t,lat,lon\na,1,48,11\na,2,0,0\n", "a:3: got latitude 0 and longitude 0"),
        ("id,t,x,y\na,1,2,3\n" + "a" * 200_000 + ",2,3,4\n", "a:3: got field larger"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    """Every broken table is the user's mistake, at a line where that is known."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(place)


def test_a_receiver_without_a_fix_is_counted(tmp_path: Path) -> None:
    """The famous place at latitude 0, longitude 0 is passed over on demand, and told."""
    text = "id,t,lat,lon\na,1,48,11\na,2,0,0\na,3,48.0001,11\n"
    with pytest.warns(InputWarning, match="1 fixes passed over as unusable; the first: line 3, latitude 0"):
        assert read(tmp_path, text, bad_fixes="skip")["a"].travelled_m(9 * S) == pytest.approx(11.12, abs=0.01)
