"""What clouds, their operators and users have answered or may answer one day, and what no change of one value leads to.

    odd.py CLOUD     CLOUD is the folder of a simulated service

Lines as variations.py has them. Each payload is written by hand: several values that belong together, documents whose form is odd.
"""

import base64
import json
import os
import sys
import urllib.parse

sys.dont_write_bytecode = True  # Nothing is left in the sources.

import packing  # noqa: E402

CLOUD = sys.argv[1]

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHNLQGfVT4dZeTgCw8r5QeVpzkFf4xQyTdh0qpxaiCZ"
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7"
SCRIPT = "#!/bin/sh\necho odd\n"
CONFIG = "#cloud-config\npackages: [hello]\n"


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def read(path):
    with open(os.path.join(CLOUD, path)) as file:
        return file.read()


def has(path):
    return os.path.exists(os.path.join(CLOUD, path))


GONE = object()


def tree(path, **change):
    """A document of JSON in which some places, spelled with __ between steps and ~ for a hyphen, are others."""
    return edited(json.loads(read(path)), {key.replace("__", "/").replace("~", "-"): value for key, value in change.items()})


def changer(path):
    """What makes the files of a payload in which some places of one document, spelled as for `tree`, are others."""
    return lambda **change: {path: json.dumps(tree(path, **change))}


def first(path, key, usual):
    """The first value of a key in a document as it is written, or else the usual one."""
    _, _, behind = read(path).partition('"%s": "' % key)
    if not behind:
        _, _, behind = read(path).partition('"%s":"' % key)
    return behind.partition('"')[0] or usual


def edited(tree, change):
    """The document changed; a place that this one does not have stays as it is."""
    for key, value in change.items():
        holder, steps = tree, [int(step) if step.isdigit() else step for step in key.split("/")]
        try:
            for step in steps[:-1]:
                holder = holder[step]
            if value is GONE:
                del holder[steps[-1]]
            else:
                holder[steps[-1]] = value
        except (KeyError, IndexError, TypeError):
            pass
    return tree


def forms(path):
    """A document of JSON in other forms."""
    text = read(path).strip()
    value = json.loads(text)
    first = next(iter(value)) if isinstance(value, dict) else None
    yield "a mark of the byte order", {path: "\ufeff" + text}
    yield "blanks around", {path: "\r\n \t" + text + "\r\n\r\n"}
    yield "a NUL behind", {path: text + "\0"}
    yield "a second document behind", {path: text + "\n{}"}
    yield "a comma behind", {path: text[:-1] + "," + text[-1]}
    yield "UTF-16", {path: text.encode("utf-16")}
    yield "UTF-16 without a mark", {path: text.encode("utf-16-le")}
    yield "UTF-32", {path: text.encode("utf-32-be")}
    yield "YAML", {path: "".join("%s: %s\n" % (key, json.dumps(inner)) for key, inner in value.items()) if first else "- 1\n"}
    yield "in quotation marks", {path: json.dumps(text)}
    yield "in a list", {path: "[" + text + "]"}
    if first:
        for what, more in {"Infinity": "-Infinity", "a large number": "1" + "0" * 400, "a large exponent": "1e400",
                           "a number of many digits": "0." + "1" * 60, "minus zero": "-0", "a leading zero": "01", "a plus": "+1", "a bare point": "1.",
                           "a control character": '"a\tb"', "a lone surrogate": '"\\ud800"', "a pair of surrogates": '"\\ud83e\\udd80"',
                               "a pair turned round": '"\\udd80\\ud83e"',
                           "a NUL": '"a\\u0000b"', "an escape that is none": '"\\x41"', "single quotes": "'a'", "True": "True",
                           "a tree of 90": '{"a":' * 90 + "1" + "}" * 90, "a list of 20000": json.dumps(list(range(20000))),
                               "a line separator": '"a\u2028b"'}.items():
            yield "with " + what, {path: '{"unheard": %s,%s' % (more, text[1:])}
        yield "with a comment", {path: "{ // comment\n" + text[1:]}
        yield "with an empty key", {path: '{"": 1,' + text[1:]}
        yield "with a key of a NUL", {path: '{"a\\u0000": 1,' + text[1:]}
        yield "with a key of letters beyond ASCII", {path: '{"schl\u00fcssel/x.y z": 1,' + text[1:]}
        yield "with Latin-1", {path: ('{"unheard": "caf\u00e9",' + text[1:]).encode("latin-1")}
        yield "with keys in capitals", {path: json.dumps({key.upper(): inner for key, inner in value.items()})}
        yield "with keys of hyphens", {path: json.dumps({key.replace("_", "-"): inner for key, inner in value.items()})}
        yield "with keys of underscores", {path: json.dumps({key.replace("-", "_"): inner for key, inner in value.items()})}


# --- each cloud


def vultr():
    path = "GET/v1.json"
    changed = changer(path)

    mac = first(path, "mac", "56:00:03:1b:4e:ca")
    yield "white label", {path: json.dumps(edited(tree(path), {"hostname": "", "region/countrycode": GONE, "startup-script": GONE}))}
    yield "prepared interfaces", changed(cloud_interfaces={"version": 1, "config": [
        {"type": "nameserver", "address": ["9.9.9.9"], "search": ["a.example"]}, {"type": "physical", "mac_address": mac, "subnets": [{"type": "dhcp4"},
            {"type": "dhcp6"}]}]})
    yield "prepared interfaces with names", changed(cloud_interfaces={"version": 1, "config": [{"type": "physical", "name": "net9", "mac_address": mac,
        "subnets": [{"type": "dhcp"}]},
        {"type": "bond", "name": "bond0", "bond_interfaces": ["net9"], "params": {"bond-mode": "802.3ad"}, "subnets": [{"type": "dhcp"}]}]})
    yield "unconfigured card", changed(interfaces__1__unconfigured=True)
    yield "unconfigured first card", changed(interfaces__0__unconfigured=True)
    yield "unconfigured card that is not", changed(interfaces__1__unconfigured=False)
    yield "no router advertisements", {path: json.dumps(edited(tree(path), {"interfaces/0/accept-ra": 0, "interfaces/1/accept-ra": 2}))}
    yield "routes of additional addresses", changed(interfaces__0__ipv4__additional=[{"address": "192.0.2.9", "netmask": "255.255.255.255",
        "routes": [{"network": "192.0.2.0", "netmask": "255.255.255.0", "gateway": "192.0.2.1"}]}],
        interfaces__0__ipv6__additional=[{"network": "2001:db8::", "prefix": 64, "routes": [{"network": "2001:db8:1::", "prefix": 48,
            "gateway": "2001:db8::1"}]}])
    yield "no cards", changed(interfaces=[])
    yield "mtu as text", changed(interfaces__1__mtu="1450", interfaces__0__mtu="9000")
    yield "numbers as names", {path: json.dumps(edited(tree(path), {"instance-v2-id": 4711, "hostname": "4711"}))}
    yield "region of capitals without country", changed(region={"regioncode": "S\u00c3O"})
    yield "region of null country", changed(region={"regioncode": "SAO", "countrycode": ""})
    yield "vendor data of many kinds", {path: json.dumps(edited(tree(path), {"vendor-data": [CONFIG, SCRIPT, "#cloud-config\nb: 2\n"],
        "user-data": "\ufeff" + CONFIG}))}
    yield "vendor data as a tree", {path: json.dumps(edited(tree(path), {"vendor-data": {"cloud-init": CONFIG}}))}
    yield "user data that are a tree", {path: json.dumps(edited(tree(path), {"user-data": {"a": 1}}))}
    yield "user data null", {path: json.dumps(edited(tree(path), {"user-data": None, "vendor-data": None}))}
    yield "keys in one text", {path: json.dumps(edited(tree(path), {"public-keys": ED + " a\r\n\r\n# mine\r\n" + RSA + " b\r\n"}))}
    yield "keys with options", {path: json.dumps(edited(tree(path), {"public-keys": ['command="a \\"b\\" c",no-pty ' + ED + " x", "", None, " ", RSA]}))}
    yield from forms(path)


def hetzner():
    meta, private = "GET/hetzner/v1/metadata/_", "GET/hetzner/v1/metadata/private-networks"
    text = read(meta)

    def more(what):
        return {meta: text + what}

    yield "a mark of the byte order", {meta: "\ufeff" + text}
    yield "line feeds of DOS", {meta: text.replace("\n", "\r\n")}
    yield "Latin-1", {meta: (text + "unheard: caf\u00e9\n").encode("latin-1")}
    yield "UTF-16", {meta: text.encode("utf-16")}
    yield "a marker of documents", {meta: "---\n" + text + "...\n"}
    yield "two documents", {meta: text + "---\na: 1\n"}
    yield "tabs behind", {meta: text.replace("region: eu-central\n", "region: eu-central\t\t# here\n")}
    yield "a key twice", more("hostname: other\n")
    yield "numbers of old YAML", {meta: text.replace("hostname: seeded", "hostname: 0o17").replace("eu-central", "1_000").replace("fsn1-dc14", "1e3")}
    yield "words of old YAML", {meta: text.replace("hostname: seeded", "hostname: on").replace("eu-central", "no").replace("fsn1-dc14", "~")}
    yield "sexagesimal", {meta: text.replace("hostname: seeded", "hostname: 12:30:45").replace("eu-central", "1:30")}
    yield "a date as a name", {meta: text.replace("hostname: seeded", "hostname: 2026-01-02")}
    yield "hostname quoted", {meta: text.replace("hostname: seeded", 'hostname: "se\\u0065ded.ex\\\n  ample.com"')}
    yield "JSON", {meta: json.dumps({"hostname": "json", "instance-id": 42424242, "availability-zone": "fsn1-dc14", "region": "eu-central",
        "public-keys": [ED], "network-config": {"version": 1, "config": []}})}
    yield "keys as one text", {meta: text.replace("public-keys:\n- ", "public-keys: |\n  # c\n  " + RSA + "\n  ")}
    yield "keys as a map", {meta: text.replace("public-keys:\n- ", "public-keys:\n  a: ")}
    yield "python tags", more("unheard: !!python/tuple [1, 2]\n")
    yield "other tags", more("unheard: !mine [1, 2]\nbinary: !!binary aGVsbG8=\nset: !!set {a, b}\nomap: !!omap [a: 1]\nfloat: !!float 1\n")
    yield "anchors", more("x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: *x\n")
    yield "odd numbers", more("hex: 0x1F\noct: 017\nbin: 0b11\ninf: .inf\nnan: .nan\nbig: 123456789012345678901234567890\nexp: 1e5\nexp2: 1.0e+5\nsep: 1_000\nminus: -0\n")
    yield "folded text", more("folded: >-\n  a\n  b\n\n   c\nliteral: |+\n  x\n\n")
    yield "keys that are no text", more("1: one\ntrue: yes\nnull: nothing\n2.5: half\n")
    for what, body in {
        "an empty document": "", "blank": " \n", "null": "null\n", "a map": "{}\n", "a text": "none\n",
            "JSON": json.dumps([{"mac_address": "86:00:00:aa:bb:cc", "ip": "10.0.0.2"}]),
        "MAC in capitals": "- mac_address: '86:00:00:AA:BB:CC'\n  ip: 10.0.0.2\n", "an unknown card": "- mac_address: '86:00:00:00:00:01'\n  ip: 10.0.0.2\n",
        "a MAC that is a number": "- mac_address: 86:00:00:00:00:01\n  ip: 10.0.0.2\n",
            "two of one card": "- mac_address: 86:00:00:aa:bb:cc\n- mac_address: 86:00:00:aa:bb:cc\n",
        "no MAC": "- ip: 10.0.0.2\n", "three": "- mac_address: 86:00:00:aa:bb:cc\n- mac_address: 86:00:00:aa:bb:cd\n- mac_address: 86:00:00:aa:bb:ce\n",
    }.items():
        yield "private networks are " + what, {private: body}
    yield "private networks gone", {private: None}
    yield "network without version", {meta: text.replace("  version: 1\n", "")}
    yield "network of version 2", {meta: text[: text.index("network-config")] + "network-config: {version: 2, ethernets: {eth0: {dhcp4: true, match: {macaddress: '96:00:02:24:08:17'}}}}\npublic-keys: []\n"}
    yield "network that is disabled", {meta: text[: text.index("network-config")] + "network-config: {config: disabled}\npublic-keys: []\n"}
    yield "vendor data in base 64", {meta: text[: text.index("vendor_data")] + "vendor_data: " + b64(CONFIG) + "\n"}
    yield "vendor data as binary", {meta: text[: text.index("vendor_data")] + "vendor_data: !!binary " + b64(CONFIG) + "\n"}
    yield "vendor data as a list", {meta: text[: text.index("vendor_data")] + "vendor_data: [%s, %s]\n" % (json.dumps(CONFIG), json.dumps(SCRIPT))}
    yield "vendor data as a tree", {meta: text[: text.index("vendor_data")] + "vendor_data: {cloud-init: %s}\n" % json.dumps(CONFIG)}
    user = "GET/hetzner/v1/userdata"
    for what, body in {"base 64": b64(SCRIPT), "base 64 in lines": base64.encodebytes(CONFIG.encode() * 5),
        "base 64 without padding": b64(SCRIPT + "x").rstrip("="), "base 64 with blanks": " " + b64(CONFIG) + "\n",
                       "base 64 for URLs": base64.urlsafe_b64encode(b"#!\xff\xfe\xfb\xef" * 5), "base 64 of gzip": b64(packing.packed(SCRIPT.encode())),
                           "base 64 of base 64": b64(b64(SCRIPT)),
                       "a word": "password", "four letters": "abcd", "an empty line": "\n", "NULs": "\0\0\0\0",
                           "base 64 and text": b64(SCRIPT) + "\n# text\n", "gzip": packing.packed(SCRIPT.encode()),
                       "half a gzip": packing.packed(SCRIPT.encode())[:20], "HTML": "<html><body>404</body></html>"}.items():
        yield "user data are " + what, {user: body}


