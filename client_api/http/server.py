"""The server under the application: uvicorn with limits on connections.

In: the application and the settings. Out: a uvicorn configuration. Every program and test that
serves the facade over real sockets takes it from here.
"""

import resource
import sys

import uvicorn
from fastapi import FastAPI

from client_api.http.connection import ConnectionLimits, bounded
from client_api.settings import Settings
from pipeline.heap import keep_for_good
from schemas.contract import ErrorCode

# Of the files that the process may open: for Triton, Redis, files and listeners.
_OWN_FILES = 128
# The application's timeout for a body comes first; the connection is closed a little later.
_BODY_GRACE_S = 5.0
# How long a thread that reads an output may keep the event loop waiting; Python's default is 5 ms,
# and an answer takes several turns of the loop.
_TURN_S = 0.001
# An idle connection is kept for longer than clients and proxies keep theirs (nginx and the usual
# load balancers a minute, httpx 5 s), so that none sends a request on one that is being closed.
_KEEP_ALIVE_S = 75


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """The uvicorn configuration of the facade. Call it last, since it also sets up the process: the
    limit of open files, the thread switch interval, and the garbage collector.
    """

    def count(code: ErrorCode) -> None:
        if code is ErrorCode.OVERLOADED:
            app.state.metrics.failed(code)
        else:
            app.state.metrics.rejected(code)

    limits = ConnectionLimits(
        total=min(settings.max_connections, _open_files() - _OWN_FILES),
        per_address=settings.max_connections_per_address,
        head_s=settings.head_timeout_s,
        body_s=settings.body_timeout_s + _BODY_GRACE_S,
        trusted=settings.trusted_proxies,
        on_refusal=count,
    )
    sys.setswitchinterval(_TURN_S)
    keep_for_good()
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=bounded(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # MAPPER_TRUSTED_PROXIES decides which X-Forwarded-For are trusted.
        proxy_headers=False,
        # Limits, kept answers, metrics and the kill switch belong to one process.
        workers=1,
    )


def _open_files() -> int:
    """Raises the limit of open files to its maximum and returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return int(hard) if hard != resource.RLIM_INFINITY else 1 << 20
