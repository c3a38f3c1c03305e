"""The other way to answer: a Llama that writes the candidate JSON as text, label by label.

In: a base checkpoint, the answers and how a label is spelled. Out: a model that `Trainer` fits
with the loss on the answer's tokens alone, and answers decoded greedily among the allowed texts.
Answers with one token (`export.training.model`) are compared with it; nothing here is published.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from engine.decoder import candidate_text
from export.checkpoint.base import Checkpoint
from export.data.items import Example
from export.training.model import Answer, LabelModel, new_label_model
from export.training.train import Trainer
from schemas.taxonomy import load_taxonomy

_BATCH = 64


class Way(StrEnum):
    """The form of a model's answer."""

    TOKEN = "label-token"
    DOTTED = "dotted-names"
    SHORT = "short-forms"


def short_forms(names: Sequence[str]) -> dict[str, str]:
    """Each dotted name by the shortest sequence of last parts that no other name ends with."""
    parts = {name: name.split(".") for name in names}

    def short(name: str) -> str:
        own = parts[name]
        for count in range(1, len(own)):
            if all(other[-count:] != own[-count:] for n, other in parts.items() if n != name):
                return ".".join(own[-count:])
        return name

    return {name: short(name) for name in names}


def texts_of(way: Way, answers: Iterable[Answer]) -> dict[Answer, str]:
    """The text of each answer. Raises ValueError for a way that writes no text."""
    names = load_taxonomy().names
    match way:
        case Way.DOTTED:
            spelled = {name: name for name in names}
        case Way.SHORT:
            spelled = short_forms(names)
        case _:
            raise ValueError(f"{way}: an answer is not a text")
    return {answer: candidate_text(spelled[label] for label in answer) for answer in answers}


@dataclass(slots=True)
class _Node:
    """A place within the allowed texts; the answer is complete if there is no next token."""

    next: dict[int, "_Node"] = field(default_factory=dict)
    answer: Answer = ()


class TextModel(LabelModel):
    """Base + LoRA, with the base's own head. Only the LoRA is trainable: `rows` is empty."""

    def __init__(self, label_model: LabelModel, base: Checkpoint, texts: Mapping[Answer, str]):
        """label_model: its LoRA and encoder are used; texts: the allowed texts."""
        super().__init__(label_model.peft, label_model.encoder, torch.zeros(0), base)
        self.tokens = {a: self.encoder.continuation_ids(text) for a, text in texts.items()}
        self.start = _Node()
        for answer, ids in self.tokens.items():
            node = self.start
            for token in ids:
                node = node.next.setdefault(token, _Node())
            node.answer = answer

    @property
    def head(self) -> Tensor:
        """The base's output embedding [vocabulary, hidden]."""
        return self.peft.base_model.model.get_output_embeddings().weight

    def states(
        self, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """For each row the states [1 + written, hidden] that decide the token after the prompt
        and after each written one. The common prefix of all prompts runs once, as in
        `LabelModel`."""
        fewest = min(map(len, prompts)) - 1  # every row reads its prompt's last token itself
        columns = zip(*(prompt[:fewest] for prompt in prompts), strict=True)
        common = next((i for i, tokens in enumerate(columns) if len(set(tokens)) > 1), fewest)
        rests = [[*p[common:], *w] for p, w in zip(prompts, written, strict=True)]
        ids = torch.zeros(len(rests), max(map(len, rests)), dtype=torch.long)
        for row, rest in enumerate(rests):
            ids[row, : len(rest)] = torch.tensor(rest)
        shared = self.read_once(prompts[0][:common], len(rests))
        hidden = self._llama()(input_ids=ids.to(self.device), past_key_values=shared)
        return [
            hidden.last_hidden_state[row, len(rest) - len(w) - 1 : len(rest)]
            for row, (rest, w) in enumerate(zip(rests, written, strict=True))
        ]


def new_text_model(base: Checkpoint, texts: Mapping[Answer, str], rank: int) -> TextModel:
    """A new model, with the LoRA that a label model of this rank begins with."""
    return TextModel(new_label_model(base, list(texts), rank), base, texts)


class TextTrainer(Trainer):
    """`Trainer` with the mean cross-entropy over the answers' tokens as its loss."""

    _model: TextModel

    def _asked(self, batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
        encode = self._model.encoder.suffix_ids
        texts = [self._model.tokens[e.answer] for e in batch]
        states = self._model.states(
            [encode(e.detector, e.signal) for e in batch], [text[:-1] for text in texts]
        )
        wanted = torch.tensor([token for text in texts for token in text])
        return torch.cat(states).float() @ self._model.head.t(), wanted.to(self._model.device)


@dataclass(slots=True)
class Written:
    """A partial answer, and its passes: one per place with more than one next token.

    Tokens without an alternative are computed in the next pass, and those at the end need none, as
    in `engine.text.decoder`.
    """

    prompt: Sequence[int]
    node: _Node
    tokens: list[int] = field(default_factory=list)
    passes: int = 0

    @property
    def answer(self) -> Answer:
        """The complete answer; None before."""
        return self.node.answer

    def take(self, token: int) -> None:
        """Write a token, and those that must follow it."""
        self.tokens.append(token)
        self.node = self.node.next[token]
        self.skip()

    def skip(self) -> None:
        """Write the tokens that have no alternative."""
        while len(self.node.next) == 1:
            [(token, self.node)] = self.node.next.items()
            self.tokens.append(token)


@torch.inference_mode()  # type: ignore[untyped-decorator]  # torch is not where mypy runs
def write(model: TextModel, prompts: Sequence[Sequence[int]]) -> list[Written]:
    """Greedy answers to prompt suffixes, order kept."""
    model.eval()
    rows = [Written(prompt, model.start) for prompt in prompts]
    ordered = sorted(rows, key=lambda row: len(row.prompt))
    for start in range(0, len(ordered), _BATCH):
        part = ordered[start : start + _BATCH]
        for row in part:
            row.skip()
        while live := [row for row in part if row.node.next]:
            states = model.states([row.prompt for row in live], [row.tokens for row in live])
            for row, state in zip(live, states, strict=True):
                allowed = list(row.node.next)
                scores = state[-1].float() @ model.head[allowed].t()
                row.passes += 1
                row.take(allowed[int(scores.argmax())])
    return rows
