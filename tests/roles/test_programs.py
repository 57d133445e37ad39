"""The programs that roles bring to a machine, run here: fetching files against a local S3, looking for use."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import pwd
import runpy
import subprocess
import sys
import threading
import types
from pathlib import Path

import boto3
import pytest

ROLES = Path(__file__).parents[2] / "playbooks" / "roles"
INSTALL = ROLES / "pip" / "files" / "install.py"
FETCH = ROLES / "files" / "files" / "fetch.py"
IDLE = ROLES / "idle_detection" / "files" / "idle_check.py"
ME = pwd.getpwuid(os.getuid()).pw_name
PART = 5 * 2**20
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def endpoint():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint, request):
    """Return a client and a bucket of the test's own."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    bucket = "b" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    client.create_bucket(Bucket=bucket)
    yield client, bucket
    client.close()


@pytest.fixture
def fetch(endpoint, s3, tmp_path):
    """Return the program as a function of files; each file may leave out what the test does not care for."""

    def run(*files):
        filled = [
            {
                "s3_bucket": s3[1],
                "destination_path": str(tmp_path / "out" / Path(file["s3_key"]).name),
                "owner": ME,
                "group": ME,
                "permissions": "0640",
                **file,
            }
            for file in files
        ]
        request = {"files": filled, "endpoint_url": endpoint, "region": "", "state": str(tmp_path / "state.json")}
        return subprocess.run(
            [sys.executable, "-"],
            input=FETCH.read_text(),
            env={**os.environ, **CREDENTIALS, "CWS_FILES_REQUEST": json.dumps(request)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def last(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_file_is_fetched_once_with_its_mode(s3, fetch, tmp_path):
    s3[0].put_object(Bucket=s3[1], Key="data/a.csv", Body=b"1,2\n")
    assert last(fetch({"s3_key": "data/a.csv"})) == "changed"
    assert last(fetch({"s3_key": "data/a.csv"})) == "unchanged"
    path = tmp_path / "out" / "a.csv"
    assert (path.read_bytes(), oct(path.stat().st_mode)[-4:]) == (b"1,2\n", "0640")
    s3[0].put_object(Bucket=s3[1], Key="data/a.csv", Body=b"3,4\n")
    assert last(fetch({"s3_key": "data/a.csv"})) == "changed"
    assert path.read_bytes() == b"3,4\n"


def test_an_upload_in_parts_is_verified(s3, fetch):
    client, bucket = s3
    upload = client.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in enumerate([b"x" * PART, b"tail"], start=1)
    ]
    client.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    assert last(fetch({"s3_key": "big"})) == "changed"


def test_an_object_that_nobody_can_verify_is_refused(s3, fetch, tmp_path):
    s3[0].put_object(Bucket=s3[1], Key="sealed", Body=b"x", ServerSideEncryption="aws:kms")
    head = s3[0].head_object(Bucket=s3[1], Key="sealed", ChecksumMode="ENABLED")
    done = fetch({"s3_key": "sealed"})
    if "ChecksumCRC32" in head:
        assert last(done) == "changed"
    else:
        assert "--checksum-algorithm SHA256" in done.stderr
        assert not (tmp_path / "out" / "sealed").exists()
        assert last(fetch({"s3_key": "sealed", "checksum": False})) == "changed"


def test_what_is_missing_is_a_warning_unless_it_is_required(fetch):
    optional = fetch({"s3_key": "nowhere", "required": False})
    assert last(optional) == "unchanged"
    assert "WARNING" in optional.stdout
    done = fetch({"s3_key": "nowhere"}, {"s3_key": "nor-here"})
    assert done.returncode == 1
    assert [name in done.stderr for name in ("nowhere", "nor-here")] == [True, True]


def test_an_object_is_cleaned_up_once_it_is_delivered(s3, fetch, tmp_path):
    s3[0].put_object(Bucket=s3[1], Key="once", Body=b"x")
    assert last(fetch({"s3_key": "once", "auto_cleanup": True})) == "changed"
    assert s3[0].list_objects_v2(Bucket=s3[1])["KeyCount"] == 0
    assert last(fetch({"s3_key": "once", "auto_cleanup": True})) == "unchanged"
    assert (tmp_path / "out" / "once").read_bytes() == b"x"


SETTINGS = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['uv_settings']()))"


