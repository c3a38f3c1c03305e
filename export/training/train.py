"""`make train`: fit the LoRA and the answer rows, and predict the held-out rows.

In: the data set, the folds, a base checkpoint. Out, under `--out`: a resumable checkpoint, the
adapter, `log.jsonl`, `loss.png`, and for a fold the predictions of its held-out families.
Loss: cross-entropy over the answers at the prompt's last position, nothing else.

Two stages. `meanings` trains the meanings of labels without any detector's vocabulary: all folds
share it. A fold (`0`, `1`, `2`, `final`) continues from its checkpoint with the vocabularies of its
training families, mixed with a sample of the meanings.
"""

import argparse
import json
import math
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch.nn import functional
from tqdm import tqdm

from export.checkpoint.base import load_checkpoint
from export.common.hashing import sha256_file
from export.data.folds import family_of, split
from export.data.items import Example, answers_of, build_items, known_names, one_pass, refresher
from export.data.labelled import DataError
from export.data.own import own_rows
from export.training.model import Answer, LabelModel, new_label_model
from export.training.predict import predict, report, write_predictions

RUNS = Path("build/train")
OOF = Path(__file__).parents[1] / "artefacts" / "oof"
CHECKPOINT, LOG, ADAPTER = "checkpoint.pt", "log.jsonl", "adapter"
_SAVE_EVERY_S = 180.0
_LOG_EVERY = 10


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The settings of a run; a checkpoint with other settings is not resumed. data: the SHA-256 of
    the operator's own rows."""

    fold: str
    minutes: float
    lr: float
    rows_lr: float
    batch: int = 32
    rank: int = 16
    warm_up: float = 0.05
    smoothing: float = 0.05
    weight_decay: float = 0.01
    seed: int = 17
    data: str = ""


@dataclass(slots=True)
class Progress:
    """The progress of a run: optimiser steps, and seconds of work over all its starts."""

    step: int = 0
    seconds: float = 0.0


MEANINGS = "meanings"
STAGES = {
    MEANINGS: TrainingSettings(MEANINGS, minutes=35.0, lr=6e-4, rows_lr=2e-3),
    **{
        fold: TrainingSettings(fold, minutes=12.0, lr=2.5e-4, rows_lr=8e-4)
        for fold in ("0", "1", "2", "final")
    },
}


