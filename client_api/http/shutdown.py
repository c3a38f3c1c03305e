"""Graceful shutdown: no accepted request is dropped.

In: a signal. Out: first readiness fails and responses close their connections, while new requests
are still accepted; after a delay new requests are refused; the process ends after the last
response. Without the delay, a client that uses an idle connection while it is being closed gets no
response.
"""

import asyncio
import os
import signal
import socket
import time
from types import FrameType

import uvicorn

_DRAIN_S = 25  # a batch may take 20 s
_SETTLE_S = 0.2


class Drain:
    """Whether the process is shutting down."""

    def __init__(self) -> None:
        self.begun = False


class GracefulServer(uvicorn.Server):
    """A uvicorn server that shuts down in this order; on Ctrl-C without the delay."""

    def __init__(self, config: uvicorn.Config, drain: Drain, delay_s: float) -> None:
        """config: this sets its `timeout_graceful_shutdown`."""
        config.timeout_graceful_shutdown = _DRAIN_S
        super().__init__(config)
        self._drain = drain
        self._delay_s = delay_s
        self._leave_at = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._drain.begun:
            self._drain.begun = True
            self._leave_at = time.monotonic() + (self._delay_s if sig == signal.SIGTERM else 0.0)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Closing a listener resets the connections in its backlog. So set the backlog to 0 and
        # wait until the queued connections are accepted. Then wait for their requests, because
        # uvicorn closes connections that have sent none.
        for server in self.servers:
            for listener in server.sockets:
                with socket.socket(fileno=os.dup(listener.fileno())) as same:
                    same.listen(0)
        await asyncio.sleep(_SETTLE_S)
        for server in self.servers:
            server.close()
        await asyncio.sleep(_SETTLE_S)
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        await super().main_loop()
        while time.monotonic() < self._leave_at and not self.force_exit:
            await asyncio.sleep(0.05)
