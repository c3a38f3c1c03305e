"""Measures one text: how much of it people wrote, and what kind of writing it is.

In: any text. Out: counts and yes or no. Knows nothing of requests or of what is refused. Every
measure is linear in the length of the text. Nothing here keeps or logs a text.

Words are counted as *running* words: words in clauses of four and more. Label lists, scores,
paths and JSON are full of words, but of no clauses; prose in any language with spaces is.
"""

import re
from collections.abc import Iterator

_CLAUSE = re.compile(
    r"[^,;:|/=\n\r\t{}\[\]()\"<>_.!?\u3002\uff0c\u3001\uff01\uff1f\uff1b\uff1a\u00b7\u2022]+"
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019\-][^\W\d_]+)*")
_CLAUSE_WORDS = 4
# Languages without spaces write a clause as one "word"; three characters of those are about two.
_UNSPACED_CHARS = 4

# What those say who judge a text, and those who write one seldom say: stems.
_JUDGING = re.compile(
    r"violat|unsafe|safe\b|safety|harmful|harmless|flagg|detect|toxic|hallucinat|ground(?:ed|ing)"
    r"|jailbreak|inject|moderat|guardrail|classif|scor|confiden|categor|prompt|assistant|respon"
    r"|user\b|user's|content|refus|complia|complie|offensive|hateful|hate\b|sexual|violen|explicit"
    r"|benign|malicious|policy|policies|guideline|evaluat|claim|context|faithful|factual|criteri"
    r"|verdict|threshold|risk|pii\b|sensitive|disallow|prohibit|adversarial|instruction|threat"
)
_JUDGING_KINDS, _JUDGING_SHARE = 4, 0.06

