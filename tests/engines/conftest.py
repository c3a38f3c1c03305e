"""Without their environment (`make .venv-engines/.built`) these tests are not collected."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import httpx
import pytest

from bench.processes import stand_ins
from llama_mapper import MapperClient, MapRequest
from llama_mapper.bulk import PairMapper
from tests.support.rules_facade import rules_facade

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]

DETECTOR = "presidio"
OUTPUTS = ("US_SSN", "EMAIL_ADDRESS", "PERSON", "IBAN_CODE", "nothing that is known")


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The facade; it answers by rules."""
    with rules_facade(tmp_path_factory.mktemp("facade")) as served:
        yield served


@pytest.fixture(scope="session")
def expected(url: str) -> dict[str, tuple[str, ...]]:
    """The labels of each of `OUTPUTS`."""
    with MapperClient(url) as client:
        results = client.map_many([MapRequest(DETECTOR, output) for output in OUTPUTS]).results
    return {o: e.taxonomy for o, e in zip(OUTPUTS, results, strict=True) if e is not None}


@pytest.fixture(scope="session")
def triton() -> Iterator[PairMapper]:
    """Two stand-ins of Triton; they answer by rules, as the facade does."""
    from llama_mapper.bulk.triton import TritonEndpoints  # not where these are not collected

    with stand_ins(2, item_s=0) as addresses:
        yield TritonEndpoints(addresses)


@pytest.fixture
def asked(url: str) -> Callable[[], float]:
    """How many items the service was asked since the test began."""

    def count() -> float:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        return sum(float(x.split()[-1]) for x in lines if x.startswith("mapper_requests_total{"))

    before = count()
    return lambda: count() - before
