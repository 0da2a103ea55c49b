"""Root starts the group as an ordinary user would: no service user, nothing to copy, all processes that user's."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

from portal.stack.accounts import Account, can, service_account
from portal.stack.paths import PROJECT
from tests.stack import run_stack

PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"  # this one may lie in a private home
PACKAGES = sysconfig.get_path("purelib")


@pytest.fixture
def nobody() -> Account:
    """An unprivileged user who can run the project; skipped where there is none."""
    account = service_account({}, Path("/nonexistent"))
    if account is None:
        pytest.skip("not root: the other tests run as an ordinary user already")
    if not (can(account, "-x", Path(PYTHON)) and can(account, "-r", Path(PACKAGES)) and can(account, "-r", PROJECT)):
        pytest.skip(f"{account.name} cannot read the project and its packages, or has no {PYTHON}")
    return account


def test_ordinary_user_runs_the_portal(nobody: Account) -> None:
    environ = {"PYTHONPATH": f"{PROJECT}:{PACKAGES}", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    with run_stack(members=("web",), environ=environ, python=PYTHON, account=nobody) as stack:
        assert httpx.get(f"{stack.portal_url}/readyz").status_code == 200
        assert {process.uids().real for process in stack.processes()} == {nobody.uid}
        assert "run as user" not in stack.output
        assert (stack.var / "keys.json").stat().st_uid == nobody.uid


def test_ordinary_user_is_told_that_the_data_is_anothers(nobody: Account, tmp_path: Path) -> None:
    for folder in reversed([tmp_path, *tmp_path.parents[:2]]):
        os.chmod(folder, 0o711)
    (tmp_path / "postgres").mkdir(mode=0o700)
    os.chown(tmp_path, nobody.uid, nobody.gid)
    environ = {"TWOFOLD_VAR": str(tmp_path), "PYTHONPATH": f"{PROJECT}:{PACKAGES}", "PATH": os.environ["PATH"]}
    command = [PYTHON, "-m", "portal.stack", "worker"]
    answer = subprocess.run(
        command, env=environ, cwd=PROJECT, user=nobody.uid, group=nobody.gid, capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert f"{tmp_path / 'postgres'} belongs to another user" in answer.stderr
