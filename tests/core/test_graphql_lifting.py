"""Literals of documents as variables: nobody can tell, but for the time it takes."""

import asyncio
import json
from typing import Any

import graphene
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.actors import ANONYMOUS
from reserve.core.graphql import executor as executor_module
from reserve.core.graphql.context import Context
from reserve.core.graphql.executor import Executor
from reserve.core.graphql.lifting import Cut
from reserve.core.graphql.limits import QueryTooComplex
from reserve.core.graphql.operation import Operation
from reserve.core.graphql.responses import CannotRun, refusal_response


class Colour(graphene.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(graphene.InputObjectType):
    text = graphene.String()
    number = graphene.Int(default_value=7)
    texts = graphene.List(graphene.NonNull(graphene.String))


class Outer(graphene.InputObjectType):
    id = graphene.ID(required=True)
    inner = Inner()
    inners = graphene.List(Inner)
    colour = Colour()
    day = graphene.Date()


class Query(graphene.ObjectType):
    echo = graphene.String(
        input=Outer(),
        id=graphene.ID(),
        text=graphene.String(default_value="unset"),
        needed=graphene.Int(),
        rate=graphene.Float(),
        is_so=graphene.Boolean(),
        day=graphene.Date(),
        at=graphene.DateTime(),
        clock=graphene.Time(),
        colour=Colour(),
        ids=graphene.List(graphene.ID),
        anything=graphene.JSONString(),
    )
    fail = graphene.String(text=graphene.String())

    @staticmethod
    def resolve_echo(_root, _info, **arguments):
        return repr(sorted(arguments.items()))

    @staticmethod
    def resolve_fail(_root, _info, text=""):
        raise ValueError(text)


class Told(graphene.ObjectType):
    word = graphene.String()
    failure = graphene.String()

    @staticmethod
    def resolve_failure(_root, _info):
        raise ValueError


class Subscription(graphene.ObjectType):
    told = graphene.Field(Told, text=graphene.String())

    @staticmethod
    async def subscribe_told(_root, _info, text):
        for word in text.split():
            yield word

    @staticmethod
    def resolve_told(word, _info, text):
        return Told(word=f"{word} of {text}")


SCHEMA = graphene.Schema(
    query=Query, subscription=Subscription, auto_camelcase=False
).graphql_schema

# `%s` is a literal of any kind, right or wrong in its place.
TEMPLATES = (
    "{ echo(text: %s) }",
    "query Q { echo(id: %s, needed: %s) again: echo(text: %s) }",
    "{echo(input:{id:%s inner:{text:%s number:%s texts:[%s,%s]}day:%s})}",
    "{ echo(input: { id: %s, inners: [{ number: %s }, { text: %s }], colour: RED }) }",
    "query ($x: String, $n: Int = %s) { echo(text: $x, needed: $n, id: %s) }",
    "{ ...F } fragment F on Query { echo(text: %s) fail(text: %s) }",
    "{ echo(ids: [%s, %s]) b: echo(ids: %s) @skip(if: false) }",
    "{ echo(day: %s) a: echo(at: %s) b: echo(clock: %s) }",
    "{ echo(rate: %s) a: echo(is_so: %s) b: echo(colour: %s) }",
    "{ echo(anything: %s) }",
    "{ a: fail(text: %s)\n\n  b: fail(text: %s) }",
    "{ echo(text: %s) # %s\n }",
    "{ echo(text: %s, nothing: %s) }",
    '{ echo(text: """block %s""", id: %s) }',
)
LITERALS = st.one_of(
    st.integers(-(2**33), 2**33).map(str),
    st.text(max_size=12).map(json.dumps),
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        (
            *('"2031-05-05"', '"2031-05-05T10:00:00Z"', '"10:30"', '"2031-02-30"', '"x"', '""'),
            *("1.5", "-0", "007", "1e3", "12a", "-", "$x", "$n", "RED", "true", "null", "[]"),
            *('"\\u0041"', '"\\u{41}"', '"\\n \\" \\\\"', '"a\nb"', '"un', '"""b"""', '"# no"'),
            *('"\\q"', "99999999999", '{text: "deep"}', '[["x"]]', "'x'", '"\\uD83D\\uDE00"'),
        )
    ),
)
documents = st.sampled_from(TEMPLATES).flatmap(
    lambda template: st.lists(
        st.tuples(*[LITERALS] * template.count("%s")).map(lambda values: template % values),
        min_size=2,
        max_size=5,
    )
)


