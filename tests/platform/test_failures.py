"""What keeps the group from starting is told in one clear line, and the exit code is 1."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.stack import annex, binaries, embedded, postgres
from portal.stack.accounts import Account, service_account
from portal.stack.errors import StackError
from portal.stack.paths import PROJECT, Layout
from tests.stack import Stack, fresh_environment, refusal, run_stack

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a service user")


@pytest.fixture
def line(tmp_path: Path) -> Callable[..., str]:
    """Starts a group that cannot start, and gives the one line that it says."""

    def start(*members: str, **environ: str) -> str:
        command = [sys.executable, "-m", "portal.stack", *(members or ("web", "sync", "sandbox"))]
        return refusal(command, fresh_environment(tmp_path, environ), PROJECT)

    return start


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize("variable", ["TWOFOLD_PORT", "TWOFOLD_SYNC_PORT", "TWOFOLD_SANDBOX_PORT"])
def test_taken_port_names_the_variable_to_set(line: Callable[..., str], taken_port: str, variable: str) -> None:
    assert line(**{variable: taken_port}) == (
        f"twofold: Port {taken_port} is taken: stop what uses it, or set {variable} to another (0: any free one)."
    )


def test_port_that_is_no_number(line: Callable[..., str]) -> None:
    assert "TWOFOLD_PORT=80a is no port" in line(TWOFOLD_PORT="80a")


def test_host_that_is_not_ours(line: Callable[..., str]) -> None:
    assert "TWOFOLD_HOST=192.0.2.1 is no address of this machine" in line(TWOFOLD_HOST="192.0.2.1")


def test_member_that_does_not_exist(line: Callable[..., str]) -> None:
    assert "There is no process wbe: choose from web, sync," in line("wbe")


def test_folder_that_cannot_be_made(line: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "var"
    assert line(TWOFOLD_VAR=str(folder)).startswith(f"twofold: Cannot write in {folder}: make it writable")


def test_database_that_does_not_answer_is_told_without_its_password(line: Callable[..., str]) -> None:
    said = line(DATABASE_URL="postgresql://me:hush@127.0.0.1:1/twofold")
    assert said.startswith("twofold: The database of DATABASE_URL does not answer: ")
    assert "hush" not in said


def test_sandbox_database_that_does_not_answer(line: Callable[..., str]) -> None:
    assert "SANDBOX_DATABASE_URL does not answer" in line(SANDBOX_DATABASE_URL="postgresql://127.0.0.1:1/x")


def test_database_address_that_is_none(line: Callable[..., str]) -> None:
    assert "DATABASE_URL does not answer" in line(DATABASE_URL="mysql:nonsense")


def test_redis_that_does_not_answer(line: Callable[..., str]) -> None:
    assert "REDIS_URL does not answer" in line(REDIS_URL="redis://127.0.0.1:1/0")


def test_damaged_keys_are_not_replaced(line: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "keys.json").write_text('{"secret": "x"}')
    assert "lack encryption" in line()
    assert (tmp_path / "var" / "keys.json").read_text() == '{"secret": "x"}'


@as_root
def test_service_user_that_does_not_exist(line: Callable[..., str]) -> None:
    assert "There is no user nobody-at-all" in line(TWOFOLD_SERVICE_USER="nobody-at-all")


@as_root
def test_service_user_that_is_root(line: Callable[..., str]) -> None:
    assert "set TWOFOLD_SERVICE_USER to an unprivileged user" in line(TWOFOLD_SERVICE_USER="root")


def test_data_of_another_major_version(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    cluster.data.mkdir()
    (cluster.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(StackError, match="holds data of PostgreSQL 17, this is 18"):
        postgres.prepare(cluster, "x")


def make_cluster(folder: Path) -> postgres.Cluster:
    place = Layout(var=folder)
    found = binaries.installed()
    return embedded.cluster(place, None, sockets=place.sockets, programs=found.postgres)


# --- folders that the service user cannot read: the way round, and its end


@as_root
def test_private_home_of_root_works(tmp_path: Path) -> None:
    """Neither the data nor the programs can be reached by their paths; sockets and copies lie in the annex."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with run_stack(members=("worker-control",), environ={"TWOFOLD_VAR": str(home / "var")}) as stack:
        assert_served_from_annex(stack, home)


