"""How what there is is divided among tenants, and that it is, from body to model."""

from hypothesis import given
from hypothesis import strategies as st

from client_api.mapping.fair_share import FairShare, Refusal
from client_api.upstream.permits import Permits


def fill(share: FairShare, party: str) -> int:
    taken = 0
    while share.take(party) is None:
        taken += 1
    return taken


def test_one_alone_takes_everything() -> None:
    share = FairShare(100)
    assert fill(share, "a") == 100
    assert share.take("a") is Refusal.FULL


def test_with_others_about_some_is_left_for_who_comes_next() -> None:
    share = FairShare(100)
    assert share.take("b") is None
    assert 70 <= fill(share, "a") <= 80
    assert share.take("a") is Refusal.SHARE
    assert share.take("c") is None
    assert fill(share, "b") >= 3


def test_one_who_filled_it_alone_goes_back_to_his_share() -> None:
    share = FairShare(100)
    fill(share, "a")
    assert share.take("b") is Refusal.FULL
    share.give_back("a")
    assert share.take("a") is Refusal.SHARE
    assert share.take("b") is None


def test_who_has_gone_counts_no_more() -> None:
    now = [0.0]
    share = FairShare(10, clock=lambda: now[0])
    assert share.take("b") is None
    share.give_back("b")
    assert fill(share, "a") < 10
    now[0] = 31.0
    assert share.take("a") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.booleans())))
def test_what_is_taken_is_what_was_not_given_back(steps: list[tuple[str, int, bool]]) -> None:
    share, held = FairShare(20), []
    for party, amount, back in steps:
        if back and held:
            share.give_back(*held.pop())
        elif share.take(party, amount) is None:
            held.append((party, amount))
        assert share.taken == sum(amount for _, amount in held) <= 20
    for one in held:
        share.give_back(*one)
    assert share.taken == 0
    assert not share._used


def test_permits_to_the_model_have_shares() -> None:
    permits = Permits(hold_s=60.0)
    room = 0
    while permits.take(1, 1.0, "alone") is not None:
        room += 1
    permits = Permits(hold_s=60.0)
    assert permits.take(1, 1.0, "beta") is not None
    taken = 0
    while permits.take(1, 1.0, "mallory") is not None:
        taken += 1
    assert 1 <= taken < room - 1
    assert permits.take(1, 1.0, "beta") is not None
