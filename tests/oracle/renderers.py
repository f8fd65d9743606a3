"""What cloud-init's renderers write, beside what ours write, key by key.

    renderers.py SEED COUNT     the configurations that tests/network keeps, and COUNT generated ones of both versions

cloud-init 26.2 and its modules are found by PYTHONPATH. Each line has the `name` and the `document` of a configuration; the answer
is one line with what ours made of it: for each renderer a map of files by their paths. The last line has the differences that no
row of ROWS explains, and how often each row explained one. tests/it/renderers.rs is the other end.

Files are taken apart into facts: a device, a key, a value. A route or a rule is a fact by what makes it one, so that each of its
attributes is compared alone. What is the same in other words is made the same before; what is not is a difference.
"""

import copy
import ipaddress
import itertools
import json
import logging
import os
import re
import sys
import types
from unittest import mock

sys.dont_write_bytecode = True

import network as inputs  # noqa: E402
import yaml  # noqa: E402
from cloudinit.net import eni, netplan, network_manager, network_state, networkd  # noqa: E402

# --- cloud-init


def state(document):
    # It has no cards of its own to look at, and writes down for nobody what it knows so far.
    interpreter = network_state.NetworkStateInterpreter
    with mock.patch.object(network_state, "get_interfaces_by_mac", dict), mock.patch.object(interpreter, "dump_network_state"):
        return network_state.parse_net_config_data(copy.deepcopy(document))


def by_networkd(document):
    made = networkd.Renderer()._render_content(state(document))
    devs = {name: text for kind in ("vlan", "bond", "bridge") for name, text in made.pop(kind + "_netdev").items()}
    files = {"10-cloud-init-%s.network" % name: text for name, text in made.items()}
    return {**files, **{"10-cloud-init-%s.netdev" % name: text for name, text in devs.items()}}


def by_network_manager(document):
    files = {}
    with mock.patch("cloudinit.util.write_file", lambda path, text, mode: files.update({path: text})):
        network_manager.Renderer().render_network_state(state(document))
    return {path: text for path, text in files.items() if path.endswith(".nmconnection")}


def by_netplan(document):
    if document["version"] == 2:
        return {"50-cloud-init.yaml": json.dumps({"network": document})}
    with mock.patch("cloudinit.safeyaml.dumps", lambda section, **_: json.dumps(section) + "\n"):
        text = netplan.Renderer({"features": ["ipv6-mtu"]})._render_content(state(document))
    made = {}
    for line in text.splitlines()[2:]:
        made.update(json.loads(line))
    return {"50-cloud-init.yaml": json.dumps({"network": made})}


def by_eni(document):
    with mock.patch("cloudinit.subp.which", lambda _: True):
        return {"50-cloud-init": eni.Renderer()._render_interfaces(state(document))}


# --- files as facts


class Facts(dict):
    def add(self, device, key, value):
        """A fact; of several values of one key all count, in no order."""
        value = WORDS.get(str(value), str(value))
        self[device, key] = " ".join(sorted(set(self.get((device, key), "").split()) | set(value.split())))

    def route(self, device, to, via, attributes):
        everywhere = {"default": None, "0.0.0.0/0": None, "::/0": None}
        to = everywhere.get(to, to) or ("::/0" if ":" in (via or to) else "0.0.0.0/0")
        self.add(device, "route %s via %s" % (to, via), "yes")
        for key, value in attributes.items():
            self.add(device, "route %s via %s: %s" % (to, via, key), value)

    def rule(self, device, told):
        host = lambda net: net and (net if "/" in net else net + ("/128" if ":" in net else "/32"))
        key = "rule from %s to %s table %s" % (host(told.pop("from", None)), host(told.pop("to", None)), told.pop("table", None))
        self.add(device, key, "yes")
        for attribute, value in told.items():
            self.add(device, key + ": " + attribute, value)


WORDS = {"True": "yes", "False": "no", "true": "yes", "false": "no"}


def sections(text):
    """The sections of a file, with their keys."""
    found = []
    for line in text.splitlines():
        if line.startswith("["):
            found.append((line[1:-1], []))
        elif "=" in line and not line.startswith("#"):
            found[-1][1].append(tuple(line.split("=", 1)))
    return found


def of_networkd(files):
    facts = Facts()
    for path, text in files.items():
        device, kind = re.search(r"10-cloud(?:-init|seed)-(.*)\.(\w+)$", path).groups()
        facts.add(device, kind, "yes")
        for section, pairs in sections(text):
            told = dict(pairs)
            if section == "Route":
                facts.route(device, told.pop("Destination", "default"), told.pop("Gateway", None), told)
            elif section == "RoutingPolicyRule":
                facts.rule(device, {key.lower(): value for key, value in told.items()})
            elif section == "Address":
                for key, value in pairs:
                    facts.add(device, "address " + value, "yes")
            else:
                for key, value in pairs:
                    facts.add(device, "%s %s.%s" % (kind, section, key), value)
    # What is so without a word.
    return Facts({key: value for key, value in facts.items() if (key[1], value) not in (("network Network.DHCP", "no"), ("network Link.RequiredForOnline", "yes"))})


