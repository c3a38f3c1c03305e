"""How many calls the model is given at once, and what becomes of those given up."""

from client_api.upstream.permits import Permits


def test_a_permit_of_a_call_given_up_is_free_when_a_later_one_is_answered_or_time_has_passed() -> (
    None
):
    now = [0.0]
    permits = Permits(2, hold_s=1.0, clock=lambda: now[0])
    first, second = permits.take(), permits.take()
    assert first is not None
    assert second is not None
    assert permits.take() is None
    permits.given_up(first)
    assert permits.take() is None
    permits.answered(second)
    third, fourth = permits.take(), permits.take()
    assert third is not None
    assert fourth is not None
    permits.given_up(fourth)
    permits.answered(third)  # it set out earlier: the fourth may still be worked on
    fifth = permits.take()
    assert fifth is not None
    assert permits.take() is None
    now[0] = 1.1
    assert permits.take() is not None
    permits.failed(fifth)


def test_an_answer_of_one_pod_says_nothing_of_what_another_works_on() -> None:
    now = [0.0]
    permits = Permits(2, hold_s=1.0, clock=lambda: now[0], in_order=False)
    first, second = permits.take(), permits.take()
    assert first is not None
    assert second is not None
    permits.given_up(first)
    permits.answered(second)
    assert permits.take() is not None
    assert permits.take() is None
    now[0] = 1.1
    assert permits.take() is not None
