"""What a document may ask for, judged from its text before it is validated or executed.

One walk over what execution would collect: fragments in their places, fields of one
response name together. It ends at the first limit, so that a document costs no more
than the limits allow; the validation of what passes is bounded by them as well
(OverlappingFieldsCanBeMerged compares the fields of one name in pairs).

Cost counts the objects that an answer may hold. A page counts as many as it may have
(`first`), a list without pages as many as `_LIST_SIZE`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from reserve.core.errors import DomainError
from reserve.core.pages import MAX_PAGE_SIZE

MAX_TOKENS = 1_000
MAX_DEPTH = 16
MAX_FIELDS = 1_000
"""Fragments counted wherever they are spread."""
MAX_ALIASES = 30
MAX_ROOT_FIELDS = 20
MAX_FRAGMENTS = 50
MAX_COST = 10_000

# Fields of one response name in one place, which validation compares in pairs.
_MAX_MERGED = 20
# Of introspection, which can go round in circles: fields of types of fields.
_INTROSPECTION_LISTS = frozenset({"fields", "interfaces", "possibleTypes", "inputFields"})
_MAX_INTROSPECTION_LISTS = 2
_INTROSPECTION_COST = {"__schema": 2_000, "__type": 50}
# Items that a list without pages is taken to have, at the root and elsewhere.
_ROOT_LIST_SIZE, _LIST_SIZE = 100, 5


class QueryTooComplex(DomainError):
    """The document asks for too much at once; nothing of it was executed."""

    code = "QUERY_TOO_COMPLEX"
    status = 400

    @classmethod
    def of(cls, limit: str, maximum: int) -> "QueryTooComplex":
        return cls(f"The document is too complex: {limit} are limited to {maximum:,}.")


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation costs, as far as its text tells, and the pages whose size is a variable."""

    fixed: int
    pages: tuple["VariablePage", ...] = ()

    def times(self, number: int) -> "Cost":
        pages = (VariablePage(p.variable, p.default, p.each.times(number)) for p in self.pages)
        return Cost(self.fixed * number, tuple(pages))

    def of(self, variables: Mapping[str, Any]) -> int:
        return self.fixed + sum(page.of(variables) for page in self.pages)

    def check(self, variables: Mapping[str, Any]) -> None:
        """Raises QueryTooComplex where it is more than MAX_COST with these variables."""
        cost = self.of(variables) if self.pages else self.fixed
        if cost > MAX_COST:
            raise QueryTooComplex(
                f"The document is too complex: with its page sizes it costs {cost:,},"
                f" and {MAX_COST:,} is the limit."
            )


@dataclass(frozen=True, slots=True)
class VariablePage:
    """A page whose size is said with each request."""

    variable: str
    default: int
    each: Cost
    """Of one item."""

    def of(self, variables: Mapping[str, Any]) -> int:
        value = variables.get(self.variable)
        # What is no number is refused later.
        size = _clamped(value) if isinstance(value, int) else self.default
        return size * self.each.of(variables)


@dataclass(frozen=True, slots=True)
class Measure:
    """What was found of an operation that is within its limits."""

    root_fields: int
    cost: Cost


