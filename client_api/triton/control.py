"""Loads model versions into a running Triton, and says which are loaded.

In: where Triton listens and the token that its launcher made. Out: the effect, or TritonError.
Knows Triton's repository API; nothing of processes.
"""

import compileall
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from client_api.triton.install import LoadError, TritonError

_INDEX_TIMEOUT_S = 2.0
CONTROL_KEY = "mapper-control"


class TritonControl:
    """The repository API of one Triton."""

    def __init__(self, http_url: str, headers: Mapping[str, str], repository: Path) -> None:
        """headers: what the launcher wants to see; repository: the one that Triton serves."""
        self._url = f"http://{http_url}/v2/repository"
        self._headers = dict(headers)
        self._repository = repository

    @classmethod
    def with_token(cls, http_url: str, token: str, repository: Path) -> Self:
        """For a Triton that this project launched."""
        return cls(http_url, {CONTROL_KEY: token}, repository)

    def load(self, model: str, versions: Sequence[int] | None = None, *, timeout_s: float) -> None:
        """Load a model; versions: these and no others, whatever its configuration says.

        Raises LoadError with Triton's reason when a version does not load, and what was served
        before is served then; TritonError when Triton does not answer.
        """
        body: dict[str, Any] = {}
        if versions is not None:
            self._compile(model, versions)
            body = {"parameters": {"config": self._only(model, versions)}}
        self._post(f"models/{model}/load", body, timeout_s)

    def loaded(self, model: str) -> tuple[int, ...]:
        """Versions of the model that are ready, ascending; an ensemble's step takes the last.

        Raises TritonError when Triton does not say.
        """
        entries = json.loads(self._post("index", {"ready": True}, _INDEX_TIMEOUT_S))
        return tuple(sorted(int(e["version"]) for e in entries if e["name"] == model))

    def published(self, model: str) -> tuple[int, ...]:
        """Versions of the model in the repository, ascending, loaded or not."""
        folders = (self._repository / model).glob("[0-9]*")
        return tuple(sorted(int(f.name) for f in folders if f.name.isdecimal()))

    def _only(self, model: str, versions: Sequence[int]) -> str:
        """The model's configuration with another version policy, as JSON."""
        text = (self._repository / model / "config.pbtxt").read_text(encoding="utf-8")
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        config.version_policy.specific.versions.extend(versions)
        json_text: str = json_format.MessageToJson(config, preserving_proto_field_name=True)
        return json_text

    def _compile(self, model: str, versions: Sequence[int]) -> None:
        """Write the bytecode that Python would write while it loads the versions. Triton would take
        that for a change to the model, and drop `versions` when it next loads the ensemble.
        """
        for version in versions:
            # A repository that is read-only stays as it is, too.
            compileall.compile_dir(self._repository / model / str(version), quiet=2)

    def _post(self, path: str, body: Mapping[str, Any], timeout_s: float) -> bytes:
        request = urllib.request.Request(
            f"{self._url}/{path}", json.dumps(body).encode(), self._headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            reason = error.read().decode("utf-8", errors="replace")
            raise LoadError(f"Triton refuses {path}: {reason}") from error
        except OSError as error:
            raise TritonError(f"Triton does not answer to {path}: {error}") from error
