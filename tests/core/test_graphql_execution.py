"""Documents are executed as graphql-core executes them, however often they are asked for."""

import asyncio
from enum import Enum
from inspect import isawaitable
from uuid import UUID

import pytest
from graphql import ExecutionResult, build_schema, parse, validate
from graphql import execute as reference
from graphql.execution.values import get_variable_values

from reserve.core.graphql.coercion import Variables
from reserve.core.graphql.execution import Plan, execute

SCHEMA = build_schema(
    """
    enum Size { SMALL LARGE }
    scalar Anything
    input Place {
      name: String! = "here", row: Int, seats: [Int!], size: Size = SMALL, near: [Place]
    }
    input Wish @oneOf { size: Size, row: Int }
    interface Named { name: String! }
    type Room implements Named {
      name: String!, size: Size, rooms: [Room!]!, door: Door, locked: Boolean!
    }
    type Door implements Named {
      name: String!, width: Float, broken: Int, missing: Int!, later: Int, room: Room!
    }
    type Lamp {
      bright: Boolean, watts: Int!, size: Size, colour: String, made: String, wires: Int,
      bulb: String!, shade: String
    }
    union Part = Room | Door
    type Query {
      room(name: String, place: Place, wish: Wish): Room
      parts: [Part]
      named: Named
      lamp: Lamp
      number: Int
      wrong: Int
      later(value: Int = 7): Int!
      fails: Room!
      anything(value: Anything): Anything
    }
    type Mutation { first(value: Int!): Int, second(value: Int!): Int, third: Room }
    """
)


class Size(Enum):
    LARGE = "LARGE"


class Room:
    kind = "Room"

    def __init__(self, name="hall", depth=2):
        self.name, self.size, self.locked = name, "LARGE", False
        self.rooms = [Room(f"{name} {number}", depth - 1) for number in range(depth)]

    async def door(self, _info):
        return Door(self)


class Door:
    kind = "Door"
    name, width, missing = "door", 0.9, None

    def __init__(self, room):
        self._room = room

    def broken(self, _info):
        raise ValueError("It is broken.")

    async def later(self, _info):
        await asyncio.sleep(0)
        raise ValueError("It will be broken.")

    async def room(self, _info):
        await asyncio.sleep(0)
        return self._room


class Root:
    number, wrong = 3, "three"

    def __init__(self):
        self.values = []

    async def room(self, _info, name="hall", **_wishes):
        return Room(name)

    def parts(self, _info):
        return [Room("first"), None, Door(Room("second")), ValueError("No part.")]

    def lamp(self, _info):
        return {"bright": True, "watts": 40}

    def named(self, _info):
        return Door(Room())

    async def later(self, _info, value):
        await asyncio.sleep(0)
        return value

    async def fails(self, _info):
        raise ValueError("It fails.")

    def anything(self, _info, value=None):
        return value

    async def first(self, _info, value):
        await asyncio.sleep(0)
        self.values.append(value)
        return len(self.values)

    def second(self, _info, value):
        self.values.append(value)
        return len(self.values) * 10

    def third(self, _info):
        return Room("third")


def type_of(value, _info, _kind):
    return value.kind


def _from_row(read):
    """A resolver as ours are, that looks at the row alone."""

    def resolve(row, _info):
        return read(row)

    return resolve


def _broken(_row):
    raise ValueError("It is broken.")


LAMP = {
    "bright": lambda row: row["bright"],
    "watts": lambda row: row["watts"],
    "size": lambda _row: Size.LARGE,
    "colour": lambda _row: None,
    "made": lambda _row: UUID(int=1),
    "wires": lambda _row: "many",
    "bulb": lambda _row: None,
    "shade": _broken,
}
for name, read in LAMP.items():
    SCHEMA.type_map["Lamp"].fields[name].resolve = _from_row(read)

for abstract in ("Named", "Part"):
    SCHEMA.type_map[abstract].resolve_type = type_of


async def shown(result):
    result = await result if isawaitable(result) else result
    assert isinstance(result, ExecutionResult)
    return result.data, [error.formatted for error in result.errors or ()]


async def by_graphql_core(text, variables):
    return await shown(reference(SCHEMA, parse(text), Root(), variable_values=variables))


def plan_of(text):
    document = parse(text)
    assert validate(SCHEMA, document) == []
    return Plan(SCHEMA, document, document.definitions[0])


