"""PostgreSQL 15 under Patroni: configuration, start, the SQL and REST doors that tests use."""

import base64
import http.client
import json
import os

import psycopg2

from . import plan
from .base import LabError, make_directory, read_file, write_file
from .credentials import pgpass_for
from .net import inside
from .proc import owner_ids

BIN = "/usr/lib/postgresql/15/bin"
SLOT_OF_STANDBY = "region_dr"
SLOT_OF_PRIMARY = "region_primary"

HBA = [
    # Patroni asks its own server for the timeline over a replication connection; without the two
    # lines for local and 127.0.0.1 it compares no timelines after a crash and a diverged member
    # goes unnoticed.
    "local all postgres peer",
    "local replication replicator scram-sha-256",
    "local all all scram-sha-256",
    "host replication replicator 127.0.0.1/32 scram-sha-256",
    f"host replication replicator {plan.WHOLE_NET} scram-sha-256",
    "host all all 127.0.0.1/32 scram-sha-256",
    f"host all all {plan.WHOLE_NET} scram-sha-256",
]

PARAMETERS = {
    "wal_log_hints": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "16MB",
    "max_connections": 100,
    "max_wal_senders": 10,
    "max_replication_slots": 10,
    "max_worker_processes": 4,
    "max_prepared_transactions": 0,
    "max_locks_per_transaction": 64,
    "wal_level": "replica",
    "wal_keep_size": "64MB",
    "track_commit_timestamp": "on",
    "checkpoint_completion_target": "0.1",
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
    "password_encryption": "scram-sha-256",
}

LOCAL_PARAMETERS = {
    # mmap keeps the segments inside the data directory: a SIGKILL leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
    "autovacuum_naptime": "60s",
    "log_line_prefix": "%m [%p] ",
    # `log` hides plain errors: every refused probe would be one.
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
}

SCHEMA = """
CREATE TABLE ledger (writer text NOT NULL, id bigint NOT NULL, front text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (writer, id));
CREATE TABLE probe (prober text NOT NULL, id bigint NOT NULL, target text NOT NULL,
    PRIMARY KEY (prober, target, id));
"""


def standby_cluster(region):
    """What a region's Patroni configuration holds while it follows the other through its front."""
    return {
        "host": f"10.77.{plan.REGIONS[plan.other_region(region)]}.10",
        "port": plan.FRONT_POSTGRES_PORT,
        "primary_slot_name": SLOT_OF_STANDBY if region == "west" else SLOT_OF_PRIMARY,
        "create_replica_methods": ["basebackup"],
    }


def _dynamic(region, primary):
    configuration = {
        "ttl": 20,
        "loop_wait": 2,
        "retry_timeout": 4,
        "maximum_lag_on_failover": 1048576,
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": PARAMETERS},
    }
    if region == primary:
        configuration["slots"] = {SLOT_OF_STANDBY: {"type": "physical"}}
    else:
        configuration["standby_cluster"] = standby_cluster(region)
    return configuration


def prepare(lab, host):
    owner = owner_ids("postgres")
    base = make_directory(f"{host.directory}/postgres", 0o700, owner)
    make_directory(socket_directory(lab, host), 0o755, owner)
    pgpass_for(
        owner, f"{base}/pgpass-clients", lab.credentials, ("postgres", "replicator", "rewinder")
    )
    etcd = next(h for h in lab.hosts.values() if h.region == host.region and "etcd" in h.services)
    password = lab.credentials.pg_password
    configuration = {
        "scope": plan.SCOPE,
        "name": host.name,
        "namespace": "/service/",
        "log": {"level": "INFO"},
        "restapi": {
            "listen": f"0.0.0.0:{plan.PATRONI_PORT}",
            "connect_address": f"{host.address}:{plan.PATRONI_PORT}",
            "authentication": {
                "username": "patroni",
                "password": lab.secret("patroni-rest.password"),
            },
        },
        "etcd3": {"hosts": [f"{etcd.address}:{plan.ETCD_PORT}"]},
        "bootstrap": {
            "dcs": _dynamic(host.region, lab.options["primary"]),
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": f"0.0.0.0:{plan.POSTGRES_PORT}",
            "connect_address": f"{host.address}:{plan.POSTGRES_PORT}",
            "data_dir": data_directory(host),
            "bin_dir": BIN,
            "pgpass": f"{base}/pgpass-patroni",
            "authentication": {
                "superuser": {"username": "postgres", "password": password("postgres")},
                "replication": {"username": "replicator", "password": password("replicator")},
                "rewind": {"username": "rewinder", "password": password("rewinder")},
            },
            "parameters": dict(
                LOCAL_PARAMETERS, unix_socket_directories=socket_directory(lab, host)
            ),
            "basebackup": [{"checkpoint": "fast"}],
            "pg_hba": HBA,
        },
        "watchdog": {"mode": "off"},
    }
    # JSON is YAML; the file has passwords.
    write_file(configuration_path(host), json.dumps(configuration, indent=1), 0o600, owner)


