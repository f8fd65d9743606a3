"""Datasources of cloud-init against services that somebody else simulates: what they make of machines.

A line of the input is a machine: its `platform`, the prefix of its files (`machine`), a folder for `scratch`, and the `lease` that DHCP
told. cloud-init and its modules are found by PYTHONPATH. Each request is a line with the `method`, the `url`, its `headers`, the
`body` in base 64 and the local `port`; the answer is a line with `status`, `headers` and `body`, or with an `error`. The last line
for a machine has the `result`, or the `error` that it ends with. The network, firmware and clock are replaced; all else is the
original's own code. tests/it/fetching.rs is the other end.
"""

import base64
import io
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

# How long one machine may take, in seconds of this one's processor: some retries have no end.
SECONDS_MAX = 20

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
from cloudinit import importer, util  # noqa: E402


def no_disc(*_, **__):
    raise util.MountFailedError("no disc")


util.find_devs_with = lambda *_, **__: []
util.mount_cb = no_disc


def result(platform):
    module = importer.import_module("cloudinit.sources.DataSource" + platform)
    if hasattr(module, "do_helper"):
        module.do_helper.assign_ipv4_link_local = lambda *_: machine.first()
        module.do_helper.del_ipv4_link_local = lambda *_: None
    return machine.found(module, platform)


def too_long(*_):
    raise TimeoutError("no end in %d s" % SECONDS_MAX)


def one(told):
    machine.take(told["machine"], told["scratch"], told["lease"])
    signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)
    try:
        found = {"result": result(told["platform"])}
    except Exception as error:
        found = {"result": {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}}
    print(json.dumps(found), flush=True)


def main():
    logging.disable(logging.CRITICAL)
    if os.environ.get("FETCH_LOG"):
        logging.disable(logging.NOTSET)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    signal.signal(signal.SIGPROF, too_long)
    for line in sys.stdin:
        # What one datasource leaves in modules and caches is not the next one's; lines come one by one, so that none is read ahead.
        child = os.fork()
        if child == 0:
            one(json.loads(line))
            os._exit(0)
        os.waitpid(child, 0)


main()
