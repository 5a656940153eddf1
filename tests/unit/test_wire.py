"""Wire formats: whose fault an error is, and when a listing in pages is whole."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from warehouse import wire
from warehouse.contract import Response
from warehouse.errors import ContractViolation

FULL = Path("/dev/full")
TEXT = b"day,rate_pct\n" + b"".join(b"2026-01-01,%d\n" % random.Random(n).randrange(10**9) for n in range(200_000))


def response_of(body: bytes, url: str = "https://e.org/a.zip") -> Response:
    sha256 = hashlib.sha256(body).hexdigest()
    return Response(url=url, body=body, sha256=sha256, fetched_at=datetime(2026, 11, 1, tzinfo=UTC), origin="recorded")


@pytest.fixture(scope="module")
def packed():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("a.csv", TEXT)
        members.writestr("b.csv", b"day,rate_pct\n")
    return file.getvalue()


@pytest.fixture(scope="module")
def spoilt(packed):
    """The zip with a byte in the middle of its first member changed."""
    middle = packed.index(b"b.csv") // 2
    return packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]


# ----------------------------------------------------------------------------------------------------------- zip

READS = {
    "all": lambda file: file.read(),
    "pieces": lambda file: b"".join(iter(lambda: file.read(1000), b"")),
    "lines": b"".join,
    "text": lambda file: io.TextIOWrapper(file, "utf-8", newline="").read().encode(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_member_is_read_as_it_was_packed(packed, read):
    with wire.unzipped(response_of(packed), "a.csv") as file:
        assert read(file) == TEXT


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_member_that_is_spoilt_is_refused_however_it_is_read(spoilt, read):
    with (
        pytest.raises(ContractViolation, match="a.zip is no zip that can be read"),
        wire.unzipped(response_of(spoilt), "a.csv") as file,
    ):
        read(file)


@pytest.mark.parametrize("body", [b"", b"PK\3\4", b"<html>"])
def test_what_is_no_zip_is_refused(body):
    with pytest.raises(ContractViolation, match="is no zip"), wire.unzipped(response_of(body), "*"):
        pass


@pytest.mark.parametrize("error", [OSError("disk"), ValueError("ours"), RuntimeError("ours"), EOFError("ours")])
def test_what_goes_wrong_with_the_reader_of_a_member_is_no_fault_of_the_zip(packed, error):
    with pytest.raises(type(error)) as caught, wire.unzipped(response_of(packed), "a.csv"):
        raise error
    assert caught.value is error


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_no_fault_of_the_zip(packed):
    with pytest.raises(OSError, match="No space left"):
        wire.unpack(response_of(packed), "a.csv", FULL)


def test_a_member_is_unpacked_to_a_file_of_ours(packed, tmp_path):
    wire.unpack(response_of(packed), "a.csv", tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == TEXT


def test_one_spoilt_member_leaves_the_others_readable(spoilt):
    with zipfile.ZipFile(io.BytesIO(spoilt)) as archive:
        bad, good = archive.infolist()
        with pytest.raises(ContractViolation, match=r"a.zip, a.csv, is no zip that can be read"):
            wire.read_member(archive, bad, "https://e.org/a.zip")
        assert wire.read_member(archive, good, "https://e.org/a.zip") == b"day,rate_pct\n"


# -------------------------------------------------------------------------------------------------------- paging


def listing(*pages: list[str], total: int | None = None) -> list[list[str]]:
    """Read pages of row identities through `whole_pages`, and return what it lets through."""
    promised = sum(map(len, pages)) if total is None else total

    def get(url, *, expect, params):
        assert expect == "json"
        return response_of(json.dumps(pages[int(params["page"]) - 1]).encode(), url)

    found = wire.whole_pages(
        get,
        "https://e.org/rates",
        lambda number: {"page": str(number)},
        lambda page: (len(json.loads(page.body)), len(pages), promised),
        lambda page: json.loads(page.body),
    )
    return [json.loads(page.body) for page in found]


@pytest.mark.parametrize("pages", [[["a", "b", "b"]], [["a", "a"], ["b", "c"]], [[]]])
def test_equal_rows_of_one_page_are_left_to_the_landing(pages):
    assert listing(*pages) == pages


def test_a_row_on_two_pages_refuses_the_listing():
    with pytest.raises(ContractViolation, match="got 4 rows, 3 of them distinct, on 2 pages"):
        listing(["a", "b"], ["b", "c"])


@pytest.mark.parametrize("total", [2, 4])
def test_a_page_of_more_or_fewer_rows_than_promised_is_refused(total):
    with pytest.raises(ContractViolation, match=f"expected {total} rows, as they say; got 3 rows"):
        listing(["a", "b", "b"], total=total)
