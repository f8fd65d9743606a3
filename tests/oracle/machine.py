"""The machine that a datasource of cloud-init sees: a root of tests/roots, or one like it, in place of the one it runs on.

cloud-init and its modules are found by PYTHONPATH. `take` says which root it is; firmware, cards, kernel and network are then that
one's, all else is cloud-init's own code.
"""

import base64
import json
import os
from unittest import mock

from cloudinit import dmi, helpers, net, sources, util
from cloudinit.net import dhcp, eni, ephemeral, netplan

# The root, a place for what is written, what DHCP told, and the routers that it told to some cards.
machine, scratch, lease, routers = "", "", {}, {}


def take(root, beside, told, others=()):
    """Is another machine from now on."""
    global machine, scratch, lease, routers
    machine, scratch, lease, routers = root, beside, told, dict(others)
    dmi.DMI_SYS_PATH = os.path.join(root, "sys/class/dmi/id")
    os.makedirs(beside, exist_ok=True)


def text(*path):
    try:
        with open(os.path.join(machine, *path)) as file:
            return file.read().strip()
    except OSError:
        return ""


def names():
    folder = os.path.join(machine, "sys/class/net")
    found = [name for name in os.listdir(folder) if name != "lo"]
    return sorted(found, key=lambda name: int(text("sys/class/net", name, "ifindex") or 0))


def first():
    return next(iter(names()), None)


def driver(name):
    for line in text("sys/class/net", name, "device/uevent").splitlines():
        if line.startswith("DRIVER="):
            return line[7:]
    return None


def interfaces(*_, **__):
    return [(name, text("sys/class/net", name, "address"), driver(name), None) for name in names()]


net.get_interfaces = interfaces
net.get_interfaces_by_mac = lambda *_, **__: {mac: name for name, mac, _, _ in interfaces()}
net.read_sys_net_safe = lambda name, field, *_, **__: text("sys/class/net", name, field) or False
net.get_interface_mac = lambda name: text("sys/class/net", name, "address") or None
net.find_fallback_nic = lambda *_, **__: first()
net.find_candidate_nics = lambda *_, **__: names()
net.get_devicelist = names
net.device_driver = driver
net.is_netfail_master = net.is_netfailover = net.is_netfail_standby = lambda *_, **__: False
net.is_up = lambda *_: True
# Whoever has no name of its own is not to get that of this one.
util.get_hostname = lambda: "localhost"
dmi.is_container = util.is_container = lambda: False
util.get_cmdline = lambda: text("proc/cmdline")
for name in ("networkd_get_option_from_leases", "network_manager_get_option_from_leases"):
    if hasattr(dhcp, name):
        setattr(dhcp, name, lambda *_, **__: None)


class Network:
    """Any of the ephemeral networks: it is up."""

    state_msg = "as simulated"

    def __init__(self, *_, iface=None, **__):
        self.lease, self.iface = lease, iface
        # As Azure looks whether this card is the one to its services.
        self._ephipv4 = mock.Mock(static_routes=[("169.254.169.254/32", "0.0.0.0")], router=lease.get("routers"))

    def __enter__(self):
        return self.lease

    def __exit__(self, *_):
        return None

    def obtain_lease(self):
        return self.lease

    clean_network = __exit__


class Leased(Network):
    """The network of who needs a lease."""

    def __enter__(self):
        if not lease.get("fixed-address"):
            raise dhcp.NoDHCPLeaseError()
        return self.lease


class Both(Network):
    def __enter__(self):
        return self


ephemeral.EphemeralDHCPv4 = Leased
ephemeral.EphemeralIPv4Network = ephemeral.EphemeralIPv6Network = Both
ephemeral.EphemeralIPNetwork = Both


def leased(name, *_, **__):
    router = routers.get(text("sys/class/net", name, "address"))
    return {**lease, "routers": router} if router else lease


def distro():
    made = mock.MagicMock()
    made.dhcp_client.dhcp_discovery = leased
    made.dhcp_client.get_newest_lease = lambda *_, **__: lease
    made.fallback_interface = first()
    made.generate_fallback_config = lambda *_, **__: None
    made.get_tmp_exec_path = lambda: scratch
    made.network_renderer = netplan.Renderer() if text("usr/sbin/netplan") else eni.Renderer()
    made.get_default_user = lambda: util.get_cfg_by_path(configured(), ["system_info", "default_user"], {})
    return made


def configured():
    config = util.read_conf_with_confd(os.path.join(machine, "etc/cloud/cloud.cfg"))
    return config if isinstance(config, dict) else {}


def configuration(platform):
    # What is built in names every datasource.
    config = {"datasource_list": [platform, "None"], **configured()}
    if platform == "Azure":
        # What it keeps for later boots.
        data_dir = {"data_dir": os.path.join(scratch, "waagent")}
        config["datasource"] = {"Azure": {**util.get_cfg_by_path(config, ["datasource", "Azure"], {}), **data_dir}}
    return config


def plain(value):
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        # A key is what JSON makes of it.
        return {next(iter(json.loads(json.dumps({key: 0})))): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    return value


def attempt(read):
    """A property that fails fails alone: at boot it is read apart from the others."""
    try:
        return plain(read())
    except Exception as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}


def found(module, platform):
    """What a datasource makes of the machine."""
    paths = helpers.Paths({"cloud_dir": os.path.join(machine, "var/lib/cloud"), "run_dir": scratch})
    # As at boot: first those that need no network, then the others.
    for cls, _ in sorted(module.datasources, key=lambda entry: len(entry[1])):
        source = cls(configuration(platform), distro(), paths)
        if source._check_and_get_data():
            break
    else:
        return {"error": "no data"}
    tree = source._crawled_metadata
    if tree is None:
        tree = {"meta_data": source.metadata}
    if platform == "VMware":
        # It is there when the tree is written down for the second time.
        source.get_instance_id()
    # As it is when it is written down: reading the network configuration may still change it.
    meta_data = attempt(lambda: tree.get("meta_data") or tree.get("meta-data") or source.metadata)
    if isinstance(meta_data, str):
        # LXD's as it came.
        meta_data = attempt(lambda: source.metadata)
    known = source.get_hostname(metadata_only=True)
    known = known.hostname and not known.is_default
    return {
        "instance-id": attempt(source.get_instance_id),
        "hostname": attempt(lambda: source.get_hostname(fqdn=True, metadata_only=True).hostname) if known else None,
        "keys": attempt(source.get_public_ssh_keys),
        "cloud-id": attempt(lambda: sources.canonical_cloud_id(source.cloud_name, source.region, source.platform_type)),
        "cloud-name": attempt(lambda: source.cloud_name),
        "platform": attempt(lambda: source.platform_type),
        "subplatform": attempt(lambda: source.subplatform),
        "local-hostname": attempt(lambda: source.get_hostname().hostname) if known else None,
        "region": attempt(lambda: source.region),
        "zone": attempt(lambda: source.availability_zone),
        "user-data": attempt(source.get_userdata_raw),
        "vendor-data": attempt(source.get_vendordata_raw),
        "vendor-data2": attempt(source.get_vendordata2_raw),
        "network": attempt(lambda: source.network_config),
        "config": attempt(source.get_config_obj),
        "meta-data": meta_data,
    }
