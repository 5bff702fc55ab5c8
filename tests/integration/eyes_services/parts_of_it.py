"""Vault, Keycloak, Prometheus and ClickHouse with its keeper, each the real server on loopback."""
import json
import os
import shutil
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "probes"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import parts
import servers
from servers import free_port, wait_for


def call(url, method="GET", body=None, headers=None):
    """(status, body) of any status."""
    request = urllib.request.Request(url, method=method, headers=headers or {},
                                     data=body.encode() if body is not None else None)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Vault:
    """Two in one group: the first becomes the active one."""

    def __init__(self, lab):
        self.ports = [free_port(), free_port()]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self.process = lab.start("vault", [parts.need("vault"), ",".join(f"127.0.0.1:{p}" for p in self.ports)])
        wait_for("Vault listens", lambda: call(self.urls[1] + "/v1/sys/health")[0] == 501)

    def initialise(self):
        answer = json.loads(call(self.urls[0] + "/v1/sys/init", "PUT", '{"secret_shares":1,"secret_threshold":1}')[1])
        self.key, self.token = answer["keys"][0], answer["root_token"]

    def unseal(self, index):
        call(self.urls[index] + "/v1/sys/unseal", "PUT", json.dumps({"key": self.key}))

    def ask(self, path, method, body):
        return call(self.urls[0] + path, method, body, {"X-Vault-Token": self.token})

    def keep_a_secret(self):
        self.ask("/v1/sys/mounts/secret", "POST", '{"type":"kv","options":{"version":"2"}}')
        wait_for("the engine takes a secret", lambda: self.ask(
            "/v1/secret/data/bud", "POST", '{"data":{"password":"not-for-the-log"}}')[0] == 200)

    def seal(self):
        self.ask("/v1/sys/seal", "PUT", "{}")


class TlsFront:
    """HAProxy that speaks only one version of TLS, before any HTTP server."""

    def __init__(self, lab, name, port, version):
        self.port = free_port()
        servers.certificate(lab, name, 90)
        self.ca = lab.path(name + ".crt")
        lab.write(name + ".cfg", "defaults\n mode http\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n"
                  f"frontend f\n bind 127.0.0.1:{self.port} ssl crt {lab.path(name + '.pem')} "
                  f"ssl-min-ver {version} ssl-max-ver {version}\n default_backend b\n"
                  f"backend b\n server s 127.0.0.1:{port}\n")
        self.process = lab.start(name, ["haproxy", "-db", "-f", lab.path(name + ".cfg")])
        wait_for("HAProxy listens", lambda: servers.accepts(self.port))
        self.url = f"https://127.0.0.1:{self.port}"


class Keycloak:
    def __init__(self, lab):
        home = lab.path("keycloak")
        shutil.copytree(parts.need("keycloak"), home, symlinks=True)
        os.makedirs(home + "/data/import")
        with open(home + "/data/import/bud-realm.json", "w", encoding="utf-8") as file:
            json.dump({"realm": "bud", "enabled": True, "sslRequired": "none", "clients": [{
                "clientId": "drover", "secret": servers.PASSWORD, "enabled": True, "publicClient": False,
                "serviceAccountsEnabled": True, "standardFlowEnabled": False}]}, file)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/realms/bud"
        self.process = lab.start("keycloak", [
            home + "/bin/kc.sh", "start-dev", "--import-realm", "--http-host=127.0.0.1", f"--http-port={self.port}",
            "--cache=local", "--features-disabled=kerberos"],
            environment={**lab.environment, "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1 -Xmx512m", "JAVA_HOME": ""})

    def ready(self):
        wait_for("Keycloak answers", lambda: call(self.url)[0] == 200, 150)


class Prometheus:
    def __init__(self, lab, name, config):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        lab.write(name + ".yml", config)
        self.process = lab.start(name, [
            "prometheus", f"--config.file={lab.path(name + '.yml')}", f"--storage.tsdb.path={lab.path(name + '.data')}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-lifecycle"])
        wait_for("Prometheus is ready", lambda: call(self.url + "/-/ready")[0] == 200)


