"""The words of a detector, decided together, and the file that is written of them."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback.drafts.entries import CERTAIN, Entry, Opinion, State, Word, decide
from fallback.drafts.files import DetectorFiles
from fallback.drafts.writing import Draft, write
from fallback.rules.catalog import Labels
from fallback.rules.lookup import MatchKind, RuleAnswer, load_rules
from schemas.taxonomy import Vocabulary, load_taxonomy

NONE = RuleAnswer.of(("OTHER.Unknown",), MatchKind.NONE)
RELIGION, HATE = ("PII.Demographic.Religion",), ("HARM.SPEECH.Hate.Religion",)
EMAIL, TOXIC = ("PII.Contact.Email",), ("HARM.SPEECH.Toxicity",)


def opinion(word: str, *likely: tuple[Labels, float], rule: RuleAnswer = NONE) -> Opinion:
    return Opinion(Word(word), rule, likely[0][1], likely)


def sure(word: str, labels: Labels) -> Opinion:
    return opinion(word, (labels, 0.97))


def test_what_the_other_words_are_about_decides_between_like_answers() -> None:
    torn = opinion("religion", (RELIGION, 0.45), (HATE, 0.44))
    about_pii = decide([torn, *(sure(f"pii {n}", EMAIL) for n in range(9))])
    about_harm = decide([torn, *(sure(f"harm {n}", TOXIC) for n in range(9))])
    assert (about_pii[0].labels, about_harm[0].labels) == (RELIGION, HATE)


def test_what_is_sure_by_itself_stays_whatever_the_others_are_about() -> None:
    [entry, *_] = decide([sure("odd", EMAIL), *(sure(f"harm {n}", TOXIC) for n in range(9))])
    assert (entry.labels, entry.state) == (EMAIL, State.CERTAIN)


def test_a_shared_phrase_beats_an_unsure_model_and_is_doubtful() -> None:
    rule = RuleAnswer.of(EMAIL, MatchKind.ALIAS)
    [entry] = decide([opinion("mail", (TOXIC, 0.7), (EMAIL, 0.2), rule=rule)])
    assert (entry.labels, entry.state) == (EMAIL, State.DOUBTFUL)
    assert "other detectors" in entry.why[0]


def test_words_that_clear_are_doubtful_unless_they_say_so_in_general_use() -> None:
    safe = ("OTHER.Safe",)
    entries = decide([sure("no-gender-issue", safe), sure("benign", safe)])
    assert [entry.state for entry in entries] == [State.DOUBTFUL, State.CERTAIN]


def test_a_code_without_a_legend_is_no_entry() -> None:
    unknown = ("OTHER.Unknown",)
    legend = Opinion(Word("K7", legend="threats"), NONE, 0.95, ((TOXIC, 0.95),))
    entries = decide([sure("K8", unknown), legend, sure("zork", unknown)])
    assert [entry.state for entry in entries] == [State.CODE, State.CERTAIN, State.CERTAIN]


def entries() -> st.SearchStrategy[Entry]:
    shown = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
    labels = st.sampled_from([EMAIL, TOXIC, ("HARM.SPEECH.Threat", "HARM.SPEECH.Toxicity")])
    why = st.sampled_from([(), ("the model is not sure",)])
    return st.builds(
        lambda text, legend, a, p, why: Entry(Word(text, legend), a, p, ((a, p),), why),
        shown.filter(str.strip),
        st.just("") | shown.filter(str.strip),
        labels,
        st.floats(0, 1),
        why,
    )


@settings(deadline=None)
@given(st.lists(entries(), max_size=6, unique_by=lambda entry: entry.word.text))
def test_the_file_says_what_the_entries_say(made: list[Entry]) -> None:
    file = write(Draft("a: b # c", made))
    read = yaml.safe_load(file)
    assert read["detector"] == "a: b # c"
    maps = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in read.get("maps", {}).items()}
    assert maps == {entry.word.text: entry.labels for entry in made}
    assert read.get("legend", {}) == {e.word.text: e.word.legend for e in made if e.word.legend}
    assert DetectorFiles(None, load_rules(), lambda: Vocabulary(load_taxonomy())).check(file).valid


def test_doubtful_entries_stand_above_certain_ones_least_certain_first() -> None:
    made = [
        Entry(Word("c"), EMAIL, CERTAIN, ((EMAIL, 0.9),)),
        Entry(Word("b"), EMAIL, 0.6, ((EMAIL, 0.6), (TOXIC, 0.2)), ("why b",)),
        Entry(Word("a"), EMAIL, 0.4, ((EMAIL, 0.4),), ("why a",)),
    ]
    file = write(Draft("d", made))
    assert list(yaml.safe_load(file)["maps"]) == ["a", "b", "c"]
    assert "why b" in file
    assert "HARM.SPEECH.Toxicity 0.20" in file
