"""Templates from a grammar: every filter, test, method and operator of the language; and what Jinja2 makes of them in cloud-init's setting."""

import json
import os
import random
import re

import jinja2.filters
from cloudinit.handlers.jinja_template import convert_jinja_instance_data
from cloudinit.templater import UndefinedJinjaVariable
from jinja2.sandbox import SandboxedEnvironment

# Where our random numbers start, too.
SEED = 0x9E3779B97F4A7C15
# What templates know of the machine; our own fixtures are rendered with it, too.
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../userdata/instance-data.json")) as data:
    INSTANCE_DATA = json.load(data)
TEXTS = [
    "region", "v1.region", "v1['cloud-name']", "ds.meta_data.text", "ds.meta_data.mac", "ds.meta_data.unicode", "ds.meta_data.empty",
    "ds.meta_data.number", "ds.meta_data.hex", "ds.meta_data.html", "ds.meta_data.blank", "availability_zone", "'a-b_c d'", "'%s and %s'",
    "'x'", "''", '"it\'s"', "'say \"hi\"'", "'tab\\there'", "'a,b,,c'", "'-5'", "'1e3'", "'3.7'", "' 12 '", "'HELLO world'", "'1_000'", "'a' 'b'",
    "'ÄÖü ß'", "'a\\nb\\r\\nc'", "'back\\\\slash'", "'\\x41\\u00e9'", "'ab ab ab'", "ds.meta_data.tags.Name", "local_hostname",
]
INTS = ["n", "neg", "zero", "0", "1", "2", "7", "-3", "10", "255", "1_000", "0x1f", "0b101", "ds.meta_data.big", "ds.meta_data.ami_launch_index", "yes"]
FLOATS = ["half", "ds.meta_data.float", "1.5", "-2.25", "0.1", "1e3", "1e-7", "2.675", "0.0", "1e20", "3.0", "123456.789"]
BOOLS = ["yes", "no", "true", "False", "n == 3", "not yes"]
LISTS = [
    "words", "numbers", "floats", "mixed", "nested", "nolist", "pairs", "ds.meta_data.ssh_keys", "ds.meta_data.interfaces", "[1, 2, 3]", "['b', 'a']",
    "[]", "(1, 2)", "('a',)", "()", "range(4)", "range(5, 0, -2)", "[none, '']", "['a', 'B', 'c']", "[[2, 'x'], [1, 'y']]", "'a b c'.split()",
    "ds.meta_data.interfaces", "[{'k': 1, 'v': 'x'}, {'k': 0, 'v': 'y'}, {'k': 1, 'v': 'z'}]", "ds.meta_data.tags.items()", "v1.nested[0]",
]
DICTS = [
    "ds.meta_data.tags", "v1.nobody", "{'a': 1, 'b': 2}", "{}", "dict(x=1, y='z')", "dict([('k', 'v')], w=2)", "ds.meta_data.interfaces[0]",
    "{1: 'one', 'two': 2, none: 3}", "{'B': 1, 'a': 2}", "dict(ds.meta_data.tags, env='dev')",
]
NONES = ["none", "nothing", "None"]
MISSINGS = ["nope", "v1.nope", "ds.meta_data['no-pe']", "words[9]", "nope['x']", "v1.nobody.x", "''.nope", "n.nope", "numbers['x']"]
ATTRIBUTES = ["'name'", "'mtu'", "'up'", "'k'", "'v'", "'addresses.0'", "'nope'", "'0'", "0", "1", "'name,mtu'", "'addresses'", "'a.b'"]
CASES = ["true", "false", "yes", "none"]
TESTS_PLAIN = [
    "boolean", "callable", "defined", "undefined", "escaped", "even", "odd", "false", "true", "float", "integer", "iterable", "lower", "upper",
    "mapping", "none", "number", "sequence", "string", "filter", "test",
]
TESTS_OTHER = ["eq", "==", "equalto", "ne", "gt", "ge", "lt", "le", "in", "sameas", "divisibleby", "greaterthan", "lessthan"]
SPECS = [
    "", "10", "<10", ">10", "^10", "*^9", "05", "+", " ", "d", "x", "#x", "X", "b", "o", "c", "e", ".2f", ".3", "10.2f", "%", ".1%", ",", "_",
    "010,", "g", ".3g", "s", "=+8", "#b", "08.3f", "+.1e", "n", "G", "E", "<", "5s", ".2s", "x<6", "1,", "_x", "-", "0>4", "z",
]
DIRECTIVES = [
    "%s", "%d", "%02d", "%5d|", "%-5d|", "%+d", "% d", "%x", "%#x", "%X", "%o", "%#o", "%f", "%.2f", "%8.3f", "%e", "%.1e", "%g", "%.3g", "%G", "%r",
    "%5s|", "%-5s|", "%.2s", "%c", "%%", "%i", "%05d", "%+.1f", "%a", "%u", "%08.2f", "%#.3g", "%*d", "%.*f", "%z", "%5", "%.0f", "%.3d", "%-08d|", "%ld",
]


