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
from unittest import mock
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

# --- the machine

from cloudinit import dmi, helpers, net, util  # noqa: E402
from cloudinit.net import dhcp, eni, ephemeral, netplan  # noqa: E402


def text(*path):
    try:
        with open(os.path.join(MACHINE, *path)) as file:
            return file.read().strip()
    except OSError:
        return ""


def cards():
    folder = os.path.join(MACHINE, "sys/class/net")
    names = [name for name in os.listdir(folder) if name != "lo"]
    return sorted(names, key=lambda name: int(text("sys/class/net", name, "ifindex") or 0))


def driver(name):
    for line in text("sys/class/net", name, "device/uevent").splitlines():
        if line.startswith("DRIVER="):
            return line[7:]
    return None


def interfaces(*_, **__):
    return [(name, text("sys/class/net", name, "address"), driver(name), None) for name in cards()]


NAMES = [name for name in cards()]
net.get_interfaces = interfaces
net.get_interfaces_by_mac = lambda *_, **__: {mac: name for name, mac, _, _ in interfaces()}
net.get_interface_mac = lambda name: text("sys/class/net", name, "address") or None
net.find_fallback_nic = lambda *_, **__: NAMES[0] if NAMES else None
net.find_candidate_nics = lambda *_, **__: list(NAMES)
net.get_devicelist = lambda: list(NAMES)
net.device_driver = driver
net.is_netfail_master = net.is_netfailover = net.is_netfail_standby = lambda *_, **__: False
net.is_up = lambda *_: True
dmi.DMI_SYS_PATH = os.path.join(MACHINE, "sys/class/dmi/id")
dmi.is_container = util.is_container = lambda: False
util.get_cmdline = lambda: text("proc/cmdline")
for name in ("networkd_get_option_from_leases", "network_manager_get_option_from_leases"):
    if hasattr(dhcp, name):
        setattr(dhcp, name, lambda *_, **__: None)


class Network:
    """Any of the ephemeral networks: it is up."""

    state_msg = "as simulated"

    def __init__(self, *_, **__):
        self.lease = LEASE

    def __enter__(self):
        return self.lease

    def __exit__(self, *_):
        return None

    def obtain_lease(self):
        return self.lease

    clean_network = __exit__


class Both(Network):
    def __enter__(self):
        return self


ephemeral.EphemeralDHCPv4 = Network
ephemeral.EphemeralIPv4Network = ephemeral.EphemeralIPv6Network = Both
ephemeral.EphemeralIPNetwork = Both


def distro():
    made = mock.MagicMock()
    made.dhcp_client.dhcp_discovery = lambda *_, **__: LEASE
    made.dhcp_client.get_newest_lease = lambda *_, **__: LEASE
    made.fallback_interface = NAMES[0] if NAMES else None
    made.get_tmp_exec_path = lambda: SCRATCH
    made.network_renderer = netplan.Renderer() if text("usr/sbin/netplan") else eni.Renderer()
    made.default_user = "debian"
    return made


# --- the datasource


def configuration():
    config = util.read_conf_with_confd(os.path.join(MACHINE, "etc/cloud/cloud.cfg"))
    config = config if isinstance(config, dict) else {}
    # What is built in names every datasource.
    return {"datasource_list": [PLATFORM, "None"], **config}


def plain(value):
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    return value


def attempt(read):
    """A property that fails fails alone: at boot it is read apart from the others."""
    try:
        return plain(read())
    except Exception as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}


def result():
    from cloudinit import importer, sources

    module = importer.import_module("cloudinit.sources.DataSource" + PLATFORM)
    if hasattr(module, "do_helper"):
        module.do_helper.assign_ipv4_link_local = lambda *_: NAMES[0]
        module.do_helper.del_ipv4_link_local = lambda *_: None
    paths = helpers.Paths({"cloud_dir": os.path.join(MACHINE, "var/lib/cloud"), "run_dir": SCRATCH})
    # As at boot: first those that need no network, then the others.
    for cls, _ in sorted(module.datasources, key=lambda entry: len(entry[1])):
        source = cls(configuration(), distro(), paths)
        if source._check_and_get_data():
            break
    else:
        return {"error": "no data"}
    tree = source._crawled_metadata
    if tree is None:
        tree = {"meta_data": source.metadata}
    # As it is when it is written down: reading the network configuration may still change it.
    meta_data = attempt(lambda: tree.get("meta_data") or tree.get("meta-data") or source.metadata)
    known = source.get_hostname(metadata_only=True).hostname
    return {
        "instance-id": attempt(source.get_instance_id),
        "hostname": attempt(lambda: source.get_hostname(fqdn=True, metadata_only=True).hostname) if known else None,
        "keys": attempt(source.get_public_ssh_keys),
        "cloud-id": attempt(lambda: sources.canonical_cloud_id(source.cloud_name, source.region, source.platform_type)),
        "region": attempt(lambda: source.region),
        "zone": attempt(lambda: source.availability_zone),
        "user-data": attempt(source.get_userdata_raw),
        "vendor-data": attempt(source.get_vendordata_raw),
        "vendor-data2": attempt(source.get_vendordata2_raw),
        "network": attempt(lambda: source.network_config),
        "config": attempt(source.get_config_obj),
        "meta-data": meta_data,
    }


def main():
    logging.disable(logging.CRITICAL)
    if os.environ.get("FETCH_LOG"):
        logging.disable(logging.NOTSET)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    os.makedirs(SCRATCH, exist_ok=True)
    try:
        found = {"result": result()}
    except Exception as error:
        found = {"result": {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}}
    print(json.dumps(found), flush=True)


main()
