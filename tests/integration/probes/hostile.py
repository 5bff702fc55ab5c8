"""Peers that no real server plays: each probe kind must come back in time, with an error."""
import socket
import threading
import time

import servers
from servers import Stub, free_port

PG_STUBS = {"sslmode": "disable", "user": "drover", "password_ref": "right"}
PG_AUTH_OK = b"R\0\0\0\x08\0\0\0\0"


def hostile_kinds(t):
    """(kind, arguments for an address, what a drip begins with, its byte)."""
    tls = b"\x16\x03\x03\x20\x00"
    return [
        ("http", lambda a: {"url": f"http://{a}/"}, b"HTTP/1.1 200 OK\r\nX: ", b"a"),
        ("patroni", lambda a: {"url": f"http://{a}/"},
         b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b" "),
        ("parity", lambda a: {"url": f"http://{a}/", "peer_url": f"http://{a}/"},
         b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"#"),
        ("haproxy", lambda a: {"url": f"http://{a}/;csv", "backend": "b"},
         b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"#"),
        ("redis", lambda a: {"address": a, "password_ref": "right"}, b"$900\r\n", b"a"),
        ("redis_replication", lambda a: {"address": a}, b"$900\r\n", b"a"),
        ("sentinel", lambda a: {"address": a, "name": "bud"}, b"*80\r\n$900\r\n", b"a"),
        ("postgresql", lambda a: {"address": a, **PG_STUBS},
         PG_AUTH_OK + b"N\0\0\x10\0", b"S"),
        ("pg_replication", lambda a: {"address": a, **PG_STUBS}, PG_AUTH_OK + b"S\0\0\x10\0", b"a"),
        ("certificate", lambda a: {"address": a}, tls, b"\x02"),
        ("certificate", lambda a: {"address": a, "starttls": "postgresql"}, b"S" + tls, b"\x02"),
    ]


def hostile_pours(kind):
    if kind in ("http", "patroni", "haproxy", "parity"):
        return b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536
    if kind in ("redis", "redis_replication", "sentinel"):
        return b"$400000000\r\n", b"x" * 65536
    if kind == "certificate":
        return b"\x16\x03\x03\x40\x00", b"\x02" * 65536
    notice = b"SNOTICE\0M" + b"x" * 4000 + b"\0\0"
    return PG_AUTH_OK, (b"N" + (len(notice) + 4).to_bytes(4, "big") + notice) * 16


def test_hostile(t):
    hung, closing, garbage = Stub(servers.hang), Stub(servers.close_at_once), Stub(
        servers.say(b"\xff\xfe garbage \0\x01" * 40))
    million = Stub(servers.say(b"*1000000000\r\n" + b"$3\r\nabc\r\n" * 400))
    nested = Stub(servers.say(b"*1\r\n" * 5000))
    for kind, arguments, prefix, byte in hostile_kinds(t):
        name = kind + (" behind starttls" if "starttls" in arguments("a") else "")

        def ask(port):
            return t.probe(kind, arguments(f"127.0.0.1:{port}"))

        t.see(f"{name} refused", ask(free_port()), err="REFUSED")
        t.see(f"{name} hung after accept", ask(hung.port), err="TIMEOUT")
        t.see(f"{name} closed", ask(closing.port), err=("CLOSED", "FORMAT"))
        t.see(f"{name} garbage", ask(garbage.port), err=("FORMAT", "CLOSED"))
        t.see(f"{name} byte by byte", ask(Stub(servers.drip(prefix, byte)).port), err="TIMEOUT")
        poured = ask(Stub(servers.pour(*hostile_pours(kind))).port)
        if kind == "http":
            t.see(f"{name} poured at", poured, err="OK")
        else:
            t.see(f"{name} poured at", poured, err=("TOO_BIG", "FORMAT", "TIMEOUT", "CLOSED"))
        if kind in ("redis", "sentinel"):
            t.see(f"{name} a billion elements announced", ask(million.port),
                  err=("TOO_BIG", "FORMAT", "AUTH"))
            t.see(f"{name} nested for ever", ask(nested.port), err=("TOO_BIG", "FORMAT"))
    t.see("tcp accepts", t.probe("tcp", {"address": f"127.0.0.1:{hung.port}"}), err="OK", good=True)
    t.see("tcp a name", t.probe("tcp", {"address": f"localhost:{hung.port}"}), err="OK", good=True)
    t.see("tcp refused", t.probe("tcp", {"address": f"127.0.0.1:{free_port()}"}), err="REFUSED")
    t.see("tcp an unknown name", t.probe("tcp", {"address": "no-such-name.invalid:80"}),
          err=("UNREACHABLE", "TIMEOUT"))
    t.see("tcp a full backlog", t.probe("tcp", {"address": f"127.0.0.1:{full_backlog()}"}),
          err="TIMEOUT")
    test_hostile_dns(t)


FULL = []


def full_backlog():
    """A port whose queue is full: the kernel drops further connection requests in silence."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    FULL.append(listener)
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        FULL.append(s)
    time.sleep(0.1)
    return listener.getsockname()[1]


def test_hostile_dns(t):
    """Datagrams that answer nothing: garbage, another id, another question."""
    def serve(change):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))

        def loop():
            while True:
                question, peer = s.recvfrom(4096)
                for answer in change(question):
                    s.sendto(answer, peer)
        threading.Thread(target=loop, daemon=True).start()
        return s.getsockname()[1]

    def answer(question, number=None, record=b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"):
        head = (number if number is not None else question[:2]) + b"\x84\0\0\1\0\1\0\0\0\0"
        return head + question[12:] + record

    cases = {
        "garbage": (lambda q: [b"\xff" * 300], "TIMEOUT"),
        "silence": (lambda q: [], "TIMEOUT"),
        "another id": (lambda q: [answer(q, bytes(b ^ 1 for b in q[:2]))], "TIMEOUT"),
        "the question itself": (lambda q: [q], "TIMEOUT"),
        "a loop of compressed names": (
            lambda q: [answer(q, None, b"\xc0" + bytes([len(q)]) + b"\0\1\0\1\0\0\0\x3c\0\4abcd")],
            "TIMEOUT"),
        "a record that ends too early": (lambda q: [answer(q)[:-2]], "TIMEOUT"),
        "a forged one first": (
            lambda q: [answer(q, bytes(b ^ 1 for b in q[:2])), answer(q)], "OK"),
    }
    for name, (change, wanted) in cases.items():
        t.see(f"dns {name}", t.probe("dns", {"servers": f"127.0.0.1:{serve(change)}",
                                             "name": "api.bud.test", "type": "A"}), err=wanted)


def test_old_tls(t, proxy):
    """Every kind that asks by HTTP refuses a server that knows TLS 1.2 only where 1.3 is asked for."""
    url, ca = f"https://127.0.0.1:{proxy.ports['old']}", t.lab.path("d15.crt")
    for kind, more in (("http", {}), ("prometheus", {"query": "1"}), ("git", {}), ("clickhouse", {}),
                       ("backup", {"store": "s3", "bucket": "bud", "user": "drover", "password_ref": "right"})):
        t.see(f"{kind} only TLS 1.2 where 1.3 is asked for", t.probe(kind, {"url": url, "ca": ca, "tls": "1.3", **more}, 2000),
              err="UNSUPPORTED")
