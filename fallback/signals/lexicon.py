"""The words of detector outputs that are about form and judgement, not about what was found.

Only data. Every word is in the normal form of `schemas.text.normalise`. What a category means is
no business of this module: vocabularies live in the detector files.
"""


def phrases(text: str) -> frozenset[str]:
    """One phrase a comma, so that the lists below stay readable."""
    return frozenset(phrase.strip() for phrase in text.replace("\n", ",").split(",")) - {""}


#: A grade or decision that clears what it is about.
CLEAN = phrases(
    """
    safe, none, no, n, false, negligible, very low, minimal, very unlikely, pass, passed
    allow, allowed, ok, okay, clean, cleared, clear, benign, no match found, no match
    not found, not detected, undetected, normal, negative, compliant, valid, off, absent
    approve, approved, accept, accepted, l5 unlikely, unharmful, not applicable, harmless
    not harmful, not toxic, not flagged, unflagged, passthrough, pass through, legit
    legitimate, ham, sfw, nothing, no issue, no issues, no risk, no threat, no violation
    no violations, no findings, not unsafe, not violated, non violating, untriggered
    not triggered, noop, no action, outcome false, harm severity negligible, stop, end turn
    """
)
#: A grade too low to be the finding itself where grades say how likely something is.
LOW = phrases(
    """
    low, unlikely, low risk, minor, harm severity low, l4 less likely, very minor
    """
)
#: A grade or decision that confirms what it is about.
FOUND = phrases(
    """
    medium, moderate, high, critical, severe, serious, extreme, very high, likely
    very likely, possible, probable, detected, found, match, matched, match found, yes, y
    true, unsafe, fail, failed, failure, block, blocked, flag, flagged, reject, rejected
    deny, denied, violation, violates, violated, violating, anonymized, masked, redacted
    mask, redact, modify, modified, intervened, guardrail intervened, positive, harmful
    triggered, trigger, l1 confident, l2 very likely, l3 likely, medium and above
    low and above, warn, warning, alert, escalate, escalated, quarantine, quarantined
    present, hit, outcome true, non compliant, not safe, not compliant, not allowed
    disallowed, not ok, invalid, harm severity medium, review, harm severity high, notsafe
    malicious, suspicious, filtered, content filter, human review
    human in the loop required, refused, issue detected
    """
)
#: Among the above, those that judge the whole output and name no category.
VERDICTS = phrases(
    """
    unsafe, flagged, flag, blocked, block, fail, failed, yes, true, violation, violates
    violated, violating, violating content, harmful, rejected, reject, denied, deny
    not safe, notsafe, not allowed, disallowed, non compliant, not compliant, malicious
    suspicious, positive, content filtered, filtered, redacted, detected, triggered, alert
    escalate, intervened, guardrail intervened, match found, detection, unsafe content
    harmful content, y, invalid
    """
)
#: Whole texts that say that nothing was found.
NOTHING_FOUND = CLEAN | phrases(
    """
    0, empty, no pii, no finding, no detections, no detection, no matches, no categories
    no violation detected, no harm, no harmful content, no threats, nothing found
    nothing detected, nothing to report, all clear, no concerns, no results, no entities
    no signals, no problems, no labels, all checks passed, passed all checks
    """
)
#: How sentences that clear something begin; what is cleared must be one of `CLEARED`.
CLEARING_STARTS = (
    "no ", "none of ", "nothing ", "not a ", "not an ", "did not detect ", "did not find ",
    "does not contain ", "does not violate ", "does not appear ", "zero ", "free of ", "0 ",
    "not any ", "contains no ", "without any ", "not ",
)  # fmt: skip
#: Phrases inside a sentence that clear what the sentence is about.
CLEARING_PHRASES = (
    " not detected", " not found", " is not harmful", " does not violate ", " do not violate ",
    " does not contain ", " no violation", " is not toxic", " below threshold", " contains no ",
    " did not violate ", " within policy", " no harmful ", " nothing harmful", " complies with ",
    " no policy violation", " has no ", " shows no ", " did not contain ", " free of ",
)  # fmt: skip
#: Beginnings of words for what a sentence can clear. Facts, answers, sources and qualities are not
#: among them: `the answer was not found in the context` is a finding.
CLEARED = tuple(
    phrases(
        """
        violat, issue, concern, harm, risk, threat, flag, problem, finding, toxic, unsafe
        suspicious, malicious, pii, injection, jailbreak, sensitive, secret, polic
        detection, abus, hate, profan, obscen, insult, sexual, personal, inappropriate
        dangerous, attack, unwanted, prohibited, hazard, credential, offens
        """
    )
)

