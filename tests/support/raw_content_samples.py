"""Texts for the raw-content guard: what customers paste, and what detectors really say.

Written for the tests; names, numbers and addresses are made up or reserved for examples.
"""

import base64
import json
from typing import Final

from schemas.contract import RawContent

_LETTER = """Dear Ms Alvarez,

Thank you for the call last Tuesday. As we discussed, the shipment to Porto left the warehouse
with two pallets missing, and the forwarder has not answered since. I would like you to hold the
second invoice until they have confirmed the count.

Kind regards,
Tomas Lindqvist"""

_STORY = """The harbour had been quiet for most of the morning. A few gulls walked along the quay
while the ferry took on its passengers, and an old man sat by the ticket office with a thermos
between his knees. Nobody spoke much. When the horn sounded, the children ran to the rail and
waved at people they had never met. The boat turned slowly, and the town grew small behind it, its
roofs the same dull red as the cliffs above the bay."""

_ESSAY_DE = """Der Ausbau der Strecke hat sich um mehrere Jahre verzögert, weil die Gemeinden am
Fluss gegen die geplante Brücke geklagt haben. Inzwischen liegt ein neuer Entwurf vor, der die
Gleise weiter nach Norden verlegt und den alten Bahnhof stehen lässt. Die Kosten steigen dadurch
um etwa ein Drittel, doch die Bauzeit wird kürzer und der Lärm in den Wohngebieten geringer."""

_ESSAY_JA = (
    "去年の秋、私たちは川沿いの道を長い時間歩いた。水は浅く、石はどれも苔に覆われていた。村の老人の話"
    "では、昔は毎年春になると水が増え、子供たちは舟で学校へ通ったという。その後上流にダムができ、川幅"
    "は少しずつ狭くなり、舟を使う人もいなくなった。今では岸に古い舟がいくつか伏せてあるだけで、割れた"
    "板の間には猫が住んでいる。夕方になると谷から風が吹き、薪の煙の匂いを運んでくる。"
)

_CHAT = """Customer: Hi, the order I placed on Monday still has not arrived.
Agent: I am sorry to hear that. Could you give me the order number?
Customer: It is 4471 and it was meant to be here two days ago.
Agent: Thanks. It seems that the courier left it at the depot."""

_TIMED_CHAT = """[10:02] Priya: did anyone look at the numbers for the northern branch
[10:03] Sam: yes and they are worse than we thought
[10:05] Priya: then we should tell the board before the call
[10:06] Sam: fine by me"""

_PAGE = f"""<!DOCTYPE html><html><head><title>Harbour</title></head><body>
<h1>A morning</h1><div class="text"><p>{_STORY}</p></div></body></html>"""

_CARDS = """name,card,expiry
A. Brandt,4111 1111 1111 1111,04/27
J. Okafor,5500-0055-5555-5559,11/26
L. Moreau,378282246310005,01/28"""

_MAILING_LIST = "\n".join(f"member {i}, person{i}@example.org, active" for i in range(12))

_FILE = base64.b64encode(_STORY.encode() * 2).decode()
_WRAPPED_FILE = "\n".join(_FILE[i : i + 76] for i in range(0, len(_FILE), 76))

_COMPLAINT = (
    "My name is Dana Whitfield and my account was charged twice, please call me at 555-014-2233 "
    "or write to dana@example.com so we can sort this out today."
)