def assert_served_from_annex(stack: Stack, home: Path) -> None:
    folder = Path((home / "var" / "annex").read_text().strip())
    assert (
        f"{folder.name}%2Fsockets"
        in json.loads((home / "var" / "state.json").read_text())["environment"]["DATABASE_URL"]
    )
    stack.stop()
    assert not folder.exists()


@as_root
def test_programs_are_copied_where_the_service_user_cannot_read_them(tmp_path: Path) -> None:
    place = Layout(var=tmp_path)
    nobody = service_account({}, place.postgres)
    hidden = tmp_path / "hidden"
    copies = binaries.copied(binaries.installed(), hidden)
    hidden.chmod(0o700)
    assert not binaries.can_run(nobody, copies)
    again = binaries.copied(copies, annex.open_annex(place, nobody) / "programs")
    assert binaries.can_run(nobody, again)
    annex.remove_annex(place)


def test_no_folder_within_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annex, "can", lambda *_: False)
    with pytest.raises(StackError, match="svc can enter no temporary folder: set TMPDIR"):
        annex.open_annex(Layout(var=tmp_path), Account(name="svc", uid=1, gid=1))


def test_deep_folder_gets_sockets_with_short_names(tmp_path: Path) -> None:
    place = Layout(var=tmp_path / ("deep" * 30))
    place.var.mkdir()
    sockets = embedded.socket_folder(place, None)
    assert len(os.fsencode(sockets / postgres.SOCKET)) <= embedded.MAX_SOCKET_BYTES
    assert embedded.socket_folder(place, None) == sockets
    annex.remove_annex(place)
    assert not sockets.exists()


def test_foreign_annex_is_not_used(tmp_path: Path) -> None:
    place = Layout(var=tmp_path)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o777)
    place.annex.write_text(f"{theirs}\n")
    assert annex.open_annex(place, None) != theirs
    annex.remove_annex(place)
    assert theirs.exists()


# --- script/server, before there is an environment to run in


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A clone without `.venv`, with a Python of our making in front of the path."""
    shutil.copytree(PROJECT / "script", tmp_path / "script")
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "dirname", "tail", "cmp", "cp"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")
    return tmp_path


def fake_python(bare: Path, *, version: str, has_venv: bool) -> dict[str, str]:
    is_new = "0" if version.startswith("3.11") else "1"
    (bare / "bin" / "python3").write_text(
        f'#!/bin/bash\ncase "$*" in\n*version_info*) exit {is_new};;\n--version) echo Python {version};;\n'
        f"*ensurepip*) exit {0 if has_venv else 1};;\n*) exit 9;;\nesac\n"
    )
    (bare / "bin" / "python3").chmod(0o755)
    return {"PATH": str(bare / "bin")}


def test_old_python_is_told(bare: Path) -> None:
    environ = fake_python(bare, version="3.9.2", has_venv=True)
    assert refusal(["bash", "script/server"], environ, bare) == (
        "twofold: Python 3.11 or newer is needed, found Python 3.9.2: install one, or name it in PYTHON."
    )


def test_missing_venv_module_is_told_with_the_package_to_install(bare: Path) -> None:
    environ = fake_python(bare, version="3.11.2", has_venv=False)
    assert "apt-get install python3-venv" in refusal(["bash", "script/server"], environ, bare)


def test_clone_that_cannot_be_written_is_told(bare: Path) -> None:
    if os.geteuid() == 0:
        bare.chmod(0o755)
        for path in (bare, *bare.parents):
            if not os.stat(path).st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o011)
    environ = fake_python(bare, version="3.11.2", has_venv=True)
    bare.chmod(0o555)
    command = ["bash", "script/server"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command]
    answer = subprocess.run(
        command, env={"PATH": f"{environ['PATH']}:/usr/bin:/bin"}, cwd=bare, capture_output=True, text=True
    )
    bare.chmod(0o755)
    assert answer.returncode == 1
    assert f"twofold: Cannot write in {bare}" in answer.stderr
