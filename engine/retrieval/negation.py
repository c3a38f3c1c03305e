"""Whether a text has a negation, in the languages of the multilingual encoder.

In: a text in normal form. Out: true or false. Sentence embeddings hardly show a negation: `no hate`
is near `hate`. It does not find the negated word.
"""

import re

_DENIAL = re.compile(
    r"""
    \b(?:
      no | not | none | nothing | never | neither | without | cannot
    | sin | ningún | ninguno | ninguna | nada | ni
    | não | nem | sem | nenhum | nenhuma
    | pas | sans | rien | aucun | aucune
    | kein | keine | keinen | keiner | keines | keinem | nicht | nichts | ohne | weder
    | non | nessun | nessuno | nessuna | senza | nulla | né
    | geen | niet | niets | zonder
    | nie | brak | bez | żaden | żadna | żadne | żadnej | żadnych
    | не | нет | без | ни
    | yok | değil | hiçbir | \w+m[\u0131iuü]yor | \w+m[ae]d[\u0131i] | \w+m[ae]z
    | لا | لم | لن | ليس | ليست | دون | بدون
    | tidak | tanpa | bukan | belum
    )\b
    | n't\b
    | [没沒无無不] | 未(?!成年)
    | ません | (?<!危)ない | なし | [れせ]ず
    | 없 | 않 | 아니 | \b안\ (?=\w)
    """,
    re.VERBOSE,
)


def denies(text: str) -> bool:
    """Whether the text has a negating word, or an ending in languages that negate by endings."""
    return bool(_DENIAL.search(text))
