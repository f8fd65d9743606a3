"""Documents from a grammar, the same ones for the same seed: nested, encoded, mislabelled, and a third of them broken."""

import base64
import binascii
import gzip
import os
import quopri
import random
import struct
import zlib

START_LINES = [
    "#!/bin/sh", "#! /usr/bin/env python3", "#cloud-config", "#Cloud-Config", "#cloud-configurator", "#cloud-boothook",
    "#cloud-config-jsonp", "## template: jinja", "## template:jinja", "#part-handler", "#upstart-job", "text/x-shellscript-per-boot",
    "# a comment", "plain", "", "#", "#!",
]
BLANKS = ["", "", "", "", "\n", "  ", "\r\n", "\u00a0", "\x1f", "\ufeff", "\x0b"]
LINES = [
    "echo hello", "a: b", "launch-index: 2", "launch-index: '1'", "'launch-index': x", "runcmd: [a, b]", "gr\u00fcn \u65e5\u672c",
    "--B", "--B--", "From me", "\0", "tab\there", "a = b", "=3D", "MIME-Version: 1.0", "x" * 90, "-----", "", "  ",
]
TYPES = [
    "text/plain", "text/x-shellscript", "text/cloud-config", "Text/Cloud-Config", "text/cloud-boothook", "text/x-include-url",
    "text/x-include-once-url", "text/cloud-config-archive", "text/x-shellscript-per-boot", "text/part-handler", "text/jinja2",
    "application/octet-stream", "image/png", "text/html", "nonsense", "a/b/c", "", "text/plain ", "multipart/mixed", "text/x-not-multipart",
]
GZIP_TYPES = ["application/gzip", "application/x-gzip", "application/gzipped", "application/x-compress"]
NAMES = [
    "a.sh", "two words.sh", "gr\u00fcn.sh", "../../etc/passwd", "", " ", "a;b", "a\"b", "a\\b", "=?utf-8?B?Z3LDvG4=?=",
    "=?utf-8?Q?a=20b?= =?latin-1?q?=e4_c?=", "=?klingon?q?x?=", "=?windows-1252?q?=80=81?=", "=?ISO-8859-15?b?pKU=?=",
    "=?utf-16le?b?YQBi?=", "=?utf-16?b?/v8AYQ==?=", "x" * 1100, "'q'", "<angle>", "%41", "=?",
]
BOUNDARIES = ["B", "B", "B", "BB", "==123==", "a b", "(x)", "", "B-", "--", "'q'", "b.+*"]


