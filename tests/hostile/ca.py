#!/usr/bin/env python3
"""A CA that plays ACME well enough to issue, and misbehaves in one way at a time: ca.py FOLDER CASES [PORT].

The directory of a case is https://ca.lab.example:PORT/VALIDATION_PORT/CASE/dir; the CA looks for tokens at
VALIDATION_PORT of the names. See README.md.
"""

import base64
import http.server
import json
import pathlib
import re
import socket
import ssl
import sys
import threading
import urllib.request

import issuing
import manners

RESOURCES = {
    "dir": "directory", "nonce": "nonce", "new-account": "account", "new-order": "new-order", "order": "order",
    "authz": "authorization", "challenge": "challenge", "finalize": "finalize", "cert": "certificate",
}


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Orders:
    """Orders of all cases by number."""

    def __init__(self):
        self.lock = threading.Lock()
        self.orders = []

    def add(self, names):
        with self.lock:
            self.orders.append({"names": names, "valid": set(), "csr": None})
            return len(self.orders) - 1

    def __getitem__(self, number):
        return self.orders[number]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "hostile"

    def setup(self):
        # Here, in the connection's own thread: a client that does not finish its handshake delays nobody.
        self.request = self.server.wrap(self.request)
        super().setup()

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the client has had enough

    def do_GET(self):
        self.play({})

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        payload = json.loads(body)["payload"]
        self.play(json.loads(unbase64url(payload)) if payload else {})

    def play(self, payload):
        self.log_message("%s", self.requestline)
        found = re.fullmatch(r"/(\d+)/([a-z0-9-]+)/([a-z-]+)(?:/(\d+))?(?:/(\d+))?", self.path)
        if not found or found[3] not in RESOURCES:
            return self.send_error(404)
        self.validation_port, self.case = int(found[1]), found[2]
        host = self.headers["Host"]
        self.base = f"https://{host}/{self.validation_port}/{self.case}"
        resource = RESOURCES[found[3]]
        answer = manners.Answer(url=f"https://{host}{self.path}")
        answer.headers["Replay-Nonce"] = base64.urlsafe_b64encode(self.server.new_nonce()).decode().rstrip("=")
        getattr(self, resource.replace("-", "_"))(answer, payload, *(int(part) for part in found.groups()[3:] if part))
        self.server.cases[self.case].apply(resource, answer)
        if not answer.write:
            return self.write(answer)
        self.close_connection = True
        answer.write(self.wfile, answer)

    def write(self, answer):
        self.wfile.write(answer.head() + (b"" if self.command == "HEAD" else answer.content()))

    def log_message(self, format, *arguments):
        print(format % arguments, file=sys.stderr, flush=True)

    # ---- a well-behaved CA; one function for each resource -----------------------------------------------------

    def directory(self, answer, _):
        answer.document = {"newNonce": f"{self.base}/nonce", "newAccount": f"{self.base}/new-account",
                           "newOrder": f"{self.base}/new-order", "revokeCert": f"{self.base}/revoke",
                           "keyChange": f"{self.base}/key-change", "meta": {}}

    def nonce(self, answer, _):
        answer.status = 200

    def account(self, answer, _):
        answer.status = 201
        answer.headers["Location"] = f"{self.base}/account/1"
        answer.document = {"status": "valid", "contact": []}

    def new_order(self, answer, payload):
        number = self.server.orders.add([identifier["value"] for identifier in payload["identifiers"]])
        self.order(answer, {}, number)
        answer.status = 201
        answer.headers["Location"] = f"{self.base}/order/{number}"

    def order(self, answer, _, number):
        order = self.server.orders[number]
        ready = len(order["valid"]) == len(order["names"])
        answer.names = order["names"]
        answer.document = {
            "status": "valid" if order["csr"] else "ready" if ready else "pending",
            "expires": "2048-01-01T00:00:00Z",
            "identifiers": [{"type": "dns", "value": name} for name in order["names"]],
            "authorizations": [f"{self.base}/authz/{number}/{index}" for index in range(len(order["names"]))],
            "finalize": f"{self.base}/finalize/{number}",
        }
        if order["csr"]:
            answer.document["certificate"] = f"{self.base}/cert/{number}"

    def authorization(self, answer, payload, number, index):
        order = self.server.orders[number]
        status = payload.get("status") or ("valid" if index in order["valid"] else "pending")
        answer.document = {"status": status, "identifier": {"type": "dns", "value": order["names"][index]},
                           "challenges": [self.challenge_document(number, index)]}

    def challenge_document(self, number, index):
        status = "valid" if index in self.server.orders[number]["valid"] else "pending"
        return {"type": "http-01", "url": f"{self.base}/challenge/{number}/{index}", "status": status,
                "token": f"token-{number}-{index}"}

    def challenge(self, answer, _, number, index):
        order = self.server.orders[number]
        token = self.challenge_document(number, index)["token"]
        url = f"http://{order['names'][index]}:{self.validation_port}/.well-known/acme-challenge/{token}"
        with urllib.request.urlopen(url, timeout=5) as response:
            if response.read().decode().startswith(token + "."):
                order["valid"].add(index)
        answer.document = self.challenge_document(number, index)

    def finalize(self, answer, payload, number):
        self.server.orders[number]["csr"] = unbase64url(payload["csr"])
        self.order(answer, {}, number)

    def certificate(self, answer, _, number):
        order = self.server.orders[number]
        answer.folder, answer.csr, answer.names = self.server.folder, order["csr"], order["names"]
        answer.headers["Content-Type"] = "application/pem-certificate-chain"
        answer.body = (issuing.sign(answer.folder, answer.csr) + (answer.folder / "root.pem").read_text()).encode()


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, port, folder, cases, orders, wrap):
        super().__init__(("::", port), Handler)
        self.folder, self.cases, self.orders, self.wrap = folder, cases, orders, wrap
        self.nonces, self.lock = 0, threading.Lock()

    def handle_error(self, *_):
        """A client that gives up is why we are here."""

    def new_nonce(self):
        with self.lock:
            self.nonces += 1
            return b"%015d" % self.nonces


def with_certificate(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.chain")
    return lambda connection: context.wrap_socket(connection, server_side=True)


def never(connection):
    """A server that takes connections and says nothing."""
    while connection.recv(1000):
        pass
    raise OSError("closed")


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = manners.read_cases(pathlib.Path(sys.argv[2]))
    first_port = int(sys.argv[3]) if len(sys.argv) > 3 else 14100
    issuing.make_all(folder)
    orders = Orders()
    certificates = ("good", "untrusted", "expired", "wrong-name")
    ways = [with_certificate(folder, name) for name in certificates] + [lambda connection: connection, never]
    servers = [Server(first_port + index, folder, cases, orders, wrap) for index, wrap in enumerate(ways)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "ready").touch()
    threading.Event().wait()


if __name__ == "__main__":
    main()
