"""The web app on each front: one row in PostgreSQL for each POST /write, through the front's own
HAProxy.

GET /health answers 200 with the database's role when it takes writes, else 503; GET /live only says
that the app runs.
Run as: python3 -m lab.app --region east --credentials DIR
"""

import argparse
import http.server
import json
import queue
import socketserver

import psycopg2

from . import deadline, plan

STATEMENT_S = 2.0
IDLE_MAX = 8
BODY_MAX = 4096


class Database:
    """A few idle connections; one that has failed in any way is closed, never reused."""

    def __init__(self, passfile):
        self.passfile = passfile
        self.idle = queue.LifoQueue(IDLE_MAX)

    def _connect(self):
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=plan.FRONT_POSTGRES_PORT,
            user="bud_app",
            dbname=plan.SCOPE,
            passfile=self.passfile,
            application_name="web",
        )
        connection.autocommit = True
        return connection

    def run(self, statement, arguments=()):
        deadline.set_deadline(STATEMENT_S)
        try:
            connection = self.idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                rows = cursor.fetchall() if cursor.description else []
        except BaseException:
            connection.close()
            raise
        try:
            self.idle.put_nowait(connection)
        except queue.Full:
            connection.close()
        return rows

    def forget(self):
        """Drops the idle connections: after a failure the others lead to the same dead server."""
        while True:
            try:
                self.idle.get_nowait().close()
            except queue.Empty:
                return


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 5

    def log_message(self, format, *args):  # the base class's name
        pass

    def _answer(self, status, value):
        body = json.dumps(dict(value, region=self.server.region)).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, error):
        self.server.database.forget()
        self._answer(503, {"error": f"{type(error).__name__}: {str(error).strip()[:200]}"})

    def do_GET(self):
        if self.path == "/live":
            self._answer(200, {})
        elif self.path == "/health":
            try:
                standby = self.server.database.run("SELECT 1, pg_is_in_recovery()")[0][1]
                self._answer(503 if standby else 200, {"role": "standby" if standby else "primary"})
            except (psycopg2.Error, deadline.Silence) as error:
                self._refuse(error)
        else:
            self._answer(404, {"error": "not here"})

    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", "-1"))
            if self.path != "/write" or not 0 <= length <= BODY_MAX:
                raise ValueError("POST /write with a small body")
            body = json.loads(self.rfile.read(length))
            row = (str(body["writer"]), int(body["id"]), self.server.region)
        except (ValueError, KeyError, TypeError) as error:
            self._answer(400, {"error": str(error)})
            return
        try:
            self.server.database.run(
                "INSERT INTO ledger (writer, id, front) VALUES (%s, %s, %s)", row
            )
            self._answer(200, {"id": row[1]})
        except (psycopg2.Error, deadline.Silence) as error:
            self._refuse(error)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--region", required=True)
    parser.add_argument("--credentials", required=True)
    options = parser.parse_args()
    deadline.install()
    server = Server(("127.0.0.1", plan.APP_PORT), Handler)
    server.region = options.region
    server.database = Database(f"{options.credentials}/pgpass")
    server.serve_forever()


if __name__ == "__main__":
    main()
