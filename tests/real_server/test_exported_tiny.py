"""A Llama of another size and tokenizer goes through export and is served like ours."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.processes import ROOT
from schemas.event import event_errors
from tests.support.serving import running_stack, tiny_models

pytestmark = [pytest.mark.triton, pytest.mark.export]

EXPORT = ROOT / ".venv-export" / "bin" / "python"


def test_another_llama_is_exported_and_served(tmp_path: Path) -> None:
    repository = tiny_models(tmp_path / "models")
    shutil.rmtree(repository / "llama_mapper" / "1")
    checkpoint = tmp_path / "another-llama"
    make = "tests.export.tiny_checkpoint"
    quiet = os.environ | {"HF_HUB_OFFLINE": "1"}
    subprocess.run([EXPORT, "-m", make, checkpoint], check=True, env=quiet, cwd=ROOT)
    subprocess.run(
        [
            *(EXPORT, "-m", "export.publishing.publish"),
            *("--model", checkpoint, "--adapter", "none"),
            *("--force", "1"),  # no random Llama passes the quality gate
            *("--model-folder", repository / "llama_mapper"),
        ],
        check=True,
        env=quiet,
        cwd=ROOT,
    )
    manifest = json.loads((repository / "llama_mapper" / "1" / "manifest.json").read_text())
    assert manifest["writes"] == {"kind": "text"}

    with running_stack(repository) as stack:
        body = {"detector": "presidio", "output": "US_SSN|EMAIL_ADDRESS", "threshold": 0}
        answer = stack.http.post("/map", json=body, headers=stack.budget).json()

    assert set(answer["taxonomy"]) == {"PII.Identifier.SSN", "PII.Contact.Email"}
    assert answer["version_info"]["model"] == manifest["model_id"]
    event = {
        k: answer[k]
        for k in ("taxonomy", "scores", "confidence", "notes", "provenance", "policy_context")
    }
    assert event_errors(event) == []