class Writer:
    """One document from one source of randomness, and the files that it includes."""

    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.folder = folder
        self.included = 0

    def chance(self, probability):
        return self.random.random() < probability

    def one(self, values):
        return self.random.choice(values)

    def document(self, depth):
        kind = self.random.random()
        if kind < 0.66 and depth > 0:
            document = self.mail(depth)
        elif kind < 0.76 and depth > 0:
            document = self.gzip(self.document(depth - 1))
        elif kind < 0.86 and depth > 0:
            document = self.includes(depth)
        elif kind < 0.92:
            document = self.archive()
        else:
            document = self.text()
        # Where YAML ends and nonsense begins is a matter between parsers of YAML, and not compared here.
        return self.broken(document) if self.chance(0.15) and b"archive" not in document else document

    def text(self):
        start = self.one(START_LINES)
        lines = [start] + [self.one(LINES) for _ in range(self.random.randrange(5))]
        # In YAML 1.1 these are line breaks and in YAML 1.2 not; tabs before the first line PyYAML refuses.
        is_yaml = start.lower().startswith("#cloud-config") or any("launch-index" in line for line in lines)
        lines[0] = self.one(BLANKS if is_yaml else BLANKS + ["\t\r\n", "\u2028", "\x85"]) + start
        text = self.one(["\n", "\n", "\n", "\r\n", "\r"]).join(lines) + self.one(["\n", "\n", ""])
        octets = text.encode()
        return octets + self.one([b"\xff\xfe", b"\x80", b"\xc3"]) if self.chance(0.05) else octets

    # gzip

    def gzip(self, content):
        member = self.member(content)
        if self.chance(0.2):
            member += self.one([b"\0\0\0", b"junk", b"\0junk", self.member(b"\nmore\n"), b"\0" + self.member(b"x"), b"\x1f\x8b"])
        return member

    def member(self, content):
        flags = self.one([0, 0, 8, 4, 16, 2, 30, 1])
        header = struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, flags, self.random.randrange(1 << 32), 0, 255)
        if flags & 4:
            header += b"\x03\x00abc"
        if flags & 8:
            header += b"name\0"
        if flags & 16:
            header += b"comment\0"
        if flags & 2:
            header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
        packer = zlib.compressobj(self.one([1, 9]), zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush()
        return header + packed + struct.pack("<II", zlib.crc32(content), len(content))

    # includes

    def includes(self, depth):
        lines = [self.one(["#include", "#include-once", "#INCLUDE", "#include-oncefoo", "#include " + self.url(depth)])]
        for _ in range(self.random.randrange(4)):
            lines.append(self.one(["", "  ", "#include", "#include-once ", "#include-once #", "# comment"]))
            lines.append(self.one(["", " ", "#include ", "#include-once"]) + self.url(depth) + self.one(["", " ", "\t"]))
        return self.one(["\n", "\n", "\r\n", "\x0b", "\u2028"]).join(lines).encode()

    def url(self, depth):
        if self.included and self.chance(0.2):
            number = self.random.randrange(self.included)
        else:
            number = self.included
            self.included += 1
            path = os.path.join(self.folder, "included-%d" % number)
            if self.chance(0.15):
                with_nothing(path)
            else:
                document = self.document(depth - 1)
                with open(path, "wb") as file:
                    file.write(document)
        path = os.path.join(self.folder, "included-%d" % number)
        return self.one(["file://", "FILE://", ""]) + path

    # archives

    def archive(self):
        lines = ["#cloud-config-archive" + self.one(["", " x", "er"])]
        for _ in range(self.random.randrange(5)):
            lines += self.entry()
        if self.chance(0.05):
            lines.append(self.one(["a: b", "]", "- [", "- &a *a"]))
        return "\n".join(lines).encode() + b"\n"

    def entry(self):
        content = self.one(START_LINES + ["a: b", "#include file:///nowhere", "#cloud-config-archive", "gr\u00fcn"])
        if self.chance(0.2):
            return ["- " + self.quoted(content)]
        if self.chance(0.1):
            return ["- " + self.one(["5", "[a]", "null", "true", "{}", "1.5", "''"])]
        lines = []
        if self.chance(0.9):
            octets = base64.b64encode(self.text()).decode()
            lines.append("content: " + self.one([self.quoted(content)] * 5 + ["!!binary " + octets, "5", "{a: b}", "null", "''"]))
        if self.chance(0.4):
            kinds = TYPES[:14] + ["text/x-shellscript; name=typed", "text", "''", "5", "null", "X/y"]
            lines.append("type: " + self.one(kinds))
        if self.chance(0.3):
            lines.append("filename: " + self.one([self.quoted(self.one(NAMES)), "5", "true"]))
        if self.chance(0.2):
            lines.append("launch-index: " + self.one(["1", "2", "'2'", "x", "2.0", "' 2 '"]))
        if self.chance(0.2):
            lines.append(self.one(["Merge-Type: 'list(append)'", "retries: 3", "x: y", "Content-Type: a/b", "h: [1]", "n: null", "b: true"]))
        if self.chance(0.05):
            lines.append("Content-Transfer-Encoding: base64")
        self.random.shuffle(lines)
        return ["- " + lines[0]] + ["  " + line for line in lines[1:]] if lines else ["- {}"]

    def quoted(self, text):
        plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\0").replace("\n", "\\n")
        return '"%s"' % plain

    # mail

    def mail(self, depth):
        version = self.one([b"MIME-Version: 1.0"] * 12 + [b"mime-version: 1", b"X: MIME-Version: 1.0", b"Subject: none"])
        line_end = self.one([b"\n"] * 6 + [b"\r\n"] * 2 + [b"\r"])
        headers, body = self.multipart(depth, line_end) if self.chance(0.7) else self.part(depth, line_end)
        headers = [version] + headers if self.chance(0.7) else headers + [version]
        start = self.one([b""] * 12 + [b"From me" + line_end, line_end, b" folded" + line_end])
        return start + line_end.join(headers) + line_end + self.one([line_end] * 15 + [b""]) + body

    def part(self, depth, line_end):
        kind = self.random.random()
        if depth > 0 and kind < 0.45:
            return self.multipart(depth, line_end)
        if depth > 0 and kind < 0.52:
            headers, body = self.part(depth - 1, line_end)
            return [b"Content-Type: message/rfc822"], line_end.join(headers) + line_end * 2 + body
        if kind < 0.6:
            return self.leaf(self.gzip(self.text()), self.one(GZIP_TYPES), line_end)
        if kind < 0.66:
            return self.leaf(self.archive(), self.one(["text/plain", "text/cloud-config-archive"]), line_end)
        if depth > 0 and kind < 0.72:
            return self.leaf(self.includes(depth), self.one(["text/plain", "text/x-include-url"]), line_end)
        return self.leaf(self.text(), self.one(TYPES), line_end)

    def multipart(self, depth, line_end):
        boundary = self.one(BOUNDARIES)
        quoted = self.one(['"%s"', '"%s"', '"%s "', "%s"]) % boundary
        kind = self.one(["mixed", "mixed", "alternative", "digest"])
        headers = [("Content-Type: multipart/%s; boundary=%s" % (kind, quoted)).encode()]
        if self.chance(0.03):
            headers = [b"Content-Type: multipart/mixed"]
        delimiter = b"--" + boundary.encode()
        lines = [self.one([b"preamble", b"", b"--"])] if self.chance(0.3) else []
        for _ in range(self.random.randrange(4)):
            lines.append(delimiter + self.one([b""] * 8 + [b" \t", b"x", b"-"]))
            if self.chance(0.05):
                lines.append(delimiter)
            headers_inside, body = self.part(depth - 1, line_end)
            if self.chance(0.1):
                headers_inside = []
            lines += headers_inside + self.one([[b""]] * 15 + [[]]) + [body]
        if self.chance(0.85):
            lines.append(delimiter + b"--" + self.one([b"", b"", b" "]))
        if self.chance(0.3):
            lines += [b"epilogue", self.one([delimiter, b""]), b"more"]
        return headers, line_end.join(lines) + self.one([line_end, b""])

    def leaf(self, content, content_type, line_end):
        headers = []
        if content_type or self.chance(0.5):
            parameters = self.one(["", "; charset=utf-8", '; charset="us-ascii"', "; name=" + self.value(), ";", "; x"])
            headers.append("%s: %s%s" % (self.one(["Content-Type", "content-type"]), content_type, parameters))
        encoding, content = self.encoded(content)
        if encoding is not None:
            headers.append("Content-Transfer-Encoding: " + encoding)
        if self.chance(0.4):
            headers.append("Content-Disposition: " + self.disposition())
        if self.chance(0.1):
            headers.append("Launch-Index: " + self.one(["1", "2", " 2", "x", "+2", "2_"]))
        if self.chance(0.1):
            headers.append(self.one(["Merge-Type: list(append)", "merge-type: x", "X-Merge-Type: dict()", "X-Odd", "Bad Header: x", ": none"]))
        self.random.shuffle(headers)
        octets = [header.encode() for header in headers]
        if octets and self.chance(0.1):
            at = self.random.randrange(len(octets))
            octets[at] = octets[at].replace(b"; ", b";" + line_end + self.one([b" ", b"\t"]))
        return octets, content

    def encoded(self, content):
        encoding, text, damaged = self.encodings(content)
        return encoding, text if b"archive" in content else self.one([text] * 5 + damaged)

    def encodings(self, content):
        """An encoding, the content in it, and the same with damage."""
        kind = self.random.random()
        if kind < 0.45:
            return self.one([None, None, "7bit", "8bit", "binary", "rot13", ""]), content, []
        if kind < 0.75:
            text = base64.encodebytes(content) if self.chance(0.8) else base64.b64encode(content)
            damaged = [text.rstrip(b"=\n"), text + b"QQ==", text.replace(b"\n", b"\n!", 1), text[:-3], b"=" + text, text[1:]]
            return self.one(["base64", "BASE64", "base64", "base64 ", "base64; x"]), text, damaged
        if kind < 0.9:
            text = quopri.encodestring(content)
            damaged = [text + b"=", text.replace(b"=", b"=="), text.replace(b"a", b"=6"), text.replace(b"e", b"=\r"), text + b"=4z"]
            return "quoted-printable", text, damaged
        lines = [binascii.b2a_uu(content[at:at + 45], backtick=self.chance(0.5)) for at in range(0, len(content), 45)]
        text = b"begin 644 x\n" + b"".join(lines) + self.one([b"`\nend\n", b" \nend\n", b"end", b""])
        damaged = [text[1:], text.replace(b"\n", b"\n\n", 2), text.replace(b"\n", b" \n"), text.replace(b"M", b"MM", 1), b"junk\n" + text]
        return self.one(["x-uuencode", "uuencode", "uue", "X-UUE"]), text, damaged

    def disposition(self):
        name = self.one(NAMES)
        percent = "".join("%%%02x" % octet for octet in name.encode())
        return self.one(["attachment", "inline", ""]) + self.one([
            "; filename=" + self.value(),
            "; filename=" + self.value(),
            "; FILENAME = " + self.value(),
            "; filename*=utf-8''" + percent,
            "; filename*=utf-8'en'" + percent,
            "; filename*=" + percent,
            "; filename*=klingon''%41%e4",
            "; filename*=windows-1252''%41%80%9f",
            "; filename*=iso8859-15''%a4%a5",
            "; filename*=utf-16''%ff%fe%41%00%42",
            "; filename*=utf-8''\u65e5\U0001f600",
            "; filename*=''%41",
            "; filename*1=b; filename*0=a",
            "; filename*0*=utf-8''%c3; filename*1*=%bc; filename*2=%41",
            "; filename*0=a; filename*=b",
            "; filename*00=a; filename*0=b; filename*01=c",
            "; name=other",
            "; filename=a; filename=b",
            ";; filename=a;",
            "; filename",
        ])

    def value(self):
        name = self.one(NAMES)
        quoted = '"%s"' % name.replace("\\", "\\\\").replace('"', '\\"')
        return self.one([quoted, quoted, name, '"' + name, "<%s>" % name, '"%s"' % quoted])

    # damage

    def broken(self, document):
        octets = bytearray(document)
        for _ in range(self.random.randrange(1, 4)):
            if not octets:
                break
            at = self.random.randrange(len(octets))
            kind = self.random.randrange(6)
            if kind == 0:
                octets[at] = self.random.randrange(256)
            elif kind == 1:
                del octets[at]
            elif kind == 2:
                octets.insert(at, self.one(b"\n\r \t=-\";:*'\\\0\xff#"))
            elif kind == 3:
                del octets[at:]
            elif kind == 4:
                octets[at:at] = octets[at:at + self.random.randrange(40)]
            else:
                lines = bytes(octets).split(b"\n")
                self.random.shuffle(lines)
                octets = bytearray(b"\n".join(lines))
        return bytes(octets)


def with_nothing(path):
    if os.path.exists(path):
        os.remove(path)


def documents(seed, count, folder):
    """`count` documents; what they include is below `folder` until the next one is asked for."""
    for number in range(count):
        yield "%d/%d" % (seed, number), Writer("%d/%d" % (seed, number), folder).document(3)
