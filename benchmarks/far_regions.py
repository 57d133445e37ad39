"""Regions that are far away: EC2 and SSM, each answering 80 ms after it was asked; an image is in all or in one.

Like `benchmarks.far_away`, but for the calls of a whole report: which region is asked stands in the signature.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from email import message_from_bytes

LATENCY = 0.080
HOME = "us-east-1"
_SCOPE = re.compile(rb"Credential=[^/]+/\d+/([a-z0-9-]+)/(\w+)/")
_IMAGE = """<item><imageId>{id}</imageId><name>{name}</name><imageState>available</imageState>
<imageOwnerId>{owner}</imageOwnerId><architecture>x86_64</architecture><rootDeviceName>/dev/xvda</rootDeviceName>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>snap-0123456789abcdef0</snapshotId>
<volumeSize>20</volumeSize></ebs></item></blockDeviceMapping><creationDate>2026-11-01T00:00:00.000Z</creationDate>
<tagSet>{tags}</tagSet></item>"""
_TAG = "<item><key>cws:digest</key><value>{}</value></item>"
_SNAPSHOT = """<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><snapshotSet><item>
<snapshotId>snap-0123456789abcdef0</snapshotId><volumeSize>20</volumeSize><status>completed</status>
<fullSnapshotSizeInBytes>4294967296</fullSnapshotSizeInBytes></item></snapshotSet></DescribeSnapshotsResponse>"""
_IMAGES = """<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><imagesSet>{}</imagesSet>
</DescribeImagesResponse>"""


class Regions:
    """What the regions answer.

    Args:
        digest: Of the image.
        everywhere: It is in all regions, otherwise at home alone.
    """

    def __init__(self, digest: str, *, everywhere: bool) -> None:
        own = {"id": "ami-0123456789abcdef0", "name": "baked", "owner": "123456789012", "tags": _TAG.format(digest)}
        base = {"id": "ami-00000000000000001", "name": "debian-12-amd64", "owner": "136693071363", "tags": ""}
        self._own, self._base = _IMAGES.format(_IMAGE.format(**own)), _IMAGES.format(_IMAGE.format(**base))
        self._everywhere = everywhere

    def answer(self, head: bytes, body: bytes) -> str:
        """Return the body of an answer."""
        found = _SCOPE.search(head)
        region, service = (found[1].decode(), found[2]) if found else ("", b"ec2")
        if service == b"ssm":
            return json.dumps({"Parameter": {"Name": "n", "Type": "String", "Value": "ami-00000000000000001"}})
        if b"Action=DescribeSnapshots" in body:
            return _SNAPSHOT
        if b"cws%3Adigest" not in body and b"ami-0123456789abcdef0" not in body:
            return self._base
        return self._own if self._everywhere or region == HOME else _IMAGES.format("")


async def _serve(regions: Regions, asked: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    """Answer what is asked on one connection; it stays open, as AWS's do."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = await asked.readuntil(b"\r\n\r\n")
            until = loop.time() + LATENCY
            fields = message_from_bytes(head.partition(b"\r\n")[2])
            content = regions.answer(head, await asked.readexactly(int(fields["Content-Length"] or 0)))
            await asyncio.sleep(until - loop.time())
            kind = "application/x-amz-json-1.1" if content.startswith("{") else "text/xml;charset=UTF-8"
            answers.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()
            )
            await answers.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        answers.close()


async def _listen(regions: Regions) -> None:
    server = await asyncio.start_server(lambda *ends: _serve(regions, *ends), "127.0.0.1", 0, backlog=128)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_listen(Regions(sys.argv[1], everywhere=sys.argv[2] == "everywhere")))
