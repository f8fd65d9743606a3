"""Calls the part handlers of the instance's data as cloud-init would: `handlers.py FREQUENCY TAKEN IMAGE`.

FREQUENCY is once-per-instance at the first boot of an instance and always at every other. handlers.json beside
this file lists the parts. The numbers of those that a handler has taken from cloud-init's own handling go to the
file TAKEN, one a line: the shell program `run` leaves these alone. IMAGE is the folder of handlers that the image has
of its own, which are there before the first part.

Exit status: 0 if every handler could be loaded and no call raised an exception, else 1.
"""

import glob
import json
import os
import sys
import traceback
import types

ONCE = "once-per-instance"
ALWAYS = "always"


class Instance:
    """What handlers get as `data`: the facts of the instance, under the names they have in cloud-init."""

    def __init__(self, facts):
        self._facts = facts
        self.launch_index = facts["launch_index"]

    def get_instance_id(self):
        return self._facts["instance_id"]

    def get_hostname(self, fqdn=False, metadata_only=False):
        name = self._facts["hostname"] or "localhost"
        return name if fqdn else name.split(".")[0]

    def get_public_ssh_keys(self):
        return list(self._facts["public_ssh_keys"])


class Failures:
    """Counts what went wrong, and says it."""

    def __init__(self):
        self.count = 0

    def add(self, what):
        self.count += 1
        print("cloudseed: part handler: " + what, file=sys.stderr)
        traceback.print_exc()


class Handlers:
    """The handlers of one document, by the type they are for; a later one replaces an earlier one."""

    def __init__(self, instance, frequency, failures):
        self.instance = instance
        self.frequency = frequency
        self.failures = failures
        self.by_type = {}
        self.begun = []

    def load_image(self, folder):
        """Takes the handlers of the image, in the order of their names."""
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.py"))):
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    text = file.read()
            except OSError:
                self.failures.add("%s cannot be read" % path)
                continue
            self.load(path, path, text)

    def load(self, label, filename, text):
        """Takes a handler. One that cannot be loaded or does not list its types costs itself."""
        module = types.ModuleType("part-handler-%03d" % len(self.begun))
        module.__file__ = filename
        sys.modules[module.__name__] = module
        try:
            # By a name in brackets no traceback looks for a file of which to show lines.
            exec(compile(text, "<%s>" % label, "exec"), module.__dict__)
            module.__dict__.setdefault("frequency", ONCE)
            module.__dict__.setdefault("handler_version", 1)
            self.call(module, {"Content-Type": "__begin__"}, None, None)
            for content_type in module.list_types():
                self.by_type[content_type] = module
            self.begun.append(module)
        except BaseException:
            self.failures.add("%s cannot be used" % label)

    def call(self, module, headers, filename, payload):
        """Calls one handler, if it wants to be called at this frequency."""
        if module.frequency != ALWAYS and not (module.frequency == ONCE == self.frequency):
            return
        try:
            version = int(module.handler_version)
        except (TypeError, ValueError):
            version = 1
        arguments = [self.instance, headers["Content-Type"], filename, payload, self.frequency, headers]
        try:
            if version not in (1, 2, 3):
                raise ValueError("expected handler_version 1, 2 or 3, but found %d" % version)
            module.handle_part(*arguments[: version + 3])
        except BaseException:
            self.failures.add("%s failed with %s" % (module.__file__, filename or headers["Content-Type"]))

    def end(self):
        """Tells each handler that is still in charge of a type that there is no more."""
        for module in list(self.by_type.values()):
            if module in self.begun:
                self.begun.remove(module)
                self.call(module, {"Content-Type": "__end__"}, None, None)


def content(directory, part):
    """The part as handlers get it: text if its type says so, whatever its bytes are."""
    with open(os.path.join(directory, os.pardir, "parts", part["file"]), "rb") as file:
        payload = file.read()
    if part["type"].startswith("text/"):
        return payload.decode("utf-8", "surrogateescape")
    return payload


def headers(part):
    """The headers as a dict: of two of one name the first, and the type without its parameters."""
    first = {}
    for name, value in part["headers"]:
        first.setdefault(name, value)
    first["Content-Type"] = part["type"]
    return first


def main(frequency, taken, image):
    directory = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(directory, "handlers.json"), encoding="utf-8") as file:
        facts = json.load(file)
    failures = Failures()
    numbers = []
    for parts in filter(None, facts["documents"]):
        handlers = Handlers(Instance(facts), frequency, failures)
        handlers.load_image(image)
        for part in parts:
            payload = content(directory, part)
            module = handlers.by_type.get(part["type"])
            if part["type"] == "text/part-handler":
                label = "part %d (%s)" % (part["number"], part["filename"])
                handlers.load(label, part["filename"], payload)
            elif module:
                numbers.append(part["number"])
                handlers.call(module, headers(part), part["filename"], payload)
        handlers.end()
    with open(taken, "w", encoding="utf-8") as file:
        file.writelines("%d\n" % number for number in numbers)
    return 1 if failures.count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
