"""Which texts deny something, and that a neighbour which does not is none."""

import pytest

from engine.retrieval.negation import denies
from engine.retrieval.neighbours import same_polarity
from schemas.text import normalise


@pytest.mark.parametrize(
    "text",
    [
        "no hate was found", "it isn't safe", "El texto no contiene odio.", "Sin datos personales.",
        "Nenhum ataque detectado.", "Aucun problème détecté.", "Keine Auffälligkeiten gefunden.",
        "Nessun problema rilevato.", "Geen problemen gevonden.", "Brak danych osobowych.",
        "Nie wykryto ataku.", "Проблем не обнаружено.", "Metin nefret söylemi içermiyor.",
        "Hakaret tespit edilmedi.", "Kişisel veri yok.", "لا يحتوي النص على خطاب كراهية.",
        "未检测到攻击。", "没有个人信息。", "問題は見つかりませんでした。", "個人情報なし",
        "문제가 발견되지 않았습니다.", "개인정보 없음.", "안 안전함", "Tidak terdeteksi serangan.",
    ],
)  # fmt: skip
def test_negations_are_seen(text: str) -> None:
    assert denies(normalise(text))


@pytest.mark.parametrize(
    "text",
    [
        "hate speech", "unsafe", "notable", "Der Text enthält Hassrede.", "El texto contiene odio.",
        "Brakuje", "Tekst zawiera groźbę.", "Hakaret tespit edildi.", "未成年人", "危ない", "안전",
        "النص يحتوي على كلام بذيء.", "Текст содержит угрозу.", "",
    ],
)  # fmt: skip
def test_findings_deny_nothing(text: str) -> None:
    assert not denies(normalise(text))


def test_neighbours_agree_on_a_negation() -> None:
    phrases = ["texte sans haine", "texte haineux", "aucune haine"]
    nearest = ([0.9, 0.8, 0.7], [0, 1, 2])
    assert same_polarity("le texte est haineux", phrases, nearest) == ([0.8], [1])
    assert same_polarity("pas de haine", phrases, nearest) == ([0.9, 0.7], [0, 2])
    assert same_polarity("haine", phrases[::2], ([0.9], [0])) == ([], [])
