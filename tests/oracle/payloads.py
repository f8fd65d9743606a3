"""What the users of a cloud have: whole answers of a simulated service, drawn from what people write there.

    payloads.py CLOUD SEED COUNT     CLOUD is the folder of a simulated service; COUNT payloads, by SEED

Lines as variations.py has them. Where that one changes one value into what it may be by mistake, here all that a user or a region
decides is drawn anew, and all of it may be right: names, keys, user-data, vendor-data, regions, networks. The first `what` names what was drawn.
"""

import base64
import json
import os
import random
import sys

sys.dont_write_bytecode = True  # Nothing is left in the sources.

import packing  # noqa: E402

CLOUD, SEED, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHNLQGfVT4dZeTgCw8r5QeVpzkFf4xQyTdh0qpxaiCZ"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRyb3BsZXQgZHJvcGxldCBkcm9wbGV0IGRyb3BsZXQg"
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7"
EC = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDk9"
KEYS = [
    ED + " ada@example.com", OTHER + " grace@example.com", RSA + " ops@example.com", EC + " a key with words", ED, RSA + " ada\u0040b\u00fcro",
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t token", 'no-pty,command="echo hi" ' + ED + " limited",
    'from="192.0.2.0/24,2001:db8::/32" ' + OTHER + " from", "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAx cert",
]
NAMES = [
    "web-1", "web-1.example.com", "WEB-1.Example.COM", "Web1", "db01.internal.example.org", "ip-10-0-2-15.eu-central-1.compute.internal",
    "192.0.2.7", "x", "0", "a" * 63, "a" * 64, "b" * 63 + ".example.com", "c" * 70, "very-" * 20 + "long.example.com", "under_score", "1-2-3",
    "host.local", "localhost", "localhost.localdomain", "xn--mller-kva.example", "a.b.c.d.e.f", "web-1.", "web-1.example.com.",
]
SCRIPT = b"#!/bin/sh\necho payload\n"
CONFIG = b"#cloud-config\npackages: [hello]\nruncmd:\n- [sh, -c, 'echo hi']\n"
MIME = (b"Content-Type: multipart/mixed; boundary=\"===B==\"\nMIME-Version: 1.0\n\n--===B==\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n"
        b"echo one\n--===B==\nContent-Type: text/cloud-config\n\n#cloud-config\na: 1\n--===B==--\n")
TEXTS = {
    "a script": SCRIPT, "a configuration": CONFIG, "MIME": MIME, "line feeds of DOS": CONFIG.replace(b"\n", b"\r\n"), "nothing": b"",
    "a line feed": b"\n", "blanks": b"  \n\t\n", "blanks before": b"\n\n  " + SCRIPT, "no line feed": SCRIPT[:-1], "words": b"just words\n",
    "umlauts": "#cloud-config\nx: M\u00fcller \u4e2d \U0001f980\n".encode(), "a mark of the byte order": b"\xef\xbb\xbf" + CONFIG, "an include": b"#include\n",
    "a template": b"## template: jinja\n#!/bin/sh\necho {{ v1.instance_id }}\n", "a boothook": b"#cloud-boothook\n#!/bin/sh\nexit 0\n",
    "much": b"#!/bin/sh\n" + b"# line\n" * 2500, "JSON": b'{"packages": ["hello"]}', "ignition": b'{"ignition": {"version": "3.3.0"}}',
    "an archive": b"#cloud-config-archive\n- type: text/x-shellscript\n  content: |\n    #!/bin/sh\n", "a word of base 64": b"abcdefgh", "a number": b"1234",
    "base 64": base64.b64encode(SCRIPT), "base 64 in lines": base64.encodebytes(CONFIG * 3), "base 64 of base 64": base64.b64encode(base64.b64encode(SCRIPT)),
    "base 64 of gzip": base64.b64encode(packing.packed(CONFIG)), "base 64 without padding": base64.b64encode(SCRIPT + b"x").rstrip(b"="),
    "base 64 and a line feed": base64.b64encode(CONFIG) + b"\n",
}
BYTES = dict(TEXTS, **{
    "gzip": packing.packed(CONFIG), "gzip of MIME": packing.packed(MIME), "binary": bytes(range(256)), "latin 1": b"#cloud-config\nx: M\xfcller\n",
})
drawn = []


