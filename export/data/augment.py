"""Surfaces of one meaning: the ways in which detectors spell and wrap the same name.

In: a phrase or sentence and a `random.Random`. Out: one surface of it with the same meaning.
Independent of labels; the caller chooses the wrappers.
"""

import random
import re
import string
from collections.abc import Callable
from enum import StrEnum

_WORD = re.compile(r"[^\W_]+", re.UNICODE)

_PREFIXES = (
    "category:{}", "category: {}", "CATEGORY={}", "label: {}", "type: {}", "type={}", "policy: {}",
    "reason: {}", "class: {}", "tag: {}", "rule: {}", "name: {}", "finding: {}", "entity: {}",
)  # fmt: skip
_PATHS = (
    "safety/{}", "content/{}", "policy/{}", "risk.{}", "guard.{}", "checks.{}", "security/{}",
    "harmful:{}", "harm:{}", "scanner.{}", "moderation.{}", "detector/{}", "text.{}", "PII.{}",
    "pii/{}", "pii:{}", "dlp.{}", "entity/{}", "HARM_CATEGORY_{}", "CATEGORY_{}", "TYPE_{}",
    "is_{}", "has_{}", "contains_{}", "detect_{}", "check_{}", "no_{}_check", "cat_{}",
)  # fmt: skip
_SUFFIXES = (
    "{} detected", "{} detector", "{} detection", "{} violation", "{} check", "{} found",
    "{} score", "{} filter", "{} present", "{} risk", "{} (high)", "{}: high", "{} = 0.93",
    "{}_score", "{}_DETECTED", "{}Detector", "{}Scanner", "{}: true", "{}: yes", "{} content",
    "{} policy", "{} category", "{} category triggered", "{} [confidence: HIGH]", "{} entity",
)  # fmt: skip
_SENTENCES = (
    "Detected: {}", "contains {}", "The text contains {}.", "flagged for {}", "Flagged as {}.",
    "Violation: {}", "{} was detected in the output.", "The input was classified as {}.",
    "unsafe: {}", "Unsafe content of category {}.", "Blocked because of {}.", "reason: {}.",
    "The response was flagged: {}.", "possible {}", "{} identified", "Policy hit: {}",
    "Warning: {} found in the prompt.", "The message includes {}", "evidence of {}",
    "[{}]", "<{}>", "({})", "'{}'", "{}.", "- {}",
)  # fmt: skip
_NEGATIONS = (
    "no {}", "not {}", "no {} detected", "no {} found", "{}: no", "{}: false", "{}=false",
    "non-{}", "not_{}", "no_{}", "No {}.", "{} not detected", "{}: none", "without {}",
    "The text does not contain {}.", "There is no {} in the message.", "{}: safe", "{}: 0",
    "{} negative", "free of {}", "no sign of {}", "not flagged for {}", "{}: pass", "{}: absent",
)  # fmt: skip
_KEYBOARD = {
    "a": "s", "e": "w", "i": "o", "o": "p", "n": "m", "t": "r", "r": "t", "s": "a", "c": "v",
    "l": "k", "u": "y", "d": "f", "h": "j", "m": "n", "g": "h", "p": "o", "y": "t", "v": "b",
}  # fmt: skip
_MADE_UP = (
    "acme", "north", "blue", "prisma", "orbit", "sentry", "vertex", "nova", "cobalt", "atlas",
    "zen", "quartz", "harbor", "lumen", "delta", "krypton", "maple", "falcon", "echo", "tundra",
)  # fmt: skip
_MADE_UP_KIND = (
    "guard", "shield", "moderation", "detector", "scanner", "filter", "classifier", "safety",
    "pii", "dlp", "guardrails", "firewall", "monitor", "ai", "check", "eval", "v2", "watch",
)  # fmt: skip


_SYLLABLES = (
    "bla", "cor", "dru", "fen", "gri", "hup", "jol", "kwe", "lim", "mog", "nar", "ost", "plu",
    "qui", "rab", "sni", "tov", "urg", "vib", "wob", "xan", "yit", "zor", "bble", "rth",
    "nk", "fle", "sk",
)  # fmt: skip


class Wrap(StrEnum):
    """The wrappers that keep the meaning of a text."""

    none = "none"
    plain = "plain"  # prefixes such as `category:` only
    full = "full"  # prefixes, `... detected`, sentences


