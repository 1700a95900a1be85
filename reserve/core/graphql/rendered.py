"""Lists that a resolver has rendered itself, by what was selected of their rows.

Graphene asks each field of each row for its value; of a list of thirty slots that
costs ten times as much as everything else. A resolver that has the values at hand
may give them as they go over the wire, where nothing but plain fields was selected.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson
from graphql import FieldNode, GraphQLResolveInfo

_TYPENAME = "__typename"
_MAX_KNOWN = 2_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """The value of a field as JSON, which is complete."""

    value: Any


@dataclass(frozen=True, eq=False, slots=True)
class PlainSelection:
    """Fields of a row without arguments, conditions or fragments."""

    keys: tuple[str, ...]
    """As the response names them."""
    values: Callable[[Sequence[Any]], Sequence[Any]]
    """Of a row, what goes under each."""

    def render(self, rows: Iterable[Sequence[Any]]) -> orjson.Fragment:
        """The rows as a list of objects."""
        keys, values = self.keys, self.values
        return orjson.Fragment(orjson.dumps([dict(zip(keys, values(row))) for row in rows]))  # noqa: B905 (as many)


class PlainSelections:
    """Which selections are plain, of one type whose rows are tuples.

    Args:
        columns: the names of the fields, in the order of the tuples.
        typename: of the type, which is the last column.
    """

    def __init__(self, columns: Sequence[str], typename: str) -> None:
        self.typename = typename
        self._positions = {name: position for position, name in enumerate([*columns, _TYPENAME])}
        # By the node of the field, which lives as long as its document is kept.
        self._known: dict[int, tuple[FieldNode, PlainSelection | None]] = {}

    def of(self, info: GraphQLResolveInfo) -> PlainSelection | None:
        """The selection of the field that is being resolved, if it is a plain one."""
        if len(info.field_nodes) > 1:
            return None
        (node,) = info.field_nodes
        known = self._known.get(id(node))
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[id(node)] = node, self._read(node)
        return known[1]

    def _read(self, node: FieldNode) -> PlainSelection | None:
        keys: list[str] = []
        positions: list[int] = []
        for field in node.selection_set.selections if node.selection_set else ():
            if not isinstance(field, FieldNode) or field.directives:
                return None
            position = self._positions.get(field.name.value)
            key = field.alias.value if field.alias else field.name.value
            if position is None or key in keys:
                return None
            keys.append(key)
            positions.append(position)
        if len(positions) == 1:
            (only,) = positions
            return PlainSelection(tuple(keys), lambda row: (row[only],))
        return PlainSelection(tuple(keys), itemgetter(*positions))
