"""Prices are listed, extrapolated with a word, or unknown; a refresh believes only what can be right."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import statistics
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cws_build.actions.refresh_prices import refresh_prices
from cws_build.actions.show_prices import show_prices
from cws_build.data import price_book, refreshed_prices
from cws_build.drivers.price_files import HttpPriceFiles
from cws_build.errors import CloudError, InputError
from cws_build.model.price_ratio import extrapolated
from cws_build.model.prices import PriceBook
from tests.project import context

BOOK = price_book()
ROWS = BOOK.table["on_demand"]
HOME = BOOK.regions.index("us-east-1")
PAIRS = sorted(
    (kind, column)
    for kind, row in ROWS.items()
    for column, usd in enumerate(row)
    if usd and row[HOME] and column != HOME
)


@functools.cache
def error_of(kind, column):
    """Return how far the extrapolation is off where the price itself is left out."""
    guess = extrapolated(ROWS, kind, column, HOME)
    return None if guess is None else abs(guess / ROWS[kind][column] - 1)


def test_a_listed_price_has_its_date():
    found = BOOK.price("t3.large", "us-east-1")
    assert 0.01 < found.usd_hour < 1
    assert (found.kind, found.source) == ("list", "AWS price list")
    assert found.as_of.startswith("20")


def test_what_nobody_can_tell_is_unknown():
    assert BOOK.price("t3.large", "mars-north-1") is None
    assert BOOK.price("z9.gigantic", "us-east-1") is None
    assert BOOK.snapshot("mars-north-1") is None
    assert BOOK.transfer("mars-north-1", "us-east-1") is None


def test_a_missing_price_is_extrapolated_and_says_so():
    found = BOOK.price("m9g.large", "af-south-1")
    assert not BOOK.offers("m9g.large", "af-south-1")
    assert found.kind == "extrapolated"
    assert 1.2 < found.usd_hour / BOOK.price("m9g.large", "us-east-1").usd_hour < 1.5


@given(st.sampled_from(PAIRS))
@settings(max_examples=200, deadline=None)
def test_leaving_a_price_out_finds_it_again_roughly(pair):
    found = error_of(*pair)
    assert found is None or found < 0.6


def test_extrapolation_is_as_good_as_it_is_said_to_be():
    """Of every 40th price, left out in turn: 99 % within half a percent, in the median nothing."""
    errors = sorted(error for pair in PAIRS[::40] if (error := error_of(*pair)) is not None)
    assert len(errors) > 500
    assert statistics.median(errors) < 0.001
    assert sum(error < 0.005 for error in errors) / len(errors) > 0.97


def test_transfer_is_billed_at_the_source():
    assert BOOK.transfer("us-east-1", "ap-south-1") == 0.02
    assert BOOK.transfer("ap-southeast-1", "ap-south-1") == 0.09
    assert BOOK.transfer("us-east-1", "us-east-2") == BOOK.transfer("us-east-2", "us-east-1") == 0.01
    assert BOOK.transfer("eu-west-1", "eu-west-1") == 0
    assert BOOK.transfer_is_estimated("ap-east-2")
    assert not BOOK.transfer_is_estimated("us-east-1")
    assert all(BOOK.transfer(region, "us-east-1") is not None for region in BOOK.regions)


def test_storage_has_a_price_everywhere():
    assert (BOOK.snapshot("us-east-1"), BOOK.volume("us-east-1")) == (0.05, 0.08)
    assert all(BOOK.snapshot(region) and BOOK.volume(region) for region in BOOK.regions)


def test_types_are_known_by_what_they_are():
    t4g, gpu = BOOK.types["t4g.large"], BOOK.types["g4dn.xlarge"]
    assert (t4g.vcpus, t4g.memory_gib, t4g.architecture, t4g.family, t4g.burstable) == (2, 8, "arm64", "t4g", True)
    assert (gpu.gpus, gpu.gpu, gpu.architecture) == (1, "NVIDIA T4", "x86_64")


def test_show_answers_for_every_region_that_sells_the_type():
    assert set(show_prices("g5g.xlarge").regions) < set(show_prices("t3.large").regions)
    assert list(show_prices("t3.large", "eu-west-1").regions) == ["eu-west-1"]
    assert show_prices("t3.large", "me-west-1").regions == {"me-west-1": None}
    with pytest.raises(InputError, match=r"t3\.lrage is not in the price book") as caught:
        show_prices("t3.lrage")
    assert "t3.large" in caught.value.hint
    with pytest.raises(InputError, match="'eu-wst-1' is not a region"):
        show_prices("t3.large", "eu-wst-1")


# --- refresh, from a server on this machine with files of the real shape ---

COLUMNS = [
    *("SKU", "TermType", "PriceDescription", "Unit", "PricePerUnit", "Currency", "Product Family", "Location Type"),
    *("Instance Type", "Current Generation", "vCPU", "Physical Processor", "Memory", "Tenancy", "Operating System"),
    *("License Model", "usageType", "CapacityStatus", "Pre Installed S/W", "MarketOption", "Volume API Name", "GPU"),
]
PLAIN = {
    "TermType": "OnDemand",
    "Unit": "Hrs",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "Location Type": "AWS Region",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "CapacityStatus": "Used",
    "License Model": "No License required",
    "Pre Installed S/W": "NA",
    "MarketOption": "OnDemand",
    "Current Generation": "Yes",
    "vCPU": "2",
    "Memory": "8 GiB",
    "Physical Processor": "AMD EPYC",
}
CATCHES = [
    {"Tenancy": "Dedicated", "PricePerUnit": "9"},
    {"Tenancy": "Host", "PricePerUnit": "0.0000000000"},
    {"Operating System": "Windows", "PricePerUnit": "9"},
    {"Pre Installed S/W": "SQL Web", "PricePerUnit": "9"},
    {"CapacityStatus": "AllocatedCapacityReservation", "PricePerUnit": "0"},
    {"TermType": "Reserved", "PricePerUnit": "0"},
    {"MarketOption": "CapacityBlock", "PricePerUnit": "0"},
    {"Location Type": "AWS Local Zone", "PricePerUnit": "9"},
]


def price_file(prices, published="2026-11-20T00:00:00Z"):
    """Return a region's CSV file, with rows that only look like the price."""
    text = io.StringIO()
    write = csv.writer(text, quoting=csv.QUOTE_ALL)
    write.writerows([["FormatVersion", "v1.0"], ["Publication Date", published], ["OfferCode", "AmazonEC2"], COLUMNS])
    for kind, usd in prices.items():
        own = PLAIN | {"Instance Type": kind, "PricePerUnit": str(usd), "usageType": f"EUC1-BoxUsage:{kind}"}
        graviton = {"Physical Processor": "AWS Graviton9 Processor"} if "g." in kind else {}
        for row in (CATCHES[0], {}, *CATCHES[1:]):
            write.writerow([(own | graviton | row).get(column, "") for column in COLUMNS])
    gp3 = {"TermType": "OnDemand", "Product Family": "Storage", "Volume API Name": "gp3", "PricePerUnit": "0.0952"}
    snap = {"TermType": "OnDemand", "Product Family": "Storage Snapshot", "PricePerUnit": "0.06"}
    snap["usageType"] = "EUC1-EBS:SnapshotUsage"
    write.writerows([row.get(column, "") for column in COLUMNS] for row in (gp3, snap))
    return text.getvalue()


