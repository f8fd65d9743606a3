"""What a cloud may answer instead of what it answered: each document of a simulated service, changed in one place.

    variations.py CLOUD SEED COUNT     CLOUD is the folder of a simulated service; at most COUNT of its variations, by SEED, or `all`

A line has the `file` in the folder, what was done to it in words (`what`), and its `body` in base 64, or null where the document is
gone; what is served twice has a line for each place, of which only the first has a `what`. A seed always gives the same lines. tests/it/fetching.rs is the other end.
"""

import base64
import json
import os
import random
import sys

sys.dont_write_bytecode = True  # Nothing is left in the sources.

import packing  # noqa: E402

CLOUD, SEED, COUNT = sys.argv[1:4]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHNLQGfVT4dZeTgCw8r5QeVpzkFf4xQyTdh0qpxaiCZ"
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"
SCRIPT = "#!/bin/sh\necho varied\n"
CONFIG = "#cloud-config\npackages: [hello]\n"

# Values that may stand anywhere.
ANY = [None, "", 0, 42, True, [], {}, "text", "na\u00efve \u00fc\u4e2d", "tail\n", ["a", "b"], {"a": "b"}]
# Values of a key in whose name one of these words stands.
KINDS = {
    "host name fqdn computername": [
        "short", "host.example.com", "UPPER.Example.COM", "trailing.dot.", "192.0.2.7", "2001:db8::7", "a" * 70, "b" * 63 + ".example.com",
        "web server", "under_score", "-dash-", "m\u00fcller", "x.local\n", "a..b", ".dot", "localhost", "localhost.localdomain", "123", 123,
    ],
    "key ssh": [
        KEY, KEY + " a b c", KEY + "\n", KEY + "\r\n" + RSA + " two\r\n", "# comment\n" + KEY + "\n\n" + RSA + " x",
        'no-pty,command="echo hi there" ' + KEY + " opt", "sk-ssh-ed25519@openssh.com AAAAGnNr", "ssh-rsa", "garbage",
        "  " + KEY + "  ", [KEY, RSA + " two"], [KEY, None, "", 5], {"mine": KEY}, {"mine": [KEY, RSA]}, [[KEY]], [{"key": KEY}],
        KEY + " \u00fc@host", "ada:" + KEY, KEY + "\t" + "tab",
    ],
    "user vendor data startup script": [
        SCRIPT, CONFIG, CONFIG.replace("\n", "\r\n"), base64.b64encode(SCRIPT.encode()).decode(),
        base64.b64encode(packing.packed(SCRIPT.encode())).decode(), base64.b64encode(b"\xff\xfe\x00binary").decode(),
        base64.encodebytes(SCRIPT.encode() * 9).decode(), base64.b64encode(SCRIPT.encode()).decode().rstrip("="), "YWJj", "abcd", "not base64!",
        "\ufeff" + SCRIPT, {"cloud-init": CONFIG}, {"cloud-init": [CONFIG, SCRIPT]}, {"cloud-init": {"a": 1}}, {"other": CONFIG},
        [CONFIG, SCRIPT], [CONFIG, None], [[CONFIG]], "\u00fcber", "#include http://x/\n",
    ],
    "mac": ["02:00:00:00:00:99", "AA:BB:CC:DD:EE:FF", "not a mac", "", None],
    "ip addr gateway dns nameserver": [
        "192.0.2.7", "192.0.2.7/24", "2001:db8::7", "2001:DB8::7/64", "0.0.0.0", "::", "not an address", None, "", ["192.0.2.7"], [],
        ["192.0.2.7", "2001:db8::53"],
    ],
    "mask prefix cidr subnet": ["255.255.255.0", "24", 24, "64", 64, "/24", 33, 129, "255.0.255.0", None, "10.0.0.0/8"],
    "mtu": [1500, "1500", 9000, 0, None, "big", 1400.0],
    "id": ["i-0123456789abcdef0", 12345, "12345", "a/b", "UPPER", " padded ", 0, None, "", "x" * 80, 2**70],
    "zone region": ["eu-west-2a", "us-gov-west-1a", "cn-north-1b", "chinaeast", "x", "", None, "a/b/c-d", "na\u00efve"],
    "type": ["dhcp", "static", "static6", "dhcp4", "dhcp6", "phy", "bond", "vlan", "ipv4", "ipv6", "ipv6_slaac", "manual", "nonsense", None],
}
LEAVES = [b"", b"\n", b"text", b"text\n", b"a\nb\n", b" padded ", "na\u00efve".encode(), b"\xff\xfe", b"{\"a\": 1}", b"[1, 2]", b"null", b"0", b"a\r\nb\r\n"]


def kinds(path):
    """What may stand at a path, by the names in it, the last ones first."""
    words = [str(step).lower() for step in path if isinstance(step, str)]
    found = []
    for word in words[-2:]:
        for names, values in KINDS.items():
            if any(name in word for name in names.split()):
                found += values
    return found


def shown(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 90 else text[:80] + "…" + str(len(text))


def places(value, path=()):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, path + (key,))


