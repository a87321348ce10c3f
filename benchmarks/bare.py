"""The plainest server that aiohttp can be, to compare with: prepared bytes, nothing remembered or checked.

`python -m benchmarks.bare` prints its URL. It answers `GET /ok`, and reads what is posted to a thread's runs.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

OK = b'{"ok":true}'
RUN = b'{"run":"' + b"-" * 1600 + b'"}'
"""As long as a run is that the mock shows."""


async def ok(_: web.Request) -> web.StreamResponse:
    """Say that the server is there."""
    return web.Response(body=OK, content_type="application/json")


async def run(request: web.Request) -> web.StreamResponse:
    """Take a body, and forget it."""
    await request.read()
    return web.Response(body=RUN, content_type="application/json")


async def main() -> None:
    """Serve until the process is ended."""
    app = web.Application()
    app.router.add_get("/ok", ok)
    app.router.add_post("/threads/{thread_id}/runs", run)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"bare aiohttp listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