def draw(what, values):
    """One of the values; of a dictionary its name is told, else the value itself."""
    if isinstance(values, dict):
        label = random.choice(sorted(values))
        drawn.append("%s is %s" % (what, label))
        return values[label]
    value = random.choice(values)
    drawn.append("%s is %s" % (what, json.dumps(value, ensure_ascii=False)[:70]))
    return value


def maybe(chance=0.5):
    return random.random() < chance


def name():
    return draw("hostname", NAMES)


def keys(least=0):
    some = random.sample(KEYS, random.randint(least, 3))
    drawn.append("keys are %d" % len(some))
    if some and maybe(0.2):
        some.append(draw("one key", [some[0], some[0] + "\n", some[0] + "\r\n", "  " + some[0] + " ", "# a comment\n" + some[0], "\n".join(KEYS[:2]), ""]))
    return some


def text(what):
    return draw(what, TEXTS).decode()


def vendor(what):
    """Vendor-data where they may be a tree."""
    return draw(what, {
        "a text": CONFIG.decode(), "a tree": {"cloud-init": CONFIG.decode(), "other": {"a": 1}}, "a list": {"cloud-init": [CONFIG.decode(), SCRIPT.decode()]},
        "a tree for others": {"agent": {"a": "b"}}, "an empty tree": {}, "a bare list": [CONFIG.decode(), SCRIPT.decode()], "an empty list": [],
        "a tree inside": {"cloud-init": {"packages": ["hello"]}}, "null": None, "an empty text": "", "null inside": {"cloud-init": None}, "one of one": [SCRIPT.decode()],
    })


def macs():
    folder = os.path.join(os.environ["MACHINE"], "sys/class/net")
    found = []
    for card in sorted(os.listdir(folder)):
        with open(os.path.join(folder, card, "address")) as file:
            address = file.read().strip()
        if card != "lo":
            found.append(address)
    if maybe(0.2):
        drawn.append("MAC in capitals")
        return [address.upper() for address in found]
    return found


def four(net):
    return "10.%d.%d.%d" % (net, random.randint(0, 255), random.randint(2, 250))


def six(net):
    text = "2001:db8:%x::%x" % (net, random.randint(1, 65535))
    return text.upper() if maybe(0.1) else text


def few(values, most=2):
    """None, some or all of these, in their order."""
    return [value for value in values if maybe(0.6)][:most]


# --- a generator for each cloud: the files that it changes, None for those that are gone


def read(path):
    with open(os.path.join(CLOUD, path)) as file:
        return file.read()


def has(path):
    return os.path.exists(os.path.join(CLOUD, path))


def documents(**files):
    """Those of these documents that this service has anyway: bytes, or gone."""
    return {path: draw(what, BYTES) if maybe(0.8) else None for what, path in files.items() if has(path)}


