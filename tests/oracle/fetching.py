"""Datasources of cloud-init against services that somebody else simulates: what they make of machines.

A line of the input is a machine: its `platform`, the prefix of its files (`machine`), a folder for `scratch`, the `lease` that DHCP
told, the `routers` of cards that are told others, and the `disc` in its drive as a folder. cloud-init and its modules are found by
PYTHONPATH. Requests are lines as service.py has them; the last line for a machine has the `result`, or the `error` that it ends with.
The network, firmware and clock are replaced; all else is cloud-init's own code.
tests/it/fetching.rs is the other end.
"""

import json
import logging
import os
import sys

import service  # Before others take the time from where it is replaced.
import machine
from cloudinit import importer, util
from cloudinit.handlers import jinja_template  # noqa: F401  Once, not in each child.


def mounted(device, callback, *_, **__):
    if device != "/dev/sr0" or not os.path.isdir(discs[-1]):
        raise util.MountFailedError("no disc")
    return callback(discs[-1])


discs = [""]
util.find_devs_with = lambda *_, **__: []
util.mount_cb = mounted


def result(module, platform):
    if hasattr(module, "do_helper"):
        module.do_helper.assign_ipv4_link_local = lambda *_: machine.first()
        module.do_helper.del_ipv4_link_local = lambda *_: None
    return machine.found(module, platform)


def one(module, told):
    discs.append(told["disc"])
    machine.take(told["machine"], told["scratch"], told["lease"], told["routers"])
    service.limit()
    try:
        found = {"result": result(module, told["platform"])}
    except Exception as error:
        found = {"result": {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}}
    print(json.dumps(found), flush=True)


def main():
    logging.disable(logging.CRITICAL)
    if os.environ.get("FETCH_LOG"):
        logging.disable(logging.NOTSET)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for line in sys.stdin:
        told = json.loads(line)
        module = importer.import_module("cloudinit.sources.DataSource" + told["platform"])
        # What one datasource leaves in modules and caches is not the next one's; lines come one by one, so that none is read ahead.
        child = os.fork()
        if child == 0:
            one(module, told)
            os._exit(0)
        os.waitpid(child, 0)


main()
