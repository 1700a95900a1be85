from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from reserve import env


def test_an_unset_and_an_empty_variable_take_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMPLE", raising=False)
    assert env.integer("SAMPLE", 7) == 7
    monkeypatch.setenv("SAMPLE", "  ")
    assert env.integer("SAMPLE", 7) == 7
    assert env.duration("SAMPLE", "15m") == timedelta(minutes=15)
    assert env.words("SAMPLE", "a, b,") == ["a", "b"]


def test_what_makes_sense_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "900s")
    assert env.duration("SAMPLE", "1d") == timedelta(minutes=15)
    monkeypatch.setenv("SAMPLE", "Yes")
    assert env.boolean("SAMPLE", False) is True
    monkeypatch.setenv("SAMPLE", "off")
    assert env.boolean("SAMPLE", True) is False
    monkeypatch.setenv("SAMPLE", "https://app.example.com,http://localhost:5173")
    assert env.exact_origins("SAMPLE") == ["https://app.example.com", "http://localhost:5173"]


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (lambda: env.integer("SAMPLE", 1), "four"),
        (lambda: env.integer("SAMPLE", 1), "0"),
        (lambda: env.integer("SAMPLE", 1), "1e3"),
        (lambda: env.integer("SAMPLE", 1, maximum=10), "11"),
        (lambda: env.duration("SAMPLE", "1d"), "7"),
        (lambda: env.duration("SAMPLE", "1d"), "0s"),
        (lambda: env.duration("SAMPLE", "1d"), "-1d"),
        (lambda: env.boolean("SAMPLE", True), "maybe"),
        (lambda: env.choice("SAMPLE", "a", {"a", "b"}), "c"),
        (lambda: env.exact_origins("SAMPLE"), "app.example.com"),
        (lambda: env.exact_origins("SAMPLE"), "https://app.example.com/"),
        (lambda: env.exact_origins("SAMPLE"), "https://App.example.com"),
        (lambda: env.exact_origins("SAMPLE"), "https://"),
    ],
)
def test_nonsense_stops_the_start_with_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, reader, value: str
) -> None:
    monkeypatch.setenv("SAMPLE", value)
    with pytest.raises(ImproperlyConfigured, match=r"^SAMPLE (is|has) .*\.$"):
        reader()
