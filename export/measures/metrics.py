"""The measures of every evaluation, by formula.

In: gold and answered label sets, or whether each answer is exact, and its confidence. Out: shares
of 0..1 and intervals. NumPy only; independent of models, files and detectors. All functions raise
ValueError for no rows, or for lists of different lengths.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Labels = Iterable[str]

ECE_BINS = 15
CONFIDENT = 0.6
"""The contract's "confidence ≥ 0.6", for any threshold."""
_LEVEL = 0.95
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Selective:
    """The answers with enough confidence: the exact share of them, and their share of all.

    `accuracy` is NaN when there are none.
    """

    accuracy: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Bins:
    """Answers in order of confidence, cut into bins: mean confidence, exact share, size."""

    confidence: Floats
    accuracy: Floats
    size: Ints


@dataclass(frozen=True, slots=True)
class Interval:
    """A bootstrap interval."""

    low: float
    high: float


def exact_matches(gold: Sequence[Labels], answers: Sequence[Labels]) -> Floats:
    """1 where the whole answered set is the gold set, else 0; order does not count.

    Subset accuracy: Tsoumakas and Katakis 2007, Multi-Label Classification: An Overview.
    """
    _check(gold, answers)
    return np.array([set(g) == set(a) for g, a in zip(gold, answers, strict=True)], np.float64)


def micro_f1(gold: Sequence[Labels], answers: Sequence[Labels]) -> float:
    """F1 = 2 TP / (2 TP + FP + FN), with the counts summed over all labels of all rows.

    A label in both sets is a TP, one only answered a FP, one only in gold a FN. Tsoumakas and
    Katakis 2007. Raises ValueError when all sets are empty.
    """
    _check(gold, answers)
    pairs = [(set(g), set(a)) for g, a in zip(gold, answers, strict=True)]
    both = sum(len(g & a) for g, a in pairs)
    total = sum(len(g) + len(a) for g, a in pairs)  # 2 TP + FP + FN
    if not total:
        raise ValueError("no label in any set: F1 is not defined")
    return 2 * both / total


def selective(exact: Floats, confidence: Floats, threshold: float) -> Selective:
    """coverage = share of rows with confidence ≥ threshold, accuracy = exact share among them.

    El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective Classification.
    """
    _check(exact, confidence)
    sure = exact[confidence >= threshold]
    return Selective(float(sure.mean()) if len(sure) else float("nan"), len(sure) / len(exact))


def calibration_bins(exact: Floats, confidence: Floats, bins: int = ECE_BINS) -> Bins:
    """At most `bins` bins of equal mass (sizes differ by one at most), lowest confidence first.

    Each of several rows with equal confidence counts with their mean outcome, so the bins do not
    depend on the order of rows. Nguyen and O'Connor 2015, Posterior Calibration and Exploratory
    Analysis for NLP Models (bins of equal mass).
    """
    _check(exact, confidence)
    value, group, count = np.unique(confidence, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=exact, minlength=len(value)) / count
    parts = np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(exact)))
    return Bins(
        confidence=np.array([confidence[part].mean() for part in parts]),
        accuracy=np.array([mean[group[part]].mean() for part in parts]),
        size=np.array([len(part) for part in parts]),
    )


def calibration_error(exact: Floats, confidence: Floats, bins: int = ECE_BINS) -> float:
    """ECE = Σ_b n_b/n · |accuracy_b - confidence_b| over bins b of equal mass.

    Naeini, Cooper and Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using Bayesian
    Binning; Guo et al. 2017, On Calibration of Modern Neural Networks. It is biased upwards: even
    the bins of a perfect predictor deviate by chance (Kumar, Liang and Ma 2019, Verified
    Uncertainty Calibration).
    """
    found = calibration_bins(exact, confidence, bins)
    return float(np.average(np.abs(found.accuracy - found.confidence), weights=found.size))


def log_loss(exact: Floats, confidence: Floats) -> float:
    """-Σ log(confidence given to the actual outcome)/n; certainty counts as 0.999."""
    _check(exact, confidence)
    kept = np.clip(confidence, 0.001, 0.999)
    return float(-np.mean(np.log(np.where(exact > 0, kept, 1 - kept))))


def macro(exact: Floats, groups: Sequence[Hashable]) -> float:
    """The mean over groups of the exact share within each; all groups have the same weight."""
    _check(exact, groups)
    code, count = _codes(groups)
    return float(np.mean(np.bincount(code, weights=exact) / count))


def bootstrap_interval(
    statistic: Callable[[Ints], float],
    groups: Sequence[Hashable],
    *,
    level: float = _LEVEL,
    resamples: int = _RESAMPLES,
    seed: int = 17,
) -> Interval:
    """The percentile interval of a statistic of rows, where whole groups are drawn.

    statistic: from row indices, repeated as drawn, to a number; groups: the group of each row.
    Rows of one detector family are similar, so drawing single rows would make the interval too
    narrow; one group per row is the ordinary bootstrap. Efron and Tibshirani 1993, An Introduction
    to the Bootstrap, ch. 13; Field and Welsh 2007, Bootstrapping Clustered Data. Drawn rows bias
    `calibration_error` upwards again, so its interval may be above the figure.
    """
    _check(groups, groups)
    code, count = _codes(groups)
    members = np.split(np.argsort(code, kind="stable"), np.cumsum(count)[:-1])
    rng = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([members[i] for i in rng.integers(len(count), size=len(count))]))
        for _ in range(resamples)
    ]
    tail = 100 * (1 - level) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return Interval(float(low), float(high))


def _codes(groups: Sequence[Hashable]) -> tuple[Ints, Ints]:
    """Groups as numbers in order of appearance, and the number of rows of each."""
    numbers = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    code = np.array([numbers[group] for group in groups], np.int64)
    return code, np.bincount(code)


def _check(one: Sequence[object] | Floats, other: Sequence[object] | Floats) -> None:
    if len(one) != len(other):
        raise ValueError(f"{len(one)} and {len(other)} rows: they must be the same")
    if not len(one):
        raise ValueError("no rows to measure")
