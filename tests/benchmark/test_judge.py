"""The rule by which a pass is kept, on rounds that nobody timed."""

from __future__ import annotations

import pytest

from rewriter.benchmark.judge import (
    CHANCE,
    LEAST_ROUNDS,
    MARGIN,
    Comparison,
    Speed,
    compare,
    is_worth_it,
    luck,
    noise,
)

ROUNDS = 30


def test_each_round_is_a_little_faster():
    times = [1.0 + 0.5 * (n % 3) for n in range(ROUNDS)]  # the rounds differ by far more than the files do
    found = compare(times, [1.05 * one for one in times])
    assert (found.speed, found.wins, found.rounds) == (Speed.FASTER, ROUNDS, ROUNDS)
    assert found.ratio == pytest.approx(1.05)
    assert compare([1.05 * one for one in times], times).speed is Speed.SLOWER


def test_less_than_the_margin_does_not_count():
    times = [1.0] * ROUNDS
    assert compare(times, [1.005] * ROUNDS).speed is Speed.LEVEL
    assert compare([1.005] * ROUNDS, times).speed is Speed.LEVEL
    assert compare(times, [1.05] * ROUNDS, margin=1.08).speed is Speed.LEVEL
    assert compare([1.05] * ROUNDS, times, margin=1.08).speed is Speed.LEVEL


def test_a_median_that_luck_may_have_made_does_not_count():
    won, lost = [1.2] * 18, [0.9] * 12
    found = compare([1.0] * ROUNDS, won + lost)
    assert found.ratio == pytest.approx(1.2)
    assert (found.speed, found.wins) == (Speed.LEVEL, 18)
    assert compare([1.0] * ROUNDS, [1.2] * 24 + [0.9] * 6).speed is Speed.FASTER


def test_a_slow_minute_does_not_decide():
    times, others = [1.0] * ROUNDS, [1.1] * ROUNDS
    for number in range(4):
        times[number] = 50.0
    assert sum(times) > sum(others)
    assert compare(times, others).speed is Speed.FASTER


def test_rounds_in_which_both_took_as_long_say_nothing():
    assert compare([1.0] * ROUNDS, [1.0] * ROUNDS).speed is Speed.LEVEL
    found = compare([1.0] * 20, [1.0] * 10 + [1.5] * 10)
    assert (found.ratio, found.wins, found.speed) == (1.25, 10, Speed.FASTER)


@pytest.mark.parametrize(("wins", "losses", "chance"), [(0, 0, 1.0), (1, 0, 0.5), (2, 1, 0.5), (7, 0, 1 / 128)])
def test_luck(wins, losses, chance):
    assert luck(wins, losses) == pytest.approx(chance)


def test_the_least_rounds_are_enough_and_one_fewer_is_not():
    assert luck(LEAST_ROUNDS, 0) <= CHANCE < luck(LEAST_ROUNDS - 1, 0)
    assert compare([1.0] * LEAST_ROUNDS, [2.0] * LEAST_ROUNDS).speed is Speed.FASTER
    assert compare([1.0] * (LEAST_ROUNDS - 1), [2.0] * (LEAST_ROUNDS - 1)).speed is Speed.LEVEL


def test_rounds_that_do_not_match_are_no_rounds():
    with pytest.raises(ValueError, match="shorter"):
        compare([1.0, 2.0], [1.0])


def test_a_machine_on_which_a_file_beats_itself_needs_a_wider_margin():
    assert noise([1.0] * 9, [1.001] * 9) == MARGIN
    assert noise([1.0] * 9, [1.07] * 9) == pytest.approx(1.07)
    assert noise([1.07] * 9, [1.0] * 9) == pytest.approx(1.07)


@pytest.mark.parametrize(
    ("speeds", "worth"),
    [
        ([Speed.FASTER], True),
        ([Speed.LEVEL], False),
        ([Speed.LEVEL, Speed.FASTER], True),
        ([Speed.FASTER, Speed.SLOWER], False),
        ([], False),
    ],
)
def test_faster_somewhere_and_slower_nowhere(speeds, worth):
    assert is_worth_it(Comparison(1.0, 1, 2, MARGIN, speed) for speed in speeds) is worth
