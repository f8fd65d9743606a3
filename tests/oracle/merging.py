"""Cloud-config in parts from a grammar, every merger, patches and templates among them; and what cloud-init makes of it."""

import base64
import json
import os
import random

import yaml
from cloudinit import handlers, user_data
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.handlers.jinja_template import JinjaTemplatePartHandler

MERGERS = {
    "dict": ["replace", "no_replace", "allow_delete", "recurse_array", "recurse_list", "recurse_str", "bogus"],
    "list": ["append", "prepend", "no_replace", "replace", "recurse_array", "recurse_list", "recurse_dict", "recurse_str"],
    "str": ["append", "x"],
}
INSTANCE_DATA = {
    "base64_encoded_keys": [],
    "ds": {"meta_data": {"instance-id": "i-1", "tags": ["web", "db"], "count": 3, "nested": {"a-b": "dash", "empty": ""}}},
    "merged_cfg": {},
    "sensitive_keys": [],
    "v1": {"cloud_name": "aws", "region": "eu-west-1", "instance_id": "i-1", "local_hostname": "host", "distro-version": "12", "none": None},
}
# Each of them a value in YAML, whatever comes of it.
EXPRESSIONS = [
    "{{ v1.region }}", "{{ region }}", "{{ v1.nope }}", "'{{ nope }}'", "{{ ds.meta_data.instance_id }}", "{{ ds.meta_data.count + 1 }}",
    "{{ ds.meta_data.tags }}", "{{ ds.meta_data.tags | join(',') }}", "{{ ds.meta_data.tags[1] | upper }}", "{{ ds['meta_data']['instance-id'] }}",
    "{{ v1.region.split('-')[0] }}", "{{ v1.region | replace('-', '_') }}", "{{ nope | default('other') }}", "{{ v1.none | default('x', true) }}",
    "{% if v1.cloud_name == 'aws' %}yes{% else %}no{% endif %}", "{% for tag in ds.meta_data.tags %}{{ loop.index }}{{ tag }}{% endfor %}",
    "[{% for tag in ds.meta_data.tags %}{{ tag }}{{ ', ' if not loop.last }}{% endfor %}]", "{% set x = 5 %}{{ x * 2 }}", "{# a comment #}1",
    "{{ ds.meta_data.nested.a_b }}", "{{ ds.meta_data | length }}", "{{ ds.meta_data.nested | tojson }}", "{{ v1.local_hostname ~ '.example' }}",
    "{{ 'a' if region is defined else 'b' }}", "{{ ds.meta_data.tags | first }}{{ ds.meta_data.tags | last }}", "{{ distro_version | int * 2 }}",
    "{{ v1.distro_version }}", "{{ v1.region[:2] }}", "{{ ds.meta_data.tags | sort | join(' ') }}", "{{ v1.region.startswith('eu') }}",
    "{{ v1 - nope }}", "{{ nope.nope }}", "{% if %}", "{{ 7 // 2 }}{{ 7 % 4 }}", "{{ '%s-%d' | format('a', 3) }}", "{{ v1.region | capitalize }}",
]
KEYS = ["a", "b", "c", "d", 1, True, "1"]
SCALARS = [1, 2, 0, True, False, None, "x", "y", "long", 1.5, "", b"ab"]
PATHS = ["a", "b", "c", "0", "1", "-", "d"]


class Paths:
    """The folders that handlers and processor ask for."""

    def __init__(self, folder):
        self.folder = folder

    def get_ipath(self, name=None):
        return os.path.join(self.folder, name or "")

    get_ipath_cur = get_cpath = get_runpath = get_ipath


