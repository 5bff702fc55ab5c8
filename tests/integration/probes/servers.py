"""Real servers on loopback for the probe tests: each starts in a directory of its own on a free
port, and every process that was started here is ended by its own pid."""
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

PG = "/usr/lib/postgresql/15/bin"
PASSWORD = secrets.token_hex(12)


GIVEN = set()


def free_port():
    """Never the same twice: the kernel may, and HAProxy would share it between two fronts."""
    for _ in range(1000):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port
    raise RuntimeError("no free port that was not given out before")


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            value = condition()
        except (OSError, subprocess.SubprocessError):
            value = None
        if value:
            return value
        time.sleep(0.1)
    raise RuntimeError(f"waited {seconds} s in vain for {what}")


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


class Lab:
    """The directory and the processes of one test run."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = []
        # libpq looks into the home directory: the caller's would be root's.
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                            "HOME": directory}
        os.chmod(directory, 0o755)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, text, owner=None, mode=0o644):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        if owner:
            self.own(path, owner)
        return path

    def own(self, path, owner):
        entry = pwd.getpwnam(owner)
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def directory_for(self, name, owner=None):
        path = self.path(name)
        os.makedirs(path, mode=0o700)
        if owner:
            self.own(path, owner)
        return path

    def start(self, name, argv, owner=None, environment=None):
        if owner:
            argv = ["setpriv", "--reuid", owner, "--regid", owner, "--init-groups"] + argv
        log = open(self.path(name + ".log"), "ab")
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   cwd=self.directory,
                                   env={**self.environment, **(environment or {})},
                                   start_new_session=True)
        log.close()
        process.name = name
        self.processes.append(process)
        return process

    def run(self, argv, owner=None, seconds=60, environment=None):
        if owner:
            argv = ["setpriv", "--reuid", owner, "--regid", owner, "--init-groups"] + argv
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=seconds,
                              cwd=self.directory, stdin=subprocess.DEVNULL,
                              env={**self.environment, **(environment or {})})
        if done.returncode != 0:
            raise OSError(f"{' '.join(argv)}: {done.stderr}")
        return done.stdout

    def stop(self, process, number=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        if process in self.processes:
            self.processes.remove(process)

    def end(self):
        for process in reversed(list(self.processes)):
            # SIGINT is PostgreSQL's fast stop; the others take it as an end too.
            self.stop(process, signal.SIGINT if process.name.startswith("pg") else signal.SIGTERM)
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_head(self, name):
        if not os.path.exists(self.path(name + ".log")):
            return ""
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read(4000)

    def log_tail(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]


def stands_still(pid):
    """Every thread of it is stopped."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as stat:
            if stat.read().rpartition(")")[2].split()[0] not in "TtZX":
                return False
    return True


class Paused:
    """A process, stopped by SIGSTOP while the block runs: a server that hangs."""

    def __init__(self, *processes):
        self.processes = processes

    def __enter__(self):
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)
        # A stop is on its way to each thread for a while, and a thread that runs may still answer.
        wait_for("every thread stands still", lambda: all(stands_still(process.pid) for process in self.processes))

    def __exit__(self, *ignored):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)


def certificate(lab, name, days, owner=None):
    """A self-signed certificate for 127.0.0.1 that ends in so many days (and an hour)."""
    key, cert = lab.path(name + ".key"), lab.path(name + ".crt")
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400 + 3600))
    start = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 30 * 86400))
    lab.write(name + ".cnf", "[req]\ndistinguished_name=d\n[d]\n[v]\n"
              "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:TRUE\n"
              f"[ca]\ndefault_ca=c\n[c]\ndatabase={name}.idx\nserial={name}.srl\nnew_certs_dir=.\n"
              "default_md=sha256\npolicy=p\nx509_extensions=v\n[p]\ncommonName=supplied\n")
    lab.write(name + ".idx", "")
    lab.write(name + ".srl", "01\n")
    lab.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
             lab.path(name + ".csr"), "-subj", "/CN=127.0.0.1", "-config", lab.path(name + ".cnf")])
    lab.run(["openssl", "ca", "-batch", "-notext", "-selfsign", "-config", lab.path(name + ".cnf"),
             "-keyfile", key, "-in", lab.path(name + ".csr"), "-out", cert, "-startdate", start,
             "-enddate", end])
    os.chmod(key, 0o600)
    if owner:
        lab.own(key, owner)
    with open(lab.path(name + ".pem"), "w", encoding="utf-8") as both:
        for part in (cert, key):
            with open(part, encoding="utf-8") as f:
                both.write(f.read())
    return cert