def openstack():
    base = "GET/openstack/latest/"
    meta, network = base + "meta_data.json", base + "network_data.json"
    card = json.loads(read(network))["links"][0]["ethernet_mac_address"] if has(network) else "52:54:00:4e:0c:10"

    def nets(links, networks, services=()):
        return {network: json.dumps({"links": links, "networks": networks, "services": list(services)})}

    def link(**more):
        return {"id": "l0", "type": "phy", "ethernet_mac_address": card, "mtu": 1500, "vif_id": "v", **more}

    def net(kind="ipv4", **more):
        address = {"ipv4": {"ip_address": "10.0.0.5", "netmask": "255.255.255.0"}, "ipv6": {"ip_address": "2001:db8::5", "netmask": "64"}}.get(kind, {})
        return {"id": "n0", "type": kind, "link": "l0", "network_id": "u", "routes": [], **address, **more}

    for kind in ("ipv4_dhcp", "ipv6_dhcp", "ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful", "dhcp4", "dhcp6", "dhcp", "static", "ipv4", "ipv6",
        "ipv5", "IPv4", ""):
        yield "network of " + kind, nets([link()], [net(kind)])
        yield "network of " + kind + " with address", nets([link()], [net(kind, ip_address="2001:db8::7/64" if "6" in kind else "10.9.0.7/16")])
    for kind in ("phy", "ethernet", "ovs", "bridge", "tap", "vif", "dvs", "hw_veb", "hyperv", "vhostuser", "cascading", "macvtap", "ib", "hostdev_physical",
        "vlan", "bond", "unheard", None, "", "PHY"):
        yield "link of %s" % kind, nets([link(type=kind)], [net()])
    yield "link without type", nets([{"id": "l0", "ethernet_mac_address": card}], [net()])
    yield "link without mac", nets([{"id": "l0", "type": "phy"}], [net()])
    yield "link with empty mac", nets([link(ethernet_mac_address="")], [net()])
    yield "link with null mac and name", nets([link(ethernet_mac_address=None, name="eth0")], [net()])
    yield "link with name", nets([link(name="lan0")], [net()])
    yield "link with name and no mac", nets([{"id": "l0", "type": "phy", "name": "eth0"}], [net("ipv4_dhcp")])
    yield "link that is not there", nets([link(ethernet_mac_address="52:54:00:00:00:99")], [net()])
    yield "a link that is there and one that is not", nets([link(), link(id="l1", ethernet_mac_address="52:54:00:00:00:99")], [net(), net("ipv4_dhcp",
        id="n1", link="l1")])
    yield "two links of one card", nets([link(), link(id="l1")], [net(), net("ipv4_dhcp", id="n1", link="l1")])
    yield "MAC in capitals", nets([link(ethernet_mac_address=card.upper())], [net()])
    yield "MAC of hyphens", nets([link(ethernet_mac_address=card.replace(":", "-"))], [net()])
    yield "infiniband", nets([link(ethernet_mac_address="80:00:02:08:fe:80:00:00:00:00:00:00:52:54:00:03:00:4e:0c:10")], [net()])
    yield "network without link", nets([link()], [{"id": "n", "type": "ipv4_dhcp"}])
    yield "network of another link", nets([link()], [net(link="l9")])
    yield "links without networks", nets([link()], [])
    yield "networks without links", nets([], [net()])
    yield "nothing", nets([], [], [])
    yield "nothing but name servers", nets([], [], [{"type": "dns", "address": "192.0.2.1"}])
    yield "no lists", {network: json.dumps({"links": [link()]})}
    yield "null lists", {network: json.dumps({"links": None, "networks": None, "services": None})}
    yield "an empty document", {network: "{}"}
    yield "an empty file", {network: ""}
    yield "a list", {network: "[]"}
    for what, routes in {
        "without gateway": [{"network": "10.1.0.0", "netmask": "255.255.0.0"}], "gateway null": [{"network": "10.1.0.0", "netmask": "255.255.0.0",
            "gateway": None}],
        "prefix in network": [{"network": "10.1.0.0/16", "gateway": "10.0.0.1"}], "prefix and netmask": [{"network": "10.1.0.0/16", "netmask": "255.255.0.0",
            "gateway": "10.0.0.1"}],
        "netmask as prefix": [{"network": "10.1.0.0", "netmask": "16", "gateway": "10.0.0.1"}], "netmask as number": [{"network": "10.1.0.0", "netmask": 16,
            "gateway": "10.0.0.1"}],
        "no netmask": [{"network": "10.1.0.0", "gateway": "10.0.0.1"}], "host route without netmask": [{"network": "10.1.0.9", "gateway": "10.0.0.1"}],
        "default twice": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"}, {"network": "0.0.0.0", "netmask": "0.0.0.0",
            "gateway": "10.0.0.2"}],
        "default by prefix": [{"network": "0.0.0.0/0", "gateway": "10.0.0.1"}], "default by netmask 0": [{"network": "0.0.0.0", "netmask": "0",
            "gateway": "10.0.0.1"}],
        "metric": [{"network": "10.1.0.0", "netmask": "255.255.0.0", "gateway": "10.0.0.1", "metric": 50}], "host bits": [{"network": "10.1.2.3",
            "netmask": "255.255.0.0", "gateway": "10.0.0.1"}],
        "of services": [{"network": "10.1.0.0", "netmask": "255.255.0.0", "gateway": "10.0.0.1", "services": [{"type": "dns", "address": "10.0.0.53"}]}],
        "of other services": [{"network": "10.1.0.0", "netmask": "255.255.0.0", "gateway": "10.0.0.1", "services": [{"type": "ntp",
            "address": "10.0.0.53"}]}],
        "of IPv6": [{"network": "2001:db8:1::", "netmask": "ffff:ffff:ffff::", "gateway": "2001:db8::1"}], "holey netmask": [{"network": "10.1.0.0",
            "netmask": "255.0.255.0", "gateway": "10.0.0.1"}],
        "null": None, "empty route": [{}], "destination": [{"destination": "10.1.0.0/16", "nexthop": "10.0.0.1"}], "gateway on link": [{"network": "0.0.0.0",
            "netmask": "0.0.0.0", "gateway": "169.254.0.1"}],
        "gateway 0.0.0.0": [{"network": "10.1.0.0", "netmask": "255.255.0.0", "gateway": "0.0.0.0"}],
    }.items():
        yield "routes: " + what, nets([link()], [net(routes=routes)])
    for what, routes in {
        "default": [{"network": "::", "netmask": "::", "gateway": "2001:db8::1"}], "default by prefix": [{"network": "::/0", "gateway": "fe80::1"}],
            "netmask 0": [{"network": "::", "netmask": "0", "gateway": "fe80::1"}],
        "netmask number": [{"network": "2001:db8:1::", "netmask": 48, "gateway": "2001:db8::1"}], "spelled out": [{"network": "2001:0DB8:0001:0:0:0:0:0",
            "netmask": "ffff:ffff:ffff:0:0:0:0:0", "gateway": "2001:0DB8::1"}],
        "default of IPv4": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"}], "no netmask": [{"network": "2001:db8:1::",
            "gateway": "2001:db8::1"}],
    }.items():
        yield "routes of IPv6: " + what, nets([link()], [net("ipv6", routes=routes)])
    for what, more in {
        "prefix": {"ip_address": "10.0.0.5/24", "netmask": GONE}, "prefix and netmask": {"ip_address": "10.0.0.5/24"}, "number": {"netmask": 24},
            "text of number": {"netmask": "24"}, "none": {"netmask": GONE},
        "null": {"netmask": None}, "host": {"netmask": "255.255.255.255"}, "slash": {"netmask": "/24"}, "gateway": {"gateway": "10.0.0.1"},
            "dns": {"dns_nameservers": ["10.0.0.2"]},
        "dns_search": {"dns_search": ["a.example"], "dns_nameservers": "10.0.0.2"}, "services": {"services": [{"type": "dns", "address": "10.0.0.3"},
            {"type": "ntp", "address": "10.0.0.4"}]},
        "services null": {"services": None}, "no network_id": {"network_id": GONE}, "mac": {"mac_address": "52:54:00:00:00:01"},
            "address null": {"ip_address": None}, "address empty": {"ip_address": ""},
        "no routes": {"routes": GONE}, "broadcast": {"broadcast": "10.0.0.255", "scope": "link", "pointopoint": "10.0.0.9"},
    }.items():
        made = net()
        for key, value in more.items():
            made.pop(key) if value is GONE else made.__setitem__(key, value)
        yield "address with " + what, nets([link()], [made])
    for what, services in {
        "a map": {"type": "dns", "address": "10.0.0.2"}, "null": None, "no type": [{"address": "10.0.0.2"}], "search": [{"type": "dns-search",
            "address": "a.example"}], "empty address": [{"type": "dns", "address": ""}],
        "null address": [{"type": "dns", "address": None}], "list": [{"type": "dns", "address": ["10.0.0.2", "10.0.0.3"]}], "twice": [{"type": "dns",
            "address": "10.0.0.2"}] * 2,
        "IPv6 in capitals": [{"type": "dns", "address": "2001:DB8::53"}], "capitals": [{"type": "DNS", "address": "10.0.0.2"}], "a text": "10.0.0.2",
            "with a scope": [{"type": "dns", "address": "fe80::1%eth0"}],
        "blanks": [{"type": "dns", "address": " 10.0.0.2 "}],
    }.items():
        yield "services are " + what, {network: json.dumps({"links": [link()], "networks": [net()], "services": services})}
    for mtu in (None, 0, 68, 65535, 65536, -1, "1450", "", 1450.0, "big", True, 1450.5):
        yield "mtu is %r" % (mtu,), nets([link(mtu=mtu)], [net()])
    second = "52:54:00:4e:0c:11"
    phys = [link(id="p0"), link(id="p1", ethernet_mac_address=second)]
    for what, bond in {
        "plain": {}, "mode number": {"bond_mode": 4}, "mode text of number": {"bond_mode": "4"}, "unknown mode": {"bond_mode": "fancy"},
            "no mode": {"bond_mode": None}, "more": {"bond_lacp_rate": "fast", "bond_downdelay": 200, "bond_updelay": "200", "bond_arp_interval": 0,
            "bond_primary": "p0"},
        "no links": {"bond_links": []}, "missing link": {"bond_links": ["p0", "p9"]}, "no mac": {"ethernet_mac_address": None},
            "hash": {"bond_xmit_hash_policy": "layer2+3", "bond_miimon": "100"}, "name": {"name": "team0"},
        "hyphens": {"bond-mode": "802.3ad", "bond-miimon": 50}, "mtu text": {"mtu": "9000"}, "twice": {"bond_links": ["p0", "p0"]},
    }.items():
        made = {"id": "l0", "type": "bond", "bond_links": ["p0", "p1"], "bond_mode": "802.3ad", "bond_miimon": 100, "ethernet_mac_address": card, "mtu": 1500,
            **bond}
        yield "bond: " + what, nets(phys + [made], [net()])
    yield "bond first", nets([{"id": "l0", "type": "bond", "bond_links": ["p0", "p1"], "bond_mode": "802.3ad", "ethernet_mac_address": card}] + phys, [net()])
    for what, vlan in {
        "plain": {}, "text id": {"vlan_id": "77"}, "id 0": {"vlan_id": 0}, "id 4095": {"vlan_id": 4095}, "no id": {"vlan_id": None},
            "other mac": {"vlan_mac_address": "52:54:00:00:00:77"}, "no mac": {"vlan_mac_address": None},
        "missing link": {"vlan_link": "p9"}, "name": {"name": "storage"}, "mac in capitals": {"vlan_mac_address": card.upper()},
    }.items():
        made = {"id": "l0", "type": "vlan", "vlan_link": "p0", "vlan_id": 77, "vlan_mac_address": card, "mtu": 1400, **vlan}
        yield "vlan: " + what, nets(phys[:1] + [made], [net()])
    yield "vlan first", nets([{"id": "l0", "type": "vlan", "vlan_link": "p0", "vlan_id": 77, "vlan_mac_address": card}] + phys[:1], [net()])
    yield "vlan on vlan", nets(phys[:1] + [{"id": "v1", "type": "vlan", "vlan_link": "p0", "vlan_id": 7, "vlan_mac_address": card}, {"id": "l0",
        "type": "vlan", "vlan_link": "v1", "vlan_id": 8, "vlan_mac_address": card}], [net()])
    yield "two vlans of one id", nets(phys + [{"id": "l0", "type": "vlan", "vlan_link": "p0", "vlan_id": 7, "vlan_mac_address": card}, {"id": "v2",
        "type": "vlan", "vlan_link": "p1", "vlan_id": 7, "vlan_mac_address": second}], [net(), net("ipv4_dhcp", link="v2", id="n2")])
    yield "both families of DHCP and one of SLAAC", nets([link()], [net("ipv4_dhcp"), net("ipv6_dhcp", id="n1"), net("ipv6_slaac", id="n2")])
    yield "link as a device that is up", nets([link(name="eth0", mtu=None)], [net("ipv4_dhcp", network_id="n")])

    def data(**change):
        return {meta: json.dumps(edited(json.loads(read(meta)), {key.replace("__", "/"): value for key, value in change.items()}))}

    for what, change in {
        "keys alone": {"public_keys": None, "keys": [{"name": "k", "type": "ssh", "data": ED + " k"}, {"name": "c", "type": "x509", "data": "-----BEGIN"}]},
            "keys of both": {"public_keys": {"a": ED + " a\n"}, "keys": [{"name": "b", "type": "ssh", "data": RSA + " b"}]},
        "public keys as a list": {"public_keys": [ED + " a", RSA + " b"]}, "public keys as a text": {"public_keys": ED + " a\n" + RSA + " b"},
            "public key of lines": {"public_keys": {"k": ED + " a\n" + RSA + " b\n\n# c\n"}},
        "a key of null": {"public_keys": {"k": None}}, "a number as key": {"public_keys": {"k": 7}}, "hostname null": {"hostname": None},
            "no uuid": {"uuid": None}, "launch index text": {"launch_index": "0"},
        "meta with data": {"meta": {"hostname": "other", "instance-id": "other", "local-hostname": "x"}},
            "meta with dsmode disabled": {"meta": {"dsmode": "disabled"}}, "meta as a text": {"meta": "x"}, "files": {"files": [{"path": "/etc/motd",
            "content_path": "/content/0000"}]},
        "files of odd kind": {"files": "none"}, "network_config": {"network_config": {"name": "network_config", "content_path": "/content/0000"}},
            "random seed odd": {"random_seed": "not base 64!"}, "random seed null": {"random_seed": None},
        "random seed empty": {"random_seed": ""}, "dsmode at the top": {"dsmode": "local"}, "local-hostname at the top": {"local-hostname": "top"},
            "instance-id at the top": {"instance-id": "top"}, "region": {"region": "r1", "cloud-name": "c"},
        "zone with blank": {"availability_zone": "a b"}, "name with dots": {"hostname": "a.b.c.novalocal."},
            "vendor data inside": {"vendor_data": {"cloud-init": CONFIG}}, "user data inside": {"user_data": SCRIPT}, "admin_pass null": {"admin_pass": None},
    }.items():
        yield "meta-data: " + what, data(**change)
    for name in ("vendor_data.json", "vendor_data2.json"):
        if not has(base + name):
            continue
        for what, body in {
            "a text": json.dumps(CONFIG), "a list": json.dumps([CONFIG, SCRIPT]), "a list with null": json.dumps([CONFIG, None]),
                "a list of trees": json.dumps([{"cloud-init": CONFIG}]), "null": "null", "true": "true", "a number": "5",
            "an empty text": '""', "an empty tree": "{}", "no JSON": CONFIG, "empty": "", "cloud-init null": '{"cloud-init": null}',
                "cloud-init a tree": '{"cloud-init": {"packages": ["hello"]}}', "cloud-init a list": json.dumps({"cloud-init": [CONFIG, SCRIPT]}),
            "cloud-init a list of a tree": json.dumps({"cloud-init": [{"a": 1}]}), "cloud-init empty": '{"cloud-init": ""}',
                "cloud-init false": '{"cloud-init": false}', "cloud-init an empty list": '{"cloud-init": []}',
                "cloud_init": json.dumps({"cloud_init": CONFIG}), "static": json.dumps({"static": {"cloud-init": CONFIG}}),
            "blanks before": " \n" + json.dumps({"cloud-init": "\n\n" + CONFIG}), "base 64": json.dumps({"cloud-init": b64(CONFIG)}),
                "gzip in base 64": json.dumps({"cloud-init": b64(packing.packed(CONFIG.encode()))}), "a list of a list": json.dumps({"cloud-init": [[CONFIG],
                SCRIPT]}),
        }.items():
            yield name + " is " + what, {base + name: body}
    for what, body in {
        "of DOS": "2012-08-10\r\n2018-08-27\r\nlatest\r\n", "of slashes": "2012-08-10/\n2018-08-27/\nlatest/\n", "only latest": "latest\n",
            "only old": "2012-08-10\n2013-04-04\n", "only unknown": "2099-01-01\n", "empty": "", "blank": "\n \n",
        "with blanks": "  2018-08-27  \n  latest\n", "latest first": "latest\n2018-08-27\n2012-08-10\n", "HTML": '<html><a href="latest/">latest</a></html>',
            "in one line": "2012-08-10 2018-08-27 latest", "JSON": '["2018-08-27", "latest"]',
    }.items():
        yield "versions: " + what, {"GET/openstack/_": body}
    yield "versions: none", {"GET/openstack/_": None}
    yield from (("meta_data.json: " + what, files) for what, files in forms(meta))
    if has(network):
        yield from (("network_data.json: " + what, files) for what, files in forms(network))