def surface(text: str, wrap: Wrap, rng: random.Random) -> str:
    """One spelling of `text`, wrapped in at most one way that `wrap` allows."""
    spelt = typo(text, rng) if rng.random() < 0.05 else text
    roll = rng.random()
    if wrap is Wrap.none or roll < 0.62:
        return spell(spelt, rng)
    if wrap is Wrap.plain or roll < 0.74:
        return rng.choice(_PREFIXES).format(spell(spelt, rng))
    if roll < 0.84:
        return rng.choice(_PATHS).format(spell(spelt, rng))
    if roll < 0.88:
        return f"{_code(rng)}{rng.choice((': ', ' - ', '. ', ' '))}{spell(spelt, rng)}"
    if roll < 0.94:
        return rng.choice(_SUFFIXES).format(spell(spelt, rng))
    return rng.choice(_SENTENCES).format(spelt)


def sentence(text: str, rng: random.Random) -> str:
    """A sentence as tools print it: with or without its full stop, sometimes without capitals."""
    out = text.rstrip(".") if rng.random() < 0.4 else text
    roll = rng.random()
    if roll < 0.2:
        return out.lower()
    if roll < 0.25:
        return out.upper()
    return typo(out, rng) if roll < 0.3 else out


def negation(text: str, rng: random.Random) -> str:
    """A way to say that `text` was not found."""
    return rng.choice(_NEGATIONS).format(text)


def spell(text: str, rng: random.Random) -> str:
    """`text` in one of the cases and separators that identifiers come in."""
    return rng.choices(_SPELLINGS, _SPELLING_WEIGHTS)[0](text)


def typo(text: str, rng: random.Random) -> str:
    """`text` with one slip of the keyboard in one of its longer words; short words are left."""
    spots = [
        i for m in _WORD.finditer(text) if len(m[0]) >= 5 for i in range(m.start() + 1, m.end() - 1)
    ]
    if not spots:
        return text
    i = rng.choice(spots)
    match rng.randrange(4):
        case 0:
            return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
        case 1:
            return text[:i] + text[i + 1 :]
        case 2:
            return text[:i] + text[i] + text[i:]
        case _:
            return text[:i] + _KEYBOARD.get(text[i].lower(), text[i]) + text[i + 1 :]


def made_up_detector(rng: random.Random) -> str:
    """An invented detector name."""
    first, second = rng.choice(_MADE_UP), rng.choice(_MADE_UP_KIND)
    return f"{first}{rng.choice('-_ ')}{second}"


def noise(rng: random.Random) -> str:
    """A meaningless text: codes, ids, random letters and digits, invented words."""
    match rng.randrange(8):
        case 0:
            return _code(rng)
        case 1:
            return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 10)))
        case 2:
            return f"LABEL_{rng.randint(2, 40)}"
        case 3:
            return "".join(rng.choices(string.hexdigits.lower(), k=rng.choice((6, 8, 12, 16))))
        case 4:
            stem = rng.choice(
                ("rule", "policy", "check", "cat", "class", "type", "code", "R", "id")
            )
            return f"{stem}{rng.choice('-_ #')}{rng.randint(0, 9999)}"
        case 5:
            letters = string.ascii_uppercase + string.digits
            return "-".join("".join(rng.choices(letters, k=3)) for _ in range(rng.randint(2, 3)))
        case 6:
            words = ("".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(2))
            return " ".join(words) if rng.random() < 0.5 else next(words)
        case _:
            return "".join(
                rng.choices(string.punctuation + string.ascii_letters, k=rng.randint(2, 9))
            )


def _code(rng: random.Random) -> str:
    return f"{rng.choice('ABCEFGKLMOPRSTVX')}{rng.randint(1, 29)}"


def _joined(separator: str, change: Callable[[str], str]) -> Callable[[str], str]:
    def spelling(text: str) -> str:
        return separator.join(change(w) for w in re.split(r"[\s_\-]+", text) if w)

    return spelling


def _camel(text: str) -> str:
    first, *rest = re.split(r"[\s_\-]+", text)
    return first.lower() + "".join(w[:1].upper() + w[1:] for w in rest)


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    _joined("_", str.lower),
    _joined("_", str.upper),
    _joined(" ", str.capitalize),
    _joined("-", str.lower),
    _joined("", lambda w: w[:1].upper() + w[1:]),
    _camel,
    _joined(" ", str.upper),
    _joined("", str.upper),
    _joined("", str.lower),
    lambda text: text[:1].upper() + text[1:],
)
_SPELLING_WEIGHTS = (24, 14, 16, 10, 8, 8, 3, 4, 4, 3, 6)