def configuration_path(host):
    return f"{host.directory}/patroni.yml"


def data_directory(host):
    return f"{host.directory}/postgres/data"


def socket_directory(lab, host):
    # Short, because a socket's path is limited to 107 bytes.
    return f"{lab.run_dir}/s/{host.name}"


def start(lab, host, after=None):
    """after: a path; as with a unit's ExecStartPre, Patroni starts only when it is there."""
    argv = ["/usr/bin/patroni", configuration_path(host)]
    if after is not None:
        waiting = 'until test -e "$0"; do sleep 0.05; done; exec "$@"'
        argv = ["/bin/sh", "-c", waiting, after, *argv]
    return lab.spawn(
        host.name,
        argv,
        name="patroni",
        user="postgres",
        cwd=f"{host.directory}/postgres",
    )


def connect(
    lab, host_name, user="postgres", database=plan.SCOPE, port=plan.POSTGRES_PORT, timeout_s=3
):
    """A psycopg2 connection made inside the host's namespace to its own address, autocommit on."""
    host = lab.hosts[host_name]
    with inside(host.namespace):
        connection = psycopg2.connect(
            host=host.address,
            port=port,
            user=user,
            dbname=database,
            passfile=lab.credential("pgpass"),
            connect_timeout=timeout_s,
            application_name="lab",
            tcp_user_timeout=timeout_s * 1000,
        )
    connection.autocommit = True
    return connection


def sql(
    lab, host_name, statement, arguments=None, user="postgres", database=plan.SCOPE, timeout_s=10
):
    connection = connect(lab, host_name, user, database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = %s", (timeout_s * 1000,))
            cursor.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def rest(lab, host_name, method, path, body=None, timeout_s=5.0):
    """(status, parsed body) of a Patroni REST call at the host."""
    host = lab.hosts[host_name]
    connection = http.client.HTTPConnection(host.address, plan.PATRONI_PORT, timeout=timeout_s)
    headers = {}
    if method != "GET":
        pair = f"patroni:{lab.secret('patroni-rest.password')}".encode("utf-8")
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    try:
        with inside(host.namespace):
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
    finally:
        connection.close()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


def writable(lab, host_name):
    return sql(lab, host_name, "SELECT pg_is_in_recovery()", database="postgres")[0][0] is False


def create_schema(lab, host_name):
    """The application's database and the two roles that are not Patroni's own."""
    password = lab.credentials.pg_password
    for role in ("bud_app", "drover"):
        sql(
            lab,
            host_name,
            f"CREATE ROLE {role} LOGIN PASSWORD %s",
            (password(role),),
            database="postgres",
        )
    sql(lab, host_name, "GRANT pg_monitor TO drover", database="postgres")
    sql(lab, host_name, f"CREATE DATABASE {plan.SCOPE} OWNER bud_app", database="postgres")
    sql(lab, host_name, "CREATE SCHEMA drover AUTHORIZATION drover")
    sql(
        lab,
        host_name,
        "CREATE TABLE drover.canary (name text PRIMARY KEY, n bigint NOT NULL, at timestamptz NOT NULL)",
        user="drover",
    )
    sql(lab, host_name, SCHEMA, user="bud_app")


def streaming(lab, host_name, wanted):
    """True when the given application names stream from this server."""
    rows = sql(
        lab,
        host_name,
        "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'",
        database="postgres",
    )
    return set(wanted) <= {row[0] for row in rows}


def postmaster_pid(host):
    try:
        return int(read_file(f"{data_directory(host)}/postmaster.pid").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def segment(host):
    """The System V segment named by postmaster.pid: it outlives a SIGKILL."""
    try:
        lines = read_file(f"{data_directory(host)}/postmaster.pid").splitlines()
        return int(lines[6].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def require():
    if not os.path.exists(f"{BIN}/postgres"):
        raise LabError(f"{BIN}/postgres is missing: install postgresql-15")
