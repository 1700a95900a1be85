"""JSON logs: one object a line, with the request id of the work that caused it.

Structlog renders both its own events and what libraries send to `logging`. Its own
go to standard error directly: the way through `logging` takes five times as long,
of which every request has a line.
"""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from reserve.core.context import request_id
from reserve.core.log_output import log_output
from reserve.core.tracing import current_trace_id

# In this order: a detail is left out whole, and addresses and tokens wherever they are.
_PERSONAL = (
    (re.compile(r"^(DETAIL|CONTEXT|HINT):.*$", re.MULTILINE), r"\1: …"),
    (re.compile(r"[^\s\"'<>(=,;]+@[^\s\"'<>),;]+"), "…@…"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "…"),
    (re.compile(r"\+\d[\d ()/-]{5,}\d"), "+…"),
)


_TALKATIVE = (
    *("asyncio", "boto3", "botocore", "channels_redis", "django.db.backends", "kombu", "urllib3"),
    *("django.template", "uvicorn.error", "websockets"),
)


def _add_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if current := request_id():
        event.setdefault("request_id", current)
    if trace := current_trace_id():
        event.setdefault("trace_id", trace)
    return event


def _add_logger_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # A record of `logging` has the name; ours has it itself.
    record = event.get("_record")
    event["logger"] = record.name if record else logger.name
    return event


def _without_what_is_personal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what the texts of exceptions may quote: PostgreSQL's tell the values of a row."""
    if text := event.get("exception"):
        for pattern, replacement in _PERSONAL:
            text = pattern.sub(replacement, text)
        event["exception"] = text
    return event


def _as_json(event: EventDict, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)


_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
# The last of the chain, which make bytes of an event: set with the rest of it.
_writers: list[Any] = []
_LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
_least_level = logging.INFO


def _processors() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        _add_logger_name,
        _stamp,
        structlog.processors.StackInfoRenderer(),
        _add_ids,
    ]


def configure_logging(*, level: str, rendering: str) -> None:
    """Send everything to standard error, as `json` or, for people, as `console`."""
    global _least_level  # noqa: PLW0603 (set with the rest, before anything is told)
    _least_level = _LEVELS[level.lower()]
    is_json = rendering == "json"
    _writers[:] = (
        [structlog.processors.JSONRenderer(serializer=_as_json)]
        if is_json
        else [structlog.dev.ConsoleRenderer(), _encode]
    )
    # The console shows exceptions by itself.
    texts = [structlog.processors.format_exc_info, _without_what_is_personal] if is_json else []
    renderers = [*texts, *_writers]
    structlog.configure(
        processors=[*_processors(), *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_processors(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *renderers,
                _decode,
            ],
        )
    )
    # What Python warns of is a line like the others.
    logging.captureWarnings(is_json)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # One line per request is written by RequestMiddleware; Django's and the
    # server's own would be the second and the third.
    for name in ("django.request", "django.server", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # A task every two seconds that finds nothing to do is no news.
    for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # At level DEBUG these tell what is sent and received, tokens and people's names in it.
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "celery", "django"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True


class _Lines(structlog.BytesLogger):
    """Writes each line to standard error, but for the loop of a web process at once."""

    def __init__(self, name: str = "") -> None:
        super().__init__(cast(BinaryIO, log_output))
        self.name = name


def _encode(_logger: WrappedLogger, _method: str, text: str) -> bytes:
    return text.encode()


def _decode(_logger: WrappedLogger, _method: str, line: Any) -> str:
    text: str = line.decode()
    return text


def write_lines(lines: Iterable[EventDict]) -> None:
    """Write lines that are complete, together: what is told of every request.

    They bring what the chain adds to others, which takes longer than to render them:
    `level`, `logger`, `timestamp` and ids. None may have an exception or anything personal.
    """
    told = [_render(line) for line in lines if _LEVELS[line["level"]] >= _least_level]
    if told:
        log_output.write(b"\n".join([*told, b""]))
        log_output.flush()


def _render(line: EventDict) -> bytes:
    rendered: Any = line
    for write in _writers:
        rendered = write(None, line["level"], rendered)
    return cast(bytes, rendered)


def timestamp() -> str:
    """Now, as lines tell it."""
    stamped = _stamp(None, "", {})
    return str(stamped["timestamp"])


def get_logger(name: str) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
