"""gzip whose bytes are the same from every Python: cases are made once for each side, by the interpreter that it has."""

import gzip

# Where the system stands in the header, which since Python 3.12 is no longer unknown but the one of whoever packs (RFC 1952, 2.3).
SYSTEM_AT, UNKNOWN = 9, b"\xff"


def packed(content):
    """The bytes `content`, packed, by nobody and at no time."""
    whole = gzip.compress(content, mtime=0)
    return whole[:SYSTEM_AT] + UNKNOWN + whole[SYSTEM_AT + 1 :]
