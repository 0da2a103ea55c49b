"""Run a program whose life ends with its parent's: `bound.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT ...]`.

Started as a script with nothing of the project on its path. It takes the service user's identity first (`-` keeps the
present one), because a change of identity forgets the death signal; the kernel then sends SIGNAL when the parent dies.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(uid: str, gid: str) -> None:
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))


def die_with(parent: int, number: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    become(sys.argv[3], sys.argv[4])
    die_with(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 - no shell is wanted
