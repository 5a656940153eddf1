"""Treasury securities out of a release of the sample: every price, sum, share and score of the auctions recorded whole."""

from __future__ import annotations

from statistics import mean, stdev

import pytest

from warehouse import release

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ask(built):
    """Return a function: SQL to the rows of the release."""
    with release.connect(built.home) as connection:
        yield lambda question: connection.execute(question).fetchall()


def test_every_recorded_price_follows_from_its_yield(ask):
    """docs/method.md A.3: 710 of 710 nominal coupons and 85 of 85 indexed ones to a millionth, and every bill."""
    found = ask(
        "select security_kind, count(*), count(*) filter (where abs(computed_price_per100_usd - "
        "coalesce(unadjusted_price_per100_usd, price_per100_usd)) <= 0.000001) from marts.fct_auctions "
        "where has_results and security_kind <> 'floating_rate_note' group by 1 order by 1"
    )
    assert found == [("bill", 852, 852), ("inflation_indexed", 85, 85), ("nominal_coupon", 710, 710)]


def test_everything_sold_has_its_ten_year_equivalent(ask):
    assert ask(
        "select count(*), count(tenyr_equiv_usd_bn), count(private_tenyr_equiv_usd_bn) "
        "from marts.fct_auctions where has_results"
    ) == [(1682, 1682, 1682)]


def test_the_reference_yield_was_known_when_the_bids_closed(ask):
    """The Federal Reserve prints a day's yields on the next business day at 16:15, so two days lie between at least."""
    ((soonest, latest),) = ask(
        "select min(auction_date - ref_yield_date), max(auction_date - ref_yield_date) "
        "from marts.fct_auctions where ref_yield_date is not null"
    )
    assert (soonest, latest) == (2, 5)


def test_scores_are_those_of_the_twelve_before(ask):
    """Anew in plain Python: the window, its minimum, and the mean of the four parts."""
    auctions = ask(
        "select cusip, issue_date, auction_date, security_kind, tenor, is_sold_again, has_results, "
        "bid_to_cover_ratio::double, indirect_share_ratio::double, dealer_share_ratio::double, tail_median_bp::double, "
        "known_at from marts.fct_auctions where tenor is not null"
    )
    scores = {
        row[:2]: row[2] for row in ask("select cusip, issue_date, auction_demand_score from marts.fct_auction_demand")
    }
    expected = {}
    for auction in auctions:
        if not auction[6]:
            continue
        before = sorted(
            (
                other
                for other in auctions
                if other[3:6] == auction[3:6] and other[2] < auction[2] and other[11] <= auction[11]
            ),
            key=lambda other: (-other[2].toordinal(), other[0]),
        )[:12]
        known = [other for other in before if other[6]]
        parts = []
        for column, sign in ((7, 1), (8, 1), (9, -1), (10, -1)):
            values = [other[column] for other in known]
            if len(values) >= 8 and stdev(values) > 0:
                parts.append(sign * (auction[column] - mean(values)) / stdev(values))
        expected[auction[:2]] = mean(parts) if len(parts) == 4 else None
    assert scores.keys() == expected.keys()
    assert {key for key, score in scores.items() if score is None} == {
        k for k, score in expected.items() if score is None
    }
    assert all(score is None or score == pytest.approx(expected[key], abs=1e-9) for key, score in scores.items())
    assert sum(score is not None for score in scores.values()) > 1000


def test_january_2020_adds_up(ask):
    """The month that is recorded whole: sold to the public, less what matured of its holdings, none bought back."""
    ((gross, private, soma, maturing, net, bills),) = ask(
        "select gross_issuance_usd_bn, private_gross_usd_bn, soma_addon_usd_bn, maturing_private_usd_bn, "
        "net_new_cash_usd_bn, net_bills_usd_bn from marts.fct_treasury_supply "
        "where grain = 'month' and period_end = '2020-01-31'"
    )
    assert gross == pytest.approx(1001.3118094, abs=1e-6)
    assert (private + soma, private - maturing) == (pytest.approx(gross), pytest.approx(net))
    ((by_hand,),) = ask(
        "select sum(maturing)::double / 1e9 from (select max(maturing_public_by_type_usd) as maturing "
        "from marts.fct_auctions where issue_date between '2020-01-01' and '2020-01-31' "
        "group by issue_date, security_kind = 'bill')"
    )
    assert maturing == pytest.approx(by_hand)
    assert bills < 0 < net


def test_a_months_duration_has_its_buyers(ask):
    """Kinds and buyers both sum to the month; a lower beta takes off a quarter of the indexed part."""
    rows = {
        row[0]: row[1:]
        for row in ask(
            "select parameter_set, private_duration_supply_usd_bn, inflation_indexed_tenyr_usd_bn, "
            "dealers_tenyr_usd_bn + direct_bidders_tenyr_usd_bn + indirect_bidders_tenyr_usd_bn "
            "+ noncompetitive_tenyr_usd_bn from marts.fct_duration_supply_monthly "
            "where month_end = '2020-01-31' and known_until is null"
        )
    }
    assert set(rows) == {"default", "tips_beta_low"}
    supply, indexed, bought = rows["default"]
    assert (supply, bought) == (pytest.approx(167.400733, abs=1e-5), pytest.approx(supply))
    assert rows["tips_beta_low"][0] == pytest.approx(supply - indexed / 4)
