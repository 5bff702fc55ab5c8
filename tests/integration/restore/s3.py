"""A pgBackRest repository in a MinIO behind TLS, as a server writes it."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import boto3  # noqa: E402
import parts  # noqa: E402
from servers import PASSWORD, free_port, wait_for  # noqa: E402

USER, BUCKET, STANZA = "drover", "backups", "bud"


class Minio:
    def __init__(self, home):
        self.home, self.port, self.ca = home, free_port(), f"{home}/certs/public.crt"
        os.makedirs(f"{home}/certs", 0o755)
        # pgBackRest compares the name of the server as a text.
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=DNS:127.0.0.1,IP:127.0.0.1",
                        "-keyout", f"{home}/certs/private.key", "-out", self.ca], check=True, capture_output=True, timeout=30)
        self.start()
        self.client = boto3.client("s3", endpoint_url=f"https://127.0.0.1:{self.port}", verify=self.ca, aws_access_key_id=USER,
                                   aws_secret_access_key=PASSWORD, region_name="us-east-1")
        wait_for("MinIO serves", self.made, 60)

    def start(self):
        environment = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": PASSWORD, "MINIO_BROWSER": "off", "MINIO_CI_CD": "1",
                       "HOME": self.home, "PATH": os.environ["PATH"]}
        with open(f"{self.home}/log", "ab") as log:
            self.process = subprocess.Popen([parts.need("minio"), "server", f"{self.home}/data", "--certs-dir", f"{self.home}/certs",
                                             "--address", f"127.0.0.1:{self.port}"], env=environment, stdout=log, stderr=log)

    def made(self):
        try:
            self.client.create_bucket(Bucket=BUCKET)
            return True
        except self.client.exceptions.BucketAlreadyOwnedByYou:
            return True
        except Exception:
            return False

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


class Repository:
    """Whose server archives and is backed up into it from now on."""

    def __init__(self, home, postgres):
        os.mkdir(home, 0o755)
        self.postgres, self.minio = postgres, Minio(home)
        self.conf = f"{home}/pgbackrest.conf"
        with open(self.conf, "w", encoding="utf-8") as conf:
            conf.write(f"[global]\nrepo1-type=s3\nrepo1-path=/repo\nrepo1-s3-bucket={BUCKET}\nrepo1-s3-endpoint=127.0.0.1\n"
                       f"repo1-s3-region=us-east-1\nrepo1-s3-uri-style=path\nrepo1-s3-key={USER}\nrepo1-s3-key-secret={PASSWORD}\n"
                       f"repo1-storage-host=127.0.0.1\nrepo1-storage-port={self.minio.port}\nrepo1-storage-ca-file={self.minio.ca}\n"
                       f"repo1-retention-full=2\nlock-path={postgres.home}/lock\nlog-level-file=off\nstart-fast=y\n"
                       f"[{STANZA}]\npg1-path={postgres.home}/a\npg1-port={postgres.port}\npg1-socket-path={postgres.home}\n")
        os.chmod(self.conf, 0o640)
        shutil.chown(self.conf, "root", "postgres")
        self.command = f"pgbackrest --config={self.conf} --stanza={STANZA}"
        self.run("stanza-create")
        postgres.sql(f"ALTER SYSTEM SET archive_command = '{self.command} archive-push %p'")
        postgres.sql("SELECT pg_reload_conf()")

    def run(self, *words):
        done = subprocess.run(["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *self.command.split(), *words],
                              capture_output=True, text=True, timeout=60, check=False, cwd=self.postgres.home)
        if done.returncode != 0:
            raise OSError(f"pgbackrest {' '.join(words)}: {done.stdout}{done.stderr}")

    def archived(self):
        segment = self.postgres.sql("SELECT pg_walfile_name(pg_switch_wal())")
        wait_for("the WAL is archived",
                 lambda: self.postgres.sql("SELECT last_archived_wal FROM pg_stat_archiver") >= segment, 30)
