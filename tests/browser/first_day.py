"""An administrator's first day with Twofold, step by step, with the mouse and the keyboard.

Each step begins where the one before it ended. What is said of records is read over HTTP, not from the portal.
"""

import re

from playwright.sync_api import Locator, expect

from tests.browser.desk import Desk, Key
from tests.scenarios.sandboxes import Sandbox
from tests.stack import wait_until

ACCOUNTS = "Customers V3 (accounts)"
CONTACTS = "Customers V3 (contacts)"
STOPPED = "Sizes (msdyn_productsizes)"
FIRM = "US-0001"
OTHER_FIRM = "US-0002"
PEOPLE = [f"US-{number}" for number in range(5001, 5011)]
RULE = "People refused"
WITNESS = "Many refused"
SUBSCRIBER = "data@contoso.example"
WATCHER = "lead@contoso.example"
LIMIT_S = 30
LIMIT_MS = LIMIT_S * 1_000
RUN_LIMIT_MS = 60_000


def live_through(desk: Desk) -> None:
    """The whole day."""
    sign_in(desk)
    choose_environments(desk)
    pass_the_gate(desk)
    create_the_link(desk)
    run_all_maps(desk)
    use_the_keyboard(desk)
    change_in_sales(desk)
    pause_and_resume(desk)
    meet_an_error(desk)
    repair_it(desk)
    try_a_filter(desk)
    set_alerts(desk)
    suffer_a_burst(desk)
    suffer_another(desk)
    retry_some(desk)
    desk.is_lived = True


# --- Sign-in and the wizard


def sign_in(desk: Desk) -> None:
    """A portal without a link leads to Set-up."""
    page = desk.page
    desk.goto("/")
    desk.camera.take(page, "sign-in")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(desk.stack.admin_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/set-up/environments/$"))


def choose_environments(desk: Desk) -> None:
    page = desk.page
    desk.camera.take(page, "set-up-without-environments")
    add_environment(desk, desk.left, kind="Finance and Operations")
    add_environment(desk, desk.right, kind="Dataverse")
    desk.camera.take(page, "set-up-environments")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("All", exact=True).check()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(3)
    desk.camera.take(page, "set-up-companies")


def add_environment(desk: Desk, sandbox: Sandbox, *, kind: str) -> None:
    page = desk.page
    page.get_by_role("button", name="Add an environment").click()
    page.get_by_label(kind, exact=True).check()
    page.get_by_label("Name", exact=True).fill(sandbox.name)
    page.get_by_label("Address", exact=True).fill(sandbox.account.base_url)
    page.get_by_label("Tenant").fill(sandbox.tenant)
    page.get_by_label("Sign-in address").fill(sandbox.account.token_url)
    page.get_by_label("Client id").fill(sandbox.account.client_id)
    page.get_by_label("Client secret").fill(sandbox.account.secret)
    page.get_by_role("button", name="Test and add").click()
    expect(page.get_by_text(f"{sandbox.name} answers and is added.")).to_be_visible(timeout=LIMIT_MS)


def pass_the_gate(desk: Desk) -> None:
    """Next is not offered before all checks pass."""
    page = desk.page
    desk.left.ask("PATCH", "", {"is_trial": True})
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(re.compile(r"^1 of \d+ checks does not pass"))).to_be_visible(timeout=LIMIT_MS)
    expect(page.get_by_role("link", name="Next")).to_have_count(0)
    desk.camera.take(page, "set-up-checks-failed")
    desk.left.ask("PATCH", "", {"is_trial": False})
    page.get_by_role("button", name="Run all again").click()
    expect(page.get_by_text(re.compile(r"^All \d+ checks pass"))).to_be_visible(timeout=LIMIT_MS)
    desk.camera.take(page, "set-up-checks")
    page.get_by_role("link", name="Next").click()


def create_the_link(desk: Desk) -> None:
    page = desk.page
    desk.camera.take(page, "set-up-summary")
    page.get_by_label("Name of the link").fill("Contoso")
    page.get_by_label("I may do this for both systems and agree.").check()
    page.get_by_role("button", name="Create the link").click()
    expect(page.get_by_text("The link Contoso is created.")).to_be_visible(timeout=LIMIT_MS)
    desk.camera.take(page, "set-up-solution")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("12 maps are added.")).to_be_visible(timeout=LIMIT_MS)
    expect(page.locator("#map-rows [data-state='not running']")).to_have_count(12)


# --- Maps


