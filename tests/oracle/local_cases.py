"""Machines whose datasource needs no network, many of each: a line of JSON for one, for tests/it/local.rs.

A machine has a name, a platform, the base that it is like, files, volumes with files, variables of the hypervisor, keys of the serial
line, documents at LXD's `socket`, and the `cloud` of a server of seeds. What is not text is `{"base64": …}`. The variations are those that people make, and mistakes of every kind; chance combines them,
and always the same way.
"""

import base64
import json
import random
import sys

sys.dont_write_bytecode = True  # Nothing is left in the sources.

import packing  # noqa: E402

CASES = []


def case(platform, name, base="none", **what):
    CASES.append({"platform": platform, "name": "%s: %s" % (platform, name), "base": base, **what})


def volume(files, label, name="sr0", kind="iso9660", uuid=""):
    return {"name": name, "kind": kind, "label": label, "uuid": uuid, "files": files}


def binary(data):
    return {"base64": base64.b64encode(data).decode()}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def packed(text):
    return base64.b64encode(packing.packed(text.encode())).decode()


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI%s user@host"
ONE, TWO = KEY % "one", KEY % "two"
CONFIG = "#cloud-config\nruncmd: [touch /run/x]\n"

# What stands as a value of meta-data, of any sort of YAML.
VALUES = {
    "text": "i-0abc",
    "quoted": '"i-0abc"',
    "number": "12",
    "zero": "0",
    "float": "1.10",
    "exponent": "1e3",
    "octal": "0123",
    "hexadecimal": "0x1f",
    "sexagesimal": "12:30:45",
    "underscored": "1_000",
    "yes": "yes",
    "true": "true",
    "null": "null",
    "tilde": "~",
    "nothing": "",
    "empty": '""',
    "blank": '" "',
    "date": "2024-01-02",
    "time": "2024-01-02T03:04:05Z",
    "list": "[a, b]",
    "map": "{a: b}",
    "accented": "zürich",
    "spaces": "a  b",
    "slash": "ns/vm-1",
    "dots": "web.example.com",
    "trailing dot": "web.example.com.",
    "address": "192.0.2.7",
    "upper case": "WEB-01.Example.COM",
    "underscore": "web_1",
    "hyphens": "-web-",
    "long": "a" * 80,
    "localdomain": "web.localdomain",
    "folded": ">\n  a\n  b",
    "literal": "|\n  a\n  b",
    "binary": "!!binary aGVsbG8=",
    "tagged": "!!str 12",
    "strange tag": "!foo bar",
    "exclamation": '"a!b"',
    "colon": '"a: b"',
}
KEYS = {
    "text": ONE,
    "lines": "|\n  %s\n  # why\n\n  %s" % (ONE, TWO),
    "list": json.dumps([ONE, TWO]),
    "list of one": json.dumps([ONE]),
    "map of text": json.dumps({"a": ONE, "b": TWO}),
    "map of lists": json.dumps({"a": [ONE, TWO], "b": [""]}),
    "map of maps": json.dumps({"0": {"openssh-key": ONE}}),
    "empty list": "[]",
    "empty": '""',
    "nothing": "",
    "number": "7",
    "list with others": json.dumps([ONE, 7, None, TWO]),
    "comment": '"# only"',
    "twice": json.dumps([ONE, ONE]),
    "options": json.dumps(['from="192.0.2.0/24",no-pty ' + ONE]),
    "spaces": json.dumps(["  " + ONE + "  "]),
}
DOCUMENTS = {
    "empty": "",
    "line feed": "\n",
    "comment": "# nothing\n",
    "document": "---\n",
    "end": "---\n...\n",
    "two documents": "instance-id: a\n---\ninstance-id: b\n",
    "null": "null\n",
    "list": "- instance-id: a\n",
    "text": "instance-id\n",
    "number": "12\n",
    "open list": "a: [\n",
    "tabs": "instance-id:\ta\n",
    "indented with tabs": "a:\n\tb: c\n",
    "bad indentation": "a: b\n c: d\n",
    "json": '{"instance-id": "i-json", "local-hostname": "web"}',
    "json over lines": '{\n  "instance-id": "i-json",\n  "local-hostname": "web"\n}\n',
    "carriage returns": "instance-id: i-crlf\r\nlocal-hostname: web\r\n",
    "byte order mark": "\ufeffinstance-id: i-bom\n",
    "utf-16": binary("instance-id: i-16\n".encode("utf-16")),
    "latin-1": binary("local-hostname: zürich\n".encode("latin-1")),
    "nul": binary(b"instance-id: a\0\n"),
    "escape": binary(b"instance-id: a\x1b\n"),
    "no line feed": "instance-id: i-last",
    "twice": "instance-id: a\ninstance-id: b\n",
    "anchors": "a: &a {b: c}\nd: *a\ne: {<<: *a, f: g}\n",
    "unknown anchor": "a: *b\n",
    "python": "a: !!python/object/apply:os.system [ls]\n",
    "underscores": "instance_id: a\nlocal_hostname: web\n",
    "other names": "hostname: web\nuuid: a\n",
    "keys of other sorts": "1: a\ntrue: b\nnull: c\n1.5: d\n",
    "nested": "a: {b: {c: [1, 2.5, true, null, x]}}\n",
    "launch index": "launch-index: 3\nami-launch-index: 4\n",
    "cloud name": "cloud-name: MyCloud\nregion: here\navailability-zone: there\n",
    "cloud name is a number": "cloud-name: 7\nregion: 8\navailability_zone: 9\n",
    "placement": "placement: {availability-zone: a1, region: a}\n",
    "placement is text": "placement: a1\n",
    "region only": "region: here\n",
    "merge key alone": "<<: {instance-id: a}\n",
    "comment behind": "instance-id: a # why\nlocal-hostname: web#1\n",
    "equals": "instance-id=a\nlocal-hostname=web\n",
    "percent": "%YAML 1.1\n---\ninstance-id: a\n",
    "percent of 1.2": "%YAML 1.2\n---\ninstance-id: yes\n",
}
USER = {
    "missing": None,
    "empty": "",
    "config": CONFIG,
    "carriage returns": CONFIG.replace("\n", "\r\n"),
    "script": "#!/bin/sh\necho hello\n",
    "gzip": binary(packing.packed(CONFIG.encode())),
    "base64": b64(CONFIG),
    "binary": binary(bytes(range(256))),
    "no line feed": "#cloud-config\na: b",
    "byte order mark": "\ufeff#cloud-config\n",
    "text": "hello\n",
    "blank": "  \n",
    "mime": "Content-Type: text/x-shellscript\nMIME-Version: 1.0\n\n#!/bin/sh\n",
    "jinja": "## template: jinja\n#cloud-config\na: {{ v1.instance_id }}\n",
}
NETWORK = {
    "missing": None,
    "empty": "",
    "version 2": "version: 2\nethernets:\n  eth0: {dhcp4: true}\n",
    "version 1": "version: 1\nconfig:\n- type: physical\n  name: eth0\n  subnets: [{type: dhcp}]\n",
    "below network": "network:\n  version: 2\n  ethernets:\n    eth0: {addresses: [192.0.2.2/24], gateway4: 192.0.2.1}\n",
    "disabled": "config: disabled\n",
    "disabled below network": "network: {config: disabled}\n",
    "json": '{"version": 2, "ethernets": {"eth0": {"dhcp6": true}}}',
    "comment": "# nothing\n",
    "null": "null\n",
    "list": "- type: physical\n",
    "text": "dhcp\n",
    "broken": "version: [\n",
    "no version": "ethernets: {eth0: {dhcp4: true}}\n",
    "version 3": "version: 3\n",
    "version as text": 'version: "2"\nethernets: {eth0: {dhcp4: true}}\n',
    "carriage returns": "version: 2\r\nethernets:\r\n  eth0: {dhcp4: true}\r\n",
    "match": "version: 2\nethernets:\n  any: {match: {name: 'e*'}, dhcp4: true, optional: true}\n",
    "renderer": "version: 2\nrenderer: networkd\nethernets: {eth0: {dhcp4: yes}}\n",
    "interfaces": "auto eth0\niface eth0 inet dhcp\n",
    "bond": "version: 2\nethernets: {eth0: {}, eth1: {}}\nbonds: {bond0: {interfaces: [eth0, eth1], dhcp4: true, parameters: {mode: 802.3ad}}}\n",
}
INTERFACES = {
    "dhcp": "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n",
    "static": "auto eth0\niface eth0 inet static\n  address 192.0.2.2\n  netmask 255.255.255.0\n  gateway 192.0.2.1\n"
    "  dns-nameservers 192.0.2.3 192.0.2.4\n  dns-search example.com\n",
    "prefix": "iface eth0 inet static\n  address 192.0.2.2/24\n",
    "two families": "auto eth0\niface eth0 inet dhcp\niface eth0 inet6 static\n  address 2001:db8::2\n  netmask 64\n",
    "hardware address": "auto eth0\niface eth0 inet dhcp\n  hwaddress ether 52:54:00:12:34:56\n",
    "manual": "auto eth0\niface eth0 inet manual\n  mtu 1400\n",
    "bond": "auto bond0\niface bond0 inet dhcp\n  bond-mode active-backup\n  bond-slaves eth0 eth1\n",
    "hotplug": "allow-hotplug eth0\niface eth0 inet dhcp\n",
    "route": "auto eth0\niface eth0 inet static\n  address 192.0.2.2/24\n  post-up route add -net 198.51.100.0 netmask 255.255.255.0 gw 192.0.2.1 || true\n",
    "comment": "# nothing\n",
    "broken": "iface\n",
    "source": "source /etc/network/interfaces.d/*\nauto eth0\niface eth0 inet dhcp\n",
    "continued": "auto eth0 \\\n  eth1\niface eth0 inet dhcp\niface eth1 inet dhcp\n",
}


