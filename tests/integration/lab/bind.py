"""BIND as the authority of bud.test with TSIG updates, another as the client's caching resolver, and
the questions that tests ask."""

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from . import plan
from .base import make_directory, write_file
from .credentials import tsig_clause
from .net import inside
from .proc import owner_ids

AUTHORITY = "10.77.3.20"
RESOLVER = "10.77.9.2"

CONFIGURATION = """{key}
options {{
    directory "{directory}/named";
    pid-file none;
    session-keyfile none;
    managed-keys-directory "{directory}/named";
    listen-on {{ {address}; 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    allow-transfer {{ none; }};
    dnssec-validation no;
    notify no;
}};
controls {{ }};
zone "{zone}" {{
    type primary;
    file "{zone}.zone";
    update-policy {{
        grant drover. name api.{zone}. A TXT;
        grant drover. name app.{zone}. A TXT;
        grant drover. name _drover-canary.{zone}. TXT;
    }};
}};
"""

ZONE = """$TTL {ttl}
@ IN SOA ns1.{zone}. hostmaster.{zone}. 1 3600 600 86400 {ttl}
@ IN NS ns1.{zone}.
ns1 3600 IN A {address}
api {ttl} IN A {front}
app {ttl} IN A {front}
status 300 IN A {address}
"""

# An answer lives here no longer than its TTL; unbound keeps it up to one second longer (both count whole
# seconds, and round the other way), which with a TTL of one second would double the tail that is measured.
RESOLVER_CONFIGURATION = """options {{
    directory "{directory}/resolver";
    pid-file none;
    session-keyfile none;
    managed-keys-directory "{directory}/resolver";
    listen-on {{ {address}; 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    allow-query {{ 10.77.0.0/16; 127.0.0.1; }};
    dnssec-validation no;
    empty-zones-enable no;
    stale-answer-enable no;
    prefetch 0;
    max-ncache-ttl 1;
    servfail-ttl 0;
    notify no;
}};
controls {{ }};
zone "{zone}" {{
    type static-stub;
    server-addresses {{ {authority}; }};
}};
"""

def prepare(lab, host):
    owner = owner_ids("bind")
    ttl = lab.options["dns_ttl"]
    make_directory(f"{host.directory}/named", 0o700, owner)
    front = lab.hosts[f"{lab.options['primary']}-front"].address
    write_file(
        f"{host.directory}/named/{plan.ZONE}.zone",
        ZONE.format(ttl=ttl, zone=plan.ZONE, address=host.address, front=front),
        0o600,
        owner,
    )
    text = CONFIGURATION.format(
        key=tsig_clause(lab.secret("tsig.secret")),
        directory=host.directory,
        address=host.address,
        zone=plan.ZONE,
    )
    write_file(f"{host.directory}/named.conf", text, 0o600, owner)


def start(lab, host):
    # It starts as root for port 53 and becomes the user itself.
    return lab.spawn(
        host.name,
        ["named", "-g", "-n", "1", "-u", "bind", "-c", f"{host.directory}/named.conf"],
        name="named",
        cwd=f"{host.directory}/named",
    )


def resolver_prepare(lab, host):
    owner = owner_ids("bind")
    make_directory(f"{host.directory}/resolver", 0o700, owner)
    text = RESOLVER_CONFIGURATION.format(
        address=host.address, directory=host.directory, zone=plan.ZONE, authority=AUTHORITY
    )
    write_file(f"{host.directory}/resolver.conf", text, 0o600, owner)


def resolver_start(lab, host):
    return lab.spawn(
        host.name,
        ["named", "-g", "-n", "1", "-u", "bind", "-c", f"{host.directory}/resolver.conf"],
        name="resolver",
        cwd=f"{host.directory}/resolver",
    )


def ask(server, name, kind="A", timeout_s=2.0):
    """(texts, ttl) by one UDP question from the calling thread's namespace; [] for none."""
    question = dns.message.make_query(name, kind)
    answer = dns.query.udp(question, server, timeout=timeout_s)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise OSError(f"{name}: {dns.rcode.to_text(answer.rcode())}")
    wanted = dns.rdatatype.from_text(kind)
    for rrset in answer.answer:
        if rrset.rdtype == wanted:
            return [item.to_text() for item in rrset], rrset.ttl
    return [], None


def lookup(lab, name, kind="A", server=AUTHORITY):
    with inside(lab.hosts["client"].namespace):
        return ask(server, name, kind)[0]


def update(lab, lines, host_name="watch-m1"):
    """nsupdate with the lab's key; raises LabError with nsupdate's words when it is refused."""
    text = f"server {AUTHORITY}\nzone {plan.ZONE}\n" + "\n".join(lines) + "\nsend\n"
    return lab.run(host_name, ["nsupdate", "-t", "3", "-k", lab.credential("tsig.key")], text=text)


def point(lab, name, address, ttl=None):
    """Points a name at an address, by hand."""
    ttl = lab.options["dns_ttl"] if ttl is None else ttl
    return update(lab, [f"update delete {name}. A", f"update add {name}. {ttl} A {address}"])
