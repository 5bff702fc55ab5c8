"""A mail to people through a real mail server (aiosmtpd): once, to whom it goes, and what happens when it does not."""
import email
import email.policy
import json
import os
import re

from moves import until

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "probes", "mail_server.py")
PORTS = {"starttls": 8025, "tls": 8465, "plain": 8026, "stuck": 8027}
PASSWORD = "c21hbGwtaG91c2Utb24tdGhlLWhpbGw="


class Mail:
    def __init__(self, driver, checks):
        self.driver, self.lab, self.checks = driver, driver.lab, checks

    def path(self, name):
        return os.path.join(self.lab.run_dir, name)

    def open(self):
        self.lab.run("west-near", ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                                   "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", self.path("mail.key"),
                                   "-out", self.path("mail.crt")])
        with open(self.path("mail.pem"), "w", encoding="utf-8") as both:
            for part in ("mail.crt", "mail.key"):
                with open(self.path(part), encoding="utf-8") as one:
                    both.write(one.read())
        with open(os.open(self.path("mail.password"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
            out.write(PASSWORD + "\n")
        for name in ("mail.seen", "mails"):
            with open(self.path(name), "w", encoding="utf-8"):
                pass
        with open(self.path("mail.json"), "w", encoding="utf-8") as out:
            json.dump({"ports": PORTS, "pem": self.path("mail.pem"), "log": self.path("mail.seen"), "password": PASSWORD,
                       "mails": self.path("mails")}, out)
        process = self.lab.spawn("west-near", ["/usr/bin/python3", SERVER, self.path("mail.json")])
        until("the mail server", lambda: self.lab.run("west-near", ["bash", "-c", "</dev/tcp/127.0.0.1/8027"], check=False).returncode == 0)
        return process

    def mails(self):
        """[(recipients, message)] of what the server took."""
        with open(self.path("mails"), encoding="utf-8") as f:
            return [(one["to"], email.message_from_string(one["data"], policy=email.policy.default)) for one in map(json.loads, f)]

    def seen(self):
        with open(self.path("mail.seen"), encoding="utf-8") as f:
            return f.read().splitlines()

    def send(self, timeout_ms=6000, port="starttls", attempt=1, lines=(), **more):
        arguments = {"address": f"127.0.0.1:{PORTS[port]}", "ca": self.path("mail.crt"), "user": "drover", "password_ref": "mail",
                     "sender": "drover@bud.test", "to": "ops@bud.test, boss@bud.test", "subject": "Überfahrt nach {to} begann",
                     "text": "{kind} {execution} of {cluster}: {from} to {to}.", "text2": ".a line that begins with a dot",
                     "move": "failover east west", **more}
        secrets = {"mail": self.path("mail.password")}
        return self.driver.run("west-near", "smtp_send", arguments, secrets=secrets, timeout_ms=timeout_ms, lines=[
            "cluster bud", "plan failover", "step_name tell", f"attempt {attempt}", *lines])

    def all(self):
        process = self.open()
        try:
            self.taken()
            self.refused()
            self.broken()
            self.typed()
        finally:
            process.kill()

    def taken(self):
        c = self.checks
        c.result("a mail is taken for both", self.send(), observed=False, detail="took it for 2 recipients")
        to, mail = self.mails()[-1]
        c.that("the mail says what happened", to == ["ops@bud.test", "boss@bud.test"] and mail["Subject"] == "Überfahrt nach west begann"
               and mail.get_content().replace("\r\n", "\n") == "failover 7 of bud: east to west.\n.a line that begins with a dot\n"
               and [one.addr_spec for one in mail["To"].addresses] == to and mail["Date"].datetime is not None, (to, str(mail)))
        c.that("a server took it behind a login over TLS",
               self.seen() == [f"starttls {word}" for word in ("AUTH", "MAIL", "RCPT", "RCPT", "DATA")], self.seen())
        c.result("another attempt of it is taken", self.send(attempt=2, port="tls", security="tls"), observed=False)
        ids = [mail["Message-ID"] for _, mail in self.mails()]
        c.that("both attempts have one Message-ID", len(ids) == 2 and ids[0] == ids[1] and re.fullmatch(
            rf"<drover-bud-{self.driver.epoch}-7-3@bud\.test>", ids[0]), ids)
        c.result("after a restart nobody can tell", self.send(lines=["observe_only"]), "FAILED", detail="Message-ID: drover-bud-")
        c.that("and nothing was sent by looking", len(self.mails()) == 2)
        c.result("a mail of nobody's login goes without TLS where that is declared", self.send(
            port="plain", security="none", user=None, password_ref=None, ca=None), observed=False)

    def refused(self):
        c, before = self.checks, len(self.mails())
        c.result("a recipient that is refused is named", self.send(to="ops@bud.test,gone@bud.test,full@bud.test"), "FAILED",
                 detail="to 1 of 3; refused: gone@bud.test 550, full@bud.test 452")
        c.that("the others have it", [to for to, _ in self.mails()[before:]] == [["ops@bud.test"]])
        c.result("nobody takes it", self.send(to="gone@bud.test"), "DENIED", detail="gone@bud.test 550")
        c.result("a sender that is not ours", self.send(sender="boss@bud.test"), "DENIED", detail="sender refused: 553")
        c.result("a wrong password", self.send(password_ref="wrong"), "AUTH", detail="login refused: 535")
        c.result("a certificate of nobody", self.send(ca="/etc/ssl/certs/ca-certificates.crt"), "AUTH")
        c.result("no STARTTLS, no mail", self.send(port="plain"), "UNSUPPORTED", detail="STARTTLS")
        c.that("none of them sent a mail", len(self.mails()) == before + 1)

    def broken(self):
        c, before = self.checks, len(self.mails())
        c.result("a server that does not answer the mail's end is a timeout, and says what is not known", self.send(
            port="stuck", timeout_ms=1200), "TIMEOUT", detail="not known")
        c.result("nobody listens", self.send(address="127.0.0.1:9"), "REFUSED")
        c.result("a brace that names no fact", self.send(subject="{password_ref}"), "CONFIG", detail="subject")
        c.result("a line's end in an address", self.send(to="a@b\rBcc:c@d"), "CONFIG", detail="to")
        r = self.driver.killed_then_run("west-near", "smtp_send", {
            "address": f"127.0.0.1:{PORTS['starttls']}", "ca": self.path("mail.crt"), "user": "drover", "password_ref": "mail",
            "sender": "drover@bud.test", "to": "ops@bud.test", "subject": "killed", "text": "half-way"}, 0.1,
            secrets={"mail": self.path("mail.password")})
        ids = {mail["Message-ID"] for _, mail in self.mails()[before:]}
        c.that("killed half-way and sent again it has one Message-ID", r["err"] == "OK" and len(ids) == 1
               and 1 <= len(self.mails()) - before <= 2, (r, ids))

    def typed(self):
        c, before = self.checks, len(self.mails())
        said = self.driver.typed("west-near", "smtp_send", {
            "address": f"127.0.0.1:{PORTS['starttls']}", "server_name": "localhost", "ca": self.path("mail.crt"), "user": "drover",
            "password_ref": "mail", "sender": "drover@bud.test", "to": "ops@bud.test,boss@bud.test", "subject": "Überfahrt nach {to}",
            "text": "It's moving: {plan}", "text2": ".dot"}, secrets={"mail": self.path("mail.password")})
        new = self.mails()[before:]
        c.that("smtp_send: the printed command, typed, sends it", said[2] == 0 and len(new) == 1
               and new[0][0] == ["ops@bud.test", "boss@bud.test"] and new[0][1]["Subject"] == "Überfahrt nach region2"
               and new[0][1].get_content().replace("\r\n", "\n") == "It's moving: typed\n.dot\n", (said, new and str(new[0][1])))
