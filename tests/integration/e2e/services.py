"""What runs on a region's front beside the lab's own: real servers, and HTTP stand-ins of services. One that is scaled
down does not run; it is brought up by a file NAME.wanted, as a deployment is by its number of replicas.

A stand-in answers 200 only while all that it needs answers it; it says in its answer that it is a stand-in. Every start and every
first good answer gets a line in journal.jsonl, stamped by CLOCK_MONOTONIC_RAW; then NAME.good is there, as a pod is ready.
Run as: python3 -m e2e.services DIRECTORY     (with services.json in it, mode 0600)
"""

import http.server
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import psycopg2

NEED_S = 2.0
AGAIN_S = 0.5


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=NEED_S) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError, ValueError):
        return False


class Needs:
    """What a service asks before it says that it is well: the region's PostgreSQL and Redis through its HAProxy, and URLs."""

    def __init__(self, given, secrets):
        self.given, self.secrets = given, secrets

    def postgresql(self):
        try:
            link = psycopg2.connect(host="127.0.0.1", port=5000, dbname="bud", user="bud_app", passfile=self.secrets["pgpass"],
                                    connect_timeout=2, options="-c statement_timeout=2000")
        except psycopg2.Error:
            return False
        try:
            with link.cursor() as cursor:
                cursor.execute("SELECT pg_is_in_recovery()")
                return not cursor.fetchone()[0]
        except psycopg2.Error:
            return False
        finally:
            link.close()

    def redis(self):
        try:
            with socket.create_connection(("127.0.0.1", 6380), NEED_S) as door:
                door.settimeout(NEED_S)
                door.sendall(f"AUTH {self.secrets['redis']}\r\nPING\r\nQUIT\r\n".encode())
                said = b""
                while part := door.recv(256):
                    said += part
                return b"+PONG" in said
        except OSError:
            return False

    def missing(self):
        """The first that does not answer, or None."""
        for need in self.given:
            if not (getattr(self, need)() if need in ("postgresql", "redis") else answers(need)):
                return need
        return None


class Page(http.server.BaseHTTPRequestHandler):
    timeout = 5

    def do_GET(self):
        missing = self.server.needs.missing()
        body = json.dumps({"stand-in of": self.server.name, "waits for": missing}).encode()
        self.send_response(503 if missing else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # the base class's name
        pass


class StandIn(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


class Services:
    def __init__(self, directory):
        self.directory = directory
        with open(f"{directory}/services.json", encoding="utf-8") as file:
            self.config = json.load(file)
        self.lock = threading.Lock()

    def path(self, name, state):
        return f"{self.directory}/{name}.{state}"

    def note(self, name, what):
        line = json.dumps({"name": name, "what": what, "at": time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)})
        with self.lock, open(f"{self.directory}/journal.jsonl", "a", encoding="utf-8") as journal:
            journal.write(line + "\n")

    def run(self, name):
        """One service for as long as this process lives."""
        service = self.config["services"][name]
        needs = Needs(service["needs"], self.config["secrets"])
        crashes = service.get("crashes", 0)
        while True:
            while not os.path.exists(self.path(name, "wanted")):
                time.sleep(AGAIN_S)
            self.note(name, "started")
            if crashes == 0:
                break
            crashes -= 1
            os.unlink(self.path(name, "wanted"))
            open(self.path(name, "crashed"), "w", encoding="utf-8").close()
        time.sleep(service.get("slow_s", 0))
        threading.Thread(target=self.await_good, args=(name, service["url"]), daemon=True).start()
        if "argv" in service:
            self.keep(name, service, needs)
            return
        server = StandIn((service["host"], service["port"]), Page)
        server.name, server.needs = name, needs
        server.serve_forever()

    def keep(self, name, service, needs):
        """A program: not before what it needs, and again when it ends."""
        while True:
            while needs.missing():
                time.sleep(AGAIN_S)
            with open(self.path(name, "log"), "ab") as log:
                subprocess.run(service["argv"], env=dict(os.environ, **service.get("env", {})), stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log, check=False)
            time.sleep(1)

    def await_good(self, name, url):
        while not answers(url):
            time.sleep(1)
        self.note(name, "good")
        open(self.path(name, "good"), "w", encoding="utf-8").close()


def main():
    services = Services(sys.argv[1])
    for name in services.config["services"]:
        threading.Thread(target=services.run, args=(name,), daemon=True).start()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
