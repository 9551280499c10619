"""What the suites here share: clients of both accounts, and how time passes; checks that are counted, since a suite
that checks nothing passes too; replies held against the public models; refusals."""

import json
import os
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

# The keys of the other account.
PARTNER = {"aws_access_key_id": "210987654321", "aws_secret_access_key": "any"}

checks = 0
succeeded = set()


def client(service, loose=False, settings=None, **keys):
    """A client that tries each call once; a loose one sends what the model does not allow, too."""
    config = Config(retries={"max_attempts": 0}, parameter_validation=not loose, **(settings or {}))
    return boto3.client(service, config=config, **keys)


def time_passes(span):
    """In a sandbox: `15m`."""
    url = os.environ["AWS_ENDPOINT_URL"] + "/_wirelab/advance"
    urllib.request.urlopen(urllib.request.Request(url, data=span.encode(), method="POST")).read()


def trusting(service):
    """The trust policy of a role that a service puts on."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def check(holds, what):
    global checks
    checks += 1
    assert holds, what


def held(client, absent=frozenset()):
    """The client, with each of its replies held against the model: every member has the model's type, and every
    member on the wire is one of the model's. `absent`: what the validator may begin to say all the same."""

    def hold_against_the_model(parsed, model, http_response, **_):
        if http_response.status_code >= 300:
            return
        succeeded.add(model.name)
        if model.output_shape is not None:
            members = {k: v for k, v in parsed.items() if k != "ResponseMetadata"}
            report = ParamValidator().validate(members, model.output_shape).generate_report()
            said = [it for it in report.splitlines() if not it.startswith(tuple(absent))]
            check(not said, f"{model.name}: {report}")
        # botocore does not look for it in CBOR's replies without members.
        sent = http_response.headers.get("x-amzn-requestid")
        check(parsed["ResponseMetadata"].get("RequestId") or sent, f"{model.name} has no request id")

    client.meta.events.register("after-call", hold_against_the_model)
    return client


def modelled(code, method):
    """The HTTP status that the service's model has for an error, if it has one."""
    client = getattr(method, "__self__", None)
    errors = client.meta.service_model.error_shapes if hasattr(client, "meta") else []
    of_model = [it.metadata.get("error", {}) | {"shape": it.name} for it in errors]
    found = [it.get("httpStatusCode") for it in of_model if code in (it["shape"], it.get("code"))]
    return found[0] if found else None


def refused_with(code, status, method, **arguments):
    check(modelled(code, method) in (None, status), f"{code}: the model has another status than {status}")
    try:
        reply = method(**arguments)
    except ClientError as error:
        check(error.response["Error"]["Code"] == code, f"{code} was expected: {error}")
        check(error.response["Error"]["Message"], error)
        check(error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response)
        return
    raise AssertionError(f"{code} was expected: {reply}")


def refused(code, method, **arguments):
    status = {"DryRunOperation": 412, "AuthFailure": 401}.get(code) or modelled(code, method) or 400
    refused_with(code, status, method, **arguments)


def untried():
    """The actions of the endpoint's services of which none has succeeded yet."""
    return set(os.environ["WIRELAB_ACTIONS"].split()) - succeeded


def done():
    print(f"{checks} checks")
