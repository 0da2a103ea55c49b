"""What is running now, in `var/state.json`: for commands typed in another terminal, and for tests."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from portal.stack.paths import replace_text


@dataclass(slots=True, kw_only=True)
class State:
    """Kept by the process group, read by everybody else."""

    pid: int
    portal_url: str
    environment: dict[str, str]  # what each member was given: the addresses of services, the ports
    members: dict[str, int] = field(default_factory=dict)  # process ids by name, of those that run
    ready: list[str] = field(default_factory=list)  # what has answered once: members, first-start steps


def save(path: Path, state: State) -> None:
    replace_text(path, json.dumps(asdict(state), indent=1) + "\n")


def read(path: Path) -> State | None:
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def effective_environment(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, completed by what a running group gave its members."""
    state = read(path)
    return {**(state.environment if state and is_alive(state.pid) else {}), **environ}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
