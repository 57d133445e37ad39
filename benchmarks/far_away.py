"""An EC2 endpoint that is far away: answers DescribeImages with one image, 120 ms after it was asked.

One thread serves all connections, so that dozens of requests at once do not fight for this process's own lock.
"""

from __future__ import annotations

import asyncio
import sys
from email import message_from_bytes

LATENCY = 0.120
CONTENT = """<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><imagesSet>
<item><imageId>ami-0123456789abcdef0</imageId><name>baked</name><imageState>available</imageState>
<imageOwnerId>123456789012</imageOwnerId><architecture>x86_64</architecture>
<creationDate>2026-11-01T00:00:00.000Z</creationDate><tagSet><item><key>cws:digest</key><value>{}</value></item></tagSet>
</item></imagesSet></DescribeImagesResponse>"""
ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{}"


async def _serve(answer: bytes, asked: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    """Answer whatever is asked on one connection; it stays open, as AWS's do."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = await asked.readuntil(b"\r\n\r\n")
            until = loop.time() + LATENCY
            _, _, fields = head.partition(b"\r\n")
            await asked.readexactly(int(message_from_bytes(fields)["Content-Length"] or 0))
            await asyncio.sleep(until - loop.time())
            answers.write(answer)
            await answers.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        answers.close()


async def _listen(digest: str) -> None:
    content = CONTENT.format(digest)
    answer = ANSWER.format(len(content), content).encode()
    server = await asyncio.start_server(lambda *ends: _serve(answer, *ends), "127.0.0.1", 0, backlog=128)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1]))
