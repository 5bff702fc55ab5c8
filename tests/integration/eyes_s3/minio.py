"""Two MinIO deployments with one bucket replicated between them, and the few S3 calls the tests make."""
import base64
import datetime
import hashlib
import hmac
import http.client
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "probes"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import parts
import servers
from servers import free_port, wait_for

USER = "drover"


def signed(port, method, path, query="", body=b"", headers=None, host="127.0.0.1"):
    """(status, body): one request with AWS Signature Version 4, written apart from drover's."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    digest = hashlib.sha256(body).hexdigest()
    sent = {**(headers or {}), "host": f"{host}:{port}", "x-amz-date": now, "x-amz-content-sha256": digest}
    names = sorted(sent)
    canonical = "\n".join([method, urllib.parse.quote(path), query, *(f"{n}:{sent[n]}" for n in names), "",
                           ";".join(names), digest])
    key = ("AWS4" + servers.PASSWORD).encode()
    for part in (now[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    sent["authorization"] = (f"AWS4-HMAC-SHA256 Credential={USER}/{scope}, SignedHeaders={';'.join(names)}, "
                             f"Signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}")
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, urllib.parse.quote(path) + ("?" + query if query else ""), body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


class Minio:
    def __init__(self, lab, name):
        self.lab, self.name, self.program = lab, name, parts.need("minio")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = lab.directory_for(name)
        self.environment = {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": servers.PASSWORD, "MINIO_BROWSER": "off",
                            "MINIO_CI_CD": "1", "HOME": self.folder}
        self.start()

    def start(self):
        self.process = self.lab.start(self.name, [self.program, "server", self.folder, "--address",
                                                  f"127.0.0.1:{self.port}"], environment=self.environment)

    def ready(self):
        wait_for("MinIO is ready", lambda: signed(self.port, "GET", "/")[0] == 200, 60)

    def stop(self):
        self.lab.stop(self.process)

    def call(self, method, path, query="", body=b"", headers=None, wanted=(200, 204)):
        status, answer = signed(self.port, method, path, query, body, headers)
        if status not in wanted:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def bucket(self, name, versioned=True):
        self.call("PUT", f"/{name}/")
        if versioned:
            self.call("PUT", f"/{name}/", "versioning=", b"<VersioningConfiguration><Status>Enabled</Status>"
                      b"</VersioningConfiguration>")

    def locked_bucket(self, name):
        """No version of it can be deleted for a day, whoever asks."""
        self.call("PUT", f"/{name}/", headers={"x-amz-bucket-object-lock-enabled": "true"})
        rule = (b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
                b"<Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
        digest = base64.b64encode(hashlib.md5(rule).digest()).decode()
        self.call("PUT", f"/{name}/", "object-lock=", rule, {"content-md5": digest})

    def put(self, bucket, key, body=b"x", **headers):
        self.call("PUT", f"/{bucket}/{key}", "", body, {n.replace("_", "-"): v for n, v in headers.items()})

    def delete(self, bucket, key):
        self.call("DELETE", f"/{bucket}/{key}")

    def has(self, bucket, key):
        return signed(self.port, "HEAD", f"/{bucket}/{key}")[0] == 200

    def replicate(self, bucket, peer):
        self.lab.run([self.program, "replicate", f"127.0.0.1:{self.port}", bucket, f"127.0.0.1:{peer.port}", bucket],
                     environment=self.environment)
