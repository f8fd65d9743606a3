"""Our deliberate deviations, built into cloud-init; each says when it makes a difference. DEVIATIONS.md says why."""

import email.utils
import encodings
import gzip
import io
import quopri
import re
import struct
import zlib
from contextlib import contextmanager
from email import _policybase, message
from email._encoded_words import decode_b
from unittest import mock

from cloudinit import handlers, user_data, util

FILENAME_BYTES_MAX = 1024
INCLUDE_DEPTH_MAX = 8
MIME_DEPTH_MAX = 32


@contextmanager
def built_in():
    """cloud-init with all deviations; gives the set of those that made a difference so far."""
    hits = set()
    patches = []

    def replace(owner, name, make):
        patches.append(mock.patch.object(owner, name, make(getattr(owner, name), hits)))

    replace(message.Message, "get_payload", eight_bit)
    replace(message.Message, "get_filename", names)
    replace(_policybase.Compat32, "header_source_parse", unfold)
    replace(email.utils, "decode_params", mixed_pieces)
    replace(email.utils, "collapse_rfc2231_value", no_charset)
    replace(message.Message, "walk", shallow)
    replace(user_data, "is_skippable", message_containers)
    replace(user_data, "convert_string", conversion)
    replace(util, "decomp_gzip", gzip_kept)
    replace(util, "load_file", cache_of_bytes)
    replace(user_data.UserDataProcessor, "process", empty)
    replace(user_data.UserDataProcessor, "_do_include", one_url)
    replace(user_data.UserDataProcessor, "_explode_archive", one_entry)
    replace(user_data, "_handle_error", one_part)
    patches.append(mock.patch.dict(handlers.INCLUSION_TYPES_MAP, {"#upstart-job": "text/upstart-job"}))
    patches.append(mock.patch.object(handlers, "INCLUSION_SRCH", sorted(
        list(handlers.INCLUSION_TYPES_MAP) + ["#upstart-job"], key=lambda start: -len(start))))
    replace(handlers, "type_from_starts_with", upstart)
    for patch in patches:
        patch.start()
    try:
        yield hits
    finally:
        for patch in reversed(patches):
            patch.stop()


def eight_bit(original, hits):
    def get_payload(self, i=None, decode=False):
        payload = self._payload
        if not decode or not isinstance(payload, str) or payload.isascii():
            return original(self, i, decode)
        hits.add("8-bit text")
        return decoded(str(self.get("content-transfer-encoding", "")).lower(), payload.encode("utf-8", "surrogateescape"))

    return get_payload


def decoded(encoding, body):
    """A body of bytes with its transfer encoding undone by the same functions that undo it for text."""
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding == "base64":
        return decode_b(b"".join(body.splitlines()))[0]
    if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        try:
            return message._decode_uu(body)
        except ValueError:
            return body
    return body


def names(original, hits):
    def get_filename(self, failobj=None):
        name = original(self, failobj)
        if not isinstance(name, str):
            return name
        if len(name.encode("utf-8", "surrogateescape")) > FILENAME_BYTES_MAX:
            hits.add("long names")
            return None
        return words(name, hits).strip()

    return get_filename


WORD = re.compile(r"=\?([^?]*)\?([bBqQ])\?(.*?)\?=", re.S)
CHARSETS = {"utf-8", "utf8", "u8", "utf", "us-ascii", "ascii", "646", "iso-8859-1", "iso8859-1", "latin-1", "latin1", "l1", "8859", "cp819",
            "windows-1252", "cp1252", "1252", "iso-8859-15", "iso8859-15", "latin9", "l9", "utf-16", "utf16", "u16", "utf-16le", "utf-16be"}


