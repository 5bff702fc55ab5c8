"""What stands around one guard: two network namespaces (the guard's host, and outside), stores that
note every write they take, writers, the guard as a process, and the client that plays its agent."""
import contextlib
import ctypes
import os
import pwd
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

HOST4, OUT4, REPLICA4 = "10.99.0.1", "10.99.0.2", "10.99.1.3"
HOST6, OUT6 = "fd99::1", "fd99::2"
STORE, OTHER, REDIS = 5432, 7000, 6379
T_MS, EARLY_MS, FENCE_MS, RENEW_MS, V_MS = 3000, 300, 1000, 500, 3300
NOBODY = pwd.getpwnam("nobody").pw_uid
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def now_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def sh(*words, check=True):
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def until(seconds, what, every=0.005):
    """The value of what() as soon as it is true; None when it never is."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value or None
        time.sleep(every)


class Net:
    def __init__(self):
        self.host, self.out = f"dg{os.getpid()}h", f"dg{os.getpid()}o"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.files = {}

    def __enter__(self):
        for name in (self.host, self.out):
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "lo", "up")
            self.files[name] = os.open(f"/run/netns/{name}", os.O_RDONLY)
        sh("ip", "-n", self.host, "link", "add", "east", "type", "veth", "peer", "name", "west",
           "netns", self.out)
        for name, link, addresses in ((self.host, "east", (HOST4 + "/16", HOST6 + "/64")),
                                      (self.out, "west", (OUT4 + "/16", REPLICA4 + "/16",
                                                          OUT6 + "/64"))):
            for address in addresses:
                sh("ip", "-n", name, "address", "add", address, "dev", link,
                   *(["nodad"] if ":" in address else []))
            sh("ip", "-n", name, "link", "set", link, "up")
        return self

    def __exit__(self, *_):
        for name in (self.host, self.out):
            with contextlib.suppress(KeyError):
                os.close(self.files.pop(name))
            sh("ip", "netns", "del", name, check=False)

    def socket(self, name, family=socket.AF_INET):
        """A socket that lives in that namespace, wherever this thread goes on."""
        try:
            if libc.setns(self.files[name], CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            return socket.socket(family, socket.SOCK_STREAM)
        finally:
            libc.setns(self.home, CLONE_NEWNET)

    def nft(self, commands, check=True):
        done = subprocess.run(["ip", "netns", "exec", self.host, "nft", "-f", "-"], input=commands,
                              capture_output=True, text=True, timeout=20)
        if check and done.returncode != 0:
            raise RuntimeError(f"nft {commands}: {done.stderr}")
        return done.returncode == 0


class Store:
    """Stands for a store's port: takes 8-byte writes (the writer's stamp), notes and echoes them.
    `pushes`: it also sends its own stamp to everybody, 100 times a second."""

    def __init__(self, net, port=STORE, pushes=False):
        self.taken = set()
        self.pushes = pushes
        self.listener = net.socket(net.host, socket.AF_INET6)
        self.listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("::", port))
        self.listener.listen(128)
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        clients = {}
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        poll.register(self.stop_read, select.POLLIN)
        while True:
            ready = poll.poll(10 if self.pushes else None)
            for client in clients.values() if self.pushes else ():
                with contextlib.suppress(OSError):
                    client.send(struct.pack("<Q", now_us()))
            for fd, _ in ready:
                if fd == self.stop_read:
                    for client in clients.values():
                        client.close()
                    self.listener.close()
                    return
                if fd == self.listener.fileno():
                    client, _ = self.listener.accept()
                    client.setblocking(False)
                    clients[client.fileno()] = client
                    poll.register(client, select.POLLIN)
                    continue
                try:
                    data = clients[fd].recv(8)
                    if len(data) == 8:
                        self.taken.add(struct.unpack("<Q", data)[0])
                        clients[fd].send(data)
                        continue
                except OSError:
                    pass
                poll.unregister(fd)
                clients.pop(fd).close()

    def close(self):
        os.write(self.stop_write, b"x")
        self.thread.join(2)
        os.close(self.stop_write)
        os.close(self.stop_read)


class Echo:
    """How one writes to Store: the stamp, which comes back."""
    reply_size = 8

    @staticmethod
    def encode(stamp):
        return struct.pack("<Q", stamp)


class Writer:
    """Writes its stamp 100 times a second. `kept`: one connection, made once, and no write waits
    for the answer to the one before; else a new connection for each write, which is answered.
    `source`: an address of the outside, None: from the guard's own host as `nobody`."""

    def __init__(self, net, kept, to=HOST4, source=OUT4, port=STORE, tongue=Echo):
        self.net, self.kept, self.to, self.source, self.port = net, kept, to, source, port
        self.tongue = tongue
        self.sent, self.refused, self.acked = [], [], []
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def connect(self):
        family = socket.AF_INET6 if ":" in self.to else socket.AF_INET
        if self.source is None:
            libc.setfsuid(NOBODY)
            try:
                link = self.net.socket(self.net.host, family)
            finally:
                libc.setfsuid(0)
        else:
            link = self.net.socket(self.net.out, family)
            link.bind((self.source, 0))
        link.settimeout(0.2)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.connect((self.to, self.port))
        return link

    def one(self):
        """A connection, a write, its answer."""
        stamp = now_us()
        self.sent.append(stamp)
        link = None
        try:
            link = self.connect()
            link.sendall(self.tongue.encode(stamp))
            good = len(link.recv(self.tongue.reply_size)) == self.tongue.reply_size
        except OSError:
            good = False
        finally:
            if link is not None:
                link.close()
        (self.acked if good else self.refused).append(stamp)
        return True

    def next(self):
        """One more write on the connection that is there; False when it is gone."""
        stamp = now_us()
        self.sent.append(stamp)
        try:
            self.link.send(self.tongue.encode(stamp))
        except BlockingIOError:
            pass  # its buffer is full: nothing is answered any more
        except OSError:
            self.refused.append(stamp)
            return False
        return self.hear()

    def hear(self):
        try:
            data = self.link.recv(65536)
            if not data:
                return False
            self.heard += len(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        self.acked = self.sent[:self.heard // self.tongue.reply_size]
        return True

    def run(self):
        self.link, self.heard = None, 0
        next_at = time.monotonic()
        if self.kept:
            try:
                self.link = self.connect()
                self.link.setblocking(False)
            except OSError:
                self.refused.append(now_us())
                return
        while not self.stopping and (self.next() if self.kept else self.one()):
            next_at += 0.01
            time.sleep(max(0.0, next_at - time.monotonic()))
        if self.link is not None:
            time.sleep(0.02)
            self.hear()
            self.link.close()

    def stop(self):
        self.stopping = True
        self.thread.join(3)
        return self


class Client:
    """guard_client: a line to it, a line of key=value back."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(f"guard_client ended at: {line}")
        return {key: value if key == "nonce" else int(value)
                for key, value in (word.split("=") for word in said.split())}

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)


class Room:
    """One region r1 with one guarded agent, region r2 with two, three members."""
    members = ("m1", "m2", "m3")
    agents = {"r1-db1": "r1", "r2-db1": "r2", "r2-db2": "r2"}

    def __init__(self, net, guard_program, client_program):
        self.net, self.guard_program, self.client_program = net, guard_program, client_program
        self.directory = tempfile.mkdtemp(prefix="drover-guard-")
        self.client = Client(client_program)
        self.guard = None
        self.log = open(self.path("guard.log"), "w+")
        for kind, names in (("member", self.members), ("agent", self.agents),
                            ("guard", [a + "-guard" for a in self.agents])):
            for name in names:
                self.client(f"keygen {self.directory} {kind} {name}")
                self.client(f"load {self.path(name)}.key")
        self.write_pins()

    def path(self, name):
        return os.path.join(self.directory, name)

    def public(self, name):
        found = {}
        for line in open(self.path(name + ".key")):
            key, _, value = line.partition("=")
            found[key.strip()] = value.strip().strip(";").strip('"')
        return found

    def write_pins(self, on_quorum_loss="failsafe", lease_ms=T_MS):
        def keys(name):
            key = self.public(name)
            return f'curve_key = "{key["curve_public"]}"; sign_key = "{key["sign_public"]}";'
        lines = ['cluster = "lab";',
                 'regions: ({ name = "r1"; kind = "data"; }, { name = "r2"; kind = "data"; });',
                 f'lease: {{ lease = "{lease_ms}ms"; renew = "{RENEW_MS}ms"; '
                 f'fence = "{FENCE_MS}ms"; gate_early = "{EARLY_MS}ms"; wait = "{V_MS}ms"; '
                 f'promise = "{V_MS}ms"; on_quorum_loss = "{on_quorum_loss}"; }};', "members: ("]
        lines.append(",\n".join(
            f'{{ name = "{m}"; agents_address = "tcp://127.0.0.1:{7401 + 2 * i}"; '
            f'operators_address = "tcp://127.0.0.1:{7402 + 2 * i}"; {keys(m)} }}'
            for i, m in enumerate(self.members)) + ");")
        lines.append("agents: (" + ",\n".join(
            f'{{ name = "{a}"; region = "{r}"; gate = true; {keys(a)} '
            f'guard_key = "{self.public(a + "-guard")["sign_public"]}"; }}'
            for a, r in self.agents.items()) + ");")
        self.write("pins.conf", "\n".join(lines) + "\n")
        self.tell_numbers(on_quorum_loss)

    def tell_numbers(self, on_quorum_loss="failsafe"):
        """What the client's questions say; under hold a wait without end (topology_wait_ms)."""
        wait_ms = 0xFFFFFFFF if on_quorum_loss == "hold" else V_MS
        self.client(f"me lab r1-db1 r1 {T_MS} {wait_ms} {V_MS}")

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def start(self, ports=(STORE, REDIS), more="", ready=True, state=None, wrap=()):
        """Starts the guard; with `ready`, waits until it serves and connects to it."""
        os.makedirs(self.path("state"), exist_ok=True)
        self.write("guard.conf", f'''
name = "r1-db1"; key = "{self.path("r1-db1-guard.key")}"; pins = "{self.path("pins.conf")}";
state = "{state or self.path("state")}"; socket = "{self.path("guard.sock")}";
gate: {{ ports = [{", ".join(map(str, ports))}]; exempt_sources = ["10.99.1.0/24", "fd99:1::/64"];
  exempt_uids = [0]; }};
{more}
''')
        command = [self.guard_program, "--config", self.path("guard.conf")]
        if wrap:
            command = ["unshare", "-m", "sh", "-ec", " && ".join(wrap) + ' && exec "$@"', "sh",
                       *command]
        self.guard = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.net.host}", *command],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if ready and not until(5, self.connected):
            raise RuntimeError("the guard does not serve: " + self.logged()[-500:])
        return self.guard

    def connected(self):
        return self.client(f"connect {self.path('guard.sock')}")["done"] and \
            not self.client("status")["lost"]

    def stop(self, how=signal.SIGTERM):
        if self.guard is not None and self.guard.poll() is None:
            self.guard.send_signal(signal.SIGCONT)
            self.guard.send_signal(how)
            self.guard.wait(5)
        self.guard = None

    def fresh(self, **how):
        """A new guard on a host that knows nothing of it."""
        self.stop()
        self.net.nft("table inet drover {}\ndelete table inet drover")
        shutil.rmtree(self.path("state"), ignore_errors=True)
        return self.start(**how)

    def logged(self):
        self.log.flush()
        with open(self.path("guard.log")) as file:
            return file.read()

    def lease(self, epoch, who="m1,m2"):
        """Asks, and hands over the certificate. The guard's stamp is not after `asked_us`."""
        asked = self.client(f"begin lease {epoch}")
        given = self.client(f"give certificate {epoch} who={who}")
        given["asked_us"], given["begun"] = asked["after_us"], asked["verdict"]
        return given

    def is_open(self, to=HOST4, source=OUT4, port=STORE):
        """A new connection is let in and answered."""
        probe = Writer.__new__(Writer)
        probe.net, probe.to, probe.source, probe.port = self.net, to, source, port
        try:
            link = probe.connect()
        except OSError:
            return False
        try:
            link.sendall(Echo.encode(now_us()))
            return len(link.recv(8)) == 8
        except OSError:
            return False
        finally:
            link.close()

    def close(self):
        self.stop()
        self.client.close()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
