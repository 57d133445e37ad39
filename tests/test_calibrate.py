"""What an account's own snapshots teach, and what this computer's runs say of the estimates."""

from __future__ import annotations

import dataclasses
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from cws_build.actions.calibrate import calibrate
from cws_build.actions.calibration_file import calibration_path
from cws_build.actions.history import history
from cws_build.drivers.aws import Account
from cws_build.drivers.aws_history import AwsHistory
from cws_build.drivers.runs import DiskRuns
from cws_build.errors import CloudError, InputError
from cws_build.model import estimate
from cws_build.ports import RunInfo
from cws_build.ports.history import PastSnapshot
from tests.project import context

GIB = 2**30
COPIED = "Copied for DestinationAmi ami-0000000000000000c from SourceAmi ami-1 for SourceSnapshot snap-1. Task created"


class Past:
    """The past of one region: snapshots that took a minute per GiB."""

    def __init__(self, region, said, sizes, **fields):
        self.region = region
        self._rows = [
            PastSnapshot(
                **{
                    "id": f"snap-{gb}",
                    "region": region,
                    "description": said,
                    "started": "2026-11-01T00:00:00+00:00",
                    "completed": f"2026-11-01T00:{gb:02d}:00+00:00",
                    "full_bytes": gb * GIB,
                }
                | fields
            )
            for gb in sizes
        ]

    def snapshots(self):
        return self._rows

    def sources(self):
        return {"ami-0000000000000000c": "us-east-1"}


def learn(tmp_path, *regions, **settings):
    ctx = dataclasses.replace(context(**settings), state=tmp_path, runs=DiskRuns(tmp_path))
    by_name = {one.region: one for one in regions}
    return ctx, calibrate(ctx, by_name.__getitem__, [*by_name])


def test_durations_of_images_and_copies_are_learnt(tmp_path):
    made = Past("us-east-1", "Created by CreateImage(i-1) for ami-1", range(1, 25))
    copied = Past("eu-west-1", COPIED, range(1, 25))
    ctx, found = learn(tmp_path, made, copied)
    assert (found.snapshots, found.created, found.copied, found.score) == (48, 24, 24, None)
    past = history(ctx)
    create = estimate.create(10, past)
    assert (create.source, create.n) == ("calibrated", 24)
    assert create.p50 == pytest.approx(600, rel=0.1)
    assert estimate.copy(10, "us-east-1", "eu-west-1", past).p50 == pytest.approx(600, rel=0.1)
    assert estimate.copy(10, "us-east-1", "us-west-2", past).source == "prior"


@pytest.mark.parametrize(
    "fields",
    [
        {"completed": ""},
        {"full_bytes": None},
        {"time_based": True},
        {"description": "my own backup"},
        {"description": "Copied for DestinationAmi ami-0000000000000000d from SourceAmi ami-1"},
        {"completed": "2026-11-01T00:00:00+00:00"},
    ],
)
def test_a_snapshot_that_says_nothing_teaches_nothing(tmp_path, fields):
    _, found = learn(tmp_path, Past("us-east-1", "Created by CreateImage(i-1) for ami-1", [4], **fields))
    assert (found.snapshots, found.created, found.copied) == (1, 0, 0)


def test_the_sandbox_and_each_profile_have_a_file_of_their_own(tmp_path):
    box, ours, theirs = (
        dataclasses.replace(context(**settings), state=tmp_path)
        for settings in ({"sandbox": True}, {}, {"profile": "lab/one"})
    )
    paths = [calibration_path(ctx) for ctx in (box, ours, theirs)]
    assert [path.name for path in paths] == ["sandbox.json", "aws-default.json", "aws-lab_one.json"]


def test_a_damaged_file_is_named(tmp_path):
    ctx, found = learn(tmp_path, Past("us-east-1", "", []))
    calibration_path(ctx).write_text("{")
    with pytest.raises(InputError, match=r"aws-default\.json"):
        history(ctx)
    assert found.file == str(calibration_path(ctx))


def run_of(tmp_path, account, result, ident):
    info = RunInfo(
        id=ident, verb="bake", subject="t", account=account, region="us-east-1", started="2026-11-01T00:00:00+00:00"
    )
    with DiskRuns(tmp_path).begin(info) as run:
        run.finish("done", result | {"run": ident})


def test_runs_of_the_sandbox_and_of_aws_never_mix(tmp_path):
    result = {"reused": False, "digest": "d", "started_from": {"layers": 0}, "seconds": 50.0, "layers": []}
    predicted = {"predicted": {"p50": 40.0, "p90": 60.0, "source": "prior", "n": 0}}
    run_of(tmp_path, "sandbox", result | predicted, "one")
    run_of(tmp_path, "aws", result, "two")
    box, found = learn(tmp_path, Past("us-east-1", "", []), sandbox=True)
    aws, nothing = learn(tmp_path, Past("us-east-1", "", []))
    assert [len(history(ctx).measured) for ctx in (box, aws)] == [1, 1]
    assert (found.score.n, found.score.coverage_p90) == (1, 1.0)
    assert nothing.score is None