def some(table, rng):
    return table[rng.choice(sorted(table))]


def without_none(files):
    return {name: content for name, content in files.items() if content is not None}


# --- NoCloud

SEED = "var/lib/cloud/seed/nocloud"


def nocloud_disc(name, files, kind="iso9660", label="cidata", **what):
    case("NoCloud", name, volumes=[volume(without_none(files), label, kind=kind, name="sr0" if kind == "iso9660" else "vdb")], **what)


def nocloud_seed(name, files, folder=SEED, machine=(), **what):
    placed = {"%s/%s" % (folder, file): content for file, content in without_none(files).items()}
    case("NoCloud", name, machine={**placed, **dict(machine)}, **what)


def seed(meta_data="instance-id: i-0abc\n", user_data=CONFIG, vendor_data=None, network=None):
    return {"meta-data": meta_data, "user-data": user_data, "vendor-data": vendor_data, "network-config": network}


def nocloud(rng):
    for name, text in VALUES.items():
        nocloud_seed("instance-id is " + name, seed("instance-id: %s\n" % text))
        nocloud_seed("local-hostname is " + name, seed("instance-id: i\nlocal-hostname: %s\n" % text))
    for name, text in KEYS.items():
        nocloud_seed("public-keys are " + name, seed("instance-id: i\npublic-keys: %s\n" % text))
    for name, text in DOCUMENTS.items():
        nocloud_seed("meta-data is " + name, seed(text))
    for name, text in USER.items():
        nocloud_disc("user-data is " + name, seed(user_data=text))
        nocloud_seed("vendor-data is " + name, seed(vendor_data=text))
    for name, text in NETWORK.items():
        nocloud_disc("network-config is " + name, seed(network=text), kind="vfat")
    for name, text in INTERFACES.items():
        indented = "".join("  %s\n" % line for line in text.splitlines())
        nocloud_seed("network-interfaces are " + name, seed("instance-id: i\nnetwork-interfaces: |\n" + indented))
    for name in ["local", "net", "pass", "disabled", "LOCAL", "nonsense", '""', "7", "null"]:
        nocloud_seed("dsmode is " + name, seed("instance-id: i\ndsmode: %s\n" % name))
    for label in ["cidata", "CIDATA", "CiData"]:
        for kind in ["iso9660", "vfat", "ext4"]:
            nocloud_disc("label %s of %s" % (label, kind), seed(), kind=kind, label=label)
    nocloud_disc("no user-data", seed(user_data=None))
    nocloud_disc("no meta-data", seed(meta_data=None))
    nocloud_disc("only vendor-data", seed(None, None, CONFIG))
    nocloud_disc("names in capitals", {"META-DATA": "instance-id: i\n", "USER-DATA": CONFIG})
    nocloud_disc("names with endings", {"meta-data.yaml": "instance-id: i\n", "user-data.txt": CONFIG})
    nocloud_disc("inside a folder", {"nocloud/meta-data": "instance-id: i\n", "nocloud/user-data": CONFIG})
    nocloud_seed("below nocloud-net", seed(), folder=SEED + "-net")
    nocloud_seed("half of it", seed(user_data=None))
    # Several sources, merged.
    disc = seed("instance-id: disc\nlocal-hostname: of-disc\na: {x: 1}\n", "#cloud-config\n# disc\n", "#cloud-config\n# disc too\n")
    folder = seed("instance-id: folder\nb: c\na: {y: 2}\npublic-keys: [%s]\n" % ONE, "#cloud-config\n# folder\n")
    placed = {"%s/%s" % (SEED, file): text for file, text in without_none(folder).items()}
    both = [volume(without_none(disc), "cidata")]
    case("NoCloud", "seed directory and disc", machine=placed, volumes=both)
    net = {path.replace("nocloud/", "nocloud-net/"): text for path, text in placed.items()}
    other = {path: text.replace("folder", "other") for path, text in placed.items()}
    case("NoCloud", "two seed directories", machine={**net, **other})
    case("NoCloud", "two discs", volumes=[volume(without_none(disc), "cidata"), volume(without_none(folder), "CIDATA", "vdb", "vfat")])
    case("NoCloud", "two discs, the later one half", volumes=[volume(without_none(disc), "cidata"), volume({"meta-data": ""}, "CIDATA", "vdb", "vfat")])
    lines = {
        "nothing": "",
        "instance-id": ";i=line",
        "instance-id and host name": ";i=line;h=web.example.com",
        "long names": ";instance-id=line;local-hostname=web",
        "other keys": ";i=line;a=b;c",
        "an empty value": ";i=;h=",
        "twice": ";i=one;i=two",
        "dsmode": ";i=line;dsmode=local",
        "disabled": ";i=line;dsmode=disabled",
        "semicolons": ";;i=line;;",
        "an equals sign": ";i=a=b",
        "seed": ";s=/seed/",
        "seed without slash": ";s=/seed",
        "seed of file": ";s=file:///seed/",
        "seed of file without slash": ";s=file:///seed",
        "seed and instance-id": ";s=/seed/;i=line",
        "seed with a place": ";s=/seed/of-%s",
        "seed that is not there": ";s=/nowhere/",
        "seed of firmware": ";s=/seed/__dmi.system-serial-number__/",
        "relative seed": ";s=seed/",
        "unknown scheme": ";s=gopher://example.com/",
    }
    there = {
        "seed/meta-data": "instance-id: seed\nlocal-hostname: of-seed\na: b\n",
        "seed/user-data": "#cloud-config\n# seed\n",
        "seed/vendor-data": "#cloud-config\n# seed too\n",
        "seed/network-config": "version: 2\nethernets: {eth0: {dhcp4: true}}\n",
        "seed/of-meta-data": "instance-id: of\n",
        "seed/of-user-data": "",
        "seed/SERIAL/meta-data": "instance-id: serial\n",
        "seed/SERIAL/user-data": "#cloud-config\n# serial\n",
        "sys/class/dmi/id/product_serial": "SERIAL",
    }
    for name, rest in lines.items():
        for word in ["nocloud", "nocloud-net"]:
            line = "root=/dev/vda1 ro ds=%s%s quiet" % (word, rest)
            case("NoCloud", "command line %s with %s" % (word, name), machine={**there, "proc/cmdline": line})
        with_disc = {**there, "proc/cmdline": "ds=nocloud%s" % rest}
        case("NoCloud", "command line with %s, and a disc" % name, machine=with_disc, volumes=both)
        serial = {**there, "sys/class/dmi/id/product_serial": "ds=nocloud%s" % rest}
        case("NoCloud", "serial number with %s" % name, machine=serial)
    for name, part in [("meta-data", "instance-id: [\n"), ("meta-data", "- a\n"), ("meta-data", ""), ("user-data", None), ("vendor-data", None),
                       ("meta-data", None), ("network-config", "- a\n"), ("network-config", ""), ("network-config", "a: [\n")]:
        broken = without_none({**there, "seed/" + name: part, "proc/cmdline": "ds=nocloud;s=/seed/"})
        case("NoCloud", "seed whose %s is %r" % (name, part), machine=broken)
    settings = {
        "inline": {"user-data": CONFIG, "meta-data": {"instance-id": "config", "local-hostname": "web"}},
        "inline as text": {"user-data": CONFIG, "meta-data": "instance-id: config\n"},
        "inline with network": {"user-data": "", "meta-data": {"instance-id": "c"}, "vendor-data": CONFIG, "network-config": "version: 2\n"},
        "only user-data": {"user-data": CONFIG},
        "seedfrom": {"seedfrom": "/seed/"},
        "seedfrom and inline": {"seedfrom": "/seed/", "user-data": CONFIG, "meta-data": {"instance-id": "config"}},
        "label": {"fs_label": "mine"},
        "no label": {"fs_label": None},
    }
    for name, setting in settings.items():
        config = json.dumps({"datasource": {"NoCloud": setting}})
        files = {**there, "etc/cloud/cloud.cfg.d/90_x.cfg": config}
        case("NoCloud", "configuration with " + name, machine=files)
        case("NoCloud", "configuration with %s, and a disc" % name, machine=files, volumes=both)
        mine = [volume(without_none(disc), "mine", "vdb", "vfat"), *both]
        case("NoCloud", "configuration with %s, and two discs" % name, machine=files, volumes=mine)
        line = {**files, "proc/cmdline": "ds=nocloud;i=line"}
        case("NoCloud", "configuration with %s, and a command line" % name, machine=line)
    for number in range(60):
        lines = [some(DOCUMENTS, rng)]
        if isinstance(lines[0], str) and rng.random() < 0.7:
            lines = ["instance-id: %s\nlocal-hostname: %s\npublic-keys: %s\n" % (some(VALUES, rng), some(VALUES, rng), some(KEYS, rng))]
        files = seed(lines[0], some(USER, rng), some(USER, rng), some(NETWORK, rng))
        nocloud_seed("chance %d" % number, files)