def measure(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Measure:
    """Walk an operation, and what its document defines beside it.

    What makes no sense is left for validation to say.

    Raises:
        QueryTooComplex: depth, aliases, fields, fragments or page sizes are over their limits.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    if len(document.definitions) > MAX_FRAGMENTS:
        raise QueryTooComplex.of("fragments", MAX_FRAGMENTS)
    walk = _Walk(schema, fragments, _defaults(operation))
    root = schema.get_root_type(operation.operation)
    root_fields = walk.collect([_Place(operation.selection_set, root)])
    number = sum(map(len, root_fields.values()))
    if number > MAX_ROOT_FIELDS:
        raise QueryTooComplex.of("fields at the root", MAX_ROOT_FIELDS)
    cost = walk.cost_of(root_fields.values(), depth=1, list_size=_Size(_ROOT_LIST_SIZE))
    # Validation looks at unused ones as well.
    for name in fragments.keys() - walk.spread:
        definition = fragments[name]
        condition = schema.get_type(definition.type_condition.name.value)
        unused = walk.collect([_Place(definition.selection_set, condition)])
        walk.cost_of(unused.values(), depth=1, list_size=_Size(_LIST_SIZE))
    if not cost.pages:
        cost.check({})
    return Measure(number, cost)


def _defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    """The whole numbers that variables have where a request leaves them out."""
    return {
        definition.variable.name.value: _number(definition.default_value)
        for definition in operation.variable_definitions
        if isinstance(definition.default_value, IntValueNode)
    }


@dataclass(frozen=True, slots=True)
class _Place:
    """Selections, and the type that they are of, where it is known."""

    selections: SelectionSetNode
    type: GraphQLNamedType | None
    within: frozenset[str] = frozenset()
    """The fragments around it."""


@dataclass(frozen=True, slots=True)
class _Collected:
    """A field where it would be executed."""

    node: FieldNode
    parent: GraphQLNamedType | None
    within: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Size:
    """How many items a list may have: a number or, if it is named, a variable's value."""

    number: int
    variable: str = ""

    def times(self, each: Cost) -> Cost:
        if self.variable:
            return Cost(0, (VariablePage(self.variable, self.number, each),))
        return each.times(self.number)


class _Walk:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, int],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults
        self._fields = 0
        self._aliases = 0
        self.spread: set[str] = set()

    def collect(self, places: Sequence[_Place]) -> dict[str, list[_Collected]]:
        """The fields of some selections by their response name, as execution collects them."""
        found: dict[str, list[_Collected]] = {}
        visited: set[str] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            for selection in place.selections.selections:
                match selection:
                    case FieldNode():
                        self._count(selection)
                        name = (selection.alias or selection.name).value
                        merged = found.setdefault(name, [])
                        merged.append(_Collected(selection, place.type, place.within))
                        if len(merged) > _MAX_MERGED:
                            raise QueryTooComplex.of("repetitions of one field", _MAX_MERGED)
                    case InlineFragmentNode():
                        waiting.append(self._inner(selection, place))
                    case FragmentSpreadNode(name=name_node):
                        name = name_node.value
                        fragment = self._fragments.get(name)
                        # One that spreads itself is for validation to refuse.
                        if fragment is None or name in visited or name in place.within:
                            continue
                        visited.add(name)
                        self.spread.add(name)
                        inner = self._inner(fragment, place)
                        waiting.append(_Place(inner.selections, inner.type, place.within | {name}))
        return found

    def _inner(
        self, fragment: InlineFragmentNode | FragmentDefinitionNode, place: _Place
    ) -> _Place:
        condition = fragment.type_condition
        kind = self._schema.get_type(condition.name.value) if condition else place.type
        return _Place(fragment.selection_set, kind, place.within)

    def _count(self, field: FieldNode) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise QueryTooComplex.of("fields", MAX_FIELDS)
        if field.alias is not None:
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise QueryTooComplex.of("aliases", MAX_ALIASES)

    def cost_of(
        self,
        fields: Iterable[Sequence[_Collected]],
        *,
        depth: int,
        list_size: _Size,
        introspection_lists: int = 0,
    ) -> Cost:
        """The cost of fields that were collected together.

        Args:
            list_size: how many items each list among them is taken to have.
            introspection_lists: how many lists of introspection they are within.
        """
        if depth > MAX_DEPTH:
            raise QueryTooComplex.of("levels", MAX_DEPTH)
        fixed = 0
        pages: list[VariablePage] = []
        for merged in fields:
            cost = self._cost_of_field(merged, depth, list_size, introspection_lists)
            fixed += cost.fixed
            pages += cost.pages
        return Cost(fixed, tuple(pages))

    def _cost_of_field(
        self, merged: Sequence[_Collected], depth: int, list_size: _Size, lists: int
    ) -> Cost:
        first = merged[0]
        name = first.node.name.value
        field = _field_of(first.parent, name)
        kind = get_named_type(field.type) if field else None
        if name in _INTROSPECTION_LISTS and field is None:
            lists += 1
            if lists > _MAX_INTROSPECTION_LISTS:
                raise QueryTooComplex.of("lists within lists of introspection", lists - 1)
        places = [
            _Place(one.node.selection_set, kind, one.within)
            for one in merged
            if one.node.selection_set
        ]
        if not places:
            return Cost(0)
        page = self._page_size(first.node, field) if field else None
        inner = self.cost_of(
            self.collect(places).values(),
            depth=depth + 1,
            list_size=page or _Size(_LIST_SIZE),
            introspection_lists=lists,
        )
        own = _INTROSPECTION_COST.get(name, 0 if kind is None or is_leaf_type(kind) else 1)
        each = Cost(own + inner.fixed, inner.pages)
        return (page or list_size).times(each) if field and _is_list(field) else each

    def _page_size(self, node: FieldNode, field: GraphQLField) -> _Size | None:
        """How many items the field has on a page; None where it has no pages."""
        argument = field.args.get("first")
        if argument is None:
            return None
        default = argument.default_value if isinstance(argument.default_value, int) else _LIST_SIZE
        given: ValueNode | None = None
        for one in node.arguments:
            if one.name.value == "first":
                given = one.value
        match given:
            case VariableNode(name=name):
                variable = name.value
                return _Size(self._defaults.get(variable, default), variable)
            case IntValueNode():
                return _Size(_number(given))
            case NullValueNode() | None:
                return _Size(default)
            case _:
                return _Size(MAX_PAGE_SIZE)


def _is_list(field: GraphQLField) -> bool:
    kind: Any = field.type
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def _field_of(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        field: GraphQLField | None = parent.fields.get(name)
        return field
    return None


def _number(node: IntValueNode) -> int:
    # Python takes its time over a number of a million digits.
    return _clamped(int(node.value[:12]))


def _clamped(size: int) -> int:
    """Page sizes beyond are refused by whoever reads the page."""
    return max(0, min(size, MAX_PAGE_SIZE))
