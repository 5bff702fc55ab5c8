"""Passwords, the TSIG key and the certificates of a lab, made at random when it comes up; none is
ever in an argv."""

import base64
import os
import secrets
import subprocess

from .base import LabError, make_directory, read_file, write_file

PASSWORDS = (
    "pg-superuser",
    "pg-replication",
    "pg-rewind",
    "pg-app",
    "pg-drover",
    "patroni-rest",
    "redis",
)
PG_ROLES = {
    "postgres": "pg-superuser",
    "replicator": "pg-replication",
    "rewinder": "pg-rewind",
    "bud_app": "pg-app",
    "drover": "pg-drover",
}
TSIG_NAME = "drover."


class Credentials:
    def __init__(self, run_dir):
        self.directory = os.path.join(run_dir, "credentials")

    def path(self, name):
        return os.path.join(self.directory, name)

    def text(self, name):
        return read_file(self.path(name)).strip()

    def pg_password(self, role):
        return self.text(f"{PG_ROLES[role]}.password")

    def create(self, members):
        make_directory(self.directory, 0o700)
        for name in PASSWORDS:
            write_file(self.path(f"{name}.password"), secrets.token_hex(16) + "\n", 0o600)
        lines = [f"*:*:*:{role}:{self.pg_password(role)}\n" for role in PG_ROLES]
        write_file(self.path("pgpass"), "".join(lines), 0o600)
        secret = base64.b64encode(os.urandom(32)).decode("ascii")
        write_file(self.path("tsig.secret"), secret + "\n", 0o600)
        write_file(self.path("tsig.key"), tsig_clause(secret), 0o600)
        self._certificates(members)

    def _certificates(self, members):
        """One authority for the watch region's etcd; a certificate for each member and one for
        clients."""
        key, cert = self.path("etcd-ca-key.pem"), self.path("etcd-ca.pem")
        _openssl(
            [
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                key,
                "-out",
                cert,
                "-days",
                "30",
                "-subj",
                "/CN=lab etcd authority",
            ]
        )
        for member in members:
            self._issue(
                f"etcd-{member.name}",
                member.name,
                f"IP:{member.address},IP:127.0.0.1,DNS:{member.name}",
            )
        self._issue("etcd-client", "drover", "DNS:drover")

    def _issue(self, name, common_name, alternative):
        request = self.path(f"{name}.csr")
        extensions = self.path(f"{name}.ext")
        key = self.path(f"{name}-key.pem")
        write_file(key, "", 0o600)
        _openssl(
            [
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                key,
                "-out",
                request,
                "-subj",
                f"/CN={common_name}",
            ]
        )
        write_file(
            extensions,
            f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth,clientAuth\n",
            0o600,
        )
        _openssl(
            [
                "x509",
                "-req",
                "-in",
                request,
                "-CA",
                self.path("etcd-ca.pem"),
                "-CAkey",
                self.path("etcd-ca-key.pem"),
                "-CAcreateserial",
                "-days",
                "30",
                "-extfile",
                extensions,
                "-out",
                self.path(f"{name}.pem"),
            ]
        )
        os.unlink(request)
        os.unlink(extensions)


def tsig_clause(secret):
    return f'key "{TSIG_NAME}" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n'


def _openssl(arguments):
    done = subprocess.run(
        ["openssl"] + arguments, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise LabError(f"openssl {arguments[0]}: {done.stderr.strip()}")


def pgpass_for(owner, path, credentials, roles):
    """A pgpass file that another user than root reads."""
    lines = [f"*:*:*:{role}:{credentials.pg_password(role)}\n" for role in roles]
    return write_file(path, "".join(lines), 0o600, owner)


def etcd_client_arguments(credentials):
    return [
        "--cacert",
        credentials.path("etcd-ca.pem"),
        "--cert",
        credentials.path("etcd-client.pem"),
        "--key",
        credentials.path("etcd-client-key.pem"),
    ]
