"""One datasource of cloud-init against a service that somebody else simulates: what it makes of one machine.

    fetching.py PLATFORM MACHINE SCRATCH LEASE     MACHINE is the prefix of the machine's files, LEASE what DHCP told, in JSON

cloud-init and its modules are found by PYTHONPATH. Each request is a line with the `method`, the `url`, its `headers`, the `body` in
base 64 and the local `port`; the answer is a line with `status`, `headers` and `body`, or with an `error`. The last line has the
`result`, or the `error` that it ends with. The network, firmware and clock are replaced; all else is the original's own code.
tests/it/fetching.rs is the other end.
"""

import base64
import io
import json
import logging
import os
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

PLATFORM, MACHINE, SCRATCH, LEASE = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])

# --- the clock: whoever sleeps has slept

slept = [0.0]
real_time, real_monotonic = time.time, time.monotonic
time.sleep = lambda seconds: slept.__setitem__(0, slept[0] + max(0.0, float(seconds)))
time.time = lambda: real_time() + slept[0]
time.monotonic = lambda: real_monotonic() + slept[0]

# --- the service

import requests  # noqa: E402
from requests.structures import CaseInsensitiveDict  # noqa: E402

one_at_a_time = threading.Lock()


def asked(question):
    with one_at_a_time:
        print(json.dumps(question), flush=True)
        return json.loads(sys.stdin.readline())


def written(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def send(self, request, timeout=None, **_):
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    host = urlsplit(request.url).netloc.rsplit("@", 1)[-1]
    answer = asked(
        {
            "method": request.method,
            "url": request.url,
            "headers": [["Host", host]] + [[name, written(value)] for name, value in request.headers.items()],
            "body": base64.b64encode(body).decode(),
            "port": (getattr(self, "source_address", None) or (None, 40000))[1],
        }
    )
    if answer.get("error") == "timeout":
        time.sleep((timeout[0] if isinstance(timeout, tuple) else timeout) or 60)
        raise requests.exceptions.ReadTimeout("no answer", request=request)
    if "error" in answer:
        raise requests.exceptions.ConnectionError(answer["error"], request=request)
    response = requests.Response()
    response.status_code = answer["status"]
    response.headers = CaseInsensitiveDict(answer["headers"])
    response._content = base64.b64decode(answer["body"])
    response.raw = io.BytesIO(response._content)
    response.url, response.request, response.encoding = request.url, request, "utf-8"
    return response


requests.adapters.HTTPAdapter.send = send


def getaddrinfo(host, port, *_, **__):
    answer = asked({"name": host})
    if not answer["addresses"]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in answer["addresses"]]


socket.getaddrinfo = getaddrinfo

# --- the machine and the datasource

import machine  # noqa: E402
from cloudinit import importer  # noqa: E402

machine.take(MACHINE, SCRATCH, LEASE)


def result():
    module = importer.import_module("cloudinit.sources.DataSource" + PLATFORM)
    if hasattr(module, "do_helper"):
        module.do_helper.assign_ipv4_link_local = lambda *_: machine.first()
        module.do_helper.del_ipv4_link_local = lambda *_: None
    return machine.found(module, PLATFORM)


def main():
    logging.disable(logging.CRITICAL)
    if os.environ.get("FETCH_LOG"):
        logging.disable(logging.NOTSET)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    try:
        found = {"result": result()}
    except Exception as error:
        found = {"result": {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}}
    print(json.dumps(found), flush=True)


main()