# --- the driver, against answers of EC2's shape ---

SNAPSHOTS = """<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><snapshotSet>
<item><snapshotId>snap-1</snapshotId><status>completed</status><startTime>2026-11-01T00:00:00.000Z</startTime>
<completionTime>2026-11-01T00:05:00.000Z</completionTime>
<description>Created by CreateImage(i-1) for ami-1</description>
<fullSnapshotSizeInBytes>8589934592</fullSnapshotSizeInBytes></item>
<item><snapshotId>snap-2</snapshotId><status>completed</status><startTime>2026-11-01T00:00:00.000Z</startTime>
<transferType>time-based</transferType></item></snapshotSet></DescribeSnapshotsResponse>"""
IMAGES = """<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><imagesSet>
<item><imageId>ami-1</imageId><sourceImageRegion>us-west-2</sourceImageRegion></item>
<item><imageId>ami-2</imageId></item></imagesSet></DescribeImagesResponse>"""
REFUSED = (
    """<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"""
)


@contextmanager
def ec2(answers):
    """Serve EC2's answers by action; keeps what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            words = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append(words)
            status, text = answers[words["Action"][0]]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield AwsHistory(Account(region="us-east-1", endpoint=url, credentials=("a", "b")), "us-east-1"), asked
    finally:
        server.shutdown()
        server.server_close()


def test_the_driver_reads_what_ec2_says_of_its_own():
    with ec2({"DescribeSnapshots": (200, SNAPSHOTS), "DescribeImages": (200, IMAGES)}) as (past, asked):
        first, second = past.snapshots()
        assert past.sources() == {"ami-1": "us-west-2"}
    assert (first.completed, first.full_bytes) == ("2026-11-01T00:05:00+00:00", 8 * GIB)
    assert (second.completed, second.full_bytes, second.time_based) == ("", None, True)
    assert [words["Owner.1"] for words in asked] == [["self"], ["self"]]


def test_a_missing_permission_is_said():
    with ec2({"DescribeSnapshots": (403, REFUSED)}) as (past, _), pytest.raises(CloudError):
        past.snapshots()


# --- the words ---


def said(words, capsys):
    from cws_build.frontends.cli import main

    code = main([*words])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def speak(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CWS_BUILD_STATE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *words: said(words, capsys)


def test_regions_in_words(speak):
    assert speak("regions", "fallbacks", "ap-south-1")[1] == "ap-south-1 → ap-southeast-1, ap-northeast-1, us-east-1\n"
    assert "us-east-1  " in speak("regions")[1]
    found = json.loads(speak("regions", "list", "--json")[1])["regions"]
    assert found[0].keys() == {"region", "name", "partition", "enabled_by_default", "country", "gdpr"}
    assert json.loads(speak("regions", "fallbacks", "eu-west-1", "--json")[1]) == {
        "fallbacks": {"eu-west-1": ["eu-west-2", "eu-central-1", "us-east-1"]}
    }
    code, _, err = speak("regions", "fallbacks", "eu-wst-1")
    assert code == 2
    assert "eu-west-1" in err


def test_prices_in_words(speak):
    code, out, _ = speak("prices", "show", "t3.large", "--region", "eu-west-1")
    assert code == 0
    assert "2 vCPU, 8 GiB, x86_64" in out
    assert "list" in out
    found = json.loads(speak("prices", "show", "m9g.large", "--region", "af-south-1", "--json")[1])
    assert found["regions"]["af-south-1"]["kind"] == "extrapolated"
    assert "unknown" in speak("prices", "show", "t3.large", "--region", "me-west-1")[1]
    assert speak("prices", "show", "t3.lrage")[0] == 2
    assert speak("prices", "refresh", "--from", "http://127.0.0.1:1")[0] == 5


def test_costs_in_words(speak):
    code, out, _ = speak("ami", "costs", "python-ml", "--regions", "us-east-1,ap-south-1", "--gb", "8")
    assert code == 0
    assert "$0.1600" in out
    assert "prior" in out
    found = json.loads(speak("ami", "costs", "python-ml", "--all-regions", "--json")[1])
    assert len(found["regions"]) == 17
    assert {"comparison", "copy_usd", "break_even_launches_month", "arm64"} <= found["regions"]["eu-west-1"].keys()
    assert speak("ami", "costs", "python-ml", "--regions", "us-east-1", "--gb", "-1")[0] == 2
    assert speak("ami", "costs", "pyton-ml", "--regions", "us-east-1")[0] == 2
