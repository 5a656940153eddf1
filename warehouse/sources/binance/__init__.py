"""Binance: spot candles, open interest and funding from its bulk archive; Bitstamp where it has no candle."""

from __future__ import annotations

from warehouse.contract import Source
from warehouse.sources.binance.futures import FUNDING_RATES, FUTURES_METRICS
from warehouse.sources.binance.spot import KLINES_SQL_EXTRACT, SPOT_KLINES, SPOT_KLINES_1M

__all__ = ["FUNDING_RATES", "FUTURES_METRICS", "KLINES_SQL_EXTRACT", "SOURCE", "SPOT_KLINES", "SPOT_KLINES_1M"]

SOURCE = Source(
    code="binance",
    title="Binance market data (Bitstamp as fallback)",
    homepage="https://data.binance.vision/",
    tables=(SPOT_KLINES, SPOT_KLINES_1M, FUTURES_METRICS, FUNDING_RATES),
    requests_per_second=5,
)
