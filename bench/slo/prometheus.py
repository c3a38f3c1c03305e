"""A real Prometheus with the chart's rules, and its HTTP API.

In: targets, the rules' file. Out: answers to PromQL. Independent of metrics and objectives.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench.processes import eventually, free_ports

SCRAPE_S = 5
_MISSING = (
    "`prometheus` is not installed: run `apt-get install prometheus`; without it the service "
    "levels cannot be measured"
)


class MissingPrometheusError(RuntimeError):
    """The program is not installed; the message has the remedy."""


@dataclass(frozen=True, slots=True)
class Series:
    """Its labels, and its values by time in seconds; NaN-free."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


def time_lapse(rules: str, lapse: float) -> str:
    """The rules with `for:` and the evaluation interval shortened `lapse` times.

    The expressions are unchanged. Recorded series over 6 h and longer sum samples that are `lapse`
    times as frequent, in numerators and denominators alike, so that ratios stay right.
    """
    content = yaml.safe_load(rules)
    for group in content["groups"]:
        group["interval"] = _shorter(group["interval"], lapse)
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = _shorter(rule["for"], lapse)
    return yaml.safe_dump(content, sort_keys=False)


def seconds(span: str) -> int:
    """The seconds of a duration as written in the rules, such as `10m`."""
    found = re.fullmatch(r"(\d+)([smhd])", span)
    assert found is not None, f"{span!r} is not a duration"
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


class Prometheus:
    """One server on a free port; a context manager. Raises MissingPrometheusError."""

    def __init__(
        self, folder: Path, targets: Mapping[str, str], scrape_key: str, rules: str
    ) -> None:
        """targets: host and port by job; scrape_key: the facade's key for `/metrics`."""
        binary = shutil.which("prometheus")
        if binary is None:
            raise MissingPrometheusError(_MISSING)
        (folder / "rules.yaml").write_text(rules, encoding="utf-8")
        config = {
            "global": {"scrape_interval": f"{SCRAPE_S}s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                {
                    "job_name": job,
                    "authorization": {"credentials": scrape_key},
                    "static_configs": [{"targets": [target], "labels": {"namespace": "slo-test"}}],
                }
                for job, target in targets.items()
            ],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        address = f"127.0.0.1:{free_ports(1)[0]}"
        self.url = f"http://{address}"
        self._targets = len(targets)
        self._log = folder / "prometheus.log"
        self._command = [
            binary,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ]
        self._http = httpx.Client(base_url=self.url, timeout=30.0)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Prometheus":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            eventually(self._scrapes)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def at(self, query: str, when: float) -> list[Series]:
        """The query's series at a time (seconds since 1970)."""
        found = self._ask("query", query=query, time=when)
        return [Series(one["metric"], _points([one["value"]])) for one in found]

    def over(self, query: str, start: float, end: float, step_s: float) -> list[Series]:
        """The query's series between two times."""
        found = self._ask("query_range", query=query, start=start, end=end, step=step_s)
        return [Series(one["metric"], _points(one["values"])) for one in found]

    def _ask(self, what: str, **parameters: Any) -> list[dict[str, Any]]:
        response = self._http.post(f"/api/v1/{what}", data=parameters)
        body = response.json()
        assert body["status"] == "success", f"{parameters['query']}: {body.get('error')}"
        result = body["data"]["result"]
        if body["data"]["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        found: list[dict[str, Any]] = result
        return found

    def _scrapes(self) -> bool:
        """Whether every target has been read."""
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(encoding="utf-8")[-3000:]
        try:
            body = self._http.get("/api/v1/query", params={"query": "sum(up)"}).json()
        except (httpx.TransportError, ValueError):  # not yet, or "Service Unavailable"
            return False
        values = body["data"]["result"]
        return bool(values) and int(values[0]["value"][1]) == self._targets


def _points(values: list[list[Any]]) -> tuple[tuple[float, float], ...]:
    read = ((float(when), float(value)) for when, value in values)
    return tuple(point for point in read if not math.isnan(point[1]))


def _shorter(span: str, lapse: float) -> str:
    return f"{max(1, round(seconds(span) / lapse))}s"
