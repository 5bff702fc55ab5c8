"""kubernetes_scale against the real API server, its controllers and a real kubelet over a fake runtime. Of Cluster API the
resource is there as its published shape has it, scale and status subresources included; its controller is played here."""
import json
import re
import subprocess
import threading
import time

from cluster import Cluster, leave_nothing
from see import Tests
from servers import Paused, wait_for

SCALER = [{"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["get", "patch"]},
          {"apiGroups": ["apps"], "resources": ["deployments/scale", "statefulsets/scale"], "verbs": ["patch"]},
          {"apiGroups": ["cluster.x-k8s.io"], "resources": ["machinedeployments"], "verbs": ["get", "patch"]},
          {"apiGroups": ["cluster.x-k8s.io"], "resources": ["machinedeployments/scale"], "verbs": ["patch"]}]
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
POOLS = "/apis/cluster.x-k8s.io/v1beta1/namespaces/default/machinedeployments"


class CutOff:
    """An API server's address whose packets are dropped, and counted."""
    TABLE, ADDRESS = "drover_kubernetes_test", "127.97.3.1"
    url = f"https://{ADDRESS}:6443"

    def nft(self, *words):
        return subprocess.run(["nft", *words], check=True, capture_output=True, text=True).stdout

    def __enter__(self):
        self.nft(f"table inet {self.TABLE} {{ chain out {{ type filter hook output priority 0; "
                 f"ip daddr {self.ADDRESS} counter drop; }}; }}")
        return self

    def packets(self):
        return int(re.search(r"counter packets (\d+)", self.nft("list", "table", "inet", self.TABLE)).group(1))

    def __exit__(self, *error):
        self.nft("delete", "table", "inet", self.TABLE)


class Kubernetes:
    def __init__(self, runner, checks, lab, probe_run):
        self.probe = Tests(probe_run, lab)
        self.state = lab.directory_for("agent-state")
        self.runner, self.checks, self.lab = runner, checks, lab
        self.failure = None
        self.beginning = threading.Thread(target=self.begin)
        self.beginning.start()

    def begin(self):
        try:
            cluster = self.cluster = Cluster(self.lab)
            cluster.controllers()
            cluster.hollow("pool-1", "nvidia.com/gpu=8")
            cluster.make(f"{RBAC}/roles", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                                           "metadata": {"name": "drover-scaler"}, "rules": SCALER})
            cluster.make(f"{RBAC}/rolebindings", {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "drover-scaler"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "drover-scaler"},
                "subjects": [{"kind": "User", "name": "drover", "apiGroup": "rbac.authorization.k8s.io"}]})
            self.pools()
        except Exception as error:  # told where the section begins
            self.failure = error

    def pools(self):
        self.cluster.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "machinedeployments.cluster.x-k8s.io", "annotations": {
                "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/cluster-api"}},
            "spec": {"group": "cluster.x-k8s.io", "scope": "Namespaced", "names": {
                "kind": "MachineDeployment", "plural": "machinedeployments", "singular": "machinedeployment",
                "listKind": "MachineDeploymentList"},
                "versions": [{"name": "v1beta1", "served": True, "storage": True, "subresources": {
                    "status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {
                            "replicas": {"type": "integer", "format": "int32"}}},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {
                            "replicas": {"type": "integer"}, "readyReplicas": {"type": "integer"},
                            "observedGeneration": {"type": "integer"}}}}}}}]}})

    def arguments(self, workload, more=None):
        return {"url": self.cluster.url, "ca": self.cluster.ca, "token_ref": "scaler", "namespace": "default",
                "workload": workload, **(more or {})}

    def run(self, workload, more=None, **options):
        return self.runner.run("kubernetes_scale", self.arguments(workload, more), **options)

    def typed(self, workload, more, replicas):
        """The printed words scale it, and the look is typed until as many are ready."""
        arguments = self.arguments(workload, more)
        said = self.runner.typed("kubernetes_scale", arguments)
        good = f"[{replicas},{replicas}]"
        if said[2] == 0 and said[1] != good:
            wait_for(f"{workload} is scaled by hand", lambda: self.runner.looked("kubernetes_scale", arguments) == good, 60)
            return good
        return said[1] or said[0]

    def replicas(self, path):
        return json.loads(self.cluster.ask(path)[1])["spec"]["replicas"]

    def node_ready(self):
        conditions = json.loads(self.cluster.ask("/api/v1/nodes/pool-1")[1]).get("status", {}).get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def all(self):
        self.beginning.join()
        if self.failure:
            raise self.failure
        self.runner.secret("scaler", self.cluster.reader)
        wait_for("a node is ready", self.node_ready, 90)
        self.deployments()
        self.added()
        self.partly()
        self.stateful()
        self.levels()
        self.node_pools()
        self.refused()

    def deployments(self):
        c, path = self.checks, "/apis/apps/v1/namespaces/default/deployments/api"
        self.cluster.deployment("default", "api", 1, ["registry.test/api:1"])
        self.path = path
        c.result("looking only, nothing is scaled", self.run("deployment/api", {"replicas": "3"}, lines=["observe_only"]), "FAILED",
                 detail="3 wished for")
        c.that("and nothing was", self.replicas(path) == 1)
        c.result("a deployment is scaled, and waited for", self.run("deployment/api", {"replicas": "3"}, timeout_ms=90000),
                 observed=False, detail="3/3 replicas ready")
        c.result("again it is observed", self.run("deployment/api", {"replicas": "3"}), observed=True)
        c.result("more than is wished for is left alone", self.run("deployment/api", {"replicas": "2"}), observed=True,
                 detail="3/3 replicas ready, 2 wished for")
        c.result("unless it is told to", self.run("deployment/api", {"replicas": "2", "down": "yes"}, timeout_ms=60000),
                 observed=False, detail="2/2 replicas ready")
        said = self.typed("deployment/api", {"replicas": "3"}, 3)
        c.that("the printed command, typed, scales it to three", said == "[3,3]", said)
        c.result("three are found by the action", self.run("deployment/api", {"replicas": "3"}), observed=True)
        c.result("and back to two", self.run("deployment/api", {"replicas": "2", "down": "yes"}, timeout_ms=60000))

    def added(self):
        """A number to add is added once an epoch, however often that is begun."""
        c, path = self.checks, self.path
        c.result("two are added", self.run("deployment/api", {"add": "2"}, epoch=5, timeout_ms=60000), observed=False)
        c.that("to two", self.replicas(path) == 4)
        c.result("and in the same epoch not once more", self.run("deployment/api", {"add": "2"}, epoch=5), observed=True,
                 detail="4 wished for")
        c.result("an older epoch adds nothing", self.run("deployment/api", {"add": "2"}, epoch=4), "STALE", detail="newer than 4")
        for _ in range(12):
            arguments = {"url": self.cluster.url, "ca": self.cluster.ca, "token_ref": "scaler", "namespace": "default",
                         "workload": "deployment/api", "add": "3"}
            self.runner.kill("kubernetes_scale", arguments, 0.06, epoch=7)
        stop = threading.Event()
        meddler = threading.Thread(target=self.meddle, args=(stop,))
        meddler.start()
        r = self.run("deployment/api", {"add": "3"}, epoch=7, timeout_ms=60000)
        stop.set()
        meddler.join()
        c.result("begun and killed twelve times, and ended while somebody changes the object", r)
        c.that("what is to be added is added once", self.replicas(path) == 7, self.replicas(path))
        c.result("back to what it was before", self.run("deployment/api", {"baseline": "yes", "down": "yes"}, epoch=8, timeout_ms=60000),
                 observed=False, detail="4/4 replicas ready")
        c.result("which is observed too", self.run("deployment/api", {"baseline": "yes", "down": "yes"}, epoch=8), observed=True)
        said = self.typed("deployment/api", {"add": "1"}, 5)
        c.that("the printed command that adds one, typed, adds one", said == "[5,5]", said)
        said = self.typed("deployment/api", {"baseline": "yes"}, 4)
        c.that("the printed command that goes back, typed, goes back", said == "[4,4]", said)
        c.result("which the action finds", self.run("deployment/api", {"baseline": "yes", "down": "yes"}, epoch=8), observed=True)

    def meddle(self, stop):
        n = 0
        while not stop.is_set():
            n += 1
            self.cluster.ask(self.path, "PATCH", {"metadata": {"annotations": {"meddler": str(n)}}}, "application/merge-patch+json")
            time.sleep(0.05)

    def partly(self):
        c = self.checks
        self.cluster.deployment("default", "trainer", 0, ["registry.test/trainer:1"], {"nvidia.com/gpu": "4"})
        c.result("eight GPUs carry half of it, which is accepted", self.run(
            "deployment/trainer", {"replicas": "4", "min_percent": "50"}, timeout_ms=60000), detail="2/4 replicas ready")
        c.result("or not", self.run("deployment/trainer", {"replicas": "4", "min_percent": "75"}, timeout_ms=1500), "TIMEOUT",
                 detail="2 of 4 replicas ready, at least 3")

    def stateful(self):
        self.cluster.make("/apis/apps/v1/namespaces/default/statefulsets", {
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "queue"}, "spec": {
                "replicas": 0, "serviceName": "queue", "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": {"app": "queue"}},
                "template": {"metadata": {"labels": {"app": "queue"}}, "spec": {
                    "automountServiceAccountToken": False, "containers": [{"name": "c", "image": "registry.test/queue:1"}]}}}})
        self.checks.result("a stateful set", self.run("statefulset/queue", {"replicas": "2"}, timeout_ms=60000), observed=False,
                           detail="2/2")

    def levels(self):
        """What the check kept while the other region served is what this one gets when that is dark."""
        c, kept = self.checks, [f"state_directory {self.state}"]
        self.runner.secret("scaler", self.cluster.reader)
        check = {"url": self.cluster.url, "ca": self.cluster.ca, "token_ref": "scaler", "what": "levels", "namespace": "default",
                 "record": "production"}
        extra = f"secret scaler {self.runner.secrets['scaler'][0]}\nstate_directory {self.state}"
        c.result("levels that no check has kept", self.run("statefulset/queue", {"levels": "production"}, lines=kept, epoch=9),
                 "PRECONDITION", detail="no levels")
        reading = self.probe.probe("kubernetes", check, 8000, extra, active=False)
        c.that("the check keeps them", reading.get("good") and "kept" in reading["detail"], reading)
        queue = "/apis/apps/v1/namespaces/default/statefulsets/queue"
        self.cluster.patch(f"{queue}/scale", {"spec": {"replicas": 0}})
        wait_for("its pods are gone", lambda: json.loads(self.cluster.ask(queue)[1])["status"].get("replicas") == 0, 90)
        reading = self.probe.probe("kubernetes", check, 8000, extra, active=True)
        c.that("but not of a region that does not serve", reading.get("good") and "not kept" in reading["detail"], reading)
        with CutOff() as other:
            gone = self.probe.probe("kubernetes", {**check, "url": other.url}, 1000, extra, active=False)
            c.that("the other region's API server is out of reach", gone.get("err") == "TIMEOUT" and other.packets() > 0, gone)
            asked_n = other.packets()
            c.result("as many as production had, while that is out of reach", self.run(
                "statefulset/queue", {"levels": "production"}, lines=kept, epoch=9, timeout_ms=60000), observed=False,
                detail="2 wished for by levels of")
            c.that("and nothing has asked the other one", other.packets() == asked_n, other.packets() - asked_n)
        c.result("again it is observed, with the age", self.run("statefulset/queue", {"levels": "production"}, lines=kept, epoch=9),
                 observed=True, detail="s ago")
        c.result("a workload that was not there", self.run("deployment/new", {"levels": "production"}, lines=kept, epoch=9),
                 "NOT_FOUND", detail="not among the")

    def node_pools(self):
        c = self.checks
        wait_for("node pools are served", lambda: self.cluster.ask(POOLS)[0] == 200, 30)
        self.cluster.make(POOLS, {"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "MachineDeployment",
                                  "metadata": {"name": "gpu"}, "spec": {"clusterName": "east", "replicas": 4}})
        c.result("a node pool that nobody fills", self.run("machinedeployment/gpu", {"add": "4"}, epoch=3, timeout_ms=1000), "TIMEOUT",
                 detail="0 of 8")
        filler = threading.Timer(0.5, self.fill)
        filler.start()
        c.result("a node pool, ready when its machines are", self.run("machinedeployment/gpu", {"add": "4"}, epoch=3),
                 observed=False, detail="8/8 replicas ready")
        filler.join()
        c.that("eight, not twelve", self.replicas(f"{POOLS}/gpu") == 8)

    def fill(self):
        self.cluster.patch(f"{POOLS}/gpu/status", {"status": {"replicas": 8, "readyReplicas": 8, "observedGeneration": 99}})

    def refused(self):
        c = self.checks
        self.cluster.deployment("kube-public", "api", 1, ["registry.test/api:1"])
        c.result("a namespace that is not ours", self.run("deployment/api", {"add": "9", "namespace": "kube-public"}), "AUTH",
                 detail="forbidden")
        c.result("a deployment that is not there", self.run("deployment/none", {"replicas": "9"}), "NOT_FOUND", detail="HTTP 404")
        c.result("a wrong token", self.run("deployment/api", {"replicas": "9", "token_ref": "wrong"}), "AUTH", detail="HTTP 401")
        self.runner.exchanged(c, "kubernetes_scale", "scaler", lambda: self.run("deployment/api", {"replicas": "4"}, epoch=9))
        c.result("an unknown certificate", self.run("deployment/api", {"replicas": "9", "ca": None}), "AUTH")
        c.result("nothing to go back to", self.run("deployment/trainer", {"baseline": "yes"}), "PRECONDITION", detail="baseline")
        c.result("a name for the server", self.run("deployment/api", {"replicas": "9", "url": "https://kube.test:6443"}), "CONFIG",
                 detail="nothing is looked up")
        self.policy()
        with Paused(self.cluster.server):
            c.result("an API server that hangs", self.run("deployment/api", {"replicas": "9"}, timeout_ms=1000), "TIMEOUT")
        c.that("after all that nothing has changed", self.replicas(self.path) == 4, self.replicas(self.path))

    def policy(self):
        """What the server's own policy refuses is known from the dry run."""
        base = "/apis/admissionregistration.k8s.io/v1"
        self.cluster.make(f"{base}/validatingadmissionpolicies", {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "at-most"},
            "spec": {"matchConstraints": {"resourceRules": [{
                "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments/scale"]}]},
                "validations": [{"expression": "object.spec.replicas <= 20", "message": "at most twenty"}]}})
        self.cluster.make(f"{base}/validatingadmissionpolicybindings", {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "at-most"},
            "spec": {"policyName": "at-most", "validationActions": ["Deny"]}})
        wait_for("the policy holds", lambda: self.cluster.ask(f"{self.path}/scale?dryRun=All", "PATCH", {"spec": {"replicas": 30}},
                                                              "application/merge-patch+json")[0] == 422, 30)
        self.checks.result("more than the server's policy allows", self.run("deployment/api", {"replicas": "30"}, epoch=9), "FAILED",
                           detail="at most twenty")

    def end(self):
        self.beginning.join()
        leave_nothing(self.lab, ("pool-1",))
