"""The bodies that the facade accepts."""

import pytest
from pydantic import ValidationError

from client_api.http.interface.bodies import MapRequest


@pytest.mark.parametrize("output", ["hate", "", {"flagged": True}, [{"label": "hate"}]])
def test_a_request_is_valid(output: object) -> None:
    body = {"detector": "d", "output": output}
    assert MapRequest.model_validate(body).output == output
    whole = {"tenant_id": "t", "metadata": {"any": "thing"}, "threshold": 0}
    assert MapRequest.model_validate(body | whole).output == output


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"output": "hate"},
        {"detector": "d"},
        {"detector": "", "output": "hate"},
        {"detector": " ", "output": "hate"},
        {"detector": 1, "output": "hate"},
        {"detector": "d", "output": None},
        {"detector": "d", "output": 0.5},
        {"detector": "d", "output": "hate", "threshold": 1.5},
        {"detector": "x" * 201, "output": "hate"},
        {"detector": "d", "output": "hate", "tenant_id": ""},
        {"detector": "d", "output": "hate", "threshold": True},
        {"detector": "d", "output": "hate", "metadata": "hint"},
        {"detector": "d", "output": "hate", "treshold": 0.5},
    ],
)
def test_a_wrong_request_is_refused(body: object) -> None:
    with pytest.raises(ValidationError):
        MapRequest.model_validate(body)
