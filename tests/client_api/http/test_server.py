"""How a process serves; each in a process of its own, since it sets the process up."""

import subprocess
import sys

import httpx
import pytest

#: Of some 300,000 that are loaded.
MOST_OBJECTS = 5_000

FACADE = """
from client_api.app import create_app
from client_api.http.server import server_config
from client_api.settings import Settings
served = server_config(create_app(Settings()), Settings())
"""
STEP = """
import runpy, sys
from unittest.mock import MagicMock
sys.modules["triton_python_backend_utils"] = MagicMock()
served = runpy.run_path("model_repository/{}/1/model.py")["TritonPythonModel"]()
served.initialize({{}})
"""


@pytest.mark.parametrize(
    "program",
    [FACADE, STEP.format("signal_reader"), STEP.format("mapping_guard")],
    ids=["facade", "signal_reader", "mapping_guard"],
)
def test_a_full_round_of_the_garbage_collector_finds_little_to_look_at(program: str) -> None:
    """A round over all that is loaded would stop every thread for 0.17 s."""
    told = f"{program}\nimport gc; print(len(gc.get_objects()), gc.get_freeze_count())"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    looked_at, kept = map(int, done.stdout.split())
    assert kept > 10 * MOST_OBJECTS
    assert looked_at < MOST_OBJECTS


def test_an_idle_connection_outlasts_those_of_clients_and_proxies() -> None:
    """Else a request leaves on a connection that is being closed, and is lost."""
    told = f"{FACADE}\nprint(served.timeout_keep_alive)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert int(done.stdout) > max(60, httpx.Limits().keepalive_expiry or 0)
