#!/usr/bin/python3
"""A mail server (aiosmtpd) of several ports, one way each; what it is told stands in a JSON file.

Usage: mail_server.py CONFIG"""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

RECIPIENTS = {"gone@bud.test": "550 5.1.1 nobody of that name", "full@bud.test": "452 4.2.2 mailbox full"}
SENDERS = {"drover@bud.test": None, "later@bud.test": "451 4.7.1 try again later"}


class Handler:
    """Says who may send, and keeps a list of what it was asked."""

    def __init__(self, config, name):
        self.config, self.name = config, name

    def note(self, word):
        with open(self.config["log"], "a", encoding="utf-8") as f:
            f.write(f"{self.name} {word}\n")

    async def handle_MAIL(self, server, session, envelope, address, options):
        self.note("MAIL")
        refusal = SENDERS.get(address, "553 5.7.1 not your address")
        if refusal is not None:
            return refusal
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RSET(self, server, session, envelope):
        self.note("RSET")
        return "250 2.0.0 ok"

    async def handle_NOOP(self, server, session, envelope, arg):
        self.note("NOOP")
        if self.name == "stuck":
            await asyncio.sleep(60)
        return "250 2.0.0 ok"

    async def handle_QUIT(self, server, session, envelope):
        if self.name == "lingers":
            await asyncio.sleep(60)
        return "221 2.0.0 bye"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.note("RCPT")
        refusal = RECIPIENTS.get(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 ok"

    async def handle_DATA(self, server, session, envelope):
        self.note("DATA")
        if self.name == "stuck":
            await asyncio.sleep(60)
        if "mails" in self.config:
            with open(self.config["mails"], "a", encoding="utf-8") as f:
                f.write(json.dumps({"to": envelope.rcpt_tos, "data": envelope.content.decode()}) + "\n")
        return "250 ok"

    def login(self, server, session, envelope, mechanism, data):
        self.note("AUTH")
        if data.login == b"later":
            return AuthResult(success=False, handled=False, message="454 4.7.0 temporary authentication failure")
        # handled=False: the server says 535 itself. With True it would wait for us to.
        right = data.login == b"drover" and data.password.decode() == self.config["password"]
        return AuthResult(success=right, handled=False)


def protocol_of(config, name, context):
    handler = Handler(config, name)
    more = {"hostname": "mail.bud.test", "loop": asyncio.get_running_loop()}
    if name == "plain":
        return lambda: SMTP(handler, **more)
    if name == "tls":
        return lambda: SMTP(handler, authenticator=handler.login, auth_require_tls=False, **more)
    if name == "no_auth":
        more["auth_exclude_mechanism"] = ["LOGIN", "PLAIN"]
    return lambda: SMTP(handler, tls_context=context, require_starttls=True, authenticator=handler.login, **more)


async def serve(config):
    for name, port in config["ports"].items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(config["pem"])
        if name == "old":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        await asyncio.get_running_loop().create_server(protocol_of(config, name, context), "127.0.0.1", port,
                                                       ssl=context if name == "tls" else None)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        asyncio.run(serve(json.load(file)))
