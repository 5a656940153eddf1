from datetime import UTC, datetime

import pytest

from warehouse.errors import ContractViolation
from warehouse.sources import ofr


def test_a_day_is_read_by_the_names_of_its_columns(fixture, answer):
    first, second = ofr.extract(answer(ofr.URL, fixture("ofr/fsi.csv")))
    assert list(first) == [c.name for c in ofr.FINANCIAL_STRESS.columns]
    assert first["observation_date"] == "2024-11-27"
    assert (first["ofr_fsi"], first["emerging_markets"]) == ("-1.712", "-0.256")
    assert second["safe_assets"] is None


def test_columns_in_another_order_keep_their_names(fixture, answer):
    lines = [line.split(",") for line in fixture("ofr/fsi.csv").decode().splitlines()]
    turned = "\n".join(",".join(reversed(line)) for line in lines)
    assert next(ofr.extract(answer(ofr.URL, turned)))["ofr_fsi"] == "-1.712"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Funding,", "", r"missing \['Funding'\], new \[\]"),
        ("Emerging markets", "Emerging markets,note", r"missing \[\], new \['note'\]"),
        ("Date,", "<html>", "another header"),
        ("-0.26\n", "", "row 2, is cut or torn"),
    ],
)
def test_another_header_or_a_torn_row_is_refused(fixture, answer, old, new, words):
    body = fixture("ofr/fsi.csv").decode().replace(old, new)
    if new == "":
        body = body.replace(",-0.465,", "") if "row" in words else body
    with pytest.raises(ContractViolation, match=words):
        list(ofr.extract(answer(ofr.URL, body)))


@pytest.mark.parametrize("body", ["<html><body>Not found</body></html>", "{}", ""])
def test_what_is_no_csv_of_the_index_is_refused(answer, body):
    with pytest.raises(ContractViolation, match="another header"):
        list(ofr.extract(answer(ofr.URL, body)))


def test_bytes_of_another_encoding_are_refused(answer):
    with pytest.raises(ContractViolation, match="cannot be decoded"):
        list(ofr.extract(answer(ofr.URL, b"\xff\xfeD\x00a\x00")))


def test_the_whole_file_is_one_partition(network):
    get = network({ofr.URL: "Date"})
    (partition,) = ofr.partitions(datetime(2026, 1, 1, tzinfo=UTC))
    assert len(list(partition.fetch(get))) == 1
    assert get.asked == [ofr.URL]
    assert partition.closes_at is None


def test_the_recorded_file_has_6292_days(recordings, answer):
    rows = list(ofr.extract(answer(ofr.URL, (recordings / "liquidity" / "fsi.csv").read_bytes())))
    assert len(rows) == len({r["observation_date"] for r in rows}) == 6_292
    assert (rows[0]["observation_date"], rows[0]["ofr_fsi"]) == ("2000-01-03", "2.14")
    assert rows[-1]["observation_date"] == "2024-11-29"


def test_contributions_of_the_recorded_file_sum_to_the_index(recordings, answer):
    rows = list(ofr.extract(answer(ofr.URL, (recordings / "liquidity" / "fsi.csv").read_bytes())))
    categories = ("credit", "equity_valuation", "safe_assets", "funding", "volatility")
    regions = ("united_states", "other_advanced_economies", "emerging_markets")

    def off(names):
        return {
            r["observation_date"]
            for r in rows
            if abs(float(r["ofr_fsi"]) - sum(float(r[name]) for name in names)) > 0.0025
        }

    assert off(categories) == set()
    assert off(regions) == {"2018-11-01"}, "the publisher's own file is off by 0.108 that day"
