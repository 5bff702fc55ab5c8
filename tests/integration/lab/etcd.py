"""etcd: one plain member in each data region (Patroni's), three members over TLS in the watch
region (drover's)."""

from . import plan
from .base import make_directory
from .credentials import etcd_client_arguments


def prepare(lab, host):
    make_directory(f"{host.directory}/etcd", 0o700)


def argv(lab, host):
    port, peer = plan.ETCD_PORT, plan.ETCD_PEER_PORT
    members = [h for h in lab.hosts.values() if h.region == host.region and "etcd" in h.services]
    secure = host.role == "member"
    scheme = "https" if secure else "http"
    arguments = [
        "etcd",
        "--name",
        host.name,
        "--data-dir",
        f"{host.directory}/etcd",
        "--listen-client-urls",
        f"{scheme}://{host.address}:{port},{scheme}://127.0.0.1:{port}",
        "--advertise-client-urls",
        f"{scheme}://{host.address}:{port}",
        "--listen-peer-urls",
        f"{scheme}://{host.address}:{peer}",
        "--initial-advertise-peer-urls",
        f"{scheme}://{host.address}:{peer}",
        "--initial-cluster",
        ",".join(f"{m.name}={scheme}://{m.address}:{peer}" for m in members),
        "--initial-cluster-state",
        "new",
        "--initial-cluster-token",
        f"{lab.prefix}-{host.region}",
        "--log-level",
        "warn",
        "--logger",
        "zap",
        "--enable-v2=false",
    ]
    if secure:
        certificate = lab.credential(f"etcd-{host.name}.pem")
        key = lab.credential(f"etcd-{host.name}-key.pem")
        authority = lab.credential("etcd-ca.pem")
        arguments += [
            "--cert-file",
            certificate,
            "--key-file",
            key,
            "--trusted-ca-file",
            authority,
            "--client-cert-auth",
            "--peer-cert-file",
            certificate,
            "--peer-key-file",
            key,
            "--peer-trusted-ca-file",
            authority,
            "--peer-client-cert-auth",
        ]
    return arguments


def start(lab, host):
    return lab.spawn(host.name, argv(lab, host), name="etcd")


def ctl(lab, host_name, *arguments, timeout_s=10.0, check=True):
    """etcdctl at one member, with the client certificate in the watch region."""
    host = lab.hosts[host_name]
    secure = host.role == "member"
    scheme = "https" if secure else "http"
    command = ["etcdctl", "--endpoints", f"{scheme}://{host.address}:{plan.ETCD_PORT}"]
    if secure:
        command += etcd_client_arguments(lab.credentials)
    return lab.run(
        host_name,
        command + list(arguments),
        env={"ETCDCTL_API": "3"},
        timeout=timeout_s,
        check=check,
    )


def healthy(lab, host_name):
    """True when a linearizable read at this member works, that is: it has a leader and a
    majority."""
    return ctl(lab, host_name, "--command-timeout=2s", "get", "health", check=False).returncode == 0