_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i\u2019m|i've|i\u2019ve|my|me|mine|we|our|us)\b", re.IGNORECASE
)
_MAIL_HEADER = re.compile(
    r"^[> ]{0,8}(from|to|cc|subject|date|sent|reply-to|message-id|von|an|betreff|de|objet|asunto)"
    r":[ \t]*\S",
    re.IGNORECASE | re.MULTILINE,
)
_GREETING = re.compile(
    r"^[> \t]{0,8}(?:dear|hi|hello|hey|good (?:morning|afternoon|evening)|hallo|liebe[rs]?"
    r"|sehr geehrte[rs]?|guten tag|bonjour|ch[eè]re?s?|estimad[oa]s?|hola|caro|gentile|prezad[oa])"
    r"\b[^\n.?]{0,60}?[,!\n]",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSING = re.compile(
    r"^[> \t]{0,8}(?:(?:best|kind|warm|many) (?:regards|wishes|thanks)|regards|sincerely|yours \w+"
    r"|cheers|thanks(?: and regards| again)?|thank you|mit freundlichen gr[uü](?:ß|ss)en"
    r"|viele gr[uü](?:ß|ss)e|cordialement|bien à vous|saludos|atentamente|cordiali saluti)"
    r"[ \t]*[,.!]?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)

_ROLES = (
    "user|assistant|human|ai|bot|chatbot|agent|customer|client|support|representative|rep|caller"
    "|operator|advisor|visitor|patient|doctor|nurse|me|you|seller|buyer|teacher|student|kunde"
    "|guest|host|interviewer|q|a"
)
_ROLE_TURN = re.compile(
    rf"^[^\w\n]{{0,6}}(?:[\d:/.,\- apm]{{4,24}}[^\w\n]{{1,4}})?({_ROLES})(?: \w{{1,20}})?"
    r"[^\w\n]{0,3}:[^\w\n]{0,6}\w",
    re.IGNORECASE | re.MULTILINE,
)
_TIMED_TURN = re.compile(
    r"^[^\w\n]{0,2}(?:\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4},? )?"
    r"\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?[^\w\n]{1,4}"
    r"([^\W\d][\w .'\u2019\-]{0,30})[:>][ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_TEMPLATE_TURN = re.compile(r"<\|(?:im_start\|>)?(?:user|assistant|system)\b|\[INST\]")

_HTML = re.compile(
    r"<(?:!doctype html|html|head|body|div|p|span|table|tr|td|ul|li|h[1-6]|br|a|img|section)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<(?:script|style)\b[^<]*</\w+>|<[^<>]*>", re.IGNORECASE)
_HTML_TAGS = 4

_ENCODED_RUN = re.compile(r"[A-Za-z0-9+/_\-]+")
_WRAPPED = re.compile(r"(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/=]{4})")
_ENCODED_CHARS, _ENCODED_ALPHABET = 400, 12
_DATA_URI = re.compile(r"data:[\w/+.\-]{3,80};base64,[A-Za-z0-9+/]{100}")

_TOKEN = re.compile(r"[^\s,;<>()\[\]{}\"'|]+")
_EMAIL = re.compile(r"(?:mailto:)?[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})+\.?")
_CARD = re.compile(r"(?<![\w.\-])[3-6]\d(?:[ \-]?\d){11,17}(?![\w\-])")
_SSN = re.compile(r"(?<![\w.\-])\d{3}-\d\d-\d{4}(?![\w\-])")
_PHONE = re.compile(
    r"(?<![\w.\-])(?:\+\d{1,3}[ .\-]?)?\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{3,4}(?![\w\-])"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")


def running_words(text: str) -> int:
    """How many words of the text stand in clauses of at least four, each clause counted once."""
    total = 0
    # Once: lists of labels and logs repeat themselves, people who write seldom do.
    for clause in {clause.strip() for clause in _CLAUSE.findall(text)}:
        words = sum(_weight(word) for word in _WORD.findall(clause))
        if words >= _CLAUSE_WORDS:
            total += words
    return total


def judges(text: str) -> bool:
    """Whether it reads like a judgement on another text: a reason, a critique, a verdict."""
    found = _JUDGING.findall(text.casefold())
    words = len(_WORD.findall(text))
    return len(set(found)) >= _JUDGING_KINDS and len(found) >= _JUDGING_SHARE * words


def speaks_of_self(text: str) -> int:
    """How often it speaks in the first person."""
    return len(_FIRST_PERSON.findall(text))


def is_letter(text: str) -> bool:
    """Whether it has the form of an e-mail or a letter: header lines, a greeting, a closing."""
    headers = {name.lower() for name in _MAIL_HEADER.findall(text)}
    return len(headers) >= 2 or bool(_GREETING.search(text)) or bool(_CLOSING.search(text))


def chat_turns(text: str) -> int:
    """How many turns the text has when it is a conversation of several; else 0."""
    roles = [role.lower() for role in _ROLE_TURN.findall(text)]
    if len(roles) >= 2 and len(set(roles)) >= 2:
        return len(roles)
    names = _TIMED_TURN.findall(text)
    if len(names) > len(set(names)) >= 2:
        return len(names)
    templates = len(_TEMPLATE_TURN.findall(text))
    return templates if templates >= 2 else 0


def html_words(text: str) -> int:
    """The running words between the tags of an HTML page; 0 when it is none."""
    if len(_HTML.findall(text)) < _HTML_TAGS:
        return 0
    return running_words(_MARKUP.sub(" ", text))


def is_encoded(text: str) -> bool:
    """Whether it carries a long stretch of base64 or the like: a file, not a name or a hash."""
    return bool(_DATA_URI.search(text)) or any(
        len(run) >= _ENCODED_CHARS and len(set(run)) >= _ENCODED_ALPHABET
        for run in _ENCODED_RUN.findall(_WRAPPED.sub("", text))
    )


def card_numbers(text: str) -> set[str]:
    """The payment card numbers in it, as digits: 13 to 19 of them with a right check digit."""
    digits = ("".join(filter(str.isdigit, found)) for found in _CARD.findall(text))
    return {number for number in digits if _luhn(number)}


def personal_values(text: str) -> set[str]:
    """Cards, e-mail addresses, phone and social security numbers and IBANs in the text."""
    found = card_numbers(text)
    found.update(token for token in _emails(text))
    for pattern in (_SSN, _PHONE, _IBAN):
        found.update(pattern.findall(text))
    return found


def _weight(word: str) -> int:
    return 2 * len(word) // 3 if len(word) >= _UNSPACED_CHARS and word[0] >= "\u0e00" else 1


def _emails(text: str) -> Iterator[str]:
    if "@" in text:
        for token in _TOKEN.findall(text):
            if "@" in token and _EMAIL.fullmatch(token):
                yield token


def _luhn(number: str) -> bool:
    odd = [int(digit) for digit in number[-1::-2]]
    even = [2 * int(digit) for digit in number[-2::-2]]
    return len(set(number)) > 1 and sum(odd + [d - 9 if d > 9 else d for d in even]) % 10 == 0
