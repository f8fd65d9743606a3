#!/usr/bin/env python3
"""Asks PyYAML what it makes of each document here: NAME.json is what it reads, NAME.dump what it writes again.

JSON cannot hold everything: {"!!binary": …} is bytes, {"!!map": [[key, value], …]} a map with keys that are not text.
Dates are read as text, as cloudseed reads them. A document that PyYAML rejects has neither file.
"""
import base64
import json
import pathlib

import yaml


class Loader(yaml.SafeLoader):
    pass


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True


Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def typed(value):
    if isinstance(value, bytes):
        return {"!!binary": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [typed(element) for element in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: typed(element) for key, element in value.items()}
        return {"!!map": [[typed(key), typed(element)] for key, element in value.items()]}
    return value


def plain(value):
    """Sets and tuples as cloudseed has them."""
    if isinstance(value, set):
        return {key: None for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        return {key: plain(element) for key, element in value.items()}
    return value


for path in sorted(pathlib.Path(__file__).parent.glob("*.yaml")):
    try:
        value = plain(yaml.load(path.read_bytes().decode(), Loader=Loader))
    except (yaml.YAMLError, ValueError, TypeError):
        path.with_suffix(".json").unlink(missing_ok=True)
        path.with_suffix(".dump").unlink(missing_ok=True)
        continue
    data = json.dumps(typed(value), indent=1, sort_keys=True, separators=(",", ": "))
    path.with_suffix(".json").write_text(data + "\n")
    dump = yaml.dump(value, Dumper=Dumper, default_flow_style=False, indent=4)
    path.with_suffix(".dump").write_bytes(dump.encode())
