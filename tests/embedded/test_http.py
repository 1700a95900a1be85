"""How answers go over the wire."""

import asyncio
import contextlib
import socket
import threading

import uvicorn

from reserve.embedded.http import HTTPProtocol


@contextlib.contextmanager
def serving(application):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(application, http=HTTPProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with socket.create_connection(listener.getsockname(), timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)


def application(*steps):
    """Sends the steps in turn; a number is a wait in seconds."""

    async def answer(_scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        for step in steps:
            if isinstance(step, bytes):
                message = {"type": "http.response.body", "body": step, "more_body": True}
                await send(message)
            else:
                await asyncio.sleep(step)
        await send({"type": "http.response.body", "body": b""})

    return answer


HEADERS = [(b"content-length", b"5")]
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def test_head_and_body_come_together():
    with serving(application(b"hello")) as client:
        for _ in range(20):
            client.sendall(REQUEST)
            received = client.recv(4_096)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
            assert received.endswith(b"\r\n\r\nhello")


def test_a_head_waits_for_no_late_body():
    with serving(application(1.5, b"hello")) as client:
        client.settimeout(1)
        client.sendall(REQUEST)
        assert client.recv(4_096).endswith(b"\r\n\r\n")
        client.settimeout(5)
        assert client.recv(4_096) == b"hello"


def test_a_body_in_parts_comes_in_its_order():
    with serving(application(b"HT", b"T", 0.01, b"lo")) as client:
        for _ in range(5):
            client.sendall(REQUEST)
            received = b""
            while not received.endswith(b"HTTlo"):
                received += client.recv(4_096)


def test_a_body_that_looks_like_a_head_is_a_body():
    text = b"HTTP/1.1 "

    async def answer(_scope, receive, send):
        await receive()
        headers = [(b"content-length", str(len(text)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": text})

    with serving(answer) as client:
        client.sendall(REQUEST)
        received = b""
        while part := client.recv(4_096):
            received += part
        assert received.endswith(b"\r\n\r\n" + text)
