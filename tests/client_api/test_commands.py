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


def test_the_commands_about_versions_read_the_repository_only(tmp_path: Path) -> None:
    done = run("versions", host="0.0.0.0", log_level="loud", model_repository=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is published" in done.stdout