class Trainer:
    """One run. The schedule ends after the examples or `minutes`, whichever comes first."""

    def __init__(
        self, model: LabelModel, examples: Sequence[Example], answers: Sequence[Answer],
        settings: TrainingSettings, out: Path,
    ) -> None:  # fmt: skip
        self._model, self._examples = model, examples
        self._settings, self._out = settings, out
        self._index = {answer: i for i, answer in enumerate(answers)}
        self._progress = Progress()
        lora = [p for name, p in model.trainable() if name != "rows"]
        self._peaks = (settings.lr, settings.rows_lr)
        self._optimiser = torch.optim.AdamW(
            [
                {"params": lora, "lr": settings.lr},
                {"params": [model.rows], "lr": settings.rows_lr},
            ],
            weight_decay=settings.weight_decay,
            betas=(0.9, 0.98),
        )
        self._total = math.ceil(len(examples) / settings.batch)

    def run(self) -> None:
        """Train to the end of the schedule, from the checkpoint if there is one."""
        self._resume()
        self._model.train()
        started, before = time.monotonic(), self._progress.seconds
        saved = started
        with (
            tqdm(total=self._total, initial=self._progress.step, unit="step", mininterval=5) as bar,
            (self._out / LOG).open("a", encoding="utf-8") as log,
        ):
            for number, batch in enumerate(self._batches()):
                if number < self._progress.step:
                    continue
                done = self._done()
                if done >= 1.0:
                    break
                loss, hits = self._step(batch, done)
                now = time.monotonic()
                self._progress.step += 1
                self._progress.seconds = before + now - started
                bar.update()
                if number % _LOG_EVERY == 0:
                    bar.set_postfix(loss=f"{loss:.3f}", hits=f"{hits:.2f}", done=f"{done:.0%}")
                    entry = {**asdict(self._progress), "loss": loss, "accuracy": hits, "done": done}
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                if now - saved > _SAVE_EVERY_S:
                    self._save()
                    saved = now
        self._save()

    def _done(self) -> float:
        by_time = self._progress.seconds / (60 * self._settings.minutes)
        return max(self._progress.step / self._total, by_time)

    def _batches(self) -> Iterator[list[Example]]:
        """Batches in random order, the same after every start; if possible with one detector name
        per batch, and with prompts of similar length."""
        size = self._settings.batch
        by_name: defaultdict[str, list[Example]] = defaultdict(list)
        for example in self._examples:
            by_name[example.detector].append(example)
        rest = [e for group in by_name.values() for e in group[len(group) // size * size :]]
        groups = [group[: len(group) // size * size] for group in by_name.values()]
        batches: list[list[Example]] = []
        for group in [*groups, rest]:
            group.sort(key=self._length)
            batches += [group[i : i + size] for i in range(0, len(group), size)]
        random.Random(self._settings.seed).shuffle(batches)
        yield from batches

    def _length(self, example: Example) -> int:
        return len(self._model.encoder.suffix_ids(example.detector, example.signal))

    def _step(self, batch: Sequence[Example], done: float) -> tuple[float, float]:
        warm = self._settings.warm_up
        scale = (
            done / warm
            if done < warm
            else 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))
        )
        for group, peak in zip(self._optimiser.param_groups, self._peaks, strict=True):
            group["lr"] = peak * max(scale, 0.01)
        logits, wanted = self._asked(batch)
        loss = functional.cross_entropy(logits, wanted, label_smoothing=self._settings.smoothing)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in self._model.trainable()], 1.0)
        self._optimiser.step()
        return loss.item(), (logits.argmax(-1) == wanted).float().mean().item()

    def _asked(self, batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [n, choices], and the right choice of each row [n]."""
        encode = self._model.encoder.suffix_ids
        wanted = torch.tensor([self._index[e.answer] for e in batch], device=self._model.device)
        return self._model([encode(e.detector, e.signal) for e in batch]), wanted

    def _save(self) -> None:
        state = {
            "settings": asdict(self._settings),
            "progress": asdict(self._progress),
            "weights": {name: p.detach() for name, p in self._model.trainable()},
            "optimiser": self._optimiser.state_dict(),
        }
        partial = self._out / f"{CHECKPOINT}.partial"
        torch.save(state, partial)
        os.replace(partial, self._out / CHECKPOINT)

    def _resume(self) -> None:
        path = self._out / CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, map_location=self._model.device, weights_only=True)
        if state["settings"] != asdict(self._settings):
            raise SystemExit(f"{path}: from other settings; delete it or choose another --out")
        _take(self._model, state["weights"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._progress = Progress(**state["progress"])
        print(f"resumed at step {self._progress.step}", file=sys.stderr)


def _take(model: LabelModel, weights: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.trainable():
            parameter.copy_(weights[name])


def _start_from(model: LabelModel, folder: Path) -> None:
    path = folder / CHECKPOINT
    if not (folder / ADAPTER).is_dir():
        raise SystemExit(f"{folder}: the first stage is missing; run `make train FOLD={MEANINGS}`")
    _take(model, torch.load(path, map_location=model.device, weights_only=True)["weights"])


def _draw_loss(log: Path, picture: Path) -> None:
    """Plot `loss` of every line of `log`, averaged over 10 lines."""
    losses = [json.loads(line)["loss"] for line in log.read_text(encoding="utf-8").splitlines()]
    means = [sum(losses[max(0, i - 9) : i + 1]) / min(i + 1, 10) for i in range(len(losses))]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(means)
    axes.set(ylim=(0, None), xlabel="logged step", ylabel="loss, mean of 10")
    figure.savefig(picture)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, train, save, predict, report."""
    parser = argparse.ArgumentParser(prog="python -m export.training.train", description=__doc__)
    parser.add_argument("--fold", choices=[*STAGES], default="final")
    parser.add_argument("--minutes", type=float, help="the schedule ends after this time")
    parser.add_argument(
        "--untrained", action="store_true", help="predict before the first step, for comparison"
    )
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--model", help="base checkpoint (default: the bundled one)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help=f"default: {RUNS}/<fold>")
    parser.add_argument("--meanings", type=Path, default=RUNS / MEANINGS, help="the first stage")
    parser.add_argument("--predictions", type=Path, help=f"default: {OOF}/<fold>.jsonl")
    parser.add_argument("--data", type=Path, help="labelled rows of your own to train on as well")
    args = parser.parse_args(arguments)
    if args.data and args.fold == MEANINGS:
        parser.error(f"--data: the fold {MEANINGS} does not train on detectors' vocabularies")
    try:
        own = own_rows(args.data) if args.data else []
    except DataError as error:
        raise SystemExit(f"train: {error}") from None
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    usual = STAGES[args.fold]
    settings = replace(
        usual,
        minutes=args.minutes or usual.minutes,
        rank=args.rank,
        seed=args.seed,
        data=sha256_file(args.data) if args.data else "",
    )
    name = "gate" if args.fold == "final" else f"fold{args.fold}"
    folder = f"base-{args.fold}" if args.untrained else args.fold
    out = args.out or RUNS / (f"{folder}-own" if args.data else folder)
    out.mkdir(parents=True, exist_ok=True)
    seen, held_out = ([], []) if args.fold == MEANINGS else split(args.fold)
    seen = [*seen, *own]
    items = build_items(seen)
    answers = answers_of(items)
    families = {family_of(row.detector) for row in seen}
    names = [n for n in known_names() if family_of(n) in families]
    model = new_label_model(load_checkpoint(args.model), answers, settings.rank)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    if args.untrained:
        name = f"base-{name}"
    else:
        if args.fold == MEANINGS:
            examples = one_pass(items, known_names(), settings.seed)
        else:
            _start_from(model, args.meanings)
            examples = refresher(items, names, settings.seed)
        print(
            f"{len(items)} items, {len(examples)} examples, {len(answers)} answers,"
            f" {len(held_out)} held out",
            file=sys.stderr,
        )
        Trainer(model, examples, answers, settings, out).run()
        model.save(out / ADAPTER, answers)
        _draw_loss(out / LOG, out / "loss.png")
    if not held_out:
        return
    predictions = predict(model, answers, held_out)
    write_predictions(args.predictions or (out if own else OOF) / f"{name}.jsonl", predictions)
    text = report(predictions, {row.output.casefold() for row in seen})
    (out / "report.txt").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