def uv_settings(home, **variables):
    """Return what uv is told on a machine whose pip is configured like this."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "XDG_", "SSL_"))}
    words = [sys.executable, "-B", "-c", SETTINGS, str(INSTALL)]
    environment = {**kept, "HOME": str(home), **variables}
    return json.loads(subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout)


# This computer's own /etc/pip.conf counts as well, so each case looks only at what overrules it.
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, {"UV_DEFAULT_INDEX": "https://mine.example/simple", "UV_HTTP_TIMEOUT": "9"}),
        ({"PIP_CERT": "/ca.crt", "PIP_TIMEOUT": "5"}, {"SSL_CERT_FILE": "/ca.crt", "UV_HTTP_TIMEOUT": "5"}),
        (
            {"PIP_CONFIG_FILE": "own.conf"},
            {"UV_INDEX": "https://a.example/simple https://b.example/simple", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
    ],
)
def test_uv_is_told_what_pip_is_configured_to_do(tmp_path, variables, told):
    texts = {
        ".config/pip/pip.conf": "[global]\nindex_url = https://mine.example/simple\ntimeout = 9\n",
        "own.conf": "[install]\nextra-index-url =\n    https://a.example/simple\n    https://b.example/simple\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = uv_settings(tmp_path, **{**variables, **_inside(tmp_path, variables)})
    assert told.items() <= found.items()
    # A file that PIP_CONFIG_FILE names stands in for the user's own.
    assert ("mine.example" in json.dumps(found)) is ("PIP_CONFIG_FILE" not in variables)


def test_uv_keeps_what_it_was_told_itself(tmp_path):
    told = uv_settings(tmp_path, PIP_CONFIG_FILE=os.devnull, PIP_TIMEOUT="5", UV_HTTP_TIMEOUT="7")
    assert told.keys() == {"UV_CACHE_DIR", "UV_NO_PROGRESS"}


def _inside(folder, variables):
    """Return those variables that name files, with the folder."""
    return {name: str(folder / value) for name, value in variables.items() if name.endswith("_FILE")}


class Kernels(http.server.BaseHTTPRequestHandler):
    """A Jupyter server with one busy kernel, for those who have its token."""

    def do_GET(self):
        known = self.path == "/lab/api/kernels" and self.headers["Authorization"] == "token secret"
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(json.dumps([{"execution_state": "busy"}]).encode() if known else b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def idle_check():
    """Return the program's functions; importing it would leave compiled files among the role's."""
    return types.SimpleNamespace(**runpy.run_path(str(IDLE)))


@pytest.mark.parametrize(("token", "said"), [("secret", "a Jupyter kernel is busy"), ("old", "")])
def test_a_busy_kernel_counts_as_use(idle_check, tmp_path, token, said):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kernels)
    threading.Thread(target=server.serve_forever).start()
    runtime = tmp_path / "ann" / ".local/share/jupyter/runtime"
    runtime.mkdir(parents=True)
    record = {"port": server.server_address[1], "base_url": "/lab/", "token": token}
    (runtime / "jpserver-1.json").write_text(json.dumps(record))
    try:
        assert idle_check.kernels([tmp_path / "ann", tmp_path / "nobody"]) == said
    finally:
        server.shutdown()
        server.server_close()


def test_time_out_of_use_counts_from_the_last_use(idle_check, tmp_path):
    state = tmp_path / "run" / "last-use"
    looks = [(5000.0, False), (5000.0 + 29 * 60, False), (8000.0, True), (8000.0 + 31 * 60, False)]
    assert [idle_check.minutes_out_of_use(state, now, used) for now, used in looks] == [0, 29, 0, 31]