def azure():
    path = "GET/metadata/instance"
    changed = changer(path)

    def card(mac="000D3A123456", four=("10.0.0.4",), six=(), **more):
        made = {"macAddress": mac, "ipv4": {"ipAddress": [{"privateIpAddress": a, "publicIpAddress": ""} for a in four], "subnet": [{"address": "10.0.0.0",
            "prefix": "24"}]},
                "ipv6": {"ipAddress": [{"privateIpAddress": a} for a in six]}}
        made.update(more)
        return made

    for what, cards in {
        "two": [card(), card("000D3A123457", ["10.0.1.4"])], "two, one unknown": [card(), card("0022489A0001", ["10.0.1.4", "10.0.1.5"])],
            "three in another order": [card("000D3A123458", ["10.0.2.4"]), card(), card("000D3A123457", ["10.0.1.4"])],
        "IPv6": [card(six=["fd00::4"])], "IPv6 with several": [card(six=["fd00::4", "fd00::5"], four=["10.0.0.4", "10.0.0.5", "10.0.0.6"])],
            "IPv6 only": [card(four=(), six=["fd00::4"])], "IPv6 with subnet": [card(six=["fd00::4", "fd00::5"],
            ipv6={"ipAddress": [{"privateIpAddress": "fd00::4"}, {"privateIpAddress": "fd00::5"}], "subnet": [{"address": "fd00::", "prefix": "120"}]})],
        "no addresses": [card(four=())], "MAC with colons": [card("00:0D:3A:12:34:56")], "MAC in small letters": [card("000d3a123456")],
            "no MAC": [card(mac="")], "short MAC": [card("000D3A")], "MAC with hyphens": [card("00-0D-3A-12-34-56")],
        "no ipv6": [{key: value for key, value in card().items() if key != "ipv6"}], "no ipv4": [{key: value for key,
            value in card(six=["fd00::4"]).items() if key != "ipv4"}], "subnet of no prefix": [card(ipv4={"ipAddress": [{"privateIpAddress": "10.0.0.4"},
            {"privateIpAddress": "10.0.0.5"}], "subnet": [{"address": "10.0.0.0"}]})],
        "subnets empty": [card(ipv4={"ipAddress": [{"privateIpAddress": "10.0.0.4"}, {"privateIpAddress": "10.0.0.5"}], "subnet": []})],
            "prefix number": [card(ipv4={"ipAddress": [{"privateIpAddress": "10.0.0.4"}, {"privateIpAddress": "10.0.0.5"}], "subnet": [{"address": "10.0.0.0",
            "prefix": 20}]})],
        "two subnets": [card(ipv4={"ipAddress": [{"privateIpAddress": "10.0.0.4"}, {"privateIpAddress": "10.0.0.5"}], "subnet": [{"address": "10.0.0.0",
            "prefix": "25"}, {"address": "10.0.1.0", "prefix": "22"}]})], "eight": [card("000D3A12345%d" % n, ["10.0.%d.4" % n]) for n in range(6, 10)],
        "the same twice": [card(), card()], "none": [],
    }.items():
        yield "cards: " + what, changed(network__interface=cards)
    for what, change in {
        "custom data and user data": {"compute__customData": b64(CONFIG)}, "custom data alone": {"compute__customData": b64(CONFIG), "compute__userData": ""},
            "custom data alone, no user data": {"compute__customData": b64(CONFIG), "compute__userData": GONE},
        "user data blank": {"compute__userData": "   "}, "user data odd": {"compute__userData": "not base 64!"},
            "user data unpadded": {"compute__userData": b64(SCRIPT + "x").rstrip("=")},
            "user data in lines": {"compute__userData": base64.encodebytes(SCRIPT.encode() * 9).decode()},
        "user data of DOS lines": {"compute__userData": base64.encodebytes(SCRIPT.encode() * 9).decode().replace("\n", "\r\n")},
            "user data gzip": {"compute__userData": b64(packing.packed(SCRIPT.encode()))}, "user data twice": {"compute__userData": b64(b64(SCRIPT))},
        "user data for URLs": {"compute__userData": base64.urlsafe_b64encode(b"#!\xfb\xff\xfe" * 9).decode()},
            "user data binary": {"compute__userData": b64(bytes(range(256)))}, "user data null": {"compute__userData": None},
            "user data a tree": {"compute__userData": {"a": 1}}, "user data bare": {"compute__userData": SCRIPT},
        "user data with junk between": {"compute__userData": b64(SCRIPT)[:8] + "*-_!" + b64(SCRIPT)[8:]},
            "user data padded too much": {"compute__userData": b64(SCRIPT) + "===="},
        "user data and more behind the padding": {"compute__userData": b64(SCRIPT + "x") + b64(SCRIPT)},
        "no name": {"compute__osProfile__computerName": ""}, "no profile": {"compute__osProfile": GONE}, "null profile": {"compute__osProfile": None},
            "no name at all": {"compute__osProfile": {}, "compute__name": ""}, "long name": {"compute__osProfile__computerName": "a" * 64},
            "name with underscores": {"compute__osProfile__computerName": "my_vm.example.com"},
        "password": {"compute__osProfile__disablePasswordAuthentication": "false"},
            "password as truth": {"compute__osProfile__disablePasswordAuthentication": False},
            "password odd": {"compute__osProfile__disablePasswordAuthentication": "maybe"}, "no user": {"compute__osProfile__adminUsername": ""},
            "user root": {"compute__osProfile__adminUsername": "root"},
        "other cloud": {"compute__azEnvironment": "AzureStack"}, "no cloud": {"compute__azEnvironment": GONE}, "no location": {"compute__location": GONE},
            "location of blanks": {"compute__location": "West Europe"}, "no zone": {"compute__zone": GONE, "compute__platformFaultDomain": GONE},
            "zone and domain": {"compute__zone": "2", "compute__platformFaultDomain": "1"},
        "fault domain number": {"compute__platformFaultDomain": 3}, "no vmId": {"compute__vmId": GONE},
            "capital vmId": {"compute__vmId": "6B175F0C-2D8E-4C3E-9A41-0A1B2C3D4E5F"}, "pps odd": {"extended__compute__ppsType": "Odd"},
            "no extended": {"extended": GONE},
        "custom data announced": {"extended__compute__hasCustomData": True}, "keys of nobody": {"compute__publicKeys": [{"keyData": ED, "path": ""}]},
            "keys without path": {"compute__publicKeys": [{"keyData": ED}]},
            "key of lines": {"compute__publicKeys": [{"keyData": RSA[:30] + "\r\n" + RSA[30:] + " x", "path": "/home/a/.ssh/authorized_keys"}]},
        "key in PEM": {"compute__publicKeys": [{"keyData": "---- BEGIN SSH2 PUBLIC KEY ----\r\nAAAAB3NzaC1yc2EAAAADAQABAAABAQC7\r\n---- END SSH2 PUBLIC KEY ----",
            "path": "/home/a/.ssh/authorized_keys"}]}, "keys null": {"compute__publicKeys": None}, "no keys": {"compute__publicKeys": GONE},
            "key with quote": {"compute__publicKeys": [{"keyData": 'ssh-rsa AAAAB3 "a b"', "path": "x"}]},
        "key ecdsa": {"compute__publicKeys": [{"keyData": "ecdsa-sha2-nistp256 AAAAE2VjZHNh x", "path": "x"}, {"keyData": ED, "path": "y"}]},
            "no compute": {"compute": GONE}, "no network": {"network": GONE}, "null network": {"network": None}, "tags": {"compute__tags": "a:b;c:d",
            "compute__tagsList": [{"name": "a", "value": "b"}]},
    }.items():
        yield "compute: " + what, changed(**change)
    yield from forms(path)


