"""Keys that are no plain texts: dates, numbers, choices and enumerations, look-ups."""

from tests.sandbox.client import Client
from tests.sandbox.rows import make_company, number

ENUMS = "Microsoft.Dynamics.DataEntities."


def test_dataverse_finds_rows_by_dates(dataverse: Client) -> None:
    company, own = make_company(dataverse), number()
    values = {"msdyn_ledgervoucher": "V", "msdyn_invoicedate": "2026-11-21", "msdyn_invoicenumber": own}
    made = dataverse.make("invoices", {**values, "msdyn_company@odata.bind": f"/cdm_companies({company})"})
    key = f"msdyn_ledgervoucher='V',msdyn_invoicenumber='{own}'"
    key += f",msdyn_invoicedate=2026-11-21,_msdyn_company_value={company}"
    assert dataverse.get(f"invoices({key})").json()["invoiceid"] == made
    other = key.replace("11-21", "11-22")
    assert dataverse.patch(f"invoices({other})", {"name": "another"}).status_code == 204
    found = dataverse.rows(f"invoices?$filter=msdyn_invoicenumber eq '{own}'&$orderby=msdyn_invoicedate")
    assert [row["msdyn_invoicedate"] for row in found] == ["2026-11-21", "2026-11-22"]


def test_dataverse_finds_rows_by_choices(dataverse: Client) -> None:
    made = dataverse.make("msdyn_nameaffixes", {"msdyn_affix": "Dr", "msdyn_affixtype": 806380000})
    address = "msdyn_nameaffixes(msdyn_affix='Dr',msdyn_affixtype=806380000)"
    assert dataverse.get(address).json()["msdyn_nameaffixid"] == made
    assert dataverse.get(address.replace("0000)", "0001)")).status_code == 404


def test_finops_finds_rows_by_dates_and_numbers(finops: Client) -> None:
    body = {"INVOICENUMBER": "I1", "INVOICEDATE": "2026-11-21T12:00:00Z", "LEDGERVOUCHER": "V"}
    answer = finops.post("SalesInvoiceHeadersV2", {"dataAreaId": "usmf", **body})
    assert answer.status_code == 201, answer.text
    key = "dataAreaId='usmf',LEDGERVOUCHER='V',INVOICEDATE=2026-11-21T12:00:00Z,INVOICENUMBER='I1'"
    found = finops.get(f"SalesInvoiceHeadersV2({key})?cross-company=true")
    assert found.json()["INVOICEDATE"] == "2026-11-21T12:00:00Z"
    line = {"LINECREATIONSEQUENCENUMBER": 7, **body}
    assert finops.post("SalesInvoiceLinesV2", {"dataAreaId": "usmf", **line}).status_code == 201
    address = f"SalesInvoiceLinesV2({key},LINECREATIONSEQUENCENUMBER=7)?cross-company=true"
    assert finops.patch(address, {"PRODUCTNAME": "Bike"}).status_code == 204
    assert finops.get(address).json()["PRODUCTNAME"] == "Bike"


def test_finops_finds_rows_by_enumerations(finops: Client) -> None:
    body = {"AFFIX": "Dr", "TYPE": "PersonalPrefix", "DESCRIPTION": "Doctor"}
    assert finops.post("NameAffixes", body).status_code == 201
    address = f"NameAffixes(AFFIX='Dr',TYPE={ENUMS}NameAffixType'PersonalPrefix')"
    assert finops.get(address).json()["DESCRIPTION"] == "Doctor"
    assert finops.delete(address).status_code == 204
    assert finops.get(address).status_code == 404
