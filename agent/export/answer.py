"""How a large answer leaves: in turns with everything else, zipped, or not at all if known."""

import asyncio
import contextlib
import json
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from agent.export.accept import weight
from agent.export.facts import Dropped

_PIECE_BYTES = 1 << 18
_GZIP_LEVEL = 1  # a fifth of the CPU of level 6 at four fifths of its gain
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
SLOWEST_S = 60.0
"""How long a client may take to make room for one piece of an answer, which is held for it."""
_SLOWEST_BYTES_PER_S = 16_384.0
"""How slowly an answer that is given as a whole may be read beyond that."""
BULK: web.AppKey[asyncio.Semaphore] = web.AppKey("bulk", asyncio.Semaphore)
MOST_BULKY = 2
"""Answers that may be of tens of megabytes, and of some hundred while they are made: so many at
once, the others wait for their turn."""
# Not the event loop's own threads: names are looked up in those, and a dead name server keeps
# every one of them for as long as a network is away, which is when people look. And some more
# than large answers may take for seconds: a scrape is zipped here.
_THREADS = ThreadPoolExecutor(MOST_BULKY + 2, thread_name_prefix="answer")

_AT_ONCE = struct.pack("ii", 1, 0)
"""How socket(7) is told not to linger: what was not sent is thrown away."""

DROPPED: web.AppKey[Counter[Dropped]] = web.AppKey("dropped", Counter)
"""How many connections the server has ended, by cause."""

T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """Do ``work`` beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)


def known(request: web.Request, etag: str) -> bool:
    """Tell whether the client has the answer of ``etag`` (without quotes) already."""
    if request.method not in {"GET", "HEAD"}:
        return False
    tags = request.if_none_match or ()
    return any(tag.value in {etag, "*"} for tag in tags)


def unchanged(etag: str) -> web.Response:
    """Say that what the client has is still right."""
    return web.Response(status=304, headers={"ETag": f'W/"{etag}"', "Cache-Control": "no-cache"})


def takes_zip(request: web.Request) -> bool:
    """Say whether the client takes a zipped answer."""
    return weight(request.headers.get("Accept-Encoding", ""), "gzip") > 0


async def zipped(chunks: list[bytes]) -> list[bytes]:
    """Give ``chunks`` zipped."""
    return await beside(lambda: _zipped(chunks))


async def send(
    request: web.Request,
    chunks: list[bytes],
    headers: Mapping[str, str],
    *,
    etag: str | None = None,
    status: int = 200,
    packed: bool = False,
) -> web.StreamResponse:
    """Send ``chunks``, zipped for who takes it; ``packed`` ones are.

    ``etag`` makes the answer a revalidated one.
    """
    sent = {"Vary": "Accept-Encoding", **headers}
    if etag is not None:
        sent |= {"ETag": f'W/"{etag}"', "Cache-Control": "no-cache"}
    if packed or takes_zip(request):
        chunks = chunks if packed else await zipped(chunks)
        sent["Content-Encoding"] = "gzip"
    # Piece by piece: a large page given as a whole would be copied while all else waits.
    response = web.StreamResponse(status=status, headers=sent)
    response.content_length = sum(map(len, chunks))
    await response.prepare(request)
    try:
        for piece in () if request.method == "HEAD" else _pieces(chunks):
            async with asyncio.timeout(SLOWEST_S):
                await response.write(piece)
        async with asyncio.timeout(SLOWEST_S):
            await response.write_eof()
    except TimeoutError:
        cut_off(request)
    return response


async def send_json(request: web.Request, make: Callable[[], object]) -> web.StreamResponse:
    """Answer with the JSON of what ``make`` gives; it is made beside the event loop."""
    body = await beside(lambda: json.dumps(make()).encode())
    return await send(request, [body], {"Content-Type": "application/json; charset=utf-8"})


def bulky(handler: Handler) -> Handler:
    """Make and send the answers of ``handler`` in their turn."""

    @wraps(handler)
    async def in_turn(request: web.Request) -> web.StreamResponse:
        async with request.app[BULK]:
            if request.transport is None:
                raise ConnectionResetError  # nobody waits for it any more
            return await handler(request)

    return in_turn


@web.middleware
async def in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send answers that are given as a whole, and cut off who does not read them."""
    if request.transport is not None:
        # Sent means that nothing of it is held here any more: a connection with something left to
        # send is closed by nobody, whatever time has gone by. (At 0 asyncio's TLS never goes on.)
        request.transport.set_write_buffer_limits(high=1, low=0)
    try:
        response = await handler(request)
        if isinstance(response, web.Response) and not response.prepared:
            await _send_whole(request, response)
    except ConnectionError:
        if request.transport is not None:
            raise
        return web.Response()  # who asked has gone: no error of ours, and nothing for the log
    return response


async def _send_whole(request: web.Request, response: web.Response) -> None:
    size = response.content_length or 0
    try:
        async with asyncio.timeout(SLOWEST_S + size / _SLOWEST_BYTES_PER_S):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        cut_off(request)


def cut_off(request: web.Request) -> None:
    """End the connection of a client that does not read."""
    request.app[DROPPED][Dropped.UNREAD] += 1
    if request.transport is not None:
        reset(request.transport)


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once: the kernel, too, holds nothing any more for who does not read."""
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]


def _zipped(chunks: Iterable[bytes]) -> list[bytes]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
    packed = [*(packer.compress(chunk) for chunk in chunks), packer.flush()]
    return [piece for piece in packed if piece]
