"""Query range expressions of finops → `Filter`.

    ((PartyType == "Organization") && (Name like "B*"))

Both `==` and `=` test for equality. An enum is written as text, as a number or as `Type::Value`, a date as
`dd\\mm\\yyyy`. Inside quotation marks a backslash keeps the next character.
"""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NoReturn

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from syncengine.mapping.filters.ast import (
    MAX_DEPTH,
    MAX_TERMS,
    And,
    Comparison,
    Filter,
    FilterError,
    Match,
    Not,
    Operator,
    Or,
    TextMatch,
    Value,
)

MAX_DIGITS = 38

_GRAMMAR = r"""
    ?start: any
    ?any: all | all ("||" all)+ -> any_of
    ?all: term | term ("&&" term)+ -> all_of
    ?term: "(" any ")" | condition | "!" "(" any ")" -> negated | "!" condition -> negated
    ?condition: NAME COMPARE value -> comparison | NAME LIKE TEXT -> like
    value: TEXT | NUMBER | DATE | NAME ["::" NAME]

    COMPARE: "==" | "=" | "!=" | "<=" | "<" | ">=" | ">"
    LIKE.2: /like\b/i
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    TEXT: /"(\\.|[^"\\])*"/s | /'(\\.|[^'\\])*'/s
    DATE.3: /[0-9]{1,2}\\[0-9]{1,2}\\[0-9]{4}/
    NUMBER: /-?[0-9]+(\.[0-9]+)?/
    %ignore /\s+/
"""
_OPERATORS = {
    "==": Operator.EQ,
    "=": Operator.EQ,
    "!=": Operator.NE,
    "<": Operator.LT,
    "<=": Operator.LE,
    ">": Operator.GT,
    ">=": Operator.GE,
}
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


_PARSER = Lark(_GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=False)


def parse(text: str) -> Filter:
    """The filter that the text describes; terms joined by the same sign are one `And` or `Or`.

    Raises: FilterError with the position of what cannot be understood.
    """
    if not text.strip():
        raise FilterError("The filter is empty.", text=text, position=0)
    try:
        _check_size(list(_PARSER.lex(text)), text)
        tree = _PARSER.parse(text)
    except UnexpectedInput as exc:
        raise _unexpected(exc, text) from exc
    return _filter(tree, text)


def _check_size(tokens: Sequence[Token], text: str) -> None:
    terms = depth = 0
    for token in tokens:
        terms += token.type in {"COMPARE", "LIKE"}
        depth += {"LPAR": 1, "RPAR": -1}.get(token.type, 0)
        if depth > MAX_DEPTH:
            _refuse(f"Brackets are nested more than {MAX_DEPTH} deep.", token, text)
        if terms > MAX_TERMS:
            _refuse(f"The filter has more than {MAX_TERMS} conditions.", token, text)


def _refuse(message: str, token: Token, text: str) -> NoReturn:
    raise FilterError(message, text=text, position=token.start_pos or 0)


def _unexpected(exc: UnexpectedInput, text: str) -> FilterError:
    position: int | None = None
    if isinstance(exc, UnexpectedCharacters):
        position = exc.pos_in_stream
    elif isinstance(exc, UnexpectedToken) and exc.token.type != "$END":
        position = exc.token.start_pos
    if position is None:
        return FilterError("The filter ends too early.", text=text, position=len(text))
    if text[position] in "\"'":
        return FilterError("A quotation mark is not closed or not expected here.", text=text, position=position)
    word = text[position:].split(maxsplit=1)[0]
    return FilterError(f'"{word[:30]}" is not expected here.', text=text, position=position)


def _filter(tree: Tree[Token], text: str) -> Filter:
    match tree.data:
        case "any_of":
            return Or(terms=_terms(tree, text))
        case "all_of":
            return And(terms=_terms(tree, text))
        case "negated":
            return Not(term=_filter(_branches(tree)[0], text))
    column, sign, *rest = tree.children
    if tree.data == "like":
        return Match(column=str(column), how=TextMatch.LIKE, text=_unquoted(str(rest[0])))
    value, enum_type = _value(_branches(tree)[0], text)
    return Comparison(column=str(column), operator=_OPERATORS[str(sign)], value=value, enum_type=enum_type)


def _terms(tree: Tree[Token], text: str) -> tuple[Filter, ...]:
    """What the same sign joins; brackets between are dropped."""
    terms: list[Filter] = []
    for branch in _branches(tree):
        term = _filter(branch, text)
        terms += term.terms if isinstance(term, And | Or) and branch.data == tree.data else (term,)
    return tuple(terms)


def _branches(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if isinstance(child, Tree)]


def _value(tree: Tree[Token], text: str) -> tuple[Value, str]:
    """The value and, for `Type::Value`, the type."""
    first, *rest = (child for child in tree.children if isinstance(child, Token))
    if rest:
        return str(rest[0]), str(first)
    match first.type:
        case "TEXT":
            return _unquoted(str(first)), ""
        case "DATE":
            return _date(first, text), ""
        case "NUMBER":
            return _number(first, text), ""
    if first.lower() not in _WORDS:
        _refuse("A value is expected here; text stands in quotation marks.", first, text)
    return _WORDS[first.lower()], ""


def _unquoted(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)


def _date(token: Token, text: str) -> date:
    day, month, year = (int(part) for part in token.split("\\"))
    try:
        return date(year, month, day)
    except ValueError:
        _refuse("There is no such day; dates are written dd\\mm\\yyyy.", token, text)


def _number(token: Token, text: str) -> int | Decimal:
    if sum(character.isdigit() for character in token) > MAX_DIGITS:
        _refuse("This number has too many digits.", token, text)
    return Decimal(token) if "." in token else int(token)
