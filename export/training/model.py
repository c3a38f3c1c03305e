"""The Llama that answers with one token: base weights, a LoRA, and one output row per answer.

In: token ids of prompt suffixes. Out: a score for every answer, read at each prompt's last
position. An answer's token is only an output, so its row is not in the base's embedding but in
`answer_rows.safetensors` beside the peft adapter, in the order of `answers.json`.
Independent of training data, optimisers and evaluation.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache

from engine.prompt import PROMPT_VERSION, PromptEncoder
from export.checkpoint.base import Checkpoint
from schemas.taxonomy import load_taxonomy

ROWS_FILE, ANSWERS_FILE = "answer_rows.safetensors", "answers.json"
BELONGS_FILE = "trained_on.json"
CONFIG_FILE = "adapter_config.json"
ROWS_KEY = "answer_rows"
MAX_INPUT_TOKENS = 128
_LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

Answer = tuple[str, ...]


class LabelModel(nn.Module):  # type: ignore[misc]  # torch is not where mypy runs
    """Base + LoRA + answer rows. Only the LoRA and the rows are trainable."""

    def __init__(
        self, peft: PeftModel, encoder: PromptEncoder, rows: Tensor, base: Checkpoint
    ) -> None:
        """rows: [answers, hidden] float32; base: the base of the adapter."""
        super().__init__()
        self._base_name, self._base_sha256 = base.name, base.sha256
        self.peft = peft
        self.rows = nn.Parameter(rows)
        self.encoder = encoder

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.rows.device

    def forward(self, suffixes: Sequence[Sequence[int]]) -> Tensor:
        """Logits [len(suffixes), answers] float32; suffixes are the ids after the prompt prefix.

        The common begin of all suffixes is added to the prompt prefix and runs once with a batch of
        one: its keys and values are shared, and gradients flow through it as through any position.
        In a batch with one detector name, only the signals are computed per row. The remaining
        tokens are padded on the right, which causal attention never reads.
        """
        ordered = sorted(map(tuple, suffixes))  # first and last have the common begin of all
        first, last_one = ordered[0], ordered[-1]
        common = next(
            (i for i, (a, b) in enumerate(zip(first, last_one, strict=False)) if a != b),
            min(len(first), len(last_one)),
        )
        rests = [suffix[min(common, len(suffix) - 1) :] for suffix in suffixes]
        count, width = len(rests), max(map(len, rests))
        ids = torch.zeros(count, width, dtype=torch.long)
        for row, rest in enumerate(rests):
            ids[row, : len(rest)] = torch.tensor(rest)
        last = torch.tensor([len(rest) - 1 for rest in rests], device=self.device)
        start = suffixes[0][: len(suffixes[0]) - len(rests[0])]
        shared = self.read_once(start, count)
        hidden = self._llama()(input_ids=ids.to(self.device), past_key_values=shared)
        picked = hidden.last_hidden_state[torch.arange(count, device=self.device), last]
        return picked.float() @ self.rows.t()

    def read_once(self, start: Sequence[int], count: int) -> DynamicCache:
        """Keys and values of the prompt prefix and `start`, the same for `count` rows; gradients
        flow through them."""
        ids = torch.tensor([[*self.encoder.prefix_ids, *start]], device=self.device)
        begun = self._llama()(input_ids=ids, use_cache=True).past_key_values
        shared = DynamicCache()
        for layer, state in enumerate(begun.layers):
            keys, values = (x.expand(count, -1, -1, -1) for x in (state.keys, state.values))
            shared.update(keys, values, layer)
        return shared

    def _llama(self) -> Any:
        return self.peft.base_model.model.model

    def trainable(self) -> list[tuple[str, nn.Parameter]]:
        """Names and values of the trainable parameters."""
        return [(name, p) for name, p in self.named_parameters() if p.requires_grad]

    def save(self, folder: Path, answers: Sequence[Answer]) -> None:
        """Write the adapter (peft, fp16), the answer rows (fp16), `answers.json` and the versions
        of its training (`trained_on.json`)."""
        folder.mkdir(parents=True, exist_ok=True)
        self.peft.save_pretrained(str(folder), save_embedding_layers=False)
        adapter = folder / "adapter_model.safetensors"
        save_file({k: v.half() for k, v in load_file(adapter).items()}, adapter)
        (folder / "README.md").unlink(missing_ok=True)  # peft's template has no correct information
        save_file({ROWS_KEY: self.rows.detach().half().cpu().contiguous()}, folder / ROWS_FILE)
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = self._base_name  # peft writes a path of this machine
        _write_json(folder / CONFIG_FILE, config)
        text = json.dumps([list(answer) for answer in answers], indent=1)
        (folder / ANSWERS_FILE).write_text(text + "\n", encoding="utf-8")
        belongs = {
            "base_sha256": self._base_sha256,
            "prompt": PROMPT_VERSION,
            "taxonomy": load_taxonomy().version,
        }
        _write_json(folder / BELONGS_FILE, belongs)


def new_label_model(base: Checkpoint, answers: Sequence[Answer], rank: int) -> LabelModel:
    """A new model: LoRA on every linear layer, rows set to the mean of the answers' own words."""
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=_LINEARS, task_type="CAUSAL_LM", bias="none"
    )
    encoder = PromptEncoder(base.tokenizer.to_str(), base.bos, MAX_INPUT_TOKENS)
    embedding = base.model.get_output_embeddings().weight.detach()
    rows = torch.stack([_mean_row(embedding, encoder, answer) for answer in answers])
    return LabelModel(get_peft_model(base.model, config), encoder, rows.clone(), base)


def _write_json(file: Path, value: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _mean_row(embedding: Tensor, encoder: PromptEncoder, answer: Answer) -> Tensor:
    words = " ".join(name.replace(".", " ").replace("_", " ") for name in answer)
    return embedding[torch.tensor(encoder.continuation_ids(f" {words}"))].mean(dim=0)
