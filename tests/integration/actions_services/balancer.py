"""haproxy_server against a real HAProxy with two servers behind it, by its Unix and its TCP socket."""
import socket
import threading

from servers import Paused, free_port, wait_for


class Echo:
    """A TCP server that answers each line with its own name."""

    def __init__(self, name):
        self.name = name.encode() + b"\n"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            try:
                while connection.recv(100):
                    connection.sendall(self.name)
            except OSError:
                pass


class Balancer:
    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab = runner, checks, lab
        self.front, self.admin = free_port(), free_port()
        self.servers = [Echo("s1"), Echo("s2")]
        self.socket = lab.path("haproxy.sock")
        config = lab.write("haproxy.cfg", f"""
global
  stats socket {self.socket} level admin
  stats socket {lab.path('haproxy-user.sock')} level user
  stats socket ipv4@127.0.0.1:{self.admin} level admin
defaults
  mode tcp
  timeout connect 2s
  timeout client 5m
  timeout server 5m
frontend api
  bind 127.0.0.1:{self.front}
  default_backend api
backend api
  server s1 127.0.0.1:{self.servers[0].port}
  server s2 127.0.0.1:{self.servers[1].port} disabled
""")
        self.process = lab.start("haproxy", ["haproxy", "-db", "-f", config])
        wait_for("HAProxy listens", lambda: self.ask() == "s1")

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.front), 5)
        connection.settimeout(10)
        return connection

    def ask(self, connection=None):
        with connection or self.connect() as open_connection:
            open_connection.sendall(b"who\n")
            return open_connection.recv(100).decode().strip()

    def arguments(self, servers, state, **more):
        return {"socket": self.socket, "backend": "api", "servers": servers, "state": state, **more}

    def run(self, servers, state, timeout_ms=10000, lines=(), **more):
        return self.runner.run("haproxy_server", self.arguments(servers, state, **more), timeout_ms=timeout_ms, lines=lines)

    def all(self):
        c = self.checks
        c.result("looking only, no server is changed", self.run("s2", "ready", lines=["observe_only"]), "FAILED", detail="s2 is maint")
        c.result("the second is made ready", self.run("s2", "ready"), observed=False)
        c.result("again it is observed", self.run("s2", "ready"), observed=True)
        c.result("the first is put into maintenance, by TCP", self.run("s1", "maint", socket=f"127.0.0.1:{self.admin}"), observed=False)
        c.that("the second serves alone", {self.ask() for _ in range(4)} == {"s2"})
        c.result("and back, both at once", self.run("s1, s2", "ready"), observed=False, detail="2 of api")
        c.that("both serve", {self.ask() for _ in range(8)} == {"s1", "s2"})
        said = self.runner.typed("haproxy_server", self.arguments("s1,s2", "maint"))
        c.that("the printed command, typed, puts both into maintenance", [int(line.split()[6]) & 1 for line in said[1].splitlines()[2:]] == [1, 1], said)
        c.result("haproxy: what was typed is found by the action", self.run("s1,s2", "maint"), observed=True)
        self.run("s1,s2", "ready")
        self.sessions()
        self.killed()
        self.refused()

    def sessions(self):
        c = self.checks
        self.run("s1", "maint")
        kept = self.connect()
        kept.sendall(b"who\n")
        c.that("a session to the second", kept.recv(100) == b"s2\n")
        self.run("s1", "ready")
        c.result("drained, its session goes on", self.run("s2", "drain"), observed=False, detail="drain")
        kept.sendall(b"who\n")
        c.that("and is answered", kept.recv(100) == b"s2\n")
        c.that("new ones go elsewhere", {self.ask() for _ in range(4)} == {"s1"})
        c.result("waiting for its end takes as long as that", self.run("s2", "drain", sessions="await", timeout_ms=700), "TIMEOUT",
                 detail="has sessions")
        c.result("or it is shut down", self.run("s2", "drain", sessions="shutdown"), observed=False)
        c.that("the client sees it", kept.recv(100) == b"")
        kept.close()
        c.result("and again there is nothing to do", self.run("s2", "drain", sessions="shutdown"), observed=True)

    def killed(self):
        for turn in range(6):
            state = ("maint", "ready")[turn % 2]
            self.runner.kill("haproxy_server", self.arguments("s1,s2", state), 0.02)
            self.checks.result(f"killed on its way to {state} and run again", self.run("s1,s2", state))
        self.checks.that("both serve", {self.ask() for _ in range(8)} == {"s1", "s2"})

    def refused(self):
        c = self.checks
        c.result("a server that is not there", self.run("s3", "maint"), "NOT_FOUND", detail="s3")
        c.result("a backend that is not there", self.run("s1", "maint", backend="none"), "NOT_FOUND", detail="backend")
        c.result("a socket that may only look", self.run("s1", "maint", socket=self.lab.path("haproxy-user.sock")), "DENIED",
                 detail="denied")
        c.result("a name with a command in it", self.run("s1;disable", "maint"), "CONFIG", detail="names")
        with Paused(self.process):
            c.result("HAProxy that hangs", self.run("s1", "maint", timeout_ms=500), "TIMEOUT")
        c.result("no HAProxy", self.run("s1", "maint", socket=f"127.0.0.1:{free_port()}"), "REFUSED")
        c.that("after all that both serve", {self.ask() for _ in range(8)} == {"s1", "s2"})
        for server in self.servers:
            server.listener.close()
