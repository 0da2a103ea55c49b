"""Customers as people make, find and change them on either side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.independent.services import Operation, Row, address, natural_key
from tests.independent.values import fold
from tests.scenarios.edits import Pair
from tests.scenarios.story import ACCOUNTS, CONTACTS, Story

SET = "CustomersV3"
GROUP = "10"  # a customer group that every company has


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One of the two kinds of customer, as both sides tell it."""

    map_name: str
    right_set: str
    account: str  # the column of the account number on sales
    name: str  # the column of the name on sales
    left_name: str
    party: str
    marks: Mapping[str, Any]  # what makes a row of sales a customer


FIRM = Kind(
    map_name=ACCOUNTS,
    right_set="accounts",
    account="accountnumber",
    name="name",
    left_name="ORGANIZATIONNAME",
    party="Organization",
    marks={"customertypecode": 3},
)
PERSON = Kind(
    map_name=CONTACTS,
    right_set="contacts",
    account="msdyn_contactpersonid",
    name="lastname",
    left_name="PERSONLASTNAME",
    party="Person",
    marks={"msdyn_sellable": True},
)
KINDS = (FIRM, PERSON)


@dataclass(slots=True, kw_only=True)
class People:
    """Work of people in one company; where a story says nothing else, in the first one."""

    story: Story
    company: str

    # --- On finance

    def make_left(self, kind: Kind, account: str, name: str) -> dict[str, str]:
        """The new customer's key."""
        body = {
            **self.key(account),
            "PARTYTYPE": kind.party,
            kind.left_name: name,
            "CUSTOMERGROUPID": GROUP,
            "SALESCURRENCYCODE": self.currency(),
        }
        self.story.finance_person.create(SET, body)
        return self.key(account)

    def key(self, account: str) -> dict[str, str]:
        return natural_key("CUSTOMERACCOUNT", account, self.company)

    def left(self, account: str) -> Row | None:
        return self.story.finance_person.row(SET, self.key(account))

    # --- On sales

    def make_right(self, kind: Kind, account: str, name: str) -> str:
        """The new customer's id."""
        company = self.company_id()
        where = f"msdyn_groupid eq '{GROUP}' and _msdyn_company_value eq {company}"
        group = self.only("msdyn_customergroups", where)["msdyn_customergroupid"]
        body = {
            kind.account: account,
            kind.name: name,
            "msdyn_company@odata.bind": f"/cdm_companies({company})",
            "msdyn_customergroupid@odata.bind": f"/msdyn_customergroups({group})",
            **kind.marks,
        }
        return self.story.sales_person.create(kind.right_set, body)

    def right(self, kind: Kind, account: str) -> Row | None:
        where = f"{kind.account} eq '{account}' and _msdyn_company_value eq {self.company_id()}"
        found = self.story.sales_person.rows(kind.right_set, where=where)
        assert len(found) < 2, f"{account} is there {len(found)} times"
        return found[0] if found else None

    # --- Both

    def pairs(self, kind: Kind, *, count: int, skip: int = 0) -> list[Pair]:
        """Customers of any company that both sides have and no other one is invoiced to; always the same ones."""
        sales = self.story.sales_person
        columns = [f"{kind.right_set[:-1]}id", kind.account, "_msdyn_company_value"]
        codes = {row["cdm_companyid"]: row["cdm_companycode"] for row in sales.rows("cdm_companies")}
        rows = sales.rows(kind.right_set, columns=columns)
        named = {(fold(row[kind.account]), fold(codes.get(row[columns[2]]))): row[columns[0]] for row in rows}
        where = f"PARTYTYPE eq '{kind.party}'"
        wanted = ["dataAreaId", "CUSTOMERACCOUNT", "INVOICEACCOUNT"]
        lefts = self.story.finance_person.rows(SET, columns=wanted, where=where)
        invoiced = {(row["INVOICEACCOUNT"], row["dataAreaId"]) for row in lefts}
        keys = sorted({(row["CUSTOMERACCOUNT"], row["dataAreaId"]) for row in lefts} - invoiced)
        both = [(account, code) for account, code in keys if (fold(account), fold(code)) in named]
        return [
            Pair(
                right_set=kind.right_set,
                left_key=natural_key("CUSTOMERACCOUNT", account, code),
                right_id=named[fold(account), fold(code)],
            )
            for account, code in both[skip : skip + count]
        ]

    def change_left(self, pairs: Sequence[Pair], changes: Sequence[Mapping[str, Any]]) -> None:
        """One update a customer."""
        self.story.finance_person.send(
            [
                Operation(method="PATCH", path=f"{address(SET, pair.left_key)}?cross-company=true", body=change)
                for pair, change in zip(pairs, changes, strict=True)
            ]
        )

    def change_right(self, pairs: Sequence[Pair], changes: Sequence[Mapping[str, Any]]) -> None:
        self.story.sales_person.send(
            [
                Operation(method="PATCH", path=f"{pair.right_set}({pair.right_id})", body=change)
                for pair, change in zip(pairs, changes, strict=True)
            ]
        )

    def change_both_sides(self, *, skip: int = 0) -> None:
        """Of each kind 9 customers are changed, 9 made and 9 deleted on each side; none of the first `skip`."""
        for kind in KINDS:
            pairs = self.pairs(kind, count=36, skip=skip)
            self.change_left(pairs[:9], [{"SALESMEMO": f"told or not {number}"} for number in range(9)])
            self.change_right(pairs[9:18], [{"description": f"told or not {number}"} for number in range(9)])
            for number in range(9):
                self.make_left(kind, f"L-{kind.party[0]}-{number}", "Made on finance")
                self.make_right(kind, f"R-{kind.party[0]}-{number}", "Made on sales")
            self.delete_left(pairs[18:27])
            self.delete_right(pairs[27:])

    def delete_left(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            self.story.finance_person.delete(SET, pair.left_key)

    def delete_right(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            self.story.sales_person.delete(pair.right_set, pair.right_id)

    def currency(self) -> str:
        """The currency of a customer that is there."""
        where = f"dataAreaId eq '{self.company}'"
        found = self.story.finance_person.rows(SET, columns=["SALESCURRENCYCODE"], where=where)
        return str(found[0]["SALESCURRENCYCODE"])

    def company_id(self) -> str:
        return str(self.only("cdm_companies", f"cdm_companycode eq '{self.company}'")["cdm_companyid"])

    def only(self, name: str, where: str) -> Row:
        (found,) = self.story.sales_person.rows(name, where=where)
        return found