# --- NoCloud from a server of seeds


def sound(rng):
    """Meta-data, and tables of documents and of network configurations, none of which ends cloud-init by itself."""
    names = [rng.choice(["i-0abc", '"quoted"', '"12"', "web.example.com", "192.0.2.7", "WEB-01.Example.COM"]) for _ in range(2)]
    keys = some({name: text for name, text in KEYS.items() if name not in ("number", "map of maps", "list with others")}, rng)
    data = {name: text for name, text in USER.items() if name not in ("binary", "gzip")}
    networks = {name: text for name, text in NETWORK.items() if text and "version" in text and name != "broken"}
    return "instance-id: %s\nlocal-hostname: %s\npublic-keys: %s\n" % (*names, keys), data, networks


WEB = "lease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3\nlisten 10.0.2.4 10.0.2.4:8080\nname seed.example.com 10.0.2.4\n"
SITE = "http://seed.example.com"
SERVED = seed("instance-id: served\nlocal-hostname: of-web\na: b\n", "#cloud-config\n# web\n", "#cloud-config\n# web too\n", "version: 2\nethernets: {eth0: {dhcp4: true}}\n")


def web(name, documents, line="ds=nocloud;s=%s/seed/" % SITE, place="seed/", conf="", machine=(), **what):
    served = {"GET/%s%s" % (place, file): content for file, content in without_none(documents).items()}
    case("NoCloud", "web: " + name, cloud={"cloud.conf": WEB + conf, **served}, machine={"proc/cmdline": line, **dict(machine)}, **what)


def nocloud_web(rng):
    places = {
        "a folder": ("/seed/", "seed/"), "a folder without slash": ("/seed", "seed/"), "the first folder": ("/", ""), "no folder": ("", ""),
        "a port": (":8080/seed/", "seed/"), "a place for names": ("/of/%s", "of/"), "a place before an ending": ("/of/%s?a=b", "of/"),
        "a query": ("/seed/?file=", "seed/"), "a query without slash": ("/seed?file=", "seed/"), "a query with a place": ("/seed?file=%s", "seed/"),
        "firmware": ("/__dmi.system-serial-number__/", "SERIAL/"), "two slashes": ("//seed/", "seed/"), "a fragment": ("/seed/#x", "seed/"),
        "nothing there": ("/nowhere/", "seed/"), "dots": ("/a/../seed/", "seed/"), "a port that is none": (":http/seed/", "seed/"),
    }
    firmware = {"sys/class/dmi/id/product_serial": "SERIAL"}
    for name, (path, place) in places.items():
        for word in ["nocloud", "nocloud-net"]:
            web("%s at %s" % (word, name), SERVED, "ro ds=%s;s=%s%s quiet" % (word, SITE, path), place, machine=firmware)
        config = json.dumps({"datasource": {"NoCloud": {"seedfrom": SITE + path}}})
        web("seedfrom at " + name, SERVED, "ro", place, machine={**firmware, "etc/cloud/cloud.cfg.d/90_x.cfg": config})
    for name, rest in {"instance-id": ";i=line", "host name": ";h=web.example.com", "both": ";i=line;h=web", "other keys": ";i=line;c=d", "dsmode local": ";dsmode=local",
                       "dsmode net": ";dsmode=net", "disabled": ";dsmode=disabled", "dsmode nonsense": ";dsmode=x"}.items():
        for word in ["nocloud", "nocloud-net"]:
            web("%s with %s" % (word, name), SERVED, "ds=%s%s;s=%s/seed/" % (word, rest, SITE))
        serial = {"sys/class/dmi/id/product_serial": "ds=nocloud%s;s=%s/seed/" % (rest, SITE)}
        web("serial number with " + name, SERVED, "ro", machine=serial)
    for address in ["http://10.0.2.4/seed/", "http://10.0.2.4:80/seed/", "HTTP://seed.example.com/seed/", "http://SEED.example.com/seed/", "http://nowhere.example.com/seed/",
                    "http://10.0.2.4:81/seed/", "ftp://seed.example.com/seed/", "http:/seed/", "http://", "seed.example.com/seed/"]:
        web("seed of " + address, SERVED, "ds=nocloud;s=" + address)
    # What is served, and what is not.
    for name, text in DOCUMENTS.items():
        web("meta-data is " + name, {**SERVED, "meta-data": text})
    for name, text in VALUES.items():
        web("instance-id is " + name, {**SERVED, "meta-data": "instance-id: %s\nlocal-hostname: %s\n" % (text, text)})
    for name, text in KEYS.items():
        web("public-keys are " + name, {**SERVED, "meta-data": "instance-id: i\npublic-keys: %s\n" % text})
    for name, text in USER.items():
        web("user-data is " + name, {**SERVED, "user-data": text})
        web("vendor-data is " + name, {**SERVED, "vendor-data": text})
    for name, text in NETWORK.items():
        web("network-config is " + name, {**SERVED, "network-config": text})
    for file in SERVED:
        for status in [204, 301, 401, 403, 404, 410, 429, 500, 503]:
            web("%s answers %d" % (file, status), SERVED, conf="answer GET /seed/%s %d\n" % (file, status))
        web("%s is elsewhere" % file, {**SERVED, "other-" + file: SERVED[file]}, conf="answer GET /seed/%s 302 location /seed/other-%s\n" % (file, file))
        web("%s is busy once" % file, SERVED, conf="answer GET /seed/%s 503 times 1\n" % file)
        web("%s alone" % file, {file: SERVED[file]})
    # A seed elsewhere that names the server.
    pointer = "instance-id: pointer\nlocal-hostname: of-pointer\nseedfrom: %s/seed/\n" % SITE
    half = seed(pointer, "#cloud-config\n# pointer\n", "#cloud-config\n# pointer too\n")
    for name, documents in {"all": SERVED, "half": {"user-data": "x"}, "nothing": {}}.items():
        for line in ["ro", "ds=nocloud;i=line", "ds=nocloud-net;i=line", "ds=nocloud;s=/seed/"]:
            web("a disc that names it, %s, %s" % (name, line), documents, line, volumes=[volume(without_none(half), "cidata")])
            placed = {"%s/%s" % (SEED, file): text for file, text in without_none(half).items()}
            web("a directory that names it, %s, %s" % (name, line), documents, line, machine=placed)
    both = [volume(without_none(seed("instance-id: disc\nc: d\n", "#cloud-config\n# disc\n")), "cidata")]
    web("and a disc", SERVED, volumes=both)
    web("and a disc, nothing served", {}, volumes=both)
    for name, setting in {"inline": {"user-data": CONFIG, "meta-data": {"instance-id": "config"}}, "no label": {"fs_label": None}, "dsmode": {"dsmode": "local"}}.items():
        config = json.dumps({"datasource": {"NoCloud": {"seedfrom": SITE + "/seed/", **setting}}})
        web("seedfrom and %s" % name, SERVED, "ro", machine={"etc/cloud/cloud.cfg.d/90_x.cfg": config}, volumes=both)
        web("seedfrom and %s, and a command line" % name, SERVED, "ds=nocloud;i=line", machine={"etc/cloud/cloud.cfg.d/90_x.cfg": config}, volumes=both)
    for number in range(60):
        meta, data, networks = sound(rng)
        web("chance %d" % number, seed(meta, some(data, rng), some(data, rng), some(networks, rng)))


# --- LXD


