"""Headers of every kind of answer, cookies in production, and what must not start."""

import subprocess
import sys

import httpx
import pytest
from django.core import checks
from django.http import HttpResponse
from django.test import RequestFactory

from accounts.models import User
from reserve.checks import unsafe_settings
from reserve.core.asgi import is_secure
from reserve.core.security_headers import embeddable, missing_headers
from tests.factories import PASSWORD, make_login_user
from tests.processes import PROJECT, environment, web_process

YEAR = "max-age=31536000"
PRODUCTION = {
    "RESERVE_MODE": "production",
    # As short as may be, and known to nobody.
    "JWT_SECRET": "k3VtqzLw8Xn2RbY6mJd4HsPcGf7Ae9Tu",
    "ALLOWED_HOSTS": "reserve.example,127.0.0.1",
}

PAGES = ["/admin/login/", "/graphql", "/admin/second-factor/", "/admin/no-such-page/"]
# Method, path, and what is asked for by it.
ANSWERS = [
    *(("GET", page, {"headers": {"Accept": "text/html"}}) for page in PAGES),
    ("GET", "/admin", {}),
    ("GET", "/no/such/page", {}),
    ("GET", "/api/v1/venues", {}),
    ("GET", "/api/v1/no-such-thing", {}),
    ("POST", "/api/v1/auth/login", {"json": {"email": "x"}}),
    ("GET", "/api/schema", {}),
    ("POST", "/graphql", {"json": {"query": "{ __typename }"}}),
    ("POST", "/graphql", {"json": {"query": "{"}}),
    ("POST", "/graphql", {"content": "x=1"}),
    ("PUT", "/graphql", {}),
    ("GET", "/health/live", {}),
    ("GET", "/health/ready", {}),
    ("GET", "/metrics", {}),
    ("GET", "/favicon.ico", {}),
    ("GET", "/robots.txt", {}),
    ("GET", "/static/reserve/admin.css", {}),
    # Refused by Django before any view.
    ("GET", "/admin/login/", {"headers": {"Host": "evil.example:x"}}),
    ("POST", "/admin/login/", {"data": {"username": "x"}}),
]


@pytest.fixture(scope="module")
def behind_https(django_db_setup: None):
    """A web process with production's cookies and headers, behind a proxy that speaks HTTPS.

    In other things as in development, which needs no collected static files.
    """
    variables = {"SECURE_COOKIES": "true", "HSTS_SECONDS": "31536000"}
    with web_process(**variables, TRUST_FORWARDED_PROTO="true") as address:
        yield address


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "path", "asked"), ANSWERS)
def test_every_answer_has_them(method, path, asked, server) -> None:
    response = httpx.request(method, server + path, timeout=20, **asked)
    assert response.status_code < 500
    headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    names = [name for name, _ in headers.multi_items()]
    assert len(names) == len(set(names)), "each once"
    # Not by HTTP, and not because a client says that it came by HTTPS.
    assert "Strict-Transport-Security" not in headers


@pytest.mark.django_db(transaction=True)
def test_pages_and_data_have_policies_of_their_own(server) -> None:
    def policy_of(path: str, accept: str) -> str:
        return httpx.get(server + path, headers={"Accept": accept}).headers[
            "Content-Security-Policy"
        ]

    page = policy_of("/admin/login/", "text/html")
    for part in ("script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'"):
        assert part in page.split("; ")
    assert "worker-src" not in page
    assert "worker-src 'self'" in policy_of("/graphql", "text/html")
    assert policy_of("/graphql", "*/*") == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "path", "asked"), ANSWERS[:-2])
def test_https_stays_https_in_production(method, path, asked, behind_https) -> None:
    asked = asked | {"headers": asked.get("headers", {}) | {"X-Forwarded-Proto": "https"}}
    headers = httpx.request(method, behind_https + path, timeout=20, **asked).headers
    assert headers["Strict-Transport-Security"] == YEAR
    assert "Strict-Transport-Security" not in httpx.get(behind_https + "/robots.txt").headers


def test_a_client_does_not_decide_what_is_https(settings) -> None:
    scope = {"scheme": "http", "headers": [(b"x-forwarded-proto", b"https")]}
    assert not is_secure(scope)
    assert is_secure(scope | {"scheme": "https"})
    settings.TRUST_FORWARDED_PROTO = True
    assert is_secure(scope)
    assert not is_secure({"scheme": "https", "headers": []})


