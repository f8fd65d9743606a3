"""Datasources of cloud-init that need no network, or that of a seed, on machines that are data: what cloud-init makes of each.

    local.py SCRATCH     a line with a machine in, a line with the `result` that is made of it out, until the input ends

cloud-init and its modules are found by PYTHONPATH. A machine has

    platform    the datasource
    root        the prefix of its files
    volumes     a list; each has name, kind, label, uuid, and a folder with what is on it
    variables   what the hypervisor keeps for its guest
    keys        what the host at the other end of the serial line answers
    serves      true if somebody answers over HTTP: a server of seeds, or the host at LXD's socket; the requests are lines as service.py
                has them

Nothing is mounted and no program runs but the shell that cloud-init has parse `context.sh`. tests/it/local.rs is the other end.
"""

import base64
import binascii
import json
import logging
import os
import re
import sys
from types import SimpleNamespace

import service  # Before others take the time from where it is replaced.
import machine
from cloudinit import dmi, importer, subp, url_helper, util

volumes, variables, keys, serves = [], {}, {}, False
# The machine by a name that does not begin with /dev, of which datasources make something.
root = os.path.join(sys.argv[1], "machine")


def below(path):
    return os.path.join(root, path.lstrip("/"))


# --- volumes


def device(volume):
    return "/dev/" + volume["name"]


def has(volume, criterion):
    key, _, wanted = criterion.partition("=")
    names = {"TYPE": "kind", "LABEL": "label", "LABEL_FATBOOT": "label", "UUID": "uuid"}
    if key == "LABEL_FATBOOT" and volume["kind"] != "vfat":
        return False
    return volume[names[key]] == wanted


def find_devs_with(criteria=None, *_, **__):
    return [device(volume) for volume in volumes if criteria is None or has(volume, criteria)]


def mount_cb(path, callback, data=None, *_, **__):
    for volume in volumes:
        if device(volume) == path:
            folder = volume["folder"] + "/"
            return callback(folder) if data is None else callback(folder, data)
    raise util.MountFailedError("no device " + path)


def mounted(device=None, callback=None, data=None, **_):
    return mount_cb(device, callback, data)


def blkid(*_, **__):
    tags = [("TYPE", "kind"), ("LABEL", "label"), ("UUID", "uuid")]
    return {device(v): {"DEVNAME": device(v), **{tag: v[key] for tag, key in tags if v[key]}} for v in volumes}


util.find_devs_with = find_devs_with
util.mount_cb = mounted
util.blkid = blkid
util.mounts = lambda: {}
util.is_partition = lambda path: re.match(r"/dev/([shv]|xv)d[a-z]+\d", path) is not None
util.udevadm_settle = lambda *_, **__: None
util.is_lxd = lambda: False

# --- seeds elsewhere: files of this machine

read_file = url_helper._read_file
url_helper._read_file = lambda path, **kwargs: read_file(below(path), **kwargs)

# --- the hypervisor


def rpctool(program, command):
    name = command[len("info-get ") :]
    if command.startswith("info-set "):
        return ("", "")
    if name not in variables:
        raise subp.ProcessExecutionError(exit_code=1, stderr="No value found")
    return (variables[name], "")


# --- the serial line


class Line:
    """SmartOS's host, or CloudSigma's."""

    timeout = 60

    def __init__(self, *_, **__):
        self.said = b""

    def isOpen(self):
        return True

    def close(self):
        pass

    def flush(self):
        pass

    def write(self, data):
        text = data.decode()
        if text == "<\n\n>":
            self.said += keys["cepko"].encode() + b"\n\x04"
        else:
            self.said += self.answer(text.strip()).encode()

    def read(self, count=1):
        taken, self.said = self.said[:count], self.said[count:]
        return taken

    def readline(self):
        end = self.said.find(b"\n") + 1
        return self.read(end or len(self.said))

    @staticmethod
    def answer(question):
        words = question.split(" ")
        if words[:2] == ["NEGOTIATE", "V2"]:
            return "V2_OK\n"
        if words[0] != "V2":
            return "invalid command\n"
        if words[4] == "KEYS":
            value = "\n".join(key for key in sorted(keys) if not key.startswith("sdc:"))
        else:
            value = keys.get(base64.b64decode(words[5]).decode())
        if value is None:
            body = words[3] + " NOTFOUND"
        else:
            body = (words[3] + " SUCCESS " + base64.b64encode(value.encode()).decode()).rstrip()
        return "V2 %d %08x %s\n" % (len(body), binascii.crc32(body.encode()), body)