def at(value, path):
    for step in path:
        value = value[step]
    return value


def changed(document, path, change):
    """A copy in which `change` was done to what holds the last step of the path."""
    copy = json.loads(json.dumps(document))
    change(at(copy, path[:-1]), path[-1])
    return copy


def of_json(document):
    for path in places(document):
        if not path:
            continue
        where = "/".join(map(str, path))
        old = at(document, path)
        yield where + " gone", json.dumps(changed(document, path, lambda holder, step: holder.pop(step)))
        values = kinds(path) * 2 + ANY
        values += [[old], {"x": old}] + ([str(old)] if isinstance(old, (int, float)) else [])
        values += [old + "\n", old.upper(), old + "\r\n"] if isinstance(old, str) and old else []
        values += [old + old, old[:1], old[::-1], ["x"] + old, [None] + old] if isinstance(old, list) and old else []
        values += [{**old, "unknown": {"deep": [1]}}] if isinstance(old, dict) else []
        for value in values:
            text = json.dumps(changed(document, path, lambda holder, step: holder.__setitem__(step, value)), ensure_ascii=len(where) % 2 == 0)
            yield where + " is " + shown(value), text


def of_text(document, path):
    words = os.path.relpath(path, CLOUD).split("/")
    words = [word for word in words if word not in ("_", "GET")]
    values = [value.encode() for value in kinds(words[-2:]) if isinstance(value, str)]
    for value in values + LEAVES + [document + b"\n", document + b"\r\n", document.upper(), b"\xef\xbb\xbf" + document, document + document]:
        yield "is " + repr(value)[:90], value


def of_body(document):
    yield "gone", None
    yield "packed", packing.packed(document)
    yield "base 64", base64.b64encode(document)
    yield "packed in base 64", base64.b64encode(packing.packed(document))
    yield "with line feeds of DOS", document.replace(b"\n", b"\r\n")
    yield "with a mark of the byte order", b"\xef\xbb\xbf" + document
    yield "twice", document + document
    yield "with a byte that is no text", document + b"\xff"


def read(document):
    try:
        value = json.loads(document)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def of_file(path):
    with open(path, "rb") as file:
        document = file.read()
    yield from of_body(document)
    value = read(document)
    if value is None:
        yield from of_text(document, path)
        return
    yield from of_json(value)
    if isinstance(value, dict):
        text = document.decode().strip()
        yield "with a key that nobody knows", '{"unknown": {"deep": [[[1]]], "null": null},' + text[1:]
        for key in value:
            yield "with %s twice" % key, '{%s: "first", %s' % (json.dumps(key), text[1:])
            yield "with %s twice, the other way" % key, '%s, %s: "last"}' % (text[:-1], json.dumps(key))
        yield "deep", text[:-1] + ', "deep": ' + "[" * 60 + "]" * 60 + "}"


# What of Google's tree is also served alone, and where; its attributes as an object.
ALSO = {"id": "id", "zone": "zone", "hostname": "hostname", "attributes": "attributes/_"}


def also(name, body):
    """The other places where a document, or a part of it, is served; they are to say the same."""
    if not name.endswith("computeMetadata/v1/_") or body is None:
        return
    try:
        tree = json.loads(body)
        parts = [(scope, key, tree[scope].get(key)) for scope in ("instance", "project") for key in ALSO]
    except (ValueError, AttributeError, KeyError, TypeError):
        return
    for scope, key, value in parts:
        place = os.path.join(name[:-1], scope, ALSO[key])
        if os.path.exists(os.path.join(CLOUD, place)):
            text = json.dumps(value) if key == "attributes" else value if isinstance(value, str) else json.dumps(value)
            yield place, None if value is None else text.encode("utf-8", "surrogateescape")


def line(name, what, body):
    packed = None if body is None else base64.b64encode(body).decode()
    print(json.dumps({"file": name, "what": what, "body": packed}))


def files():
    for folder, folders, names in os.walk(CLOUD):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            method = os.path.relpath(path, CLOUD)
            # What the whole tree says as well is changed there.
            whole = os.path.join(CLOUD, "GET/computeMetadata/v1/_")
            if method.startswith("GET/computeMetadata/v1/") and os.path.exists(whole) and path != whole:
                continue
            if method.startswith("GET/") or (method.startswith("hosts/") and "/GET/" in method):
                yield path


def main():
    random.seed(SEED)
    by_file = []
    for path in files():
        found = list(dict(of_file(path)).items())
        random.shuffle(found)
        by_file.append((os.path.relpath(path, CLOUD), found))
    # A document with many places counts more than a small one, but not by as much.
    weights = [len(found) ** 0.5 for _, found in by_file]
    if COUNT == "all":
        taken = [place for place, (_, found) in enumerate(by_file) for _ in found]
    else:
        taken = random.choices(range(len(by_file)), weights, k=int(COUNT)) if by_file else []
    for place in sorted(taken):
        name, found = by_file[place]
        if not found:
            continue
        what, body = found.pop()
        body = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
        line(name, what, body)
        for place, part in also(name, body):
            line(place, None, part)


main()
