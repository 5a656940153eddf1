"""The faults are what their names say: read as a source would read them, they are refused, or differ, or are harmless."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime

import pytest
from openpyxl import Workbook

from tests.fault_server import FAULTS, HARMLESS, PAGER_FAULTS, PAYLOAD_FAULTS, CannotHave, Pager
from warehouse import wire
from warehouse.contract import Response
from warehouse.errors import ContractViolation, SourceUnavailable
from warehouse.http import Client

DAYS = [(f"2026-01-{day:02}", f"{day}.25") for day in range(1, 25)]
CSV = "made by hand\n\nday,rate_pct,note\n" + "".join(f'{day},{rate},"a, b"\n' for day, rate in DAYS)
XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<m:Group xmlns:m="http://m"><m:Series FREQ="9">\n'
    + "".join(f'<m:Obs TIME_PERIOD="{day}" OBS_VALUE="{rate}"/>\n' for day, rate in DAYS)
    + "</m:Series></m:Group>"
)


def _zip(name, text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return out.getvalue()


def _workbook():
    book = Workbook()
    for row in [["Prices"], [], ["Month", "Price", "Note"], *([day, float(rate), "x"] for day, rate in DAYS)]:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _is_header(fields):
    return fields[:1] == ["day"]


def _of_lines(response):
    return list(wire.csv_records(response, header=_is_header))


def _of_packed_lines(response):
    with wire.unzipped(response, "*.csv") as file:
        body = file.read()
    return _of_lines(_response(body))


def _of_tabs(response):
    return list(wire.csv_records(response, delimiter="\t"))


def _of_packed_series(response):
    with wire.unzipped(response, "*.xml") as file:
        return list(wire.sdmx_series(file, response.url))


READ = {
    "json_objects": lambda r: list(wire.json_records(r, "data")),
    "json_arrays": lambda r: list(wire.rows_of_arrays(r, ("day", "rate_pct"), "data")),
    "csv": _of_lines,
    "tsv": _of_tabs,
    "zip_csv": _of_packed_lines,
    "xml": lambda r: list(wire.sdmx_series(r.open(), r.url)),
    "zip_xml": _of_packed_series,
    "xlsx": lambda r: list(wire.sheet_rows(r, "Sheet")),
}
GOOD = {
    "json_objects": json.dumps({"data": [{"day": d, "rate_pct": float(r)} for d, r in DAYS]}, indent=1).encode(),
    "json_arrays": json.dumps({"data": [[d, float(r)] for d, r in DAYS]}, indent=1).encode(),
    "csv": CSV.encode(),
    "tsv": ("day\trate_pct\n" + "".join(f"{day}\t{rate}\n" for day, rate in DAYS)).encode(),
    "zip_csv": _zip("rates.csv", CSV),
    "xml": XML.encode(),
    "zip_xml": _zip("data.xml", XML),
    "xlsx": _workbook(),
}


def _response(body, url="https://publisher.example/a"):
    sha256 = hashlib.sha256(body).hexdigest()
    return Response(url=url, body=body, sha256=sha256, fetched_at=datetime(2026, 2, 1, tzinfo=UTC), origin="recorded")


def test_every_format_is_tried():
    assert set(READ) == set(GOOD) == set(PAYLOAD_FAULTS)
    assert min(len(faults) for faults in PAYLOAD_FAULTS.values()) >= 9


@pytest.mark.parametrize(("wired", "name"), [(w, n) for w, faults in PAYLOAD_FAULTS.items() for n in faults])
def test_a_payload_fault_is_what_its_name_says(wired, name):
    good = READ[wired](_response(GOOD[wired]))
    broken = PAYLOAD_FAULTS[wired][name](GOOD[wired])
    assert broken != GOOD[wired]
    try:
        rows = READ[wired](_response(broken))
    except ContractViolation:
        assert name not in HARMLESS
        return
    is_declared = name == "UTF-16" and wired in {"xml", "zip_xml"}  # XML says its encoding itself
    assert (rows == good) is (name in HARMLESS or is_declared)


def test_a_fault_strikes_the_column_that_is_named():
    broken = PAYLOAD_FAULTS["csv"]["a changed header"](GOOD["csv"], "note")
    assert broken == GOOD["csv"].replace(b"pct,note", b"pct,note_renamed")
    mutated = PAYLOAD_FAULTS["csv"]["a mutated row"](GOOD["csv"], "rate_pct")
    assert mutated == GOOD["csv"].replace(b'13.25,"a, b"', b'#&?,"a, b"')


def test_a_body_without_a_place_for_the_fault_says_so():
    with pytest.raises(CannotHave, match="no number"):
        PAYLOAD_FAULTS["csv"]["NaN in a number"](b"a,b\nx,y\nx,z\n")


ROWS = [{"record_date": f"2026-02-{30 - n}", "total": str(n)} for n in range(12)]


def _listing(client):
    return wire.whole_pages(
        client,
        "https://fiscal.example/v1/debt",
        lambda number: {"page[number]": str(number), "page[size]": "4"},
        lambda page: tuple(json.loads(page.body)["meta"][n] for n in ("count", "total-pages", "total-count")),
        lambda page: [row["record_date"] for row in json.loads(page.body)["data"]],
    )


def _asked_for(pages):
    return [row for page in pages for row in json.loads(page.body)["data"]]


def test_a_listing_in_pages_is_read_whole(link, server):
    server.serves("https://fiscal.example/v1/debt", Pager(ROWS))
    assert _asked_for(_listing(Client(link, 1000))) == ROWS


@pytest.mark.parametrize("name", PAGER_FAULTS)
def test_a_listing_that_moves_is_read_whole_or_not_at_all(link, server, name):
    server.serves("https://fiscal.example/v1/debt", Pager(ROWS, fault=PAGER_FAULTS[name]))
    client = Client(link, 1000)
    if name == "a page that shifts between requests":
        assert _asked_for(_listing(client)) == ROWS
    else:
        with pytest.raises(ContractViolation, match="are not the whole listing"):
            _listing(client)
    assert len(client.seen) == len(server.asked) > 3


def test_a_page_that_does_not_come_ends_the_listing(link, server):
    url = "https://fiscal.example/v1/debt"
    server.serves(url, Pager(ROWS))
    page = f"{url}?page%5Bnumber%5D=2&page%5Bsize%5D=4"
    server.serves(page, b"", fault=FAULTS["500"])
    client = Client(link, 1000)
    with pytest.raises(SourceUnavailable, match="HTTP 500"):
        _listing(client)
    assert [len(_asked_for(client.seen[:1])), client.seen[1].body] == [4, b"oops"]