def words(text, hits):
    """Encoded words of RFC 2047, in the character sets that names are written in."""
    out, end, after_word = [], 0, False
    at = 0
    while True:
        at = text.find("=?", at)
        if at < 0:
            return "".join(out) + text[end:]
        match = WORD.match(text, at)
        charset = match and encodings.normalize_encoding(match[1]).lower().replace("_", "-")
        if not match or charset not in CHARSETS:
            out.append(text[end:at] + "=?")
            end = at = at + 2
            after_word = False
            continue
        hits.add("encoded words in names")
        between = text[end:at]
        if not (after_word and not between.strip()):
            out.append(between)
        body = match[3].encode("utf-8", "surrogateescape")
        if match[2] in "bB":
            octets = decoded("base64", body)
        else:
            octets = re.sub(rb"=([0-9A-Fa-f]{2})|_", lambda m: bytes.fromhex(m[1].decode()) if m[1] else b" ", body)
        out.append(octets.decode(charset, "replace"))
        after_word, end = True, match.end()
        at = end


def unfold(original, hits):
    def header_source_parse(self, sourcelines):
        name, value = original(self, sourcelines)
        unfolded = re.sub(r"\r\n|\r|\n", "", value)
        if unfolded != value:
            hits.add("folded headers")
        return name, unfolded.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    return header_source_parse


def mixed_pieces(original, hits):
    def decode_params(params):
        try:
            return original(params)
        except TypeError:
            hits.add("parameters in numbered and unnumbered pieces")
            return original([(PIECE.sub(renumbered, name), value) for name, value in params])

    return decode_params


def no_charset(original, hits):
    def collapse_rfc2231_value(value, *args, **kwargs):
        try:
            return original(value, *args, **kwargs)
        except ValueError:
            hits.add("character sets that cannot be")
            return email.utils.unquote(value[2])

    return collapse_rfc2231_value


PIECE = re.compile(r"^(\w+)\*(?:(\d+)(\*?))?$", re.A)


def renumbered(match):
    """An unnumbered piece comes first."""
    name, number, star = match.groups()
    return "%s*0*" % name if number is None else "%s*%d%s" % (name, int(number) + 1, star)


def shallow(original, hits):
    def walk(self, depth=0):
        if self.is_multipart() and depth >= MIME_DEPTH_MAX:
            hits.add("containers too deep")
            return
        yield self
        if self.is_multipart():
            for part in self.get_payload():
                yield from walk(part, depth + 1)

    return walk


def message_containers(original, hits):
    def is_skippable(part):
        if part.get_content_maintype() == "message" and part.is_multipart():
            hits.add("enclosed messages")
            return True
        return original(part)

    return is_skippable


def conversion(original, hits):
    def convert_string(raw_data, content_type=user_data.NOT_MULTIPART_TYPE):
        try:
            return original(raw_data, content_type)
        except UnicodeDecodeError:
            hits.add("invalid UTF-8 in MIME")
            document = util.decomp_gzip(raw_data, decode=False)
            return util.message_from_string(document.decode("utf-8", "surrogateescape"))

    return convert_string


def gzip_kept(original, hits):
    def decomp_gzip(data, quiet=True, decode=True):
        try:
            return original(data, quiet=False, decode=decode)
        except util.DecompressionError as error:
            whole = members(util.encode_text(data))
            if whole is not None:
                hits.add("bytes after gzip" if "gzipped file" in str(error) else "binary in declared gzip")
                return whole.decode("utf-8", "surrogateescape") if decode else whole
            if quiet:
                return data
            raise

    return decomp_gzip


def members(octets):
    """What the members at the start of a document hold, whatever follows the last; None if one is damaged."""
    out = None
    while octets[:2] == b"\x1f\x8b":
        stream = io.BytesIO(octets)
        try:
            gzip._GzipReader(stream)._read_gzip_header()
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            member = inflate.decompress(octets[stream.tell():])
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return None
        trailer, octets = inflate.unused_data[:8], inflate.unused_data[8:].lstrip(b"\0")
        if trailer != struct.pack("<II", zlib.crc32(member), len(member) & 0xFFFFFFFF):
            return None
        out = (out or b"") + member
    return out


