"""Small YAML documents around what YAML 1.1 and 1.2 disagree on; and whether cloud-init reads them."""

import random

from cloudinit import safeyaml

BEGINNINGS = ["k: ", "k:\n  ", "- ", "k:\n- ", "a: 1\n", "#cloud-config\n", "#cloud-config\nk: ", "k: [", "k: {", "k: |\n  ", "k: >\n  a\n  ",
              "k: \"", "k: '", "a: 1\nk: ", "- a\n- "]
ENDS = ["", "\n", "\nz: 1\n", "\n- z\n", "]\n", "}\n", "\"\n", "'\n", "]", "}"]
PIECES = [
    "a", "b", "1", "x y", "-", "- ", "? ", ": ", ":", "{", "}", "[", "]", ",", ", ", "#", "# c", " # c", "\t", "\t#", "\n", "\n  ", "\n    ",
    "\n\t", "\n- ", "\n  - ", " ", "|", "|\n", ">-\n", "|\t\n", "|+ # c\n", "'", "'x'", "\"", "\"x\"", "\\n", "\"a\tb\"", "'a\tb'", "&a ", "*a ",
    "&a.b c", "&a b", "!!str ", "!!int ", "!foo ", "%YAML 1.1\n---\n", "%YAML 2.0\n---\n", "---\n", "\n---\n", "\n...\n", "@", "`", "=", "<<",
    "<<: ", "~", "\r\n", "\xa0", "0b_", "0x_", "0b1", "2022-13-45", "2001-01-01", "1999-02-29", "2000-02-29", "2001-1-1 99:00:00",
    "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43 +99:99", "1:30", "0o7", "1e3", "k: v", "\nk: v", "\nk2: ", "\n  k3: w", "\n- x", "yes",
    "\"\\x\"", "\"\\q\"", "'it''s'", "a: b: c", "{a: b}", "{a}", "[a: b]", "{a: b, a: c}", "!!set {a}", "!!omap [a: b]", "!!timestamp x",
    "merge: *a", "? a\n: b", "-\ta", "a:\tb", "a: \tb", "\n-\tpath: x", "|\n\ta", "|\n  \ta", "|\n  a\n\tb", "\n\t\n", "\n  \t\n", "a\n  b",
    "[a,\n\tb]", "[a,\nb]", "{a: b,\n\tc: d}", " \t# c", "http://x/?a=1", "[a?b]", "{u: http://x?y}", "{'k'\n: v}", "[a\n: b]", "\n: x",
    "k:\t|\n  x", "k: >\t\n  x", "# a\tb\n", "{\ta: b\t}", "[\ta\t,\tb]", "k: v\t\n", "k: v \t# c\n", "--- \t\n", "!!str\tx", "a\tb: c\n",
    "\"a\"\t: b\n", "'a':\tb\n",
]


def documents(seed, count):
    """Documents with what cloud-init says of them: empty where it reads them."""
    source = random.Random(seed)
    for _ in range(count):
        pieces = [source.choice(PIECES) for _ in range(source.randint(1, 6))]
        document = source.choice(BEGINNINGS) + "".join(pieces) + source.choice(ENDS)
        yield document.encode(), refusal(document)


def refusal(document):
    try:
        safeyaml.load(document)
        return ""
    except Exception as error:
        return "%s: %s" % (type(error).__name__, getattr(error, "problem", None) or error)
