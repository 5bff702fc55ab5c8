"""The five applications of the example, in both regions: a stand-in that answers on one port for each, `/health` with its own
name and region, and is broken in one way after the other. Each check tells of its own service alone."""
import http.server
import os
import re
import threading
import time

NAMES = ("budadmin", "budapp", "budgateway", "budcluster", "budsim")
REGIONS = ("region1", "region2")
EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "deploy", "examples", "bud.conf")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        state, who = self.server.state, self.server.who
        if state == "hung":
            time.sleep(2)
            return
        status = 404 if self.path != "/health" else 503 if state == "sick" else 200
        body = f"{who} {'lacks its database' if state == 'sick' else 'serves'}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *ignored):
        pass


class StandIn:
    def __init__(self, name, region):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.state, self.server.who = "well", f"{name} of {region}"
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def declared():
    """{(name, region): path that the example asks}, for each of the five in both regions."""
    with open(EXAMPLE, encoding="utf-8") as file:
        urls = re.findall(r'url = "https://(\w+)\.(region[12])\.bud\.internal(/\w+)"', file.read())
    return {(name, region): path for name, region, path in urls if name in NAMES}


def test_applications(t):
    paths = declared()
    t.see("http the example asks five services in both regions", {"asked": sorted(paths)},
          asked=sorted((name, region) for name in NAMES for region in REGIONS))
    stand_ins = {key: StandIn(*key) for key in paths}

    def look():
        return {key: t.probe("http", {"url": f"http://127.0.0.1:{stand_in.port}{paths[key]}",
                                      "expect_body": " of ".join(key) + " serves"}) for key, stand_in in stand_ins.items()}

    def unwell(readings):
        return sorted(f"{' of '.join(key)}: {reading['err']} {reading.get('value')}" for key, reading in readings.items()
                      if not reading.get("good"))
    t.see("http five services serve in both regions", {"unwell": unwell(look())}, unwell=[])
    stand_ins["budapp", "region1"].server.state = "sick"
    stand_ins["budsim", "region2"].server.state = "hung"
    stand_ins["budgateway", "region1"].stop()
    told = unwell(look())
    t.see("http each tells of its own service alone", {"unwell": [line.rsplit(" ", 1)[0] for line in told]},
          unwell=["budapp of region1: OK", "budgateway of region1: REFUSED", "budsim of region2: TIMEOUT"])
    for stand_in in stand_ins.values():
        if stand_in.server.socket.fileno() >= 0:
            stand_in.stop()
