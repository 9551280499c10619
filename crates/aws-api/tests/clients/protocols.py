"""CloudWatch's clients, one for each of the protocols that are spoken to it."""

import copy

import botocore.session
from botocore.config import Config
from suite import held

PROTOCOLS = ["json", "smithy-rpc-v2-cbor", "query"]


def speaking(protocol):
    """A client that knows one protocol alone."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def only(name, kind, api_version=None):
        model = load(name, kind, api_version)
        if kind == "service-2":
            model = copy.deepcopy(model)
            model["metadata"].update(protocol=protocol, protocols=[protocol])
        return model

    loader.load_service_model = only
    config = Config(retries={"max_attempts": 0}, parameter_validation=False)
    return held(session.create_client("cloudwatch", config=config))
