"""One stack, one pair of sandboxes, one mail server and one browser for all tests of this folder."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import first_day
from tests.browser.camera import WIDE, Camera
from tests.browser.desk import Desk
from tests.browser.mailbox import HOST, Mailbox, open_mailbox
from tests.browser.watch import Watch
from tests.independent.services import Dataverse, Finops
from tests.scenarios.sandboxes import Sandbox, make_sandbox
from tests.stack import Stack, run_stack

PICTURES = Path(__file__).resolve().parents[2] / "test-results" / "screenshots"
LIMIT_MS = 15_000  # for what a page shows after a click; it shows it at once when the machine is not busy
QUICK = {"TWOFOLD_DEMO": "0", "TWOFOLD_POLL_S": "1", "TWOFOLD_SWEEP_S": "1", "TWOFOLD_ALERTS_S": "1"}


@pytest.fixture(scope="package")
def mailbox() -> Iterator[Mailbox]:
    with open_mailbox() as opened:
        yield opened


@pytest.fixture(scope="package")
def stack(mailbox: Mailbox) -> Iterator[Stack]:
    mail = {"TWOFOLD_SMTP_HOST": HOST, "TWOFOLD_SMTP_PORT": str(mailbox.port)}
    with run_stack(environ=QUICK | mail) as running:
        yield running


@pytest.fixture(scope="package")
def camera() -> Camera:
    """Starts with an empty folder: the pictures of the last time are gone."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    return Camera(folder=PICTURES, has_film=os.environ.get("TWOFOLD_PICTURES") == "1")


@pytest.fixture(scope="package")
def desk(stack: Stack, mailbox: Mailbox, camera: Camera, browser: Browser) -> Iterator[Desk]:
    """A browser that nobody has used yet, and a portal that knows of no environment."""
    expect.set_options(timeout=LIMIT_MS)
    tenant = str(uuid4())
    left = make_sandbox(stack, name="Contoso finance", kind="finops", tenant=tenant, demo="contoso")
    right = make_sandbox(stack, name="Contoso sales", kind="dataverse", tenant=tenant, demo="contoso")
    watch = Watch()
    with services(left, right) as (finops, dataverse), browser.new_context(viewport=WIDE) as context:
        watch.over(context)
        yield Desk(
            page=context.new_page(),
            stack=stack,
            mailbox=mailbox,
            watch=watch,
            camera=camera,
            left=left,
            right=right,
            finops=finops,
            dataverse=dataverse,
        )


@contextmanager
def services(left: Sandbox, right: Sandbox) -> Iterator[tuple[Finops, Dataverse]]:
    finops, dataverse = Finops(left.account), Dataverse(right.account)
    yield finops, dataverse
    finops.close()
    dataverse.close()


@pytest.fixture(scope="package")
def lived_in(desk: Desk) -> Desk:
    """The portal after the first day, also when the test of that day was not asked for."""
    if not desk.is_lived:
        first_day.live_through(desk)
    return desk
