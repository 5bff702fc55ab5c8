"""Stand-ins for the APIs of Route 53 and Cloudflare, which nobody can run: faithful to what the providers publish of them as far as
drover asks, over TLS. What AWS signs is verified by botocore, AWS's own signer; that the stand-in speaks like the original is shown
by boto3, which reads and writes it (providers.py). Each keeps its zone in `records` and does one of `faults` a request."""
import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse
import xml.etree.ElementTree
from xml.sax.saxutils import escape

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Provider:
    """`faults`: (method, what) for the next request of that method: a callable that is run before it, or one of throttle, busy,
    garbage, hang, cut."""

    def __init__(self, certificate, key):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                provider.serve(self)

            do_POST = do_PATCH = do_GET

            def log_message(self, *_):
                pass

        self.faults, self.asked, self.lock = [], [], threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fault_of(self, method):
        with self.lock:
            for fault in self.faults:
                if fault[0] == method:
                    self.faults.remove(fault)
                    return fault[1]
        return None

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.asked.append((handler.command, handler.path))
        fault = self.fault_of(handler.command)
        if callable(fault):
            fault()
        if fault == "hang":
            time.sleep(20)
        if fault == "cut":
            handler.close_connection = True
            return
        if fault == "garbage":
            answer = 200, "{<not what was asked for>" * 3, {}
        elif fault in ("throttle", "busy"):
            answer = self.throttled(fault == "busy")
        else:
            with self.lock:
                answer = self.answer(handler, body)
        status, text, headers = answer
        data = text.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": self.kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Route53(Provider):
    """https://docs.aws.amazon.com/Route53/latest/APIReference: ListResourceRecordSets, ChangeResourceRecordSets, GetChange."""
    kind, zone, host = "text/xml", "Z0123456789ABCDEFGHIJ", "route53.amazonaws.com"
    xmlns = "https://route53.amazonaws.com/doc/2013-04-01/"

    def __init__(self, certificate, key, access, secret):
        self.access, self.secret, self.records = access, secret, {}
        self.changes, self.pending_n = {}, 0
        super().__init__(certificate, key)

    def error(self, status, code, message):
        return status, (f'<?xml version="1.0"?>\n<ErrorResponse xmlns="{self.xmlns}"><Error><Type>Sender</Type><Code>{code}</Code>'
                        f"<Message>{escape(message)}</Message></Error><RequestId>0</RequestId></ErrorResponse>"), {}

    def throttled(self, busy):
        return (self.error(503, "ServiceUnavailable", "try again") if busy else self.error(400, "Throttling", "Rate exceeded"))

    def signed(self, handler, body):
        """None, or what AWS would say."""
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request, *SignedHeaders=([^,]+), *"
                             r"Signature=([0-9a-f]{64})", handler.headers.get("Authorization", ""))
        if not found:
            return self.error(403, "MissingAuthenticationToken", "Missing Authentication Token")
        access, _, region, service, names, signature = found.groups()
        if access != self.access:
            return self.error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        stamp = handler.headers.get("X-Amz-Date", "")
        age_s = abs(time.time() - time.mktime(time.strptime(stamp + " UTC", "%Y%m%dT%H%M%SZ %Z")) + time.timezone)
        if (region, service) != ("us-east-1", "route53") or age_s > 300 or "host" not in names.split(";"):
            return self.error(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, and be recent.")
        request = AWSRequest(handler.command, f"https://{handler.headers['Host']}{handler.path}", data=body)
        for name in names.split(";"):
            request.headers[name] = handler.headers[name]
        request.context["timestamp"] = stamp
        signer = SigV4Auth(Credentials(access, self.secret), service, region)
        wanted = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return None if wanted == signature else self.error(
            403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")

    def answer(self, handler, body):
        refused = self.signed(handler, body)
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        change = re.fullmatch(r"/2013-04-01/change/(\w+)", url.path)
        records = re.fullmatch(r"/2013-04-01/hostedzone/(\w+)/rrset/?", url.path)
        if refused:
            return refused
        if change:
            return self.get_change(change.group(1))
        if not records or records.group(1) != self.zone:
            return self.error(404, "NoSuchHostedZone", "No hosted zone found with ID: " + (records.group(1) if records else "-"))
        return self.list(query) if handler.command == "GET" else self.change(body)

    @staticmethod
    def order(key):
        return (list(reversed(key[0].rstrip(".").split("."))), key[1], key[2])

    @staticmethod
    def set_xml(key, value):
        name, kind, identifier = key
        if "alias" in value:
            inner = (f"<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>{value['alias']}</DNSName>"
                     "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>")
        else:
            inner = f"<TTL>{value['ttl']}</TTL><ResourceRecords>" + "".join(
                f"<ResourceRecord><Value>{escape(v, {chr(34): '&quot;'})}</Value></ResourceRecord>" for v in value["values"]) + "</ResourceRecords>"
        policy = f"<SetIdentifier>{identifier}</SetIdentifier><Weight>1</Weight>" if identifier else ""
        return f"<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>{policy}{inner}</ResourceRecordSet>"

    def list(self, query):
        start = self.order((query.get("name", "."), query.get("type", ""), ""))
        most = int(query.get("maxitems", 300))
        keys = [key for key in sorted(self.records, key=self.order) if self.order(key) >= start]
        more = keys[most:]
        tail = f"<NextRecordName>{more[0][0]}</NextRecordName><NextRecordType>{more[0][1]}</NextRecordType>" if more else ""
        return 200, (f'<?xml version="1.0"?>\n<ListResourceRecordSetsResponse xmlns="{self.xmlns}"><ResourceRecordSets>'
                     + "".join(self.set_xml(key, self.records[key]) for key in keys[:most]) + "</ResourceRecordSets>"
                     f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{tail}<MaxItems>{most}</MaxItems>"
                     "</ListResourceRecordSetsResponse>"), {}

    def change(self, body):
        """All of a batch, or nothing of it."""
        after, space = dict(self.records), "{" + self.xmlns + "}"
        for one in xml.etree.ElementTree.fromstring(body).iter(space + "Change"):
            wanted = one.find(space + "ResourceRecordSet")
            name = wanted.findtext(space + "Name").lower()
            key = (name if name.endswith(".") else name + ".", wanted.findtext(space + "Type"), wanted.findtext(space + "SetIdentifier") or "")
            value = {"ttl": int(wanted.findtext(space + "TTL")), "values": [v.text for v in wanted.iter(space + "Value")]}
            action, what = one.findtext(space + "Action"), f"resource record set [name='{key[0]}', type='{key[1]}']"
            if action == "CREATE" and key in after:
                return self.error(400, "InvalidChangeBatch", f"[Tried to create {what} but it already exists]")
            if action == "DELETE" and key not in after:
                return self.error(400, "InvalidChangeBatch", f"[Tried to delete {what} but it was not found]")
            if action == "DELETE" and after[key] != value:
                return self.error(400, "InvalidChangeBatch", f"[Tried to delete {what} but the values provided do not match the current values]")
            if not key[0].endswith("bud.test."):
                return self.error(400, "InvalidChangeBatch", f"[RRSet with DNS name {key[0]} is not permitted in zone bud.test.]")
            after.pop(key, None)
            if action != "DELETE":
                after[key] = value
        self.records = after
        identifier = f"C{len(self.changes):020d}"
        self.changes[identifier] = self.pending_n
        return self.get_change(identifier, "ChangeResourceRecordSets")

    def get_change(self, identifier, what="GetChange"):
        if identifier not in self.changes:
            return self.error(404, "NoSuchChange", "Could not find resource with ID: " + identifier)
        left = self.changes[identifier]
        self.changes[identifier] = max(0, left - 1)
        return 200, (f'<?xml version="1.0"?>\n<{what}Response xmlns="{self.xmlns}"><ChangeInfo><Id>/change/{identifier}</Id>'
                     f"<Status>{'PENDING' if left else 'INSYNC'}</Status><SubmittedAt>2026-01-01T00:00:00.000Z</SubmittedAt></ChangeInfo>"
                     f"</{what}Response>"), {}


class Cloudflare(Provider):
    """https://developers.cloudflare.com/api: zones, dns_records with pages and batch, tokens/verify, PATCH of one record."""
    kind, zone, host = "application/json", "023e105f4ecef8ad9ca31a8372d0c353", "api.cloudflare.com"

    def __init__(self, certificate, key, token):
        self.token, self.records, self.made_n, self.retry_after = token, [], 0, 1
        super().__init__(certificate, key)

    def make(self, **record):
        self.made_n += 1
        self.records.append({"id": f"{self.made_n:032x}", "proxied": False, "comment": None, "tags": [], **record})

    @staticmethod
    def reply(status, result, errors=(), **more):
        return status, json.dumps({"success": not errors, "errors": [{"code": c, "message": m} for c, m in errors], "messages": [],
                                   "result": result, **more}), {}

    def throttled(self, busy):
        status, text, _ = self.reply(503 if busy else 429, None, [(10013 if busy else 971, "Please wait and consider throttling your request speed")])
        return status, text, {} if busy else {"Retry-After": str(self.retry_after)}

    def answer(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        path = url.path.removeprefix("/client/v4")
        if handler.headers.get("Authorization") != f"Bearer {self.token}":
            return self.reply(403, None, [(10000, "Authentication error")])
        if path == "/user/tokens/verify":
            return self.reply(200, {"id": "f" * 32, "status": "active"})
        if path == "/zones":
            return self.pages([{"id": self.zone, "name": "bud.test"}] if query.get("name") == "bud.test" else [], query)
        if not path.startswith(f"/zones/{self.zone}/"):
            return self.reply(404, None, [(7003, f"Could not route to {path}, perhaps your object identifier is invalid?")])
        if handler.command == "GET":
            return self.pages([r for r in self.records if r["name"] == query.get("name", r["name"]) and r["type"] == query.get("type", r["type"])],
                              query)
        record = re.fullmatch(r"/dns_records/(\w+)", path.removeprefix(f"/zones/{self.zone}"))
        if handler.command == "PATCH":
            return self.patch(record.group(1), json.loads(body)) if record else self.reply(405, None, [(10000, "Method not allowed")])
        return self.batch(json.loads(body))

    def patch(self, identifier, wanted):
        """One record: what is given of it."""
        done = self.batch({"patches": [{"id": identifier, **wanted}]})
        return done if done[0] != 200 else self.reply(200, next(r for r in self.records if r["id"] == identifier))

    def pages(self, rows, query):
        page, most = int(query.get("page", 1)), int(query.get("per_page", 100))
        if most > 100:
            return self.reply(400, None, [(1004, "per_page is too large")])
        most = min(most, self.page_size)
        shown = rows[(page - 1) * most:page * most]
        return self.reply(200, shown, result_info={"page": page, "per_page": most, "count": len(shown), "total_count": len(rows),
                                                   "total_pages": -(-len(rows) // most)})

    page_size = 100

    def batch(self, wanted):
        """Deletes, patches, posts in this order, all or nothing."""
        after = [dict(r) for r in self.records]
        for row in wanted.get("deletes", []) + wanted.get("patches", []):
            if not any(r["id"] == row["id"] for r in after):
                return self.reply(404, None, [(81044, "Record does not exist.")])
        after = [r for r in after if r["id"] not in [row["id"] for row in wanted.get("deletes", [])]]
        for row in wanted.get("patches", []):
            for record in after:
                if record["id"] == row["id"]:
                    record.update(row)
        for row in wanted.get("posts", []):
            self.made_n += 1
            after.append({"id": f"{self.made_n:032x}", "proxied": False, "comment": None, "tags": [], **row})
        for record in after:
            if record["ttl"] != 1 and not 60 <= record["ttl"] <= 86400:
                return self.reply(400, None, [(9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")])
            if not (record["name"] + ".").endswith("bud.test."):
                return self.reply(400, None, [(9000, "DNS name is invalid.")])
            if record["proxied"] and record["ttl"] != 1:
                return self.reply(400, None, [(9041, "This DNS record must have the TTL set to automatic if proxied.")])
            same = [r for r in after if (r["name"], r["type"], r["content"]) == (record["name"], record["type"], record["content"])]
            if len(same) > 1:
                return self.reply(400, None, [(81058, "An identical record already exists.")])
            if record["type"] == "CNAME" and any(r is not record and r["name"] == record["name"] for r in after):
                return self.reply(400, None, [(81053, "An A, AAAA, or CNAME record with that host already exists.")])
        self.records = after
        return self.reply(200, {kind: wanted.get(kind, []) for kind in ("deletes", "patches", "puts", "posts")})
