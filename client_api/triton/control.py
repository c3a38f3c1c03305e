"""Loads model versions into a running Triton, and lists the loaded ones.

In: the socket that Triton's launcher made. Out: the effect, or TritonError. Uses Triton's
repository API; independent of processes.
"""

import compileall
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from client_api.triton.install import LoadError, TritonError
from engine.versions import ControlAddress

_INDEX_TIMEOUT_S = 2.0


def write_bytecode(folder: Path) -> None:
    """Write the bytecode that Python would write while it loads the models below the folder.

    Triton treats new bytecode as a change of the model. When it loads an ensemble, it reloads
    changed models by their own version policy. A read-only folder is left unchanged.
    """
    compileall.compile_dir(folder, quiet=2)


class TritonControl:
    """The repository API of one Triton."""

    def __init__(self, path: str, repository: Path, trials: Path | None = None) -> None:
        """path: of Triton's socket; repository: the one that Triton serves; trials: Triton's second
        repository, for versions that are not to be served yet."""
        self._path = path
        self._trials = trials
        self._repository = repository

    @classmethod
    def at(cls, address: ControlAddress, repository: Path) -> Self:
        """For a Triton that this project launched."""
        trials = Path(address.trials) if address.trials else None
        return cls(address.http, repository, trials)

    def load(
        self,
        model: str,
        versions: Sequence[int] | None = None,
        *,
        timeout_s: float,
        anew: bool = False,
    ) -> None:
        """Load a model. versions: exactly these, regardless of its configuration; anew: reload also
        loaded versions, with new processes.

        Raises LoadError with Triton's reason when a version does not load; the versions that were
        served before stay in service. Raises TritonError when Triton does not answer.
        """
        body: dict[str, Any] = {}
        if versions is not None or anew:
            for version in versions or ():
                write_bytecode(self._repository / model / str(version))
            body = {"parameters": {"config": self._changed(model, versions or (), anew)}}
        self._post(f"models/{model}/load", body, timeout_s)

    def loaded(self, model: str) -> tuple[int, ...]:
        """Versions of the model that are ready, ascending; an ensemble's step uses the last.

        Raises TritonError when Triton does not answer.
        """
        return tuple(sorted(version for name, version in self.ready() if name == model))

    def ready(self) -> tuple[tuple[str, int], ...]:
        """Models with their ready versions. Raises TritonError when Triton does not answer."""
        answer = self._post("index", {"ready": True}, _INDEX_TIMEOUT_S)
        try:
            return tuple((str(e["name"]), int(e["version"])) for e in json.loads(answer))
        except (ValueError, KeyError, TypeError) as error:
            raise TritonError(f"Triton's index cannot be read: {error!r}") from error

    @contextmanager
    def on_trial(self, model: str, version: int, *, timeout_s: float) -> Iterator[str]:
        """Load a version under another name, which no ensemble uses; yields that name.

        Raises as `load` does.
        """
        name = f"{model}_trial"
        try:
            self.load_beside(model, version, name, timeout_s=timeout_s)
            yield name
        finally:
            self.unload(name, timeout_s=timeout_s)

    def load_beside(self, model: str, version: int, name: str, *, timeout_s: float) -> None:
        """Load a version of a model as a model of another name, which no ensemble uses.

        Raises as `load` does.
        """
        if self._trials is None:
            raise TritonError("this Triton has no folder to try a version: restart it")
        folder = self._trials / name
        write_bytecode(self._repository / model / str(version))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / str(version)).symlink_to((self._repository / model / str(version)).resolve())
        config = self._config(model)
        config.name = name
        config.version_policy.specific.versions.append(version)
        (folder / "config.pbtxt").write_text(text_format.MessageToString(config), encoding="utf-8")
        self.load(name, timeout_s=timeout_s)

    def unload(self, name: str, *, timeout_s: float) -> None:
        """Unload a model of `load_beside`, if it is loaded."""
        with suppress(TritonError):
            self._post(f"models/{name}/unload", {}, timeout_s)
        if self._trials is not None:
            shutil.rmtree(self._trials / name, ignore_errors=True)

    def _changed(self, model: str, versions: Sequence[int], anew: bool) -> str:
        """The model's configuration with another version policy, as JSON."""
        config = self._config(model)
        if versions:
            config.version_policy.specific.versions.extend(versions)
        if anew:  # Triton keeps what it has unless the configuration differs
            config.parameters["anew"].string_value = secrets.token_hex(8)
        json_text: str = json_format.MessageToJson(config, preserving_proto_field_name=True)
        return json_text

    def _config(self, model: str) -> Any:
        text = (self._repository / model / "config.pbtxt").read_text(encoding="utf-8")
        return text_format.Parse(text, model_config_pb2.ModelConfig())

    def _post(self, path: str, body: Mapping[str, Any], timeout_s: float) -> bytes:
        transport = httpx.HTTPTransport(uds=self._path)
        try:
            with httpx.Client(transport=transport, timeout=timeout_s) as client:
                answer = client.post(f"http://triton/v2/repository/{path}", json=dict(body))
        except httpx.HTTPError as error:
            raise TritonError(f"Triton does not answer to {path}: {error}") from error
        if answer.is_error:
            raise LoadError(f"Triton refuses {path}: {answer.text}")
        return answer.content
