"""Starts the real Triton and the facade for tests, on free ports.

Not in conftest.py: the tests of `export` run in another environment, without a server.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from bench.processes import ROOT, eventually, free_ports
from client_api.__main__ import MODELS
from client_api.app import create_app
from client_api.http.server import server_config
from client_api.mapping.gateway import ModelGateway
from client_api.settings import Settings
from client_api.triton.server import LocalTriton, Ports
from tests.support import tiny_llama

#: Lets a caller give the model time.
POLICIES = "defaults: {budget_cap_ms: 60000}\n"


def local_triton(repository: Path, **files: Path) -> LocalTriton:
    """A Triton on free ports; not started. files: by the setting of the facade that names them."""
    return LocalTriton(
        repository,
        MODELS,
        ready_model="mapper",
        ports=Ports(*free_ports(3)),
        extra_env={f"MAPPER_{name.upper()}": str(path) for name, path in files.items()},
    )


@contextmanager
def running_facade(settings: Settings, *gateway: Callable[..., ModelGateway]) -> Iterator[str]:
    """The facade over real HTTP; yields its URL. gateway: another one than Triton's."""
    config = server_config(create_app(settings, *gateway), settings)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://{settings.host}:{settings.port}"
    try:
        eventually(lambda: server.started)
        yield url
    finally:
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Stack:
    """A running Triton and a running facade.

    budget: a header that gives the model time even on a busy machine, where a test is about the
    model's answer and not about its speed. policies: the file that both read; allows that budget.
    detectors: the folder of detector files that both read; empty.
    """

    triton: LocalTriton
    url: str
    http: httpx.Client
    budget: dict[str, str]
    policies: Path
    detectors: Path

    def model_answers(self) -> bool:
        """Whether the facade's canary gets through."""
        return self.http.get("/health/model").status_code == 200


@contextmanager
def running_stack(repository: Path, **settings: Any) -> Iterator[Stack]:
    """Both, on free ports, ready. settings: the facade's; Triton reads `review_dir` and `views_dir`
    as well."""
    with tempfile.TemporaryDirectory() as folder:
        policies = Path(folder) / "policies.yaml"
        policies.write_text(POLICIES)
        detectors = Path(folder) / "detectors"
        detectors.mkdir()
        files = {"policies_file": policies, "detectors_dir": detectors}
        mode = {"mode_state_file": Path(folder) / "mode.json"}
        shared = {name: settings[name] for name in ("review_dir", "views_dir") if name in settings}
        with local_triton(repository, **files, **shared) as triton:
            port = free_ports(1)[0]
            own = Settings(port=port, triton_url=triton.grpc_url, **(files | mode | settings))
            with (
                running_facade(own) as url,
                httpx.Client(base_url=url, timeout=60.0) as http,
            ):
                stack = Stack(triton, url, http, {"X-Budget-Ms": "20000"}, policies, detectors)
                eventually(stack.model_answers)
                yield stack


def tiny_models(repository: Path) -> Path:
    """A repository of the project's models with a tiny random Llama."""
    shutil.copytree(
        ROOT / "model_repository",
        repository,
        ignore=shutil.ignore_patterns("llama_mapper", ".*.json"),
    )
    model = repository / "llama_mapper"
    model.mkdir()
    for name in ("config.pbtxt", "model.py"):
        shutil.copy(ROOT / "model_repository" / "llama_mapper" / name, model)
    publish_tiny(model / "1", seed=1)
    return repository


def publish_tiny(directory: Path, *, seed: int) -> None:
    """A version of a tiny random Llama that writes JSON text, as the export publishes one."""
    directory.mkdir(exist_ok=True)
    shutil.copy(directory.parent / "model.py", directory)
    tiny_llama.publish(directory, seed=seed)
