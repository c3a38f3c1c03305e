"""Starts the real Triton and the facade for tests, on free ports.

Not in conftest.py: the tests of `export` run in another environment, without a server.
"""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import tiny_llama
import uvicorn

from client_api.__main__ import MODELS
from client_api.app import create_app
from client_api.settings import Settings
from client_api.triton_server import LocalTriton, Ports

ROOT = Path(__file__).parent.parent


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until it holds; fail when it never does."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def local_triton(repository: Path) -> LocalTriton:
    """A Triton on free ports; not started."""
    return LocalTriton(repository, MODELS, ready_model="mapper", ports=Ports(*free_ports(3)))


@contextmanager
def running_facade(settings: Settings) -> Iterator[str]:
    """The facade over real HTTP; yields its URL."""
    config = uvicorn.Config(
        create_app(settings), host=settings.host, port=settings.port, log_config=None
    )
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
    model's answer and not about its speed.
    """

    triton: LocalTriton
    url: str
    http: httpx.Client
    budget: dict[str, str]

    def model_answers(self) -> bool:
        """Whether the facade's canary gets through."""
        return self.http.get("/health/model").status_code == 200


@contextmanager
def running_stack(repository: Path) -> Iterator[Stack]:
    """Both, on free ports, ready."""
    with local_triton(repository) as triton:
        settings = Settings(port=free_ports(1)[0], triton_url=triton.grpc_url)
        with (
            running_facade(settings) as url,
            httpx.Client(base_url=url, timeout=60.0) as http,
        ):
            stack = Stack(triton, url, http, {"X-Budget-Ms": "20000"})
            eventually(stack.model_answers)
            yield stack


def published_models() -> Path:
    """The model repository of this checkout."""
    repository = ROOT / Settings().model_repository
    assert list(repository.glob("llama_mapper/[0-9]*/manifest.json")), (
        "no published model: run `make export-model` first"
    )
    return repository


def tiny_models(repository: Path) -> Path:
    """A repository of the project's models with a tiny random Llama."""
    shutil.copytree(
        ROOT / "model_repository", repository, ignore=shutil.ignore_patterns("llama_mapper")
    )
    model = repository / "llama_mapper"
    model.mkdir()
    for name in ("config.pbtxt", "model.py"):
        shutil.copy(ROOT / "model_repository" / "llama_mapper" / name, model)
    publish_tiny(model / "1", seed=1)
    return repository


def publish_tiny(directory: Path, *, seed: int) -> None:
    """A version of a tiny random Llama that writes JSON text, as the export publishes one."""
    tiny_llama.publish(directory, seed=seed)
    shutil.copy(directory.parent / "model.py", directory)