def of_network_manager(files):
    facts, names = Facts(), {}
    for path, text in files.items():
        if path.endswith(".nmconnection"):
            told = dict(dict(sections(text))["connection"])
            names[told["uuid"]] = re.sub("^cloud(-init|seed) ", "", told["id"])
    for path, text in files.items():
        if not path.endswith(".nmconnection"):
            facts.update({key: value for key, value in of_networkd({path: text}).items()})
            continue
        device = re.search(r"cloud(?:-init|seed)-(.*)\.nmconnection$", path)[1]
        for section, pairs in sections(text):
            told = dict(pairs)
            for key, value in pairs:
                options = dict(one.split("=") for one in told.get(key + "_options", "").split(",") if one)
                if (section, key) in (("connection", "id"), ("connection", "uuid")) or section == "user" or key.endswith("_options"):
                    continue
                if re.match(r"address\d", key):
                    facts.add(device, "address " + value, "yes")
                elif key == "gateway":
                    facts.route(device, "default", value, {})
                elif re.match(r"route\d", key):
                    to, via, metric = (value.split(",") + [None, None])[:3]
                    facts.route(device, to, via, {**options, **({"metric": metric} if metric else {})})
                elif re.match(r"routing-rule\d", key):
                    words = value.split()
                    facts.rule(device, dict(zip(words[::2], words[1::2])))
                elif key == "may-fail" and told["method"] in ("disabled", "link-local"):
                    pass
                elif key in ("master", "parent"):
                    facts.add(device, section + "." + key, names.get(value, value))
                elif key in ("mac-address", "cloned-mac-address"):
                    facts.add(device, section + "." + key, value.lower())
                else:
                    facts.add(device, section + "." + key, value.replace(";", " "))
    return facts


def of_eni(files):
    facts, device, ups, downs = Facts(), None, set(), set()
    for path, text in files.items():
        if not path.endswith(("cloudseed", "50-cloud-init")):
            facts.update(of_networkd({path: text}))
            continue
        for line in text.splitlines():
            word, _, rest = line.strip().partition(" ")
            if word.startswith("#"):
                continue
            if word in ("auto", "allow-hotplug", "no-auto-down"):
                pattern, _, name = rest.rpartition("=")
                facts.add(name, word, "yes")
                if pattern:
                    facts.add(name, "selected by", pattern)
            elif word == "iface":
                device, family, method = rest.split()
                gateway = {}
                facts.add(device, "%s %s" % (family, method), "yes")
            elif word in ("post-up", "pre-down"):
                words = rest.removesuffix(" || true").split()
                (ups if word == "post-up" else downs).add((device, *[one for one in words if one not in ("add", "del")]))
                if word == "post-up" and "route" in words:
                    told = words[words.index("add") + 2:]
                    onlink = {"onlink": "yes"} if "onlink" in told else {}
                    told = [one for one in told if one != "onlink"]
                    told = dict(zip(told[::2], told[1::2]))
                    told.pop("dev", None)
                    facts.route(device, words[words.index("add") + 1] if words[words.index("add") + 1] != "default" else "::/0" if "inet6" in words else "0.0.0.0/0", told.pop("via", None), {**told, **onlink})
                elif word == "post-up":
                    told = words[words.index("add") + 1:]
                    facts.rule(device, dict(zip(told[::2], told[1::2])))
            elif word in ("gateway", "metric") and method == "static":
                # A metric is the gateway's; without one it says nothing.
                gateway[word] = rest
                if "gateway" in gateway:
                    facts.route(device, "default", gateway["gateway"], {"metric": gateway["metric"]} if "metric" in gateway else {})
            elif word == "address":
                facts.add(device, "address " + rest, "yes")
            elif word in ("metric", "dns-nameservers", "dns-search", "accept_ra", "accept-ra", "dhcp"):
                facts.add(device, "%s %s" % (family, word), rest)
            elif word == "mtu":
                facts.add(device, "%s mtu" % family, rest)
            elif word:
                facts.add(device, word, rest if word not in ("bridge-pathcost", "bridge-portprio") else rest.replace(" ", ":"))
        for one in ups ^ downs:
            facts.add(one[0], "no way back for", " ".join(one[1:]))
    return facts


def of_netplan(files):
    facts = Facts()
    for path, text in files.items():
        made = (json.loads(text) if text.startswith("{") else yaml.load(text, yaml.CSafeLoader))["network"]
        for section in ("ethernets", "bonds", "bridges", "vlans"):
            for device, told in (made.get(section) or {}).items():
                facts.add(device, section, "yes")
                for key, value in (told or {}).items():
                    if key == "routes":
                        for route in value:
                            route = dict(route)
                            facts.route(device, route.pop("to"), route.pop("via", None), route)
                    elif key == "routing-policy":
                        for rule in value:
                            facts.rule(device, dict(rule))
                    elif key in ("gateway4", "gateway6"):
                        facts.route(device, "default", value, {})
                    elif key == "addresses":
                        for address in value:
                            facts.add(device, "address %s" % address, "yes")
                    elif isinstance(value, dict):
                        for inner, value in value.items():
                            facts.add(device, "%s.%s" % (key, inner), words(value))
                    else:
                        facts.add(device, key, words(value))
    return facts