def _answer(executor: Executor, document: str) -> Any:
    async def ask() -> Any:
        try:
            request, prepared = await executor.complete(Operation(document, {"x": "given"}))
            return await executor.execute(prepared, request, Context(ANONYMOUS))
        except CannotRun as refused:
            return refused.response()
        except QueryTooComplex as refused:
            return refusal_response(refused)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def lifting() -> Executor:
    """One for all examples: what the first has left behind is what the next ones meet."""
    return Executor(SCHEMA)


@given(asked=documents)
@settings(max_examples=300, deadline=None)
def test_the_answer_is_the_same_whether_literals_are_lifted_or_not(
    lifting: Executor, asked: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor_module.Cut, "of", lambda _text: None)
        plain = Executor(SCHEMA)
        expected = [_answer(plain, document) for document in asked]
    for document, answer in zip(asked, expected, strict=True):
        assert _answer(lifting, document) == answer, document


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """The documents that were parsed."""
    texts: list[str] = []
    parse = executor_module.parse

    def noted(text: str, **options: Any) -> Any:
        texts.append(text)
        return parse(text, **options)

    monkeypatch.setattr(executor_module, "parse", noted)
    return texts


@pytest.mark.parametrize(
    "template",
    [
        '{ echo(text: "%s") }',
        '{ echo(ids: ["a", "%s"]) }',
        '{ echo(input: { id: "%s", inners: [{ number: 3 }] }) }',
        '{ ...F } fragment F on Query { echo(needed: 7, id: "%s") }',
    ],
)
def test_a_literal_is_lifted_wherever_it_stands(parsed: list[str], template: str) -> None:
    executor = Executor(SCHEMA)
    for number in range(5):
        answer = _answer(executor, template % f"word {number}")
        assert f"word {number}" in json.dumps(answer["data"])
    assert len(parsed) == 1


def test_subscriptions_of_one_shape_are_parsed_and_validated_once(parsed: list[str]) -> None:
    executor = Executor(SCHEMA)

    async def hear(document: str) -> list[Any]:
        request, prepared = await executor.complete(Operation(document))
        stream: Any = await executor.subscribe(prepared, request, Context(ANONYMOUS))
        return [json.loads(payload) async for payload in stream]

    for text in ("x", "one two", ""):
        document = f'subscription {{ told(text: "{text}") {{ word failure }} }}'
        heard = asyncio.run(hear(document))
        words = [f"{word} of {text}" for word in text.split()]
        assert [one["data"]["told"]["word"] for one in heard] == words
        places = [place for one in heard for error in one["errors"] for place in error["locations"]]
        place = {"line": 1, "column": document.index("failure") + 1}
        assert places == [place] * len(words)
    assert len(parsed) == 1


def test_documents_of_one_shape_are_parsed_and_validated_once(parsed: list[str]) -> None:
    executor = Executor(SCHEMA)
    for number in range(50):
        document = (
            f'{{ echo(input: {{ id: "slot_{number}", inner: {{ number: {number},'
            f' text: "note \\"{number}\\"" }} }}) }}'
        )
        answer = _answer(executor, document)
        assert f"slot_{number}" in answer["data"]["echo"]
    assert len(parsed) == 1
    # What is refused is refused in the words of its own text.
    beyond = document.replace("number: 49", "number: 3000000000")
    (error,) = _answer(executor, beyond)["errors"]
    assert error["locations"] == [{"line": 1, "column": beyond.index("3000000000") + 1}]
    assert "_lifted_" not in error["message"]
    assert len(parsed) == 2


def test_errors_point_into_the_text_that_was_sent() -> None:
    executor = Executor(SCHEMA)
    for text in ("x", "a longer one", ""):
        document = f'{{ a: echo(text: "{text}") b: fail(text: "{text}") }}'
        (error,) = _answer(executor, document)["errors"]
        assert error["locations"] == [{"line": 1, "column": document.index("b:") + 1}]


def test_what_is_cut_in_doubt_is_not_cut() -> None:
    for text in (
        "{ a }",
        "{ a(b: 1) # c\n }",
        '{ a(b: """c""") }',
        '{ a(b: "c\n") }',
        "{ a(b: 1.5) }",
    ):
        assert Cut.of(text) is None, text
    for text, literals in (('{ a(b: "c") d1 }', ('"c"',)), ("{ a2(b:-3) }", ("-3",))):
        cut = Cut.of(text)
        assert cut is not None
        assert cut.literals == literals
