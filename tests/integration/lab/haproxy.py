"""HAProxy on each front: PostgreSQL and Redis by role, the web app, and optionally shut unless an
agent says writable."""

import socket

from . import plan
from .base import LabError, write_file

HEAD = """global
    stats socket {directory}/haproxy.sock mode 600 level admin
    server-state-file {directory}/haproxy.state
    maxconn 400
    nbthread 1
    log stdout format raw local0 notice

defaults
    mode tcp
    log global
    timeout connect 1s
    timeout client 30m
    timeout server 30m
    timeout check 1s
    default-server inter 500ms fastinter 200ms downinter 200ms fall 2 rise 1
    default-server on-marked-down shutdown-sessions

frontend metrics
    mode http
    timeout client 5s
    bind :{metrics}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    http-request deny

listen web
    mode http
    timeout client 10s
    timeout server 10s
    bind :{web}
    server app 127.0.0.1:{app} check

"""

GATE = """backend agent_writable
    option httpchk
    http-check send meth GET uri {path}
    http-check expect status 200
    load-server-state-from-file global
    default-server inter 200ms fastinter 200ms downinter 200ms fall 1 rise 1
"""

# A server with a check counts as up until its first check has failed, so a gate that has just
# started would stand open. A state file that calls the agents down makes it start shut.
STATE_HEAD = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "
    "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"
)
STATE_LINE = (
    "0 agent_writable {number} agent{number} {ip} 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0\n"
)

POSTGRES = """frontend postgres
    bind :{port}
{gate}    default_backend postgres_primary

backend postgres_primary
    option httpchk
    # OPTIONS has no body: with GET, HAProxy hangs up while Patroni still writes one, and Patroni
    # logs a traceback.
    http-check send meth OPTIONS uri /primary
    http-check expect status 200
"""

REDIS = """frontend redis
    bind :{port}
{gate}    default_backend redis_primary

backend redis_primary
    option tcp-check
    tcp-check connect
    tcp-check send AUTH\\ {password}\\r\\n
    tcp-check expect string +OK
    tcp-check send PING\\r\\n
    tcp-check expect string +PONG
    # QUIT, because a replica's answer must end at once; else a check lasts until its timeout.
    tcp-check send INFO\\ replication\\r\\nQUIT\\r\\n
    tcp-check expect string role:master
"""

REJECT = "    tcp-request connection reject if { nbsrv(agent_writable) lt 1 }\n"


def configuration(lab, host):
    stores = [h for h in lab.hosts.values() if h.region == host.region and h.role == "db"]
    check = lab.options.get("writable_check", {}).get(host.region)
    text = HEAD.format(
        directory=host.directory,
        metrics=plan.HAPROXY_METRICS_PORT,
        web=plan.FRONT_WEB_PORT,
        app=plan.APP_PORT,
    )
    gate = ""
    if check and check["addresses"]:
        gate = REJECT
        text += GATE.format(path=check["path"])
        for i, address in enumerate(check["addresses"]):
            text += f"    server agent{i + 1} {address} check\n"
        text += "\n"
    text += POSTGRES.format(port=plan.FRONT_POSTGRES_PORT, gate=gate)
    for store in stores:
        text += (
            f"    server {store.name} {store.address}:{plan.POSTGRES_PORT} "
            f"check port {plan.PATRONI_PORT}\n"
        )
    text += "\n" + REDIS.format(
        port=plan.FRONT_REDIS_PORT, gate=gate, password=lab.secret("redis.password")
    )
    for store in stores:
        text += f"    server {store.name} {store.address}:{plan.REDIS_PORT} check\n"
    return text


def prepare(lab, host):
    write_file(f"{host.directory}/haproxy.cfg", configuration(lab, host), 0o600)
    text = STATE_HEAD
    check = lab.options.get("writable_check", {}).get(host.region, {"addresses": []})
    for number, address in enumerate(check["addresses"], 1):
        ip, port = address.rsplit(":", 1)
        text += STATE_LINE.format(number=number, ip=ip, port=port)
    write_file(f"{host.directory}/haproxy.state", text, 0o600)


def start(lab, host):
    return lab.spawn(
        host.name, ["haproxy", "-db", "-f", f"{host.directory}/haproxy.cfg"], name="haproxy"
    )


def command(lab, host_name, text):
    """One command at the runtime socket, the answer as text (empty for success; HAProxy has no
    error code)."""
    path = f"{lab.hosts[host_name].directory}/haproxy.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(3.0)
        door.connect(path)
        door.sendall(text.encode("utf-8") + b"\n")
        parts = []
        while True:
            data = door.recv(65536)
            if not data:
                return b"".join(parts).decode("utf-8", "replace").strip()
            parts.append(data)


def up_servers(lab, host_name, backend):
    """Names of the servers of a backend that are up."""
    names = []
    for line in command(lab, host_name, "show stat").splitlines():
        fields = line.split(",")
        if (
            fields[0] == backend
            and fields[1] not in ("FRONTEND", "BACKEND")
            and fields[17].startswith("UP")
        ):
            names.append(fields[1])
    return names


def require_socket_length(host):
    if len(f"{host.directory}/haproxy.sock") > 100:
        raise LabError(f"the run directory's path is too long for a Unix socket: {host.directory}")
