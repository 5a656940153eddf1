"""Are FRED's series plausible? Shape, nulls, grain and history already follow from their contract."""

from __future__ import annotations

from expectations import no_rows, suite
from warehouse.sources import find

SOURCE, OBSERVATIONS = find("fred", "observations")

SUITES = [
    suite(
        OBSERVATIONS,
        SOURCE,
        no_rows(
            "values_in_their_range",
            "Spreads, yields, indices and GDP lie in ranges that hold all of their history.",
            """
            select _fetch_id, series_id, observation_date, value
            from {batch}
            where not case
                when series_id like 'BAML%' then value between 0.2 and 50
                when series_id in ('DAAA', 'DBAA') then value between 1 and 20
                when series_id = 'VIXCLS' then value between 5 and 120
                when series_id in ('STLFSI4', 'KCFSI') then value between -5 and 15
                when series_id = 'GDP' then value between 150 and 200000
                else true
            end
            """,
            severity="critical",
            because="2026-11-24: high yield 2.41 to 21.82, VIX to 82.7, GDP 199.7 (1946) to 29,349.9 (2024).",
        ),
        no_rows(
            "one_vintage_at_a_time",
            "Of an observation one value at most is in force on any day of real time.",
            """
            select
                _fetch_id,
                series_id,
                observation_date,
                realtime_end,
                lead(realtime_start) over vintages as next_start
            from {batch}
            where realtime_start is not null
            window vintages as (partition by _fetch_id, series_id, observation_date order by realtime_start)
            qualify realtime_end >= next_start
            """,
            severity="critical",
            because="2026-11-24: the 3,199 recorded intervals of GDP do not overlap.",
        ),
        no_rows(
            "shown_after_it_happened",
            "No value was shown before its observation began, or after it was fetched.",
            """
            select _fetch_id, series_id, observation_date, realtime_start, fetched_at
            from {batch}
            where realtime_start < observation_date or coalesce(realtime_start, observation_date) > fetched_at::date
            """,
            severity="critical",
            because="2026-11-24: GDP's first vintage of a quarter comes some four weeks after it.",
        ),
    )
]
