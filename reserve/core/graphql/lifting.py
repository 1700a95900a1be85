"""Documents that differ in their literals alone share one that has variables in their place.

Whoever writes values into the text sends another document with each request, and
parsing and validating one costs twenty times as much as executing it. So the text
is cut at its literals, without being parsed; what is left is its *shape*. The first
document of a shape is parsed and validated as it stands. If it is valid, its
strings and whole numbers become variables of their own in a copy, which serves
every later document of that shape.

Nobody is to notice. Only scalars are lifted whose literals and variables are read
alike; a value that its type refuses, and everything that is cut in doubt, goes the
ordinary way, to the ordinary words. Errors point into the text as it was sent.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    IntValueNode,
    NameNode,
    OperationDefinitionNode,
    Source,
    SourceLocation,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_location,
    get_nullable_type,
    parse_type,
    visit,
)
from graphql.pyutils import Undefined

Kept = TypeVar("Kept")

_MAX_SHAPES = 1_000
# Read alike from a literal and from a variable; tests hold the two against each other.
_SCALARS = frozenset({"String", "ID", "Int", "Date", "DateTime", "Time"})
_PREFIX = "_lifted_"
# A string without line breaks, or what begins like a number; and what makes cutting
# doubtful, comments and block strings.
_LITERAL = re.compile(
    r'("""|#|"(?:[^"\\\x00-\x1f\x7f\ud800-\udfff]|\\["\\/bfnrt])*"|(?<![\w.$-])-?\d[\w.]*)'
)
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,9})", re.ASCII)
_STRING, _NUMBER = '""', "0"


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as its shape and the literals that were cut out of it."""

    text: str
    shape: str
    literals: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Cut | None":
        """None where there is nothing to cut, or where that would be doubtful."""
        parts = _LITERAL.split(text)
        literals = parts[1::2]
        if not literals:
            return None
        for position, literal in enumerate(literals):
            if literal[0] == '"' and literal != '"""':
                parts[2 * position + 1] = _STRING
            elif _WHOLE_NUMBER.fullmatch(literal):
                parts[2 * position + 1] = _NUMBER
            else:
                return None
        # A quotation mark that is left over belongs to what was not understood.
        if any('"' in part for part in parts[::2]):
            return None
        return cls(text, "".join(parts), tuple(literals))

    def starts(self) -> list[int]:
        """Where each literal begins in the text."""
        return [found.start() for found in _LITERAL.finditer(self.text)]


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    type: GraphQLScalarType

    def value_of(self, literal: str) -> Any:
        """As JSON would have it; Undefined where the type refuses it."""
        node: StringValueNode | IntValueNode
        if literal[0] == '"':
            value: Any = json.loads(literal) if "\\" in literal else literal[1:-1]
            node = StringValueNode(value=value)
        else:
            value, node = int(literal), IntValueNode(value=literal)
        try:
            accepted = self.type.parse_literal(node, None)
        except Exception:  # noqa: BLE001 (as graphql-core takes whatever a scalar raises)
            return Undefined
        return Undefined if accepted is Undefined else value


@dataclass(frozen=True, slots=True)
class Lifted:
    """A document with variables in the place of literals, for every text of its shape."""

    document: DocumentNode
    operation: OperationDefinitionNode
    cut: Cut
    """Of the text that it was made from, which its nodes' places are in."""
    variables: tuple[_Variable | None, ...]
    """For each literal; None where it stayed what it was."""

    def values(self, cut: Cut) -> dict[str, Any] | None:
        """The variables of a text of the same shape, or None where it is not one of ours."""
        values: dict[str, Any] = {}
        for variable, literal, original in zip(
            self.variables, cut.literals, self.cut.literals, strict=True
        ):
            if variable is None:
                if literal != original:
                    return None
                continue
            value = variable.value_of(literal)
            if value is Undefined:
                return None
            values[variable.name] = value
        return values

    def relocate(self, errors: Sequence[GraphQLError], cut: Cut) -> None:
        """Have errors point into the text that was sent."""
        source = Source(cut.text)
        for error in errors:
            places = [node.loc.start for node in error.nodes or () if node.loc]
            if places:
                error.locations = [self._location(place, cut, source) for place in places]

    def _location(self, place: int, cut: Cut, source: Source) -> SourceLocation:
        moved = sum(
            len(literal) - len(original)
            for start, literal, original in zip(
                self.cut.starts(), cut.literals, self.cut.literals, strict=True
            )
            if start < place
        )
        return get_location(source, place + moved)