@pytest.mark.django_db(transaction=True)
def test_cookies_in_production(behind_https) -> None:
    person = make_login_user(is_staff=True)
    with httpx.Client(base_url=behind_https, headers={"X-Forwarded-Proto": "https"}) as browser:
        # The client would keep back what is for HTTPS only.
        page = browser.get("/admin/login/")
        token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        (planted,) = page.headers.get_list("Set-Cookie")
        response = browser.post(
            "/admin/login/",
            data={
                "username": person.email,
                "password": PASSWORD,
                "csrfmiddlewaretoken": token,
            },
            headers={
                "Cookie": planted.split(";")[0],
                "Referer": behind_https.replace("http:", "https:") + "/admin/login/",
            },
        )
    assert response.status_code == 302
    cookies = [planted, *response.headers.get_list("Set-Cookie")]
    assert {cookie.split("=")[0] for cookie in cookies} == {
        "__Host-csrftoken",
        "__Host-sessionid",
    }
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)
    assert User.objects.get(pk=person.pk).last_login is not None


# --- Frames ------------------------------------------------------------------------


def test_one_decorator_allows_frames() -> None:
    @embeddable
    def widget(_request):
        return HttpResponse("Book here")

    response = widget(RequestFactory().get("/"))
    assert response.xframe_options_exempt
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response._csp_replace == {"frame-ancestors": ["*"]}
    # The outermost layer leaves a page's own decision alone.
    present = [
        (b"content-security-policy", b"frame-ancestors *"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]
    added = dict(missing_headers(present, is_secure=False))
    assert b"x-frame-options" not in added
    assert b"content-security-policy" not in added
    assert b"cross-origin-resource-policy" not in added
    assert added[b"x-content-type-options"] == b"nosniff"


# --- What must not start --------------------------------------------------------------


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(**PRODUCTION | variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, None),
        ({"SECURE_COOKIES": "false", "ALLOWED_HOSTS": "localhost"}, "security.W012"),
        ({"DEBUG": "true"}, "reserve.E001"),
        ({"ALLOWED_HOSTS": "*"}, "reserve.E002"),
        ({"HSTS_SECONDS": "0"}, "security.W004"),
    ],
)
def test_deploy_checks(variables, said, db) -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING", **variables)
    assert (result.returncode == 0) == (said is None), result.stderr
    if said:
        assert said in result.stderr


@pytest.mark.django_db
def test_make_start_refuses_what_the_checks_refuse(db) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "reserve.serve", "web"],
        cwd=PROJECT,
        env=environment(**PRODUCTION | {"DEBUG": "true"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1] == (
        "reserve: DEBUG is true in production, which shows settings and code to everybody. "
        "Unset DEBUG."
    )


@pytest.mark.django_db
def test_production_asks_owners_for_a_second_factor(db) -> None:
    shown = manage(
        "shell",
        "-c",
        "from django.conf import settings; print(settings.SECOND_FACTOR_REQUIRED_FOR)",
    )
    assert shown.stdout.strip().endswith("owners")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"DEBUG": True}, ["reserve.E001"]),
        ({"ALLOWED_HOSTS": ["a.example", "*"]}, ["reserve.E002"]),
        ({"CSRF_TRUSTED_ORIGINS": ["https://a.example", "https://*.a.example"]}, []),
        ({"CSRF_TRUSTED_ORIGINS": ["http://a.example"]}, ["reserve.E003"]),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*"]}, ["reserve.E003"]),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.com"]}, ["reserve.E003"]),
        ({"SESSION_COOKIE_SECURE": False}, ["reserve.E004"]),
        ({"SECURE_COOKIES": False}, ["reserve.W001"]),
        ({"SECURE_COOKIES": False, "ALLOWED_HOSTS": ["localhost"]}, []),
        (
            {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"style-src": ["'unsafe-inline'"]}}},
            ["reserve.E005"],
        ),
    ],
)
def test_unsafe_settings(changed, said, settings) -> None:
    safe = {
        "PRODUCTION": True,
        "DEBUG": False,
        "ALLOWED_HOSTS": ["a.example"],
        "SECURE_COOKIES": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
    }
    for name, value in (safe | changed).items():
        setattr(settings, name, value)
    found = unsafe_settings()
    assert [problem.id for problem in found] == said
    assert all(problem.level >= checks.WARNING and problem.hint for problem in found)
    settings.PRODUCTION = False
    assert unsafe_settings() == []


# --- At the root ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_browsers_and_robots_ask_for(server) -> None:
    icon = httpx.get(f"{server}/favicon.ico")
    assert icon.status_code == 200
    assert icon.content.startswith(b"\0\0\1\0")
    assert icon.headers["Content-Type"].startswith("image/")
    robots = httpx.get(f"{server}/robots.txt").text.splitlines()
    assert {"User-agent: *", "Disallow: /admin", "Disallow: /api/"} <= set(robots)
    assert httpx.get(f"{server}/admin").headers["Location"] == "/admin/"