#: What is refused, and as what.
RAW: Final = {
    "letter": (RawContent.MESSAGE, _LETTER),
    "mail with headers": (
        RawContent.MESSAGE,
        f"From: Tomas <t@example.com>\nTo: claims@example.com\nSubject: pallets\n\n{_LETTER}",
    ),
    "short complaint": (RawContent.MESSAGE, _COMPLAINT),
    "review": (
        RawContent.MESSAGE,
        "I bought this kettle in May and it stopped working after three weeks. The lid does not "
        "close and the handle gets hot. I wrote to the seller but I never got an answer.",
    ),
    "prompt": (
        RawContent.PROSE,
        "Tell the story of a dragon who lives in a cave and is afraid of the dark. Make it funny "
        "and no longer than three hundred words, with a happy ending for children of about six "
        "years who have trouble falling asleep at night.",
    ),
    "greeting": (
        RawContent.MESSAGE,
        "Hi team,\nthe new contract for the Leeds office is ready and somebody has to sign it.",
    ),
    "story": (RawContent.PROSE, _STORY),
    "German": (RawContent.PROSE, _ESSAY_DE),
    "Japanese": (RawContent.PROSE, _ESSAY_JA),
    "long document": (RawContent.PROSE, (_STORY + "\n\n") * 40),
    "chat": (RawContent.CHAT, _CHAT),
    "prompt and reply": (
        RawContent.CHAT,
        "### Human: write a short note to the tenants about the broken lift in the north "
        "building\n### Assistant: of course, here is a note that you can put up on every floor",
    ),
    "timed chat": (RawContent.CHAT, _TIMED_CHAT),
    "page": (RawContent.HTML, _PAGE),
    "cards": (RawContent.RECORDS, _CARDS),
    "mailing list": (RawContent.RECORDS, _MAILING_LIST),
    "file": (RawContent.ENCODED, _FILE),
    "wrapped file": (RawContent.ENCODED, _WRAPPED_FILE),
    "picture": (RawContent.ENCODED, f"data:image/png;base64,{_FILE[:200]}"),
}

_CHECKS = ("hate", "harassment", "self-harm", "sexual", "violence", "illicit", "sexual/minors")

_REASONING = (
    "The user asks the assistant for the quickest way to obtain a prescription drug without seeing "
    "a physician. The policy prohibits instructions that help a user get controlled substances, so "
    "the first question is whether the drug in the prompt is one of them. It is, in most "
    "jurisdictions. The assistant's response does not refuse. It names two kinds of sellers and "
    "explains how they avoid checks, which is actionable guidance and therefore harmful content "
    "under the second criterion. It adds a warning about safety, but a warning does not change the "
    "category. There is no medical, educational or journalistic context that would make the "
    "request benign. The confidence of this verdict is high, and the severity is moderate because "
    "no quantities are given. The response violates the policy."
)