@contextmanager
def mirror(files):
    """Serve texts under AWS's paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            text = files.get(self.path)
            self.send_response(200 if text is not None else 404)
            self.send_header("Content-Length", str(len((text or "").encode())))
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def files_of(**lists):
    index = {"regions": {}}
    files = {}
    for name, text in lists.items():
        region = name.replace("_", "-")
        address = f"/offers/v1.0/aws/AmazonEC2/20261120/{region}/index"
        index["regions"][region] = {"regionCode": region, "currentVersionUrl": f"{address}.json"}
        files[f"{address}.csv"] = text
    return files | {"/offers/v1.0/aws/AmazonEC2/current/region_index.json": json.dumps(index)}


def listed(region):
    column = BOOK.regions.index(region)
    return {kind: row[column] for kind, row in ROWS.items() if row[column] is not None}


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("CWS_BUILD_STATE", str(tmp_path))


def refresh(files, *regions):
    with mirror(files) as base:
        return refresh_prices(context(), HttpPriceFiles(base), regions)


def test_a_refresh_tells_what_is_new_gone_and_dearer_and_counts_from_then_on():
    prices = listed("eu-central-1") | {"t3.large": 0.11, "m99g.large": 0.2}
    del prices["t2.nano"]
    (found,) = refresh(files_of(eu_central_1=price_file(prices)))
    assert (found.region, found.published[:10], found.types) == ("eu-central-1", "2026-11-20", len(prices))
    assert (found.added, found.removed) == (("m99g.large",), ("t2.nano",))
    assert found.changed == {"t3.large": (0.096, 0.11)}
    book = price_book()
    assert book.price("t3.large", "eu-central-1").usd_hour == 0.11
    assert book.price("t3.large", "eu-central-1").as_of == "2026-11-20T00:00:00Z"
    assert book.price("t3.large", "us-east-1") == BOOK.price("t3.large", "us-east-1")
    assert book.types["m99g.large"].architecture == "arm64"
    assert (book.snapshot("eu-central-1"), book.snapshot("us-east-1")) == (0.06, 0.05)
    assert book.transfer("eu-central-1", "us-east-1") == 0.02


def test_an_unchanged_list_changes_nothing():
    (found,) = refresh(files_of(eu_west_1=price_file(listed("eu-west-1"))))
    assert (found.added, found.removed, found.changed) == ((), (), {})
    assert {kind: price_book().price(kind, "eu-west-1").usd_hour for kind in listed("eu-west-1")} == listed("eu-west-1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (price_file(listed("eu-west-1") | {"t3.large": 0.0}), "a price of zero for t3.large"),
        (price_file({"t3.large": 0.1}), "it lists 1 types, where there were"),
        ("<html>Sorry</html>", "it has no header row"),
        ("", "it has no header row"),
        (price_file(listed("eu-west-1")).replace("Publication Date", "Date"), "it has no publication date"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused_and_the_old_prices_stay(text, said):
    with pytest.raises(CloudError, match=said) as caught:
        refresh(files_of(eu_central_1=price_file(listed("eu-central-1")), eu_west_1=text))
    assert "stay in use" in caught.value.hint
    assert not refreshed_prices().exists()


def test_what_cannot_be_read_is_said():
    with pytest.raises(CloudError, match=r"cannot read .*region_index\.json"):
        refresh({})
    with pytest.raises(CloudError, match="is not an index of price files"):
        refresh({"/offers/v1.0/aws/AmazonEC2/current/region_index.json": "[]"})
    with pytest.raises(InputError, match="no price list of 'eu-wst-1'") as caught:
        refresh(files_of(eu_west_1=""), "eu-wst-1")
    assert "eu-west-1" in caught.value.hint
    with pytest.raises(InputError, match="is not an address"):
        HttpPriceFiles("file:///etc")
    with pytest.raises(CloudError, match="cannot read"):
        HttpPriceFiles("http://127.0.0.1:1").regions()


def test_a_damaged_price_book_is_named():
    refreshed_prices().write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"prices\.json\.gz is not a price book"):
        price_book()


def test_a_newer_built_in_book_wins_over_an_old_refresh():
    with gzip.open(refreshed_prices(), "wt") as file:
        json.dump({**BOOK.table, "published": "2020-01-01T00:00:00Z", "on_demand": {}}, file)
    assert price_book().as_of == BOOK.as_of


def test_a_book_is_made_of_what_it_is_given():
    assert PriceBook(BOOK.table).as_of == BOOK.as_of
