"""scripts/make_certs.py as a person runs it, judged by OpenSSL and by clients that check as boards and browsers do."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import PROJECT, RunningServer


class Site:
    """A DATA_DIR with settings of its own."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.chain = directory / "certificates" / "server.pem"
        self.key = directory / "certificates" / "server.key"
        self.settings = {"DATA_DIR": str(directory), "ENV_FILE": os.devnull} | settings

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "scripts/make_certs.py", *arguments],
            cwd=PROJECT,
            env=os.environ | self.settings | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr

    def seen(self, *options: str) -> str:
        return openssl("x509", "-in", str(self.chain), "-noout", *options)


def openssl(*arguments: str, given: bytes = b"") -> str:
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, timeout=30, check=True)
    return done.stdout.decode("latin-1")


def pin_by_openssl(chain: Path) -> str:
    """The command of curl's manual for --pinnedpubkey."""
    key = openssl("x509", "-in", str(chain), "-pubkey", "-noout").encode()
    der = subprocess.run(["openssl", "ec", "-pubin", "-outform", "der"], input=key, capture_output=True, check=True)
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der.stdout, capture_output=True, check=True
    )
    return "sha256//" + openssl("base64", given=digest.stdout).strip()


def pin(text: str) -> str:
    (found,) = re.findall(r"^pin +(sha256//\S+)$", text, re.MULTILINE)
    return found


def fingerprint(text: str) -> str:
    (found,) = re.findall(r"^fingerprint +(\S+)$", text, re.MULTILINE)
    return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_it_makes(site: Site, tmp_path: Path) -> None:
    if os.geteuid() == 0:  # whose certificate the server has to be able to read
        os.chown(tmp_path, 12_345, 12_345)
    said = site.run("cam.example.org", "203.0.113.7", "2001:db8::7", "bücher.example")
    assert pin(said) == pin_by_openssl(site.chain)
    assert site.seen("-fingerprint", "-sha256").strip().endswith(fingerprint(said))
    text = site.seen("-text")
    assert "NIST CURVE: P-256" in text
    names = site.seen("-ext", "subjectAltName")
    for name in ("DNS:localhost", "DNS:cam.example.org", "DNS:xn--bcher-kva.example", f"DNS:{socket.gethostname()}"):
        assert name in names
    for address in ("127.0.0.1", "203.0.113.7", "2001:DB8:0:0:0:0:0:7"):
        assert f"IP Address:{address}" in names
    assert site.key.stat().st_mode & 0o777 == 0o600
    assert site.chain.stat().st_mode & 0o777 == 0o644
    assert site.key.parent.stat().st_mode & 0o777 == 0o700
    owners = {file.stat().st_uid for file in (tmp_path, site.key.parent, site.key, site.chain)}
    assert owners == {tmp_path.stat().st_uid}
    assert [file.name for file in tmp_path.iterdir()] == ["certificates"], "and nothing else is made"
    assert "set TLS=true" in said
    assert "set TLS=true" not in site.run("--show", TLS="true")


@pytest.mark.parametrize(("encoding", "drawn"), [("utf-8", "▄"), ("ascii", "\x1b[7m")])
def test_the_qr_code_is_for_the_terminal_that_is_there(site: Site, encoding: str, drawn: str) -> None:
    assert drawn in site.run(PYTHONIOENCODING=encoding)
    assert drawn not in site.run("--show", "--no-qr", PYTHONIOENCODING=encoding)


def test_a_second_time_the_key_and_so_the_pin_stay(site: Site) -> None:
    first, key = site.run("cam.example.org"), site.key.read_bytes()
    site.key.chmod(0o644)
    second = site.run("--days", "30")
    assert site.key.read_bytes() == key
    assert site.key.stat().st_mode & 0o777 == 0o600
    assert pin(second) == pin(first)
    assert fingerprint(second) != fingerprint(first)
    assert "No longer in it: cam.example.org." in second
    subprocess.run(["openssl", "x509", "-checkend", str(29 * 86_400), "-in", site.chain], check=True)
    assert site.run("--show") == second.partition("\n")[2].partition("\n")[2], "and changes nothing"
    third = site.run("--new-key")
    assert pin(third) != pin(second)
    assert sorted(file.name for file in site.key.parent.iterdir()) == ["server.key", "server.pem"]


