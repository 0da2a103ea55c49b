"""OData filter text → `Filter`.

The grammar is that of the library odata-query. What it does not know is added here, on its tokens: enum literals
(`Microsoft.Dynamics.DataEntities.NoYes'No'`), `Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=['a'])`
(whose texts may stand in double quotation marks, as in JSON: dataverse takes an apostrophe in no other way), lists of
one value, any year from 0001 on, and columns whose names begin like a keyword (`allowEdit`, `nullable`).

`parse_query` reads what a service itself takes beside that: paths (`primarycontactid/name`), `any` and `all`, and the
functions of dataverse. The engine's own filters know none of them.

Wildcards of finops (`Name eq '*retail*'`) stay plain comparisons: whether `*` means something is for the backend that
speaks for the service to say.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from odata_query import ast
from odata_query.exceptions import ODataException, ParsingException, TokenizingException
from odata_query.grammar import ODataLexer, ODataParser

from syncengine.mapping.filters.ast import (
    MAX_DEPTH,
    MAX_TERMS,
    And,
    Call,
    Comparison,
    Filter,
    FilterError,
    In,
    Match,
    Not,
    Operator,
    Or,
    Related,
    TextMatch,
    Value,
)

MAX_TOKENS = 30_000  # long lists of values count here, not as terms
MAX_DIGITS = 38

NAMESPACE = "Microsoft.Dynamics.CRM."
IN_FUNCTION = f"{NAMESPACE}In"
_FUNCTIONS = {str(how): how for how in (TextMatch.CONTAINS, TextMatch.STARTS_WITH, TextMatch.ENDS_WITH)}
_OPERATORS: dict[type[Any], Operator] = {
    ast.Eq: Operator.EQ,
    ast.NotEq: Operator.NE,
    ast.Lt: Operator.LT,
    ast.LtE: Operator.LE,
    ast.Gt: Operator.GT,
    ast.GtE: Operator.GE,
}
_FLIPPED = {Operator.LT: Operator.GT, Operator.GT: Operator.LT, Operator.LE: Operator.GE, Operator.GE: Operator.LE}
_COMPARING = frozenset({"EQ", "NE", "LT", "LE", "GT", "GE", "IN"})
_REFUSED = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MOD", "UMINUS"), "Arithmetic is not supported in a filter."),
    **dict.fromkeys(("GEOGRAPHY", "TIME", "DURATION"), "Values of this type are not supported in a filter."),
    "/": "Only columns of the table itself can be filtered, no paths.",
}


@dataclass(frozen=True, slots=True)
class _EnumLiteral:
    type_name: str
    symbol: str


def parse(text: str) -> Filter:
    """The filter that the text describes; terms joined by the same word are one `And` or `Or`.

    Raises: FilterError with the position of what cannot be understood.
    """
    tokens = _tokens(text)
    return _Reader(text, _positions(tokens)).filter(_tree(tokens, text, _refusal))


def parse_query(text: str) -> Filter:
    """The filter with paths, `any`, `all` and functions, of which the backend says whether it knows them.

    Raises: FilterError with the position of what cannot be understood.
    """
    tokens = _tokens(text)
    return _QueryReader(text, _positions(tokens)).filter(_tree(tokens, text, _query_refusal))


def _tree(tokens: Sequence[Any], text: str, refusal: "Refusal") -> Any:
    if not tokens:
        raise FilterError("The filter is empty.", text=text, position=0)
    _check_size(tokens, text, refusal)
    handed = _Handed(tokens)
    try:
        return ODataParser().parse(iter(handed))
    except ParsingException as exc:
        raise _unexpected(exc.token, text) from exc
    except (ODataException, AttributeError, NotImplementedError) as exc:  # the last two for what the library overlooks
        raise FilterError("This function takes other values.", text=text, position=handed.position) from exc


def _positions(tokens: Sequence[Any]) -> dict[int, int]:
    return {id(token.value): token.index for token in tokens}


# --- tokens


def _token(pattern: str) -> Callable[[Callable[..., Any]], Any]:
    """Marks a lexer rule: the library's own decorator exists only inside a class body."""

    def mark(rule: Any) -> Any:
        rule.pattern = pattern
        return rule

    return mark