class Postgres:
    """A primary with TLS and a streaming standby named dr1."""

    def __init__(self, lab):
        self.lab = lab
        self.port, self.standby_port = free_port(), free_port()
        self.cert = certificate(lab, "pgtls", 20, "postgres")
        self.data = lab.directory_for("pg", "postgres")
        self.standby_data = lab.directory_for("pgdr", "postgres")
        lab.run([PG + "/initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync"],
                "postgres")
        self.append(self.data, "postgresql.conf", f"""
listen_addresses = '127.0.0.1'
unix_socket_directories = '{self.data}'
port = {self.port}
fsync = off
shared_buffers = 16MB
max_connections = 30
wal_sender_timeout = 4s
wal_receiver_timeout = 4s
wal_receiver_status_interval = 1s
archive_mode = on
archive_command = 'true'
ssl = on
ssl_cert_file = '{self.cert}'
ssl_key_file = '{lab.path("pgtls.key")}'
password_encryption = 'scram-sha-256'
""")
        lab.write("pg/pg_hba.conf", "local all postgres trust\n"
                  "host replication repl 127.0.0.1/32 scram-sha-256\n"
                  "host all drover 127.0.0.1/32 scram-sha-256\n", "postgres", 0o600)
        self.process = lab.start("pg_primary", [PG + "/postgres", "-D", self.data], "postgres")
        wait_for("the primary", lambda: self.sql("SELECT 1"))
        self.sql(f"CREATE ROLE drover LOGIN PASSWORD '{PASSWORD}';"
                 f"CREATE ROLE repl LOGIN REPLICATION PASSWORD '{PASSWORD}';"
                 "GRANT pg_monitor TO drover;"
                 "CREATE TABLE drover_probe (id text PRIMARY KEY, at timestamptz NOT NULL);"
                 "GRANT SELECT, INSERT, UPDATE ON drover_probe TO drover;"
                 "CREATE TABLE forbidden (id text PRIMARY KEY, at timestamptz NOT NULL);"
                 "SELECT pg_create_physical_replication_slot('dr', true)")
        passes = lab.write("pgpass", f"127.0.0.1:*:*:repl:{PASSWORD}\n", "postgres", 0o600)
        lab.run([PG + "/pg_basebackup", "-D", self.standby_data, "-R", "-S", "dr", "-X", "stream",
                 "--checkpoint=fast", "--no-sync", "-d",
                 f"host=127.0.0.1 port={self.port} user=repl sslmode=require "
                 "application_name=dr1"], "postgres",
                environment={"PGPASSFILE": passes})
        self.append(self.standby_data, "postgresql.conf",
                    f"port = {self.standby_port}\nunix_socket_directories = "
                    f"'{self.standby_data}'\n")
        self.standby = lab.start("pg_standby", [PG + "/postgres", "-D", self.standby_data],
                                 "postgres")
        wait_for("the standby", lambda: self.sql(
            "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'", standby=True))

    def append(self, data, name, text):
        with open(os.path.join(data, name), "a", encoding="utf-8") as f:
            f.write(text)

    def sql(self, text, standby=False):
        data, port = ((self.standby_data, self.standby_port) if standby
                      else (self.data, self.port))
        return self.lab.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", data, "-p",
                             str(port), "-U", "postgres", "-d", "postgres", "-c", text],
                            "postgres").strip()

    def set(self, name, value, standby=False):
        self.sql(f"ALTER SYSTEM SET {name} = {value}", standby)
        self.sql("SELECT pg_reload_conf()", standby)


