"""What the tests of the engines share: certificates, etcd clusters, clients, a server that lies."""
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

PREFIX = "/drover/test/"
children = []


class Failure(Exception):
    pass


def check(good, what):
    if not good:
        raise Failure(what)


def free_ports(n):
    held = []
    for _ in range(n):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def quiet(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise Failure("%s: %s" % (argv[0], done.stdout[-400:]))
    return done.stdout


class Certificates:
    """A CA, one certificate for servers and one for clients, and a stranger's."""

    def __init__(self, where):
        self.where = where
        os.makedirs(where)
        self.authority("ca")
        self.issue("ca", "server")
        self.issue("ca", "client")
        self.authority("strange-ca")
        self.issue("strange-ca", "stranger")

    def path(self, name):
        return os.path.join(self.where, name)

    def authority(self, name):
        quiet("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", self.path(name + ".key"),
              "-out", self.path(name + ".crt"))

    def issue(self, authority, name):
        extra = self.path(name + ".ext")
        with open(extra, "w") as f:
            f.write("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
        quiet("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-nodes", "-subj", "/CN=" + name, "-keyout", self.path(name + ".key"), "-out",
              self.path(name + ".csr"))
        quiet("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA",
              self.path(authority + ".crt"), "-CAkey", self.path(authority + ".key"), "-days", "2",
              "-extfile", extra, "-out", self.path(name + ".crt"))

    def flags(self, name="client"):
        return ["--ca", self.path("ca.crt"), "--cert", self.path(name + ".crt"), "--key",
                self.path(name + ".key")]


class Etcd:
    """A cluster of n members with mutual TLS."""

    def __init__(self, where, certificates, n=3, token="one", ports=None, more=()):
        self.where, self.certificates, self.n, self.token = where, certificates, n, token
        os.makedirs(where, exist_ok=True)
        ports = ports or free_ports(2 * n)
        self.ports = ports
        self.client_ports, self.peer_ports = ports[:n], ports[n:]
        self.more = list(more)
        self.process = [None] * n
        self.group = None  # the process group to start in

    def endpoints(self):
        return ["https://127.0.0.1:%d" % p for p in self.client_ports]

    def peer(self, i):
        return "https://127.0.0.1:%d" % self.peer_ports[i]

    def data(self, i):
        return os.path.join(self.where, "data%d" % i)

    def initial(self):
        return ",".join("m%d=%s" % (i, self.peer(i)) for i in range(self.n))

    def start(self, which=None):
        c = self.certificates
        for i in range(self.n) if which is None else [which]:
            log = open(os.path.join(self.where, "log%d" % i), "ab")
            self.process[i] = subprocess.Popen(
                ["etcd", "--name", "m%d" % i, "--data-dir", self.data(i),
                 "--listen-client-urls", self.endpoints()[i],
                 "--advertise-client-urls", self.endpoints()[i],
                 "--listen-peer-urls", self.peer(i), "--initial-advertise-peer-urls", self.peer(i),
                 "--initial-cluster", self.initial(), "--initial-cluster-token", self.token,
                 "--cert-file", c.path("server.crt"), "--key-file", c.path("server.key"),
                 "--trusted-ca-file", c.path("ca.crt"), "--client-cert-auth",
                 "--peer-cert-file", c.path("server.crt"), "--peer-key-file",
                 c.path("server.key"), "--peer-trusted-ca-file", c.path("ca.crt"),
                 "--peer-client-cert-auth", "--logger", "zap"] + self.more,
                stdout=log, stderr=log, process_group=self.group)
            children.append(self.process[i])
            log.close()

    def ctl(self, *argv, endpoints=None, timeout=20):
        c = self.certificates
        return quiet("etcdctl", "--endpoints", endpoints or ",".join(self.endpoints()), "--cacert",
                     c.path("ca.crt"), "--cert", c.path("client.crt"), "--key",
                     c.path("client.key"), *argv, env=dict(os.environ, ETCDCTL_API="3"),
                     timeout=timeout)

    def wait(self, seconds=40):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.ctl("endpoint", "health")
                return
            except (Failure, subprocess.TimeoutExpired):
                time.sleep(0.3)
        raise Failure("etcd did not become healthy")

    def leader(self):
        for i, endpoint in enumerate(self.endpoints()):
            try:
                status = json.loads(self.ctl("endpoint", "status", "-w", "json",
                                             endpoints=endpoint, timeout=6))[0]["Status"]
            except (Failure, subprocess.TimeoutExpired):
                continue
            if status.get("leader") == status["header"]["member_id"]:
                return i
        raise Failure("etcd has no leader")

    def signal(self, which, number):
        self.process[which].send_signal(number)
        if number == signal.SIGKILL:
            self.process[which].wait()

    def stop(self):
        for p in self.process:
            if p is not None and p.poll() is None:
                p.send_signal(signal.SIGCONT)
                p.kill()
                p.wait()


class Client:
    """One log_client, its lines collected as they come."""

    program = None

    def __init__(self, *flags, environment=None):
        self.process = subprocess.Popen([Client.program] + [str(f) for f in flags],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, bufsize=1,
                                        env=dict(os.environ, **(environment or {})))
        children.append(self.process)
        self.lines, self.times, self.errors = [], [], ""
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.complainer = threading.Thread(target=self.complain, daemon=True)
        self.complainer.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.times.append(time.monotonic())
                self.changed.notify_all()
        with self.changed:
            self.lines.append("EOF")
            self.times.append(time.monotonic())
            self.changed.notify_all()

    def complain(self):
        for line in self.process.stderr:
            self.errors += line

    def say(self, text):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def wait(self, good, what, seconds=20):
        """Waits until good(lines) is true; returns what it returned."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                result = good(self.lines)
                if result:
                    return result
                left = end - time.monotonic()
                if left <= 0 or (self.lines and self.lines[-1] == "EOF"):
                    raise Failure("%s; last lines: %s %s" % (what, self.lines[-6:],
                                                             self.errors[-1500:]))
                self.changed.wait(left)

    def line(self, start, seconds=20, after=0):
        return self.wait(lambda lines: next((l for l in lines[after:] if l.startswith(start)),
                                            None), "no line \"%s\"" % start, seconds)

    def count(self):
        with self.changed:
            return len(self.lines)

    def facts(self):
        with self.changed:
            return [l.split(" ", 5) for l in self.lines if l.startswith("fact ")]

    def acks(self):
        with self.changed:
            return {l.split()[1]: l.split() for l in self.lines if l.startswith("ack ")}

    def await_acks(self, n, seconds=60):
        self.wait(lambda lines: sum(l.startswith("ack ") for l in lines) >= n,
                  "fewer than %d acks" % n, seconds)

    def await_facts(self, n, seconds=60):
        self.wait(lambda lines: sum(l.startswith("fact ") for l in lines) >= n,
                  "fewer than %d facts (%d)" % (n, len(self.facts())), seconds)

    def ask(self, command, answer, seconds=20):
        at = self.count()
        self.say(command)
        return self.line(answer, seconds, at)

    def quit(self, seconds=10):
        self.say("quit")
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("the client does not quit; %s" % self.errors[-800:])
        self.reader.join(5)
        self.complainer.join(5)
        check(code == 0 and "closed clean" in self.lines,
              "exit %s: %s %s" % (code, self.lines[-3:], self.errors[-1500:]))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)


def check_facts(facts, acks, what):
    """Strictly growing, no key twice, every acknowledged fact at its index."""
    indexes = [int(f[1]) for f in facts]
    check(all(a < b for a, b in zip(indexes, indexes[1:])), what + ": not in order")
    keys = [f[2] for f in facts]
    check(len(keys) == len(set(keys)), what + ": a key was delivered twice")
    where = {f[2]: int(f[1]) for f in facts}
    for key, ack in acks.items():
        check(where.get(key) == int(ack[2]),
              "%s: %s was acknowledged at %s and delivered at %s" % (what, key, ack[2],
                                                                     where.get(key)))


class World:
    """What the tests share: a directory, certificates, one cluster of three."""

    def __init__(self, where):
        self.where = where
        self.certificates = Certificates(os.path.join(where, "certificates"))
        self.etcd = None
        self.prefixes = 0

    def cluster(self):
        if self.etcd is None:
            self.etcd = Etcd(os.path.join(self.where, "etcd"), self.certificates)
            self.etcd.start()
            self.etcd.wait()
        return self.etcd

    def prefix(self):
        self.prefixes += 1
        return "%s%d/" % (PREFIX, self.prefixes)

    def flags(self, prefix, etcd=None, *more):
        etcd = etcd or self.cluster()
        flags = ["--engine", "etcd", "--prefix", prefix] + self.certificates.flags()
        for endpoint in etcd.endpoints():
            flags += ["--endpoint", endpoint]
        return flags + list(more)

    def client(self, prefix, *more, etcd=None):
        client = Client(*self.flags(prefix, etcd), *more)
        client.line("open OK")
        return client

    def directory(self, name):
        path = os.path.join(self.where, name)
        os.makedirs(path)
        return path


def append_many(client, name, n, start=0):
    for i in range(start, start + n):
        client.say("append %s-%d value-%s-%d" % (name, i, name, i))


def appended(clients, n, seconds=60):
    for c in clients:
        c.await_acks(n, seconds)
    acks = {}
    for c in clients:
        acks.update(c.acks())
    return acks


class Liar:
    """A TLS server that answers each request with the next of its lies."""

    def __init__(self, certificates, lies):
        self.lies, self.served = lies, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.path("server.crt"),
                                     certificates.path("server.key"))
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.lie, args=(connection,), daemon=True).start()

    def lie(self, connection):
        try:
            connection.settimeout(5)
            with self.context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(65536)
                lie = self.lies[self.served % len(self.lies)]
                self.served += 1
                tls.sendall(lie)
        except OSError:
            pass

    def close(self):
        self.socket.close()


def http(body, status=b"200 OK", length=None):
    return (b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
            (status, len(body) if length is None else length)) + body
