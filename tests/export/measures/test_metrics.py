"""The figures of an evaluation: against values worked out by hand, and by what must always hold."""

import numpy as np
import pytest

from export.measures import metrics

pytestmark = pytest.mark.export

SEEDS = range(20)


def sample(seed: int, rows: int = 400) -> tuple[metrics.Floats, metrics.Floats]:
    """Outcomes that are right as often as their confidence says, and those confidences."""
    rng = np.random.default_rng(seed)
    confidence = rng.random(rows)
    return (rng.random(rows) < confidence).astype(np.float64), confidence


def test_an_answer_is_exact_when_the_whole_set_is_and_order_does_not_count() -> None:
    gold = [("A", "B"), ("A", "B"), ("A",), ("A",)]
    answers = [("B", "A"), ("A",), ("A", "B"), ("C",)]
    assert metrics.exact_matches(gold, answers).tolist() == [1, 0, 0, 0]


def test_micro_f1_counts_labels_over_all_rows() -> None:
    # TP: A, A. FP: C. FN: B, D.
    assert metrics.micro_f1([("A", "B"), ("A",), ("D",)], [("A",), ("A",), ("C",)]) == 4 / 7
    assert metrics.micro_f1([("A",)], [("A",)]) == 1
    assert metrics.micro_f1([("A",)], [("B",)]) == 0
    with pytest.raises(ValueError, match="not defined"):
        metrics.micro_f1([()], [()])


def test_micro_f1_of_single_labels_is_the_exact_share() -> None:
    rng = np.random.default_rng(5)
    gold, answers = (
        [(str(x),) for x in rng.integers(4, size=100)],
        [(str(x),) for x in rng.integers(4, size=100)],
    )
    share = metrics.exact_matches(gold, answers).mean()
    assert metrics.micro_f1(gold, answers) == pytest.approx(share)


def test_accuracy_and_coverage_are_of_the_answers_that_are_sure_enough() -> None:
    exact, confidence = np.array([1.0, 0, 1, 1]), np.array([0.9, 0.6, 0.59, 0.7])
    found = metrics.selective(exact, confidence, 0.6)
    assert (found.accuracy, found.coverage) == (pytest.approx(2 / 3), 0.75)
    assert metrics.selective(exact, confidence, 0).accuracy == 0.75
    nothing = metrics.selective(exact, confidence, 0.95)
    assert np.isnan(nothing.accuracy)
    assert nothing.coverage == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_higher_threshold_never_covers_more(seed: int) -> None:
    exact, confidence = sample(seed)
    shares = [metrics.selective(exact, confidence, t).coverage for t in np.linspace(0, 1, 11)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)


def test_ece_of_two_bins_by_hand() -> None:
    exact, confidence = np.array([0.0, 1, 1, 1]), np.array([0.1, 0.3, 0.8, 1.0])
    # means 0.2 and 0.9, exact 0.5 and 1: (0.3 + 0.1) / 2
    assert metrics.calibration_error(exact, confidence, bins=2) == pytest.approx(0.2)