def test_what_others_made_is_replaced_only_by_force(tmp_path: Path) -> None:
    chain, key = tmp_path / "theirs.pem", tmp_path / "theirs.key"
    site = Site(tmp_path, TLS_CERTIFICATE="theirs.pem", TLS_KEY=str(key))
    site.chain = chain
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=theirs", "-keyout", str(key), "-out", str(chain)),
    )
    before = chain.read_bytes(), key.read_bytes()
    for options in ((), ("--new-key",)):
        assert "none that CamProxy made; --force" in site.run(*options, code=1)
        assert (chain.read_bytes(), key.read_bytes()) == before
    theirs = pin(site.run("--show"))
    assert pin(site.run("--force")) == theirs
    assert pin(site.run("--new-key")) != theirs, "now it is ours"


def test_a_key_that_stands_alone_is_kept(site: Site) -> None:
    first = pin(site.run())
    site.chain.unlink()
    assert "--force" in site.run("--new-key", code=1)
    assert pin(site.run()) == first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nothing", "no key that can be read"),
        (["genrsa", "2048"], "no EC P-256 key"),
        (["ecparam", "-name", "secp384r1", "-genkey", "-noout"], "no EC P-256 key"),
        (
            ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes128", "-pass", "pass:x"],
            "password",
        ),
    ],
)
def test_a_key_that_boards_cannot_use_is_refused(site: Site, content: bytes | list[str], said: str) -> None:
    site.run()
    made = content if isinstance(content, bytes) else openssl(*content).encode()
    site.key.write_bytes(made)
    refused = site.run(code=1)
    assert said in refused
    assert "--new-key --force" in refused
    assert site.key.read_bytes() == made
    site.run("--new-key", "--force")


@pytest.mark.parametrize("name", ["http://cam.example.org", "a b", "", "-x.example", "x" * 64, "cam.example.org:443"])
def test_what_is_no_name_is_refused(site: Site, name: str) -> None:
    assert "is no name and no address" in site.run("--", name, code=2)
    assert not site.chain.exists()


@pytest.mark.parametrize("days", ["0", "-3", "1e3", "99999"])
def test_what_is_no_number_of_days_is_refused(site: Site, days: str) -> None:
    assert "--days" in site.run(f"--days={days}", code=2)


def test_other_refusals(site: Site, tmp_path: Path) -> None:
    assert "there is no certificate" in site.run("--show", code=1)
    assert "belong together" in site.run(code=1, TLS_KEY="key.pem")
    (tmp_path / "file").touch()
    assert "Not a directory" in site.run(code=1, TLS_CERTIFICATE="file/chain.pem", TLS_KEY="file/key.pem")
    assert "--show makes nothing" in site.run("--show", "--force", code=2)


def test_a_running_server_takes_the_new_one_and_strict_clients_take_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    pinned = pin(site.run())
    server = RunningServer(tmp_path, TLS="true")
    try:
        said = site.run("cam.example.org", TLS="true")
        context = ssl.create_default_context(cafile=site.chain)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on
        for name in ("localhost", "cam.example.org", "127.0.0.1"):
            with (
                socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock,
                context.wrap_socket(sock, server_hostname=name) as safe,
            ):
                served = safe.getpeercert(binary_form=True)
                assert served
                pem = ssl.DER_cert_to_PEM_cert(served).encode()
                seen = openssl("x509", "-noout", "-fingerprint", "-sha256", given=pem)
                assert seen.strip().endswith(fingerprint(said))
        with server.person() as admin:
            certificate = admin.get("/stats").json()["certificate"]
        assert certificate["spki_pin"] == pin(said) == pinned
        assert certificate["fingerprint"] == fingerprint(said)
        assert (certificate["soon"], certificate["days_left"]) == (False, 3649)
    finally:
        server.stop()
