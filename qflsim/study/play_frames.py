"""A scene at an instant as lines of characters that fit a terminal: a map, who does what, the version, the news."""

import math
import textwrap
from collections.abc import Iterable

import numpy as np

from qflsim.study.play_scene import BUSY, Places, Scene, doing

SYMBOLS = {"waiting": "w", "training": "*", "download": "v", "upload": "^"}
"""What a device does, the more telling last: it is what shows where several are at one place."""
IDLE, DOWN, CROWD = ".", "!", "+"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Sites in their order; those beyond are a `CROWD`."""
MOST_DEVICES = 2000
"""More on one map say nothing: then only those who take part are shown, and of more than so many a sample."""


def frame(scene: Scene, t_s: float, width: int, height: int) -> list[str]:
    """Lines for an instant, `height` at most, each of `width` characters at most.

    In a low terminal the headline comes first, then who does what, then the map, then the news.
    """
    head = [*_headline(scene, t_s, width), *_wrapped(_activities(scene, t_s), width)]
    news_rows = min(6, max(0, (height - len(head)) // 4))
    rows = height - len(head) - news_rows
    foot = _wrapped(_legend(scene), width) if rows >= 10 else []
    rows -= len(foot)
    picture = _map(scene, t_s, width, rows) if rows >= 3 and width >= 3 else []
    news = scene.news(t_s, news_rows) if news_rows else []
    return [_plain(line)[:width] for line in [*head, *picture, *foot, *news][:height]]


def _headline(scene: Scene, t_s: float, width: int) -> list[str]:
    version = scene.version(t_s)
    told = [scene.name, f"{t_s:.1f} of {scene.end_s:.1f} s", "no version" if version is None else f"version {version}"]
    lines = _wrapped([*told, *([] if scene.complete else ["incomplete"])], width)
    room = min(width - len(lines[0]) - 4, 40)
    if len(lines) == 1 and room >= 8:
        done = round(room * min(t_s / scene.end_s, 1.0)) if scene.end_s > 0 else room
        lines[0] += f"  [{'=' * done}{' ' * (room - done)}]"
    return lines


def _activities(scene: Scene, t_s: float) -> list[str]:
    """How many devices do what, and what of them waits where."""
    counts = doing(scene.participations, t_s).value_counts()
    waits = {phase: int(counts.get(phase, 0)) for phase in BUSY if phase.startswith("waiting")}
    told = [f"{SYMBOLS[phase]} {phase} {counts.get(phase, 0)}" for phase in ("download", "training", "upload")]
    detail = ", ".join(f"{count} {phase.removeprefix('waiting ')}" for phase, count in waits.items() if count)
    told.append(f"{SYMBOLS['waiting']} waiting {sum(waits.values())}" + (f" ({detail})" if detail else ""))
    away = len(scene.away(t_s))
    told.append(f"{IDLE} not taking part {max(len(scene.devices) - away - int(counts.sum()), 0)}")
    if away:
        told.append(f"not there {away}")
    told.append(f"in the buffer {scene.buffered(t_s)}")
    return told


def _legend(scene: Scene) -> list[str]:
    names = [f"{_letter(number)} {name}" for number, name in enumerate(scene.sites["name"][:4])]
    told = [*names, *(["... sites"] if len(scene.sites) > len(names) else []), f"{DOWN} a site that is down"]
    return told + [f"no {name} in this trace" for name in scene.missing]


def _map(scene: Scene, t_s: float, width: int, rows: int) -> list[str]:
    """A box of `rows` lines; north is up. The two axes have scales of their own, told at its foot."""
    columns, lines = width - 2, rows - 2
    west, east, south, north = scene.area_m()
    cells = np.full((lines, columns), " ")

    def put(x_m: float, y_m: float, symbol: str) -> None:
        across = (x_m - west) / (east - west) if east > west else 0.5
        up = (y_m - south) / (north - south) if north > south else 0.5
        if not math.isfinite(across + up):
            return
        cells[round((1 - min(max(up, 0), 1)) * (lines - 1)), round(min(max(across, 0), 1) * (columns - 1))] = symbol

    for symbol, x_m, y_m in _shown(scene, t_s):
        put(x_m, y_m, symbol)
    down = scene.down(t_s)
    for number, (x_m, y_m) in enumerate(zip(scene.sites["x_m"], scene.sites["y_m"], strict=True)):
        put(x_m, y_m, DOWN if number in down else _letter(number))
    scale = f" {east - west:.0f} m x {north - south:.0f} m "
    foot = scale.center(columns, "-") if len(scale) <= columns else "-" * columns
    return [f"+{'-' * columns}+", *(f"|{''.join(row)}|" for row in cells), f"+{foot}+"]


def _shown(scene: Scene, t_s: float) -> Iterable[tuple[str, float, float]]:
    """Symbol and place of devices, in the order in which they are drawn."""
    where, active = scene.places(t_s), doing(scene.participations, t_s)
    busy = where.device[np.isin(where.device, active.index)]
    idle = np.setdiff1d(where.device, [*busy, *scene.away(t_s)])
    if len(where.device) > MOST_DEVICES:
        idle = idle[:0]
    busy = busy[:: len(busy) // MOST_DEVICES + 1]
    symbols = {int(device): SYMBOLS.get(phase, SYMBOLS["waiting"]) for device, phase in active.items()}
    drawn = [(int(device), symbols.get(int(device), IDLE)) for device in [*idle, *busy]]
    drawn.sort(key=lambda one: ([IDLE, *SYMBOLS.values()].index(one[1]), one[0]))
    return _placed(where, drawn)


def _placed(where: Places, drawn: list[tuple[int, str]]) -> Iterable[tuple[str, float, float]]:
    rows = np.searchsorted(where.device, [device for device, _ in drawn])
    return [
        (symbol, float(where.x_m[row]), float(where.y_m[row])) for row, (_, symbol) in zip(rows, drawn, strict=True)
    ]


def _letter(site: int) -> str:
    return LETTERS[site] if site < len(LETTERS) else CROWD


def _wrapped(items: list[str], width: int) -> list[str]:
    """Items on as few lines as hold them, none broken where it can be helped."""
    glued = "  ".join(item.replace(" ", "\0") for item in items)
    return [line.replace("\0", " ") for line in textwrap.wrap(glued, width, break_on_hyphens=False)]


def _plain(line: str) -> str:
    """The line without what would move a terminal's cursor: names may come from anybody's file."""
    return "".join(character if character.isprintable() else "?" for character in line)