def gce():
    place = "GET/computeMetadata/v1/"

    def changed(attributes=None, project=None, **more):
        whole = tree(place + "_", **more)
        if attributes is not None:
            whole["instance"]["attributes"] = attributes
        if project is not None:
            whole["project"]["attributes"] = project
        instance = whole["instance"]
        text = lambda value: value if isinstance(value, str) else json.dumps(value)
        return {place + "_": json.dumps(whole), place + "instance/attributes/_": json.dumps(instance.get("attributes")),
            place + "project/attributes/_": json.dumps(whole["project"].get("attributes")),
                place + "instance/hostname": text(instance["hostname"]) if "hostname" in instance else None,
                    place + "instance/zone": text(instance["zone"]) if "zone" in instance else None,
                    place + "instance/id": text(instance["id"]) if "id" in instance else None}

    later = ' google-ssh {"userName":"a@b.c","expireOn":"%s"}'
    for what, keys in {
        "bare": ED, "bare with comment": ED + " ada", "of cloudinit": "cloudinit:" + ED, "of blanks": "  cloudinit:" + ED + "  ",
            "of tabs": "cloudinit:\t" + ED, "with blank behind colon": "cloudinit: " + ED, "user in capitals": "CloudInit:" + ED, "no user": ":" + ED,
        "options": 'cloudinit:no-pty,command="a:b" ' + ED, "colon in comment": ED + " a:b", "of DOS": "cloudinit:" + ED + " a\r\ncloudinit:" + RSA + " b\r\n",
            "comments": "# all\n#cloudinit:" + ED + "\ncloudinit:" + RSA, "sk": "cloudinit:sk-ssh-ed25519@openssh.com AAAAGnNr x",
        "expired": "cloudinit:" + ED + later % "2020-01-01T00:00:00+0000", "expires later": "cloudinit:" + ED + later % "2999-01-01T00:00:00+0000",
            "of Z": "cloudinit:" + ED + later % "2999-01-01T00:00:00Z", "of colon": "cloudinit:" + ED + later % "2999-01-01T00:00:00+00:00",
            "of fractions": "cloudinit:" + ED + later % "2999-01-01T00:00:00.5+0000",
        "of no zone": "cloudinit:" + ED + later % "2999-01-01T00:00:00", "expired with offset": "cloudinit:" + ED + later % "2020-01-01T00:00:00-0800",
            "no end": "cloudinit:" + ED + ' google-ssh {"userName":"a"}', "end null": "cloudinit:" + ED + ' google-ssh {"userName":"a","expireOn":null}',
            "no JSON": "cloudinit:" + ED + " google-ssh", "broken JSON": "cloudinit:" + ED + ' google-ssh {"userName"',
        "JSON list": "cloudinit:" + ED + " google-ssh []",
            "blank in JSON": "cloudinit:" + ED + ' google-ssh { "userName": "a", "expireOn": "2020-01-01T00:00:00+0000" }',
            "other word": "cloudinit:" + ED + ' google-ssh2 {"expireOn":"2020-01-01T00:00:00+0000"}', "without user": ED + later % "2020-01-01T00:00:00+0000",
        "blanks between": "cloudinit:ssh-ed25519   AAAAC3Nza   google-ssh   {\"expireOn\":\"2020-01-01T00:00:00+0000\"}",
            "certificate": "cloudinit:ssh-ed25519-cert-v01@openssh.com AAAAIHNz x", "list": ["cloudinit:" + ED], "null": None, "empty": "",
            "twice": "cloudinit:" + ED + "\ncloudinit:" + ED, "separators": "cloudinit:%s a\u2028cloudinit:%s b\x0bcloudinit:%s c\x85" % (ED, RSA, ED),
        "vertical": "cloudinit:%s a\x0ccloudinit:%s b" % (ED, RSA), "name with dots": "a.b-c_d:" + ED,
            "end of day": "cloudinit:" + ED + later % "2999-12-31T24:00:00+0000", "no key": "cloudinit:", "only type": "cloudinit:ssh-rsa",
    }.items():
        yield "instance keys: " + what, changed({"ssh-keys": keys}, {})
        yield "project keys: " + what, changed({}, {"ssh-keys": keys})
    for block in ("true", "TRUE", "True", "tRuE", "1", "yes", " true", "false", "", True, False, 1, None, "on", "t"):
        yield "block is %r" % (block,), changed({"block-project-ssh-keys": block}, {"ssh-keys": "cloudinit:" + ED, "sshKeys": RSA})
    yield "old keys block the project's", changed({"sshKeys": "cloudinit:" + RSA + " old", "ssh-keys": "cloudinit:" + RSA + " new"},
        {"ssh-keys": "cloudinit:" + ED, "sshKeys": "cloudinit:" + ED + " old"})
    yield "project's old keys", changed({"ssh-keys": "cloudinit:" + RSA}, {"sshKeys": "cloudinit:" + ED + " old"})
    yield "empty old keys", changed({"sshKeys": "", "ssh-keys": "cloudinit:" + RSA}, {"ssh-keys": "cloudinit:" + ED})
    for what, more in {
        "startup script": {"startup-script": SCRIPT}, "startup script and user data": {"startup-script": SCRIPT, "user-data": CONFIG},
            "base 64": {"user-data": b64(SCRIPT), "user-data-encoding": "base64"}, "base 64 of gzip": {"user-data": b64(packing.packed(SCRIPT.encode())),
            "user-data-encoding": "base64"},
        "base 64 in lines": {"user-data": base64.encodebytes(SCRIPT.encode() * 9).decode(), "user-data-encoding": "base64"},
            "unsaid base 64": {"user-data": b64(SCRIPT)}, "wrong base 64": {"user-data": "!!!", "user-data-encoding": "base64"},
            "unpadded base 64": {"user-data": b64(SCRIPT + "x").rstrip("="), "user-data-encoding": "base64"},
        "unknown encoding": {"user-data": SCRIPT, "user-data-encoding": "gzip+base64"}, "encoding and blanks": {"user-data": b64(SCRIPT),
            "user-data-encoding": " base64"}, "number": {"user-data": 7}, "a tree": {"user-data": {"a": 1}}, "null": {"user-data": None},
            "odd names": {"a/b": "1", "\u00fc": "2", "a.b c": "3", "": "4", "user-data": SCRIPT},
        "user_data": {"user_data": SCRIPT}, "nothing": {}, "old name": {"userdata": SCRIPT}, "DOS": {"user-data": CONFIG.replace("\n", "\r\n")},
            "os login": {"enable-oslogin": "TRUE", "ssh-keys": "cloudinit:" + ED}, "vendor data": {"vendor-data": CONFIG},
            "guest attributes": {"enable-guest-attributes": "TRUE", "hostname": "other.example.com"},
    }.items():
        yield "attributes: " + what, changed(more)
    for what, more in {
        "id text": {"instance__id": "4520031799277581759"}, "id large": {"instance__id": 2**63 + 5}, "id larger": {"instance__id": 2**70},
            "id zero": {"instance__id": 0}, "id with fraction": {"instance__id": 4.5e18}, "no zone": {"instance__zone": GONE},
            "bare zone": {"instance__zone": "europe-west3-c"}, "zone without letter": {"instance__zone": "projects/1/zones/europe"},
        "zone of four words": {"instance__zone": "projects/1/zones/us-central1-ai1a"}, "zone empty": {"instance__zone": ""},
            "zone of a slash": {"instance__zone": "projects/1/zones/"}, "no hostname": {"instance__hostname": GONE},
            "short hostname": {"instance__hostname": "web"}, "no attributes": {"instance__attributes": GONE},
            "null attributes": {"instance__attributes": None},
        "list attributes": {"instance__attributes": []}, "no project": {"project__attributes": GONE},
            "two cards": {"instance__networkInterfaces": [{"mac": "42:01:0a:9c:00:0f", "ip": "10.156.0.15"}, {"mac": "42:01:0a:9c:00:10",
            "ip": "10.157.0.15"}]}, "no cards": {"instance__networkInterfaces": []},
            "guest attributes": {"instance__guestAttributes": {"hostkeys": {"ssh-rsa": "AAAA"}}},
    }.items():
        yield "instance: " + what, changed(**more)