#: What turns such a sentence around.
CONTRASTS = (" but ", " however", " except", " although ", " yet ", " while ")

#: Words whose phrases say only that something is wrong: `Harmful request`, `User Safety`.
GENERAL_WORDS = phrases(
    """
    harmful, request, response, prompt, user, assistant, input, output, safety, unsafe, is
    flagged, overall, content, violation, violates, policy, verdict, message, text, result
    agent, moderation, harm, blocked, guardrail, guardrails, violations, content safety
    policies, guard, any, detected, attack, safe, completion, answer, model, final, decision
    judgement, judgment, assessment, classification, action, status, risk, flag, issue
    """
)

#: What comes before the names in `Flagged for A and B`.
LEADS = (
    "flagged for ", "flagged as ", "flagged due to ", "blocked due to ", "blocked for ",
    "blocked: ",
    "blocked because of ", "classified as ", "detected as ", "due to ", "violates ",
    "rejected for ",
    "rejected: ", "blocked by policy: ", "categorized as ", "labelled as ", "labeled as ",
    "contains ", "signs of ", "indicators of ", "filtered due to ", "filtered for ", "denied: ",
    "filtered: ", "flagged: ", "unsafe: ", "block: ", "fail: ", "failed: ", "violation: ",
    "alert: ",
    "violation of ", "blocked as ", "detected ", "found ", "warning: ", "refused due to ",
)  # fmt: skip

EMPTY = frozenset({"", "null", "None", "nil", "undefined", "NaN", "nan", '""', "''", "NULL"})
#: What a tool's failure text starts with.
FAILURE_STARTS = (
    "error:", "error ", "exception:", "traceback (most recent call last)", "fatal:",
    "fatal error",
    "runtimeerror", "valueerror", "timeouterror", "connectionerror", "httperror", "http error",
    "internal error", "internal server error", "server error", "unexpected error",
    "service error",
    "request failed", "api error", "failed to ", "failure:", "could not ", "cannot ",
    "unable to ",
    "openai.", "requests.exceptions", "httpx.", "grpc.", "an error occurred", "error -",
    "[error]",
    "model error", "unhandled exception", "exception in ", "keyerror", "typeerror", "err:",
)  # fmt: skip
#: What a tool's failure text contains.
FAILURE_PHRASES = (
    "timed out", "timeout", "rate limit", "service unavailable", "connection refused",
    "bad gateway",
    "connection reset", "internal server error", "quota exceeded", "too many requests",
    "overloaded",
    "execution_skipped", "execution skipped", "out of memory", "model not loaded",
    "unavailable",
    "deadline exceeded", "gateway timeout", "unauthorized", "invalid api key",
    "failed to parse",
    "connect error", "currently loading", "connection error", "network error",
    "connection closed",
    "not enough memory", "max retries exceeded", "could not be processed", "failed to load",
    "context length exceeded", "no response from", "malformed output", "invalid response",
)  # fmt: skip
#: Words that sentences have and labels have not.
STOPWORDS = phrases(
    """
    the, is, was, are, were, to, of, that, this, it, a, an, and, or, which, with, by, from, has
    have, for, in, on, be
    """
)