def cache_of_bytes(original, hits):
    def load_file(fname, *args, **kwargs):
        try:
            return original(fname, *args, **kwargs)
        except UnicodeDecodeError:
            hits.add("binary in the cache of includes")
            return original(fname, decode=False)

    return load_file


def empty(original, hits):
    def process(self, blob):
        if not blob:
            hits.add("empty user-data")
            return user_data.MIMEMultipart()
        return original(self, blob)

    return process


def one_part(original, hits):
    def _handle_error(error_message, source_exception=None):
        hits.add("one part lost, not all")

    return _handle_error


def one_url(original, hits):
    chain = []

    def _do_include(self, content, append_msg):
        for once, url in listed(content):
            if url in chain or len(chain) >= INCLUDE_DEPTH_MAX:
                hits.add("documents that include themselves")
                continue
            chain.append(url)
            try:
                original(self, ("#include-once\n " if once else " ") + url, append_msg)
            except ValueError:
                # No path: it has a NUL in it, or is not UTF-8.
                hits.add("one part lost, not all")
            chain.pop()

    return _do_include


def listed(content):
    """The URLs of a list with their mode, by cloud-init's own rules, one line at a time."""
    once = False
    for line in content.splitlines():
        lower = line.lower()
        if lower.startswith("#include-once"):
            line, once = line[len("#include-once"):].lstrip(), True
        elif lower.startswith("#include"):
            line, once = line[len("#include"):].lstrip(), False
        if line.startswith("#") or not line.strip():
            continue
        yield once, line.strip()


def one_entry(original, hits):
    def _explode_archive(self, archive, append_msg):
        load = util.load_yaml
        entries = load(archive, default=[], allowed=(list, set))
        for entry in entries:
            if isinstance(entry, dict):
                if not isinstance(entry.get("content", ""), (str, bytes)):
                    hits.add("one archive entry lost, not all")
                    continue
                entry = {key: header(key, value, hits) for key, value in entry.items()}

            def one(blob, default=None, allowed=(dict,)):
                return [entry] if list in allowed else load(blob, default, allowed)

            with mock.patch.object(util, "load_yaml", one):
                try:
                    original(self, archive, append_msg)
                    odd_type(append_msg, entry, hits)
                except Exception:
                    if not kept_binary(original, self, archive, append_msg, entry):
                        hits.add("one archive entry lost, not all")
                    else:
                        hits.add("binary as text in archives")

    return _explode_archive


def odd_type(append_msg, entry, hits):
    """A type with an equals sign, which gets quotation marks when cloud-init adds a charset."""
    declared = entry.get("type") if isinstance(entry, dict) else None
    if isinstance(declared, str) and "=" in declared.split(";")[0]:
        hits.add("odd types in archives")
        append_msg.get_payload()[-1].replace_header("Content-Type", declared)


def kept_binary(original, processor, archive, append_msg, entry):
    """Attaches an entry of bytes that are declared to be text and are none, by the way of another type."""
    if not isinstance(entry, dict) or not isinstance(entry.get("content"), bytes):
        return False
    declared = entry.get("type")
    if not isinstance(declared, str) or not declared.startswith("text/"):
        return False
    entry["type"] = "application/octet-stream;" + declared.partition(";")[2]
    encoding = entry.pop("Content-Transfer-Encoding", None)
    try:
        original(processor, archive, append_msg)
    except Exception:
        return False
    append_msg.get_payload()[-1].replace_header("Content-Type", declared)
    return True


def header(key, value, hits):
    if isinstance(value, (bool, int, float)) and key not in ("content", "type", "filename", "launch-index"):
        hits.add("numbers as headers in archives")
        return str(value)
    return value


def upstart(original, hits):
    def type_from_starts_with(payload, default=None):
        found = original(payload, default)
        if found == "text/upstart-job":
            hits.add("#upstart-job")
        return found

    return type_from_starts_with