def oracle():
    path, vnics = "GET/opc/v2/instance", "GET/opc/v2/vnics"
    changed = changer(path)

    cards = json.loads(read(vnics)) if has(vnics) else []

    def nets(*changes):
        made = [dict(card) for card in cards]
        for number, change in changes:
            if number >= len(made):
                made.append(dict(made[0]))
            for key, value in change.items():
                made[number].pop(key, None) if value is GONE else made[number].__setitem__(key, value)
        return {vnics: json.dumps(made)}

    if cards:
        six = {"ipv6Addresses": ["2603:c020:400d:5d7e::1"], "ipv6SubnetCidrBlock": "2603:c020:400d:5d7e::/64",
            "ipv6VirtualRouterIp": "fe80::200:17ff:fe05:d1db"}
        for what, change in {
            "ipv6 on the first": [(0, six)], "ipv6 on the second": [(1, six)], "ipv6 on both": [(0, six), (1, {**six,
                "ipv6Addresses": ["2603:c020:400d:5d7e::2", "2603:c020:400d:5d7e::3"]})], "ipv6 only": [(0, {**six, "privateIp": GONE,
                "subnetCidrBlock": GONE, "virtualRouterIp": GONE})],
            "second is ipv6 only": [(1, {**six, "privateIp": GONE, "subnetCidrBlock": GONE, "virtualRouterIp": GONE})], "ipv6 empty list": [(0, {**six,
                "ipv6Addresses": []}), (1, {**six, "ipv6Addresses": []})], "ipv6 without subnet": [(1, {"ipv6Addresses": six["ipv6Addresses"]})],
                "ipv6 prefix 128": [(1, {**six, "ipv6SubnetCidrBlock": "2603::/128"})],
            "unknown second": [(1, {"macAddr": "02:00:17:FF:FF:FF"})], "unknown first": [(0, {"macAddr": "02:00:17:FF:FF:FF"})],
                "third that is not there": [(2, {"macAddr": "02:00:17:FF:FF:FF"})], "third of the first's address": [(2, {"privateIp": "10.0.0.231"})],
                "prefix 31": [(1, {"subnetCidrBlock": "10.0.1.230/31"})], "prefix 32": [(1, {"subnetCidrBlock": "10.0.1.231/32"})],
            "no slash": [(1, {"subnetCidrBlock": "10.0.1.0"})], "mac without colons": [(1, {"macAddr": "02001700000A"})], "nic index": [(0, {"nicIndex": 0}),
                (1, {"nicIndex": 1})], "vlan tag 0": [(1, {"vlanTag": 0})], "no vlan tag": [(0, {"vlanTag": GONE}), (1, {"vlanTag": GONE})],
                "two second addresses": [(1, {"privateIp": ["10.0.1.231", "10.0.1.232"]})],
        }.items():
            yield "vnics: " + what, nets(*change)
        for what, body in {"empty list": "[]", "null": "null", "empty": "", "a map": "{}", "one": json.dumps(cards[:1]),
            "in another order": json.dumps(cards[::-1]), "twice": json.dumps(cards + cards), "a map inside": json.dumps([{}]), "text": '"none"'}.items():
            yield "vnics are " + what, {vnics: body}
        yield "vnics gone", {vnics: None}
    for what, change in {
        "no metadata": {"metadata": GONE}, "null metadata": {"metadata": None}, "empty metadata": {"metadata": {}},
            "odd user data": {"metadata__user_data": "not base 64!"}, "unpadded": {"metadata__user_data": b64(SCRIPT + "x").rstrip("=")},
            "in lines": {"metadata__user_data": base64.encodebytes(SCRIPT.encode() * 9).decode()},
        "gzip": {"metadata__user_data": b64(packing.packed(SCRIPT.encode()))}, "double": {"metadata__user_data": b64(b64(SCRIPT))},
            "empty": {"metadata__user_data": ""}, "null": {"metadata__user_data": None}, "number": {"metadata__user_data": 1234},
            "URLs": {"metadata__user_data": base64.urlsafe_b64encode(b"#!\xfb\xff\xfe" * 9).decode()},
        "hyphens": {"metadata": {"user-data": b64(SCRIPT), "ssh-authorized-keys": ED}}, "keys list": {"metadata__ssh_authorized_keys": [ED, RSA]},
            "keys of DOS": {"metadata__ssh_authorized_keys": ED + " a\r\n" + RSA + " b\r\n"},
            "keys with comments": {"metadata__ssh_authorized_keys": "# a\n\n" + ED + "\n \n"}, "keys null": {"metadata__ssh_authorized_keys": None},
        "no hostname": {"hostname": GONE}, "hostname empty": {"hostname": ""}, "long hostname": {"hostname": "a" * 70},
            "no display name": {"displayName": GONE}, "display name of words": {"displayName": "My web server #1"}, "no id": {"id": GONE},
            "id null": {"id": None}, "no region": {"canonicalRegionName": GONE}, "no regions": {"canonicalRegionName": GONE, "region": GONE,
            "regionInfo": GONE},
        "no zone": {"ociAdName": GONE}, "no zones": {"ociAdName": GONE, "availabilityDomain": GONE},
            "extended metadata": {"extendedMetadata": {"a": {"b": 1}}}, "tags": {"definedTags": {"a": {"b": "c"}}, "freeformTags": {"hostname": "x"}},
            "user data in bytes": {"metadata__user_data": b64(bytes(range(256)))}, "user data of blanks": {"metadata__user_data": " " + b64(SCRIPT) + " "},
    }.items():
        yield "instance: " + what, changed(**change)
    yield from forms(path)


def scaleway():
    path = "GET/conf"
    changed = changer(path)

    def ip(address, family="inet", **more):
        return {"id": "i", "address": address, "family": family, "netmask": "32" if family == "inet" else "64",
            "gateway": "62.210.0.1" if family == "inet" else "fe80::1", "dynamic": False, "provisioning_mode": "dhcp" if family == "inet" else "slaac",
            **more}

    for what, ips in {
        "none": [], "null": None, "only IPv6": [ip("2001:db8::2", "inet6")], "two of IPv4": [ip("51.15.0.1"), ip("51.15.0.2")],
            "two of IPv6": [ip("2001:db8::2", "inet6"), ip("2001:db8:1::2", "inet6")], "number netmask": [ip("51.15.0.1", netmask=32)],
            "long netmask": [ip("51.15.0.1", netmask="255.255.255.0")], "no gateway": [ip("51.15.0.1", gateway=None)],
        "empty gateway": [ip("2001:db8::2", "inet6", gateway="")], "manual": [ip("51.15.0.1", provisioning_mode="manual")], "IPv6 manual": [ip("2001:db8::2",
            "inet6", provisioning_mode="manual")], "tags": [ip("51.15.0.1", tags=["x"])], "no family": [{key: value for key,
            value in ip("51.15.0.1").items() if key != "family"}], "capitals": [ip("2001:DB8::2", "inet6")],
        "five": [ip("51.15.0.%d" % n) for n in range(5)], "netmask 128": [ip("2001:db8::2", "inet6", netmask="128")], "IPv6 first": [ip("2001:db8::2",
            "inet6"), ip("51.15.0.1")], "map": {"a": ip("51.15.0.1")},
    }.items():
        yield "addresses: " + what, changed(public_ips=ips)
    yield "old addresses", changed(public_ips=GONE, ipv6={"address": "2001:bc8:4400:2400::4", "netmask": "127", "gateway": "2001:bc8:4400:2400::5"})
    yield "old addresses null", changed(public_ips=GONE, ipv6=None, public_ip=None)
    yield "no old addresses", changed(public_ips=GONE)
    yield "old and new", changed(ipv6={"address": "2001:bc8:4400:2400::4", "netmask": "127", "gateway": "2001:bc8:4400:2400::5"})
    for what, change in {
        "tags null": {"tags": None}, "no tags": {"tags": GONE}, "tag of AUTHORIZED_KEY alone": {"tags": ["AUTHORIZED_KEY="]},
            "tags twice": {"tags": ["AUTHORIZED_KEY=" + ED.replace(" ", "_"), "AUTHORIZED_KEY=" + ED.replace(" ", "_")]},
            "tag of small letters": {"tags": ["authorized_key=" + ED.replace(" ", "_")]}, "tag with blanks": {"tags": ["AUTHORIZED_KEY=" + ED + " a_b"]},
        "tag number": {"tags": [5, "x"]}, "keys without key": {"ssh_public_keys": [{"fingerprint": "x"}]}, "keys null": {"ssh_public_keys": None},
            "no keys": {"ssh_public_keys": GONE}, "key null": {"ssh_public_keys": [{"key": None}]}, "keys as texts": {"ssh_public_keys": [ED]},
            "key of lines": {"ssh_public_keys": [{"key": ED + " a\n" + RSA + " b\n"}]},
        "no zone": {"zone": GONE}, "zone of location": {"zone": GONE, "location": {"zone_id": "fr-par-2"}}, "location null": {"location": None},
            "no id": {"id": GONE}, "hostname of words": {"hostname": "my server"}, "no hostname": {"hostname": GONE, "name": "x"},
            "bootscript": {"bootscript": {"kernel": "x"}},
    }.items():
        yield "conf: " + what, changed(**change)
    yield "user data gone", {"GET/user_data/cloud-init": None}
    yield "user data empty", {"GET/user_data/cloud-init": ""}
    yield "vendor data as JSON", {"GET/vendor_data/cloud-init": json.dumps({"cloud-init": CONFIG})}
    yield "user data packed", {"GET/user_data/cloud-init": packing.packed(SCRIPT.encode()), "GET/vendor_data/cloud-init": packing.packed(CONFIG.encode())}
    yield "data in base 64", {"GET/user_data/cloud-init": b64(SCRIPT), "GET/vendor_data/cloud-init": b64(CONFIG)}
    yield from forms(path)


