"""`python -m client_api.upstream.probe`: one mapping through Triton's ensemble; exit 0 if answered.

In: Triton's HTTP address. Out: an exit status, and a line that says why. For the probes of
Triton's container: Triton's own health stays green when one of its Python models is dead. It needs
the standard library alone and imports nothing of the project, since a probe every few seconds
must not cost the model its cores.
"""

import argparse
import json
import random
import string
import sys
import urllib.error
import urllib.request
from enum import StrEnum
from typing import Any

DETECTOR = "canary"
# Reasons with which the ensemble answers without the model. `rules_only` is not among them: the
# kill switch must not remove the pods.
_WITHOUT_MODEL = frozenset({"model_error", "timeout", "overloaded"})


class Answerer(StrEnum):
    """The required answer: one of the model, or any valid one."""

    MODEL = "model"
    ANY = "any"


class CanaryError(Exception):
    """The mapping failed, or its answer is not the required one; the message has the reason."""


def new_output() -> str:
    """A new text for each call, so that no cache answers; no vocabulary has such words, so the
    model gets no draft either."""
    return f"qwyx zorble {''.join(random.choices(string.ascii_lowercase, k=12))}"


def ask(url: str, model: str, timeout_s: float) -> str:
    """Send one mapping; returns the fallback reason, empty if the model's answer stood.

    Raises CanaryError.
    """
    body = {"inputs": [_tensor("DETECTOR", DETECTOR), _tensor("OUTPUT", new_output())]}
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v2/models/{model}/infer",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            outputs = {o["name"]: o["data"] for o in json.load(response)["outputs"]}
        json.loads(outputs["MAPPING"][0])["taxonomy"][0]
        return str(outputs["FALLBACK_REASON"][0])
    except urllib.error.HTTPError as error:
        raise CanaryError(f"Triton answers {error.code}: {error.read(500).decode()}") from error
    except OSError as error:
        raise CanaryError(f"Triton does not answer: {error}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise CanaryError(f"Triton's answer is not a mapping: {error!r}") from error


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m client_api.upstream.probe")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="Triton's HTTP address")
    parser.add_argument("--model", default="mapper", help="the ensemble's name")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds")
    parser.add_argument("--answer", type=Answerer, default=Answerer.MODEL, choices=list(Answerer))
    args = parser.parse_args(argv)
    try:
        reason = ask(args.url, args.model, args.timeout)
    except CanaryError as error:
        print(error, file=sys.stderr)
        return 1
    if args.answer is Answerer.MODEL and reason in _WITHOUT_MODEL:
        print(f"the ensemble answers without the model: {reason}", file=sys.stderr)
        return 1
    return 0


def _tensor(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [text]}


if __name__ == "__main__":
    sys.exit(main())
