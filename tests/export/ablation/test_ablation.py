"""`make ablation` on a tiny random Llama: ways of answering are trained, judged and tabled."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from export.ablation import ablation
from export.ablation.ablation import examples_of, main, plan
from export.ablation.page import Outcome, Run, page
from export.ablation.text_model import (
    TextModel,
    TextTrainer,
    Way,
    new_text_model,
    short_forms,
    texts_of,
    write,
)
from export.checkpoint.base import Checkpoint, load_checkpoint
from export.data.folds import gate_rows
from export.data.items import Example, answers_of, build_items, known_names, one_pass
from export.training.train import LOG, TrainingSettings
from schemas.taxonomy import load_taxonomy
from tests.export.tiny_checkpoint import make_directory

pytestmark = pytest.mark.export

ANSWERS = [
    ("OTHER.Safe",),
    ("PII.Contact.Email",),
    ("PII.Contact.Phone",),
    ("PII.Contact.Email", "PII.Contact.Phone"),
]
SIGNALS = ["an email address", "safe", "phone"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_directory(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def base(tiny: Path) -> Checkpoint:
    return load_checkpoint(str(tiny))


@pytest.fixture
def model(base: Checkpoint) -> TextModel:
    torch.manual_seed(5)
    return new_text_model(base, texts_of(Way.DOTTED, ANSWERS), rank=2)


def prompts(model: TextModel, detector: str = "custom-guard") -> list[tuple[int, ...]]:
    return [model.encoder.suffix_ids(detector, signal) for signal in SIGNALS]


def test_a_short_form_has_as_few_parts_as_tell_a_name_from_all_others() -> None:
    short = short_forms(["A.B.Race", "C.Race", "A.B.Other", "C.Other", "D.B.Other", "D.Email", "X"])
    assert list(short.values()) == [
        "B.Race", "C.Race", "A.B.Other", "C.Other", "D.B.Other", "Email", "X",
    ]  # fmt: skip
    every = short_forms(load_taxonomy().names)
    assert len(set(every.values())) == len(every)
    assert every["HARM.SPEECH.Insult"] == "Insult"


def test_answers_are_spelled_as_candidates() -> None:
    answer = ("PII.Contact.Email", "BIAS.Race")
    assert texts_of(Way.DOTTED, [answer]) == {
        answer: '{"taxonomy":["PII.Contact.Email","BIAS.Race"]}'
    }
    assert texts_of(Way.SHORT, [answer]) == {answer: '{"taxonomy":["Email","BIAS.Race"]}'}


def test_states_are_those_of_whole_sequences(model: TextModel) -> None:
    """What is shared within a batch is what a row would have computed alone."""
    asked = [*prompts(model), *prompts(model, "another")]
    written = [model.tokens[answer] for answer in [*ANSWERS, *ANSWERS[:2]]]
    llama = model.peft.base_model.model.model
    with torch.inference_mode():
        for row, found in enumerate(model.eval().states(asked, written)):
            whole = [*model.encoder.prefix_ids, *asked[row], *written[row]]
            alone: Tensor = llama(input_ids=torch.tensor([whole])).last_hidden_state[0]
            torch.testing.assert_close(found, alone[-len(written[row]) - 1 :], atol=1e-4, rtol=1e-4)


def test_greedy_answers_are_those_of_a_search_token_by_token(model: TextModel) -> None:
    llama, texts = model.peft.base_model.model.model, model.tokens
    for asked, found in zip(prompts(model), write(model, prompts(model)), strict=True):
        left, at, passes = dict(texts), 0, 0
        while len(left) > 1:
            allowed = sorted({text[at] for text in left.values()})
            if len(allowed) > 1:
                passes += 1
            ids = [*model.encoder.prefix_ids, *asked, *next(iter(left.values()))[:at]]
            with torch.inference_mode():
                state = llama(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
                best = allowed[int((model.head[allowed] @ state).argmax())]
            left = {answer: text for answer, text in left.items() if text[at] == best}
            at += 1
        assert [found.answer] == list(left)
        assert found.passes == passes
        assert tuple(found.tokens) == texts[found.answer]


def test_a_text_model_comes_nearer_to_what_it_should_write(
    base: Checkpoint, tmp_path: Path
) -> None:
    wanted = {
        "an email address": ("PII.Contact.Email",),
        "safe": ("OTHER.Safe",),
        "phone": ("PII.Contact.Email", "PII.Contact.Phone"),
    }
    examples = [Example(f"guard {n}", s, a) for n in range(100) for s, a in wanted.items()]
    settings = TrainingSettings(
        "tiny", minutes=5.0, lr=1e-2, rows_lr=0.0, batch=3, rank=8, smoothing=0.0
    )
    torch.manual_seed(5)  # the LoRA begins at random
    model = new_text_model(base, texts_of(Way.DOTTED, ANSWERS), settings.rank)
    with torch.no_grad():
        model.head.mul_(20)  # a random head is too flat to be sure of anything
    before = [p.detach().clone() for p in model.parameters() if not p.requires_grad]
    TextTrainer(model, examples, ANSWERS, settings, tmp_path).run()
    log = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    after = [p for p in model.parameters() if not p.requires_grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_plan_is_the_ways_and_the_label_tokens_along_each_axis() -> None:
    runs = plan([*Way], 7, [25, 100], [4, 16], [7, 14])
    assert runs == [
        *(Run(way, 7) for way in Way),
        Run(Way.TOKEN, 7, share=25),
        Run(Way.TOKEN, 7, rank=4),
        Run(Way.TOKEN, 14),
    ]
    assert len({run.name for run in runs}) == len(runs)


def test_a_share_has_fewer_items_and_as_many_examples() -> None:
    items = build_items([])[::70]
    whole = examples_of(items, Run(Way.TOKEN, 7))
    part = examples_of(items, Run(Way.TOKEN, 7, share=25))
    twice = examples_of(items, Run(Way.TOKEN, 70))
    assert whole == one_pass(items, known_names(), 17)
    assert len(part) == len(whole)
    assert len(twice) == 2 * len(whole)
    assert len({e.answer for e in part}) < len({e.answer for e in whole})


def test_the_page_tables_the_ways_and_every_axis() -> None:
    runs = [*plan([*Way], 7, [25, 100], [4, 16], []), Run(Way.TOKEN, 14)]
    outcomes = [
        Outcome(run, 10, 320, (True, False, True, True), (1, 2, 3, 2), f"machine of {run.way}")
        for run in reversed(runs)
    ]
    text = page(outcomes, ["a", "a", "b", "b"])
    assert "4 rows of 2 families." in text
    assert '| short forms | `{"taxonomy":["Insult"]}` | 10 | 320 | 75.0% [' in text
    assert text.count("| 2.00 | 3 |") == 3
    for command in (
        "make ablation MINUTES=7\n",
        "make ablation MINUTES=7 SHARES='25 100'\n",
        "make ablation MINUTES=7 RANKS='4 16'\n",
        "make ablation TIMES='7 14'\n",
    ):
        assert command in text
    assert text.count("machine of label-token") == 1


def test_an_axis_with_one_value_has_no_table() -> None:
    outcome = Outcome(Run(Way.TOKEN, 7), 1, 32, (True,), (1,), "a machine")
    assert "make ablation MINUTES" not in page([outcome], ["a"])


@pytest.mark.slow
def test_what_is_finished_is_not_run_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, docs = tmp_path / "results", tmp_path / "ablation.md"
    command = ["--model", str(tiny), "--minutes", "0.002", "--out", str(out), "--page", str(docs)]
    rows = gate_rows()
    main([*command, "--ranks", "4"])
    files = sorted(out.iterdir())
    assert [file.suffix for file in files] == [".json"] * 4  # no checkpoint is left
    for file in files:
        result = json.loads(file.read_text("utf-8"))
        assert result["steps"] >= 1
        assert len(result["right"]) == len(result["passes"]) == len(rows)
        assert str(tmp_path) not in file.read_text("utf-8")
        assert (set(result["passes"]) == {1}) == (result["run"]["way"] == Way.TOKEN)
    first = docs.read_text("utf-8")
    assert "## How a label is written" in first
    assert "## Rank of the LoRA" in first

    cut_off = next(file for file in files if "short" in file.name)
    contents = {file: file.read_bytes() for file in files if file != cut_off}
    cut_off.unlink()
    trained: list[Run] = []
    train = ablation.train

    def watched(run: Run, setting: ablation.Setting, folder: Path) -> Outcome:
        trained.append(run)
        return train(run, setting, folder)

    monkeypatch.setattr(ablation, "train", watched)
    main(command)
    assert [run.way for run in trained] == [Way.SHORT]
    assert {file: file.read_bytes() for file in contents} == contents
    assert "## Rank of the LoRA" in docs.read_text("utf-8")  # asked for before, still shown


@pytest.mark.parametrize("share", ["0", "101", "x"])
def test_a_share_that_is_none_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--shares", "25", share])
    assert f"'{share}' is not a whole number from 1 to 100" in capsys.readouterr().err


def test_items_define_what_a_result_belongs_to(base: Checkpoint) -> None:
    items = build_items([])[:50]
    rows = gate_rows()
    one = ablation.Setting(base, items, answers_of(items), rows)
    other = ablation.Setting(base, items[1:], answers_of(items), rows)
    assert one.key == ablation.Setting(base, items, answers_of(items), rows).key
    assert one.key != other.key