def run_all_maps(desk: Desk) -> None:
    """The run page goes on by itself until every map is done."""
    page = desk.page
    page.get_by_label("Select all maps shown").check()
    page.locator("[data-bulk]").get_by_role("button", name="Run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("input[name=initial_sync]:checked")).to_have_count(12)
    desk.camera.take(page, "maps-run-dialog")
    dialog.get_by_role("button", name="Run 12 maps").click()
    head = page.locator(".run-head")
    expect(head).to_contain_text(re.compile(r"of 12 maps done"))
    expect(head.get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"[1-9]"), timeout=RUN_LIMIT_MS
    )
    desk.camera.take(page, "run-on-its-way")
    expect(head).to_contain_text("12 of 12 maps done", timeout=RUN_LIMIT_MS)
    expect(head.locator("[data-state=completed]")).to_be_visible()
    assert desk.target("accounts", "accountnumber", FIRM)["name"] == "Bluebird Home Theaters"
    desk.wait_for_quiet()


def use_the_keyboard(desk: Desk) -> None:
    """ "?" lists the shortcuts, g and m lead to the maps."""
    page = desk.page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    desk.camera.take(page, "shortcuts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile(r"/maps/$"))
    expect(page.locator("#map-rows [data-state=running]")).to_have_count(12)


def change_in_sales(desk: Desk) -> None:
    """A change of the right side arrives on the left."""
    row = desk.target("accounts", "accountnumber", OTHER_FIRM)
    desk.dataverse.update("accounts", row["accountid"], {"telephone1": "+1 312 555 0100"})
    desk.wait_for_source("CustomersV3", customer(OTHER_FIRM), "PRIMARYCONTACTPHONE", "+1 312 555 0100")


def pause_and_resume(desk: Desk) -> None:
    """What changes while a map is paused waits, and arrives when it is resumed."""
    page = desk.page
    page.get_by_role("link", name=ACCOUNTS).click()
    act(desk, "Pause")
    expect(state_of(desk)).to_have_text("Paused")
    before = desk.target("accounts", "accountnumber", FIRM)["name"]
    desk.finops.update("CustomersV3", customer(FIRM), {"ORGANIZATIONNAME": "Bluebird Sound Stages"})
    expect(fact(desk, "Waiting changes")).to_have_text("1", timeout=LIMIT_MS)
    assert desk.target("accounts", "accountnumber", FIRM)["name"] == before
    act(desk, "Resume")
    expect(state_of(desk)).to_have_text("Running", timeout=LIMIT_MS)
    desk.wait_for_target("accounts", ("accountnumber", FIRM), "name", "Bluebird Sound Stages")


def try_a_filter(desk: Desk) -> None:
    """The filter of a stopped map can be tried: the page shows where it is wrong, or how many rows it lets through."""
    page = desk.page
    desk.goto("/maps/")
    page.get_by_role("link", name=STOPPED, exact=True).click()
    act(desk, "Stop")
    expect(state_of(desk)).to_have_text("Not running")
    page.get_by_role("link", name="Filters").click()
    field = page.get_by_label(desk.left.name)
    field.fill('SIZEID == "M" &&')
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#filters-preview .caret")).to_contain_text("^", timeout=LIMIT_MS)
    desk.camera.take(page, "map-filters-wrong")
    field.fill('SIZEID == "M"')
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#filters-preview")).to_contain_text("1 of 10 rows match", timeout=LIMIT_MS)


def act(desk: Desk, verb: str) -> None:
    """Presses a button of the map's page and says yes for this map alone."""
    page = desk.page
    page.locator("#map-now").get_by_role("link", name=verb).click()
    dialog = page.get_by_role("dialog")
    for box in dialog.locator("tr:has(.tag) input[name=include]").all():
        box.uncheck()
    dialog.locator(".button--primary").click()
    expect(dialog).to_have_count(0)


def state_of(desk: Desk) -> Locator:
    return desk.page.locator("#map-now .chip[data-state]")


def fact(desk: Desk, name: str) -> Locator:
    return desk.page.locator("#map-now .facts > div").filter(has_text=name).locator("dd")


def customer(number: str) -> Key:
    return {"dataAreaId": "usmf", "CUSTOMERACCOUNT": number}


# --- Errors


def meet_an_error(desk: Desk) -> None:
    """The error appears on the overview by itself; its page shows the values of both sides."""
    page = desk.page
    old = desk.target("accounts", "accountnumber", OTHER_FIRM)["name"]
    refuse(desk, "accounts", "name", "Embargo*", "The account is under an embargo.")
    desk.goto("/")
    desk.finops.update("CustomersV3", customer(OTHER_FIRM), {"ORGANIZATIONNAME": "Embargo Traders"})
    line = page.locator("section:has(#last-errors-title) li").filter(has_text=OTHER_FIRM)
    expect(line).to_contain_text("The account is under an embargo.", timeout=LIMIT_MS)
    line.get_by_role("link").click()
    row = page.locator("#error-values tr").filter(has_text="ORGANIZATIONNAME")
    expect(row).to_contain_text("differs")
    expect(row.locator("td").nth(1)).to_have_text("Embargo Traders")
    expect(row.locator("td").nth(3)).to_have_text(re.compile(re.escape(old)))
    desk.camera.take(page, "error")


def refuse(desk: Desk, table: str, column: str, pattern: str, message: str) -> None:
    """From now on the right side has a rule against such rows."""
    desk.right.disturb(rules=[{"table": table, "column": column, "pattern": pattern, "message": message}])


def repair_it(desk: Desk) -> None:
    """Retry writes the row, and the error is gone."""
    page = desk.page
    desk.right.disturb()
    page.get_by_role("button", name="Retry").click()
    desk.wait_for_target("accounts", ("accountnumber", OTHER_FIRM), "name", "Embargo Traders")
    wait_until(what="no open error", found=lambda: not desk.records.open_errors(), limit_s=LIMIT_S)
    desk.goto("/errors/")
    expect(page.get_by_text("No open error.")).to_be_visible()


# --- Alerts


def set_alerts(desk: Desk) -> None:
    """A rule that pauses the map of people, and one that only tells, after a second burst."""
    page = desk.page
    desk.goto("/alerts/")
    desk.camera.take(page, "alerts-none")
    add_rule(desk, RULE, count=3, action="Pause the map", to=SUBSCRIBER)
    add_rule(desk, WITNESS, count=8, action="None, only send the mail", to=WATCHER)
    expect(page.get_by_role("row", name=RULE)).to_contain_text(SUBSCRIBER)


def add_rule(desk: Desk, name: str, *, count: int, action: str, to: str) -> None:
    page = desk.page
    page.get_by_role("link", name="Add a rule").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Class of error").select_option("business")
    page.get_by_label("Errors", exact=True).fill(str(count))
    page.get_by_label("Minutes").fill("15")
    page.get_by_label(CONTACTS).check()
    page.get_by_label(action, exact=True).check()
    page.get_by_label("Subscribers").fill(to)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"The rule {name} is saved.")).to_be_visible()


