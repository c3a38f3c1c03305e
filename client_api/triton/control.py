"""Loads model versions into a running Triton, and says which are loaded.

In: where Triton listens and the token that its launcher made. Out: the effect, or TritonError.
Knows Triton's repository API; nothing of processes.
"""

import compileall
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from client_api.triton.install import LoadError, TritonError
from engine.versions import ControlAddress

_INDEX_TIMEOUT_S = 2.0
CONTROL_KEY = "mapper-control"


class TritonControl:
    """The repository API of one Triton."""

    def __init__(
        self,
        http_url: str,
        headers: Mapping[str, str],
        repository: Path,
        trials: Path | None = None,
    ) -> None:
        """headers: what the launcher wants to see; repository: the one that Triton serves; trials:
        another one that it looks into, for versions that nobody is to meet yet."""
        self._trials = trials
        self._url = f"http://{http_url}/v2/repository"
        self._headers = dict(headers)
        self._repository = repository

    @classmethod
    def at(cls, address: ControlAddress, repository: Path) -> Self:
        """For a Triton that this project launched."""
        trials = Path(address.trials) if address.trials else None
        return cls(address.http, {CONTROL_KEY: address.token}, repository, trials)

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

    @contextmanager
    def on_trial(self, model: str, version: int, *, timeout_s: float) -> Iterator[str]:
        """Load a version under another name, which no ensemble follows; yields that name.

        Raises as `load` does.
        """
        if self._trials is None:
            raise TritonError("this Triton has no place to try a version: restart it")
        name, folder = f"{model}_trial", self._trials / f"{model}_trial"
        self._compile(model, [version])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / str(version)).symlink_to(self._repository / model / str(version))
        config = self._config(model)
        config.name = name
        config.version_policy.specific.versions.append(version)
        (folder / "config.pbtxt").write_text(text_format.MessageToString(config), encoding="utf-8")
        try:
            self.load(name, timeout_s=timeout_s)
            yield name
        finally:
            with suppress(TritonError):
                self._post(f"models/{name}/unload", {}, timeout_s)
            shutil.rmtree(folder, ignore_errors=True)

    def published(self, model: str) -> tuple[int, ...]:
        """Versions of the model in the repository, ascending, loaded or not. A link is none: what
        it leads to may change, or belong to somebody else."""
        folders = (self._repository / model).glob("[0-9]*")
        return tuple(
            sorted(
                int(f.name)
                for f in folders
                if f.name.isascii() and f.name.isdecimal() and not f.is_symlink()
            )
        )

    def _only(self, model: str, versions: Sequence[int]) -> str:
        """The model's configuration with another version policy, as JSON."""
        config = self._config(model)
        config.version_policy.specific.versions.extend(versions)
        json_text: str = json_format.MessageToJson(config, preserving_proto_field_name=True)
        return json_text

    def _config(self, model: str) -> Any:
        text = (self._repository / model / "config.pbtxt").read_text(encoding="utf-8")
        return text_format.Parse(text, model_config_pb2.ModelConfig())

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
