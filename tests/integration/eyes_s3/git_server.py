"""A Git server over HTTP: git's own http-backend behind a small HTTP server, over bare repositories of ours."""
import http.server
import os
import subprocess
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.backend("GET", b"")

    def do_POST(self):
        self.backend("POST", self.rfile.read(int(self.headers["Content-Length"])))

    def backend(self, method, asked):
        path, _, query = self.path.partition("?")
        environment = {"PATH": "/usr/bin:/bin", "GIT_PROJECT_ROOT": self.server.root, "GIT_HTTP_EXPORT_ALL": "1",
                       "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, "REMOTE_ADDR": "127.0.0.1",
                       "HOME": self.server.root, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                       "GIT_CONFIG_VALUE_0": "*", "CONTENT_LENGTH": str(len(asked)),
                       "CONTENT_TYPE": self.headers.get("Content-Type", "")}
        done = subprocess.run(["git", "http-backend"], env=environment, capture_output=True, check=False, timeout=20, input=asked)
        if method == "POST" and self.server.instead is not None:
            self.server.instead(self)
            return
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *ignored):
        pass


class Git:
    def __init__(self, lab, name):
        self.lab = lab
        self.root = lab.directory_for(name)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.root = self.root
        self.server.instead = None  # what answers a POST in the place of git
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/configs.git"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.git("init", "-q", "--bare", "-b", "main", os.path.join(self.root, "configs.git"))

    def git(self, *words, at=None):
        environment = {"GIT_COMMITTER_DATE": f"@{int(at)} +0130"} if at is not None else None
        return self.lab.run(["git", "-c", "user.name=t", "-c", "user.email=t@bud.test", "-c", "safe.directory=*", *words],
                            environment=environment)

    def allow_filter(self, allowed):
        self.git("--git-dir", os.path.join(self.root, "configs.git"), "config", "uploadpack.allowFilter", str(allowed).lower())

    def commit(self, text, at=None):
        """An empty commit on main, made at that second, whose name is given back."""
        bare = ["--git-dir", os.path.join(self.root, "configs.git")]
        tree = self.git(*bare, "hash-object", "-t", "tree", "-w", "/dev/null").strip()
        name = self.git(*bare, "commit-tree", tree, "-m", text, at=at).strip()
        self.git(*bare, "update-ref", "refs/heads/main", name)
        return name

    def fetch_from(self, other):
        self.git("--git-dir", os.path.join(self.root, "configs.git"), "fetch", "-q", os.path.join(other.root, "configs.git"),
                 "+refs/heads/*:refs/heads/*")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
