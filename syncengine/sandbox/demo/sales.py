"""What the sales side of the demo data has before anything is synced."""

from syncengine.sandbox.demo import own_customers, shared_customers
from syncengine.sandbox.demo.binds import bound, company_bound, row_id
from syncengine.sandbox.demo.reference import COMPANIES
from syncengine.sandbox.demo.rows import Row
from syncengine.sandbox.demo.shared_customers import GROUPS, TERMS

_KIND_OF_PAYMENT = {"Net": 806380991, "CurrentMth": 806380992, "COD": 806380996}


def rows(finance: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The bodies by entity set; what equals rows of finance is made from them."""
    customers = finance["CustomersV3"]
    return {
        "cdm_companies": [_company(row) for row in finance["LegalEntities"]],
        "transactioncurrencies": [_currency(row) for row in finance["Currencies"] if row["CURRENCYCODE"] in _base()],
        "msdyn_paymentterms": [_term(row) for row in finance["PaymentTerms"] if row["NAME"] in TERMS],
        "msdyn_customergroups": [_group(row) for row in finance["CustomerGroups"] if row["CUSTOMERGROUPID"] in GROUPS],
        "accounts": [
            *shared_customers.accounts(customers),
            *own_customers.accounts(),
            *own_customers.prospects(),
        ],
        "contacts": [
            *shared_customers.contacts(customers),
            *own_customers.contacts(),
            *own_customers.other_contacts(),
        ],
    }


def _base() -> set[str]:
    return {company.currency for company in COMPANIES}


def _company(row: Row) -> Row:
    return {"cdm_companycode": row["LEGALENTITYID"], "cdm_name": row["NAME"]}


def _currency(row: Row) -> Row:
    return {
        "isocurrencycode": row["CURRENCYCODE"],
        "currencyname": row["NAME"],
        "currencysymbol": row["SYMBOL"],
        "exchangerate": 1,
    }


def _term(row: Row) -> Row:
    return {
        "msdyn_paymenttermid": row_id("msdyn_paymentterms", row["dataAreaId"], row["NAME"]),
        "msdyn_company@odata.bind": company_bound(row["dataAreaId"]),
        "msdyn_name": row["NAME"],
        "msdyn_description": row["DESCRIPTION"],
        "msdyn_days": row["NUMBEROFDAYS"],
        "msdyn_numberofmonth": row["NUMBEROFMONTHS"],
        "msdyn_cutoffdayofmonth": row["CUTOFFDAYOFMONTH"],
        "msdyn_iscashpayment": row["ISCASHPAYMENT"] == "Yes",
        "msdyn_iscertifiedcompanycheck": row["ISCERTIFIEDCOMPANYCHECK"] == "Yes",
        "msdyn_isdefaultpaymentterm": row["ISDEFAULTPAYMENTTERM"] == "Yes",
        "msdyn_paymentmethodtype": _KIND_OF_PAYMENT[str(row["PAYMENTMETHODTYPE"])],
        "msdyn_creditcardpaymenttype": 806380999 if row["CREDITCARDPAYMENTTYPE"] == "CreditCard" else 806380998,
        "msdyn_creditcardcreditchecktype": 806380000,
    }


def _group(row: Row) -> Row:
    company = row["dataAreaId"]
    return {
        "msdyn_customergroupid": row_id("msdyn_customergroups", company, row["CUSTOMERGROUPID"]),
        "msdyn_company@odata.bind": company_bound(company),
        "msdyn_groupid": row["CUSTOMERGROUPID"],
        "msdyn_description": row["DESCRIPTION"],
        "msdyn_paymenttermid@odata.bind": bound("msdyn_paymentterms", company, row["PAYMENTTERMID"]),
        "msdyn_issalestaxincludedinprice": row["ISSALESTAXINCLUDEDINPRICE"] == "Yes",
    }