async def by_ours(plan, variables):
    result = execute(
        plan,
        context=None,
        variables=variables,
        root=Root(),
        max_errors=50,
        hides_suggestions=False,
    )
    return await shown(result)


DOCUMENTS = {
    "leaves": ("{ number __typename }", [{}]),
    "a leaf that cannot be one": ("{ wrong number }", [{}]),
    "one that takes its time": ("{ later number }", [{}]),
    "two that take their time": ("{ a: later b: later(value: 3) number }", [{}]),
    "nested, with aliases": (
        "query ($n: String) { room(name: $n) { n: name size door { width room { name } } } }",
        [{}, {"n": "cellar"}, {"n": None}, {"n": 3}],
    ),
    "what rows tell": ("{ lamp { bright watts size colour made __typename } }", [{}]),
    "what rows cannot tell": ("{ lamp { wires shade colour } number }", [{}]),
    "what rows must tell": ("{ lamp { bright bulb } number }", [{}]),
    "lists": ("{ room { rooms { name rooms { name } } } }", [{}]),
    "merged fields": ("{ room { name } room { size } ... { room { locked } } }", [{}]),
    "fragments": (
        "{ room { ...R } } fragment R on Room { name door { ...N } } fragment N on Named { name }",
        [{}],
    ),
    "types told apart": (
        "{ parts { __typename ... on Room { name size } ... on Door { width } } named { name } }",
        [{}],
    ),
    "errors of fields": ("{ room { door { broken later width } } number }", [{}]),
    "null that climbs": ("{ room { name door { missing } } number }", [{}]),
    "null that climbs to the top": ("{ number fails { name } }", [{}]),
    "directives": (
        (
            "query ($a: Boolean!, $b: Boolean!) { room { name @include(if: $a) size @skip(if: $b)"
            " ... @include(if: $b) { locked } } }"
        ),
        [{"a": a, "b": b} for a in (True, False) for b in (True, False)],
    ),
    "directives in a fragment": (
        "query ($a: Boolean!) { room { ...R } } fragment R on Room { name size @skip(if: $a) }",
        [{"a": True}, {"a": False}, {"a": True}],
    ),
    "one mutation": ("mutation ($v: Int!) { first(value: $v) }", [{"v": 1}, {"v": "1"}, {}]),
    "mutations in their order": (
        "mutation { a: first(value: 1) b: second(value: 2) c: first(value: 3) third { name } }",
        [{}],
    ),
    "a variable with a default": (
        "query ($v: Int! = 5, $w: Int = 6) { a: later(value: $v) b: later(value: $w) }",
        [{}, {"v": 1}, {"w": None}, {"v": None}],
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_plan_gives_what_graphql_core_gives(name):
    text, requests = DOCUMENTS[name]
    plan = plan_of(text)

    async def ask():
        # What the first finds, the others use.
        for variables in [*requests, *requests]:
            assert await by_ours(plan, variables) == await by_graphql_core(text, variables)

    asyncio.run(ask())


INPUTS = {
    "Int!": [3, 0, None, "3", 3.0, True, 2**40, [3]],
    "[Int!]": [[1, 2], [], None, 3, [1, None], ["1"], (1, 2)],
    "[[Int]]": [[[1], None], [[1, 2], [3]], [1], 1],
    "Size": ["SMALL", "small", None, 1],
    "Anything": [{"a": [1]}, None, "x"],
    "Place": [
        {},
        None,
        {"name": "there"},
        {"name": None},
        {"row": None, "seats": [1, 2], "size": "LARGE"},
        {"seats": 3},
        {"near": [{"row": 1}, None]},
        {"near": [{"near": [{"near": []}]}]},
        {"colour": "red"},
        {"row": "1", "colour": 1},
        [],
        "there",
    ],
    "Place!": [{}, None],
    "Wish": [{"row": 1}, {"row": 1, "size": "SMALL"}, {"row": None}, {}],
}


@pytest.mark.parametrize("kind", INPUTS)
def test_variables_are_what_graphql_core_makes_of_them(kind):
    operation = parse(f"query ($v: {kind}) {{ number }}").definitions[0]
    ours = Variables(SCHEMA, operation)
    were_read = 0
    for given in [{"v": value} for value in INPUTS[kind]] + [{}]:
        theirs = get_variable_values(SCHEMA, operation.variable_definitions, given)
        read = ours.read(given)
        if isinstance(theirs, list):
            assert read is None
        else:
            assert read in (None, theirs)
            were_read += read is not None
    assert were_read or kind == "Wish"