class Patroni:
    """One member on an etcd of its own."""

    def __init__(self, lab):
        self.lab = lab
        self.rest, self.pg_port, etcd, peer = (free_port() for _ in range(4))
        self.etcd_port = etcd
        lab.directory_for("etcd")
        self.etcd = lab.start("etcd", [
            "etcd", "--name", "e", "--data-dir", lab.path("etcd"), "--unsafe-no-fsync",
            "--listen-client-urls", f"http://127.0.0.1:{etcd}",
            "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"e=http://127.0.0.1:{peer}"])
        wait_for("etcd", lambda: accepts(etcd))
        lab.directory_for("patroni", "postgres")
        config = lab.write("patroni.yml", f"""
scope: bud
name: p1
restapi:
  listen: 127.0.0.1:{self.rest}
  connect_address: 127.0.0.1:{self.rest}
  authentication: {{username: drover, password: {PASSWORD}}}
etcd3: {{hosts: 127.0.0.1:{etcd}}}
bootstrap:
  dcs: {{ttl: 20, loop_wait: 1, retry_timeout: 3,
        postgresql: {{use_pg_rewind: false, parameters: {{shared_buffers: 16MB, fsync: 'off'}}}}}}
  initdb: [{{encoding: UTF8}}, {{auth-local: trust}}, {{auth-host: scram-sha-256}}]
  pg_hba: [local all all trust, host all all 127.0.0.1/32 scram-sha-256]
postgresql:
  listen: 127.0.0.1:{self.pg_port}
  connect_address: 127.0.0.1:{self.pg_port}
  data_dir: {lab.path("patroni", "data")}
  bin_dir: {PG}
  pgpass: {lab.path("patroni", "pgpass")}
  authentication:
    superuser: {{username: postgres, password: {PASSWORD}}}
    replication: {{username: repl, password: {PASSWORD}}}
  parameters: {{unix_socket_directories: '{lab.path("patroni")}'}}
""", "postgres", 0o600)
        self.process = lab.start("pgpatroni", ["/usr/bin/patroni", config], "postgres")

    def config_revisions(self):
        """etcd's record of the dynamic configuration: created, last written, how often."""
        answer = subprocess.run(["etcdctl", "--endpoints", f"127.0.0.1:{self.etcd_port}", "get",
                                 "/service/bud/config", "-w", "json"], check=True, timeout=10,
                                capture_output=True, text=True, env=dict(os.environ, ETCDCTL_API="3"))
        (row,) = json.loads(answer.stdout)["kvs"]
        return row["create_revision"], row["mod_revision"], row["version"]


class Redis:
    """A primary, its replica, both with a password, and three Sentinels."""

    def __init__(self, lab):
        self.lab = lab
        self.port, self.replica_port = free_port(), free_port()
        self.sentinel_ports = [free_port() for _ in range(3)]
        common = ("bind 127.0.0.1\nsave \"\"\nrepl-diskless-sync-delay 0\nrepl-timeout 5\n"
                  f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\n")
        for name, port, more in (("redis", self.port, ""),
                                 ("replica", self.replica_port,
                                  f"replicaof 127.0.0.1 {self.port}\n")):
            folder = lab.directory_for(name)
            config = lab.write(f"{name}/redis.conf", f"{common}port {port}\ndir {folder}\n{more}",
                               mode=0o600)
            setattr(self, name, lab.start(name, ["redis-server", config]))
            wait_for(name, lambda: accepts(port))
        wait_for("the replica's link", lambda: "master_link_status:up" in self.cli(
            self.replica_port, "INFO", "replication"))
        self.sentinels = []
        for i, port in enumerate(self.sentinel_ports):
            folder = lab.directory_for(f"sentinel{i}")
            config = lab.write(f"sentinel{i}/sentinel.conf", f"bind 127.0.0.1\nport {port}\n"
                               f"dir {folder}\nsentinel monitor bud 127.0.0.1 {self.port} 2\n"
                               f"sentinel auth-pass bud {PASSWORD}\n"
                               "sentinel down-after-milliseconds bud 2000\n"
                               "sentinel failover-timeout bud 60000\n", mode=0o600)
            self.sentinels.append(lab.start(f"sentinel{i}", ["redis-sentinel", config]))

    def cli(self, port, *words):
        environment = {"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": PASSWORD}
        return subprocess.run(["redis-cli", "-p", str(port), *words], env=environment, check=True,
                              capture_output=True, text=True, timeout=5,
                              stdin=subprocess.DEVNULL).stdout

    def sentinels_know(self):
        return all("num-other-sentinels\n2\n" in subprocess.run(
            ["redis-cli", "-p", str(port), "SENTINEL", "MASTER", "bud"], check=True, timeout=5,
            capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
            for port in self.sentinel_ports)


class Bind:
    """An authoritative server; its zone holds a record of TTL 60, one of 300 and a long TXT."""

    def __init__(self, lab, name, address="192.0.2.10"):
        self.port = free_port()
        control = lab.directory_for(name)
        long_text = " ".join(f'"{"x" * 100}{i}"' for i in range(12))
        records = "".join(f"many TXT \"{'y' * 90}{i}\"\n" for i in range(14))
        lab.write(f"{name}/zone", f"""$TTL 60
@ SOA ns hostmaster 1 60 60 600 60
@ NS ns
ns A 127.0.0.1
api A {address}
two A 192.0.2.1
two A 192.0.2.2
slow 300 A 192.0.2.20
app CNAME api
text TXT "drover-epoch=7"
long TXT {long_text}
{records}""")
        config = lab.write(f"{name}/named.conf", f"""options {{
  directory "{control}"; listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; pid-file none; session-keyfile "{control}/session.key"; dnssec-validation no;
}};
controls {{ }};
key "drover" {{ algorithm hmac-sha256; secret "{PASSWORD}"; }};
zone "bud.test" {{ type primary; file "{control}/zone";
  update-policy {{ grant drover name api.bud.test. A; }}; }};
""")
        self.process = lab.start(name, ["named", "-f", "-n", "1", "-c", config])
        wait_for(name, lambda: accepts(self.port))


class Haproxy:
    """TLS fronts with certificates of 13 and 15 days, one with TLS 1.2 only, and statistics."""

    def __init__(self, lab, web_port):
        self.ports = {name: free_port()
                      for name in ("d13", "d15", "old", "tls13", "stats", "ended")}
        self.socket, self.admin_socket = lab.path("haproxy.sock"), lab.path("haproxy-admin.sock")
        for name, days in (("d13", 13), ("d15", 15), ("ended", -2)):
            certificate(lab, name, days)
        bind = {"d13": "d13", "d15": "d15", "old": "d15", "tls13": "d15", "ended": "ended"}
        more = {"old": " ssl-max-ver TLSv1.2", "tls13": " ssl-min-ver TLSv1.3"}
        lines = "".join(f"  bind 127.0.0.1:{self.ports[name]} ssl crt {lab.path(pem + '.pem')}"
                        f"{more.get(name, '')}\n" for name, pem in bind.items())
        config = lab.write("haproxy.cfg", f"""global
  stats socket {self.socket} mode 600 level user
  stats socket {self.admin_socket} mode 600 level admin
  maxconn 100
defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
frontend front
{lines}  default_backend web
frontend statistics
  bind 127.0.0.1:{self.ports['stats']}
  stats enable
  stats uri /stats
  stats auth drover:{PASSWORD}
backend web
  server w1 127.0.0.1:{web_port} check inter 200ms
  server w2 127.0.0.1:{free_port()} check inter 200ms
backend dark
  server x1 127.0.0.1:{free_port()} check inter 200ms
""", mode=0o600)
        self.process = lab.start("haproxy", ["haproxy", "-db", "-f", config])
        wait_for("haproxy", lambda: accepts(self.ports["d15"]))


class OldTls:
    """A server that speaks TLS 1.2 at most (HAProxy), for those that must refuse it."""

    def __init__(self, lab, name):
        self.port = free_port()
        self.ca = certificate(lab, name, 90)
        lab.write(name + ".cfg", "defaults\n mode http\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n"
                  f"frontend f\n bind 127.0.0.1:{self.port} ssl crt {lab.path(name + '.pem')} ssl-max-ver TLSv1.2\n"
                  " http-request return status 200\n")
        self.process = lab.start(name, ["haproxy", "-db", "-f", lab.path(name + ".cfg")])
        wait_for("HAProxy listens", lambda: accepts(self.port))
        self.url = f"https://127.0.0.1:{self.port}"


class Stub:
    """A peer that misbehaves in one way. `behave(connection)` runs for each connection."""

    def __init__(self, behave):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.behave = behave
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        try:
            self.behave(connection)
        except OSError:
            pass
        finally:
            connection.close()


def hang(connection):
    connection.recv(1)
    time.sleep(20)


def close_at_once(connection):
    connection.recv(1)


def say(data):
    def behave(connection):
        connection.recv(4096)
        connection.sendall(data)
        time.sleep(0.05)
    return behave


def drip(prefix, byte):
    """The right beginning, then one byte at a time for ever."""
    def behave(connection):
        connection.recv(4096)
        connection.sendall(prefix)
        for _ in range(200):
            connection.sendall(byte)
            time.sleep(0.1)
    return behave


def pour(prefix, chunk):
    """The right beginning, then as much as the peer will take."""
    def behave(connection):
        connection.recv(4096)
        connection.sendall(prefix)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            connection.sendall(chunk)
    return behave