class Shapes(Generic[Kept]):
    """What is kept for each shape, or that there is nothing; the least recently used go."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept | None] = OrderedDict()

    def knows(self, cut: Cut) -> bool:
        return cut.shape in self._kept

    def get(self, cut: Cut) -> Kept | None:
        self._kept.move_to_end(cut.shape)
        return self._kept[cut.shape]

    def remember(self, cut: Cut, kept: Kept | None) -> None:
        self._kept[cut.shape] = kept
        while len(self._kept) > _MAX_SHAPES:
            self._kept.popitem(last=False)


def lift(
    schema: GraphQLSchema, cut: Cut, document: DocumentNode, operation: OperationDefinitionNode
) -> Lifted | None:
    """The document of a text with variables, or None where no literal could be lifted.

    Args:
        document: the text as it was parsed, and found valid; it is not changed.
    """
    starts = {start: position for position, start in enumerate(cut.starts())}
    lifter = _Lifter(schema, starts, cut.literals)
    lifted: DocumentNode = visit(document, TypeInfoVisitor(lifter.type_info, lifter))
    if lifter.is_in_doubt or not any(lifter.variables):
        return None
    definitions = [
        VariableDefinitionNode(
            variable=VariableNode(name=NameNode(value=variable.name)),
            type=parse_type(kind),
            directives=(),
        )
        for variable, kind in zip(lifter.variables, lifter.kinds, strict=True)
        if variable
    ]
    # The operation is the document's own where its literals are all in fragments.
    own = copy(next(one for one in lifted.definitions if one.kind == operation.kind))
    assert isinstance(own, OperationDefinitionNode)
    own.variable_definitions = (*own.variable_definitions, *definitions)
    lifted = copy(lifted)
    lifted.definitions = tuple(own if one.kind == own.kind else one for one in lifted.definitions)
    return Lifted(lifted, own, cut, tuple(lifter.variables))


class _Lifter(Visitor):
    """Puts variables in the place of literals; a copy is made of what changes."""

    def __init__(
        self, schema: GraphQLSchema, starts: Mapping[int, int], literals: Sequence[str]
    ) -> None:
        super().__init__()
        self.type_info = TypeInfo(schema)
        self.variables: list[_Variable | None] = [None] * len(literals)
        self.kinds = [""] * len(literals)
        self.is_in_doubt = False
        self._starts = starts

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        if node.name.value.startswith(_PREFIX):
            self.is_in_doubt = True

    def enter_string_value(self, node: StringValueNode, *around: Any) -> VariableNode | None:
        return self._lifted(node, *around)

    def enter_int_value(self, node: IntValueNode, *around: Any) -> VariableNode | None:
        return self._lifted(node, *around)

    def _lifted(
        self,
        node: StringValueNode | IntValueNode,
        _key: Any,
        parent: Any,
        _path: Any,
        ancestors: Sequence[Any],
    ) -> VariableNode | None:
        kind: Any = self.type_info.get_input_type()
        scalar: Any = get_nullable_type(kind)
        position = self._starts.get(node.loc.start) if node.loc else None
        if position is None:
            # The text was cut elsewhere than it was parsed.
            self.is_in_doubt = True
            return None
        if not isinstance(scalar, GraphQLScalarType) or scalar.name not in _SCALARS:
            return None
        # The parent is none of the ancestors.
        around = (*ancestors, parent)
        # Directives and defaults of variables are read before anything is executed.
        if any(isinstance(one, DirectiveNode | VariableDefinitionNode) for one in around):
            return None
        if not any(isinstance(one, ArgumentNode) for one in around):
            return None
        name = f"{_PREFIX}{position}"
        self.variables[position] = _Variable(name, scalar)
        self.kinds[position] = str(kind)
        return VariableNode(name=NameNode(value=name), loc=node.loc)