class Keeper:
    """ZooKeeper, for ClickHouse's replicas."""

    def __init__(self, lab):
        self.port = free_port()
        lab.write("zoo.cfg", f"tickTime=500\ndataDir={lab.directory_for('zoo')}\nclientPort={self.port}\n"
                  "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n")
        self.process = lab.start("zookeeper", [
            "java", "-Xmx128m", "-cp", "/etc/zookeeper/conf:/usr/share/java/*",
            "org.apache.zookeeper.server.quorum.QuorumPeerMain", lab.path("zoo.cfg")])
        wait_for("ZooKeeper listens", lambda: servers.accepts(self.port), 60)


CLICKHOUSE = """<yandex>
<logger><level>warning</level><console>1</console></logger>
<http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>{inter}
<interserver_http_host>127.0.0.1</interserver_http_host><listen_host>127.0.0.1</listen_host>
<path>{path}/</path><tmp_path>{path}/tmp/</tmp_path><users_config>{users}</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>5368709</mark_cache_size><timezone>UTC</timezone>
<zookeeper><node><host>127.0.0.1</host><port>{keeper}</port></node>
<session_timeout_ms>3000</session_timeout_ms></zookeeper>
<macros><replica>{name}</replica></macros>
</yandex>
"""
USERS = """<yandex><profiles><default><log_queries>0</log_queries></default></profiles>
<users><drover><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></drover></users><quotas><default/></quotas></yandex>
"""


INTER_TLS = """<interserver_https_port>{port}</interserver_https_port>
<interserver_https_host>127.0.0.1</interserver_https_host><openSSL>
<server><certificateFile>{cert}</certificateFile><privateKeyFile>{key}</privateKeyFile><verificationMode>none</verificationMode>
<disableProtocols>{refused}</disableProtocols></server>
<client><verificationMode>none</verificationMode>
<invalidCertificateHandler><name>AcceptCertificateHandler</name></invalidCertificateHandler></client></openSSL>"""


class ClickHouse:
    def __init__(self, lab, name, keeper):
        self.lab, self.name, self.keeper = lab, name, keeper
        self.port, self.tcp_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.path = lab.directory_for(name)
        self.users = lab.write(name + "-users.xml", USERS.format(password=servers.PASSWORD), mode=0o600)
        self.configure(f"<interserver_http_port>{free_port()}</interserver_http_port>")
        self.start()
        wait_for("ClickHouse reaches its keeper", self.keeper_answers, 60)

    def configure(self, inter):
        """inter: by which port the other replicas fetch from this one."""
        self.lab.write(self.name + ".xml", CLICKHOUSE.format(
            http=self.port, tcp=self.tcp_port, inter=inter, path=self.path, users=self.users, keeper=self.keeper.port,
            name=self.name), mode=0o600)

    def restart_with_tls(self, certificate, refused="sslv2,sslv3,tlsv1,tlsv1_1"):
        self.lab.stop(self.process)
        self.configure(INTER_TLS.format(port=free_port(), cert=self.lab.path(certificate + ".crt"),
                                        key=self.lab.path(certificate + ".key"), refused=refused))
        self.start()

    def keeper_answers(self):
        """A table that is made before that fails, and leaves half of itself behind."""
        try:
            return bool(self.query("SELECT count() FROM system.zookeeper WHERE path = '/'"))
        except RuntimeError:
            return False

    def start(self):
        self.process = self.lab.start(self.name, ["clickhouse-server", f"--config-file={self.lab.path(self.name + '.xml')}"])
        wait_for("ClickHouse answers", lambda: call(self.url + "/ping")[0] == 200)

    def query(self, text):
        status, body = call(self.url + "/", "POST", text,
                            {"X-ClickHouse-User": "drover", "X-ClickHouse-Key": servers.PASSWORD})
        if status != 200:
            raise RuntimeError(f"{text}: {body}")
        return body
