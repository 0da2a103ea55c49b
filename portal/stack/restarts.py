"""When a member that died starts again."""

import signal

LONGEST_S = 30.0
SETTLED_S = 60.0  # a member that lived this long starts with a clean record
QUICK_S = 20.0  # one that dies sooner may be in a crash loop; its output waits for so long


def deaths(before: int, lived_s: float) -> int:
    """How many deaths in a row count, this one included."""
    return 1 if lived_s >= SETTLED_S else before + 1


def delay_s(deaths_in_row: int) -> float:
    """1, 2, 4, 8, 16, then 30 s."""
    return float(min(LONGEST_S, 2.0 ** min(deaths_in_row - 1, 10)))


def reason(returncode: int, last_line: str) -> str:
    """How it ended, with its last words if it failed by itself."""
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    if returncode == 0:
        return "ended"
    return f"exit code {returncode}: {last_line}" if last_line else f"exit code {returncode}"
