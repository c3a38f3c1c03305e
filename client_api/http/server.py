"""The server under the application: uvicorn, with what a connection may cost.

In: the application and the settings. Out: a uvicorn configuration. Every program and test that
serves the facade over real sockets takes it from here.
"""

import resource

import uvicorn
from fastapi import FastAPI

from client_api.http.connection import ConnectionLimits, bounded
from client_api.settings import Settings
from schemas.contract import ErrorCode

# Of the files that the process may open: for Triton, Redis, files and listeners.
_OWN_FILES = 128
# A body may take its time in the application; the connection is ended a little later.
_BODY_GRACE_S = 5.0


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the facade is served. Raises the number of files that the process may open."""

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
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=bounded(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whose X-Forwarded-For is believed is MAPPER_TRUSTED_PROXIES' to say.
        proxy_headers=False,
        # Limits, kept answers, metrics and the kill switch are one process's.
        workers=1,
    )


def _open_files() -> int:
    """How many files the process may open, after asking for as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return int(hard) if hard != resource.RLIM_INFINITY else 1 << 20