sys.modules["serial"] = SimpleNamespace(Serial=Line, SerialException=OSError)


def module(platform):
    found = importer.import_module("cloudinit.sources.DataSource" + platform)
    if platform == "ConfigDrive":
        there = SimpleNamespace(isdir=lambda path: os.path.isdir(moved(path)), join=os.path.join)
        found.os = SimpleNamespace(path=there, sep="/")
        real = ORIGINAL.setdefault(platform, found.read_config_drive)
        found.read_config_drive = lambda path: real(moved(path))
        found.write_injected_files = lambda *_: None
    if platform in ("ConfigDrive", "IBMCloud"):
        ibm = importer.import_module("cloudinit.sources.DataSourceIBMCloud")
        ibm._is_xen = lambda: os.path.exists(below("proc/xen"))
        ibm._is_ibm_provisioning = lambda: False
        ibm._read_system_uuid = lambda: None
    if platform == "OpenNebula":
        found.switch_user_cmd = lambda user: []
    if platform == "AltCloud":
        found.CLOUD_INFO_FILE = below("etc/sysconfig/cloud-info")
        found.modprobe_floppy = lambda: None
    if platform == "VMware":
        found.which = lambda name: "/usr/bin/vmware-rpctool" if name == "vmware-rpctool" else None
        found.exec_vmware_rpctool = rpctool
        found.PRODUCT_UUID_FILE_PATH = below("sys/class/dmi/id/product_uuid")
    if platform == "OVF":
        found.subp = SimpleNamespace(which=lambda name: "/usr/bin/" + name if name == "vmware-rpctool" and variables else None,
                                     ProcessExecutionError=subp.ProcessExecutionError)
        found.exec_vmware_rpctool = lambda program, command: (command, *rpctool(program, command))
    if platform == "SmartOS":
        found.write_boot_content = lambda *_, **__: None
        client = found.JoyentMetadataSerialClient
        client.exists = lambda self: True
        found.fcntl = SimpleNamespace(lockf=lambda *_: None, LOCK_EX=0)
    if platform == "LXD":
        found.DataSourceLXD.ds_detect = staticmethod(lambda: serves)
    if platform == "RbxCloud":
        found.ETC_HOSTS = below("etc/hosts")
    return found


ORIGINAL = {}


def moved(path):
    return below(path) if path == "/config-drive" else path


def result(asked):
    global volumes, variables, keys, serves
    serves = asked["serves"]
    if os.path.lexists(root):
        os.remove(root)
    os.symlink(asked["root"], root)
    volumes, variables, keys = (asked.get(key) or kind for key, kind in [("volumes", []), ("variables", {}), ("keys", {})])
    for name in [name for name in os.environ if name.startswith("VMX_GUESTINFO")]:
        del os.environ[name]
    os.environ.update({name: value for name, value in variables.items() if name.startswith("VMX_")})
    machine.take(root, sys.argv[1], {})
    service.requests_of[0] = 0
    try:
        return machine.found(module(asked["platform"]), asked["platform"])
    except Exception as error:
        return {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}


def main():
    logging.disable(logging.CRITICAL)
    if os.environ.get("FETCH_LOG"):
        logging.disable(logging.NOTSET)
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    for line in sys.stdin:
        answer = json.dumps(result(json.loads(line)), default=lambda _: None)
        for volume in volumes:
            answer = answer.replace(volume["folder"], device(volume))
        print('{"result": %s}' % answer.replace(root + "/", "/"), flush=True)


main()
