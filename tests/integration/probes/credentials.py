"""The credentials of a failover, exercised by what changes nothing: with the right one, a wrong one,
and one without the right."""
import servers
from servers import Paused


def test_dns(t, one, two):
    """The key that a failover's update is signed by, tried with an update that changes nothing."""
    wrong = t.lab.write("tsig", "d3Jvbmctd3Jvbmctd3Jvbmc=\n", mode=0o600)
    no_key = t.lab.write("no-key", "this is no base64\n", mode=0o600)

    def ask(ports=(one.port, two.port), name="api.bud.test", secret="right", key="drover", **more):
        return t.probe("dns", {"servers": ",".join(f"127.0.0.1:{port}" for port in ports),
                               "name": name, "type": "A", "zone": "bud.test", "key_name": key,
                               "key_secret_ref": secret, **more}, 1500,
                       f"secret other {wrong}\nsecret no_key {no_key}")

    t.see("dns key accepted", ask(), err="OK", good=True, detail="key accepted")
    t.see("dns key of another secret", ask(secret="other"), err="AUTH", detail="BADSIG")
    t.see("dns key that the server does not know", ask(key="nobody"), err="AUTH", detail="BADKEY")
    t.see("dns key with another algorithm", ask(algorithm="hmac-sha512"), err="AUTH",
          detail="BADKEY")
    t.see("dns key that is none", ask(secret="no_key"), err="CONFIG", detail="cannot be signed")
    t.see("dns key without a right to this name", ask(name="two.bud.test"), err="DENIED",
          detail="REFUSED")
    t.see("dns key changed nothing", ask(expect="192.0.2.10", max_ttl=60), err="OK", good=True)
    with Paused(two.process):
        t.see("dns key, one of two hangs", ask(), err="OK", good=True, detail="key accepted")


def test_haproxy(t, proxy):
    """set server, the command of a failover, for a server that is not there."""
    def ask(socket, **more):
        return t.probe("haproxy", {"socket": socket, "backend": "web", "credential": "true", **more}, 1500)

    t.see("haproxy credential", ask(proxy.admin_socket), err="OK", good=True, value=1, detail="credential accepted")
    t.see("haproxy credential, a socket that may only read", ask(proxy.socket), err="DENIED", detail="permission denied")
    t.see("haproxy credential, of a backend that is not there", ask(proxy.admin_socket, backend="nope"), err="OK",
          good=False, detail="no backend")
    t.see("haproxy credential changed nothing", t.probe("haproxy", {"socket": proxy.socket, "backend": "web"}), err="OK",
          good=True, value=1, detail="1/2 servers up: w1")
    with Paused(proxy.process):
        t.see("haproxy credential, hung", ask(proxy.admin_socket), err="TIMEOUT")


def test_patroni(t, patroni, ask):
    """PATCH /config, the request that promotes, with nothing in it to change."""
    def credential(user="drover", secret="right"):
        return ask(members=1, credential="true", user=user, password_ref=secret)

    before = patroni.config_revisions()
    t.see("patroni credential", credential(), err="OK", good=True, warn=False, role=1, value=1,
          detail="credential accepted")
    t.see("patroni credential, wrong password", credential(secret="wrong"), err="AUTH",
          detail="PATCH /config: status 401")
    t.see("patroni credential, wrong user", credential(user="nobody"), err="AUTH")
    t.see("patroni without it, a wrong password does not matter to a reader",
          ask(members=1, user="drover", password_ref="wrong"), err="OK", good=True)
    t.see("patroni credential changed nothing", {"revisions": patroni.config_revisions()},
          revisions=before)


def test_redis(t, redis, ask):
    """What a failover does, judged by Redis and not done."""
    needed = ("+ping +info +replicaof +config|get +config|set +config|rewrite +wait +get +set "
              "+acl|dryrun ~drover:epoch").split()

    def rights(*rules, port=redis.port, **more):
        redis.cli(port, "ACL", "SETUSER", "drover", "reset", "on", f">{servers.PASSWORD}", *rules)
        return ask(port, user="drover", rights="true", **more)

    t.see("redis rights of the default user", ask(redis.port, rights="true"), err="OK", good=True,
          role=1, detail="all rights")
    t.see("redis rights, just those that are needed", rights(*needed), err="OK", good=True, role=1,
          detail="all rights", positions=lambda p: "written" in p)
    t.see("redis rights on a replica", rights(*needed, port=redis.replica_port), err="OK", good=True,
          role=2, detail="all rights")
    for right, told in (("+replicaof", "REPLICAOF NO"), ("+config|set", "CONFIG SET"), ("+wait", "WAIT"),
                        ("+config|rewrite", "CONFIG REWRITE"), ("+set", "SET drover:epoch")):
        t.see(f"redis rights without {right}", rights(*[r for r in needed if r != right]), err="OK",
              good=False, role=1, detail=f"no right to {told}")
    t.see("redis rights to other keys only", rights(*needed, epoch_key="other:epoch"), err="OK",
          good=False, detail="no right to GET other:epoch")
    t.see("redis rights that may not be asked for",
          rights(*[r for r in needed if r != "+acl|dryrun"]), err="AUTH", detail="NOPERM")
    t.see("redis rights, wrong password", ask(redis.port, rights="true", password_ref="wrong"),
          err="AUTH")
    role = redis.cli(redis.replica_port, "ROLE").split()[0]
    t.see("redis rights changed nothing", {"role": role, "epoch": redis.cli(
        redis.port, "EXISTS", "drover:epoch").strip()}, role="slave", epoch="0")