class Writer:
    """The parts of one document from one source of randomness."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, values):
        return self.random.choice(values)

    def chance(self, probability):
        return self.random.random() < probability

    def document(self):
        lines = ['Content-Type: multipart/mixed; boundary="=="', "MIME-Version: 1.0", ""]
        for _ in range(self.random.randint(1, 6)):
            kind, body = self.part()
            lines += ["--==", "Content-Type: " + kind]
            if self.chance(0.3):
                lines.append(self.one(["Merge-Type: ", "X-Merge-Type: "]) + (self.spec() if self.chance(0.9) else self.one(["", "nonsense"])))
            lines += ["", body]
        return "\n".join(lines + ["--==--", ""]).encode()

    def part(self):
        kind = self.random.random()
        if kind < 0.12:
            start = self.one(["#cloud-config-jsonp\n", "\n #cloud-config-jsonp ", ""])
            return "text/cloud-config-jsonp", start + self.patch()
        if kind < 0.37:
            return self.one(["text/jinja2", "text/plain"]), self.template()
        return "text/cloud-config", self.one(["#cloud-config\n", ""]) + self.body()

    def body(self):
        if self.chance(0.03):
            return self.one(["", "# nothing", "a: b: c", "[", '"', "- a", "text"])
        value = {self.one(KEYS): self.value(3) for _ in range(self.random.randint(0, 4))}
        kind = self.random.random()
        if kind < 0.3:
            value[self.one(["merge_how", "merge_type"])] = self.spec()
        elif kind < 0.4:
            mergers = [self.merger() for _ in range(self.random.randint(1, 3))]
            value["merge_how"] = [self.one([{"name": name, "settings": options}, [name] + options]) for name, options in mergers]
        elif kind < 0.43:
            value["merge_how"] = self.one([None, "", 3, [], ["dict()"], [{}]])
        return yaml.dump(value, default_flow_style=self.one([True, False, None]))

    def value(self, depth):
        kind = self.random.random()
        if depth <= 0 or kind < 0.35:
            return self.one(SCALARS)
        if kind < 0.65:
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        return {self.one(KEYS): self.value(depth - 1) for _ in range(self.random.randint(0, 4))}

    def merger(self):
        kind = self.one(sorted(MERGERS))
        name = self.one([kind] * 8 + ["m_" + kind, kind.upper(), "bad", "a-b"])
        return name, self.random.sample(MERGERS[kind], self.random.randint(0, min(3, len(MERGERS[kind]))))

    def spec(self):
        mergers = [self.merger() for _ in range(self.random.randint(1, 4))]
        return self.one(["+", " + "]).join("%s(%s)" % (name, ",".join(options)) for name, options in mergers)

    def patch(self):
        steps = []
        for _ in range(self.random.randint(1, 3)):
            path = lambda most: "/" + "/".join(self.one(PATHS) for _ in range(self.random.randint(1, most)))  # noqa: E731
            step = {"op": self.one(["add", "remove", "replace", "move", "copy", "test", "bad"]), "path": path(3)}
            if step["op"] in ("add", "replace", "test"):
                step["value"] = self.one([1, "x", [1], {"z": 1}, None])
            elif step["op"] in ("move", "copy"):
                step["from"] = path(2)
            steps.append(step)
        text = json.dumps(steps)
        return text[:-1] if self.chance(0.1) else text

    def template(self):
        start = self.one(["#cloud-config\n"] * 9 + ["#!/bin/sh\n", "", "#cloud-config-jsonp\n"])
        lines = ["%s: %s" % (self.one("abcd"), self.one(EXPRESSIONS))] if self.chance(0.5) else []
        names = self.random.sample("efgh", self.random.randint(0, 3))
        lines += ["%s: %s" % (name, self.one(EXPRESSIONS)) for name in names]
        if self.chance(0.2):
            lines = ["{% if region %}"] + lines + [self.one(["{% endif %}", "{% endif %}", "{% end %}"])]
        if self.chance(0.2):
            lines.append("merge_how: " + self.spec())
        return "## template: jinja\n" + start + "\n".join(lines) + self.one(["\n", ""])


def documents(seed, count):
    for number in range(count):
        yield "%d/%d" % (seed, number), Writer("merge %d/%d" % (seed, number)).document()


def merged(document, folder):
    """The cloud-config that cloud-init's own handlers make of a document."""
    paths = Paths(folder)
    with open(paths.get_runpath("instance_data_sensitive"), "w") as file:
        json.dump(INSTANCE_DATA, file)
    config = CloudConfigPartHandler(paths)
    every = (config, JinjaTemplatePartHandler(paths, sub_handlers=[config]))
    chosen = {kind: handler for handler in every for kind in handler.list_types()}

    def call(_data, filename, payload, headers):
        handler = chosen.get(headers["Content-Type"])
        if handler:
            handlers.run_part(handler, None, filename, payload, "always", headers)

    handlers.call_begin(config, None, "always")
    handlers.walk(user_data.UserDataProcessor(paths).process(document), call, data=None)
    return typed(config.cloud_buf or {})


def typed(value):
    """A value as JSON can hold it."""
    if isinstance(value, bytes):
        return {"!!binary": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [typed(element) for element in value]
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return {"!!map": [[typed(key), typed(element)] for key, element in value.items()]}
    if isinstance(value, dict):
        return {key: typed(element) for key, element in value.items()}
    return value
