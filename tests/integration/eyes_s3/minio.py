"""Two MinIO deployments with one bucket replicated between them, one of two servers, and the few S3 calls the tests make."""
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "probes"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lab import net
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


def token(user, secret):
    """What `mc admin prometheus generate` prints: a JSON web token, signed with the user's secret."""
    def coded(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    claims = {"exp": int(time.time()) + 3600, "sub": user, "iss": "prometheus"}
    text = ".".join(coded(json.dumps(part).encode()) for part in ({"alg": "HS512", "typ": "JWT"}, claims))
    return f"{text}.{coded(hmac.new(secret.encode(), text.encode(), hashlib.sha512).digest())}"


class MinioCluster:
    """Two servers of two drives each, of one deployment. It does not take loopback addresses for those of its servers
    in a container: so they have one of their own, in a namespace of their own."""

    def __init__(self, lab):
        self.namespace, self.lab = f"drms{os.getpid()}", lab
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        for words in ("link set lo up", "addr add 10.89.0.1/32 dev lo"):
            subprocess.run(["ip", "-n", self.namespace, *words.split()], check=True)
        self.urls = [f"http://10.89.0.1:{port}" for port in (9001, 9002)]
        drives = [url + lab.directory_for(f"cluster{n}-{drive}") for n, url in enumerate(self.urls) for drive in (1, 2)]
        with self.inside():
            self.processes = [lab.start(f"cluster{n}", [parts.need("minio"), "server", *drives, "--address", url.split("/")[2]],
                                        environment={"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": servers.PASSWORD, "MINIO_BROWSER": "off",
                                                     "MINIO_CI_CD": "1", "HOME": lab.directory_for(f"cluster{n}-home")})
                              for n, url in enumerate(self.urls)]

    def inside(self):
        return net.inside(self.namespace)

    def health(self, url):
        try:
            with urllib.request.urlopen(url + "/minio/health/cluster", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def ready(self):
        wait_for("both servers of MinIO are ready", lambda: [self.health(url) for url in self.urls] == [200, 200], 90)

    def end(self):
        for process in self.processes:
            self.lab.stop(process)
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, capture_output=True)
