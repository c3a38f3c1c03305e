"""The images that `make images` built: started, asked, and compared with their lists."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import eventually, free_ports
from tests.helm.charts import container, render
from tests.helm.images.containers import Image, image
from tools.images.store import FOLDER, IMAGES, ROOT, name_of

pytestmark = [pytest.mark.slow, pytest.mark.images]

# Nobody has curated this detector, so a rule never answers for the model.
ASKED = {"detector": "a-guard-of-my-own", "output": "hate speech"}


def ask(url: str, body: Any = None) -> tuple[int, bytes]:
    """Status and body; 0 where nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


@pytest.fixture(scope="module")
def triton_image() -> Iterator[Image]:
    with image(name_of("triton")) as found:
        yield found


@pytest.fixture(scope="module")
def facade_image() -> Iterator[Image]:
    with image(name_of("facade")) as found:
        yield found


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@pytest.fixture(scope="module")
def triton(triton_image: Image, logs: Path) -> Iterator[dict[str, int]]:
    """A Triton started from its image with the chart's arguments, on ports of this machine."""
    ports = dict(zip(("http", "grpc", "metrics"), free_ports(3), strict=True))
    own = {f"--{name}-port": str(port) for name, port in ports.items()}
    own |= dict.fromkeys(("--grpc-address", "--metrics-address"), "127.0.0.1")
    given = [x.partition("=") for x in container(render(), "triton")["args"]]
    arguments = [f"{name}{is_}{own.get(name, value)}" for name, is_, value in given]
    log = logs / "triton.log"
    with triton_image.running(triton_image.command(arguments), log, MAPPER_THREADS="2") as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return ask(f"http://127.0.0.1:{ports['http']}/v2/models/mapper/ready")[0] == 200

        eventually(ready, 300)
        yield ports


@pytest.fixture(scope="module")
def facade(triton: dict[str, int], facade_image: Image, logs: Path) -> Iterator[str]:
    """Where a facade answers that was started from its image."""
    [port] = free_ports(1)
    url, log = f"http://127.0.0.1:{port}", logs / "facade.log"
    settings = {
        "MAPPER_HOST": "127.0.0.1",
        "MAPPER_PORT": str(port),
        "MAPPER_TRITON_URL": f"127.0.0.1:{triton['grpc']}",
    }
    with facade_image.running(facade_image.command(), log, **settings) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return ask(f"{url}/health")[0] == 200

        eventually(ready, 120)
        yield url


def test_triton_serves_the_models(triton: dict[str, int]) -> None:
    url = f"http://127.0.0.1:{triton['http']}/v2"
    for model in ("signal_reader", "llama_mapper", "mapping_guard", "mapper"):
        assert ask(f"{url}/models/{model}/ready")[0] == 200, model
    status, _ = ask(f"{url}/repository/index", {})
    assert status in (401, 403), "a client could load models"


def test_the_canary_runs_in_the_image(
    triton: dict[str, int], triton_image: Image, logs: Path
) -> None:
    """As the chart's probes call it."""
    [*command] = container(render(), "triton")["readinessProbe"]["exec"]["command"]
    command[command.index("--url") + 1] = f"http://127.0.0.1:{triton['http']}"
    with triton_image.running(command, logs / "canary.log") as process:
        assert process.wait(60) == 0, (logs / "canary.log").read_text()


def test_the_facade_answers_by_the_model(facade: str) -> None:
    def mapped() -> dict[str, Any]:
        status, body = ask(f"{facade}/map", ASKED)
        assert status == 200, body
        return json.loads(body)

    eventually(lambda: mapped()["source"] == "model", 120)
    assert [label.split(".")[:3] for label in mapped()["taxonomy"]] == [["HARM", "SPEECH", "Hate"]]


@pytest.mark.parametrize("path", ["/docs", "/taxonomy", "/detectors", "/version", "/metrics"])
def test_the_facade_has_its_files(facade: str, path: str) -> None:
    status, body = ask(f"{facade}{path}")
    assert status == 200
    assert body


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_in_it_belongs_to_its_user(
    name: str, triton_image: Image, facade_image: Image
) -> None:
    """Its user can change nothing, whatever the pod's file system allows."""
    found = {"triton": triton_image, "facade": facade_image}[name]
    user = int(found.config["User"].partition(":")[0])
    assert user > 0
    files = [x for x in (found.tree / "opt").rglob("*") if not x.is_symlink()]
    changeable = [x for x in files if (s := x.stat()).st_uid == user or s.st_mode & 0o002]
    closed = [x for x in files if not x.stat().st_mode & 0o004]
    assert (changeable, closed) == ([], [])


@pytest.mark.parametrize("name", IMAGES)
def test_the_bill_of_materials_lists_what_is_there(
    name: str, triton_image: Image, facade_image: Image
) -> None:
    found = {"triton": triton_image, "facade": facade_image}[name]
    document = json.loads((FOLDER / f"{name}.cdx.json").read_text("utf-8"))
    listed = {x["purl"].split("?")[0] for x in document["components"] if "purl" in x}
    packages = (found.tree / "opt/venv/lib/python3.11/site-packages").glob("*.dist-info")
    assert len(list(packages)) == sum(x.startswith("pkg:pypi/") for x in listed)
    debian = (found.tree / "var/lib/dpkg/status").read_text("utf-8").count("\nVersion: ")
    assert debian == sum(x.startswith("pkg:deb/") for x in listed)
    assert all(x.get("licenses") for x in document["components"] if "purl" in x)
    page = (ROOT / "docs" / "licences.md").read_text("utf-8")
    python = [x["name"] for x in document["components"] if x.get("purl", "").startswith("pkg:pypi")]
    assert [x for x in python if x not in page] == [], "make images BASE=mmdebstrap WRITE=1"
