"""Without their environment (`make .venv-integrations/.built`) these tests are not collected."""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest

from llama_mapper import MapperClient, MapRequest
from tests.support.rules_facade import rules_facade

collect_ignore_glob = [] if find_spec("litellm") else ["test_*.py"]
if not collect_ignore_glob:
    # LiteLLM would ask the network for prices when it is imported, Guardrails AI would report its
    # use. Not where other tests run, which are about spans.
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OTEL_SDK_DISABLED": "true"}


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The facade; it answers by rules."""
    with rules_facade(tmp_path_factory.mktemp("facade")) as served:
        yield served


@pytest.fixture
def client(url: str) -> Iterator[MapperClient]:
    with MapperClient(url) as made:
        yield made


@pytest.fixture
def labels(client: MapperClient) -> Callable[[MapRequest], set[str]]:
    """The labels of the answer to a request."""

    def ask(request: MapRequest) -> set[str]:
        (event,) = client.map_many([request]).results
        assert event is not None
        return set(event.taxonomy)

    return ask
