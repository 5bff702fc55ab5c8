"""Who subscribes to dr_failover_initiated: a receiver in the third region that keeps idempotency keys, and one that hangs."""

import http.server
import json
import threading
import time

from .world import expect

PORT = 8095
STEPS = f"""
        {{ name = "announce"; action = "http_call"; agent = "watch-eye"; timeout = 6000; retries = 4; may_fail = true; mandated = true;
          args: {{ url = "http://127.0.0.1:{PORT}/events"; once = "execution"; header1 = "Content-Type: application/json";
          body = "{{\\"event\\":\\"dr_failover_initiated\\",\\"kind\\":\\"{{kind}}\\",\\"from\\":\\"{{from}}\\",\\"to\\":\\"{{to}}\\"}}"; }}; }},
        {{ name = "announce-hung"; action = "http_call"; agent = "watch-eye"; timeout = 4000; retries = 1; may_fail = true;
          mandated = true; args: {{ url = "http://127.0.0.1:{PORT}/hangs"; once = "execution"; body = "{{plan}}"; }}; }},"""


class Subscribers:
    """The first call of the event is read, and the agent that made it killed before it has an answer."""

    def __init__(self, world):
        self.world, self.calls, self.events = world, [], {}
        self.read, self.over = threading.Event(), threading.Event()
        subscribers = self

        class Server(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                subscribers.take(self, self.path, self.headers.get("Idempotency-Key"), body)

            def log_message(self, *_):
                pass

        with world.lab.inside("watch-ns1"):
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Server)
        self.server.daemon_threads = True
        for target in (self.server.serve_forever, self.kill):
            threading.Thread(target=target, daemon=True).start()

    def take(self, answering, path, key, body):
        self.calls.append((path, key))
        if path == "/hangs":
            self.over.wait(120)
            return
        first = key not in self.events
        self.events.setdefault(key, json.loads(body))
        if first:
            self.read.set()
            self.over.wait(120)
            return
        answering.send_response(201)
        answering.end_headers()

    def kill(self):
        self.read.wait(300)
        self.world.fleet.process("watch-eye/agent").kill()
        time.sleep(0.5)
        self.world.fleet.start_agent("watch-eye")

    def told(self):
        """It was told once, however often it was tried; whoever hangs is given up, and held up nothing."""
        world = self.world

        def steps():
            one = world.fleet.ask("executions")["executions"][0]
            return one, {step["name"]: step for step in one["steps"]}

        def ended():
            one, by_name = steps()
            return by_name["announce"]["state"] == "done" and by_name["announce-hung"]["state"] == "failed" and one["stage"] == "done"
        world.fleet.wait(ended, 40, "the event is announced, and who hangs is given up")
        self.over.set()
        self.server.shutdown()
        calls = [key for path, key in self.calls if path == "/events"]
        print(f"    the event: {len(calls)} calls, keys {sorted(set(calls))}")
        expect(len(calls) >= 2 and list(self.events) == ["drover-2-1"], f"calls {calls}, events {self.events}")
        expect(self.events["drover-2-1"] == {"event": "dr_failover_initiated", "kind": "failover", "from": "east", "to": "west"}, self.events)
