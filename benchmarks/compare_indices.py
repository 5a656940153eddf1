"""Compare what we measure with published indices of financial conditions, in a home's current release.

Writes docs/comparison.md and docs/images/comparison.png: rank correlations of weekly values and the largest
divergences, whatever they turn out to be. Run: python benchmarks/compare_indices.py <home>.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from warehouse import declarations
from warehouse.estimators.expanding import expanding_rank
from warehouse.release import connect
from warehouse.settings import PROJECT_ROOT

DOCS = Path(__file__).parents[1] / "docs"
OURS = {"csi": "Capital Scarcity Index", "cost_of_capital_index": "Cost of capital index"}
THEIRS = {"nfci": "NFCI", "ofr_fsi": "OFR FSI"}
OTHERS = {"joint_rise_intensity": "Joint rise, intensity", "real_yield_10y": "Ten-year real yield"}
WEEKS = 52
QUARTER_DAYS = 91
FIRST_YEAR = 2000


def weekly(connection):
    """Return weekly values (Fridays): ours as known at the cut-off, theirs as published today."""
    ours = connection.execute(
        "select period_end as day, metric_id as name, value from metrics.latest where value is not null "
        f"and metric_id in {(*OURS, *OTHERS)} and dayofweek(period_end) = 5"
    ).df()
    theirs = connection.execute(
        "select period_end as day, series_id as name, value from marts.fct_observations "
        f"where known_until is null and series_id in {tuple(THEIRS)}"
    ).df()
    wide = pd.concat([ours, theirs]).pivot_table(index="day", columns="name", values="value")
    wide.index = pd.DatetimeIndex(wide.index)
    return wide.resample("W-FRI").last()


def rank_correlations(table):
    """Return Spearman's correlation, its weeks and the lead (in weeks) of ours at which it is strongest."""
    rows = []
    for mine, label in {**OURS, **OTHERS}.items():
        for other, its_label in THEIRS.items():
            if mine not in table or other not in table:
                rows.append((label, its_label, None, 0, None))
                continue
            pair = table[[mine, other]].dropna()
            leads = {lead: table[mine].shift(lead).corr(table[other], method="spearman") for lead in range(-13, 14)}
            best = max(leads, key=lambda lead: abs(leads[lead])) if len(pair) > WEEKS else None
            rows.append((label, its_label, pair.corr(method="spearman").iloc[0, 1], len(pair), best))
    pair = table[list(THEIRS)].dropna()
    rows.append(("NFCI", "OFR FSI", pair.corr(method="spearman").iloc[0, 1], len(pair), None))
    return rows


def divergences(table, mine, other, count=5):
    """Return the weeks, a quarter apart, in which the two indices' expanding percentiles differ most."""
    pair = table[[mine, other]].dropna()
    ranks = pd.DataFrame({c: expanding_rank(pair[c].to_numpy(), WEEKS) for c in pair}, index=pair.index).dropna()
    gap = (ranks[mine] - ranks[other]).sort_values(key=abs, ascending=False)
    chosen: list[pd.Timestamp] = []
    for day in gap.index:
        if all(abs((day - other_day).days) > QUARTER_DAYS for other_day in chosen):
            chosen.append(day)
        if len(chosen) == count:
            break
    return [(day.date(), ranks.loc[day, mine], ranks.loc[day, other]) for day in chosen]


def plot(table, path):
    """Draw ours and theirs, one panel each, one time axis."""
    table = table[table.index.year >= FIRST_YEAR]
    drawn = [(c, {**OURS, **THEIRS}[c]) for c in [*OURS, *THEIRS] if c in table and table[c].notna().any()]
    figure, axes = plt.subplots(len(drawn), 1, figsize=(10, 2.1 * len(drawn)), sharex=True)
    for axis, (name, label) in zip(axes, drawn, strict=True):
        axis.plot(table.index, table[name], color="#0072B2" if name in OURS else "#D55E00", linewidth=1)
        axis.set_title(label, loc="left", fontsize=10)
        axis.grid(visible=True, alpha=0.3)
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=90)


def lacking(connection):
    """Return the newest day without a value of the scarcity index, its pillars that lack inputs, and how many it has.

    None where the newest day has a value.
    """
    newest = connection.execute(
        "select period_end, null_reason from metrics.latest where metric_id = 'csi' order by period_end desc limit 1"
    ).fetchone()
    if newest is None or newest[1] is None:
        return None
    components = declarations.seed(PROJECT_ROOT / "dbt_project", "index_components")
    pillars = {each["pillar"] for each in components if each["index_id"] == "csi"}
    kind, _, named = newest[1].partition(": ")
    return newest[0], named.split(", ") if kind == "missing_pillar" else [newest[1]], len(pillars)


def page(table, rows, release, absent):
    """Return the page's text."""
    lines = [
        "# Our measures beside published indices",
        "",
        (
            f"Written by `benchmarks/compare_indices.py` from release {release} of the sample; run it again on live "
            "data. Weekly values, Fridays: ours as known at the cut-off, the published ones as they stand today (their "
            "past is re-estimated, so this comparison is no back-test)."
        ),
        "",
        "![Our measures and published indices](images/comparison.png)",
        "",
        "| Ours | Published | Spearman | Weeks | Ours leads by (weeks, strongest) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for mine, other, value, weeks, lead in rows:
        said = "no value on the sample" if value is None else f"{value:.2f}"
        lines.append(f"| {mine} | {other} | {said} | {weeks} | {'' if lead is None else lead} |")
    for mine, label in OURS.items():
        for other, its_label in THEIRS.items():
            if mine in table and other in table and table[[mine, other]].dropna().shape[0] > 2 * WEEKS:
                lines += ["", f"Largest divergences of {label.lower()} and {its_label}, by expanding percentile:", ""]
                lines += [f"- {day}: {a:.2f} against {b:.2f}" for day, a, b in divergences(table, mine, other)]
    if "csi" not in table and absent:
        day, named, count = absent
        lines += [
            "",
            (
                f"The Capital Scarcity Index has no value on the sample: {len(named)} of its {count} pillars lack "
                f"inputs there ({', '.join(named)}). `drypowder explain csi US {day} --depth 1` says which. Its "
                "comparison waits for landed data."
            ),
        ]
    return "\n".join(lines) + "\n"


def main():
    """Write the page and its picture."""
    home = Path(sys.argv[1])
    with connect(home) as connection:
        table = weekly(connection)
        absent = lacking(connection)
    plot(table, DOCS / "images" / "comparison.png")
    text = page(table, rank_correlations(table), (home / "current").resolve().name, absent)
    (DOCS / "comparison.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
