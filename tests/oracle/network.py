"""Network configuration as cloud-init makes it of what clouds say, one JSON object per line.

    network.py SEED COUNT [KIND …]     COUNT generated inputs of each kind (all that this cloud-init can do)

cloud-init and its modules are found by PYTHONPATH. Each line has the `kind`, its `input`, the `links` of the machine, and what
cloud-init makes of it: `expected`, or the `error` it stops with. After each line it waits for one. tests/it/network.rs compares
ours. Kinds whose behaviour is younger than this cloud-init are left out.
"""

import ipaddress
import json
import logging
import random
import sys
import types
from unittest import mock

sys.dont_write_bytecode = True
# For passwords, of which there are none here; Python 3.13 has it no more.
sys.modules.setdefault("crypt", types.ModuleType("crypt"))

import cloudinit.net  # noqa: E402
from cloudinit.net import eni, netplan, network_state  # noqa: E402
from cloudinit.sources import DataSourceAzure, DataSourceEc2, DataSourceHetzner, DataSourceLXD  # noqa: E402
from cloudinit.sources import DataSourceOpenNebula, DataSourceScaleway, DataSourceSmartOS  # noqa: E402
from cloudinit.sources.helpers import digitalocean, openstack  # noqa: E402


class Writer:
    """One machine and what its cloud says, from one source of randomness."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.links = []

    def one(self, values):
        return self.random.choice(values)

    def chance(self, probability):
        return self.random.random() < probability

    def some(self, least, most):
        return range(self.random.randint(least, most))

    def mac(self):
        return "52:54:%02x:%02x:%02x:%02x" % tuple(self.random.randrange(256) for _ in range(4))

    def link(self, name, mac=None, driver=None, **facts):
        link = {"name": name, "mac": mac or self.mac(), "driver": driver, "physical": True, "master": None, "carrier": True}
        link.update(facts)
        self.links.append(link)
        return link

    def machine(self, most, driver=None):
        """Cards, a loopback, and now and then a strange one."""
        self.link("lo", "00:00:00:00:00:00", physical=False)
        names = self.one([["eth0", "eth1", "eth2", "eth3"], ["ens5", "ens6", "ens7", "ens10"], ["enp1s0", "eth0", "ens3", "enX1"]])
        return [self.link(name, driver=driver or self.one([None, "virtio_net", "ena"])) for name in names[: self.random.randint(1, most)]]

    def ip4(self):
        return str(ipaddress.ip_address(self.random.randrange(0x0A000001, 0x0AFFFFFE)))

    def ip6(self):
        low = self.random.getrandbits(self.one([16, 64]))
        return str(ipaddress.ip_address((0x20010DB8 << 96) | (self.random.getrandbits(16) << 64) | low))

    def block4(self):
        return str(ipaddress.ip_network("%s/%d" % (self.ip4(), self.one([16, 20, 24, 28])), strict=False))

    def block6(self):
        return str(ipaddress.ip_network(self.ip6() + "/64", strict=False))

    def name(self):
        return self.one(["example.com", "internal", "a.b.example", "corp"])


def by_mac(links):
    return {link["mac"]: link["name"] for link in links if link["name"] != "lo" and not link["master"]}


def interfaces(links):
    return [(link["name"], link["mac"], link["driver"], None) for link in links if not link["master"]]


# --- what the clouds say


def ec2(w):
    cards = w.machine(4)
    macs = {}
    for number, card in enumerate(cards):
        if w.chance(0.1):
            continue
        told = {"mac": card["mac"], "owner-id": "1", "device-number": w.one([str(number), str(number), "0", "7"])}
        if w.chance(0.15):
            del told["device-number"]
        if w.chance(0.3):
            told["network-card"] = w.one(["0", "1"])
        if w.chance(0.95):
            told["local-ipv4s"] = w.one([w.ip4(), [w.ip4() for _ in w.some(1, 4)]])
        if w.chance(0.9):
            told["subnet-ipv4-cidr-block"] = w.block4()
        if w.chance(0.4):
            told["ipv6s"] = w.one([w.ip6(), [w.ip6() for _ in w.some(1, 3)]])
            if w.chance(0.8):
                told["subnet-ipv6-cidr-blocks"] = w.one([w.block6(), [w.block6() for _ in w.some(1, 2)]])
            if w.chance(0.2):
                told["subnet-ipv6-cidr-block"] = w.block6()
        macs[card["mac"]] = told
    if w.chance(0.2):
        macs[w.mac()] = {"device-number": "9", "local-ipv4s": w.ip4()}
    return {"meta_data": {"instance-id": "i-1", "network": {"interfaces": {"macs": macs}}}, "tables": w.chance(0.6)}


def ec2_expected(told, links):
    macs = told["meta_data"]["network"]["interfaces"]["macs"]
    names = {name: mac for mac, name in by_mac(links).items()}

    def lease(nic, **_):
        block = ipaddress.ip_network(macs[names[nic]]["subnet-ipv4-cidr-block"])
        return {"routers": str(block[1])}

    distro = mock.Mock()
    distro.dhcp_client.dhcp_discovery = lease
    distro.network_renderer = netplan.Renderer() if told["tables"] else eni.Renderer()
    made = DataSourceEc2.convert_ec2_metadata_network_config(told["meta_data"]["network"], distro, by_mac(links))
    for device in made["ethernets"].values():
        # It runs in the real root, and gives each card the name that it has there.
        del device["set-name"]
    return made if made["ethernets"] else None


def hetzner(w):
    cards = w.machine(3)
    subnets = [{"type": "dhcp", "ipv4": True, "dns_nameservers": ["185.12.64.1"]}]
    if w.chance(0.7):
        subnets.append({"type": "static", "ipv6": True, "address": w.ip6() + "/64", "gateway": "fe80::1", "dns_nameservers": ["2a01:4ff:ff00::add:1"]})
    public = {"type": "physical", "name": "eth0", "mac_address": cards[0]["mac"], "subnets": subnets}
    networks = [
        {"ip": w.ip4(), "alias_ips": [], "interface_num": n, "mac_address": card["mac"], "network_id": n, "network": w.block4()}
        for n, card in enumerate(cards[1:], 1)
    ]
    told = {"instance-id": "1", "network-config": {"version": 1, "config": [public]}}
    if networks or w.chance(0.8):
        told["private-networks"] = networks
    return told


def hetzner_expected(told, links):
    source = DataSourceHetzner.DataSourceHetzner.__new__(DataSourceHetzner.DataSourceHetzner)
    source._network_config = cloudinit.sources.UNSET
    source.metadata = json.loads(json.dumps(told))
    with mock.patch("cloudinit.net.get_interfaces_by_mac", lambda: by_mac(links)):
        return source.network_config


def digital_ocean(w):
    cards = w.machine(3)
    told = {}
    for kind, card in zip(w.one([["public", "private"], ["private", "public"], ["public", "private", "management"]]), cards):
        nic = {"mac": card["mac"] if w.chance(0.97) else w.mac(), "type": kind}
        for key in ("ipv4", "anchor_ipv4"):
            if w.chance(0.7):
                nic[key] = {"ip_address": w.ip4(), "netmask": w.one(["255.255.240.0", "255.255.0.0", "255.255.255.255"]), "gateway": w.ip4()}
        for key in ("ipv6", "anchor_ipv6"):
            if w.chance(0.4):
                nic[key] = {"ip_address": w.ip6(), "cidr": w.one([64, 124, "64"]), "gateway": w.ip6()}
        # A public interface has an address at which a gateway can stand.
        for own, anchor in (("ipv4", "anchor_ipv4"), ("ipv6", "anchor_ipv6")):
            if own not in nic:
                nic.pop(anchor, None)
        told[kind] = [nic]
    return {"droplet_id": 1, "interfaces": told, "dns": {"nameservers": w.one([["67.207.67.2", w.ip6()], [], None])}}


def digital_ocean_expected(told, links):
    with mock.patch("cloudinit.net.get_interfaces_by_mac", lambda: by_mac(links)):
        return digitalocean.convert_network_configuration(told["interfaces"], told["dns"]["nameservers"])


def azure(w):
    cards = w.machine(4, "hv_netvsc")
    nics = []
    for card in cards:
        if w.chance(0.3):
            card["driver"] = w.one([None, "mlx4_core"])
        elif w.chance(0.3):
            w.link(card["name"] + "vf", card["mac"], "mlx5_core", master=w.one([card["name"], None]))
        nic = {"macAddress": w.one([card["mac"].replace(":", "").upper(), card["mac"]])}
        for family, ip, prefix in (("ipv4", w.ip4, "20"), ("ipv6", w.ip6, "64")):
            if w.chance(0.8 if family == "ipv4" else 0.4):
                addresses = [{"privateIpAddress": ip(), "publicIpAddress": ""} for _ in w.some(0, 3)]
                nic[family] = {"ipAddress": addresses, "subnet": [w.one([{}, {"prefix": prefix}, {"prefix": prefix}])]}
        nics.append(nic)
    return {"compute": {"location": "westeurope"}, "network": {"interface": nics}}


def azure_expected(told, links):
    with mock.patch("cloudinit.net.get_interfaces", lambda: interfaces(links)):
        made = DataSourceAzure.generate_network_config_from_instance_network_metadata(
            told["network"], apply_network_config_for_secondary_ips=True, apply_network_config_set_name=True
        )
    return made if made["ethernets"] else None


def fallback(links):
    """The card that cloud-init takes if nobody names one, as it finds it in this machine."""
    facts = {link["name"]: link for link in links}
    carrier = lambda name, field: int(facts[name]["carrier"] or False) if field == "carrier" else False  # noqa: E731
    with mock.patch.multiple(
        "cloudinit.net",
        get_interfaces=lambda **_: interfaces(links),
        get_devicelist=lambda: list(facts),
        read_sys_net_int=carrier,
        read_sys_net_safe=lambda *_: "down",
    ), mock.patch("cloudinit.util.get_cmdline", lambda: "net.ifnames=0"):
        return cloudinit.net.find_fallback_nic_on_linux()


def carriers(w, cards):
    for card in cards:
        card["carrier"] = w.one([True, True, False, None])


def scaleway(w):
    cards = w.machine(3)
    carriers(w, cards)
    ips = []
    for _ in w.some(1, 4):
        if w.chance(0.5):
            ips.append({"family": "inet", "address": w.ip4(), "netmask": w.one(["32", "24"]), "gateway": "62.210.0.1", "dynamic": False})
        else:
            ips.append({"family": "inet6", "address": w.ip6(), "netmask": w.one(["64", "128", 64]), "gateway": w.one([w.ip6(), "fe80::1"])})
    leased = w.one(ips)
    leased = leased["address"] if leased["family"] == "inet" else w.one([None, w.ip4()])
    return {"metadata": {"id": "1", "public_ips": ips}, "leased": leased}


def scaleway_expected(told, links):
    source = DataSourceScaleway.DataSourceScaleway.__new__(DataSourceScaleway.DataSourceScaleway)
    source._network_config = cloudinit.sources.UNSET
    source.metadata = told["metadata"]
    source.ephemeral_fixed_address = told["leased"]
    source.distro = mock.Mock()
    source.distro.fallback_interface = fallback(links)
    return by_address(json.loads(json.dumps(source.network_config)), links)


def by_address(made, links):
    """The same with cards that are matched by their addresses: cloud-init knows what they are called in the real root."""
    for name, device in (made or {}).get("ethernets", {}).items():
        device["match"] = {"macaddress": link["mac"] for link in links if link["name"] == name}
    return made


def lxd(w):
    cards = w.machine(3) if w.chance(0.8) else []
    carriers(w, cards)
    if w.chance(0.3):
        w.link("veth1234", physical=False)
    return {"virt": w.one(["lxc", "kvm", "qemu"]), "arch": w.one(["x86_64", "aarch64", "ppc64le", "s390x"])}


def lxd_expected(told, links):
    with mock.patch.multiple("cloudinit.subp", which=lambda _: True, subp=lambda _: (told["virt"] + "\n", "")), mock.patch.object(
        DataSourceLXD, "find_fallback_nic", lambda: fallback(links)
    ), mock.patch("cloudinit.util.system_info", lambda: {"uname": [0, 0, 0, 0, told["arch"]]}):
        made = DataSourceLXD.generate_network_config()
    if not fallback(links):
        return made
    # A card that keeps its name is none of version 1's.
    return by_address({"version": 2, "ethernets": {fallback(links): {"dhcp4": True}}}, links)


def smartos(w):
    nics = []
    for number in w.some(0, 3):
        nic = {"interface": "net%d" % number, "mac": w.mac(), "mtu": w.one([1500, 9000]), "nic_tag": "external", "vlan_id": 0}
        ips = [w.ip4() + "/24" for _ in w.some(0, 2)] + [w.ip6() + "/64" for _ in w.some(0, 2)]
        nic["ips"] = w.one([ips, ["dhcp"] + ips, ["dhcp", "addrconf"], ["addrconf"] + ips])
        if w.chance(0.7):
            nic["gateways"] = [w.one([w.ip4, w.ip6])() for _ in w.some(0, 3)]
        if w.chance(0.5):
            nic["primary"] = w.chance(0.8)
        if w.chance(0.1):
            del nic["mac"], nic["mtu"]
        nics.append(nic)
    routes = [{"linklocal": False, "dst": w.one([w.block4, w.block6])(), "gateway": w.ip4()} for _ in w.some(0, 2)]
    return {
        "nics": nics,
        "resolvers": w.one([[w.ip4(), w.ip6()], [], None]),
        "domain": w.one([None, w.name(), [w.name()]]),
        "routes": w.one([routes, None]),
    }


def smartos_expected(told, _links):
    made = DataSourceSmartOS.convert_smartos_network_data(told["nics"], told["resolvers"], told["domain"], told["routes"])
    for element in made["config"]:
        if any(subnet["type"] == "dhcp4" for subnet in element.get("subnets", [])):
            # The lease tells it.
            element.pop("mtu", None)
    return made if told["nics"] else None


def openstack_network(w):
    cards = w.machine(4)
    links, networks = [], []
    for number, card in enumerate(cards):
        link = {"id": "tap%d" % number, "vif_id": "v%d" % number, "type": w.one(["ovs", "bridge", "phy", None]), "mtu": w.one([None, 1500, 9000])}
        link["ethernet_mac_address"] = w.one([str.lower, str.upper])(card["mac"]) if w.chance(0.97) else w.mac()
        if w.chance(0.2):
            link["name"] = card["name"]
        links.append(link)
    if len(links) > 1 and w.chance(0.4):
        bond = {"id": "bond-a", "type": "bond", "bond_links": ["tap0", "tap1"], "bond_mode": "802.3ad", "bond_miimon": 100}
        bond.update(w.one([{}, {"bond_xmit_hash_policy": "layer3+4"}, {"name": "team"}]))
        if w.chance(0.7):
            bond["ethernet_mac_address"] = cards[0]["mac"].upper()
        links.insert(w.random.randint(0, len(links)), bond)
    if w.chance(0.4):
        below = w.one(links)["id"]
        vlan = {"id": "vlan-a", "type": "vlan", "vlan_link": below, "vlan_id": w.one([101, "7"]), "vlan_mac_address": w.mac()}
        links.insert(w.random.randint(0, len(links)), vlan)
    for link in links:
        for number in w.some(0, 2):
            network = {"id": "network%d" % len(networks), "link": link["id"], "network_id": "n"}
            kind = w.one(["ipv4", "ipv6", "ipv4", "ipv6", "ipv4_dhcp", "ipv6_dhcp", "ipv6_slaac", "ipv6_dhcpv6-stateful", "ipv6_dhcpv6-stateless"])
            if kind.endswith("_dhcp") and any(n["type"] == kind and n["link"] == link["id"] for n in networks):
                continue
            network["type"] = kind
            if kind in ("ipv4", "ipv6"):
                four = kind == "ipv4"
                network["ip_address"] = w.ip4() if four else w.ip6()
                network["netmask"] = w.one(["255.255.240.0", "255.255.255.0"]) if four else w.one(["ffff:ffff:ffff:ffff::", "64"])
                everywhere = {"network": "0.0.0.0", "netmask": "0.0.0.0"} if four else {"network": "::", "netmask": "::"}
                routes = []
                if not any(n["type"] == kind and n["link"] == link["id"] for n in networks):
                    if w.chance(0.6):
                        routes.append({**everywhere, "gateway": w.ip4() if four else w.ip6()})
                    elif w.chance(0.3):
                        network["gateway"] = w.ip4() if four else w.ip6()
                    if w.chance(0.4):
                        net = w.block4() if four else w.block6()
                        plain, mask = net.split("/")
                        mask = str(ipaddress.ip_network(net).netmask)
                        routes.append({"network": plain, "netmask": mask, "gateway": w.ip4() if four else w.ip6(), "services": []})
                        if w.chance(0.5):
                            routes[-1]["services"].append({"type": "dns", "address": w.ip4()})
                network["routes"] = routes
                if w.chance(0.4):
                    network["services"] = [{"type": "dns", "address": w.one([w.ip4, w.ip6])()} for _ in w.some(0, 2)] + [{"type": "ntp", "address": w.ip4()}]
            networks.append(network)
    return {"links": links, "networks": networks, "services": [{"type": "dns", "address": w.one([w.ip4, w.ip6])()} for _ in w.some(0, 2)]}


def openstack_expected(told, links):
    return openstack.convert_net_json(told, known_macs=by_mac(links))


def opennebula(w):
    cards = w.machine(3)
    if w.chance(0.3):
        w.link("veth1", physical=False)
    context = {"VMID": "7", "DNS": w.one(["", w.ip4(), w.ip4() + " " + w.ip6()]), "ETH7_IP": w.ip4()}
    if w.chance(0.3):
        context["SEARCH_DOMAIN"] = w.one([w.name(), w.name() + " example.org"])
    for number, card in enumerate(cards):
        eth = "ETH%d_" % number
        if w.chance(0.15):
            continue
        if w.chance(0.8):
            context[eth + "MAC"] = w.one([str.lower, str.upper])(card["mac"])
        told = {"IP": w.ip4(), "MASK": w.one(["255.255.255.0", "255.255.0.0", "24", ""]), "GATEWAY": w.ip4(), "MTU": w.one(["1500", "9000"])}
        told.update({"IP6": w.ip6(), "IP6_ULA": w.ip6(), "IP6_PREFIX_LENGTH": w.one(["48", "64", ""]), "GATEWAY6": w.ip6(), "IP6_GATEWAY": w.ip6()})
        told.update({"DNS": w.ip4() + " " + w.ip4(), "SEARCH_DOMAIN": w.name(), "ROUTES": w.block4() + " via " + w.ip4() + ", " + w.block6() + " via " + w.ip6()})
        context.update((eth + key, w.one([value, value, ""])) for key, value in told.items() if w.chance(0.6))
    return context


def opennebula_expected(told, links):
    cards = {link["mac"]: link["name"] for link in links if link["physical"] and link["name"] != "lo"}
    return DataSourceOpenNebula.OpenNebulaNetwork(told, mock.Mock(), cards).gen_conf()


def interfaces_text(w):
    lines = ["# This file", ""]
    ups = {}
    names = w.one([["lo", "eth0"], ["eth0", "eth1"], ["ens3", "lo", "eth0", "eth0:1"], ["eth0"]])
    for name in names:
        if ups.setdefault(name.split(":")[0], w.chance(0.9)):
            lines.append("auto " + name)
        method = "loopback" if name == "lo" else "static" if ":" in name else w.one(["static", "dhcp"] + ["static", "manual"] * (name + ":1" not in names))
        family = w.one(["inet", "inet", "inet6"]) if method == "static" else "inet"
        lines.append("iface %s %s %s" % (name, family, method))
        options = []
        if method == "static":
            options = ["address " + (w.ip4() if family == "inet" else w.ip6()), "netmask " + ("255.255.255.0" if family == "inet" else "64")]
            if ":" not in name and w.chance(0.7):
                options.append("gateway " + (w.ip4() if family == "inet" else w.ip6()))
            if ":" not in name and w.chance(0.5):
                options.append("dns-nameservers " + " ".join([w.ip4(), w.ip6()]))
            if ":" not in name and w.chance(0.5):
                options.append("dns-search " + " ".join([w.name(), "example.org"]))
        elif method != "dhcp" and w.chance(0.6):
            options += ["dns-nameservers " + w.ip4(), "dns-search " + w.name()]
        if method != "loopback" and ":" not in name and w.chance(0.2):
            options.append(w.one(["hwaddress ether ", "hwaddress "]) + w.mac())
        w.random.shuffle(options)
        lines += ["    " + option for option in options] + [""]
    return "\n".join(lines) + "\n"


def interfaces_expected(told, _links):
    made = eni.convert_eni_data(told)
    for element in made["config"]:
        # An interface without addresses has no subnets, unless name servers stand there.
        element["subnets"] = [subnet for subnet in element["subnets"] if (subnet["type"], subnet["control"]) != ("manual", "auto") or "dns_search" in subnet]
        for subnet in element["subnets"]:
            del subnet["_orig_eni_name"]
            if ":" in subnet.get("address", ""):
                # Another way to write the same.
                subnet["address"] += "/" + subnet.pop("netmask")
    return made


# --- documents, as their version 2


def subnets(w):
    made = [{"type": w.one(["dhcp", "dhcp4"])} for _ in w.some(0, 1)]
    made += [{"type": w.one(["dhcp6", "ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful"])} for _ in w.some(0, 1) if w.chance(0.5)]
    for subnet in made:
        if w.chance(0.3):
            subnet["metric"] = w.one([100, 1024])
    for four in w.one([[], [True], [False], [True, False], [True, True], [True, False, False]]):
        ip, mask = (w.ip4(), w.one([24, "16", "255.255.255.128"])) if four else (w.ip6(), w.one([64, "56", "ffff:ffff:ffff::"]))
        subnet = {"type": "static" if four else w.one(["static", "static6"]), "address": ip}
        if w.chance(0.4):
            subnet["netmask"] = mask
        elif w.chance(0.8):
            subnet["address"] += "/%s" % str(mask).replace("ffff:ffff:ffff::", "48")
        if w.chance(0.4) and not any("gateway" in other for other in made):
            subnet["gateway"] = w.ip4() if four else w.one([w.ip6(), "fe80::1"])
        if w.chance(0.3):
            subnet["dns_nameservers"] = w.one([[w.ip4(), w.ip6()], w.ip4(), w.ip4() + " " + w.ip4()])
        if w.chance(0.3):
            subnet["dns_search"] = w.one([[w.name(), w.name()], w.name()])
        if w.chance(0.2):
            subnet["metric"] = w.one([50, 300])
        if w.chance(0.2):
            subnet["mtu"] = w.one([1400, 9000])
        for _ in w.some(0, 2):
            if w.chance(0.5):
                net = w.block4()
                plain, mask = net.split("/")
                mask = w.one([mask, str(ipaddress.ip_network(net).netmask)])
                route = w.one([{"network": net}, {"destination": net}, {"network": plain, "netmask": mask}])
                route["gateway"] = w.ip4()
            else:
                route = {"network": w.block6(), "gateway": w.ip6()}
            if w.chance(0.3):
                route["metric"] = w.one([5, "7"])
            subnet.setdefault("routes", []).append(route)
        made.append(subnet)
    return made


def version1(w):
    names = w.random.sample(["eth0", "eth1", "ens3", "enp1s0"], w.random.randint(1, 4))
    elements = []
    for name in names:
        element = {"type": "physical", "name": name}
        if w.chance(0.7):
            element["mac_address"] = w.one([str.lower, str.upper])(w.mac())
        elements.append(element)
    if len(names) > 1 and w.chance(0.3):
        params = {"bond-mode": w.one(["active-backup", "802.3ad"]), "bond-miimon": 100, "bond_lacp-rate": "fast", "bond-xmit-hash-policy": "layer3+4"}
        elements.append({"type": "bond", "name": "bond0", "bond_interfaces": sorted(names[:2]), "params": params})
    elif w.chance(0.3):
        params = {"bridge_stp": w.one(["on", "off", True, 0]), "bridge_fd": 1, "bridge_pathcost": ["%s 50" % name for name in names], "bridge_maxwait": 0}
        elements.append({"type": "bridge", "name": "br0", "bridge_interfaces": sorted(names), "params": params})
    if w.chance(0.3):
        elements.append({"type": "vlan", "name": "vlan7", "vlan_id": w.one([7, "7"]), "vlan_link": names[0]})
    for element in elements:
        element["subnets"] = subnets(w)
        if w.chance(0.2):
            element["mtu"] = w.one([1500, 1280])
        if w.chance(0.2):
            element["accept-ra"] = w.one([True, False, "true", "off"])
        if w.chance(0.1) and element["type"] == "physical":
            element["keep_configuration"] = w.chance(0.5)
        if element["type"] in ("bond", "bridge", "vlan") and w.chance(0.3):
            element["mac_address"] = w.mac()
        if w.chance(0.1):
            del element["subnets"]
    if w.chance(0.3):
        elements.append({"type": "nameserver", "address": w.one([[w.ip4()], w.ip4()]), "search": w.one([[w.name()], w.name()])})
    document = {"version": 1, "config": elements}
    return w.one([document, {"network": document}])


def version1_expected(told, _links):
    """What the renderer for netplan writes, with networks for words, and lists in order of their elements."""
    state = network_state.parse_net_config_data(told.get("network", told))
    with mock.patch("cloudinit.safeyaml.dumps", lambda section, **_: json.dumps(section) + "\n"):
        text = netplan.Renderer({"features": ["ipv6-mtu"]})._render_content(state)
    made = {"version": 2}
    for line in text.splitlines()[2:]:
        made.update(json.loads(line))
    for section in ("ethernets", "bonds", "bridges", "vlans"):
        for name, device in made.get(section, {}).items():
            for route in device.get("routes", []):
                # Whether the router is on the link is the renderer's to find out.
                route.pop("on-link", None)
                if route["to"] == "default":
                    route["to"] = "::/0" if ":" in route["via"] else "0.0.0.0/0"
            if "id" in device:
                device["id"] = int(device["id"])
    return made


def version2(w):
    """A document, and beside it what is known of it."""
    document, known = {"version": 2, "renderer": "networkd"}, {"version": 2}

    def tell(device, twin, key, value, written=None):
        device[key] = value
        twin[key] = value if written is None else written

    for section in w.random.sample(["ethernets", "bonds", "bridges", "vlans"], w.random.randint(1, 4)):
        for number in w.some(1, 2):
            name, device, twin = section[:-1] + str(number), {}, {}
            document.setdefault(section, {})[name] = device
            known.setdefault(section, {})[name] = twin
            if section == "ethernets" and w.chance(0.7):
                match = w.one([{"macaddress": w.mac()}, {"name": "en*"}, {"driver": "virtio_net"}, {"macaddress": w.mac(), "driver": "ena"}])
                tell(device, twin, "match", match)
                if w.chance(0.5):
                    tell(device, twin, "set-name", "lan%d" % number)
            for key in ("dhcp4", "dhcp6", "accept-ra", "optional", "critical", "wakeonlan"):
                if w.chance(0.3):
                    tell(device, twin, key, *w.one([(True,), (False,), ("yes", True), ("false", False)]))
            for key in ("dhcp4-overrides", "dhcp6-overrides"):
                if w.chance(0.2):
                    flags = ["use-dns", "use-hostname", "use-mtu", "use-ntp", "use-routes", "send-hostname"]
                    overrides = {flag: w.chance(0.5) for flag in w.random.sample(flags, 2)}
                    overrides.update(w.one([{}, {"route-metric": 50}, {"hostname": "a"}, {"use-domains": "route"}, {"use-domains": False}]))
                    tell(device, twin, key, overrides)
            if w.chance(0.5):
                own = [w.ip4() + "/24", w.ip6() + "/64"]
                tell(device, twin, "addresses", w.one([own, [own[0], {own[1]: {"lifetime": 0, "label": "a:b"}}]]), own)
            routes = []
            for _ in w.some(0, 2):
                to, via = w.one([(w.block4(), w.ip4()), (w.block6(), w.ip6()), ("default", w.ip4()), ("default", "fe80::1")])
                more = w.one([{}, {"metric": 7}, {"table": 101}, {"on-link": True}, {"mtu": 1400}])
                device.setdefault("routes", []).append({"to": to, "via": via, "type": "unicast", **more})
                routes.append({"to": to if to != "default" else "::/0" if ":" in via else "0.0.0.0/0", "via": via, **more})
            for key, router in (("gateway4", w.ip4()), ("gateway6", w.ip6())):
                if w.chance(0.2):
                    device[key] = router
                    routes.append({"to": "0.0.0.0/0" if key == "gateway4" else "::/0", "via": router})
            twin["routes"] = routes
            if w.chance(0.3):
                tell(device, twin, "routing-policy", [{"from": w.ip4(), "table": 101}, {"to": w.block6(), "table": 102, "priority": 3}])
            if w.chance(0.3):
                tell(device, twin, "nameservers", {"addresses": [w.ip4(), w.ip6()], "search": [w.name()]})
            if w.chance(0.2):
                tell(device, twin, "mtu", *w.one([(1400,), ("9000", 9000)]))
                tell(device, twin, "ipv6-mtu", 1300)
            if section in ("bonds", "bridges"):
                tell(device, twin, "interfaces", ["eth0", "eth1"])
                tell(device, twin, "macaddress", w.mac())
            if section == "bonds":
                tell(device, twin, "parameters", {"mode": "802.3ad", "mii-monitor-interval": 100, "arp-ip-targets": [w.ip4()]})
            if section == "bridges":
                tell(device, twin, "parameters", {"stp": False, "forward-delay": 4, "path-cost": {"eth0": 50}})
            if section == "vlans":
                tell(device, twin, "id", *w.one([(5,), ("5", 5)]))
                tell(device, twin, "link", "eth0")
            if w.chance(0.1):
                device["dhcp-identifier"] = "mac"
    return {"document": w.one([document, {"network": document}]), "known": known}


def version2_expected(told, _links):
    # Nothing to ask cloud-init: it passes a document on to netplan, and reads less of it for others.
    return told["known"]


# --- all of them: what makes an input, what cloud-init makes of it, and whether this cloud-init is young enough

def has(module, word):
    """Whether a module of this cloud-init knows a word."""
    with open(module.__file__) as file:
        return word in file.read()


KINDS = {
    "ec2": (ec2, ec2_expected, hasattr(DataSourceEc2, "_build_nic_order")),
    "hetzner": (hetzner, hetzner_expected, hasattr(DataSourceHetzner.hc_helper, "get_interface_name_from_mac")),
    "digitalocean": (digital_ocean, digital_ocean_expected, True),
    "azure": (azure, azure_expected, hasattr(DataSourceAzure, "determine_device_driver_for_mac")),
    "scaleway": (scaleway, scaleway_expected, has(DataSourceScaleway, "public_ips")),
    "lxd": (lxd, lxd_expected, True),
    "smartos": (smartos, smartos_expected, has(DataSourceSmartOS, "addrconf")),
    "openstack": (openstack_network, openstack_expected, has(openstack, "Filter the route entries")),
    "opennebula": (opennebula, opennebula_expected, hasattr(DataSourceOpenNebula.OpenNebulaNetwork, "get_routes")),
    "interfaces": (interfaces_text, interfaces_expected, True),
    "version1": (version1, version1_expected, has(netplan, "should_add_gateway_onlink_flag")),
    "version2": (version2, version2_expected, True),
}


def main():
    logging.disable(logging.CRITICAL)
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    for kind in sys.argv[3:] or [kind for kind, (_, _, able) in KINDS.items() if able]:
        make, expect, _ = KINDS[kind]
        for number in range(count):
            writer = Writer("%s %d/%d" % (kind, seed, number))
            told = make(writer)
            line = {"kind": kind, "name": "%s-%d-%d" % (kind, seed, number), "input": told, "links": writer.links}
            try:
                line["expected"] = expect(json.loads(json.dumps(told)), writer.links)
            except Exception as error:
                line["error"] = "%s: %s" % (type(error).__name__, str(error)[:200])
            print(json.dumps(line), flush=True)
            sys.stdin.readline()


if __name__ == "__main__":
    main()
