"""What is said of an error, and of a name that does not exist."""

import pytest

from core.mistakes import LONGEST_REASON, kind_and_reason, nearest, reason_of


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "OSError"),
        ("\n  disk full\n(Background: …)", "disk full"),
        ("connection failed:\n\tno route to host\nIs it running?", "connection failed: no route to host"),
        ("postgresql://ann:word@host refused", "postgresql://ann:***@host refused"),
        ("x" * 5000, "x" * LONGEST_REASON + " …"),
    ],
)
def test_the_reason_is_one_line_that_is_not_cut_and_holds_no_password(said: str, reason: str) -> None:
    assert reason_of(OSError(said)) == reason


def test_the_kind_is_said_once() -> None:
    assert kind_and_reason(OSError("disk full")) == "OSError: disk full"
    assert kind_and_reason(TimeoutError()) == "TimeoutError"


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [("mgi", "mig", True), ("SEAD", "seed", True), ("mig/fast", "mig/btc", False), ("nope", "mine", False)],
)
def test_a_name_is_proposed_only_where_it_is_near(name: str, known: str, meant: bool) -> None:
    assert nearest(name, [known]) == (f"did you mean '{known}'?" if meant else f"there are {known}")