def lxd(rng):
    devices = {"eth0": {"name": "eth0", "nictype": "bridged", "parent": "lxdbr0", "type": "nic"}, "root": {"path": "/", "pool": "default", "type": "disk"}}
    told = "#cloud-config\ninstance-id: 5c4f0d2e\nlocal-hostname: web\n"

    def at_socket(name, meta_data=told, devices=devices, routes=None, conf="", network=NETWORK["version 2"], **config):
        if not any("network_config" in key for key in config):
            config["cloud_init__network_config"] = network
        config = {key.replace("__", ".").replace("_", "-"): value for key, value in without_none(config).items()}
        served = {"GET/1.0/config/" + key: value for key, value in config.items()}
        served["GET/1.0/config/_"] = json.dumps(["/1.0/config/" + key for key in config]) if routes is None else routes
        served.update(without_none({"GET/1.0/meta-data": meta_data, "GET/1.0/devices": devices if devices is None or isinstance(devices, str) else json.dumps(devices)}))
        if conf:
            served["cloud.conf"] = conf
        case("LXD", name, "no-firmware", machine={"env": "SYSTEMD_VIRTUALIZATION=container:lxc\n"}, socket=served)

    at_socket("nothing configured", network=None)
    for name, text in DOCUMENTS.items():
        at_socket("meta-data is " + name, text)
        at_socket("user.meta-data is " + name, user__meta_data=text)
    for name, text in VALUES.items():
        at_socket("instance-id is " + name, "instance-id: %s\nlocal-hostname: web\n" % text)
        at_socket("local-hostname is " + name, "instance-id: i\nlocal-hostname: %s\n" % text)
        at_socket("user.meta-data: instance-id is " + name, user__meta_data="instance-id: %s\nlocal-hostname: %s\n" % (text, text))
    for name, text in KEYS.items():
        at_socket("public-keys are " + name, told + "public-keys: %s\n" % text)
        at_socket("user.meta-data: public-keys are " + name, user__meta_data="public-keys: %s\n" % text)
    for key in ["cloud_init", "user"]:
        for name, text in USER.items():
            at_socket("%s.user-data is %s" % (key, name), **{key + "__user_data": text})
            at_socket("%s.vendor-data is %s" % (key, name), **{key + "__vendor_data": text})
        for name, text in NETWORK.items():
            at_socket("%s.network-config is %s" % (key, name), **{key + "__network_config": text})
    for kind in ["user_data", "vendor_data", "network_config"]:
        mine, yours = ("version: 2\nethernets: {eth0: {mtu: %d}}\n" % mtu if kind == "network_config" else "#cloud-config\n# %d\n" % mtu for mtu in (1400, 1500))
        for name, first in {"full": mine, "empty": "", "gone": None}.items():
            at_socket("both keys of %s, the first %s" % (kind, name), **{"cloud_init__" + kind: first, "user__" + kind: yours})
    at_socket("other keys", user__role="web", user__x_y="1", image__os="debian", cloud_init__ssh_keys__mine="root:" + ONE)
    for name, value in {"gone": None, "empty": "", "an empty map": {}, "null": "null", "a list": "[]", "a text": '"x"', "broken": "{", "no nic": {"root": devices["root"]},
                        "no type": {"eth0": {}}, "another name": {"nic0": {**devices["eth0"], "name": "net0"}}, "several": {**devices, "eth1": devices["eth0"]}}.items():
        at_socket("devices are " + name, devices=value, network=None)
    for name, routes in {"empty": "", "null": "null", "a map": '{"/1.0/config/user.user-data": 1}', "a text": '"/1.0/config/user.user-data"', "broken": "[", "others": '["/1.0/config/user.user-data", 7]',
                         "another version": '["/2.0/config/user.user-data"]', "a folder deeper": '["/1.0/config/a/user.user-data"]', "twice": '["/1.0/config/user.user-data", "/1.0/config/user.user-data"]',
                         "an address": '["http://lxd/1.0/config/user.user-data"]', "relative": '["user.user-data"]'}.items():
        at_socket("routes are " + name, routes=routes, user__user_data=CONFIG)
    for path in ["/1.0/meta-data", "/1.0/config", "/1.0/devices", "/1.0/config/user.user-data"]:
        for status in [204, 401, 403, 404, 500, 503]:
            at_socket("%s answers %d" % (path, status), conf="answer GET %s %d\n" % (path, status), user__user_data=CONFIG)
        at_socket("%s is busy once" % path, conf="answer GET %s 500 times 1\n" % path, user__user_data=CONFIG)
    for number in range(60):
        meta, data, networks = sound(rng)
        own = {name: DOCUMENTS[name] for name in ("json", "carriage returns", "other names", "nested", "launch index", "cloud name", "placement")}
        config = {key: some(table, rng) for key, table in [
            ("user__meta_data", own), ("cloud_init__user_data", data), ("user__user_data", data), ("cloud_init__vendor_data", data), ("user__vendor_data", data),
            ("cloud_init__network_config", networks), ("user__network_config", networks)] if rng.random() < 0.4}
        at_socket("chance %d" % number, meta, **config)


# --- OpenStack's drives

CARD = "52:54:00:4e:0c:10"  # that of the root `none`


def drive(meta=None, version="latest", **files):
    made = {}
    if meta is not None:
        made["openstack/%s/meta_data.json" % version] = meta if isinstance(meta, (str, dict)) and "base64" in meta or isinstance(meta, str) else json.dumps(meta)
    for name, content in files.items():
        if content is not None:
            path = "openstack/%s/%s" % (version, name if name == "user_data" else name + ".json")
            made[path] = content if isinstance(content, str) or "base64" in content else json.dumps(content)
    return made


def networks(*nets, links=None, services=()):
    links = links or [{"id": "tap1", "type": "ovs", "ethernet_mac_address": CARD, "mtu": 1450, "vif_id": "x"}]
    return {"links": links, "networks": list(nets), "services": list(services)}


STACK = {"uuid": "1234-5678", "hostname": "web.example.com", "name": "web", "launch_index": 0, "availability_zone": "nova",
         "public_keys": {"mine": ONE + "\n"}, "meta": {"role": "web"}, "project_id": "p", "keys": [{"name": "mine", "type": "ssh", "data": ONE}]}
