"""`python -m bench.contenders.nearest_app FOLDER THREADS PORT`: an embedding classifier on FastAPI.

The usual solution of a team: a sentence encoder, a matrix of known phrases, and the label of the
nearest. It answers `POST /map` with the fields of the event that the bench reads.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench.contenders.sentences import VECTORS, Graph


class Item(BaseModel):
    detector: str
    output: str


def create_app(folder: Path, threads: int) -> FastAPI:
    """folder: one that `bench.making.classifiers` wrote."""
    graph, vectors = Graph(folder, threads), np.load(folder / VECTORS)
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/map")
    def classify(item: Item) -> dict[str, Any]:
        [cosines] = graph.run([item.output]) @ vectors.T
        best = int(cosines.argmax())
        return {
            "taxonomy": graph.answers[best],
            "confidence": float(cosines[best]),
            "fallback_reason": None,
        }

    return app


if __name__ == "__main__":
    app = create_app(Path(sys.argv[1]), int(sys.argv[2]))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")
