"""Ways to misbehave, and the table that says which case has which."""

import base64
import dataclasses
import http.client
import itertools
import json
import pathlib
import re
import threading
import time
import typing

import issuing


@dataclasses.dataclass
class Answer:
    """What the well-behaved CA would say; manners change it before it is sent."""
    url: str
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    document: typing.Optional[dict] = None
    body: bytes = b""
    write: typing.Optional[typing.Callable] = None  # instead of sending it as it is: write(file, answer)
    folder: typing.Optional[pathlib.Path] = None
    csr: typing.Optional[bytes] = None
    names: typing.Sequence[str] = ()

    def content(self):
        return self.body or (b"" if self.document is None else json.dumps(self.document).encode())

    def head(self, length=None):
        fields = {"Content-Type": "application/json", "Content-Length": length or str(len(self.content())), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Odd')}"]
        lines += [f"{name}: {value}" for name, value in fields.items() if value]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# ---- how it is sent -------------------------------------------------------------------------------------------------


def hang_up(answer, _):
    answer.write = lambda file, _: None


def truncated(answer, _):
    def write(file, answer):
        file.write(answer.head() + answer.content()[:len(answer.content()) // 2])
    answer.write = write


def endless_body(answer, _):
    def write(file, answer):
        file.write(answer.head("99999999999"))
        for _ in itertools.count():
            file.write(b" " * 65536)
    answer.write = write


def endless_headers(answer, _):
    def write(file, answer):
        file.write(b"HTTP/1.1 200 OK\r\n")
        for number in itertools.count():
            file.write(b"X-%d: %s\r\n" % (number, b"x" * 1000))
    answer.write = write


def endless_interim(answer, _):
    def write(file, answer):
        for _ in itertools.count():
            file.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
    answer.write = write


def slow(answer, _):
    """One byte a second."""
    def write(file, answer):
        for byte in answer.head() + answer.content():
            file.write(bytes([byte]))
            time.sleep(1)
    answer.write = write


def slow_body(answer, _):
    def write(file, answer):
        file.write(answer.head())
        for byte in answer.content():
            file.write(bytes([byte]))
            time.sleep(1)
    answer.write = write


def not_http(answer, _):
    answer.write = lambda file, answer: file.write(b"220 mail.example ESMTP\r\n" * 10)


# ---- what is said -----------------------------------------------------------------------------------------------


def merge(document, patch):
    """RFC 7396."""
    for name, value in patch.items():
        if value is None:
            document.pop(name, None)
        elif isinstance(value, dict) and isinstance(document.get(name), dict):
            merge(document[name], value)
        else:
            document[name] = value


def with_json(answer, patch):
    if answer.document is not None:
        merge(answer.document, json.loads(patch))


def with_challenge(answer, patch):
    merge(answer.document["challenges"][0], json.loads(patch))


def body(answer, text):
    """\\u001b is an escape character, \\ud800 no character at all."""
    answer.body = text.encode().decode("unicode_escape").encode(errors="surrogatepass")


def nested(answer, member):
    """A hundred thousand arrays in each other, as the member of the name or as the whole."""
    arrays = "[" * 100_000 + "]" * 100_000
    answer.body = (json.dumps({**answer.document, member: 0}).replace(f'"{member}": 0', f'"{member}": {arrays}')
                   if member else arrays).encode()


def header(answer, line):
    name, _, value = line.partition(":")
    answer.headers[name] = value.strip()


def redirect(answer, status):
    """To itself."""
    answer.status, answer.headers["Location"], answer.document, answer.body = int(status), answer.url, None, b""


def status(answer, argument):
    number, _, problem = argument.partition(" ")
    answer.status, answer.document, answer.body = int(number), json.loads(problem) if problem else None, b""
    answer.headers["Content-Type"] = "application/problem+json"


def not_ready(answer, _):
    """RFC 8555, section 7.4: the order is ready, but never when it is to be finalized."""
    if "/finalize/" in answer.url:
        status(answer, '403 {"type": "urn:ietf:params:acme:error:orderNotReady"}')
    else:
        answer.document["status"] = "ready"


def body_status(answer, number):
    answer.status = int(number)


def long_problem(answer, _):
    """Not quite a megabyte, the most that an answer may be, and full of what a terminal obeys."""
    status(answer, "403")
    answer.document = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "\x1b]0;owned\x07\u202e\r\n" * 25_000}


def problem_for_each(answer, _):
    status(answer, "403")
    each = {"type": "x" * 100, "detail": "\x1b[2J" * 10, "identifier": {"type": "dns", "value": "\x1b[31mmx.example.com"}}
    answer.document = {"type": "urn:ietf:params:acme:error:compound", "detail": "no", "subproblems": [each] * 3000}


# ---- certificates --------------------------------------------------------------------------------------------------


def chain(answer, leaf):
    answer.body = (leaf + (answer.folder / "root.pem").read_text()).encode()


def other_key(answer, _):
    chain(answer, issuing.sign(answer.folder, issuing.make_csr(answer.folder / "other.key", answer.names)))


def other_name(answer, name):
    """For this name only, or for none."""
    chain(answer, issuing.sign(answer.folder, answer.csr, names=[name] if name else []))


def dated(answer, dates):
    since, until = dates.split()
    chain(answer, issuing.sign(answer.folder, answer.csr, since=since, until=until))


def other_issuer(answer, _):
    answer.body = (issuing.sign(answer.folder, answer.csr) + (answer.folder / "unknown.pem").read_text()).encode()


def long_chain(answer, number):
    answer.body += (answer.folder / "root.pem").read_bytes() * int(number)


def with_key(answer, _):
    answer.body += (answer.folder / "root.key").read_bytes()


def garbage(answer, _):
    answer.body = (b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(b"not a certificate" * 50) +
                   b"-----END CERTIFICATE-----\n")


def cut_off(answer, _):
    answer.body = answer.body[:200]


MANNERS = {function.__name__.replace("_", "-"): function for function in (
    hang_up, truncated, endless_body, endless_headers, endless_interim, slow, slow_body, not_http, with_challenge, body, nested,
    header, redirect, status, not_ready, body_status, long_problem, problem_for_each, other_key, other_name, dated, other_issuer, long_chain,
    with_key, garbage, cut_off)}
MANNERS["json"] = with_json


# ---- cases --------------------------------------------------------------------------------------------------------


class Case:
    """Misbehaves where `where` says, `*` being everywhere.

    With `=>` in `does`, one after the other, round and round; with `~>`, one order after the other.
    """

    def __init__(self, where, does):
        self.where = where.split(",")
        self.turns = [[manner.strip().partition(" ") for manner in turn.split("&&")] for turn in re.split("[=~]>", does)]
        self.by_order, self.orders = "~>" in does, []
        self.count, self.lock = 0, threading.Lock()

    def apply(self, resource, answer):
        if resource not in self.where and "*" not in self.where:
            return
        with self.lock:
            number = self.order_of(answer) if self.by_order else self.count
            self.count += 1
        for name, _, argument in self.turns[number % len(self.turns)]:
            if name != "behaves":
                MANNERS[name](answer, argument)


    def order_of(self, answer):
        """Whether it belongs to the first order of this case, the second, …"""
        order = re.search(r"/(?:order|authz|challenge|finalize|cert)/(\d+)", answer.url)[1]
        if order not in self.orders:
            self.orders.append(order)
        return self.orders.index(order)


def read_cases(path):
    """The first three columns of the table; the others say what has to come of it."""
    cases = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, where, does, *_ = (column.strip() for column in line.split("|"))
            cases[name] = Case(where, does)
    return cases
