"""A model repository with the ensemble as served, and the models for comparison.

In: the project's repository. Out: a copy with the served version, with `noop`, the same ensemble
with steps that compute nothing, and with `fused`, its three steps in one Python model.
"""

import shutil
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from bench.harness import assets
from bench.harness.stack import served_alone
from client_api.__main__ import MODELS

ENSEMBLE, NOOP, FUSED = "mapper", "noop", "fused"
STEPS = tuple(model for model in MODELS if model != ENSEMBLE)
#: The models loaded after the ensemble, each after those that it needs.
COMPARED = (FUSED, *(f"{NOOP}_{step}" for step in STEPS), NOOP)


def write(folder: Path) -> Path:
    """Make the repository; returns its folder."""
    served_alone(folder)
    for step in STEPS:
        config = _config(folder, step)
        config.name = f"{NOOP}_{step}"
        config.ClearField("version_policy")
        _place(folder, config, "noop_model.py")
    noop = _config(folder, ENSEMBLE)
    noop.name = NOOP
    for step in noop.ensemble_scheduling.step:
        step.model_name = f"{NOOP}_{step.model_name}"
    _place(folder, noop)
    _place(folder, _fused(folder), "fused_model.py")
    return folder


def _fused(folder: Path) -> Any:
    version = assets.served_version()
    model, config = _config(folder, version.parent.name), _config(folder, ENSEMBLE)
    config.name, config.backend, config.platform = FUSED, model.backend, ""
    config.dynamic_batching.SetInParent()  # as in every step; an ensemble has another scheduler
    config.instance_group.extend(model.instance_group)
    for name, value in model.parameters.items():
        config.parameters[name].CopyFrom(value)
    config.parameters["version"].string_value = str(version)
    return config


def _config(folder: Path, model: str) -> Any:
    text = (folder / model / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def _place(folder: Path, config: Any, code: str | None = None) -> None:
    version = folder / config.name / "1"
    version.mkdir(parents=True)
    text = text_format.MessageToString(config)
    (version.parent / "config.pbtxt").write_text(text, encoding="utf-8")
    if code:
        shutil.copy(Path(__file__).with_name(code), version / "model.py")