def test_ece_is_zero_for_certain_right_answers_and_one_for_certain_wrong_ones() -> None:
    sure = np.ones(30)
    assert metrics.calibration_error(np.ones(30), sure) == 0
    assert metrics.calibration_error(np.zeros(30), sure) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_bins_have_equal_mass_and_lose_no_row(seed: int) -> None:
    exact, confidence = sample(seed, rows=403)
    bins = metrics.calibration_bins(exact, confidence)
    assert len(bins.size) == metrics.ECE_BINS
    assert bins.size.sum() == 403
    assert bins.size.max() - bins.size.min() <= 1
    assert np.average(bins.accuracy, weights=bins.size) == pytest.approx(exact.mean())
    assert np.average(bins.confidence, weights=bins.size) == pytest.approx(confidence.mean())
    assert (np.diff(bins.confidence) >= 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_ece_does_not_depend_on_the_order_of_rows_even_among_equal_confidences(seed: int) -> None:
    exact, confidence = sample(seed)
    confidence = confidence.round(1)
    order = np.random.default_rng(seed + 100).permutation(len(exact))
    shuffled = metrics.calibration_error(exact[order], confidence[order])
    assert shuffled == pytest.approx(metrics.calibration_error(exact, confidence))


@pytest.mark.parametrize("seed", SEEDS)
def test_ece_lies_between_the_gap_of_the_means_and_one(seed: int) -> None:
    exact, confidence = sample(seed)
    error = metrics.calibration_error(exact, confidence**2)
    assert abs(exact.mean() - (confidence**2).mean()) <= error + 1e-12
    assert error <= 1


def test_ece_of_many_honest_answers_is_small_and_of_overconfident_ones_is_not() -> None:
    exact, confidence = sample(1, rows=20_000)
    assert metrics.calibration_error(exact, confidence) < 0.02
    assert metrics.calibration_error(exact, np.sqrt(confidence)) > 0.1


def test_fewer_rows_than_bins_give_a_bin_each() -> None:
    bins = metrics.calibration_bins(np.array([1.0, 0.0]), np.array([0.9, 0.2]))
    assert bins.size.tolist() == [1, 1]
    assert bins.confidence.tolist() == [0.2, 0.9]


def test_macro_weighs_groups_alike() -> None:
    exact = np.array([1.0, 1, 1, 0])
    assert metrics.macro(exact, ["big", "big", "big", "small"]) == 0.5


def test_a_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        exact = (np.random.default_rng(seed).random(150) < 0.8).astype(np.float64)
        found = metrics.bootstrap_interval(
            lambda i, x=exact: float(x[i].mean()), range(150), resamples=200
        )
        hits += found.low <= 0.8 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_whole_groups_are_drawn_so_alike_rows_give_wider_intervals() -> None:
    exact = np.repeat([0.0, 1, 1, 1, 0, 1, 1, 1], 25)
    families = [str(i) for i in np.repeat(np.arange(8), 25)]
    by_row, by_family = (
        metrics.bootstrap_interval(lambda i: float(exact[i].mean()), groups)
        for groups in (range(200), families)
    )
    assert by_family.high - by_family.low > 2 * (by_row.high - by_row.low)


def test_a_bootstrap_is_the_same_each_time_and_of_one_group_a_point() -> None:
    exact, confidence = sample(3)

    def error(i: metrics.Ints) -> float:
        return metrics.calibration_error(exact[i], confidence[i])

    one, two = (metrics.bootstrap_interval(error, range(400), resamples=50) for _ in range(2))
    assert one == two
    alone = metrics.bootstrap_interval(error, ["one"] * 400, resamples=5)
    assert alone.low == alone.high == pytest.approx(error(np.arange(400)))


def test_no_rows_and_uneven_lists_are_refused() -> None:
    nothing, one, two = np.array([]), np.ones(1), np.ones(2)
    for call in (
        lambda: metrics.selective(nothing, nothing, 0),
        lambda: metrics.calibration_error(nothing, nothing),
        lambda: metrics.micro_f1([], []),
        lambda: metrics.bootstrap_interval(lambda i: 0.0, []),
    ):
        with pytest.raises(ValueError, match="no rows"):
            call()
    for call in (
        lambda: metrics.selective(one, two, 0),
        lambda: metrics.macro(two, ["one"]),
        lambda: metrics.exact_matches([("A",)], []),
    ):
        with pytest.raises(ValueError, match="must be the same"):
            call()


def test_log_loss_is_small_for_who_is_rightly_sure() -> None:
    exact = np.array([1.0, 1.0, 0.0, 0.0])
    assert metrics.log_loss(exact, np.full(4, 0.5)) == pytest.approx(np.log(2))
    assert metrics.log_loss(exact, exact) == pytest.approx(-np.log(0.999))
    assert metrics.log_loss(exact, 1 - exact) == pytest.approx(-np.log(0.001))