def upcloud():
    path = "GET/metadata/v1.json"
    changed = changer(path)

    def ip(address, family="IPv4", **more):
        return {"address": address, "dhcp": False, "dns": None, "family": family, "floating": False, "gateway": "",
            "network": address + ("/24" if family == "IPv4" else "/64"), **more}

    for what, ips in {
        "none": [], "no network": [ip("10.0.0.2", network="")], "network without length": [ip("10.0.0.2", network="10.0.0.0")],
            "long netmask": [ip("10.0.0.2", network="10.0.0.0/255.255.255.0")], "IPv6 static": [ip("2001:db8::2", "IPv6", gateway="2001:db8::1",
            dns=["2001:db8::53"])], "IPv6 dhcp": [ip("2001:db8::2", "IPv6", dhcp=True)], "no family": [{"address": "10.0.0.2", "network": "10.0.0.0/24",
            "dhcp": False}],
        "small family": [ip("2001:db8::2", "ipv6")], "dhcp text": [ip("10.0.0.2", dhcp="false")], "dns of the whole": [ip("10.0.0.2", dns=["94.237.127.9",
            "94.237.40.9"])], "dns text": [ip("10.0.0.2", dns="10.0.0.3")], "floating": [ip("10.0.0.2", floating=True, network="10.0.0.2/32")],
            "dhcp and static": [ip("10.0.0.2", dhcp=True), ip("10.0.0.3", gateway="10.0.0.1")], "dhcp default route": [ip("10.0.0.2", dhcp=True,
            dhcp_default_route=False, dhcp_routes=["10.0.0.0/8"])],
    }.items():
        yield "addresses: " + what, changed(network__interfaces__0__ip_addresses=ips)
    for what, change in {
        "dns null": {"network__dns": None}, "no dns": {"network__dns": GONE}, "dns text": {"network__dns": "10.0.0.2"},
            "dns of IPv6": {"network__dns": ["2001:db8::53"]}, "MAC in capitals": {"network__interfaces__0__mac": "3A:D6:BA:4A:36:E7"},
            "unknown card": {"network__interfaces__1__mac": "3a:d6:ba:00:00:00"}, "no cards": {"network__interfaces": []}, "no network": {"network": GONE},
        "hostname null": {"hostname": None}, "no hostname": {"hostname": GONE}, "no id": {"instance_id": GONE}, "no region": {"region": GONE},
            "keys text": {"public_keys": ED + " a\n" + RSA + " b"}, "keys null": {"public_keys": None}, "no keys": {"public_keys": GONE},
            "data null": {"user_data": None, "vendor_data": None}, "data empty": {"user_data": "", "vendor_data": ""},
            "vendor tree": {"vendor_data": {"cloud-init": CONFIG}},
        "data in base 64": {"user_data": b64(SCRIPT), "vendor_data": b64(CONFIG)}, "index text": {"network__interfaces__0__index": "1"},
            "no index": {"network__interfaces__0__index": GONE}, "private": {"network__interfaces__0__type": "private"},
    }.items():
        yield "document: " + what, changed(**change)
    yield from forms(path)


def digitalocean():
    path = "GET/metadata/v1.json"
    changed = changer(path)

    public = tree(path)["interfaces"]["public"][0]

    def card(**more):
        made = {**public, **more}
        return {"interfaces__public": [{key: value for key, value in made.items() if value is not GONE}]}

    for what, change in {
        "no anchor": card(anchor_ipv4=GONE), "no ipv6": card(ipv6=GONE), "null ipv6": card(ipv6=None), "empty ipv6": card(ipv6={}),
            "only ipv6": card(ipv4=GONE, anchor_ipv4=GONE), "no gateway": card(ipv4={"ip_address": "203.0.113.77", "netmask": "255.255.240.0"}),
            "empty gateway": card(ipv4={"ip_address": "203.0.113.77", "netmask": "255.255.240.0", "gateway": ""}),
        "cidr for IPv4": card(ipv4={"ip_address": "203.0.113.77", "cidr": 20, "gateway": "203.0.112.1"}), "cidr text": card(ipv6={"ip_address": "2001:db8::1",
            "cidr": "64", "gateway": "2001:db8::ffff"}), "both lengths": card(ipv6={"ip_address": "2001:db8::1", "cidr": 64, "netmask": "64",
            "gateway": "2001:db8::ffff"}), "MAC in capitals": card(mac=public["mac"].upper()), "unknown card": card(mac="04:01:00:00:00:00"),
        "two public": {"interfaces__public": [public, {**public, "ipv4": {"ip_address": "203.0.113.78", "netmask": "255.255.240.0",
            "gateway": "203.0.112.1"}}]}, "no private": {"interfaces__private": GONE}, "null private": {"interfaces__private": None},
            "no public": {"interfaces__public": GONE}, "empty": {"interfaces": {}}, "another kind": {"interfaces__vpc": [{**public,
            "mac": "04:01:58:27:7f:02"}]}, "null": {"interfaces": None},
        "no dns": {"dns": GONE}, "null dns": {"dns": None}, "empty dns": {"dns": {}}, "dns text": {"dns__nameservers": "67.207.67.2"},
            "dns null": {"dns__nameservers": None}, "dns search": {"dns": {"nameservers": ["67.207.67.2"], "search": ["a.example"]}},
            "type text": card(type="private"), "no type": card(type=GONE),
        "id text": {"droplet_id": "371234567"}, "id large": {"droplet_id": 2**70}, "id fraction": {"droplet_id": 1.5}, "hostname null": {"hostname": None},
            "keys text": {"public_keys": ED + "\n" + RSA}, "keys null": {"public_keys": None}, "keys empty text": {"public_keys": [""]},
            "region map": {"region": {"slug": "nyc3"}}, "no data": {"user_data": GONE, "vendor_data": GONE}, "data null": {"user_data": None,
            "vendor_data": None},
        "data in base 64": {"user_data": b64(SCRIPT), "vendor_data": b64(CONFIG)}, "vendor list": {"vendor_data": [CONFIG, SCRIPT]},
            "vendor multipart": {"vendor_data": 'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/cloud-config\n\n' + CONFIG + "--x--\n"},
            "tags": {"tags": ["a"], "features": {"dhcp_enabled": True}}, "floating": {"floating_ip": {"ipv4": {"active": True, "ip_address": "1.2.3.4"}}},
        "anchor without netmask": card(anchor_ipv4={"ip_address": "10.17.0.9"}),
    }.items():
        yield what, changed(**change)
    yield from forms(path)


def akamai():
    path, data = "GET/v1/instance", "GET/v1/user-data"
    changed = changer(path)

    for what, change in {"id text": {"id": "47284321"}, "label of words": {"label": "My Linode"}, "no label": {"label": GONE}, "label null": {"label": None},
        "no region": {"region": GONE}, "region null": {"region": None}, "id large": {"id": 2**64}, "no id": {"id": GONE}, "id zero": {"id": 0},
        "account": {"account_euuid": "x", "image": {"id": "linode/debian12", "label": "Debian 12"}}, "hostname": {"hostname": "other"},
        "label with underscore": {"label": "my_linode.example.com"}}.items():
        yield "instance: " + what, changed(**change)
    for what, body in {"bare": SCRIPT, "base 64 and line feed": b64(SCRIPT) + "\n", "base 64 twice": b64(b64(SCRIPT)),
        "unpadded": b64(SCRIPT + "x").rstrip("="), "in lines of DOS": base64.encodebytes(SCRIPT.encode() * 9).replace(b"\n", b"\r\n"),
        "for URLs": base64.urlsafe_b64encode(b"#!\xfb\xff\xfe" * 9), "gzip": b64(packing.packed(SCRIPT.encode())),
        "bare gzip": packing.packed(SCRIPT.encode()), "empty": "", "blank": " \n", "binary": b64(bytes(range(256))),
        "with junk": b64(SCRIPT)[:8] + "*!" + b64(SCRIPT)[8:]}.items():
        yield "user data are " + what, {data: body}
    for what, body in {"a map of users": json.dumps({"users": {"root": [ED, RSA + " a"], "ada": [ED + " b"]}}), "empty": "{}",
        "users null": '{"users": null}', "users a list": json.dumps({"users": [{"root": [ED]}]}), "a list": json.dumps([ED]),
        "a text for a list": json.dumps({"users": {"root": ED}}), "null list": json.dumps({"users": {"root": None}}), "no JSON": "none",
        "numbers": json.dumps({"users": {"root": [5]}}), "odd user": json.dumps({"users": {"ada lovelace": [ED]}})}.items():
        if has("GET/v1/ssh-keys"):
            yield "keys are " + what, {"GET/v1/ssh-keys": body}
    # What is no UTF-8 is no JSON here; this datasource alone of all reads it with replacements.
    yield from (case for case in forms(path) if case[0] != "with Latin-1")