class Writer:
    """One template from one source of randomness."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kinds = {
            "text": (TEXTS, self.text), "int": (INTS, self.int), "float": (FLOATS, self.float), "bool": (BOOLS, self.bool),
            "list": (LISTS, self.list), "dict": (DICTS, self.dict), "none": (NONES, None), "missing": (MISSINGS, None),
        }

    def one(self, values):
        return self.random.choice(values)

    def chance(self, probability):
        return self.random.random() < probability

    def any(self, depth):
        return self.value(self.one(["text"] * 6 + ["int"] * 4 + ["list"] * 5 + ["dict"] * 2 + ["float", "float", "bool", "none", "missing"]), depth)

    def value(self, kind, depth):
        """An expression that should be of a kind, and now and then is of another."""
        if self.chance(0.04):
            kind = self.one(list(self.kinds))
        simple, make = self.kinds[kind]
        if depth <= 0 or make is None or self.chance(0.35):
            return self.one(simple)
        if self.chance(0.12):
            return self.either(kind, depth - 1)
        return make(depth - 1)

    def either(self, kind, depth):
        value = lambda: self.value(kind, depth)  # noqa: E731
        return self.one([
            lambda: "(%s if %s else %s)" % (value(), self.any(depth), value()),
            lambda: "(%s or %s)" % (value(), value()),
            lambda: "(%s and %s)" % (value(), value()),
            lambda: "%s | default(%s)" % (self.post(value()), value()),
            lambda: "%s | default(%s, true)" % (self.post(value()), value()),
            lambda: "%s | first" % self.post("[%s, %s]" % (value(), value())),
            lambda: "{'k': %s}%s" % (value(), self.one([".k", "['k']", ".get('k')"])),
            lambda: "[%s][%s]" % (value(), self.one(["0", "-1", "1"])),
            lambda: "(%s if %s)" % (value(), self.value("bool", depth)),
        ])()

    def post(self, expression):
        """In brackets, unless a name or the like."""
        return expression if re.fullmatch(r"[\w.]+|'[^']*'", expression) and not expression[0].isdigit() else "(%s)" % expression

    def text(self, depth):
        text, int_, any_ = (lambda kind: lambda: self.value(kind, depth))("text"), (lambda: self.value("int", depth)), (lambda: self.any(depth))
        target = self.post(text())
        small = lambda: self.one(["0", "1", "2", "5", "8", "20", "-1"])  # noqa: E731
        return self.one([
            lambda: "%s ~ %s" % (self.post(text()), self.post(any_())),
            lambda: "%s + %s" % (self.post(text()), self.post(text())),
            lambda: "%s * %s" % (self.post(text()), small()),
            lambda: "%s[%s]" % (target, self.one([small(), "%s:%s" % (small(), small()), "%s:" % small(), ":%s" % small(), "::-1", "::2", "1:-1", "-3:"])),
            lambda: self.text_filter(depth, target),
            lambda: self.text_filter(depth, target),
            lambda: self.text_filter(depth, self.post(any_())),
            lambda: self.text_method(depth, target),
            lambda: self.text_method(depth, target),
            lambda: self.printf(depth),
            lambda: self.str_format(depth),
            lambda: "%s | join(%s)" % (self.post(self.value("list", depth)), self.one(["", "','", "', '", "d='-'", "',', attribute='name'", "1"])),
            lambda: "%s | tojson%s" % (self.post(any_()), self.one(["", "", "(2)", "(indent=1)", "('\\t')"])),
            lambda: "%s | string" % self.post(any_()),
            lambda: "%s | pprint" % self.post(any_()),
        ])()

    def text_filter(self, depth, target):
        value = lambda kind: self.value(kind, depth)  # noqa: E731
        return "%s | %s" % (target, self.one([
            "upper", "lower", "title", "capitalize", "trim", "trim('a')", "trim(chars='-1')", "center", "center(%s)" % self.one(["5", "21", "width=12"]),
            "escape", "e", "forceescape", "safe", "striptags", "string", "wordcount", "reverse", "urlencode", "length", "list",
            "replace(%s, %s)" % (value("text"), value("text")), "replace('a', 'b', 1)", "replace('-', '')", "replace(1, 2)", "replace('', '.')",
            "indent", "indent(2)", "indent(2, true)", "indent(width='> ')", "indent(2, blank=true)", "indent(first=true)", "indent(0)",
            "truncate(%s)" % self.one(["10", "5, true", "12, false, '…'", "9, leeway=0", "3, true, '', 0", "2", "255", "length=8, end='>'"]),
            "wordwrap(%s)" % self.one(["10", "5", "7, false", "12, wrapstring='|'", "9, break_on_hyphens=false", "79", "3, true, '/'"]),
            "default('d')", "d('x', true)", "format(%s, %s)" % (value("text"), value("int")), "format(a=1)", "int", "float", "int(7)", "int(base=16)",
            "int(0, 0)", "float(1.5)", "filesizeformat", "xmlattr", "random", "first", "last", "count", "batch(2) | list", "slice(2) | list", "unique | list",
            "sort | join", "map('upper') | join", "select | list", "urlize_no", "abs", "round", "sum", "max", "min", "dictsort", "items | list", "attr('upper')",
        ]))

    def text_method(self, depth, target):
        value = lambda kind: self.value(kind, depth)  # noqa: E731
        bounds = self.one(["", "", "", ", 1", ", 1, 4", ", -3", ", 0, -1"])
        sub = self.one(["'a'", "'-'", "''", "'eu'", "' '", "'ab'", value("text")])
        return "%s.%s" % (target, self.one([
            "%s()" % self.one([
                "capitalize", "casefold", "lower", "upper", "title", "swapcase", "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "isalnum",
                "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper",
                "expandtabs",
            ]),
            "%s(%s%s)" % (self.one(["find", "rfind", "index", "rindex", "count", "startswith", "endswith"]), sub, bounds),
            "%s(('a', 'eu', 'd'))" % self.one(["startswith", "endswith"]),
            "%s(%s)" % (self.one(["strip", "lstrip", "rstrip"]), self.one(["'a'", "'-1e '", "none", sub])),
            "%s(%s)" % (self.one(["split", "rsplit"]), self.one([
                "'-'", "'-', 1", "none, 1", "maxsplit=1", "sep=','", "' '", "','", "'a', 0", "none, 0", "none, 2", "', ', -1", sub])),
            "%s(%s)" % (self.one(["center", "ljust", "rjust", "zfill"]), self.one(["10", "9", "0", "20", "-1"])),
            "%s(%s, %s)" % (self.one(["center", "ljust", "rjust"]), self.one(["10", "9", "30"]), self.one(["'*'", "'0'", "'ab'", "''"])),
            "%s(%s)" % (self.one(["partition", "rpartition", "removeprefix", "removesuffix"]), sub),
            "replace(%s, %s%s)" % (sub, self.one(["'X'", "''", "'--'"]), self.one(["", "", ", 1", ", 0", ", -1"])),
            "join(%s)" % self.one(["['a', 'b']", "words", "'xyz'", value("list"), "[1]", "{'a': 1}", "[]"]),
            "splitlines(%s)" % self.one(["true", "keepends=true", "false"]),
            "expandtabs(%s)" % self.one(["4", "0", "tabsize=2"]),
            "upper().lower()", "nope()", "upper", "format", "split('-')[0]", "split('-')[-1] | upper", "split() | length",
        ]))

    def printf(self, depth):
        count = self.one([1, 1, 1, 2, 2, 0])
        directives = [self.one(DIRECTIVES) for _ in range(count)]
        wanted = sum(0 if d == "%%" else 2 if "*" in d else 1 for d in directives) + self.one([0] * 8 + [1, -1])
        kinds = ["int" if d[-1] in "duixXoc*d" or d.rstrip("|")[-1] in "dixXo" else "float" if d[-1] in "feEgG" else "text" for d in directives]
        values = [self.value(self.one(kinds or ["int"]), depth) for _ in range(max(wanted, 0))]
        text = repr(self.one(["", "a ", "%%"]) + "-".join(directives) + self.one(["", " z"]))
        kind = self.random.random()
        if kind < 0.15:
            return "'%%(a)s %%(b)%s' %% {'a': %s, 'b': %s}" % (self.one("sdr"), self.any(depth), self.value("int", depth))
        if kind < 0.3 and values:
            return "%s | format(%s)" % (text, ", ".join(values))
        if kind < 0.35:
            return "'%%(a)s' | format(a=%s)" % self.any(depth)
        if len(values) == 1 and self.chance(0.6):
            return "%s %% %s" % (text, self.post(values[0]))
        return "%s %% (%s)" % (text, "".join(value + ", " for value in values))

    def str_format(self, depth):
        value = self.value(self.one(["text", "int", "int", "float", "float", "bool", "list", "none"]), depth)
        spec = self.one(SPECS)
        return self.one([
            lambda: "'{:%s}'.format(%s)" % (spec, value),
            lambda: "'{:%s}'.format(%s)" % (spec, value),
            lambda: "'{0} {1} {0}'.format(%s, %s)" % (value, self.any(depth)),
            lambda: "'{} {}'.format(%s, %s)" % (value, self.any(depth)),
            lambda: "'{a} {b!r}'.format(a=%s, b=%s)" % (value, self.any(depth)),
            lambda: "'{0[name]} {0[mtu]:>6}'.format(ds.meta_data.interfaces[0])",
            lambda: "'{0.region}/{1[0]}'.format(v1, %s)" % self.value("list", depth),
            lambda: "'{:{w}}|'.format(%s, w=%s)" % (value, self.one(["8", "'<8'", "0"])),
            lambda: "'{{}} {!s:>6}'.format(%s)" % value,
            lambda: "'{n} {m}'.format(**{'n': %s, 'm': 2})" % value,
            lambda: "'{} {}'.format(*%s)" % self.value("list", depth),
            lambda: "'{a}'.format_map({'a': %s})" % value,
            lambda: "%s.format(%s)" % (self.one(["'{'", "'}'", "'{x}'", "'{0}{}'", "'{!z}'", "'{0.nope}'", "'{0[9]}'", "'{:}'", "'{!r}'", "'{!a}'"]), value),
        ])()

    def int(self, depth):
        left, right = self.post(self.value("int", depth)), self.post(self.value("int", depth))
        return self.one([
            lambda: "%s %s %s" % (left, self.one(["+", "-", "*", "//", "%"]), right),
            lambda: "%s ** %s" % (left, self.one(["2", "3", "0", "-1"])),
            lambda: "-%s" % left,
            lambda: "%s | abs" % left,
            lambda: "%s | %s" % (self.post(self.any(depth)), self.one(["length", "int", "count", "int(-1)"])),
            lambda: "%s | %s" % (self.post(self.value("list", depth)), self.one([
                "sum", "sum(start=10)", "sum('mtu')", "sum(attribute='k')", "length", "max", "min", "first", "last", "max(attribute='mtu')", "random"])),
            lambda: "%s.%s" % (self.post(self.value("list", depth)), self.one(["count(1)", "index(1)", "index('a')", "count('a')", "index(1, 1)"])),
            lambda: "%s.%s" % (left, self.one(["bit_length()", "real", "imag", "numerator", "denominator", "conjugate()"])),
            lambda: "%s | round(%s)" % (left, self.one(["", "1", "-1", "0, 'ceil'", "method='floor'"])),
        ])()

    def float(self, depth):
        left, right = self.post(self.value("float", depth)), self.post(self.value(self.one(["float", "int"]), depth))
        return self.one([
            lambda: "%s %s %s" % (left, self.one(["+", "-", "*", "/", "//", "%"]), right),
            lambda: "%s / %s" % (self.post(self.value("int", depth)), right),
            lambda: "%s | round%s" % (left, self.one(["", "(1)", "(2)", "(-1)", "(0, 'ceil')", "(1, 'floor')", "(2, 'common')", "(1, 'x')", "(precision=1)"])),
            lambda: "%s | float%s" % (self.post(self.any(depth)), self.one(["", "(1.5)", "(default=2)"])),
            lambda: "%s | abs" % left,
            lambda: "%s.%s" % (left, self.one(["is_integer()", "real", "imag"])),
            lambda: "%s ** %s" % (left, self.one(["2", "0.5", "-1"])),
        ])()

    def bool(self, depth):
        any_ = lambda: self.post(self.any(depth))  # noqa: E731
        kind = self.one(["int", "float", "text", "list"])
        same = lambda: self.post(self.value(kind, depth))  # noqa: E731
        return self.one([
            lambda: "%s %s %s" % (same(), self.one(["<", "<=", ">", ">=", "==", "!="]), same()),
            lambda: "%s %s %s" % (any_(), self.one(["==", "!="]), any_()),
            lambda: "%s < %s <= %s" % (same(), same(), same()),
            lambda: "%s %s %s" % (any_(), self.one(["in", "not in"]), self.post(self.value(self.one(["list", "dict", "text"]), depth))),
            lambda: "not %s" % any_(),
            lambda: "%s is %s%s" % (any_(), self.one(["", "not "]), self.one(TESTS_PLAIN)),
            lambda: "%s is %s%s(%s)" % (any_(), self.one(["", "not "]), self.one(TESTS_OTHER), self.any(depth)),
            lambda: "%s is %s %s" % (same(), self.one(["eq", "lt", "divisibleby", "in"]), self.one(["3", "'a'", "[3, 'a']", "2", "words"])),
            lambda: "%s and %s" % (any_(), any_()),
            lambda: "%s or %s" % (any_(), any_()),
            lambda: "'%s' is %s" % (self.one(["upper", "nope", "defined", "int"]), self.one(["filter", "test"])),
        ])()

    def list(self, depth):
        target = self.post(self.value("list", depth))
        attribute = self.one(ATTRIBUTES)
        test = self.one(["'defined'", "'odd'", "'even'", "'string'", "'eq', 1", "'gt', 1", "'in', [1, 'a']", "'none'", "'number'", "'nope'", ""])
        return self.one([
            lambda: "[%s, %s]" % (self.any(depth), self.any(depth)),
            lambda: "(%s, %s)" % (self.any(depth), self.any(depth)),
            lambda: "%s + %s" % (target, self.post(self.value("list", depth))),
            lambda: "%s * %s" % (target, self.one(["0", "2", "-1"])),
            lambda: "%s[%s]" % (target, self.one(["1:", ":1", "::-1", ":-1", "::2", "-2:", "0:2", "5:1:-2", "::0", "none:1"])),
            lambda: "%s | %s | list" % (target, self.one([
                "map('upper')", "map('string')", "map(attribute=%s)" % attribute, "map(attribute=%s, default='d')" % attribute, "map('default', 'x')",
                "map('int')", "map('replace', 'a', 'b')", "map('nope')", "map()", "map('length')", "map('round', 1)", "map('join', ',')", "map('first')",
                "select(%s)" % test, "reject(%s)" % test, "selectattr(%s)" % attribute, "rejectattr(%s)" % attribute, "selectattr(%s, %s)" % (attribute, test or "'defined'"),
                "rejectattr(%s, %s)" % (attribute, test or "'defined'"), "unique", "unique(true)", "unique(attribute=%s)" % attribute, "reverse", "batch(2)",
                "batch(2, 'x')", "batch(3, fill_with=0)", "slice(2)", "slice(3, 'x')", "slice(2, fill_with=none)", "list", "sort",
            ])),
            lambda: "%s | sort%s" % (target, self.one(["", "(true)", "(reverse=true)", "(case_sensitive=true)", "(attribute=%s)" % attribute, "(true, true)"])),
            lambda: "%s | groupby(%s)" % (target, self.one([attribute, attribute, "%s, default='z'" % attribute, "%s, case_sensitive=true" % attribute])),
            lambda: "%s | groupby(%s) | map(attribute=%s) | list" % (target, attribute, self.one(["'grouper'", "'list'", "0", "1"])),
            lambda: "%s | dictsort%s" % (self.post(self.value("dict", depth)), self.one(["", "(true)", "(by='value')", "(reverse=true)", "(false, 'value')", "(by='x')"])),
            lambda: "%s | items | list" % self.post(self.value("dict", depth)),
            lambda: "%s.%s%s" % (self.post(self.value("dict", depth)), self.one(["items()", "keys()", "values()"]), self.one(["", " | list", " | sort", " | length", " | first"])),
            lambda: "%s | list" % self.post(self.any(depth)),
            lambda: "%s.%s" % (self.post(self.value("text", depth)), self.one(["split('-')", "split()", "splitlines()", "partition('-')", "rsplit('-', 1)"])),
            lambda: "%s | %s" % (target, self.one(["first", "last", "random", "length", "max", "min", "sum", "join('-')", "reverse", "tojson", "string", "max(true)",
                                                   "min(attribute=%s)" % attribute, "first | upper", "pprint", "urlencode"])),
            lambda: "%s.%s" % (target, self.one(["copy()", "pop()", "pop(0)", "pop(9)", "index(3)", "count('a')", "sort()", "reverse()", "append(1)", "nope", "grouper"])),
            lambda: "range(%s)" % self.one(["n", "1, 5", "0, 10, 3", "neg", "5, 1", "0", "1, 2, 0", "'3'", "10, 0, -3", "half"]),
        ])()

    def dict(self, depth):
        return self.one([
            lambda: "{%s: %s, 'z': %s}" % (self.one(["'a'", "1", "true", "none", "1.0", self.any(depth)]), self.any(depth), self.any(depth)),
            lambda: "dict(%s)" % self.one(["a=%s" % self.any(depth), "pairs", "ds.meta_data.tags", "ds.meta_data.tags, x=1", "[(1, 2)]", "words", "", "1", "nolist"]),
            lambda: "%s.%s" % (self.post(self.value("dict", depth)), self.one([
                "copy()", "get('env')", "get('nope')", "get('nope', %s)" % self.any(depth), "pop('k', 1)", "setdefault('k', 2)", "popitem()", "update(a=1)", "items()",
                "keys()", "values()", "fromkeys(['a', 'b'], 1)", "get([])", "nope", "get", "env", "Name | lower", "pop('nope')",
            ])),
            lambda: "%s | %s" % (self.post(self.value("dict", depth)), self.one([
                "length", "list", "first", "last", "tojson", "xmlattr", "xmlattr(false)", "urlencode", "string", "dictsort", "join(',')", "sort", "pprint", "tojson(2)"])),
            lambda: "%s[%s]" % (self.post(self.value("dict", depth)), self.any(depth)),
        ])()

    # Templates

    def document(self):
        kind = self.random.random()
        depth = self.one([0, 1, 1, 2, 2, 3])
        if kind < 0.6:
            return "{{ %s }}" % self.any(depth) + self.one(["", "\n"])
        return "".join(self.statement(depth, 2) for _ in range(self.one([1, 1, 2, 3]))) + self.one(["", "\n", "\n\n"])

    def tag(self, statement):
        return "{%" + self.one(["", "", "", "", "-", "+"]) + " " + statement + self.one([" ", " ", " ", " -", " +"]) + "%}" + self.one(["", "", "\n", "\n  ", " "])

    def print(self, depth, names=()):
        value = self.one(list(names)) if names and self.chance(0.6) else self.any(depth)
        return "{{" + self.one(["", "", "-"]) + " " + value + " " + self.one(["", "", "-"]) + "}}"

    def body(self, depth, levels, names=()):
        pieces = [self.one(["text", " a\n", "\n", "", "x: "])]
        for _ in range(self.one([1, 1, 2])):
            pieces.append(self.print(depth, names) if levels <= 0 or self.chance(0.6) else self.statement(depth, levels - 1, names))
        return self.one(["", " ", "\n"]).join(pieces)

    def statement(self, depth, levels, names=()):
        body = lambda *more: self.body(depth - 1, levels - 1, list(names) + list(more))  # noqa: E731
        loop = ["loop." + name for name in (
            "index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem", "cycle('a', 'b')",
            "changed(item)", "nope", "changed(1)")]
        collected = self.value("list", depth - 1)
        value = self.any(depth)
        return self.one([
            lambda: self.print(depth, names),
            lambda: self.tag("set x = " + value) + body("x", "x") + "{{ x }}",
            lambda: self.tag("set a, b = " + self.one(["1, 2", "words", "(n, region)", "'xy'", "[1]", value])) + "{{ a }}{{ b }}",
            lambda: self.tag("set x") + body() + self.tag("endset") + "[{{ x }}]",
            lambda: self.tag("set x | " + self.one(["upper", "trim", "replace('a', 'b') | title", "indent(2)"])) + body() + self.tag("endset") + "[{{ x }}]",
            lambda: self.tag("if " + value) + body() + self.one(["", self.tag("else") + body(), self.tag("elif yes") + body()]) + self.tag("endif"),
            lambda: self.tag("for item in " + collected) + body("item", "loop.index", *loop) + self.tag("endfor"),
            lambda: self.tag("for item in " + collected + " if " + self.one(["item", "item is defined", "item != 1", "loop", self.value("bool", 1)]))
            + body("item", *loop) + self.one(["", self.tag("else") + body()]) + self.tag("endfor"),
            lambda: self.tag("for a, b in " + self.one(["pairs", "ds.meta_data.tags.items()", "ds.meta_data.tags | dictsort", collected]))
            + "{{ a }}={{ b }};" + self.tag("endfor"),
            lambda: self.tag("for item in nested recursive") + "{{ item }}{{ loop.depth }}" + self.one(["", "{% if item is iterable %}{{ loop(item) }}{% endif %}"])
            + self.tag("endfor"),
            lambda: self.tag("set x = []") + self.tag("for item in " + collected) + self.tag("do x.append(item)") + self.tag("endfor") + "{{ x }}",
            lambda: self.tag("set x = " + self.one(["[3, 1, 2]", "['b', 'a']", "[]", "words", collected])) + self.tag("do x." + self.one([
                "append(%s)" % value, "extend([1, 2])", "insert(0, 'i')", "pop()", "pop(0)", "remove(1)", "reverse()", "sort()", "sort(reverse=true)", "clear()",
                "extend('ab')", "insert(-1, 5)", "append(x)", "remove('a')", "sort(none)", "extend(x)", "insert(9, 9)"])) + "{{ x }}{{ x | length }}",
            lambda: self.tag("set x = " + self.one(["{}", "{'a': 1}", "dict(k='v')", self.value("dict", depth - 1)])) + self.tag("do x." + self.one([
                "update({'b': %s})" % value, "update(b=2)", "update([('c', 3)])", "pop('a')", "pop('z', none)", "setdefault('a', 5)", "setdefault('l', []).append(1)",
                "clear()", "popitem()", "update(pairs)", "update(ds.meta_data.tags)"])) + "{{ x }}",
            lambda: self.tag("set ns = namespace(%s)" % self.one(["", "x=1", "{'x': 2}", "x=%s" % value])) + self.tag("for item in " + collected)
            + self.tag("set ns.x = " + self.one(["item", "loop.index", "(ns.x or 0) + 1", value])) + self.tag("endfor") + "{{ ns.x }}{{ ns.y }}",
            lambda: self.tag("macro m(a, b=%s)" % self.one(["2", "a", "region", value])) + "{{ a }}|{{ b }}" + self.one(["", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}"])
            + self.tag("endmacro") + "{{ m(%s) }}" % self.one(["1", "1, 2", "", "b=3", "a=1, b=2", "1, 2, 3", "1, c=4", "1, a=2", value, "*[1, 2]", "**{'a': 5}"]),
            lambda: self.tag("macro m(a)") + "<{{ caller(%s) }}>" % self.one(["", "a", "1, 2"]) + self.tag("endmacro")
            + self.tag("call%s m(%s)" % (self.one(["", "(x)", "(x, y=2)"]), value)) + self.body(0, 0, ["x", "y", "a"]) + self.tag("endcall"),
            lambda: self.tag("macro m(a)") + "{{ a }}" + self.tag("endmacro") + "{{ m.%s }}" % self.one(["name", "arguments", "catch_kwargs", "catch_varargs", "caller", "nope"]),
            lambda: self.tag("filter " + self.one(["upper", "trim | title", "replace('a', 'b')", "indent(2)", "length", "nope"])) + body() + self.tag("endfilter"),
            lambda: self.tag("with x = %s, y = %s" % (value, self.one(["x", "1", "n"]))) + body("x", "y") + self.tag("endwith"),
            lambda: "{% raw %}" + self.one(["{{ x }}", "{% if %}", "\n{# c #}\n"]) + self.one(["{% endraw %}", "{%- endraw -%}\n", "{% endraw %}\n"]),
            lambda: self.one(["", " "]) + self.one(["{# comment #}", "{#- a -#}", "{# {{ x }} #}\n", "{#+ b +#}\n", "{#-#}"]) + self.one(["", " ", "\n"]),
            lambda: self.tag("set c = cycler(%s)" % self.one(["1, 2", "'a'", "", value])) + "{{ c.next() }}{{ c.next() }}{{ c.current }}" + self.tag("do c.reset()") + "{{ c.next() }}{{ c.pos }}",
            lambda: self.tag("set j = joiner(%s)" % self.one(["", "'|'", "sep=' '"])) + self.tag("for item in " + collected) + "{{ j() }}{{ item }}" + self.tag("endfor"),
            lambda: self.tag("block " + self.one(["a", "b", "c"])) + self.body(depth - 1, 0) + self.tag("endblock"),
            lambda: self.tag(self.one([
                "print 1, n", "if", "for in x", "set x", "endif", "nope", "set 1 = 2", "for loop in x", "include 'x'", "import 'a' as b", "else", "set true = 1", "do", "if x y",
                "macro", "call m", "for a in b c", "set x.y.z = 1", "break", "with", "from 'a' import b"])),
            lambda: self.one(["{{", "{{ }}", "{{ a", "{% if yes %}", "{# x", "{{ 1 2 }}", "{{ (1 }}", "{{ 1) }}", "{{ 'a }}", "{{ a.. }}", "{{ a | }}", "{{ a is }}", "{{ [1, }}",
                              "{{ {1: } }}", "{{ f(a=1, 2) }}", "{{ a ! b }}", "{{ @ }}", "{% raw %}", "{{ {'a': {'b': 1}}}}", "{{ '}}' }}", "}}", "{{ a[ }}", "{{ f(*a, *b) }}", "{{ x if }}",
                              "{{- 5 -}}", "{{-5}}", "{{+5}}", "{{ 1.2.3 }}", "{{ v1.0 }}", "{{ 'a'.b.c }}", "{{ words.0 }}", "{{ words.-1 }}", "{{ 01 }}", "{{ 1__0 }}", "{{ '\\N{DASH}' }}"]),
        ])()


def environment():
    """Jinja2 as cloud-init 26.x sets it up."""
    return SandboxedEnvironment(undefined=UndefinedJinjaVariable, trim_blocks=True, extensions=["jinja2.ext.do"])


class Draws:
    """Our own random numbers, in the place of Python's."""

    def __init__(self):
        self.state = SEED

    def choice(self, values):
        if not len(values):
            raise IndexError
        self.state ^= self.state << 13 & 0xFFFFFFFFFFFFFFFF
        self.state ^= self.state >> 7
        self.state ^= self.state << 17 & 0xFFFFFFFFFFFFFFFF
        return values[self.state % len(values)]


def rendered(template):
    """What a template becomes, or the exception that drops it."""
    jinja2.filters.random = Draws()
    # A template may change what it is given.
    variables = convert_jinja_instance_data(json.loads(json.dumps(INSTANCE_DATA)), include_key_aliases=True)
    try:
        text = environment().from_string(template).render(**variables)
    except Exception as error:
        return {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}
    return {"text": text + ("\n" if template.endswith("\n") else "")}


def templates(seed, count, fixtures):
    """Our fixtures that are one template, and `count` from the grammar."""
    for name in sorted(os.listdir(fixtures)):
        if name.startswith("template-"):
            with open(os.path.join(fixtures, name, "in")) as file:
                header, _, template = file.read().partition("\n")
            if header == "## template: jinja":
                yield name, template
    for number in range(count):
        yield "%d/%d" % (seed, number), Writer("template %d/%d" % (seed, number)).document()
