"""Webhooks by HTTPS go to whom the certificate names, and to nobody else."""

import ssl
from pathlib import Path

import pytest
import trustme

from tests.webhooks.receiver import receiver
from webhooks.posting import Message, Outcome, Rules, post_all
from webhooks.signatures import new_secret

_RULES = Rules(allows_loopback=True)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority of certificates that this process trusts."""
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority


def _server_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _post_to(context: ssl.SSLContext) -> tuple[Outcome, int]:
    """What became of a message, and how many the receiver got."""
    with receiver(context) as state:
        (outcome,) = post_all(
            state.url, [new_secret()], [Message("event_1", b"{}")], rules=_RULES, within=5
        )
        return outcome, len(state.requests)


def test_a_certificate_of_an_authority_that_is_trusted_is_taken(authority: trustme.CA) -> None:
    context = _server_with(authority.issue_cert("localhost"))
    versions = []
    context.sni_callback = lambda line, _name, _context: versions.append(line)
    outcome, received = _post_to(context)
    assert (outcome.status, outcome.reason, received) == (200, "", 1)
    # Asked by name, so that a server with many has the right certificate at hand.
    assert len(versions) == 1


def test_any_other_certificate_is_refused_and_nothing_is_sent(authority: trustme.CA) -> None:
    stranger = trustme.CA()
    refused = {
        "another name": authority.issue_cert("elsewhere.example"),
        "its address alone": authority.issue_cert("127.0.0.1"),
        "a stranger's signature": stranger.issue_cert("localhost"),
        "signed by itself": trustme.LeafCert(
            stranger.private_key_pem.bytes(), stranger.cert_pem.bytes(), []
        ),
    }
    for what, certificate in refused.items():
        outcome, received = _post_to(_server_with(certificate))
        found = (outcome.status, outcome.reason, received)
        assert found == (None, "CertificateRefused", 0), what


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(authority: trustme.CA) -> None:
    for version, is_taken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = _server_with(authority.issue_cert("localhost"))
        # The library's own security level refuses old ones before we could.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        outcome, received = _post_to(context)
        assert (outcome.status, received) == ((200, 1) if is_taken else (None, 0)), version
