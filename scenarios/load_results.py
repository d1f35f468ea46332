#!/usr/bin/env python3
"""Loads what `pfsim run`, `compare` or `sweep` wrote with --out DIR into pandas, and answers a few questions with it.

    python3 scenarios/load_results.py DIR

Every time column is in seconds since the run began; an empty field is something that did not happen (NaN here). The columns are
explained in the README. Read one folder with load(), then ask it what you like.
"""
import json
import pathlib
import sys

try:
    import pandas as pd
except ImportError:
    sys.exit("load_results.py needs pandas: apt install python3-pandas, and /usr/bin/python3")

FIRST = 10  # rows of a table that are printed
TABLES = ("phones", "sites", "transfers", "phases", "series")


def load(folder):
    """One run: its result document, and a DataFrame for each table."""
    folder = pathlib.Path(folder)
    if (folder / "compare.json").exists():
        raise ValueError(f"{folder} is a comparison: load the folder of a method in it, or take runs_in()")
    run = {"result": json.loads((folder / "result.json").read_text())}
    for table in TABLES:
        run[table] = pd.read_csv(folder / f"{table}.csv")
    return run


def runs_in(folder):
    """The folder itself, or the folders of a comparison's methods."""
    folder = pathlib.Path(folder)
    if (folder / "compare.json").exists():
        return [load(folder / run["method"]) for run in json.loads((folder / "compare.json").read_text())["runs"]]
    return [load(folder)]


def load_sweep(folder):
    """A row a combination: its keys, how many runs it had, and each figure's .mean, .low, .high, .min, .max, .count."""
    return pd.read_csv(pathlib.Path(folder) / "sweep.csv")


def show(table, text):
    """The first rows, and how many there are when that is not all."""
    print(text(table.head(FIRST)))
    if len(table) > FIRST:
        print(f"(the first {FIRST} of {len(table)})")


def answer(run):
    phones, transfers, phases, series = (run[t] for t in ("phones", "transfers", "phases", "series"))
    result = run["result"]
    print(f"== {result['scenario']}: {result['method']}")

    # How long did the phones of each site take from being switched on to holding every file?
    phones["took_s"] = phones["done_s"] - phones["start_s"]
    show(phones.groupby("site")["took_s"].describe(percentiles=[0.5, 0.95]).round(2), str)

    # Where did each file come from, and how long did a transfer take?
    whole = transfers[transfers["outcome"] == "ok"].assign(took_s=lambda t: t["end_s"] - t["start_s"])
    print(whole.groupby(["file", "via"])["took_s"].agg(["count", "median", "max"]).round(3))

    # What did a phone spend its time on?
    phases["took_s"] = phases["end_s"] - phases["start_s"]
    print(phases.groupby("phase")["took_s"].sum().div(phases["phone"].nunique()).round(2).sort_values(ascending=False))

    # The busiest moment of each line: rows are means over the time since the site's row before.
    busiest = series.loc[series.groupby("site")["wan_bytes_per_s"].idxmax(), ["site", "time_s", "wan_bytes_per_s"]]
    show(busiest, lambda table: table.to_string(index=False))
    rows = series.assign(span=series.groupby("site")["time_s"].diff().fillna(series["time_s"]))
    print(f"bytes over the WAN: {(rows['wan_bytes_per_s'] * rows['span']).sum() / 1e6:.2f} MB "
          f"(result.json: {result['wan']['bytes'] / 1e6:.2f} MB)\n")


def answer_sweep(sweep):
    """Which combinations are the best in the first figure, and how sure is that? The keys stand before `runs`."""
    keys = list(sweep.columns[1:sweep.columns.get_loc("runs")])
    figure = next(c for c in sweep.columns if c.endswith(".mean"))[:-len(".mean")]
    wanted = [f"{figure}.{what}" for what in ("mean", "low", "high")]
    print(f"== a sweep of {' and '.join(keys)}: {len(sweep)} combinations, {sweep['runs'].sum()} runs")
    show(sweep.sort_values(wanted[0])[keys + ["runs"] + wanted], lambda table: table.to_string(index=False))

    # And each key on its own, over all the others?
    for key in keys:
        print(sweep.groupby(key, sort=False)[wanted[0]].mean().round(3))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        if (pathlib.Path(sys.argv[1]) / "sweep.csv").exists():
            answer_sweep(load_sweep(sys.argv[1]))
            sys.exit()
        runs = runs_in(sys.argv[1])
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}: expected a folder that pfsim wrote with --out")
    for each in runs:
        answer(each)