def suffer_a_burst(desk: Desk) -> None:
    """The map is paused and one mail tells it."""
    page = desk.page
    refuse(desk, "contacts", "jobtitle", "Refused*", "This title needs an approval.")
    change_titles(desk, PEOPLE[:5])
    wait_until(what="the mail", found=lambda: desk.mailbox.to(SUBSCRIBER), limit_s=LIMIT_S)
    desk.goto("/maps/")
    page.get_by_role("link", name=CONTACTS).click()
    expect(state_of(desk)).to_have_text("Paused")
    mail = desk.mailbox.to(SUBSCRIBER)[0]
    assert CONTACTS in mail["Subject"]
    assert "The map was paused." in mail.get_content()


def suffer_another(desk: Desk) -> None:
    """In the same window no second mail comes; the other rule's mail shows that the burst was seen."""
    page = desk.page
    act(desk, "Resume")
    expect(state_of(desk)).to_have_text("Running", timeout=LIMIT_MS)
    change_titles(desk, PEOPLE[5:])
    wait_until(what="the other rule's mail", found=lambda: desk.mailbox.to(WATCHER), limit_s=LIMIT_S)
    wait_until(what="all errors", found=lambda: len(desk.records.open_errors()) == len(PEOPLE), limit_s=LIMIT_S)
    assert len(desk.mailbox.to(SUBSCRIBER)) == 1
    assert len(desk.mailbox.mails) == 2
    expect(state_of(desk)).to_have_text("Running")
    desk.goto("/notifications/")
    expect(page.get_by_role("row").filter(has_text=RULE)).to_contain_text("Sent")
    expect(page.get_by_role("row").filter(has_text=RULE)).to_have_count(1)


def retry_some(desk: Desk) -> None:
    """Errors that are ticked are tried again and go; the others stay."""
    page = desk.page
    desk.right.disturb()
    desk.goto("/errors/")
    page.get_by_label("Select all errors shown").check()
    for number in PEOPLE[:3]:
        page.get_by_role("row").filter(has_text=number).get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Retry selected").click()
    expect(page.get_by_text("7 records are tried again.")).to_be_visible()
    expect(page.locator("#error-rows tr")).to_have_count(3)
    for number in PEOPLE[3:]:
        desk.wait_for_target("contacts", ("msdyn_contactpersonid", number), "jobtitle", f"Refused {number}")


def change_titles(desk: Desk, people: list[str]) -> None:
    for number in people:
        desk.finops.update("CustomersV3", customer(number), {"PERSONPROFESSIONALTITLE": f"Refused {number}"})
