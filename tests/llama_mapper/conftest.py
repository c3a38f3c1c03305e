"""The client of both kinds, and a facade."""

import sys
from collections.abc import Iterator

import pytest
import structlog

from bench.processes import free_ports
from client_api.settings import Settings
from tests.support.both_clients import Both
from tests.support.fake_model import FakeGateway
from tests.support.serving import running_facade


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


@pytest.fixture(scope="package", autouse=True)
def logs_of_the_facade() -> Iterator[None]:
    """They go to the real standard error: a command under test has the other one."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The facade over a fake model."""
    kept = tmp_path_factory.mktemp("facade") / "mode.json"
    settings = Settings(port=free_ports(1)[0], mode_state_file=kept)
    with running_facade(settings, lambda _: FakeGateway()) as served:
        yield served
