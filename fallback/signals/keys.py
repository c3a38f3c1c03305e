"""Roles of keys in detector outputs: which name a finding, which judge it, which are bookkeeping.

Only data. Every key is in the normal form of `schemas.text.normalise`.
"""

from fallback.signals.lexicon import phrases

#: Keys whose value names what was found.
NAME_KEYS = phrases(
    """
    label, name, type, entity, entity type, entity group, entity name, info type, infotype
    detector type, rule, rule name, rule id, subcategory, sub category, validator name
    validator, guardrail name, guardrail, detector, detector name, scanner, scanner id
    scanner name, policy, policy name, policy type, risk name, criteria id, topic, tag
    class, class name, attack type, threat type, violation type, harm type, harm category
    hazard, hazard category, code, finding type, check, check name, metric, metric name
    attribute, attribute name, plugin id, kind, pii type, data type, entity label
    label name, predicted label, prediction, predicted class, top label, violated policy
    violated rule, filter name, filter type, filter, sensor, rail, signature, secret type
    technique, subtype, sub type, primary category, risk type, reason code, block reason
    violation category, detection type, threat, concern, trigger, trigger type, intent
    classifier, probe, category name, best label, criteria, classification, judgement type
    risk category, violated category, test, test name, display name, finding, risk, reason
    violation, offense, offence, issue, issue type, theme, flag, flag type
    """
)
#: Of these, those that name something only where nothing else does.
WEAK_NAME_KEYS = phrases(
    """
    reason, issue, concern, theme, title, reason code, trigger, signature, classification
    criteria
    """
)
#: Name keys whose value is the broader heading of what its siblings name.
BROAD_KEYS = phrases(
    """
    category, group, family, category name, primary category, parent, tag, kind
    """
)
#: Name keys that a number after them makes a code: `LABEL_3`, `rule 4471`.
CODE_KEYS = phrases(
    """
    label, class, category, code, policy, rule, check, type, topic, group, tag, id, cluster, kind
    """
)
#: Keys whose strings and string lists are several names.
LIST_WORDS = phrases(
    """
    categories, violations, labels, types, tags, topics, reasons, risks, threats, entities
    findings, hazards, harms, flags, detections, issues, classes, policies, rules, violated
    alerts, triggers, concerns, guardrails, signals, scanners, attacks, codes, names
    infotypes, failures, validators, checks, matches, subcategories, offenses, category
    detected, found, hits
    """
)
#: Keys of yes-or-no answers to whether something was found.
FLAG_KEYS = phrases(
    """
    detected, is detected, flagged, is flagged, matched, is match, match, triggered
    is triggered, violated, is violation, violation, violates, violating, unsafe, is unsafe
    harmful, is harmful, hit, found, present, tripwire triggered, positive, fired
    violates policy, policy violation, malicious, hasmatch, has match, is malicious
    is violating, has violation, has violations, not safe, issue found, violation detected
    threat detected, is attack, has issues, issue detected, failed, suspicious
    """
)
#: Keys of yes-or-no answers to whether all is well.
CLEAR_KEYS = phrases(
    """
    safe, is safe, valid, is valid, passed, pass, validation passed, compliant, is compliant
    allowed, is allowed, ok, approved, clean, is clean, benign, is benign, harmless
    appropriate, is appropriate, policy compliant, acceptable, within policy
    """
)
#: Keys of which only a yes says something: content can be found and yet let through.
ACTION_FLAG_KEYS = phrases(
    """
    filtered, blocked, is blocked, masked, redacted, sanitized, intervened, block, rejected
    refused
    """
)
#: Keys of graded or decided judgements.
GRADE_KEYS = phrases(
    """
    severity, level, risk level, severity level, confidence level, threat level, risk rating
    rating, grade, safety, harm level, severity label, toxicity level, sensitivity, priority
    severity text, confidence, risk
    """
)
#: Of these, those that say how likely rather than how grave: a low one is no finding.
LIKELIHOOD_KEYS = phrases(
    """
    probability, likelihood, prob, chance, harm probability, risk, risk level
    """
)
DECISION_KEYS = phrases(
    """
    action, status, outcome, result, decision, verdict, match state, filter match state
    state, validator status, validation status, answer, judgement, judgment, conclusion
    recommendation, recommended action, prediction, disposition, assessment, evaluation
    final decision, filter result, finish reason, classification, response, output, overall
    overall verdict, safety, moderation, user safety, response safety, prompt safety
    final verdict, score, label, determination, flag
    """
)
#: Keys of numbers that say how sure or how grave.
SCORE_KEYS = phrases(
    """
    score, confidence, probability, prob, value, severity, p yes, risk score, likelihood
    severity score, confidence score, similarity, certainty, p unsafe, probability score
    percentage, percent, level, threat score, max score, top score, strength, weight, p
    prob unsafe, rating
    """
)
SEVERITY_KEYS = phrases(
    """
    severity, severity score, severity level, level, grade, rating
    """
)
COUNT_KEYS = phrases(
    """
    count, occurrences, hits, total matches, number of matches, instances, n
    """
)
#: What a name-to-score or name-to-flag key may carry around the name itself.
KEY_PREFIXES = phrases(
    """
    is, has, contains, detected, contain, includes, has detected
    """
)
KEY_SUFFIXES = phrases(
    """
    score, detected, found, probability, confidence, prob, severity, flag, flagged, result
    level, likelihood, present, violation, analysis, filter result, match, matched, rating
    label, status, check, percent
    """
)
#: Suffixes of keys that only comment on another key's finding.
COMMENT_SUFFIXES = (
    " reason", " threshold", " explanation", " rationale", " details", " defect rate", " label",
    " description", " sample", " total tokens", " prompt tokens", " completion tokens",
    " model",
    " finish reason", " passed", " comment", " evidence", " message",
)  # fmt: skip
#: Keys of a result's own bookkeeping and of the judged content: never names of findings.
STRUCTURAL = phrases(
    """
    id, uuid, model, version, object, created, created at, usage, tokens, latency
    latency ms, duration, duration ms, time, timestamp, ts, start, end, offset, begin
    begin offset, end offset, index, length, line, line number, column, file, filename, path
    lang, language code, languages, threshold, request id, trace id, session id, user id
    tenant, tenant id, host, region, metadata, meta, text, prompt, input, content, word
    match, snippet, raw, source, url, uri, entropy, verified, is verified
    analysis explanation, recognition metadata, count, total, passed, size, cost, attempt
    attempts, processing time, took, elapsed, level, code, taxonomy level, parent name
    bounding box, charge, units, p no, seed, temperature, top p, port, pid, thread, logger
    env, app, service, component, event, level name, api version, schema version, request
    response, data, result, results, item, payload, response time, entry type, char count
    word count, token count, start idx, end idx, startline, endline, execution time, score
    value, confidence, probability, severity, weight, rank, order, seq, sequence, similarity
    percentage
    """
)
STRUCTURAL_SUFFIXES = (
    " id", " ms", " at", " count", " threshold", " version", " time", " seconds", " percentage",
    " tokens", " index", " offset", " uuid", " model", " total", " url", " name", " timestamp",
    " number", " length", " idx", " start", " end", " pos", " hash", " key id", " latency",
    " line", " weight", " mode", " duration",
)  # fmt: skip
#: Keys of prose about the finding; read for placeholders and curated phrases only.
PROSE_KEYS = phrases(
    """
    reason, reasoning, explanation, message, messages, failure reason, error, detail
    details, rationale, description, outputs, output, detection message, comment
    justification, msg, summary, thought, response, redacted, sanitized text, text, content
    redacted text, anonymized text, masked text, sanitized, analysis
    """
)
#: Of these, the ones that say why: all there is where the verdict is a mere action.
REASON_KEYS = phrases(
    """
    reason, reasoning, explanation, failure reason, rationale, justification, thought, why
    detection message
    """
)
#: Lists of headings beside a name.
TAG_KEYS = phrases(
    """
    tags, tag, keywords
    """
)
#: Where something stands in the judged text, as an object.
PLACE_KEYS = phrases(
    """
    location, position, span, range, offset, offsets, place
    """
)
#: Values of name keys that say how something was found.
NON_NAMES = phrases(
    """
    probability, score, string, text, boolean, regex, number, float, model, rule, keyword
    prompt, response, input, output, classifier, llm, ml, pattern, default, custom, none
    null, success, n a, unknown, user, assistant, system, message, object, list, entity
    detection, content, o
    """
)
#: Words of a header in front of a list of names: `Violations: A, B`, `PII detected: C`.
HEADER_WORDS = LIST_WORDS | phrases(
    """
    type, label, rule, reason, risk, policy, violation, match, finding, entity, topic
    threat, flagged
    """
)