def _keyword(word: str, node: type[Any]) -> Any:
    """A rule for a word between blanks; a bracket or quote may follow it directly."""

    @_token(rf"(?:\s+|(?<=[)'])){word}\b\s*")
    def rule(_: Any, token: Any) -> Any:
        token.index += len(token.value) - len(token.value.lstrip())
        token.value = node()
        return token

    return rule


class _Lexer(ODataLexer):
    tokens = ODataLexer.tokens
    literals = ODataLexer.literals | {"[", "]"}

    AND, OR, IN = _keyword("and", ast.And), _keyword("or", ast.Or), _keyword("in", ast.In)
    EQ, NE = _keyword("eq", ast.Eq), _keyword("ne", ast.NotEq)
    LT, LE = _keyword("lt", ast.Lt), _keyword("le", ast.LtE)
    GT, GE = _keyword("gt", ast.Gt), _keyword("ge", ast.GtE)

    @_token(r"not\b\s*")
    def NOT(self, token: Any) -> Any:  # noqa: N802 - rules are named like their token
        token.value = ast.Not()
        return token

    @_token(r"(?:[_a-z]\w*(?:\.\w+)+)?'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"")
    def STRING(self, token: Any) -> Any:  # noqa: N802
        if token.value.startswith('"'):
            token.value = ast.String(_from_json(token.value, self.text, token.index))
            return token
        type_name, _, quoted = token.value.partition("'")
        literal = quoted[:-1].replace("''", "'")
        token.value = _EnumLiteral(type_name.rpartition(".")[2], literal) if type_name else ast.String(literal)
        return token

    @_token(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,12})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?")
    def DATETIME(self, token: Any) -> Any:  # noqa: N802
        token.value = ast.DateTime(token.value.upper())
        return token

    @_token(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
    def DATE(self, token: Any) -> Any:  # noqa: N802
        token.value = ast.Date(token.value)
        return token

    @_token(r"(?:true|false)\b")
    def BOOLEAN(self, token: Any) -> Any:  # noqa: N802
        token.value = ast.Boolean(token.value)
        return token

    @_token(r"null\b")
    def NULL(self, token: Any) -> Any:  # noqa: N802
        token.value = ast.Null()
        return token

    @_token(r"any\b(?=\()")
    def ANY(self, token: Any) -> Any:  # noqa: N802
        token.value = ast.Any()
        return token

    @_token(r"all\b(?=\()")
    def ALL(self, token: Any) -> Any:  # noqa: N802
        token.value = ast.All()
        return token


def _from_json(quoted: str, text: str, position: int) -> str:
    try:
        found = str(json.loads(quoted))
        found.encode()  # half a surrogate pair is no text
    except ValueError as exc:
        raise FilterError("This text is not written as in JSON.", text=text, position=position) from exc
    return found


def _tokens(text: str) -> list[Any]:
    """The tokens, without blanks.

    Raises: FilterError where the text stops making sense.
    """
    tokens: list[Any] = []
    try:
        for token in _Lexer().tokenize(text):
            if token.type == "WS":
                continue
            tokens.append(token)
            if len(tokens) > MAX_TOKENS:
                raise FilterError("The filter is too long.", text=text, position=token.index)
    except TokenizingException as exc:
        raise _unexpected(exc.token, text) from exc
    return tokens


Refusal = Callable[..., str | None]


def _check_size(tokens: Sequence[Any], text: str, refusal: Refusal) -> None:
    """Refuses on the tokens what would make a tree too wide or too deep, and what no backend knows."""
    terms = depth = square = 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        is_call = token.type == "ODATA_IDENTIFIER" and following is not None and following.type == "("
        problem = refusal(token, is_call=is_call)
        square += {"[": 1, "]": -1}.get(token.type, 0)
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.type, 0)
        terms += token.type in _COMPARING or is_call
        if depth > MAX_DEPTH:
            problem = f"Brackets are nested more than {MAX_DEPTH} deep."
        elif terms > MAX_TERMS:
            problem = f"The filter has more than {MAX_TERMS} conditions."
        elif text[token.index] == '"' and square < 1:
            problem = "Text stands in single quotation marks here."
        elif token.type == "NOT" and following is not None and following.type == "NOT":
            problem = 'Put brackets between "not" and "not".'
        if problem is not None:
            raise FilterError(problem, text=text, position=token.index)


