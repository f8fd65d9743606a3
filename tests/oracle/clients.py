"""The vendors' own clients, each at the simulated cloud of its vendor: a line for each, and status 1 if one is not served.

    clients.py ROOT     which root's cloud is at the other end of the network: ec2, gce, oracle, akamai, azure

tests/oracle/clients starts it, with the clients of PyPI and npm installed.
"""

import json
import os
import subprocess
import sys

SERVICE = "http://169.254.169.254"


def botocore_fetcher():
    from botocore.utils import IMDSFetcher

    fetcher = IMDSFetcher(timeout=5, num_attempts=3)
    token = fetcher._fetch_metadata_token()
    assert token, "no token"
    region = fetcher._get_request("latest/meta-data/placement/availability-zone", None, token=token)
    return region.text


def ec2_metadata():
    from ec2_metadata import ec2_metadata as found

    return " ".join([found.instance_id, found.region, found.availability_zone, found.private_ipv4, found.mac])


def google_auth():
    import google.auth.transport.requests
    from google.auth.compute_engine import _metadata

    request = google.auth.transport.requests.Request()
    assert _metadata.ping(request), "no answer to a ping"
    tree = _metadata.get(request, "", recursive=True)
    return "%s %s" % (_metadata.get_project_id(request), tree["instance"]["id"])


def gcp_metadata():
    script = "const g = require('gcp-metadata'); (async () => console.log(await g.isAvailable(), String(await g.instance('id'))))()"
    out = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
    available, number = out.stdout.split()
    assert available == "true", out.stdout
    return number


def oci():
    import requests
    from oci.auth.signers import InstancePrincipalsSecurityTokenSigner as Signer

    # Certificates, without which it signs nothing, no machine is given here.
    url = Signer.METADATA_URL_BASE + "/instance/"
    answer = requests.get(url, headers=Signer.METADATA_AUTH_HEADERS, timeout=5)
    answer.raise_for_status()
    return "%s %s" % (answer.json()["canonicalRegionName"], answer.json()["id"])


def linode_metadata():
    from linode_metadata import MetadataClient

    client = MetadataClient(base_url=SERVICE + "/v1", managed_token_expiry_seconds=300)
    instance = client.get_instance()
    return "%s %s" % (instance.id, instance.region)


def azure_core():
    """azure-identity asks for tokens, which no machine is given here: its transport asks what it would ask."""
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest

    request = HttpRequest("GET", SERVICE + "/metadata/instance?api-version=2021-08-01", headers={"Metadata": "true"})
    # The first answer of the simulated service is that it is not there yet.
    with RequestsTransport() as transport:
        responses = [transport.send(request) for _ in range(2)]
    return json.loads(responses[-1].body())["compute"]["vmId"]


CLIENTS = {
    "ec2": [botocore_fetcher, ec2_metadata],
    "gce": [google_auth, gcp_metadata],
    "oracle": [oci],
    "akamai": [linode_metadata],
    "azure": [azure_core],
}


def main():
    root, status = sys.argv[1], 0
    for client in CLIENTS[root]:
        try:
            print("%s: %s: %s" % (root, client.__name__, client()))
        except Exception as error:
            status = 1
            print("%s: %s: expected an answer, but found %s: %s" % (root, client.__name__, type(error).__name__, str(error)[:300]))
    sys.stdout.flush()
    os._exit(status)


main()