STACK_NETWORKS = {
    "dhcp": networks({"id": "n0", "link": "tap1", "type": "ipv4_dhcp", "network_id": "x"}),
    "static": networks({"id": "n0", "link": "tap1", "type": "ipv4", "ip_address": "192.0.2.2", "netmask": "255.255.255.0",
                        "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"}], "services": [{"type": "dns", "address": "192.0.2.3"}]},
                       services=[{"type": "dns", "address": "192.0.2.53"}]),
    "static 6": networks({"id": "n0", "link": "tap1", "type": "ipv6", "ip_address": "2001:db8::2", "netmask": "ffff:ffff:ffff:ffff::",
                          "routes": [{"network": "::", "netmask": "::", "gateway": "2001:db8::1"}]}),
    "slaac": networks({"id": "n0", "link": "tap1", "type": "ipv6_slaac"}),
    "dhcpv6": networks({"id": "n0", "link": "tap1", "type": "ipv6_dhcp"}, {"id": "n1", "link": "tap1", "type": "ipv6_dhcpv6-stateful"}),
    "stateless": networks({"id": "n0", "link": "tap1", "type": "ipv6_dhcpv6-stateless"}),
    "no networks": networks(),
    "unknown type of link": networks(links=[{"id": "a", "type": "strange", "ethernet_mac_address": CARD}]),
    "capital address": networks(links=[{"id": "a", "type": "phy", "ethernet_mac_address": CARD.upper()}]),
    "bond": networks({"id": "n0", "link": "bond", "type": "ipv4_dhcp"}, links=[
        {"id": "a", "type": "phy", "ethernet_mac_address": CARD},
        {"id": "bond", "type": "bond", "bond_links": ["a"], "bond_mode": "802.3ad", "bond_miimon": 100, "ethernet_mac_address": CARD}]),
    "vlan": networks({"id": "n0", "link": "vlan", "type": "ipv4_dhcp"}, links=[
        {"id": "a", "type": "phy", "ethernet_mac_address": CARD},
        {"id": "vlan", "type": "vlan", "vlan_link": "a", "vlan_id": 101, "vlan_mac_address": "fa:16:3e:b0:00:01"}]),
    "named": networks(links=[{"id": "a", "name": "eth0", "type": "phy", "ethernet_mac_address": CARD}]),
    "unknown card": networks(links=[{"id": "a", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:99"}]),
    "empty": {},
    "null": "null",
    "list": "[]",
    "text": '"x"',
    "broken": "{",
    "routes of a static network": networks({"id": "n0", "link": "tap1", "type": "ipv4", "ip_address": "192.0.2.2/24", "routes": [
        {"network": "198.51.100.0", "netmask": "255.255.255.0", "gateway": "192.0.2.9", "services": [{"type": "dns", "address": "192.0.2.4"}]}]}),
}
VENDOR = {
    "cloud-init as text": {"cloud-init": CONFIG},
    "cloud-init as list": {"cloud-init": [CONFIG, "#!/bin/sh\n"]},
    "cloud-init as map": {"cloud-init": {"a": "b"}},
    "null": "null",
    "text": json.dumps(CONFIG),
    "list": json.dumps([CONFIG]),
    "other": {"other": 1},
    "empty": {},
    "number": "7",
    "broken": "{",
    "empty document": "",
}


def stack(name, files, medium="iso9660", machine=(), **what):
    volumes = [volume(files, "config-2", "sr0" if medium == "iso9660" else "vdb", medium)]
    case("ConfigDrive", name, base="none", volumes=volumes, machine=dict(machine), **what)


def json_values():
    return {"text": "a", "number": 7, "zero": 0, "float": 1.5, "true": True, "null": None, "empty": "", "list": ["a"], "map": {"a": "b"},
            "blank": " ", "domain": "web.example.com", "address": "192.0.2.7", "accented": "zürich", "long": "a" * 90, "slash": "a/b",
            "capitals": "ABC-DEF", "dot": "web.", "control": "a\tb"}


def configdrive(rng):
    for name, value in json_values().items():
        for key in ["uuid", "hostname", "name", "availability_zone", "launch_index", "meta", "public_keys", "random_seed", "cloud-name", "instance-id",
                    "local-hostname", "region"]:
            stack("%s is %s" % (key, name), drive({**STACK, key: value}))
    for key in STACK:
        stack("no " + key, drive({of: value for of, value in STACK.items() if of != key}))
    for name, text in {"empty": "", "null": "null", "list": "[]", "text": '"a"', "broken": "{", "carriage returns": json.dumps(STACK, indent=1).replace("\n", "\r\n"),
                       "byte order mark": "\ufeff" + json.dumps(STACK), "yaml": "uuid: a\n", "empty map": "{}",
                       "twice": '{"uuid": "a", "uuid": "b"}', "comma": '{"uuid": "a",}'}.items():
        stack("meta_data.json is " + name, drive(text))
        stack("meta_data.json is %s, beside an older one" % name, {**drive(text, "2018-08-27"), **drive(STACK, "2015-10-15")})
    versions = ["2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27", "2020-10-14", "latest", "content"]
    for version in versions:
        stack("only " + version, drive({**STACK, "x": version}, version))
        stack("latest and " + version, {**drive(STACK), **drive({**STACK, "x": version}, version)})
    for index in range(1, len(versions)):
        files = {}
        for version in versions[:index]:
            files.update(drive({**STACK, "x": version}, version))
        stack("up to " + versions[index - 1], files)
    stack("newest without meta_data.json", {**drive(None, "2018-08-27", user_data=CONFIG), **drive(STACK, "2015-10-15")})
    for name, value in VENDOR.items():
        stack("vendor_data is " + name, drive(STACK, vendor_data=value))
        stack("vendor_data2 is " + name, drive(STACK, vendor_data2=value))
    stack("both of vendor_data", drive(STACK, vendor_data={"cloud-init": "#!/bin/sh\n"}, vendor_data2={"cloud-init": CONFIG}))
    for name, value in STACK_NETWORKS.items():
        stack("network_data is " + name, drive(STACK, network_data=value))
    for name, text in USER.items():
        stack("user_data is " + name, drive(STACK, user_data=text), medium="vfat")
    for name, text in INTERFACES.items():
        meta = {**STACK, "network_config": {"name": "network_config", "content_path": "/content/0000"}}
        stack("interfaces are " + name, {**drive(meta), "openstack/content/0000": text})
    for name, item in {"missing": {"content_path": "/content/9"}, "no path": {}, "text": "x", "number": 7, "slashes": {"content_path": "///content//0000"}}.items():
        stack("network_config is " + name, {**drive({**STACK, "network_config": item}), "openstack/content/0000": INTERFACES["dhcp"]})
    for name, item in {"good": [{"path": "/etc/x", "content_path": "/content/0001"}], "missing": [{"path": "/etc/x", "content_path": "/content/9"}],
                       "without path": [{"content_path": "/content/0001"}], "without content": [{"path": "/etc/x"}], "no list": "x"}.items():
        stack("files are " + name, {**drive({**STACK, "files": item}), "openstack/content/0001": "hello\n"})
    for mode in ["local", "net", "pass", "disabled", "nonsense", None, 7]:
        stack("dsmode is %s" % mode, drive({**STACK, "meta": {"dsmode": mode}}))
        config = {"etc/cloud/cloud.cfg.d/90_x.cfg": json.dumps({"datasource": {"ConfigDrive": {"dsmode": mode}}})}
        stack("dsmode is configured as %s" % mode, drive(STACK), machine=config)
    for name, text in {"good": json.dumps({"instance-id": "i-1", "hostname": "h", "block-device-mapping": {"ami": "sda"}}), "broken": "{", "list": "[]"}.items():
        stack("EC2's meta-data are " + name, {**drive(STACK), "ec2/latest/meta-data.json": text, "ec2/latest/user-data": "x"})
    first = {"meta.js": json.dumps({"public-keys": ONE + "\n" + TWO, "instance-id": "v1", "user-data": CONFIG, "dsmode": "net"}),
             "root/.ssh/authorized_keys": TWO + "\n", "etc/network/interfaces": INTERFACES["dhcp"]}
    stack("first version", first)
    for key in ["public-keys", "instance-id", "user-data", "dsmode"]:
        said = json.loads(first["meta.js"])
        del said[key]
        stack("first version without " + key, {**first, "meta.js": json.dumps(said)})
    for name in first:
        stack("first version without " + name, {path: text for path, text in first.items() if path != name})
    stack("both versions", {**first, **drive(STACK)})
    for text in ["", "[]", "{", "{}"]:
        stack("first version with %r" % text, {**first, "meta.js": text})
    for label in ["config-2", "CONFIG-2", "Config-2"]:
        for kind in ["iso9660", "vfat", "ext4"]:
            case("ConfigDrive", "label %s of %s" % (label, kind), volumes=[volume(drive(STACK, user_data=CONFIG), label, "vdb", kind)])
    one, other = drive({**STACK, "uuid": "one"}), drive({**STACK, "uuid": "other"})
    case("ConfigDrive", "two drives", volumes=[volume(one, "config-2", "vdb", "vfat"), volume(other, "config-2", "vdc", "vfat")])
    case("ConfigDrive", "two drives, the last one broken", volumes=[volume(one, "config-2", "vdb", "vfat"), volume({"x": "y"}, "config-2", "vdc", "vfat")])
    case("ConfigDrive", "a drive and a disc without label", volumes=[volume(one, "config-2", "sr0"), volume(other, "x", "vdc", "vfat")])
    for folder in ["var/lib/cloud/seed/config_drive", "config-drive"]:
        for version in ["latest", "2015-10-15"]:
            files = drive(STACK, version, user_data=CONFIG)
            case("ConfigDrive", "%s of %s" % (version, folder), machine={"%s/%s" % (folder, path): text for path, text in files.items()})
    for number in range(40):
        meta = {**STACK, **{key: rng.choice(list(json_values().values())) for key in rng.sample(["uuid", "hostname", "name", "meta", "x"], 2)}}
        stack("chance %d" % number, drive(meta, rng.choice(versions[:8]), user_data=some(USER, rng), vendor_data=some(VENDOR, rng), network_data=some(STACK_NETWORKS, rng)))


def ibmcloud(rng):
    def ibm(name, files, label="config-2", uuid="9796-932E"):
        case("IBMCloud", name, base="none", machine={"proc/xen/capabilities": "", "env": "SYSTEMD_VIRTUALIZATION=vm:xen\n"},
             volumes=[volume(files, label, "xvdh", "vfat", uuid)])

    for name, value in json_values().items():
        for key in ["uuid", "hostname", "public_keys", "random_seed"]:
            ibm("%s is %s" % (key, name), drive({**STACK, key: value}))
    for key in ["uuid", "hostname", "public_keys"]:
        ibm("no " + key, drive({of: value for of, value in STACK.items() if of != key}))
    for name, text in USER.items():
        ibm("user_data is " + name, drive(STACK, user_data=text))
        ibm("user_data of METADATA is " + name, drive(STACK, user_data=text), "METADATA", "1234-5678")
    for name, value in VENDOR.items():
        ibm("vendor_data is " + name, drive(STACK, vendor_data=value))
    for name, value in STACK_NETWORKS.items():
        ibm("network_data is " + name, drive(STACK, network_data=value))
    ibm("no meta_data.json", drive(None, user_data=CONFIG))
    for text in ["", "{", "[]", "null"]:
        ibm("meta_data.json is %r" % text, drive(text))
    ibm("only 2015-10-15", drive(STACK, "2015-10-15"))


# --- OpenNebula


def opennebula(rng):
    def context(name, text, machine=(), **what):
        case("OpenNebula", name, base="none", volumes=[volume({"context.sh": text}, "CONTEXT")], machine=dict(machine), **what)

    values = {
        "single": "'a b'", "double": '"a b"', "plain": "ab", "empty": "''", "nothing": "", "mixed": "'a'\"b\"c", "escaped quote": "'it'\\''s'",
        "dollar in single": "'$HOME'", "dollar": '"$B"', "braces": '"${B}"', "escaped dollar": '"\\$B"', "backslash": '"a\\nb"', "backslash in single": "'a\\nb'",
        "lines": "'a\nb'", "lines in double": '"a\nb"', "continued": '"a\\\nb"', "hash": "'a#b'", "hash plain": "a#b", "comment": "ab # why", "equals": "a=b",
        "command": "$(echo a)", "back quotes": "`echo a`", "arithmetic": "$((1+2))", "default": '"${C:-d}"', "length": '"${#B}"', "tilde": "~", "star": "*",
        "semicolon": "a; D=e", "ampersand": "a & D=e", "accented": "'zürich'", "tab": "'a\tb'", "trailing blank": "'a '", "leading blank": "' a'",
        "carriage return": "'a'\r", "quotes inside": "'say \"hi\"'", "quotes inside double": "\"it's\"", "dollar alone": "a$", "dollar quote": "$'a\\nb'",
        "unclosed": "'a", "backslash at end": "a\\", "question": '"${C:?no}"', "suffix": '"${B%b}"', "number": "7", "braces expand": "{a,b}", "exclamation": '"a!b"',
        "nul": "'a\\0b'", "long": "'" + "a" * 5000 + "'", "percent": "'%s'", "redirection": "a > /dev/null", "less": "'<a>'", "underscores": "_a_",
    }
    for name, value in values.items():
        context("value is " + name, "B=bb\nA=%s\nZ='end'\n" % value)
    for name, value in {"plain": "web", "domain": "web.example.com", "address": "192.0.2.7", "empty": "", "blank": "my web", "accented": "zürich", "long": "a" * 80}.items():
        for key in ["SET_HOSTNAME", "HOSTNAME", "PUBLIC_IP", "IP_PUBLIC", "ETH0_IP"]:
            context("%s is %s" % (key, name), "%s='%s'\n" % (key, value))
    context("all names", "ETH0_IP='192.0.2.2'\nIP_PUBLIC='192.0.2.3'\nPUBLIC_IP='192.0.2.4'\nHOSTNAME='h'\nSET_HOSTNAME='s'\n")
    for key in ["SSH_KEY", "SSH_PUBLIC_KEY"]:
        for name, value in {"one": ONE, "two": ONE + "\n" + TWO, "comment": "# a\n" + ONE, "empty": "", "blank lines": "\n\n%s\n\n" % ONE, "blanks": "  " + ONE}.items():
            context("%s is %s" % (key, name), "%s='%s'\n" % (key, value))
    context("both keys", "SSH_PUBLIC_KEY='%s'\nSSH_KEY='%s'\n" % (TWO, ONE))
    for key in ["USER_DATA", "USERDATA"]:
        for of in ["USERDATA_ENCODING", "USER_DATA_ENCODING", "OTHER"]:
            for encoding in ["base64", "BASE64", "", "gzip"]:
                for name, value in {"plain": CONFIG, "encoded": b64(CONFIG)}.items():
                    context("%s is %s, %s is %r" % (key, name, of, encoding), "%s='%s'\n%s='%s'\n" % (key, value, of, encoding))
    for name, value in {"no base64": "!!!", "unpadded": b64(CONFIG).rstrip("="), "lines": b64(CONFIG * 4)[:60] + "\n" + b64(CONFIG * 4)[60:], "empty": "",
                        "binary": base64.b64encode(bytes(range(256))).decode(), "packed": packed(CONFIG)}.items():
        context("encoded user-data are " + name, "USER_DATA='%s'\nUSERDATA_ENCODING='base64'\n" % value)
    context("an encoding without user-data", "USERDATA_ENCODING='base64'\nA=b\n")
    context("user-data with quotes", "USER_DATA='#cloud-config\nruncmd: [\"echo '\\''hi'\\''\"]\n'\n")
    for name, text in {"empty": "", "comment": "# nothing\n", "carriage returns": "A='b'\r\nC='d'\r\n", "export": "export A='b'\n", "function": "f() { A=b; }\nC='d'\n",
                       "condition": "if true; then A=b; fi\nC='d'\n", "command before": "echo hello\nA=b\n", "exit": "A=b\nexit 0\nC=d\n", "failure": "A=b\nfalse\nC=d\n",
                       "unset": "A=b\nunset A\nC=d\n", "twice": "A=b\nA=c\n", "appended": "A=b\nA+=c\n", "interpreter": "#!/bin/sh\nA=b\n", "readonly": "readonly A=b\n",
                       "shell's own": "RANDOM=1\nSECONDS=2\nLINENO=3\nPWD=/x\nHOME=/y\nPATH=/z\nIFS=x\n", "byte order mark": "\ufeffA=b\nC=d\n", "no line feed": "A='b'",
                       "several": "A=b C=d\nE='f'\n", "environment of a command": "A=b true\nC=d\n", "strange name": "a-b=c\nD=e\n", "number first": "1A=b\nD=e\n",
                       "lower case": "a='b'\n", "indented": "  A='b'\n\tC='d'\n", "spaces": "A = b\nC=d\n"}.items():
        context("context is " + name, text)
    cards = {
        "address": {"IP": "192.0.2.2"}, "mask": {"IP": "192.0.2.2", "MASK": "255.255.0.0"}, "router": {"IP": "192.0.2.2", "GATEWAY": "192.0.2.1"},
        "names": {"IP": "192.0.2.2", "DNS": "192.0.2.3 192.0.2.4", "SEARCH_DOMAIN": "a.example b.example"}, "mtu": {"IP": "192.0.2.2", "MTU": "1400"},
        "wrong mtu": {"IP": "192.0.2.2", "MTU": "x"}, "six": {"IP": "192.0.2.2", "IP6": "2001:db8::2", "IP6_PREFIX_LENGTH": "48"},
        "six alone": {"IP6": "2001:db8::2"}, "ula": {"IP": "192.0.2.2", "IP6": "2001:db8::2", "IP6_ULA": "fd00::2"},
        "router 6": {"IP": "192.0.2.2", "IP6": "2001:db8::2", "IP6_GATEWAY": "2001:db8::1"}, "old router 6": {"IP": "192.0.2.2", "IP6": "2001:db8::2", "GATEWAY6": "2001:db8::1"},
        "routes": {"IP": "192.0.2.2", "ROUTES": "198.51.100.0/24 via 192.0.2.1, 10.0.0.0/8 via 192.0.2.9"}, "wrong routes": {"IP": "192.0.2.2", "ROUTES": "x, 10.0.0.0/8 via 192.0.2.9"},
        "empty address": {"IP": ""}, "empty mask": {"IP": "192.0.2.2", "MASK": ""}, "wrong mask": {"IP": "192.0.2.2", "MASK": "255.0.255.0"},
        "wrong address": {"IP": "192.0.2.999"}, "address with prefix": {"IP": "192.0.2.2/24"}, "network": {"IP": "192.0.2.2", "NETWORK": "192.0.2.0"},
        "empty six": {"IP": "192.0.2.2", "IP6": ""}, "method": {"IP": "192.0.2.2", "METHOD": "dhcp"}, "mask as prefix": {"IP": "192.0.2.2", "MASK": "24"},
    }
    for name, card in cards.items():
        lines = "".join("ETH0_%s='%s'\n" % entry for entry in card.items())
        context("card has " + name, lines)
        context("card of a hardware address has " + name, "ETH0_MAC='%s'\n%s" % (CARD.upper(), lines))
        context("another card has " + name, "ETH7_MAC='%s'\n%s" % (CARD, lines.replace("ETH0", "ETH7")))
    context("names for all", "ETH0_IP='192.0.2.2'\nDNS='192.0.2.3 192.0.2.3'\nSEARCH_DOMAIN='example.com'\nETH0_DNS='192.0.2.4'\n")
    for label in ["CONTEXT", "CDROM", "context", "other"]:
        case("OpenNebula", "label " + label, volumes=[volume({"context.sh": "A=b\n"}, label)])
    for mode in ["disabled", "local", "net"]:
        context("DSMODE is " + mode, "DSMODE='%s'\n" % mode)
        config = {"etc/cloud/cloud.cfg.d/90_x.cfg": json.dumps({"datasource": {"OpenNebula": {"dsmode": mode}}})}
        context("dsmode is configured as " + mode, "A=b\n", config)
    for number in range(30):
        lines = ["K%d=%s" % (index, rng.choice([value for name, value in values.items() if name not in ("unclosed", "question", "backslash at end")])) for index in range(4)]
        context("chance %d" % number, "\n".join(lines) + "\n")


# --- OVF

OVF = "http://schemas.dmtf.org/ovf/environment/1"


def environment(properties, section="PropertySection", root="Environment", head='<?xml version="1.0" encoding="UTF-8"?>\n', space='xmlns:oe="%s" xmlns="%s"' % (OVF, OVF), mark="oe:"):
    def escaped(text):
        return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\n", "&#10;")

    lines = "".join('  <Property %skey="%s" %svalue="%s"/>\n' % (mark, key, mark, escaped(value)) for key, value in properties)
    return '%s<%s %s oe:id="WebTier">\n <%s>\n%s </%s>\n</%s>\n' % (head, root, space, section, lines, section, root)


def ovf(rng):
    def disc(name, text, file="ovf-env.xml", label="OVF-TRANSPORT", **what):
        case("OVF", name, base="vmware-initramfs", volumes=[volume({file: text}, label)], **what)

    plain = [("instance-id", "i-ovf"), ("hostname", "web.example.com"), ("user-data", b64(CONFIG)), ("public-keys", ONE), ("password", "secret")]
    disc("all", environment(plain))
    for index, (key, _) in enumerate(plain):
        disc("no " + key, environment(plain[:index] + plain[index + 1 :]))
    strings = {"text": "abc", "empty": "", "blank": " ", "number": "7", "domain": "web.example.com", "address": "192.0.2.7", "accented": "zürich", "lines": "a\nb", "quotes": "a\"b'c<d>&e",
               "long": "a" * 100}
    for name, value in strings.items():
        for key in ["instance-id", "hostname", "local-hostname", "public-keys", "password", "user-data", "seedfrom", "network-config", "other"]:
            if (key, name) != ("seedfrom", "address"):
                disc("%s is %s" % (key, name), environment([("instance-id", "i"), (key, value)]))
    for name, value in {"encoded": b64(CONFIG), "plain": CONFIG, "lines": b64(CONFIG * 4)[:60] + "\n" + b64(CONFIG * 4)[60:], "unpadded": b64(CONFIG).rstrip("="), "packed": packed(CONFIG),
                        "binary": base64.b64encode(bytes(range(256))).decode(), "script": "#!/bin/sh\necho\n", "twice": b64(b64(CONFIG)), "spaces": " " + b64(CONFIG) + " "}.items():
        disc("user-data are " + name, environment([("instance-id", "i"), ("user-data", value)]))
    for name, value in NETWORK.items():
        if isinstance(value, str):
            disc("encoded network-config is " + name, environment([("instance-id", "i"), ("network-config", b64(value))]))
            disc("network-config below network is " + name, environment([("instance-id", "i"), ("network-config", b64("network:\n" + "".join("  %s\n" % line for line in value.splitlines())))]))
    disc("network-config is plain", environment([("instance-id", "i"), ("network-config", NETWORK["below network"])]))
    disc("both host names", environment([("hostname", "a"), ("local-hostname", "b")]))
    disc("both host names, the other way", environment([("local-hostname", "b"), ("hostname", "a")]))
    disc("several keys", environment([("public-keys", ONE + "\n" + TWO)]))
    disc("keys with comma", environment([("public-keys", ONE + "," + TWO)]))
    disc("key twice", environment([("instance-id", "a"), ("instance-id", "b")]))
    disc("no properties", environment([]))
    disc("no section", environment(plain, section="Other"))
    disc("another root", environment(plain, root="Other"))
    disc("no head", environment(plain, head=""))
    disc("attributes without namespace", environment(plain, mark="", space='xmlns:oe="%s"' % OVF))
    disc("another namespace", environment(plain, space='xmlns:oe="http://example.com/" xmlns="%s"' % OVF))
    disc("another prefix", environment(plain, space='xmlns:ve="http://www.vmware.com/schema/ovfenv" xmlns:oe="%s" xmlns="%s" ve:vCenterId="vm-1"' % (OVF, OVF)))
    disc("cut", environment(plain)[:200])
    disc("empty", "")
    disc("text", "hello")
    disc("carriage returns", environment(plain).replace("\n", "\r\n"))
    disc("byte order mark", "\ufeff" + environment(plain))
    disc("latin-1", binary(environment([("hostname", "zürich")], head='<?xml version="1.0" encoding="ISO-8859-1"?>\n').encode("latin-1")))
    disc("a comment", environment(plain).replace("<PropertySection>", "<!-- a --><PropertySection><!-- b -->"))
    disc("a document type", environment(plain, head='<?xml version="1.0"?>\n<!DOCTYPE Environment>\n'))
    disc("an entity", environment([("instance-id", "i")], head='<?xml version="1.0"?>\n<!DOCTYPE Environment [<!ENTITY x "y">]>\n'))
    for file in ["ovf-env.xml", "ovf_env.xml", "OVF_ENV.XML", "OVF-ENV.XML", "Ovf-Env.xml", "env.xml"]:
        disc("file " + file, environment(plain), file=file)
    for label in ["OVF-TRANSPORT", "OVFENV", "ovfenv", "other", "", "config-2"]:
        disc("label %r" % label, environment(plain), label=label)
    machine = {"seed/meta-data": "instance-id: seed\na: b\n", "seed/user-data": "#cloud-config\n# seed\n", "seed/vendor-data": "#cloud-config\n# vendor\n",
               "seed/network-config": "version: 2\n", "var/lib/cloud/seed/ovf-x": ""}
    for place in ["/seed/", "/seed", "file:///seed/", "/nowhere/", "seed"]:
        disc("seedfrom " + place, environment([("seedfrom", place), ("instance-id", "i"), ("user-data", b64(CONFIG))]), machine=machine)
    for folder in ["var/lib/cloud/seed", "var/lib/cloud/seed/ovf"]:
        case("OVF", "seed below " + folder, base="vmware-initramfs", machine={folder + "/ovf-env.xml": environment(plain + [("network-config", b64(NETWORK["below network"]))])})
    for name, text in {"all": environment(plain), "network": environment([("network-config", b64(NETWORK["below network"]))]), "no XML": "hello", "empty": ""}.items():
        case("OVF", "guestinfo with " + name, base="vmware-initramfs", variables={"guestinfo.ovfEnv": text.replace("\n", " ")})


# --- VMware


def vmware(rng):
    def guest(name, variables, **what):
        case("VMware", name, base="vmware-initramfs", variables={"guestinfo." + key: value for key, value in variables.items()}, **what)

    for name, text in {**VALUES}.items():
        if "\n" not in text:
            for key in ["instance-id", "local-hostname"]:
                guest("%s is %s" % (key, name), {"metadata": b64("instance-id: i\n%s: %s\n" % (key, text) if key != "instance-id" else "instance-id: %s\n" % text), "metadata.encoding": "base64"})
    for name, text in KEYS.items():
        for key in ["public-keys-data", "public_keys_data", "public-keys", "public_keys"]:
            guest("%s are %s" % (key, name), {"metadata": b64("instance-id: i\n%s: %s\n" % (key, text)), "metadata.encoding": "base64"})
    for name, text in DOCUMENTS.items():
        encoded = text["base64"] if isinstance(text, dict) else b64(text)
        guest("metadata is " + name, {"metadata": encoded, "metadata.encoding": "base64", "userdata": b64(CONFIG), "userdata.encoding": "b64"})
    encodings = {"base64": b64, "b64": b64, "gzip+base64": packed, "gz+b64": packed, "BASE64": b64, "gzip": packed, "": b64, "other": b64}
    for key, text in [("metadata", "instance-id: i-enc\n"), ("userdata", CONFIG), ("vendordata", CONFIG)]:
        for encoding, how in encodings.items():
            guest("%s in %r" % (key, encoding), {"metadata": "{instance-id: i}", key: how(text), key + ".encoding": encoding})
        for name, value in {"plain": text.replace("\n", " "), "empty": "", "blank": " ", "marker": "---", "trailing blanks": text.strip().replace("\n", " ") + "   ", "broken": "!!!!",
                            "unpadded": b64(text).rstrip("=")}.items():
            for encoding in ["", "base64", "gzip+base64"]:
                guest("%s is %s in %r" % (key, name, encoding), {"metadata": "{instance-id: i}", key: value, key + ".encoding": encoding})
        guest("only " + key, {key: b64(text), key + ".encoding": "base64"})
    for name, value in NETWORK.items():
        if not isinstance(value, str):
            continue
        tree = {"instance-id": "i", "network": value}
        guest("network as text is " + name, {"metadata": b64(json.dumps(tree)), "metadata.encoding": "base64"})
        guest("network in base64 is " + name, {"metadata": b64(json.dumps({**tree, "network": b64(value), "network.encoding": "base64"})), "metadata.encoding": "base64"})
        guest("network in gzip is " + name, {"metadata": b64(json.dumps({**tree, "network": packed(value), "network.encoding": "gzip+base64"})), "metadata.encoding": "base64"})
        indented = "".join("  %s\n" % line for line in value.splitlines())
        guest("network as tree is " + name, {"metadata": b64("instance-id: i\nnetwork:\n" + indented), "metadata.encoding": "base64"})
    guest("no instance-id", {"metadata": "{local-hostname: web}"})
    guest("json", {"metadata": '{"instance-id": "i", "local-hostname": "web.example.com", "wait-on-network": {"ipv4": true}, "cleanup-guestinfo": ["userdata"]}'})
    guest("redact", {"metadata": "{instance-id: i, redact: [userdata, vendordata]}", "userdata": b64(CONFIG), "userdata.encoding": "base64"})
    guest("cloud name", {"metadata": "{instance-id: i, cloud-name: X, region: r, availability-zone: z}"})
    for key in ["metadata", "userdata", "vendordata"]:
        case("VMware", "environment with %s alone" % key, base="none", variables={"VMX_GUESTINFO": "1", "VMX_GUESTINFO_" + key.upper(): b64("instance-id: e\n"), "VMX_GUESTINFO_%s_ENCODING" % key.upper(): "b64"},
             machine={"sys/class/dmi/id/product_uuid": "ABCD-1234"})
    both = {"VMX_GUESTINFO": "1", "VMX_GUESTINFO_METADATA": "{instance-id: env}", "guestinfo.metadata": "{instance-id: guest}"}
    case("VMware", "environment and hypervisor", base="vmware-initramfs", variables=both)


# --- AltCloud


def altcloud(rng):
    for name, text in USER.items():
        if isinstance(text, str):
            disc = {"user-data.txt": text}
            case("AltCloud", "vSphere with " + name, base="altcloud-vsphere", machine={"etc/sysconfig/cloud-info": "VSPHERE\n"}, volumes=[volume(disc, "CDROM")])
            case("AltCloud", "RHEV with " + name, base="altcloud-rhev", volumes=[volume(disc, "X", "fd0", "vfat")])
    two = {"user-data.txt": "one\n", "deltacloud-user-data.txt": "two\n"}
    for word in ["RHEV", "rhev", "VSPHERE", "vSphere 5", "VMware", "other", ""]:
        case("AltCloud", "cloud-info is %r" % word, base="altcloud-vsphere", machine={"etc/sysconfig/cloud-info": word + "\n"},
             volumes=[volume(two, "CDROM"), volume(two, "X", "fd0", "vfat")])
    for word in ["RHEV Hypervisor", "VMware Virtual Platform", "rhev", "other"]:
        case("AltCloud", "product_name is %r" % word, base="none", machine={"sys/class/dmi/id/product_name": word + "\n"}, volumes=[volume(two, "CDROM"), volume(two, "X", "fd0", "vfat")])
    case("AltCloud", "an empty one and another", base="altcloud-vsphere", machine={"etc/sysconfig/cloud-info": "VSPHERE\n"},
         volumes=[volume({"deltacloud-user-data.txt": "", "user-data.txt": "two\n"}, "CDROM")])


# --- SmartOS


def smartos(rng):
    plain = {"sdc:uuid": "1234-5678", "hostname": "web", "root_authorized_keys": ONE + "\n", "cloud-init:user-data": CONFIG}

    def serial(name, keys, **what):
        case("SmartOS", name, base="none", machine={"sys/class/dmi/id/product_name": "SmartDC HVM\n"}, keys=keys, **what)

    serial("plain", plain)
    strings = {"text": "abc", "empty": "", "blank": " ", "lines": "a\nb\n", "accented": "zürich", "domain": "web.example.com", "address": "192.0.2.7", "spaces": "  a  ", "number": "7"}
    for key in ["sdc:uuid", "hostname", "sdc:hostname", "root_authorized_keys", "user-script", "user-data", "cloud-init:user-data", "iptables_disable", "motd_sys_info",
                "sdc:datacenter_name", "sdc:vendor-data", "sdc:operator-script", "sdc:dns_domain"]:
        for name, value in strings.items():
            if (key, name) not in [("sdc:uuid", "lines")]:
                serial("%s is %s" % (key, name), {**plain, key: value})
        if key != "sdc:uuid":
            serial("no " + key, {of: value for of, value in plain.items() if of != key})
    serial("no host name but the platform's", {"sdc:uuid": "1", "sdc:hostname": "sdc"})
    serial("no host name at all", {"sdc:uuid": "1"})
    for mark in ["true", "True", "1", "yes", "on", "false", "0", "", "x"]:
        encoded = {**plain, "cloud-init:user-data": b64(CONFIG), "sdc:vendor-data": b64(CONFIG), "hostname": b64("enc")}
        serial("base64_all is %r" % mark, {**encoded, "base64_all": mark})
        serial("b64-hostname is %r" % mark, {**plain, "hostname": b64("enc"), "b64-hostname": mark})
        serial("b64-cloud-init:user-data is %r" % mark, {**plain, "cloud-init:user-data": b64(CONFIG), "b64-cloud-init:user-data": mark})
        serial("b64-hostname is %r beside a list" % mark, {**plain, "hostname": b64("enc"), "b64-hostname": mark, "base64_keys": "hostname"})
    for listed in ["hostname", "hostname,cloud-init:user-data", "cloud-init:user-data, hostname", "", "user-script", "root_authorized_keys", ","]:
        serial("base64_keys is %r" % listed, {**plain, "hostname": b64("enc"), "cloud-init:user-data": b64(CONFIG), "base64_keys": listed})
    serial("not encoded after all", {**plain, "base64_all": "true", "cloud-init:user-data": "!!!", "hostname": "not base64"})
    nic = {"interface": "net0", "mac": CARD, "ip": "192.0.2.2", "ips": ["192.0.2.2/24"], "gateways": ["192.0.2.1"], "gateway": "192.0.2.1", "netmask": "255.255.255.0",
           "primary": True, "mtu": 1500, "nic_tag": "external", "vlan_id": 7}
    nics = {
        "one": [nic], "none": [], "dhcp": [{**nic, "ips": ["dhcp"]}], "addrconf": [{**nic, "ips": ["192.0.2.2/24", "addrconf"]}], "no ips": [{k: v for k, v in nic.items() if k != "ips"}],
        "two": [nic, {**nic, "interface": "net1", "mac": "52:54:00:12:34:57", "primary": False, "ips": ["198.51.100.2/24"], "gateways": ["198.51.100.1"]}],
        "six": [{**nic, "ips": ["2001:db8::2/64"], "gateways": ["192.0.2.1", "2001:db8::1"]}], "not primary": [{k: v for k, v in nic.items() if k != "primary"}],
        "several addresses": [{**nic, "ips": ["192.0.2.2/24", "192.0.2.3/24", "2001:db8::2/64"], "gateways": ["192.0.2.1", "2001:db8::1"]}], "no mac": [{k: v for k, v in nic.items() if k != "mac"}],
    }
    for name, value in nics.items():
        serial("nics are " + name, {**plain, "sdc:nics": json.dumps(value)})
        serial("nics are %s, with the rest" % name, {**plain, "sdc:nics": json.dumps(value), "sdc:resolvers": '["192.0.2.3", "192.0.2.4"]', "sdc:dns_domain": "example.com",
                                                   "sdc:routes": json.dumps([{"dst": "198.51.100.0/24", "gateway": "192.0.2.9", "linklocal": False}])})
    for text in ["null", '"192.0.2.3"', "[]", '""']:
        serial("resolvers are %s" % text, {**plain, "sdc:nics": json.dumps([nic]), "sdc:resolvers": text})


# --- RbxCloud


RBX = {"vm": {"name": "web.example.com", "_id": "5ab3"}, "additionalMetadata": {"username": "guru", "password": {"sha512": "$6$x"}, "sshKeys": [ONE]},
       "netadp": [{"macaddress": CARD.upper(), "network": {"netmask": "255.255.248.0", "gateway": "192.0.2.1", "dns": {"nameservers": ["192.0.2.3"]}},
                   "ip": [{"address": "192.0.2.2"}]}]}


def rbxcloud(rng):
    def disc(name, document, label="CLOUDMD", **files):
        text = document if isinstance(document, str) else json.dumps(document)
        case("RbxCloud", name, volumes=[volume({"cloud.json": text, **{key.replace("_", "."): value for key, value in files.items() if value is not None}}, label, "vdb", "vfat")])

    for name, text in USER.items():
        disc("user.data is " + name, RBX, user_data=text)
    for name, value in json_values().items():
        for key in ["_id", "name"]:
            disc("%s is %s" % (key, name), {**RBX, "vm": {**RBX["vm"], key: value}})
    for key in ["vm", "netadp", "additionalMetadata"]:
        disc("no " + key, {of: value for of, value in RBX.items() if of != key})
    for key in ["username", "password", "sshKeys"]:
        disc("no " + key, {**RBX, "additionalMetadata": {of: value for of, value in RBX["additionalMetadata"].items() if of != key}})
    for name, cards in {"none": [], "two addresses": [{**RBX["netadp"][0], "ip": [{"address": "192.0.2.2"}, {"address": "192.0.2.9"}]}], "no address": [{**RBX["netadp"][0], "ip": []}],
                        "unknown": [{**RBX["netadp"][0], "macaddress": "52:54:00:00:00:99"}]}.items():
        disc("cards are " + name, {**RBX, "netadp": cards})
    for text in ["", "{", "[]", "null"]:
        disc("cloud.json is %r" % text, text)
    for label in ["CLOUDMD", "cloudmd", "CloudMD"]:
        disc("label " + label, RBX, label)


# --- CloudSigma


SIGMA = {"name": "web-1", "uuid": "65b2fb23-8c03", "meta": {"ssh_public_key": ONE, "cloudinit-user-data": CONFIG}, "vendor_data": {"cloudinit": "#!/bin/sh\n", "location": "zrh"}, "cpu": 1000}


def cloudsigma(rng):
    def server(name, context):
        text = context if isinstance(context, str) else json.dumps(context)
        case("CloudSigma", name, machine={"sys/class/dmi/id/product_name": "CloudSigma\n"}, keys={"cepko": text})

    server("all", SIGMA)
    for name, value in {**json_values(), "spaces": "my web 1", "signs": "web(1)", "underscore": "web_1", "very long": "abcdefghij" * 8, "upper case": "WEB.Example.COM"}.items():
        for key in ["name", "uuid"]:
            server("%s is %s" % (key, name), {**SIGMA, key: value})
    for name, value in {"plain": CONFIG, "encoded": b64(CONFIG), "no base64": "!!!", "unpadded": b64(CONFIG).rstrip("="), "binary": base64.b64encode(bytes(range(256))).decode(), "empty": ""}.items():
        for fields in [None, "", "cloudinit-user-data", "other,cloudinit-user-data", "other, cloudinit-user-data", "other"]:
            meta = {**SIGMA["meta"], "cloudinit-user-data": value, **({} if fields is None else {"base64_fields": fields})}
            server("user-data are %s, base64_fields are %r" % (name, fields), {**SIGMA, "meta": meta})
    for key in SIGMA:
        server("no " + key, {of: value for of, value in SIGMA.items() if of != key})
    for key in SIGMA["meta"]:
        server("no %s in meta" % key, {**SIGMA, "meta": {of: value for of, value in SIGMA["meta"].items() if of != key}})
    for mode in ["disabled", "local", "net", "x"]:
        server("dsmode is " + mode, {**SIGMA, "meta": {**SIGMA["meta"], "cloudinit-dsmode": mode}})
    for value in [{}, {"other": 1}, None]:
        server("vendor_data is %r" % value, {**SIGMA, "vendor_data": value})
    for text in ["", "{", "[]", "null", '"x"']:
        server("context is %r" % text, text)


for make in [nocloud, nocloud_web, lxd, configdrive, ibmcloud, opennebula, ovf, vmware, altcloud, smartos, rbxcloud, cloudsigma]:
    make(random.Random(make.__name__))
names = [made["name"] for made in CASES]
assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
for made in CASES:
    print(json.dumps(made, ensure_ascii=False))
