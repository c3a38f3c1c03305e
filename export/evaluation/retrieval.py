"""The neighbours of a held-out text in a version without its family.

In: the phrases of the retrieval, and texts. Out: votes, as in `engine.retrieval`. Independent of
the gold labels.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from engine.decoder import NO_VOTES, Votes
from engine.retrieval.multilingual import Nearest, has_other_letters, is_readable
from engine.retrieval.neighbours import KNOWN_WEIGHT, NEAREST, averaged, same_polarity, votes_of
from export.data.rows import Answer
from export.onnx.encoder import Vectors, sentence_encoder
from export.onnx.multilingual import multilingual_sentences
from export.publishing.datastore import Stores
from schemas.text import normalise


def votes_among(
    phrases: Mapping[str, Answer], texts: Sequence[str]
) -> tuple[list[Votes], list[Answer]]:
    """The votes of `engine.retrieval` for texts with these phrases, encoders in float32; and the
    order of answers in the votes."""
    english, multilingual, answers = (
        sentence_encoder(),
        multilingual_sentences(),
        [*phrases.values()],
    )
    rows = {answer: i for i, answer in enumerate(dict.fromkeys(answers))}
    stores, told = Stores(), list(phrases)
    near_english, near_all = stores.english.vectors(told), stores.multilingual.vectors(told)

    def nearest(vectors: Vectors, vector: Vectors) -> Nearest:
        cosines = vectors @ vector
        found = np.argsort(-cosines)[:NEAREST]
        return cosines[found].tolist(), found.tolist()

    def votes_near(near: Nearest) -> Votes:
        return votes_of(near[0], [rows[answers[i]] for i in near[1]])

    def votes(text: str) -> Votes:
        if text in phrases:
            return Votes({rows[phrases[text]]: KNOWN_WEIGHT})
        found = NO_VOTES
        if is_readable(multilingual.words.ids(text)):
            near = nearest(near_all, multilingual.encode([text])[0])
            found = votes_near(same_polarity(text, told, near))
        if has_other_letters(text):
            return found
        return averaged(votes_near(nearest(near_english, english.encode([text])[0])), found)

    normal = [normalise(text) for text in texts]
    english.encode(normal)  # in one batch, so that each is cached when it is needed
    return [votes(text) if text else NO_VOTES for text in normal], list(rows)