def words(value):
    if isinstance(value, dict):
        return " ".join("%s:%s" % pair for pair in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else value


RENDERERS = {
    "networkd": (by_networkd, of_networkd),
    "network-manager": (by_network_manager, of_network_manager),
    "netplan": (by_netplan, of_netplan),
    "eni": (by_eni, of_eni),
}

# --- configurations


def written(w):
    """A configuration of either version, with what the generators of readable ones leave out."""
    if w.chance(0.5):
        document = inputs.version2(w)["document"]
        document = document.get("network", document)
        for name, device in devices(document).items():
            if "interfaces" in device:
                # Nobody is a member of two.
                device["interfaces"] = [name + "a", name + "b"]
                if "path-cost" in device["parameters"]:
                    device["parameters"]["path-cost"] = {name + "a": 50}
            if w.chance(0.05):
                device["activation-mode"] = "manual"
            if "gateway4" in device and w.chance(0.5):
                device["addresses"] = [str(ipaddress.ip_address(device["gateway4"]) + 1) + "/8"]
        return document
    document = inputs.version1(w)
    document = document.get("network", document)
    for element in list(document["config"]):
        if "name" not in element:
            continue
        if w.chance(0.1):
            element[w.one(["wakeonlan", "optional"])] = w.chance(0.7)
        for subnet in element.get("subnets", []):
            if w.chance(0.05):
                subnet["control"] = w.one(["auto", "manual"])
            if "gateway" in subnet and w.chance(0.5):
                subnet["gateway"] = str(ipaddress.ip_interface(subnet["address"].split("/")[0]) + 1).split("/")[0]
        if w.chance(0.05) and element["type"] == "physical":
            document["config"].remove(element)
        elif w.chance(0.1):
            document["config"].append({"type": "nameserver", "address": [w.ip4()], "search": [w.name()], "interface": element["name"]})
    for _ in w.some(0, 2):
        if w.chance(0.3):
            document["config"].append({"type": "route", "destination": w.block4(), "gateway": w.ip4(), **w.one([{}, {"metric": 3}])})
    return document


def devices(document):
    """Every device of a version 2."""
    return {name: device for section in ("ethernets", "bonds", "bridges", "vlans") for name, device in document.get(section, {}).items()}


# --- what is mended before cloud-init reads it, for it would stop there, or take it for something else


def undeclared(document, _):
    if document["version"] == 1:
        known = {element.get("name") for element in document["config"]}
        wanted = [name for element in document["config"] for key in ("bond_interfaces", "bridge_interfaces") for name in element.get(key, [])]
        wanted += [element["vlan_link"] for element in document["config"] if "vlan_link" in element]
        document["config"] = [{"type": "physical", "name": name} for name in sorted(set(wanted) - known)] + document["config"]
    else:
        wanted = [name for device in devices(document).values() for name in device.get("interfaces", [])]
        wanted += [device["link"] for device in devices(document).values() if "link" in device]
        for name in sorted(set(wanted) - set(devices(document))):
            document.setdefault("ethernets", {})[name] = {}


def no_cards(document, renderer):
    """networkd's asks for the section."""
    if document["version"] == 2 and renderer == "networkd":
        document.setdefault("ethernets", {})


def words_for_flags(document, _):
    if document["version"] == 2:
        for device in devices(document).values():
            for key in ("dhcp4", "dhcp6", "accept-ra", "optional", "critical", "wakeonlan"):
                if isinstance(device.get(key), str):
                    device[key] = device[key] in ("yes", "true")


def labels(document, renderer):
    if document["version"] == 2:
        for device in devices(document).values():
            if "addresses" in device:
                device["addresses"] = [next(iter(one)) if isinstance(one, dict) else one for one in device["addresses"]]


def targets(document, renderer):
    """The spelling of netplan's reference."""
    if document["version"] == 2 and renderer != "netplan":
        for bond in document.get("bonds", {}).values():
            if "arp-ip-targets" in bond.get("parameters", {}):
                bond["parameters"]["arp-ip-target"] = bond["parameters"].pop("arp-ip-targets")


def costs(document, renderer):
    """Costs of ports are a list in one version and a map in the other; only one renderer knows both."""
    bridges = document["config"] if document["version"] == 1 else document.get("bridges", {}).values()
    for bridge in bridges:
        told = bridge.get("params" if document["version"] == 1 else "parameters", {})
        for key in ("bridge_pathcost", "path-cost"):
            if renderer == "networkd" and isinstance(told.get(key), list):
                told[key] = {bridge["name"]: dict(one.split() for one in told[key])}
            elif renderer == "networkd" and key in told:
                name = next(name for name, other in document["bridges"].items() if other is bridge)
                told[key] = {name: told[key]}
            elif renderer == "eni" and isinstance(told.get(key), dict):
                told[key] = ["%s %s" % pair for pair in told[key].items()]


MENDED = {
    "members that nobody described": undeclared,
    "no section for cards": no_cards,
    "words for true and false": words_for_flags,
    "labels and lifetimes of addresses": labels,
    "arp-ip-targets": targets,
    "costs of ports": costs,
}


def mended(document, renderer):
    document, made = copy.deepcopy(document), []
    for name, mend in MENDED.items():
        before = copy.deepcopy(document)
        mend(document, renderer)
        if document != before:
            made.append(name)
    return document, made

# --- what a configuration says, in words that both versions share, and what of it cloud-init leaves out or takes for something else


def told(document):
    """Each device by the name that it gets."""
    made = told1(document) if document["version"] == 1 else told2(document)
    masters = {member: one for one in made.values() for member in one.members}
    for name, one in made.items():
        one.master = masters.get(name) or masters.get(one.id)
        one.on = {4: bool(one.dhcp4 or [net for net in one.networks if net.version == 4]), 6: bool(one.dhcp6 or [net for net in one.networks if net.version == 6])}
        one.routes = {}
        for to, via, attributes in one.all_routes:
            inside = any(ipaddress.ip_address(via) in net.network for net in one.networks if via)
            near = any(net.version == ipaddress.ip_address(via).version for net in one.networks if via)
            said = {**({"on-link": "yes"} if near and not inside else {}), **{key: flag(value) for key, value in attributes.items() if value is not None}}
            known = one.routes.setdefault("%s via %s" % (to, via), {})
            for key, value in said.items():
                known[key] = spoken([*known.get(key, "").split(), value])
    return made


def blank(name, kind):
    return types.SimpleNamespace(
        id=name, kind=kind, mac=None, match={}, set_name=None, dhcp4=None, dhcp6=None, networks=[], all_routes=[], rules=[], servers=[], search=[], mtu=None,
        mtu6=None, accept_ra=None, optional=None, critical=None, wakes=None, manual=False, members=[], parameters={}, overrides4={}, overrides6={}, unsaid=[])


def everywhere(via):
    return "::/0" if ":" in via else "0.0.0.0/0"


def told2(document):
    made = {}
    for section, kind in (("ethernets", "card"), ("bonds", "bond"), ("bridges", "bridge"), ("vlans", "vlan")):
        for name, device in document.get(section, {}).items():
            one = made[device.get("set-name", name)] = blank(name, kind)
            one.match, one.set_name = device.get("match", {}), device.get("set-name")
            one.mac = one.match.get("macaddress") or device.get("macaddress")
            one.dhcp4, one.dhcp6 = device.get("dhcp4"), device.get("dhcp6") and "dhcp6"
            one.networks = [ipaddress.ip_interface(address) for address in device.get("addresses", [])]
            for route in device.get("routes", []):
                to = route["to"] if route["to"] != "default" else everywhere(route["via"])
                one.all_routes.append((to, route["via"], {key: route.get(key) for key in ("metric", "table", "mtu", "on-link")}))
            one.all_routes += [(everywhere(device[key]), device[key], {}) for key in ("gateway4", "gateway6") if key in device]
            one.rules = device.get("routing-policy", [])
            names = device.get("nameservers", {})
            one.servers, one.search = names.get("addresses", []), names.get("search", [])
            one.mtu, one.mtu6, one.accept_ra = device.get("mtu"), device.get("ipv6-mtu"), device.get("accept-ra")
            one.optional, one.critical, one.wakes = device.get("optional"), device.get("critical"), device.get("wakeonlan")
            one.manual = device.get("activation-mode") == "manual"
            one.members, one.parameters = device.get("interfaces", []), device.get("parameters", {})
            one.overrides4, one.overrides6 = device.get("dhcp4-overrides", {}), device.get("dhcp6-overrides", {})
    return made


def told1(document):
    made, everybody, everyway = {}, blank("", ""), []
    for element in document["config"]:
        kind = {"physical": "card"}.get(element["type"], element["type"])
        if kind == "nameserver":
            one = made[element["interface"]] if "interface" in element else everybody
            one.servers, one.search = one.servers + listed(element["address"]), one.search + listed(element.get("search", []))
        elif kind == "route":
            everyway.append(element)
        else:
            made[element["name"]] = device1(element, kind)
    for one in made.values():
        if not one.servers and not one.search and (one.dhcp4 or one.dhcp6 or one.networks):
            one.servers, one.search = everybody.servers, everybody.search
    for route in everyway:
        via = ipaddress.ip_address(route["gateway"])
        near = [one for one in made.values() if any(via in net.network for net in one.networks)] + [one for one in made.values() if one.dhcp4]
        for one in near[:1]:
            one.all_routes.append((route["destination"], route["gateway"], {"metric": route.get("metric")}))
    return made


def listed(value):
    return value.split() if isinstance(value, str) else list(value)


def device1(element, kind):
    one = blank(element["name"], kind)
    one.mac = element.get("mac_address", "").lower() or None
    one.set_name = one.id if one.mac and kind == "card" else None
    one.mtu, one.accept_ra = element.get("mtu"), element.get("accept-ra")
    one.accept_ra = one.accept_ra in (True, "true") if one.accept_ra is not None else None
    one.optional, one.critical, one.wakes = element.get("optional"), element.get("keep_configuration"), element.get("wakeonlan")
    one.members = element.get(kind + "_interfaces", [])
    one.parameters = element.get("params", {})
    subnets = element.get("subnets", [])
    one.manual = bool(subnets) and all(subnet.get("control") == "manual" for subnet in subnets)
    for subnet in subnets:
        one.servers, one.search = one.servers + listed(subnet.get("dns_nameservers", [])), one.search + listed(subnet.get("dns_search", []))
        metric = subnet.get("metric")
        if subnet["type"] in ("dhcp", "dhcp4"):
            one.dhcp4, one.overrides4 = True, {} if metric is None else {"route-metric": metric}
        elif not subnet["type"].startswith("static"):
            one.dhcp6, one.overrides6 = subnet["type"], {} if metric is None else {"route-metric": metric}
        else:
            address = network_state._normalize_net_keys(subnet, ("address",))
            net = ipaddress.ip_interface("%s/%s" % (address["address"], address["prefix"]))
            one.networks.append(net)
            if "mtu" in subnet:
                one.mtu, one.mtu6 = (subnet["mtu"], one.mtu6) if net.version == 4 else (one.mtu, subnet["mtu"])
            if "gateway" in subnet:
                one.all_routes.append((everywhere(subnet["gateway"]), subnet["gateway"], {"metric": metric}))
        for route in subnet.get("routes", []):
            route = network_state._normalize_route(route)
            one.all_routes.append(("%s/%s" % (route["network"], route["prefix"]), route["gateway"], {"metric": route.get("metric", metric)}))
    return one


def flag(value):
    return WORDS.get(str(value), str(value)) if value is not None else None


def spoken(values):
    return " ".join(sorted(set(map(str, values)))) or None


ATTRIBUTES = {"GatewayOnLink": "on-link", "onlink": "on-link", "Metric": "metric", "Table": "table", "MTUBytes": "mtu"}
OVERRIDES = {
    "RouteMetric": "route-metric", "UseDNS": "use-dns", "UseDomains": "use-domains", "UseHostname": "use-hostname", "UseNTP": "use-ntp", "UseMTU": "use-mtu",
    "UseRoutes": "use-routes", "SendHostname": "send-hostname", "Hostname": "hostname", "dhcp-send-hostname": "send-hostname", "dhcp-hostname": "hostname",
    "route-metric": "route-metric", "ignore-auto-dns": "!use-dns", "ignore-auto-routes": "!use-routes"}


def override(one, family, word):
    """What is said of a lease, if there is one."""
    if not (one.dhcp4 if family == 4 else one.dhcp6):
        return None
    said = one.overrides4 if family == 4 else one.overrides6
    value = flag(said.get(word.lstrip("!")))
    return {"yes": "no", "no": "yes"}.get(value, value) if word.startswith("!") else value


def method4(one):
    return "auto" if one.dhcp4 else "manual" if any(net.version == 4 for net in one.networks) else "disabled"


def method6(one):
    fixed = any(net.version == 6 for net in one.networks)
    if one.dhcp6:
        return "dhcp" if one.dhcp6 == "ipv6_dhcpv6-stateful" or one.dhcp6 == "dhcp6" and one.accept_ra is False else "auto"
    if one.accept_ra:
        return "auto"
    if fixed:
        return "manual"
    return "disabled" if not (one.dhcp4 or one.networks) else "link-local" if one.accept_ra is False else None


def may_fail(one, method):
    leased = method4(one) == "auto" and method6(one) in ("auto", "dhcp")
    return None if leased or method in (None, "disabled", "link-local") else "no"


def servers(one, family):
    return [server for server in one.servers if ipaddress.ip_address(server).version == family]


def explanation(renderer, devices, device, key, ours, theirs):
    """The row that says why a fact is another one, if what is ours is what the row says."""
    if key == "error":
        return next((reason for word, reason in STOPS.items() if word in theirs), None)
    one = devices.get(device) or next((other for other in devices.values() if other.id == device), None)
    if renderer == "eni" and device == "lo":
        return "the loopback is not ours"
    if one is None:
        return None
    for renderers, pattern, reason, expected in ROWS:
        found = re.fullmatch(pattern, key) if renderer in renderers.split() else None
        if found:
            value = expected(one, *found.groups())
            if ours == (None if value is None else str(value)):
                return reason
    return None


STOPS = {"KeyError: 'ipv6'": "routes of a family without addresses", "KeyError: 'ipv4'": "routes of a family without addresses"}
ALL = "networkd network-manager netplan eni"


def route_attribute(one, route, attribute):
    attribute = ATTRIBUTES.get(attribute, attribute)
    return one.routes.get(route, {}).get(attribute)


def nm_route(one, route):
    family = 6 if ":" in route.split(" via ")[0] else 4
    method = method6(one) if family == 6 else method4(one)
    return None if one.master or method in (None, "disabled", "link-local") else "yes" if route in one.routes else None


ROWS = [
    ("networkd network-manager eni", "link", "names by udev", lambda one: "yes" if one.kind == "card" and (one.set_name or one.wakes) else None),
    ("networkd network-manager eni", r"link Link\.Name", "names by udev", lambda one: one.set_name),
    ("networkd network-manager eni", r"link Link\.WakeOnLan", "names by udev", lambda one: "magic" if one.wakes else None),
    ("networkd network-manager eni", r"link Link\.NamePolicy", "names by udev", lambda one: None if one.set_name else spoken("keep kernel database onboard slot path".split())),
    ("networkd network-manager eni", r"link Match\.PermanentMACAddress", "cards by their permanent address", lambda one: one.mac),
    ("networkd network-manager eni", r"link Match\.Driver", "what a card is matched by", lambda one: one.match.get("driver")),
    ("networkd network-manager eni", r"link Match\.OriginalName", "what a card is matched by", lambda one: None if one.mac else one.match.get("name") or (one.id if not one.match.get("driver") else None)),
    ("networkd", r"network Match\.PermanentMACAddress", "cards by their permanent address", lambda one: one.mac if one.kind == "card" else None),
    ("networkd", r"network Match\.MACAddress", "cards by their permanent address", lambda one: None if one.kind == "card" else one.mac),
    ("networkd", r"network Match\.Name", "cards by their permanent address", lambda one: None if one.mac else "no"),
    ("networkd", r"network Match\.Name", "what a card is matched by", lambda one: one.set_name or one.match.get("name") or (None if "driver" in one.match else one.id)),
    ("network-manager", r"connection\.interface-name", "what a card is matched by", lambda one: None if one.mac or one.match and not one.set_name else one.set_name or one.id),
    ("network-manager", r"match\.interface-name", "what a card is matched by", lambda one: None if one.set_name or one.mac else one.match.get("name")),
    ("network-manager", r"match\.driver", "what a card is matched by", lambda one: one.match.get("driver")),
    ("eni", "selected by", "what a card is matched by", lambda one: eni_selected(one)),
    ("eni", ".*", "what a card is matched by", lambda one, *_: None if by_driver_alone(one) else "no"),
    ("networkd", r"network Network\.DNS", "name servers by device", lambda one: spoken(one.servers)),
    ("networkd", r"network Network\.Domains", "name servers by device", lambda one: spoken(one.search)),
    ("netplan", r"nameservers\.addresses", "name servers by device", lambda one: spoken(one.servers)),
    ("netplan", r"nameservers\.search", "name servers by device", lambda one: spoken(one.search)),
    ("network-manager", r"ipv4\.dns", "name servers by device", lambda one: spoken(servers(one, 4)) if not one.master and method4(one) != "disabled" else None),
    ("network-manager", r"ipv6\.dns", "name servers by device", lambda one: spoken(servers(one, 6)) if not one.master and method6(one) in ("auto", "dhcp", "manual") else None),
    ("network-manager", r"ipv4\.dns-search", "name servers by device", lambda one: spoken(one.search) if not one.master and method4(one) != "disabled" else None),
    ("network-manager", r"ipv6\.dns-search", "name servers by device", lambda one: spoken(one.search) if not one.master and method6(one) in ("auto", "dhcp", "manual") else None),
    ("eni", r"inet(6?) dns-nameservers", "name servers by device", lambda one, six: spoken(servers(one, 6 if six else 4)) if one.on[6 if six else 4] else None),
    ("eni", r"inet(6?) dns-search", "name servers by device", lambda one, six: spoken(one.search) if one.on[6 if six else 4] else None),
    ("networkd", r"network Link\.MTUBytes", "MTU of an address", lambda one: one.mtu),
    ("networkd", r"netdev NetDev\.MTUBytes", "MTU of an address", lambda one: one.mtu),
    ("networkd", r"network Network\.IPv6MTUBytes", "MTU of IPv6", lambda one: one.mtu6),
    ("network-manager", r"ipv6\.mtu", "MTU of IPv6", lambda one: None if one.master else one.mtu6),
    ("network-manager", r"ethernet\.mtu", "MTU of what is made", lambda one: one.mtu),
    ("networkd", r"network DHCPv4\.UseMTU", "MTU of a lease", lambda one: "yes" if one.dhcp4 and one.mtu is None and "use-mtu" not in one.overrides4 else "no"),
    ("eni", r"inet(6?) mtu", "MTU where ifupdown takes one", lambda one, six: eni_mtu(one, six)),
    ("eni", "pre-up", "MTU where ifupdown takes one", lambda one: spoken(("$IFACE dev ip link mtu set %s" % one.mtu).split()) if one.mtu and (one.dhcp4 or one.dhcp6) else None),
    (ALL, r"route (.* via .*): (GatewayOnLink|onlink|on-link)", "routers off the link", route_attribute),
    (ALL, r"route (.* via .*): (Metric|metric)", "metrics with their routes", route_attribute),
    (ALL, r"route (.* via .*): (Table|table)", "tables of routes", route_attribute),
    (ALL, r"route (.* via .*): (MTUBytes|mtu)", "MTU of a route", route_attribute),
    ("network-manager", r"route (.* via .*): .*", "members have no addresses", lambda one, _: None if one.master else "no"),
    ("network-manager", r"route (.* via .*)", "members have no addresses", lambda one, _: None if one.master else "no"),
    ("network-manager", r"(route .*|address .*|ipv[46]\..*)", "members have no addresses", lambda one, _: None if one.master else "no"),
    ("network-manager", r"route (.* via .*)", "routes by device", nm_route),
    ("network-manager", r"route (.* via .*): .*", "routes by device", lambda one, route: None if nm_route(one, route) is None else "no"),
    ("networkd netplan eni", r"route (.* via .*)", "routes by device", lambda one, route: "yes" if route in one.routes else None),
    ("netplan", r"route (.* via .*): type", "keys that are not known", lambda one, _: None),
    ("netplan", "dhcp-identifier", "keys that are not known", lambda one: None),
    ("networkd network-manager eni", r"rule from (.*) to (.*) table (\S+)", "rules", lambda one, *_: "yes" if one.rules else None),
    ("networkd network-manager eni", r"rule from (.*) to (.*) table (\S+): priority", "rules", lambda one, *told: rule_priority(one, *told)),
    ("network-manager", r"rule from .*: priority", "rules", lambda one: "32765"),
    ("networkd", r"network Network\.IPv6AcceptRA", "types of IPv6", lambda one: flag(one.accept_ra) if one.accept_ra is not None else "yes" if one.dhcp6 not in (None, False, "dhcp6") else None),
    ("networkd", r"network Network\.DHCP", "types of IPv6", lambda one: {(1, 1): "yes", (1, 0): "ipv4", (0, 1): "ipv6"}.get((int(bool(one.dhcp4)), int(one.dhcp6 in ("dhcp6", "ipv6_dhcpv6-stateful"))))),
    ("networkd", r"network IPv6AcceptRA\.DHCPv6Client", "types of IPv6", lambda one: "no" if one.dhcp6 == "ipv6_slaac" else None),
    ("networkd", r"network IPv6AcceptRA\.RouteMetric", "what counts of a lease", lambda one: override(one, 6, "route-metric")),
    ("networkd", r"network DHCPv([46])\.(\w+)", "what counts of a lease", lambda one, family, word: override(one, int(family), OVERRIDES[word])),
    ("network-manager", r"ipv([46])\.(route-metric|ignore-auto-dns|ignore-auto-routes|dhcp-hostname|dhcp-send-hostname)", "what counts of a lease", lambda one, family, word: override(one, int(family), OVERRIDES[word])),
    ("netplan", r"dhcp[46]-overrides\.(.*)", "both leases alike", lambda one, word: agreed(one, word)),
    ("eni", r"inet(6?) metric", "what counts of a lease", lambda one, six: override(one, 6 if six else 4, "route-metric")),
    ("network-manager", r"ipv4\.method", "families that nobody asked for", lambda one: method4(one)),
    ("network-manager", r"ipv6\.method", "families that nobody asked for", lambda one: method6(one)),
    ("network-manager", r"ipv4\.may-fail", "families that nobody asked for", lambda one: may_fail(one, method4(one))),
    ("network-manager", r"ipv6\.may-fail", "families that nobody asked for", lambda one: may_fail(one, method6(one))),
    ("network-manager", r"ipv6\.addr-gen-mode", "addresses from hardware addresses", lambda one: "eui64" if method6(one) in ("auto", "dhcp") else None),
    ("network-manager", r"ethernet\.cloned-mac-address", "hardware addresses of what is made", lambda one: one.mac if one.kind in ("bond", "vlan") else None),
    ("network-manager", r"connection\.autoconnect", "by hand", lambda one: "no" if one.manual else None),
    ("networkd", r"network Link\.ActivationPolicy", "by hand", lambda one: "manual" if one.manual else None),
    ("networkd", r"network Link\.RequiredForOnline", "by hand", lambda one: "no" if one.manual or one.optional else None),
    ("netplan", "optional", "by hand", lambda one: "yes" if one.manual else flag(one.optional)),
    ("netplan", "activation-mode", "by hand", lambda one: "manual" if one.manual else None),
    ("netplan", "wakeonlan", "names by udev", lambda one: flag(one.wakes)),
    ("networkd", r"network Network\.KeepConfiguration", "critical links", lambda one: flag(one.critical)),
    ("eni", "no-auto-down", "critical links", lambda one: "yes" if one.critical else None),
    ("eni", "keep-configuration|optional", "options that ifupdown has not", lambda one: None),
    ("eni", "auto", "devices without addresses are brought up", lambda one: None if one.manual or one.optional and one.kind == "card" else "yes"),
    ("eni", "allow-hotplug", "optional links", lambda one: "yes" if one.optional and one.kind == "card" and not one.manual else None),
    ("eni", "ethernet-wol", "names by udev", lambda one: "g" if one.wakes and one.kind == "card" else None),
    ("eni", r"inet6? accept-ra", "accept_ra", lambda one: None),
    ("eni", r"inet6 accept_ra", "accept_ra", lambda one: "1" if one.accept_ra else "0"),
    ("eni", r"inet6 dhcp", "types of IPv6", lambda one: {"ipv6_slaac": "0", "ipv6_dhcpv6-stateless": "1"}.get(one.dhcp6)),
    ("eni", r"inet6 static", "routes of a family without addresses", lambda one: "yes" if any(net.version == 6 for net in one.networks) else None),
    ("eni", r"bond-(?!master).*", "parameters with the bond alone", lambda one: "-" if one.kind == "bond" else None),
    ("networkd", r"netdev Bond\.ARPIPTargets", "arp-ip-targets", lambda one: spoken(one.parameters.get("arp-ip-targets", []))),
    ("network-manager", r"bond\.arp_ip_target", "arp-ip-targets", lambda one: spoken(one.parameters.get("arp-ip-targets", []))),
    ("networkd", r"netdev Bond\.LACPTransmitRate", "spellings of parameters", lambda one: one.parameters.get("bond_lacp-rate")),
    ("network-manager", r"bond\.lacp_rate", "spellings of parameters", lambda one: one.parameters.get("bond_lacp-rate")),
    ("network-manager", r"bond\.xmit_hash_policy", "spellings of parameters", lambda one: one.parameters.get("bond-xmit-hash-policy")),
    ("networkd", r"netdev Bridge\.STP", "parameters that are zero or false", lambda one: "no"),
    ("networkd", r"network Bridge\.Cost", "costs of ports", lambda one: "50" if one.master and one.master.kind == "bridge" else None),
    ("network-manager", r"bridge-port\.path-cost", "costs of ports", lambda one: "50" if one.master and one.master.kind == "bridge" else None),
    ("network-manager", r"bridge\.forward-delay", "parameters of a bridge", lambda one: one.parameters.get("bridge_fd", one.parameters.get("forward-delay"))),
]


def by_driver_alone(one):
    return one.kind == "card" and "driver" in one.match and not (one.mac or one.set_name or one.match.get("name"))


def eni_selected(one):
    if one.kind != "card" or one.set_name:
        return None
    return "mac/%s/1" % one.mac if one.mac else "/" + one.match["name"] if one.match.get("name") else None


def eni_mtu(one, six):
    families = [4] * bool(one.dhcp4) + [6] * bool(one.dhcp6) + [net.version for net in one.networks] or [4]
    first = families[0]
    said = [one.mtu] if one.mtu and (6 if six else 4) == first and not (one.dhcp4 or one.dhcp6) else []
    said += [one.mtu6] if six and one.mtu6 and any(net.version == 6 for net in one.networks) else []
    return spoken(said)


def agreed(one, word):
    first = flag(one.overrides4.get(word))
    return first if first is not None else flag(one.overrides6.get(word))


def rule_priority(one, source, to, _):
    short = lambda net: None if net == "None" else re.sub("/(32|128)$", "", net)
    for rule in one.rules:
        if (short(str(rule.get("from"))), short(str(rule.get("to")))) == (short(source), short(to)):
            return rule.get("priority")
    return None

# --- all of it


def compared(renderer, document, files):
    """The differences, each a device, a key, our value and theirs; and what was mended."""
    original, facts = RENDERERS[renderer]
    document, made = mended(document, renderer)
    theirs = facts(original(document))
    ours = facts(files)
    ids = labelled(document)
    ours = Facts({(ids.get(device, device), key): value for (device, key), value in ours.items()}) if renderer in ("networkd", "eni") else ours
    keys = sorted(set(ours) | set(theirs))
    return [(device, key, ours.get((device, key)), theirs.get((device, key))) for device, key in keys if ours.get((device, key)) != theirs.get((device, key))], made


def labelled(document):
    """The names that cards get, by their identifiers."""
    if document["version"] == 1:
        return {}
    return {name: device["set-name"] for name, device in document.get("ethernets", {}).items() if "set-name" in device}


def kept():
    """The documents that tests/network keeps of both versions, but for those in which a card is a member of two."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "network")
    for kind in ("version1", "version2"):
        with open(os.path.join(folder, kind + ".json")) as lines:
            for line in map(json.loads, lines):
                document = line["input"].get("document", line["input"])
                document = document.get("network", document)
                members = [name for device in devices(document).values() for name in device.get("interfaces", [])]
                if len(members) == len(set(members)):
                    yield line["name"], document


def generated(seed, count):
    for number in range(count):
        name = "%d/%d" % (seed, number)
        yield name, written(inputs.Writer("renderers " + name))


def main():
    logging.disable(logging.CRITICAL)
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    left, explained = [], {}
    for name, document in itertools.chain(kept(), generated(seed, count)):
        print(json.dumps({"name": name, "document": document}), flush=True)
        answer = json.loads(sys.stdin.readline())
        said = told(mended(document, "netplan")[0])
        for renderer in RENDERERS:
            try:
                differences, made = compared(renderer, document, answer[renderer])
            except Exception as error:
                differences, made = [("", "error", None, "%s: %s" % (type(error).__name__, error))], []
            for reason in made:
                explained[reason] = explained.get(reason, 0) + 1
            for difference in differences:
                reason = explanation(renderer, said, *difference)
                if reason:
                    explained[reason] = explained.get(reason, 0) + 1
                else:
                    left.append([name, renderer, *difference])
    print(json.dumps({"left": left, "explained": explained}), flush=True)


if __name__ == "__main__":
    main()
