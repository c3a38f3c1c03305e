"""What the commands say of wrong settings, and which settings each of them reads."""

import os
import subprocess
import sys
from pathlib import Path


def run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    environment = {f"MAPPER_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "client_api", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unknown_log_level_is_refused_with_its_name() -> None:
    done = run("facade", log_level="loud")
    assert done.returncode == 1
    assert "log_level" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_name_of_a_setting_is_refused_with_the_one_that_was_meant() -> None:
    done = run("facade", prot=8081)
    assert done.returncode == 1
    assert done.stderr == "error: MAPPER_PROT is not a setting; did you mean MAPPER_PORT?\n"


def test_the_callers_own_names_are_no_unknown_settings() -> None:
    done = run("facade", key="lm_", tenant="acme", url="http://127.0.0.1:8080", log_level="loud")
    assert "log_level" in done.stderr
    assert "is not a setting" not in done.stderr


def test_the_commands_about_versions_read_the_repository_only(tmp_path: Path) -> None:
    done = run("versions", host="0.0.0.0", log_level="loud", model_repository=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is published" in done.stdout


def test_unknown_commands_and_arguments_are_wrong_usage() -> None:
    assert [run(*wrong).returncode for wrong in (("fly",), ("serve", "now"), ("facade", "-x"))] == [
        2,
        2,
        2,
    ]


def test_help_lists_the_commands() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("serve", "facade", "keys", "versions", "promote", "rollback"):
        assert command in done.stdout
