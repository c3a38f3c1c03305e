"""The client's closed sets are the service's."""

from enum import StrEnum

import pytest

from llama_mapper import contract as client
from schemas import contract as service


@pytest.mark.parametrize("name", ["Mode", "Source", "FallbackReason", "ErrorCode"])
def test_the_client_knows_every_member_of_the_service(name: str) -> None:
    known: type[StrEnum] = getattr(client, name)
    served: type[StrEnum] = getattr(service, name)
    assert [(x.name, x.value) for x in known] == [(x.name, x.value) for x in served]
