"""A mail server as the smtp probe sees it: the login and the sender of alerts, tried without a mail."""
import json
import os
import time

import servers
from see import TIMEOUT_MS
from servers import Paused, Stub, accepts, certificate, free_port, wait_for

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mail_server.py")
PORTS = ("starttls", "tls", "plain", "old", "no_auth", "stuck", "lingers")
LONG_MS = 5000


class Mail:
    def __init__(self, lab):
        self.lab = lab
        self.ca = certificate(lab, "mail", 90)
        self.log = lab.write("mail.seen", "")
        self.ports = {name: free_port() for name in PORTS}
        config = lab.write("mail.json", json.dumps({
            "ports": self.ports, "pem": lab.path("mail.pem"), "log": self.log,
            "password": servers.PASSWORD}), mode=0o600)
        self.process = lab.start("mail", ["/usr/bin/python3", PROGRAM, config])

    def seen(self):
        with open(self.log, encoding="utf-8") as f:
            return f.read().splitlines()


def greet(*parts):
    """A stub that speaks first, as mail servers do; with pauses between the parts."""
    def behave(connection):
        for part in parts:
            connection.sendall(part)
            time.sleep(0.1)
    return behave


def keep(data):
    def behave(connection):
        connection.sendall(data)
        time.sleep(20)
    return behave


def drip(prefix, byte):
    def behave(connection):
        connection.sendall(prefix)
        for _ in range(100):
            connection.sendall(byte)
            time.sleep(0.1)
    return behave


def test_smtp(t, mail, proxy):
    def ask(name="starttls", timeout_ms=LONG_MS, secret="right", **more):
        return t.probe("smtp", {"address": f"127.0.0.1:{mail.ports[name]}", "ca": mail.ca, "user": "drover",
                                "password_ref": secret, **more}, timeout_ms)

    def bare(port, timeout_ms=TIMEOUT_MS, **more):
        return t.probe("smtp", {"address": f"127.0.0.1:{port}", "security": "none", **more}, timeout_ms)

    wait_for("the mail server", lambda: all(accepts(port) for port in mail.ports.values()), 60)
    t.see("smtp login and sender accepted", ask(**{"from": "drover@bud.test"}), err="OK", good=True, value=250,
          detail="TLS, login accepted, sender accepted")
    t.see("smtp that was AUTH, NOOP, MAIL and RSET", {"seen": mail.seen()},
          seen=[f"starttls {word}" for word in ("AUTH", "NOOP", "MAIL", "RSET")])
    t.see("smtp login alone", ask(tls="1.3"), err="OK", good=True, detail="TLS, login accepted")
    t.see("smtp TLS from the first byte", ask("tls", security="tls"), err="OK", good=True, detail="login accepted")
    t.see("smtp by the certificate's name", ask(server_name="localhost", ehlo="drover.bud.test"), err="OK", good=True)
    t.see("smtp another name than the certificate's", ask(server_name="mail.bud.test"), err="AUTH")
    t.see("smtp of an unknown issuer", ask(ca=t.lab.path("d13.crt")), err="AUTH")
    t.see("smtp a wrong password", ask(secret="wrong"), err="AUTH", detail="login refused: 535")
    t.see("smtp a login that is not possible now", ask(user="later"), err="OK", good=False, detail="login: 454")
    t.see("smtp a server without logins", ask("no_auth"), err="AUTH", detail="offers no login")
    t.see("smtp a sender that is not ours", ask(**{"from": "boss@bud.test"}), err="DENIED",
          detail="sender boss@bud.test refused: 553")
    t.see("smtp a sender that is put off", ask(**{"from": "later@bud.test"}), err="OK", good=False,
          detail="sender: 451")
    t.see("smtp no STARTTLS", ask("plain"), err="UNSUPPORTED", detail="no STARTTLS")
    t.see("smtp without a login, without TLS", bare(mail.ports["plain"], LONG_MS), err="OK", good=True,
          detail="without TLS")
    t.see("smtp only TLS 1.2 where 1.3 is asked for", t.probe("smtp", {
        "address": f"127.0.0.1:{proxy.ports['old']}", "ca": t.lab.path("d15.crt"), "security": "tls", "tls": "1.3"}, LONG_MS),
          err="UNSUPPORTED")
    # Python's TLS closes without a word where HAProxy's says which alert it is.
    t.see("smtp only TLS 1.2 behind STARTTLS", ask("old", tls="1.3"), err=("UNSUPPORTED", "CLOSED"))
    t.see("smtp TLS 1.2 where that is enough", ask("old"), err="OK", good=True)
    t.see("smtp a NOOP without an answer", ask("stuck", 2000), err="TIMEOUT")
    t.see("smtp a QUIT's answer is not waited for", ask("lingers"), err="OK", good=True,
          took_ms=lambda v: v < LONG_MS - 500)
    with Paused(mail.process):
        t.see("smtp hung", ask(timeout_ms=TIMEOUT_MS), err="TIMEOUT")
    t.eventually("smtp runs on", ask, 10, err="OK", good=True)
    words = {line.split()[1] for line in mail.seen()}
    t.see("smtp no mail was sent", {"words": sorted(words)}, words=["AUTH", "MAIL", "NOOP", "RSET"])
    test_hostile(t, bare)


def test_hostile(t, bare):
    def stub(*parts):
        return Stub(greet(*parts)).port

    ready = b"220 mail ESMTP\r\n"
    t.see("smtp refused", bare(free_port()), err="REFUSED")
    t.see("smtp nothing is said", bare(Stub(keep(b"")).port), err="TIMEOUT")
    t.see("smtp closed", bare(stub(b"")), err="CLOSED")
    t.see("smtp garbage", bare(stub(b"\xff\xfe garbage \0\x01\r\n" * 40)), err=("FORMAT", "CLOSED"))
    t.see("smtp garbage for ever", bare(Stub(keep(b"SSH-2.0-x\r\n")).port), err="TIMEOUT")
    t.see("smtp busy", bare(stub(b"421 4.3.2 too many\r\n")), err="OK", good=False, detail="greeting: 421")
    t.see("smtp closed behind the greeting", bare(stub(ready)), err="CLOSED")
    t.see("smtp byte by byte", bare(Stub(drip(b"220-mail ", b"a")).port), err="TIMEOUT")
    # The greeting, the reply to EHLO, and then what is no reply to NOOP.
    for name, reply, err in (("a reply that is none", b"hello\r\n", "FORMAT"),
                             ("a reply of two codes", b"250-a\r\n251 b\r\n", "FORMAT"),
                             ("two replies", b"250 a\r\n250 b\r\n", "FORMAT"),
                             ("an endless reply", b"250-a\r\n" * 1000, "TOO_BIG"),
                             ("a line without an end", b"250-" + b"x" * 5000, "TOO_BIG")):
        t.see(f"smtp {name}", bare(Stub(answer_in_turn(ready, b"250 mail\r\n", reply)).port), err=err)
    t.see("smtp poured at", bare(Stub(answer_in_turn(ready, b"250-x\r\n" * 200000)).port),
          err=("TIMEOUT", "FORMAT", "TOO_BIG", "CLOSED"))


def answer_in_turn(greeting, *replies):
    def behave(connection):
        connection.sendall(greeting)
        for reply in replies:
            connection.recv(4096)
            connection.sendall(reply)
        time.sleep(2)
    return behave
