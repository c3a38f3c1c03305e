"""How many items the model is given at once, and what becomes of calls given up."""

from typing import Final

from client_api.upstream.permits import Permits

WITHIN_S: Final = 0.2


class Model:
    """Permits on a clock of the test's, before a model that answers in order, one pass at a time.

    row_s: what a pass takes for each row, beside `pass_s`.
    """

    def __init__(self, row_s: float = 0.01, pass_s: float = 0.01, **options: bool) -> None:
        self.now, self.row_s, self.pass_s = 0.0, row_s, pass_s
        self.permits = Permits(1.0, lambda: self.now, **options)
        self.waiting: list[tuple[int, int]] = []

    def fill(self, items: int = 1, within_s: float = WITHIN_S) -> int:
        """Calls of `items` until there is no permit; returns how many items were taken in."""
        taken = 0
        while (permit := self.permits.take(items, within_s)) is not None:
            self.waiting.append((permit, items))
            taken += items
        return taken

    def answer(self) -> None:
        """One pass for all that wait."""
        calls, self.waiting = self.waiting, []
        self.now += self.pass_s + self.row_s * sum(items for _, items in calls)
        for permit, items in calls:
            self.permits.answered(permit, items)

    def answer_first(self) -> None:
        """The first call that waits, at the pace of a full pass."""
        self.now += self.row_s + self.pass_s / len(self.waiting)
        permit, items = self.waiting.pop(0)
        self.permits.answered(permit, items)

    def give_up_first(self) -> None:
        self.permits.given_up(self.waiting.pop(0)[0])

    def settle(self) -> None:
        """Work under as much load as it takes in, until the pace is known."""
        for _ in range(100):
            self.fill()
            self.answer()


def test_as_many_are_taken_in_as_the_model_answers_in_time() -> None:
    for row_s in (0.05, 0.02, 0.005):
        model = Model(row_s)
        model.settle()
        taken = model.fill()
        assert 0.5 * WITHIN_S <= model.pass_s + taken * row_s <= WITHIN_S


def test_a_model_that_becomes_slow_is_given_less_and_more_when_it_has_recovered() -> None:
    model = Model(row_s=0.005)
    model.settle()
    quick = model.fill()
    model.answer()
    model.row_s = 0.1
    model.settle()
    assert model.fill() <= 2
    model.answer()
    model.row_s = 0.005
    model.settle()
    assert model.fill() >= quick - 1


def test_who_has_more_time_may_wait_behind_more_and_who_has_less_behind_less() -> None:
    model = Model()
    model.settle()
    usual = model.fill()
    assert model.fill(within_s=WITHIN_S / 2) == 0
    assert model.fill(within_s=2 * WITHIN_S) >= usual / 2


def test_items_that_come_together_leave_room_to_those_that_come_alone() -> None:
    model = Model()
    model.settle()
    room = model.fill()
    model.answer()
    together = model.fill(items=4)
    assert 4 <= together <= room / 2
    assert together + model.fill() >= room - 1


def test_a_model_with_nothing_to_do_takes_any_call() -> None:
    model = Model(row_s=5.0)
    model.settle()
    assert model.fill(items=8) == 8
    assert model.permits.take(1, WITHIN_S) is None


def test_a_call_that_failed_says_nothing_of_the_pace_and_its_permit_is_free() -> None:
    model = Model()
    model.settle()
    room = model.fill()
    for permit, _ in model.waiting:
        model.permits.failed(permit)
    model.waiting = []
    assert model.fill() == room


def test_a_call_given_up_counts_until_a_later_one_is_answered_or_time_has_passed() -> None:
    model = Model()
    model.settle()
    assert model.fill() > 3
    model.give_up_first()
    assert model.fill() == 0
    model.answer_first()
    assert model.fill() == 2
    last = model.waiting.pop()
    model.permits.given_up(last[0])
    model.answer_first()  # it set out earlier
    assert model.fill() == 1
    model.now += 1.1
    model.answer()
    # Nothing is in the model any more: else it would not take so many.
    assert model.permits.take(1000, WITHIN_S) is not None


def test_an_answer_of_one_pod_says_nothing_of_what_another_works_on() -> None:
    model = Model(in_order=False)
    model.settle()
    model.fill()
    model.give_up_first()
    model.answer_first()
    assert model.fill() == 1
