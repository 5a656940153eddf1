"""Who is asked for: the seeds of companies and of 13F filers, and what the SEC must call each of them.

A CIK is never trusted alone: numbers copied from elsewhere have named another filer (SOURCES.md, 1.0).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from warehouse.contract import Licence
from warehouse.errors import ConfigurationError, ContractViolation
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
UNIVERSE = SEEDS / "company_universe.csv"
THIRTEENF_FILERS = SEEDS / "thirteenf_filers.csv"

LICENCE = Licence(
    name="Work of the US government; cite the SEC",
    url="https://www.sec.gov/privacy#dissemination",
    redistribution="free",
    attribution="Source: US Securities and Exchange Commission, EDGAR.",
)

KNOWN_WHEN_ACCEPTED = """
    case
        when accepted_at is null then new_york(filed_date, time '23:59:59')
        when
            timezone('America/New_York', accepted_at)::time <= time '17:30'
            and after_business_days(timezone('America/New_York', accepted_at)::date - 1, 1)
            = timezone('America/New_York', accepted_at)::date
            then accepted_at
        else new_york(after_business_days(timezone('America/New_York', accepted_at)::date, 1), time '06:00')
    end
"""
"""A filing accepted by 17:30 New York on a business day is public then, a later one on the next at 06:00."""


@dataclass(frozen=True, kw_only=True)
class Filer:
    """One line of a seed: a filer and the stretch of time in which it is followed."""

    cik: int
    name: str
    valid_from: date
    valid_to: date | None
    reports_facts: bool

    def is_followed(self, on: date) -> bool:
        """Whether the day lies in the stretch."""
        return self.valid_from <= on <= (self.valid_to or date.max)


@cache
def filers(seed: Path) -> tuple[Filer, ...]:
    """Return the lines of a seed.

    Raises:
        ConfigurationError: a line names no CIK, or dates that are none.
    """
    with seed.open(newline="", encoding="utf-8") as file:
        return tuple(_filer(row, f"{seed.name}, line {number}") for number, row in enumerate(csv.DictReader(file), 2))


def _filer(row: dict[str, str], where: str) -> Filer:
    try:
        return Filer(
            cik=int(row["cik"]),
            name=row["name"],
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            reports_facts=row.get("reports_facts", "true") == "true",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(where, expected="a CIK, a name and ISO dates", got=repr(error)) from error


def followed(seed: Path, on: date) -> list[Filer]:
    """Return each filer of a seed that is followed on a day, once, by CIK."""
    return sorted({f.cik: f for f in filers(seed) if f.is_followed(on)}.values(), key=lambda f: f.cik)


def refuse_other_name(cik: int, names: Iterable[str], where: str) -> None:
    """Refuse what the publisher says of a CIK under a name that is not our filer's, neither now nor formerly.

    The first word has to be the same: the SEC writes 'MICROSOFT CORP' and 'Apple Inc.' as each filer once did. A CIK
    that is in no seed has no name to be held against.

    Raises:
        ContractViolation: the names are another filer's.
    """
    expected = {f.name for seed in (UNIVERSE, THIRTEENF_FILERS) for f in filers(seed) if f.cik == cik}
    got = list(names)
    if expected and not {_first_word(n) for n in expected} & {_first_word(n) for n in got}:
        raise ContractViolation(
            f"{where} is about another filer than CIK {cik} is in our seeds",
            expected=" or ".join(sorted(expected)),
            got=got,
            remedy="See who the CIK is at the SEC, and correct the seed.",
        )


def _first_word(name: str) -> str:
    words = re.findall(r"[^\W_]+", name.lower())
    return words[0] if words else ""


def cik_of(url: str, pattern: str) -> int:
    """Return the CIK that an address is about.

    Raises:
        ContractViolation: the address is not of the pattern, whose first group is the CIK.
    """
    found = re.search(pattern, url)
    if not found:
        raise ContractViolation(f"{url} is not an address we ask for", expected=pattern, got=url)
    return int(found[1])
