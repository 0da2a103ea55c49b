"""`manage.py sandbox`: what the management API does, from the command line."""

import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from tests.sandbox.conftest import Management

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(management: Management, settings: Any) -> Any:
    settings.SANDBOX_URL, settings.SANDBOX_TOKEN = management.url, management.token

    def command(*words: str) -> str:
        out = StringIO()
        call_command("sandbox", *words, stdout=out)
        return out.getvalue()

    return command


def test_a_sandbox_is_made_listed_and_deleted(run: Any) -> None:
    name = f"cli {uuid4()}"
    (made,) = json.loads(run("create", name, "finops", "--json"))
    assert {"kind", "base_url", "token_url", "tenant_id", "client_id", "client_secret"} <= made.keys()
    assert made["user_name"] == "administrator"
    assert made["password"]
    assert made in json.loads(run("list", "--json"))
    assert made["base_url"] in run("list")
    assert run("delete", name) == f"{name} is gone.\n"
    assert made not in json.loads(run("list", "--json"))


def test_a_linked_sandbox_is_deleted_and_emptied_by_force_alone(run: Any) -> None:
    from tests.rows import make_environment, make_link  # needs Django's apps, which load after this file

    name = f"cli {uuid4()}"
    run("create", name, "finops")
    link = make_link(left=make_environment("finops", options={"sandbox": name}))
    for action in ("reset", "delete"):
        with pytest.raises(CommandError, match=f"is in the link {link.name}"):
            run(action, name)
    assert run("delete", name, "--force") == f"{name} is gone.\n"


def test_a_sandbox_may_speak_https(run: Any) -> None:
    (made,) = json.loads(run("create", f"cli {uuid4()}", "dataverse", "--tls", "--json"))
    assert made["base_url"].startswith("https://")
    assert made["token_url"].startswith(made["base_url"])


def test_rows_are_loaded_copied_and_reset(run: Any, management: Management, tmp_path: Path) -> None:
    name, copy, file = f"cli {uuid4()}", f"copy {uuid4()}", tmp_path / "currencies.csv"
    file.write_text("CURRENCYCODE,NAME\nEUR,Euro\n")
    run("create", name, "finops")
    assert run("load", name, "Currencies", str(file)) == "1 rows loaded into Currencies.\n"
    (copied,) = json.loads(run("copy", name, copy, "--json"))
    assert copied["name"] == copy
    assert run("reset", name) == f"{name} is empty.\n"
    assert run("load", name, "Currencies", str(file)) == "1 rows loaded into Currencies.\n"
    with pytest.raises(CommandError, match="already exists"):
        run("load", copy, "Currencies", str(file))


def test_demo_rows_come_with_a_new_sandbox(run: Any) -> None:
    assert "client_secret:" in run("create", f"cli {uuid4()}", "dataverse", "--demo", "contoso")
    with pytest.raises(CommandError, match="There are no demo rows named 'x'"):
        run("create", f"cli {uuid4()}", "dataverse", "--demo", "x")


def test_what_goes_wrong_is_one_line(run: Any, settings: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no sandbox named 'none'"):
        run("reset", "none")
    with pytest.raises(CommandError, match="cannot be read"):
        run("load", "none", "Currencies", str(tmp_path / "none.csv"))
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="The sandboxes do not answer"):
        run("list")
    settings.SANDBOX_TOKEN = ""
    with pytest.raises(CommandError, match="TWOFOLD_SANDBOX_TOKEN is not set"):
        run("serve")