def nwcs():
    path = "GET/api/v1/metadata"
    changed = changer(path)

    mac = first(path, "mac_address", "96:00:00:08:19:da")
    for what, config in {
        "static": [{"type": "physical", "name": "ens18", "mac_address": mac, "subnets": [{"type": "static", "address": "203.0.113.5/24",
            "gateway": "203.0.113.1", "dns_nameservers": "203.0.113.2"}]}], "both": [{"type": "physical", "name": "ens18", "mac_address": mac,
            "subnets": [{"type": "dhcp4"}, {"type": "ipv6_slaac"}, {"type": "dhcp6"}]}], "no name": [{"type": "physical", "mac_address": mac,
            "subnets": [{"type": "dhcp"}]}],
        "no mac": [{"type": "physical", "name": "eth0", "subnets": [{"type": "dhcp"}]}], "other card": [{"type": "physical", "name": "ens19",
            "mac_address": "96:00:00:00:00:00", "subnets": [{"type": "dhcp"}]}], "name servers": [{"type": "physical", "name": "ens18", "mac_address": mac,
            "subnets": [{"type": "dhcp"}]}, {"type": "nameserver", "address": "1.1.1.1", "search": "a.example"}],
        "route": [{"type": "physical", "name": "ens18", "mac_address": mac, "subnets": [{"type": "dhcp"}]}, {"type": "route", "destination": "10.0.0.0/8",
            "gateway": "203.0.113.1", "metric": 5}], "no subnets": [{"type": "physical", "name": "ens18", "mac_address": mac}], "empty": [],
            "manual": [{"type": "physical", "name": "ens18", "mac_address": mac, "subnets": [{"type": "manual"}]}],
        "vlan": [{"type": "physical", "name": "ens18", "mac_address": mac, "subnets": []}, {"type": "vlan", "name": "ens18.5", "vlan_link": "ens18",
            "vlan_id": 5, "subnets": [{"type": "dhcp"}]}], "mtu": [{"type": "physical", "name": "ens18", "mac_address": mac, "mtu": "9000",
            "accept-ra": False, "subnets": [{"type": "dhcp"}]}],
    }.items():
        yield "network: " + what, changed(network__config=config)
    yield "network of version 2", changed(network={"version": 2, "ethernets": {"ens18": {"match": {"macaddress": mac}, "dhcp4": True}}})
    for what, change in {"no network": {"network": GONE}, "null network": {"network": None}, "keys text": {"public~keys": ED + "\n" + RSA},
        "keys null": {"public~keys": None}, "no keys": {"public~keys": GONE}, "no data": {"userdata": GONE, "vendordata": GONE},
        "data null": {"userdata": None, "vendordata": None}, "vendor tree": {"vendordata": {"a": 1}}, "vendor list": {"vendordata": [CONFIG, SCRIPT]},
        "id number": {"instance~id": 7781}, "no id": {"instance~id": GONE}, "no hostname": {"hostname": GONE},
                         "underscores": {"instance_id": "x", "public_keys": [RSA]}, "data in base 64": {"userdata": b64(SCRIPT),
                             "vendordata": b64(CONFIG)}}.items():
        yield "document: " + what, changed(**change)
    yield from forms(path)


def bigstep():
    path = "GET/metadata"
    changed = changer(path)

    for what, change in {"keys list": {"metadata__public~keys": [ED, RSA]}, "keys text": {"metadata__public~keys": ED + "\n" + RSA},
        "Ec2's keys": {"metadata__public~keys": {"0": {"openssh-key": ED}}}, "no data": {"userdata_raw": GONE}, "null data": {"userdata_raw": None,
        "vendordata_raw": None}, "no vendor": {"vendordata_raw": GONE}, "null metadata": {"metadata": None}, "no metadata": {"metadata": GONE},
        "id number": {"metadata__instance~id": 40961},
                         "data tree": {"userdata_raw": {"a": 1}}, "vendor list": {"vendordata_raw": [CONFIG, SCRIPT]},
                             "more": {"metadata__network": {"version": 1}, "metadata__region": "eu", "metadata__cloud~name": "x"},
                             "base 64": {"userdata_raw": b64(SCRIPT)}}.items():
        yield what, changed(**change)
    yield from forms(path)


def cloudcix():
    path = "GET/v1/metadata"
    changed = changer(path)

    mac = first(path, "macaddress", "a8:cd:ef:00:01:02")
    for what, card in {"dhcp": {"match": {"macaddress": mac}, "dhcp4": True, "dhcp6": True}, "MAC in capitals": {"match": {"macaddress": mac.upper()},
        "dhcp4": True}, "no match": {"dhcp4": True}, "match by name": {"match": {"name": "e*"}, "dhcp4": True},
        "unknown": {"match": {"macaddress": "a8:00:00:00:00:00"}, "addresses": ["10.0.0.2/24"]}, "gateway4": {"match": {"macaddress": mac}, "set-name": "lan",
        "addresses": ["10.0.0.2/24"], "gateway4": "10.0.0.1"},
                       "no set-name": {"match": {"macaddress": mac}, "addresses": ["10.0.0.2/24", {"10.0.0.3/24": {"label": "x"}}]}, "null": None}.items():
        yield "card: " + what, changed(network__ethernets__eth0=card)
    for what, change in {"version 1": {"network": {"version": 1, "config": [{"type": "physical", "name": "eth0", "mac_address": mac,
        "subnets": [{"type": "dhcp"}]}]}}, "no network": {"network": GONE}, "null network": {"network": None}, "id number": {"instance_id": 12},
        "no id": {"instance_id": GONE}, "hyphen": {"instance~id": "with-hyphen"}, "keys": {"public_keys": [ED], "public~keys": [RSA]},
        "hostname": {"hostname": "a.example.com", "local~hostname": "b.example.com"},
                         "bonds": {"network__bonds": {"bond0": {"interfaces": ["eth0"], "parameters": {"mode": "active-backup"}, "dhcp4": True}}},
                             "zone": {"region": "r", "availability_zone": "z"}}.items():
        yield "document: " + what, changed(**change)
    data = "GET/v1/userdata"
    for what, body in {"base 64": b64(SCRIPT), "base 64 and line feed": b64(SCRIPT) + "\n", "unpadded": b64(SCRIPT + "x").rstrip("="), "a word": "abcd",
        "empty": "", "gzip": packing.packed(SCRIPT.encode()), "gzip in base 64": b64(packing.packed(SCRIPT.encode())), "JSON": '{"a": 1}',
        "binary": bytes(range(256))}.items():
        yield "user data are " + what, {data: body}
    yield from forms(path)


def aliyun():
    path = "GET/2016-01-01/meta-data/all"
    changed = changer(path)

    macs = tree(path)["network"]["interfaces"]["macs"]
    first, second = sorted(macs)

    def cards(one=None, two=None, **more):
        made = {first: {**macs[first], **(one or {})}, second: {**macs[second], **(two or {})}}
        made = {key: {inner: value for inner, value in card.items() if value is not GONE} for key, card in made.items()}
        made.update(more)
        return {"network": {"interfaces": {"macs": {key: card for key, card in made.items() if card}}}}

    for what, change in {
        "one card": {"network": {"interfaces": {"macs": {first: macs[first]}}}},
            "several addresses": cards({"private-ipv4s": '["192.168.0.9","192.168.0.10","192.168.0.11"]'}),
            "addresses as a list": cards({"private-ipv4s": ["192.168.0.9", "192.168.0.10"]}),
            "odd list": cards({"private-ipv4s": "192.168.0.9,192.168.0.10"}), "no list": cards({"private-ipv4s": GONE}),
            "empty list": cards({"private-ipv4s": ""}),
        "several of IPv6": cards({"ipv6s": "[2408::9, 2408::10,2408::11]"}), "IPv6 gateway": cards({"ipv6-gateway": "2408::fd",
            "vswitch-ipv6-cidr-block": "2408::/64", "ipv6s": "[2408::9]"}), "IPv6 on the second": cards(None, {"ipv6s": "[2408::9]"}),
            "empty IPv6": cards({"ipv6s": "[]"}), "empty text IPv6": cards({"ipv6s": ""}), "no gateway": cards({"gateway": GONE}, {"gateway": GONE}),
            "no netmask": cards({"netmask": GONE}, {"netmask": GONE}),
        "vswitch": cards({"vswitch-cidr-block": "192.168.0.0/25"}, {"vswitch-cidr-block": "192.168.1.0/26", "netmask": "255.255.255.192"}),
            "MAC in capitals": {"network": {"interfaces": {"macs": {first.upper(): macs[first]}}}},
            "MACs with slash": {"network": {"interfaces": {"macs": {first + "/": macs[first]}}}},
            "unknown card": cards(**{"00:16:3e:ff:ff:ff": macs[second]}),
        "no cards": {"network": {"interfaces": {"macs": {}}}}, "no network": {"network": GONE}, "null": {"network": None}, "empty": {"network": {}},
            "dns null": {"dns~conf": None}, "no dns": {"dns~conf": GONE}, "dns of one": {"dns~conf": {"nameservers": "100.100.2.136"}},
            "dns of LF": {"dns~conf": {"nameservers": "100.100.2.136\n100.100.2.138\n"}}, "dns list": {"dns~conf": {"nameservers": ["100.100.2.136",
            "100.100.2.138"]}}, "dns of blanks": {"dns~conf": {"nameservers": "100.100.2.136 100.100.2.138"}},
        "keys of several": {"public~keys": {"0": {"openssh-key": ED + "\n" + RSA + " b"}, "1": {"openssh-key": RSA}}},
            "keys of a list": {"public~keys": {"0": {"openssh-key": [ED, RSA]}}}, "keys empty": {"public~keys": {}}, "keys null": {"public~keys": None},
            "keys text": {"public~keys": ED}, "keys of no key": {"public~keys": {"0": {}}}, "other kinds of key": {"public~keys": {"0": {"rfc4716-key": "x",
            "openssh-key": ED}}},
        "hostname null": {"hostname": None}, "no hostname": {"hostname": GONE}, "hostname of blanks": {"hostname": "my host"},
            "no region": {"region~id": GONE}, "no zone": {"zone~id": GONE}, "no id": {"instance~id": GONE}, "id number": {"instance~id": 5},
            "disks": {"disks": []},
    }.items():
        yield what, changed(**change)
    base = "GET/2016-01-01/"
    for what, body in {"base 64": b64(SCRIPT), "gzip": packing.packed(SCRIPT.encode()), "empty": "", "blank": "\n",
        "HTML": '<?xml version="1.0"?><html>404 - Not Found</html>', "binary": bytes(range(256))}.items():
        yield "data are " + what, {base + "user-data": body, base + "vendor-data": body}
    yield from forms(path)


