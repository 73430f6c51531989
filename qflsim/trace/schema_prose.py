"""What the format's page says beside the tables: conventions, attributes, how to read a file with other programs."""

from qflsim.terms import Fate

OPENING = """\
# The trace format, version {format}

A trace is an HDF5 file that holds all that a run was and did. Made from the definitions of the tables; do not edit
it, but run `{how}`.

The root attribute `format` is {format}. It grows when a file would mislead a program that knows the version before:
when a column changes its meaning, its type or its place, or a table, a column or a member of an enumeration goes or
comes. Attributes, texts and totals may come without it: a reader passes over what it does not know. qflsim refuses
other formats than its own.

No pickles, no links, no strings of variable length; filters are only gzip and shuffle; format bounds `v110`.

{layout}

A journal is what a run writes into, and what a kill leaves; `closed` is what a run leaves that ended, also by a
signal.

## Conventions

- Times are integer nanoseconds of simulated time since the run began (`_ns`). {never} stands for an instant that did
  not come; {forever} (2 to the 62nd, 146 years) and more for one that no run reaches, as the end of a leg that never
  ends.
- Devices, sites, cells and participations are numbered from 0; -1 stands for none.
- The name of a column ends in its unit. Each table has its units, the meanings of its columns and what a row is as
  the attributes `units` and `columns` (JSON objects by column) and `description` (text).
- Rows stand in the order in which they were recorded, so `t_ns` never falls, except where a table says otherwise:
  baselines, and metrics, which come when they are known and carry the time of their version.
- Text is UTF-8, filled up with zero bytes. Boolean values are HDF5 enumerations FALSE, TRUE.
- Data frames of `qflsim.Trace`, and exported files, have seconds for nanoseconds (`t_s` for `t_ns`; NaN for {never},
  infinity for {forever}), names for numbers, and `angle_0`, `angle_1`, ... for `angles`.
"""

ATTRIBUTES = (
    ("`format`", "int64", "version of this format"),
    ("`complete`", "bool", "whether the run came to its end; FALSE while it runs, after a kill, a failure or a signal"),
    ("`reason`", "text", "why it ended"),
    (
        "`fingerprint`",
        "text",
        "SHA-256 of the kinds, entities and times of all records but those of sites, cells, "
        "devices, learning and link samples; empty if it did not end",
    ),
    ("`name`", "text", "name of the scenario"),
    ("`seed`", "int64", "the seed"),
    (
        "`digest`",
        "text",
        "SHA-256 of scenario, seed, package version and input files: the identity of the run; "
        "`replay_of`: that of the run whose world a replay took",
    ),
    ("`world`", "text", "the same of what makes the weather alone: who shares it met the same world"),
    ("`timing_only`", "bool", "whether time was kept and nothing learned"),
    ("`started_utc`", "text", "when it was started (ISO 8601)"),
    ("`qflsim_version`", "text", "version of the package; `<library>_version` of libraries that bits depend on"),
)

TEXTS = (
    ("`scenario`", "the resolved scenario, defaults included (JSON)"),
    ("`inputs`", "SHA-256 of each input file by its name (JSON)"),
    ("`graphs`", "the graphs that were read from files, by group of devices (JSON)"),
)

TOTALS = (
    ("`simulated_s`", "float64", "simulated time, in seconds"),
    ("`wall_s`", "float64", "real time, in seconds"),
    *((f"`{fate.label}`", "int64", "participations with this fate") for fate in Fate),
    ("`events`", "int64", "records of the run, those of tables that are left out too"),
)

ENDING = """

## /commits

One row a flush, the last thing that it writes. For each table, by name, `rows` (int64) and `crc` (uint32): how many
of its rows are whole, and the CRC-32 of their bytes from the first one on; then `seal` (uint32), the CRC-32 of the
row's own bytes before it. What counts is the last row up to which all seals hold: beyond the rows that it counts, a
table may hold rows of a flush under way.

## Reading a closed file

With h5py alone:

```python
import h5py

with h5py.File("T.h5") as file:
    updates = file["tables/updates"][:]  # a structured numpy array
fates = h5py.check_enum_dtype(updates.dtype["fate"])  # {"APPLIED": 0, ...}
applied = updates[updates["fate"] == fates["APPLIED"]]
print(len(applied), "applied, the last at", applied["ended_ns"].max() / 1e9, "s")
```

On the command line, a row of a table, its units, the names of all:

```sh
h5dump -d /tables/updates -c 1 T.h5
h5dump -a /tables/updates/units T.h5
h5dump -n T.h5
```

## Reading a file that is being written

`qflsim.Trace("T.h5")` opens any trace at any time, and each question gets what is committed by then; so do `qflsim
inspect` and `qflsim export`. With h5py alone, in this order (a row that leaves the tail stands in the table already):

```python
import h5py
import numpy as np

with h5py.File("T.h5", "r", swmr=True) as file:
    count = file["commits"][-1]["events"]["rows"]
    tail = file["tails/events"][:]  # rows that do not fill a chunk of the table yet
    table = file["tables/events"][:count]
events = np.concatenate([table, tail[: count - len(table)]])
```

After a kill, h5py without `swmr=True` and `h5dump` refuse the file, which still says that it is being written.
`qflsim recover T.h5 -o U.h5` makes a closed file of all that was committed.
"""