def _refusal(token: Any, *, is_call: bool) -> str | None:
    if is_call and (name := token.value.full_name()) not in {*_FUNCTIONS, IN_FUNCTION}:
        return f'The function "{name[:40]}" is not supported in a filter.'
    return _REFUSED.get(token.type)


def _query_refusal(token: Any, *, is_call: bool) -> str | None:
    if is_call and not token.value.full_name().startswith(NAMESPACE):
        return _refusal(token, is_call=is_call)
    return None if token.type == "/" else _REFUSED.get(token.type)


class _Handed:
    """The tokens as the library's grammar takes them; knows the position of the one handed out last.

    Square brackets become round ones, and a list of one value gets the comma that tells it from a bracketed value.
    """

    def __init__(self, tokens: Sequence[Any]) -> None:
        self.tokens = tokens
        self.position = 0

    def __iter__(self) -> Iterator[Any]:
        lists: list[int | None] = []  # commas so far in each open bracket; None for one that is no list
        before = ""
        for token in self.tokens:
            self.position = token.index
            if token.type in "([":
                lists.append(0 if token.type == "[" or before == "IN" else None)
            elif token.type == "," and lists and lists[-1] is not None:
                lists[-1] += 1
            elif token.type in ")]" and lists and lists.pop() == 0:
                yield _retyped(token, ",")
            before = token.type
            yield _retyped(token, {"[": "(", "]": ")"}.get(token.type, token.type))


def _retyped(token: Any, kind: str) -> Any:
    if token.type == kind:
        return token
    other = type(token)()
    other.type, other.value, other.lineno, other.index = kind, token.value, token.lineno, token.index
    return other


def _unexpected(token: Any, text: str) -> FilterError:
    if token is None:
        return FilterError("The filter ends too early.", text=text, position=len(text))
    if text[token.index] == "'":
        return FilterError("A quotation mark is not closed or not expected here.", text=text, position=token.index)
    word = text[token.index :].split(maxsplit=1)
    return FilterError(f'"{word[0][:30] if word else ""}" is not expected here.', text=text, position=token.index)


# --- the library's tree to ours


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    positions: dict[int, int]

    def error(self, message: str, node: Any) -> FilterError:
        return FilterError(message, text=self.text, position=self.position(node))

    def position(self, node: Any) -> int:
        """Where the node's own word stands, or the leftmost of its parts."""
        while True:
            for part in (node, *(getattr(node, name, None) for name in ("comparator", "op", "func", "name"))):
                if id(part) in self.positions:
                    return self.positions[id(part)]
            parts = getattr(node, "val", None) or getattr(node, "args", None) or getattr(node, "operand", None)
            node = parts[0] if isinstance(parts, list) and parts else parts
            if node is None or isinstance(node, str):
                return 0

    def filter(self, node: Any) -> Filter:
        match node:
            case ast.BoolOp():
                terms = tuple(self.filter(term) for term in _flat(node))
                return And(terms=terms) if isinstance(node.op, ast.And) else Or(terms=terms)
            case ast.UnaryOp():
                return Not(term=self.filter(node.operand))
            case ast.Compare():
                return self.comparison(node)
            case ast.Call():
                return self.call(node)
        raise self.error("Compare a column with a value here.", node)

    def comparison(self, node: Any) -> Filter:
        if isinstance(node.comparator, ast.In):
            return In(column=self.column(node.left), values=self.values(node.right))
        operator, column, literal = _OPERATORS[type(node.comparator)], node.left, node.right
        if not isinstance(column, ast.Identifier) and isinstance(literal, ast.Identifier):
            operator, column, literal = _FLIPPED.get(operator, operator), literal, column
        if isinstance(column, ast.UnaryOp):
            raise self.error('Put brackets round what "not" stands before.', column)
        value, enum_type = self.value(literal), literal.type_name if isinstance(literal, _EnumLiteral) else ""
        return Comparison(column=self.column(column), operator=operator, value=value, enum_type=enum_type)

    def call(self, node: Any) -> Filter:
        name = node.func.full_name()
        if name == IN_FUNCTION:
            return self.in_function(node)
        match node.args:
            case [column, ast.String() as text]:
                return Match(column=self.column(column), how=_FUNCTIONS[name], text=text.val)
        raise self.error(f'"{name}" takes a column and a text.', node)

    def in_function(self, node: Any) -> In:
        named = {str(arg.name.name).lower(): arg.param for arg in node.args if isinstance(arg, ast.NamedParam)}
        match named.get("propertyname"), named.get("propertyvalues"):
            case ast.String() as name, ast.List() as values if len(named) == len(node.args) and name.val:
                return In(column=name.val, values=self.values(values))
        raise self.error("In takes PropertyName='column' and PropertyValues=['value', ...].", node)

    def column(self, node: Any) -> str:
        if isinstance(node, ast.Identifier) and not node.namespace:
            return str(node.name)
        raise self.error("The name of a column is expected here.", node)

    def values(self, node: Any) -> tuple[Value, ...]:
        return tuple(self.value(item) for item in node.val)

    def value(self, node: Any) -> Value:
        try:
            return _value(node)
        except (ArithmeticError, ValueError) as exc:
            raise self.error("This value is out of range.", node) from exc
        except TypeError as exc:
            raise self.error("A value is expected here.", node) from exc


