from __future__ import annotations

from spine_segmentation.pacs.activity import Activity


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_series_is_quiet_from_its_last_image_on() -> None:
    clock = Clock()
    activity = Activity(clock)
    activity.touch(1, "a")
    activity.close(1)
    clock.now += 5
    assert activity.quiet_seconds("a") == 5
    activity.touch(2, "a")
    activity.close(2)
    assert activity.quiet_seconds("a") == 0


def test_an_open_association_holds_the_series_that_it_has_sent() -> None:
    clock = Clock()
    activity = Activity(clock)
    activity.touch(1, "a")
    activity.touch(2, "b")
    activity.close(2)
    clock.now += 60
    assert activity.quiet_seconds("a") == 0
    assert activity.quiet_seconds("b") == 60
    clock.now += 300
    assert activity.quiet_seconds("a") == 360, "an association that never ends does not hold a series for ever"


def test_what_comes_again_after_its_series_was_settled_is_not_remembered_for_ever() -> None:
    clock = Clock()
    activity = Activity(clock)
    for series_uid in ("settled", "receiving"):
        activity.touch(1, series_uid)
    activity.close(1)
    clock.now += 5
    activity.keep({"receiving"})
    assert (activity.quiet_seconds("settled"), activity.quiet_seconds("receiving")) == (0, 5)


def test_after_a_restart_the_quiet_time_begins_anew() -> None:
    clock = Clock()
    activity = Activity(clock)
    assert activity.quiet_seconds("unknown") == 0
    clock.now += 7
    assert activity.quiet_seconds("unknown") == 7
