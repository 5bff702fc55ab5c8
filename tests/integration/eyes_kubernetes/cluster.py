"""A Kubernetes cluster on loopback: the real API server over etcd, the real controllers and scheduler, hollow nodes
(the real kubelet over a fake runtime), and Debian's image registry."""
import hashlib
import json
import os
import re
import shutil
import ssl
import sys
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "probes"))
sys.path.insert(0, os.path.join(HERE, ".."))

import parts
from servers import free_port, wait_for

KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:PORT", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: TOKEN}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
READER = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "drover-reader"},
          "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]},
                    {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"], "verbs": ["get", "list"]},
                    {"apiGroups": ["velero.io"], "resources": ["backups", "restores", "backupstoragelocations"], "verbs": ["get", "list"]},
                    {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get", "patch"]},
                    {"nonResourceURLs": ["/readyz"], "verbs": ["get"]}]}


class Cluster:
    def __init__(self, lab, beside=None):
        """beside: another cluster, in whose etcd this one has a place of its own. Its people have the same tokens."""
        self.lab, self.port = lab, free_port()
        self.program = parts.need("kubernetes")
        self.url = f"https://127.0.0.1:{self.port}"
        self.prefix = "second-" if beside else ""
        if beside:
            self.admin, self.reader, self.etcd, self.etcd_port = beside.admin, beside.reader, beside.etcd, beside.etcd_port
        else:
            self.first()
        self.serve()

    def first(self):
        lab = self.lab
        self.admin, self.reader = os.urandom(12).hex(), os.urandom(12).hex()
        self.etcd_port, peer = free_port(), free_port()
        client = f"http://127.0.0.1:{self.etcd_port}"
        self.etcd = lab.start("k8s-etcd", [
            "etcd", "--data-dir", lab.path("k8s-etcd.data"), "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync"])
        lab.run(["openssl", "genrsa", "-out", lab.path("sa.key"), "2048"])
        lab.write("tokens.csv", f'{self.admin},admin,1,"system:masters"\n{self.reader},drover,2,""\n', mode=0o600)
        lab.write("reader-token", self.reader + "\n", mode=0o600)
        lab.write("kubeconfig", KUBECONFIG.replace("PORT", str(self.port)).replace("TOKEN", self.admin), mode=0o600)

    def serve(self):
        lab, certificates = self.lab, self.lab.path(f"{self.prefix}apiserver-certs")
        self.server = lab.start(f"{self.prefix}kube-apiserver", [
            self.program, "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self.etcd_port}", f"--etcd-prefix=/{self.prefix}registry",
            f"--secure-port={self.port}", "--bind-address=127.0.0.1", f"--cert-dir={certificates}",
            f"--service-account-key-file={lab.path('sa.key')}", f"--service-account-signing-key-file={lab.path('sa.key')}",
            "--service-account-issuer=https://kubernetes.test", "--service-cluster-ip-range=10.0.0.0/24",
            f"--token-auth-file={lab.path('tokens.csv')}", "--authorization-mode=RBAC", "--tls-min-version=VersionTLS12",
            "--disable-admission-plugins=ServiceAccount", "--anonymous-auth=false"])
        wait_for("the API server is ready", lambda: self.ask("/readyz")[0] == 200, 90)
        self.ca = os.path.join(certificates, "apiserver.crt")
        self.make("/apis/rbac.authorization.k8s.io/v1/clusterroles", READER)
        self.make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "drover"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "drover-reader"},
            "subjects": [{"kind": "User", "name": "drover", "apiGroup": "rbac.authorization.k8s.io"},
                         {"kind": "ServiceAccount", "name": "drover", "namespace": "default"}]})

    def node(self, name, allocatable):
        """A node that no kubelet stands behind: what one would tell of itself, as far as a reader sees it."""
        self.make("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        self.status(name, allocatable)

    def status(self, name, allocatable):
        self.patch(f"/api/v1/nodes/{name}/status", {"status": {
            "allocatable": allocatable, "capacity": allocatable, "conditions": [{"type": "Ready", "status": "True"}]}})

    def account(self):
        """A service account for drover, whose tokens each live as long as a secret that is theirs."""
        self.make("/api/v1/namespaces/default/serviceaccounts", {
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "drover"}})

    def token(self, name):
        self.make("/api/v1/namespaces/default/secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}})
        status, body = self.ask("/api/v1/namespaces/default/serviceaccounts/drover/token", "POST", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
                "audiences": [], "boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": name}}})
        if status != 201:
            raise RuntimeError(f"no token: {status} {body[:300]}")
        return json.loads(body)["status"]["token"]

    def forget(self, name):
        self.ask(f"/api/v1/namespaces/default/secrets/{name}", "DELETE")

    def ask(self, path, method="GET", value=None, content="application/json"):
        request = urllib.request.Request(self.url + path, method=method, headers={
            "Authorization": f"Bearer {self.admin}", "Content-Type": content},
            data=json.dumps(value).encode() if value is not None else None)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def make(self, path, value):
        status, body = self.ask(path, "POST", value)
        if status not in (200, 201):
            raise RuntimeError(f"POST {path}: {status} {body[:300]}")

    def patch(self, path, value):
        status, body = self.ask(path, "PATCH", value, "application/merge-patch+json")
        if status != 200:
            raise RuntimeError(f"PATCH {path}: {status} {body[:300]}")

    def controllers(self):
        common = [f"--kubeconfig={self.lab.path('kubeconfig')}", "--leader-elect=false", "--secure-port=0"]
        self.lab.start("kube-controllers", [
            self.program, "kube-controller-manager", *common,
            "--controllers=deployment-controller,replicaset-controller,statefulset-controller,node-lifecycle-controller",
            "--node-monitor-grace-period=12s", "--node-monitor-period=1s"])
        self.lab.start("kube-scheduler", [self.program, "kube-scheduler", f"--kubeconfig={self.lab.path('kubeconfig')}",
                                          "--leader-elect=false", "--secure-port=0"])

    def hollow(self, name, resources="", labels=""):
        return self.lab.start(name, [
            self.program, "kubemark", "--morph=kubelet", f"--name={name}", "--use-host-image-service=false",
            f"--kubelet-port={free_port()}", f"--kubelet-read-only-port={free_port()}", f"--kubeconfig={self.lab.path('kubeconfig')}",
            *([f"--extended-resources={resources}"] if resources else []), *([f"--node-labels={labels}"] if labels else [])])

    def deployment(self, namespace, name, replicas, images, requests=None, selector=None):
        self.make(f"/apis/apps/v1/namespaces/{namespace}/deployments", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
                "replicas": replicas, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {
                    "automountServiceAccountToken": False, "nodeSelector": selector or {},
                    "containers": [{"name": f"c{i}", "image": image, "resources": {
                        "requests": requests or {}, "limits": requests or {}}} for i, image in enumerate(images)]}}}})

    def scale(self, namespace, name, replicas):
        self.patch(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", {"spec": {"replicas": replicas}})

    def velero_crd(self):
        """Velero's own resources as far as a reader sees them; its controller is played by the test."""
        for kind, plural in (("Backup", "backups"), ("Restore", "restores"), ("BackupStorageLocation", "backupstoragelocations")):
            self.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.velero.io"}, "spec": {
                    "group": "velero.io", "scope": "Namespaced",
                    "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
                    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})
        self.make("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "velero"}})
        wait_for("the resources are served", lambda: all(self.ask(f"{self.VELERO}/{plural}")[0] == 200 for plural in (
            "backups", "restores", "backupstoragelocations")), 40)

    VELERO = "/apis/velero.io/v1/namespaces/velero"

    def velero(self, kind, name, phase, completed=None, labels=None, spec=None):
        status = {"phase": phase, **({"completionTimestamp": completed} if completed else {})}
        self.make(f"{self.VELERO}/{kind.lower()}s", {
            "apiVersion": "velero.io/v1", "kind": kind, "status": status, "spec": spec or {},
            "metadata": {"name": name, "labels": labels or {}}})

    def backup(self, name, phase, completed=None):
        self.velero("Backup", name, phase, completed, {"velero.io/schedule-name": "daily"}, {"storageLocation": "default"})

    def restore(self, name, phase, backup, completed=None):
        self.velero("Restore", name, phase, completed, spec={"backupName": backup})


def leave_nothing(lab, names):
    """A hollow node's kubelet makes its folder in /tmp, whatever it is told; its log says which. One that lives would make it anew."""
    for process in [process for process in lab.processes if process.name in names]:
        lab.stop(process)
    for name in names:
        for folder in re.findall(r"Using (/tmp/hollow-kubelet[.][0-9]+) as root", lab.log_head(name)):
            shutil.rmtree(folder, ignore_errors=True)


class Registry:
    """Debian's docker-registry: the distribution project's own server."""

    def __init__(self, lab):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        lab.write("registry.yml", "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n"
                  f"    rootdirectory: {lab.directory_for('registry')}\nhttp:\n  addr: 127.0.0.1:{self.port}\n")
        self.process = lab.start("registry", ["docker-registry", "serve", lab.path("registry.yml")])
        wait_for("the registry answers", lambda: self.call("GET", "/v2/")[0] == 200)

    def call(self, method, path, body=None, content="application/octet-stream"):
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, method=method, data=body, headers={"Content-Type": content})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    def push(self, name, tag):
        """An image of no layers."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        location = self.call("POST", f"/v2/{name}/blobs/uploads/")[1]["Location"]
        join = "&" if "?" in location else "?"
        assert self.call("PUT", f"{location}{join}digest={digest}", config)[0] == 201
        media = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": media, "layers": [], "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest}}).encode()
        assert self.call("PUT", f"/v2/{name}/manifests/{tag}", manifest, media)[0] == 201