def maas():
    base = "GET/MAAS/metadata/2012-03-01/"
    keys, vendor, host = (base + "meta-data/" + name for name in ("public-keys", "vendor-data", "local-hostname"))
    for what, body in {"of DOS": ED + " a\r\n" + RSA + " b\r\n", "comments": "# x\n\n" + ED + "\n  \n", "one": ED, "empty": "", "blank": "\n",
        "JSON": json.dumps([ED, RSA]), "Latin-1": (ED + " caf\u00e9").encode("latin-1"), "byte order": "\ufeff" + ED, "tabs": "\t" + ED,
        "vertical tabs": ED + " a\x0b" + RSA + " b", "separators": ED + " a\u2028" + RSA + " b\x85" + RSA + " c", "colons": "a: b\nc: d\n"}.items():
        yield "keys are " + what, {keys: body}
    for what, body in {"JSON text": json.dumps(CONFIG), "list": json.dumps([CONFIG, SCRIPT]), "tree": json.dumps({"cloud-init": CONFIG, "maas": {"a": 1}}),
        "maas alone": json.dumps({"maas": {"a": 1}}), "YAML": "cloud-init: |\n  #cloud-config\n  a: 1\nmaas: {b: 2}\n", "config": CONFIG, "script": SCRIPT,
        "empty": "", "null": "null", "number": "7", "YAML list": "- a\n- b\n", "odd YAML": "a: [",
        "cloud-init tree": json.dumps({"cloud-init": {"ntp": {"servers": ["a"]}}}), "cloud-init null": '{"cloud-init": null}',
        "cloud-init list": json.dumps({"cloud-init": [CONFIG, SCRIPT]}), "gzip": packing.packed(CONFIG.encode()), "YAML of tabs": "a:\t1\n",
        "two documents": "a: 1\n---\nb: 2\n"}.items():
        yield "vendor data are " + what, {vendor: body}
    for what, body in {"of words": "my host", "with line feeds": "host.example.com\n\n", "empty": "", "two lines": "a\nb\n", "Latin-1": b"caf\xe9",
        "number": "12"}.items():
        yield "host name is " + what, {host: body}
    for what, body in {"empty": "", "DOS": CONFIG.replace("\n", "\r\n"), "binary": bytes(range(256)), "gzip": packing.packed(SCRIPT.encode()),
        "base 64": b64(SCRIPT)}.items():
        yield "user data are " + what, {base + "user-data": body}
    yield "identifier with line feed", {base + "meta-data/instance-id": "abc\n"}
    yield "identifier of two lines", {base + "meta-data/instance-id": "abc\ndef"}


def stack(base):
    def cases():
        meta = base + "meta-data/"
        for what, body in {"keys of DOS": ED + " a\r\n" + RSA + " b\r\n", "keys with comments": "# x\n\n" + ED + "\n  \n" + RSA, "empty keys": "",
            "blank keys": "\n", "JSON keys": json.dumps([ED]), "list of keys": "0=my", "keys of Latin-1": (ED + " caf\u00e9").encode("latin-1"),
            "vertical": ED + " a\x0b" + RSA + " b", "key with equals": ED + "= a=b"}.items():
            yield what, {meta + "public-keys": body}
        for what, body in {"empty": "", "blank": " \n", "of words": "My Zone 1", "two lines": "a\nb\n", "JSON": '{"a": 1}', "number": "5",
            "Latin-1": b"Z\xfcrich"}.items():
            for leaf in ("availability-zone", "local-hostname", "instance-id", "service-offering", "cloud-identifier"):
                if has(meta + leaf):
                    yield "%s is %s" % (leaf, what), {meta + leaf: body}
        listing = read(meta + "_")
        names = listing.split()
        for what, body in {"of DOS": listing.replace("\n", "\r\n"), "with blanks": "\n".join(" %s " % name for name in names),
            "empty lines": "\n\n".join(names) + "\n\n", "twice": listing + "\n" + listing, "reversed": "\n".join(names[::-1]),
            "only the identifier": "instance-id", "without the identifier": "\n".join(n for n in names if n != "instance-id"),
                           "with one that is not there": listing + "\nnot-there", "with a dot": listing + "\n.\n..", "with a slash": listing + "\n/\n",
                               "with a folder that is not there": listing + "\nfolder/", "with a question mark": listing + "\na?b",
                               "with letters beyond ASCII": listing + "\nz\u00fcrich", "with Latin-1": listing.encode() + b"\nz\xfc",
                               "with equals": listing + "\n0=x", "empty": "", "HTML": "<html></html>", "with a number sign": listing + "\na#b",
                               "with a percent": listing + "\na%20b", "with an address": listing + "\nhttp://192.0.2.1/x"}.items():
            yield "listing " + what, {meta + "_": body}
        for what, body in {"empty": "", "blank": "\n", "base 64": b64(SCRIPT), "gzip": packing.packed(SCRIPT.encode()), "binary": bytes(range(256)),
            "HTML": "<html>404</html>"}.items():
            if has(base + "user-data"):
                yield "user data are " + what, {base + "user-data": body}

    return cases


def ec2(base):
    def cases():
        meta = base + "meta-data/"
        listing = read(meta + "_")
        names = listing.split("\n")
        for what, body in {"of DOS": listing.replace("\n", "\r\n"), "with blanks": "\n".join(" %s " % name for name in names),
            "empty lines": "\n\n".join(names) + "\n\n", "twice": listing + "\n" + listing, "with one that is not there": listing + "\nnot-there",
            "with a folder that is not there": listing + "\nfolder/", "with a question mark": listing + "\na?b", "with blanks inside": listing + "\na b",
            "with letters beyond ASCII": listing + "\nz\u00fcrich",
                           "with equals": listing + "\n0=x", "with security credentials": listing + "\nsecurity-credentials/",
                               "with a dot": listing + "\n.\n..", "with a slash": listing + "\n/",
                               "with a leaf and a folder": listing + "\nplacement"}.items():
            yield "listing " + what, {meta + "_": body}
        tags = {"cost centre": "a", "who?": "b", "50%": "c", "z\u00fcrich": "d", "a/b": "e", "ada@example.com": "f", "a:b+c": "g"}
        told = {meta + "tags/" + urllib.parse.quote(name, safe="/:"): body for name, body in tags.items()}
        yield "tags of every sort", {meta + "_": listing + "\ntags/", meta + "tags/_": "\n".join(tags), **told}
        keys = meta + "public-keys/"
        if has(keys + "_"):
            for what, body in {"two": "0=my-key\n1=other", "no number": "my-key", "no key": "", "words": "0=my key", "equals": "0=a=b", "slash": "0/\n",
                "DOS": "0=my-key\r\n", "number alone": "0"}.items():
                yield "keys listed as " + what, {keys + "_": body}
            for what, body in {"two": ED + " a\n" + RSA + " b\n", "DOS": ED + " a\r\n", "empty": "", "comments": "# x\n" + ED,
                "Latin-1": (ED + " caf\u00e9").encode("latin-1"), "JSON": json.dumps({"key": ED})}.items():
                yield "key is " + what, {keys + "0/openssh-key": body}
        for leaf in ("local-hostname", "hostname", "instance-id", "placement/availability-zone", "placement/region", "instance-type", "security-groups",
            "public-ipv4", "ami-launch-index", "block-device-mapping/ami", "services/domain"):
            if has(meta + leaf):
                for what, body in {"empty": "", "blank": " \n", "two lines": "a\nb", "JSON": '{"a": 1}', "JSON list": "[1]", "number": "5",
                    "Latin-1": b"Z\xfcrich", "words": "a b c", "null": "null", "JSON of a text": '"text"', "broken JSON": "{a",
                    "gzip": packing.packed(b"x")}.items():
                    yield "%s is %s" % (leaf, what), {meta + leaf: body}
                yield leaf + " gone", {meta + leaf: None}
        for what, body in {"empty": "", "blank": "\n", "base 64": b64(SCRIPT), "gzip": packing.packed(SCRIPT.encode()), "binary": bytes(range(256)),
            "HTML": "<html>404</html>", "base 64 of gzip": b64(packing.packed(SCRIPT.encode()))}.items():
            if has(base + "user-data"):
                yield "user data are " + what, {base + "user-data": body}
        macs = meta + "network/interfaces/macs/"
        if has(macs + "_"):
            mac = read(macs + "_").split("\n")[0].rstrip("/")
            here = macs + mac + "/"

            def card(listed, **files):
                return {here + "_": "\n".join(sorted(set(listed))), **{here + name.replace("_", "-"): body for name, body in files.items()}}

            old = [name for name in read(here + "_").split("\n") if name]
            for what, files in {
                "IPv6": card(old + ["ipv6s"], ipv6s="2600:1f14::1\n2600:1f14::2"), "secondary": card(old, local_ipv4s="10.0.2.15\n10.0.2.16\n10.0.2.17"),
                    "IPv6 subnet": card(old + ["ipv6s", "subnet-ipv6-cidr-blocks"], ipv6s="2600:1f14::1", subnet_ipv6_cidr_blocks="2600:1f14::/64"),
                    "no IPv4": card([name for name in old if name not in ("local-ipv4s", "subnet-ipv4-cidr-block")] + ["ipv6s"], ipv6s="2600:1f14::1"),
                "IPv6 prefixes": card(old + ["ipv6-prefix", "ipv4-prefix", "ipv6s"], ipv6_prefix="2600:1f14:a::/80", ipv4_prefix="10.0.3.0/28",
                    ipv6s="2600:1f14::1"), "network card": card(old + ["network-card"], network_card="1"),
                    "no device number": card([name for name in old if name != "device-number"]), "device number odd": card(old, device_number="first"),
                    "secondary without subnet": card([name for name in old if name != "subnet-ipv4-cidr-block"], local_ipv4s="10.0.2.15\n10.0.2.16"),
                "addresses of DOS": card(old, local_ipv4s="10.0.2.15\r\n10.0.2.16\r\n"), "empty addresses": card(old, local_ipv4s=""), "subnet odd": card(old,
                    subnet_ipv4_cidr_block="10.0.2.0", local_ipv4s="10.0.2.15\n10.0.2.16"),
            }.items():
                yield "card: " + what, files
        document = base + "dynamic/instance-identity/document"
        if has(document):
            for what, body in {"empty": "", "no JSON": "x", "list": "[]", "without region": '{"accountId": "1"}',
                "other region": '{"region": "xx-nowhere-9", "availabilityZone": "xx-nowhere-9z", "instanceId": "i-other"}', "null": "null",
                "byte order": "\ufeff" + read(document)}.items():
                yield "identity is " + what, {document: body}
            yield "identity gone", {document: None}

    return cases


CLOUDS = [
    ("GET/openstack/latest/meta_data.json", openstack), ("GET/hetzner/v1/metadata/_", hetzner), ("GET/v1.json", vultr), ("GET/conf", scaleway),
    ("GET/opc/v2/instance", oracle), ("GET/api/v1/metadata", nwcs), ("GET/computeMetadata/v1/_", gce), ("GET/v1/instance", akamai),
    ("GET/v1/metadata", cloudcix), ("GET/metadata/instance", azure), ("GET/1.0/meta-data/_", stack("GET/1.0/")),
    ("GET/latest/meta-data/cloud-identifier", stack("GET/latest/")), ("GET/2016-01-01/meta-data/all", aliyun), ("GET/2016-01-01/meta-data/_",
        ec2("GET/2016-01-01/")),
    ("GET/MAAS/metadata/2012-03-01/meta-data/instance-id", maas), ("GET/latest/meta-data/_", ec2("GET/latest/")),
]


def cases():
    for path, generate in CLOUDS:
        if has(path):
            return generate()
    if has("GET/metadata/v1.json"):
        return digitalocean() if "droplet_id" in json.loads(read("GET/metadata/v1.json")) else upcloud()
    return bigstep() if has("GET/metadata") else ()


def main():
    for what, files in cases():
        what = "odd " + what
        for path, body in files.items():
            # What is gone may not have been there.
            if body is None and not has(path):
                continue
            body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
            packed = None if body is None else base64.b64encode(body).decode()
            print(json.dumps({"file": path, "what": what, "body": packed}))
            what = None


main()