@dataclass(frozen=True, slots=True)
class _QueryReader(_Reader):
    """Reads paths and functions too. `variables` are those of the lambdas around: `o` in `any(o:o/name eq 'x')`."""

    variables: tuple[str, ...] = ()

    def filter(self, node: Any) -> Filter:
        if isinstance(node, ast.CollectionLambda):
            return self.related(node)
        return _Reader.filter(self, node)

    def related(self, node: Any) -> Filter:
        path, is_all = self.column(node.owner), isinstance(node.operator, ast.All)
        if node.lambda_ is None:
            return Related(path=path, is_all=is_all, term=None)
        inner = _QueryReader(self.text, self.positions, (*self.variables, node.lambda_.identifier.name))
        return Related(path=path, is_all=is_all, term=inner.filter(node.lambda_.expression))

    def call(self, node: Any) -> Filter:
        name = node.func.full_name()
        if name == IN_FUNCTION or not name.startswith(NAMESPACE):
            return _Reader.call(self, node)
        named = {str(arg.name.name).lower(): arg.param for arg in node.args if isinstance(arg, ast.NamedParam)}
        match named.pop("propertyname", None), list(named.items()):
            case ast.String() as column, []:
                values: tuple[Value, ...] = ()
            case ast.String() as column, [("propertyvalue", value)]:
                values = (self.value(value),)
            case ast.String() as column, [("propertyvalues", ast.List() as several)]:
                values = self.values(several)
            case _:
                raise self.error(f'"{name}" takes PropertyName and at most one of PropertyValue, PropertyValues.', node)
        return Call(name=name.removeprefix(NAMESPACE), column=column.val, values=values)

    def column(self, node: Any) -> str:
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, str(node.attr))
            node = node.owner
        first = _Reader.column(self, node)
        if self.variables and first == self.variables[-1] and names:
            return "/".join(names)
        if self.variables:
            raise self.error(f'A column of "{self.variables[-1]}" is expected here.', node)
        return "/".join([first, *names])


def _flat(node: Any) -> list[Any]:
    """What the same word joins, from left to right; brackets between are dropped."""
    kind, waiting, terms = type(node.op), [node], []
    while waiting:
        term = waiting.pop()
        if isinstance(term, ast.BoolOp) and isinstance(term.op, kind):
            waiting += [term.right, term.left]
        else:
            terms.append(term)
    return terms


def _value(node: Any) -> Value:
    match node:
        case ast.Null():
            return None
        case ast.Boolean():
            return bool(node.val.lower() == "true")
        case ast.String():
            return str(node.val)
        case _EnumLiteral():
            return node.symbol
        case ast.Integer() | ast.Float():
            return _number(node.val)
        case ast.GUID():
            return UUID(node.val)
        case ast.Date():
            return date.fromisoformat(node.val)
        case ast.DateTime():
            return _moment(node.val)
    raise TypeError("no literal")


def _number(text: str) -> int | Decimal:
    number = Decimal(text)
    if number.adjusted() >= MAX_DIGITS or len(number.as_tuple().digits) > MAX_DIGITS or number.adjusted() < -MAX_DIGITS:
        raise ValueError("too many digits")
    return int(text) if text.lstrip("+-").isdigit() else number


def _moment(text: str) -> datetime:
    """Aware UTC; a time without zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
