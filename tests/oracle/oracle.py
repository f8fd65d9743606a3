"""What cloud-init, as an oracle, makes of documents, one JSON object per line.

    oracle.py ROOT FOLDER generate SEED COUNT     documents from the grammar in grammar.py
    oracle.py ROOT FOLDER corpus TESTS            the fixtures below TESTS
    oracle.py ROOT FOLDER merge SEED COUNT        parts of cloud-config from the grammar in merging.py
    oracle.py ROOT FOLDER template SEED COUNT TESTS     the templates among the fixtures, and others from the grammar in templates.py
    oracle.py ROOT FOLDER strict SEED COUNT       YAML from the pieces in strictness.py

ROOT holds cloud-init and its modules, unpacked; FOLDER is scratch space for included files. Each line has the document, what
cloud-init makes of it (`pure`), and what it makes of it with our deliberate deviations built in (`patched`, and the names of those
that made a difference in `deviations`). After each line it waits for one. tests/it/differential.rs compares `patched` with ours. With `merge` a line has the document and
the `merged` cloud-config; with `template` the `rendered` text or the error, and where random numbers start; with
`strict` it says why the document is `refused`, if it is.
"""

import base64
import hashlib
import json
import logging
import os
import shutil
import sys

ROOT, FOLDER = sys.argv[1:3]
sys.path.insert(0, ROOT + "/usr/lib/python3/dist-packages")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from cloudinit import url_helper, user_data, util  # noqa: E402
from cloudinit.filters import launch_index  # noqa: E402

import deviations  # noqa: E402
import grammar  # noqa: E402
import merging  # noqa: E402
import strictness  # noqa: E402
import templates  # noqa: E402

LAUNCH_INDEX = 2
# Headers that belong to the envelope, not to the part.
ENVELOPE = ("content-type", "mime-version", "content-disposition", "launch-index", "content-transfer-encoding")


class Paths:
    """The one folder that the processor asks for: the cache of documents included once."""

    def get_ipath_cur(self, _name=None):
        return os.path.join(FOLDER, "cache")

    def get_cpath(self, _name=None):
        return os.path.join(FOLDER, "cache")

    get_ipath = get_ipath_cur


def no_network(url, **_kwargs):
    raise url_helper.UrlError(OSError("no network here"), url=url)


def described(part):
    payload = util.fully_decoded_payload(part)
    if isinstance(payload, str):
        payload = payload.encode("utf-8", "surrogateescape")
    return {
        "type": part.get_content_type(),
        "filename": part.get_filename(),
        "sha256": hashlib.sha256(payload or b"").hexdigest(),
        "bytes": len(payload or b""),
        "mine": launch_index.Filter(LAUNCH_INDEX)._select(part),
        "headers": [[k, str(v)] for k, v in part.items() if k.lower() not in ENVELOPE],
    }


def outcome(document):
    """The parts, or the exception that would have ended the boot's configuration."""
    shutil.rmtree(os.path.join(FOLDER, "cache"), ignore_errors=True)
    try:
        processor = user_data.UserDataProcessor(Paths())
        message = processor.process(document)
        return [described(part) for part in message._payload or []]
    except Exception as error:
        return {"error": "%s: %s" % (type(error).__name__, str(error)[:200])}


def main():
    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(600)
    os.makedirs(FOLDER, exist_ok=True)
    # As at boot: file://a/b is a relative path to cloud-init.
    os.chdir("/")
    url_helper.readurl = no_network
    if sys.argv[3] == "merge":
        return merge(int(sys.argv[4]), int(sys.argv[5]))
    if sys.argv[3] == "template":
        return template(int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
    if sys.argv[3] == "strict":
        return strict(int(sys.argv[4]), int(sys.argv[5]))
    if sys.argv[3] == "generate":
        documents = grammar.documents(int(sys.argv[4]), int(sys.argv[5]), FOLDER)
    else:
        documents = corpus(sys.argv[4])
    for name, document in documents:
        pure = outcome(document)
        with deviations.built_in() as hits:
            patched = outcome(document)
        line = {
            "name": name,
            "document": base64.b64encode(document).decode(),
            "pure": pure,
            "patched": patched,
            "deviations": sorted(hits),
        }
        print(json.dumps(line), flush=True)
        # The reader may still need the files that this document includes.
        sys.stdin.readline()


def merge(seed, count):
    for name, document in merging.documents(seed, count):
        line = {"name": name, "document": base64.b64encode(document).decode(), "merged": merging.merged(document, FOLDER)}
        print(json.dumps(line), flush=True)
        sys.stdin.readline()


def template(seed, count, fixtures):
    for name, text in templates.templates(seed, count, fixtures):
        document = base64.b64encode(text.encode()).decode()
        print(json.dumps({"name": name, "document": document, "seed": templates.SEED, "rendered": templates.rendered(text)}), flush=True)
        sys.stdin.readline()


def strict(seed, count):
    for number, (document, refused) in enumerate(strictness.documents(seed, count)):
        line = {"name": "strict %d" % number, "document": base64.b64encode(document).decode(), "refused": refused}
        print(json.dumps(line), flush=True)
        sys.stdin.readline()


def corpus(folder):
    """The fixtures; what they include is in their own folder."""
    for name in sorted(os.listdir(folder)):
        fixture = os.path.join(folder, name)
        if not os.path.isdir(fixture):
            continue

        def read(url, **_kwargs):
            path = os.path.join(fixture, "include", url.strip().replace("/", "_"))
            try:
                with open(path, "rb") as file:
                    return url_helper.FileResponse(path, file.read())
            except OSError as error:
                raise url_helper.UrlError(error, code=404, url=url) from error

        user_data.read_file_or_url = read
        with open(os.path.join(fixture, "in"), "rb") as file:
            yield name, file.read()


main()