#: What detectors say, each several hundred to several thousand characters; all of it may pass.
GENUINE: Final = {
    "moderation of twenty inputs": {
        "id": "modr-970d409ef3bef3b70c73d8232df86e7d",
        "model": "omni-moderation-latest",
        "results": [
            {
                "flagged": i % 2 == 0,
                "categories": dict.fromkeys(_CHECKS, i % 2 == 0),
                "category_scores": {name: 0.12345678901234567 * i / 20 for name in _CHECKS},
                "category_applied_input_types": {name: ["text", "image"] for name in _CHECKS},
            }
            for i in range(20)
        ],
    },
    "inspection with quotes": {
        "result": {
            "findings": [
                {
                    "quote": f"person{i}@example.org",
                    "infoType": {"name": "EMAIL_ADDRESS", "sensitivityScore": {"score": "LOW"}},
                    "likelihood": "VERY_LIKELY",
                    "location": {
                        "byteRange": {"start": str(40 * i), "end": str(40 * i + 19)},
                        "codepointRange": {"start": str(40 * i), "end": str(40 * i + 19)},
                    },
                    "createTime": "2026-03-02T10:11:12.345Z",
                    "findingId": f"2026-03-02T10:11:12.345678Z{4111111111111111 + i}",
                }
                for i in range(24)
            ]
        }
    },
    "card findings": [
        {"detector": "credit card", "finding": "4111 1111 1111 1111", "confidence": "VERY_LIKELY"},
        {"detector": "credit card", "finding": "5500005555555559", "confidence": "LIKELY"},
        {"detector": "US SSN", "finding": "078-05-1120", "confidence": "LIKELY"},
    ],
    "secret scan": [
        {
            "RuleID": f"vendor-{i}-token",
            "Description": f"Identified a vendor {i} access token, which may expose the account "
            "and the data behind it to whoever reads this file.",
            "StartLine": i,
            "Match": f"token = glpat-{i:020d}",
            "File": f"deploy/environments/stage-{i}/settings.env",
            "Commit": f"{i:040x}",
            "Entropy": 3.9,
            "Author": "CI",
            "Email": "ci@example.org",
            "Fingerprint": f"{i:040x}:deploy/environments/stage-{i}/settings.env:vendor:{i}",
        }
        for i in range(30)
    ],
    "entities with patterns": [
        {
            "entity_type": "PHONE_NUMBER",
            "start": 10 * i,
            "end": 10 * i + 12,
            "score": 0.75,
            "analysis_explanation": {
                "recognizer": "PhoneRecognizer",
                "pattern": r"\b(?:\+?(\d{1,3}))?[-. (]*(\d{3})[-. )]*(\d{3})[-. ]*(\d{4})\b",
                "textual_explanation": "Recognised as a number of the US region by its pattern",
                "supportive_context_word": "phone",
            },
        }
        for i in range(30)
    ],
    "intervention": {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "Sorry, the model cannot answer this question."}],
        "assessments": [
            {
                "topicPolicy": {"topics": [{"name": "Legal advice", "type": "DENY"}]},
                "wordPolicy": {"customWords": [{"match": "competitor", "action": "BLOCKED"}]},
                "sensitiveInformationPolicy": {
                    "piiEntities": [{"type": "NAME", "match": "Dana Whitfield"}]
                },
            }
        ],
    },
    "judge in JSON": {"score": 0, "reasoning": _REASONING, "verdict": "FAIL"},
    "judge in words": f"{_REASONING}\nVIOLATION",
    "judge that thinks": f"<think>{_REASONING}</think>\n<score> yes </score>",
    "reasons in a list": {"REASONING": [_REASONING[:200], _REASONING[200:500]], "SCORE": "FAIL"},
    "completion around a verdict": {
        "id": "chatcmpl-8b2f",
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "\n\nunsafe\nS1,S10"}}
        ],
        "usage": {"prompt_tokens": 211, "completion_tokens": 7},
    },
    "grounding in words": "Validation failed for field with errors: None of the following "
    "sentences in your response are supported by provided context:\n- The tower is 330 metres "
    "tall.\n- It was finished in 1889 and painted yellow.\n- It has seven million visitors a year.",
    "faithfulness in words": "Score: 4/5. The answer is mostly faithful to the retrieved context, "
    "but it claims that the product launched in 2019, while the context says 2021. The third claim "
    "about pricing is not found in the context at all, so it counts as a hallucination.",
    "quota": "Error: upstream moderation service returned status 429: You exceeded your current "
    "quota, please check your plan and billing details. For more information on this error, read "
    "the docs: https://docs.example.com/guides/errors.",
    "refusal": "Sorry, I can't help with that. Your message was blocked because it may contain "
    "content that violates our usage policies.",
    "harm verdicts": "Harmful request: yes\nResponse refusal: no\nHarmful response: no",
    "short roles": "User: unsafe\nAssistant: safe\nUser: unsafe\nAssistant: safe",
    "joined labels": ", ".join(
        ("Violent Crimes", "Non-Violent Crimes", "Sex-Related Crimes", "Specialized Advice") * 20
    ),
    "long label list": "\n".join(f"S{i}: High Risk Gov Decision Making" for i in range(12)),
    "gateway page": "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>"
    "<h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.27.0</center>\r\n</body>\r\n</html>",
    "traceback": "Traceback (most recent call last):\n"
    + "".join(
        f'  File "/opt/scanner/lib/step_{i}.py", line {i}, in run\n    return step(document)\n'
        for i in range(12)
    )
    + "requests.exceptions.ReadTimeout: HTTPConnectionPool(host='scanner'): Read timed out",
    "log lines": "\n".join(
        f"2026-03-02 10:11:{i:02d} WARNING scanner: rule pii.email matched 1 time"
        for i in range(20)
    ),
    "repr of a result": "ScanResult(decision=<ScanDecision.BLOCK: 'block'>, reason='Received text "
    "is likely to be a prompt injection attack, with a probability of 0.998.', score=0.998)",
    "hashes": {"results": {"a.py": [{"hashed_secret": f"{i:0128x}"} for i in range(20)]}},
    "cursor": {"flagged": False, "nextToken": _FILE[:300]},
}


def as_text(value: object) -> str:
    """The value as a caller who sends text would write it."""
    return value if isinstance(value, str) else json.dumps(value)
