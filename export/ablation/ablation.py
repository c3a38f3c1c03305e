"""`make ablation`: ways to answer, shares of the data, ranks and times, at an equal budget.

In: the data set, a base checkpoint. Out: `docs/ablation.md`, and one JSON file per finished run
under `build/ablation/`. Finished runs are not repeated, an interrupted run continues from its
checkpoint, and the page shows all runs on the present data, base and settings.
"""

import argparse
import copy
import hashlib
import json
import math
import os
import platform
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from engine.prompt import PROMPT_VERSION
from export.ablation.page import WHOLE, Outcome, Run, page
from export.ablation.text_model import TextTrainer, Way, new_text_model, texts_of, write
from export.checkpoint.base import Checkpoint, load_checkpoint
from export.common.progress import Steps
from export.data.folds import family_of, gate_rows
from export.data.items import Example, Item, answers_of, build_items, known_names, one_pass
from export.data.rows import NEUTRAL, Answer, Row
from export.training.model import LabelModel, new_label_model
from export.training.predict import predict
from export.training.train import CHECKPOINT, MEANINGS, STAGES, Trainer, TrainingSettings

ROOT = Path(__file__).resolve().parents[2]
RESULTS, PAGE = ROOT / "build" / "ablation", ROOT / "docs" / "ablation.md"
_MINUTES = 7.0
_STAGE = STAGES[MEANINGS]


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings that all runs share. Results under another `key` have other settings."""

    base: Checkpoint
    items: Sequence[Item]
    answers: Sequence[Answer]
    rows: Sequence[Row]

    @property
    def key(self) -> str:
        """A short hash of everything that a result depends on, besides its run."""
        same = (self.base.sha256, PROMPT_VERSION, NEUTRAL, known_names(), _STAGE)
        return hashlib.sha256(repr((*same, self.items, self.rows)).encode()).hexdigest()[:8]

    def fresh(self) -> Checkpoint:
        """The untouched base, loaded anew, since a LoRA changes the model that it is put on."""
        return replace(self.base, model=copy.deepcopy(self.base.model))


def plan(
    ways: Sequence[Way], minutes: float, shares: Sequence[int], ranks: Sequence[int],
    times: Sequence[float],
) -> list[Run]:  # fmt: skip
    """The ways at the usual settings, then the label tokens along each axis."""
    runs = [
        *(Run(way, minutes) for way in ways),
        *(Run(Way.TOKEN, minutes, share=share) for share in shares),
        *(Run(Way.TOKEN, minutes, rank=rank) for rank in ranks),
        *(Run(Way.TOKEN, time) for time in times),
    ]
    return list(dict.fromkeys(runs))


def examples_of(items: Sequence[Item], run: Run) -> list[Example]:
    """The examples of a run, if time allows: one pass over all items per started budget of the
    first training stage. A share of the items is repeated, under other surfaces, until it has given
    as many examples as all items give."""
    wanted = len(one_pass(items, known_names(), _STAGE.seed))
    wanted *= math.ceil(run.minutes / _STAGE.minutes)
    kept = random.Random(_STAGE.seed).sample(items, len(items) * run.share // WHOLE)
    chosen = items if run.share == WHOLE else kept
    examples: list[Example] = []
    seed = _STAGE.seed
    while len(examples) < wanted:
        examples += one_pass(chosen, known_names(), seed)
        seed += 1
    return examples[:wanted]


def train(run: Run, setting: Setting, out: Path) -> Outcome:
    """Train in `out`, from the checkpoint there if there is one, and judge."""
    started_on = machine()
    settings = replace(_STAGE, minutes=run.minutes, rank=run.rank)
    examples = examples_of(setting.items, run)
    torch.manual_seed(settings.seed)
    if run.way is Way.TOKEN:
        model = new_label_model(setting.fresh(), setting.answers, run.rank)
        _fit(Trainer, model, examples, setting.answers, settings, out)
        right = [p.right for p in predict(model, setting.answers, setting.rows)]
        passes = [1] * len(right)
    else:
        texts = texts_of(run.way, setting.answers)
        text_model = new_text_model(setting.fresh(), texts, run.rank)
        settings = replace(settings, smoothing=0.0)
        _fit(TextTrainer, text_model, examples, setting.answers, settings, out)
        encode = text_model.encoder.suffix_ids
        written = write(text_model, [encode(NEUTRAL, row.output) for row in setting.rows])
        pairs = zip(written, setting.rows, strict=True)
        right = [set(w.answer) == set(row.gold) for w, row in pairs]
        passes = [w.passes for w in written]
    progress = torch.load(out / CHECKPOINT, map_location="cpu", weights_only=True)["progress"]
    seen = min(progress["step"] * settings.batch, len(examples))
    return Outcome(run, progress["step"], seen, tuple(right), tuple(passes), started_on)


def _fit(
    trainer: type[Trainer], model: LabelModel, examples: Sequence[Example],
    answers: Sequence[Answer], settings: TrainingSettings, out: Path,
) -> None:  # fmt: skip
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    trainer(model, examples, answers, settings, out).run()


def save(outcome: Outcome, path: Path) -> None:
    """Write a result atomically."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read(path: Path) -> Outcome:
    """A result that `save` wrote."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    run = Run(**{**raw["run"], "way": Way(raw["run"]["way"])})
    right, passes = tuple(raw["right"]), tuple(raw["passes"])
    return Outcome(run, raw["steps"], raw["examples"], right, passes, raw["machine"])


def machine() -> str:
    """The machine of a run."""
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    )
    card = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return (
        f"{card}{cpu}, {torch.get_num_threads()} threads, Linux {platform.release()}, "
        f"torch {torch.__version__}, load average {os.getloadavg()[0]:.1f} at the start"
    )


def _share(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= WHOLE:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {WHOLE}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, make the missing runs, write the page."""
    parser = argparse.ArgumentParser(prog="python -m export.ablation.ablation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="of training, each run")
    parser.add_argument("--ways", nargs="*", type=Way, choices=[*Way], default=[*Way])
    parser.add_argument(
        "--shares", nargs="*", type=_share, default=[], help="per cent of the items"
    )
    parser.add_argument("--ranks", nargs="*", type=int, default=[])
    parser.add_argument("--times", nargs="*", type=float, default=[], help="minutes of training")
    parser.add_argument("--model", help="base checkpoint (default: the bundled one)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS, help="results and checkpoints")
    parser.add_argument("--page", type=Path, default=PAGE)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    items = build_items([])
    setting = Setting(load_checkpoint(args.model), items, answers_of(items), gate_rows())
    runs = plan(args.ways, args.minutes, args.shares, args.ranks, args.times)
    steps, key = Steps(len(runs)), setting.key
    for run in runs:
        name = f"{run.name}-{key}"
        result, work = args.out / f"{name}.json", args.out / name
        with steps(name, f"{run.name}{', is there' if result.exists() else ''}"):
            if not result.exists():
                work.mkdir(parents=True, exist_ok=True)
                save(train(run, setting, work), result)
            shutil.rmtree(work, ignore_errors=True)
    outcomes = [read(path) for path in args.out.glob(f"*-{key}.json")]
    text = page(outcomes, [family_of(row.detector) for row in setting.rows])
    args.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