def openstack_networks():
    cards = macs()
    kinds = ["phy", "ovs", "bridge", "vif", "tap", "hyperv", "dvs", "hw_veb", "vhostuser"]
    links = [{"id": "tap%d" % n, "type": random.choice(kinds), "ethernet_mac_address": mac, "mtu": random.choice([1500, 1450, 9000, None]), "vif_id": "v%d" % n}
             for n, mac in enumerate(cards)]
    on = [link["id"] for link in links]
    if len(cards) > 1 and maybe():
        for link in links[:2]:
            link["type"] = "phy"
        links.append({"id": "bond0", "type": "bond", "bond_links": on[:2], "ethernet_mac_address": cards[0],
                      "bond_mode": random.choice(["802.3ad", "active-backup", "balance-rr"]), "bond_miimon": random.choice([100, "100"]),
                      "bond_xmit_hash_policy": "layer3+4"})
        on = ["bond0"]
    for number in random.sample([1, 101, 4094], random.choice([0, 0, 1, 2])):
        links.append({"id": "vlan%d" % number, "type": "vlan", "vlan_link": on[0], "vlan_id": random.choice([number, str(number)]), "vlan_mac_address": cards[0]})
        on.append("vlan%d" % number)
    networks = []
    for number, link in enumerate(on):
        for _ in range(random.randint(1, 2)):
            kind = random.choice(["ipv4", "ipv4_dhcp", "ipv6", "ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful", "ipv6_dhcp"])
            network = {"id": "network%d" % len(networks), "type": kind, "link": link, "network_id": "n%d" % number}
            if kind == "ipv4":
                network.update(ip_address=four(number) + random.choice(["", "/24"]), netmask=random.choice(["255.255.255.0", "255.255.254.0"]))
                network["routes"] = [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.%d.0.1" % number}] if maybe() else []
                network["routes"] += [{"network": "169.254.169.254", "netmask": "255.255.255.255", "gateway": "10.%d.0.2" % number}] if maybe() else []
                network["services"] = [{"type": "dns", "address": "10.%d.0.2" % number}] if maybe() else []
            if kind in ("ipv6", "ipv6_slaac", "ipv6_dhcpv6-stateful") and maybe(0.9):
                bare = maybe()
                network.update({"ip_address": six(number) + ("" if bare else "/64")}, **({"netmask": "ffff:ffff:ffff:ffff::"} if bare else {}))
                network["routes"] = [{"network": "::", "netmask": "::", "gateway": "fe80::1" if maybe() else "2001:db8:%x::1" % number}] if maybe() else []
            networks.append(network)
    services = draw("services", [[], [{"type": "dns", "address": "10.0.0.2"}], [{"type": "dns", "address": "2001:db8::53"}, {"type": "dns", "address": "10.0.0.2"}]])
    drawn.append("links are " + " ".join(link["type"] for link in links) + ", networks " + " ".join(network["type"] for network in networks))
    return {"links": links, "networks": networks, "services": services}


def openstack():
    some = {"key%d" % n: key + "\n" for n, key in enumerate(keys())}
    meta = {"uuid": "d8e02d56-2648-49a3-bf97-6be8f1204f38", "hostname": name(), "name": "test", "launch_index": random.randint(0, 3), "project_id": "p", "devices": [],
            "availability_zone": draw("zone", ["nova", "az-1", "eu-de-01", ""]), "random_seed": "yu5ZnkqF2CqnDZVAfZgarGXg9tN7s1VgHUjZRIqHVK4="}
    if some or maybe():
        meta["public_keys"] = some
        meta["keys"] = [{"name": key, "type": "ssh", "data": value} for key, value in some.items()]
    if maybe():
        meta["meta"] = draw("meta", [{}, {"role": "web"}, {"dsmode": "local"}, {"dsmode": "net"}, {"a b": "c"}])
    if maybe(0.3):
        meta["admin_pass"] = "secret"
    base = "GET/openstack/latest/"
    files = {base + "meta_data.json": json.dumps(meta), base + "user_data": draw("user-data", BYTES) if maybe(0.8) else None}
    if has(base + "network_data.json"):
        files[base + "network_data.json"] = json.dumps(openstack_networks()) if maybe(0.9) else None
    for document in ("vendor_data.json", "vendor_data2.json"):
        if has(base + document):
            files[base + document] = json.dumps(vendor(document)) if maybe(0.9) else None
    return files


def hetzner():
    lines = ["availability-zone: %s" % draw("zone", ["fsn1-dc14", "hel1-dc2", "ash-dc1"]), "hostname: %s" % json.dumps(name()), "instance-id: 42424242"]
    card = macs()[0]
    if maybe(0.8):
        subnets = ["    - {type: dhcp, ipv4: true%s}" % (", dns_nameservers: [185.12.64.1, 185.12.64.2]" if maybe() else "")] if maybe(0.8) else []
        subnets += ["    - {type: static, ipv6: true, address: '%s/64', gateway: 'fe80::1'%s}" % (six(1), ", dns_nameservers: ['2a01:4ff:ff00::add:1']" if maybe() else "")]
        lines += ["network-config:", "  version: 1", "  config:", "  - type: physical", "    name: eth0", "    mac_address: '%s'" % card, "    subnets:"] + subnets
    some = keys()
    lines += ["public-ipv4: 203.0.113.20"] + (["public-keys: %s" % json.dumps(some, ensure_ascii=False)] if some or maybe() else [])
    lines += ["region: eu-central"] if maybe(0.8) else []
    if maybe(0.8):
        lines += ["vendor_data: %s" % json.dumps(text("vendor-data"))]
    files = {"GET/hetzner/v1/metadata/_": "\n".join(lines) + "\n"}
    if has("GET/hetzner/v1/metadata/private-networks"):
        network = {"ip": "10.0.0.2", "alias_ips": ["10.0.0.9"] if maybe() else [], "interface_num": 1, "mac_address": draw("card", [macs()[-1], "86:00:00:2a:3b:4c"]), "network_id": 1234,
                   "network_name": "private", "network": "10.0.0.0/8", "subnet": "10.0.0.0/24", "gateway": "10.0.0.1"}
        files["GET/hetzner/v1/metadata/private-networks"] = draw("private", {"gone": None, "nothing": "", "an empty list": "[]\n", "one": json.dumps([network])})
    return {**files, **documents(**{"user-data": "GET/hetzner/v1/userdata"})}


def changed(path, change):
    """A document of JSON in which some keys are others, and some are gone."""
    tree = json.loads(read(path))
    for key, value in change.items():
        holder = tree
        *steps, last = key.split("/")
        for step in steps:
            holder = holder[step]
        if value is None:
            holder.pop(last, None)
        else:
            holder[last] = value
    return {path: json.dumps(tree, ensure_ascii=maybe())}


def vultr():
    change = {"hostname": name(), "public-keys": draw("shape of keys", ["list", "text"]) == "list" and keys() or "\n".join(keys()), "user-data": text("user-data")}
    change["vendor-data"] = draw("vendor-data", {"a text": CONFIG.decode(), "nothing": "", "a list": [CONFIG.decode(), SCRIPT.decode()], "a tree": {"a": 1}})
    change["region/regioncode"] = draw("region", ["EWR", "ewr", "FRA"])
    change["startup-script"] = draw("startup script", ["", "echo No configured startup script", "#!/bin/sh\necho start\n", "#cloud-config\na: 1\n"])
    if maybe(0.3):
        change["instance-v2-id"] = None
    cards = json.loads(read("GET/v1.json"))["interfaces"]
    for number, card in enumerate(cards):
        address = {"address": four(number), "netmask": "255.255.254.0"}
        card["ipv4"]["additional"] = few([address, {"address": four(number + 2), "netmask": "255.255.255.255"}])
        wide = {"network": "2001:db8:%x::" % number, "prefix": "64"}
        card["ipv6"] = draw("ipv6", {"none": {"additional": [], "network": "", "prefix": ""}, "one": {"address": six(number), "additional": [], **wide},
                                     "two": {"address": six(number), "additional": [{"network": "2001:db8:aa::", "prefix": "64"}, {"network": "2001:db8:ab::1", "prefix": "128"}], **wide}})
        card["mtu"] = draw("mtu", [1450, 1500])
        for key in few(["mtu", "ipv6", "routes"], 1):
            card.pop(key, None)
            drawn.append("no " + key)
        card["mac"] = card["mac"].upper() if maybe(0.2) else card["mac"]
    change["interfaces"] = cards[: draw("cards", [1, 2])]
    return changed("GET/v1.json", change)


def digitalocean():
    change = {"hostname": name(), "public_keys": keys(), "user_data": text("user-data") if maybe(0.9) else None, "vendor_data": vendor("vendor-data"), "region": draw("region", ["nyc3", "fra1"])}
    change["dns/nameservers"] = draw("dns", [[], ["67.207.67.2"], ["2001:db8::53", "67.207.67.3"]])
    tree = json.loads(read("GET/metadata/v1.json"))
    public = tree["interfaces"]["public"][0]
    for family in ("ipv6", "anchor_ipv4"):
        if maybe(0.3):
            public.pop(family, None)
            drawn.append("no " + family)
    change["interfaces/public"] = [public]
    if maybe(0.3):
        change["interfaces/private"] = draw("private", {"gone": None, "empty": []})
    return changed("GET/metadata/v1.json", change)


def upcloud():
    change = {"hostname": name(), "public_keys": keys(), "user_data": text("user-data") if maybe(0.9) else None, "vendor_data": vendor("vendor-data"), "region": draw("region", ["fi-hel2", "us-chi1"])}
    # One root has others in the list.
    cards = [card for card in json.loads(read("GET/metadata/v1.json"))["network"]["interfaces"] if isinstance(card, dict)]
    for number, card in enumerate(cards):
        addresses = [
            {"address": four(number), "dhcp": maybe(), "dns": draw("dns", [None, [], ["10.0.0.2"], ["10.0.0.2", "10.0.0.3"]]), "family": "IPv4", "floating": False,
             "gateway": draw("gateway", ["", "10.%d.0.1" % number]), "network": "10.%d.0.0/16" % number},
            {"address": four(number), "dhcp": False, "dns": None, "family": "IPv4", "floating": True, "gateway": "", "network": four(number) + "/32"},
            {"address": six(number), "dhcp": maybe(), "dns": draw("dns", [None, ["2001:db8::53"]]), "family": "IPv6", "floating": False,
             "gateway": draw("gateway", ["", "2001:db8:%x::1" % number]), "network": "2001:db8:%x::/64" % number}]
        card["ip_addresses"] = few(addresses, 3)
        drawn.append("%d addresses" % len(card["ip_addresses"]))
    change["network/interfaces"] = cards[: draw("cards", [1, 2, 3])]
    return changed("GET/metadata/v1.json", change)


def scaleway():
    change = {"hostname": name(), "ssh_public_keys": [{"key": key, "fingerprint": "256 aa:bb"} for key in keys()]}
    change["tags"] = draw("tags", {"none": [], "words": ["blue", "AUTHORIZED_KEY"], "a key": ["AUTHORIZED_KEY=" + ED.replace(" ", "_")], "two keys": [
        "AUTHORIZED_KEY=" + ED.replace(" ", "_") + "_a", "x", "AUTHORIZED_KEY=" + RSA.replace(" ", "_") + "_with_words"]})
    change["zone"] = draw("zone", ["fr-par-1", "nl-ams-2", "pl-waw-3"])
    ips = [{"id": "a1", "address": "51.15.10.20", "family": "inet", "netmask": "32", "gateway": "62.210.0.1", "dynamic": False, "provisioning_mode": "dhcp"},
           {"id": "a2", "address": "51.15.10.21", "family": "inet", "netmask": "32", "gateway": "62.210.0.1", "dynamic": False, "provisioning_mode": "manual"},
           {"id": "a3", "address": "2001:bc8:1640::2", "family": "inet6", "netmask": "64", "gateway": "fe80::dc00:ff:fe1a:2b3d", "dynamic": False, "provisioning_mode": "slaac"},
           {"id": "a4", "address": "2001:bc8:1640::3", "family": "inet6", "netmask": "128", "gateway": "fe80::1", "dynamic": False, "provisioning_mode": "slaac"}]
    change["public_ips"] = few(ips, 4)
    drawn.append("addresses are " + " ".join(ip["id"] for ip in change["public_ips"]))
    if maybe(0.1):
        change["public_ips"] = None
    change["location"] = draw("location", {"usual": {"platform_id": "14", "zone_id": "par1"}, "gone": None})
    return {**changed("GET/conf", change), **documents(**{"user-data": "GET/user_data/cloud-init", "vendor-data": "GET/vendor_data/cloud-init"})}


def oracle():
    some = keys()
    data = draw("user-data", BYTES)
    metadata = {"ssh_authorized_keys": draw("between keys", ["\n", "\r\n", "\n\n"]).join(some)} if some else {}
    if maybe(0.9):
        metadata["user_data"] = base64.b64encode(data).decode()
    change = {"hostname": name(), "displayName": "web-1", "metadata": metadata}
    change["canonicalRegionName"] = draw("region", ["us-phoenix-1", "eu-frankfurt-1"])
    change["region"] = draw("short region", ["phx", "eu-frankfurt-1"])
    cards = json.loads(read("GET/opc/v2/vnics"))
    for number, card in enumerate(cards):
        card["macAddr"] = draw("mac", [card["macAddr"].upper(), card["macAddr"].lower()])
        if maybe(0.4):
            card.update(ipv6Addresses=[six(number)], ipv6SubnetCidrBlock="2001:db8:%x::/64" % number, ipv6VirtualRouterIp="fe80::200:17ff:fe00:1")
            drawn.append("ipv6")
        for key in few(["nicIndex", "virtualRouterIp", "vlanTag"], 1):
            card.pop(key, None)
    cards = cards[: draw("cards", [1, 2])]
    return {**changed("GET/opc/v2/instance", change), "GET/opc/v2/vnics": json.dumps(cards)}


def nwcs():
    change = {"hostname": name(), "public-keys": keys(), "userdata": text("user-data") if maybe(0.9) else None, "vendordata": vendor("vendor-data")}
    card = macs()[0]
    subnets = [draw("subnet", [{"type": "dhcp"}, {"type": "dhcp4"}, {"type": "static", "address": "203.0.113.5/24", "gateway": "203.0.113.1", "dns_nameservers": ["203.0.113.2"]},
                               {"type": "static", "address": "203.0.113.5", "netmask": "255.255.255.0", "gateway": "203.0.113.1"}])]
    subnets += few([{"type": "dhcp6"}, {"type": "static6", "address": six(1) + "/64", "gateway": "fe80::1"}, {"type": "ipv6_slaac"}], 1)
    config = [{"type": "physical", "name": draw("card", ["ens18", "eth0", "ens3"]), "mac_address": card, "subnets": subnets, **({"mtu": 1450} if maybe(0.3) else {})}]
    config += few([{"type": "nameserver", "address": ["203.0.113.2", "2001:db8::53"], "search": ["example.org"]}])
    change["network"] = draw("network", {"given": {"version": 1, "config": config}, "gone": None}) if maybe(0.2) else {"version": 1, "config": config}
    return changed("GET/api/v1/metadata", change)


def gce():
    def block(users):
        return draw("between keys", ["\n", "\n\n", "\r\n"]).join("%s:%s" % (draw("user", users), key) for key in keys())

    later = ' google-ssh {"userName":"a@b","expireOn":"%s"}'
    attributes = {}
    for key in ("ssh-keys", "sshKeys"):
        if maybe(0.6):
            attributes[key] = block(["cloudinit", "debian", "ubuntu", "ada"])
            if maybe():
                attributes[key] += "\ncloudinit:" + EC + later % draw("end", ["2999-12-04T20:12:00+0000", "2020-12-04T20:12:00+0000", "soon", "2999-12-04T20:12:00Z"])
    for key in ("user-data", "startup-script"):
        if maybe(0.8):
            attributes[key] = text(key)
            if key == "user-data" and maybe(0.3):
                attributes["user-data-encoding"] = draw("encoding", ["base64", "BASE64", "gzip", ""])
    if maybe():
        attributes["block-project-ssh-keys"] = draw("block", ["TRUE", "true", "FALSE", "True", "1", ""])
    tree = json.loads(read("GET/computeMetadata/v1/_"))
    project = {"ssh-keys": block(["cloudinit", "debian"])} if maybe(0.7) else {}
    tree["instance"].update(attributes=attributes, hostname=name(), zone="projects/1/zones/" + draw("zone", ["europe-west3-c", "us-central1-a", "asia-east1-b"]))
    tree["project"]["attributes"] = project
    instance, root = tree["instance"], "GET/computeMetadata/v1/"
    return {root + "_": json.dumps(tree, ensure_ascii=False), root + "instance/attributes/_": json.dumps(attributes), root + "project/attributes/_": json.dumps(project),
            root + "instance/hostname": instance["hostname"], root + "instance/zone": instance["zone"]}


def akamai():
    files = changed("GET/v1/instance", {"label": name(), "region": draw("region", ["us-iad", "eu-central", ""])})
    if has("GET/v1/ssh-keys"):
        some = {user: keys(1) for user in random.sample(["root", "ada", "grace"], random.randint(0, 2))}
        files["GET/v1/ssh-keys"] = json.dumps({"users": some} if some or maybe() else {})
    data = draw("user-data", BYTES)
    files["GET/v1/user-data"] = None if maybe(0.1) else base64.encodebytes(data) if maybe() else base64.b64encode(data)
    return files


def cloudcix():
    card = {"match": {"macaddress": macs()[0]}, "set-name": "eth0"}
    card["addresses"] = few(["10.0.0.2/24", "192.168.0.2/24", six(1) + "/64"], 3)
    card["dhcp4"], card["mtu"] = maybe(), draw("mtu", [1500, 1400])
    card["nameservers"] = draw("name servers", [{"addresses": ["10.0.0.1"], "search": ["cloudcix.com"]}, {"addresses": ["10.0.0.1", "2001:db8::53"]}, {}])
    card["routes"] = draw("routes", [[], [{"to": "default", "via": "10.0.0.1"}], [{"to": "0.0.0.0/0", "via": "10.0.0.1"}, {"to": "::/0", "via": "fe80::1", "on-link": True}],
                                     [{"to": "10.9.0.0/16", "via": "10.0.0.3", "metric": 50}]])
    change = {"network": {"version": 2, "ethernets": {"eth0": card}}, "instance_id": draw("instance-id", ["12_34", "i-1"])}
    return {**changed("GET/v1/metadata", change), **documents(**{"user-data": "GET/v1/userdata"})}


def bigstep():
    change = {"metadata/local-hostname": name(), "metadata/public-keys": {"key-%d" % n: key for n, key in enumerate(keys())}, "userdata_raw": text("user-data"),
              "vendordata_raw": vendor("vendor-data"), "metadata/availability-zone": draw("zone", ["uk-reading", "us-1a"])}
    return changed("GET/metadata", change)


def lines():
    return draw("between keys", ["\n", "\r\n", "\n\n"]).join(keys()) + draw("end of keys", ["", "\n"])


def stack(base):
    def files():
        found = {base + "meta-data/local-hostname": name(), base + "meta-data/public-keys": lines() if maybe(0.8) else None}
        found[base + "meta-data/availability-zone"] = draw("zone", ["zone-a", "ch-gva-2", "Zone with words"])
        return {**found, **documents(**{"user-data": base + "user-data"})}

    return files


def tree(base):
    def files():
        host = name()
        found = {base + "meta-data/" + leaf: host for leaf in ("hostname", "local-hostname") if has(base + "meta-data/" + leaf)}
        place = base + "meta-data/public-keys/"
        if has(place + "0/openssh-key"):
            found[place + "_"] = draw("list of keys", ["0=my-key", "0=my key", "0=my=key", "0=", "0=a/b"])
            found[place + "0/openssh-key"] = draw("key", KEYS) + draw("end of key", ["", "\n", "\r\n"])
        zone = base + "meta-data/placement/availability-zone"
        if has(zone):
            found[zone] = draw("zone", ["eu-central-1b", "us-gov-west-1a", "cn-north-1b", "us-east-1-bos-1a", "eu-central-1-wl1-ber-wlz-1", "ap-southeast-2c"])
        return {**found, **documents(**{"user-data": base + "user-data", "vendor-data": base + "vendor-data"})}

    return files


def aliyun():
    path = "GET/2016-01-01/meta-data/all"
    some = {str(n): {"openssh-key": key + draw("end of key", ["", "\n"])} for n, key in enumerate(keys())}
    change = {"hostname": name(), "public-keys": some if some or maybe() else None, "zone-id": draw("zone", ["cn-hangzhou-i", "us-west-1a", "eu-central-1b"])}
    base = "GET/2016-01-01/"
    return {**changed(path, change), **documents(**{"user-data": base + "user-data", "vendor-data": base + "vendor-data"})}


def maas():
    base = "GET/MAAS/metadata/2012-03-01/"
    found = {base + "meta-data/local-hostname": name(), base + "meta-data/public-keys": lines() if maybe(0.8) else None}
    found[base + "meta-data/vendor-data"] = json.dumps(vendor("vendor-data")) if maybe(0.8) else None
    return {**found, **documents(**{"user-data": base + "user-data"})}


def azure():
    path = "GET/metadata/instance"
    host = name()
    change = {"compute/osProfile/computerName": host, "compute/name": host, "compute/location": draw("region", ["westeurope", "usgovvirginia", "chinaeast2"])}
    change["compute/zone"] = draw("zone", ["", "1", "3"])
    end = draw("end of keys", ["", "\n", "\r\n"])
    change["compute/publicKeys"] = [{"keyData": key + end, "path": "/home/ada/.ssh/authorized_keys"} for key in keys()]
    change["compute/azEnvironment"] = draw("cloud", ["AzurePublicCloud", "AzureUSGovernmentCloud", "AzureChinaCloud"])
    data = draw("user-data", BYTES)
    change["compute/userData"] = draw("encoded", {"in one line": base64.b64encode(data).decode(), "in lines": base64.encodebytes(data).decode(), "nothing": ""})
    mac = macs()[0].replace(":", "").upper()

    def family(net, count, prefix):
        address = six if prefix == "64" else four
        return {"ipAddress": [{"privateIpAddress": address(net), "publicIpAddress": ""} for _ in range(count)],
                **({"subnet": [{"address": "10.0.0.0", "prefix": prefix}]} if prefix == "24" or count else {})}

    counts = random.randint(1, 3), random.randint(0, 2)
    drawn.append("addresses are %d and %d" % counts)
    change["network/interface"] = [{"ipv4": family(0, counts[0], "24"), "ipv6": family(1, counts[1], "64"), "macAddress": mac}]
    return changed(path, change)


CLOUDS = [
    ("GET/openstack/latest/meta_data.json", openstack), ("GET/hetzner/v1/metadata/_", hetzner), ("GET/v1.json", vultr), ("GET/conf", scaleway),
    ("GET/opc/v2/instance", oracle), ("GET/api/v1/metadata", nwcs), ("GET/computeMetadata/v1/_", gce), ("GET/v1/instance", akamai),
    ("GET/v1/metadata", cloudcix), ("GET/metadata/instance", azure), ("GET/1.0/meta-data/_", stack("GET/1.0/")),
    ("GET/latest/meta-data/cloud-identifier", stack("GET/latest/")), ("GET/2016-01-01/meta-data/all", aliyun), ("GET/2016-01-01/meta-data/_", tree("GET/2016-01-01/")),
    ("GET/MAAS/metadata/2012-03-01/meta-data/instance-id", maas), ("GET/latest/meta-data/_", tree("GET/latest/")),
]


def generator():
    for path, generate in CLOUDS:
        if has(path):
            return generate
    if has("GET/metadata/v1.json"):
        return digitalocean if "droplet_id" in json.loads(read("GET/metadata/v1.json")) else upcloud
    return bigstep if has("GET/metadata") else None


def line(path, what, body):
    if isinstance(body, str):
        body = body.encode()
    packed = None if body is None else base64.b64encode(body).decode()
    print(json.dumps({"file": path, "what": what, "body": packed}))


def main():
    generate = generator()
    for number in range(COUNT if generate else 0):
        random.seed("%s %d" % (SEED, number))
        drawn.clear()
        files = generate()
        what = "payload %d: %s" % (number, "; ".join(drawn))
        for path, body in files.items():
            # What is gone may not have been there.
            if body is not None or has(path):
                line(path, what, body)
                what = None


main()
