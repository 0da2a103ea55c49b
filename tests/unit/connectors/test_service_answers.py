"""What refused rows and failed calls mean, by the services' own codes and texts."""

import pytest

from syncengine.connectors.dataverse import errors as dataverse
from syncengine.connectors.finops import errors as finops
from syncengine.connectors.service_errors import read_problem
from syncengine.errors import (
    CatalogError,
    CredentialsError,
    ErrorClass,
    PermanentError,
    SyncError,
    ThrottledError,
    UnreachableError,
)

LINES = (
    "Warning: The value 'Local' in field 'Customer group' is not found in the related table 'Customer groups'.; "
    "Warning: validateField failed on field 'CustCustomerV3Entity.CustomerGroupId'."
)


def coded(code: str, message: str = "m") -> bytes:
    return f'{{"error":{{"code":"{code}","message":"{message}"}}}}'.encode()


def inner(text: str, type_: str = "AxODataWriteException") -> bytes:
    return f'{{"error":{{"code":"","message":"x","innererror":{{"message":"{text}","type":"{type_}"}}}}}}'.encode()


RULE = inner(f"Write failed for table row of type 'CustCustomerV3Entity'. Infolog: {LINES}")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "0x80048d19", ErrorClass.MAPPING),
        (400, "0x80060888", ErrorClass.MAPPING),
        (400, "0x0", ErrorClass.MAPPING),
        (400, "0x80044331", ErrorClass.DATA),
        (400, "0x8004431A", ErrorClass.DATA),
        (400, "0x80040265", ErrorClass.BUSINESS),
        (403, "0x80040220", ErrorClass.PERMISSION),
        (404, "0x80060891", ErrorClass.MISSING_PARENT),
        (412, "0x80060882", ErrorClass.CONFLICT),
        (412, "0x80060892", ErrorClass.DUPLICATE),
        (429, "0x80072322", ErrorClass.THROTTLE),
        (503, "0x80044151", ErrorClass.TRANSIENT),
        (500, "0x80040265", ErrorClass.BUSINESS),
        (504, "", ErrorClass.TRANSIENT),
    ],
)
def test_dataverse_codes_have_their_class(status: int, code: str, expected: ErrorClass) -> None:
    refusal = dataverse.refusal_of(status, coded(code), row_id="aa", creates=False)
    assert (refusal.error_class, refusal.code, refusal.message) == (expected, code, "m")


def test_dataverse_missing_row_may_be_the_row_or_its_parent() -> None:
    own, other = coded("0x80040217", "account With Id = AA Does Not Exist"), coded("0x80040217", "group With Id = BB")
    assert dataverse.refusal_of(404, own, row_id="aa", creates=False).error_class is ErrorClass.MISSING
    assert dataverse.refusal_of(404, other, row_id="aa", creates=False).error_class is ErrorClass.MISSING_PARENT
    assert dataverse.refusal_of(404, own, row_id="aa", creates=True).error_class is ErrorClass.MISSING_PARENT


def test_dataverse_create_that_finds_a_row_is_a_duplicate() -> None:
    body = coded("", "A record with matching key values already exists.")
    assert dataverse.refusal_of(412, body, row_id="aa", creates=True).error_class is ErrorClass.DUPLICATE


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, RULE, ErrorClass.MISSING_PARENT),
        (500, RULE, ErrorClass.MISSING_PARENT),
        (
            500,
            inner("Infolog: Error: Cannot create a record in Customers. The record already exists."),
            ErrorClass.DUPLICATE,
        ),
        (400, inner("Infolog: Warning: validateField failed on field 'X.Y'."), ErrorClass.DATA),
        (500, inner("Infolog: Error: Customer is blocked."), ErrorClass.BUSINESS),
        (500, inner("boom", "System.NullReferenceException"), ErrorClass.TRANSIENT),
        (500, inner("An update conflict occurred due to another user process"), ErrorClass.TRANSIENT),
        (400, inner("deadlock"), ErrorClass.TRANSIENT),
        (404, coded("", "Not found."), ErrorClass.MISSING),
        (412, coded("", "x"), ErrorClass.CONFLICT),
        (403, coded("", "x"), ErrorClass.PERMISSION),
        (429, coded("429", "x"), ErrorClass.THROTTLE),
        (502, b"<html>Bad gateway</html>", ErrorClass.TRANSIENT),
    ],
)
def test_finops_texts_have_their_class_whatever_the_status(status: int, body: bytes, expected: ErrorClass) -> None:
    assert finops.refusal_of(status, body).error_class is expected


def test_infolog_is_shown_as_the_service_shows_its_users() -> None:
    refusal = finops.refusal_of(500, RULE)
    assert refusal.message == (
        "The value 'Local' in field 'Customer group' is not found in the related table 'Customer groups'; "
        "validateField failed on field 'CustCustomerV3Entity.CustomerGroupId'."
    )
    assert refusal.raw == RULE.decode()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "0x80072560", CredentialsError),
        (403, "0x80040220", PermanentError),
        (404, "0x8006088a", CatalogError),
        (400, "0x80060888", CatalogError),
        (400, "0x1", PermanentError),
        (429, "", ThrottledError),
        (500, "", UnreachableError),
    ],
)
def test_failed_dataverse_calls_are_raised_by_what_to_do(status: int, code: str, expected: type[SyncError]) -> None:
    error = dataverse.error_of(status, coded(code), name="Contoso", correlation="id-1")
    assert type(error) is expected
    assert str(error) == "Contoso: m (request id id-1)"


def test_failed_finops_calls_are_raised_by_what_to_do() -> None:
    missing = finops.error_of(404, coded("", "No HTTP resource was found"), name="C")
    column = finops.error_of(400, coded("", "Could not find a property named 'x'"), name="C")
    other = finops.error_of(400, coded("", "Bad request"), name="C")
    assert [type(error) for error in (missing, column, other)] == [CatalogError, CatalogError, PermanentError]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"code":"1","message":"m"}}', "m"),
        (b'{"error":"invalid_client","error_description":"d"}', "d"),
        (b'{"Message":"No HTTP resource was found"}', "No HTTP resource was found"),
        (b"plain", "plain"),
        (b"", "no reason given"),
        (b"[1]", "[1]"),
        (b'{"error":null}', '{"error":null}'),
        (b'{"error":{"message":5}}', "5"),
    ],
)
def test_any_body_gives_a_text(body: bytes, text: str) -> None:
    assert read_problem(body).text == text
