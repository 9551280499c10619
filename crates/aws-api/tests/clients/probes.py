"""What holds of every action of EC2, tried at the first call of each that succeeds: dry runs, what is missing,
ids of nothing, tags at creation, repeated tokens, pages.

A probe is the call that a suite makes anyway, changed in one place. What must be refused is tried before it: had it
an effect, the call itself would fail.
"""

import json
import re

import suite
from botocore.exceptions import ClientError

ID = re.compile(r"(?P<kind>[a-z]+(?:-[a-z]+)*)-[0-9a-f]{17}")

# Resources that are tagged under another name than the action's.
KINDS = {
    "AllocateAddress": "elastic-ip",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
    "CreateDefaultVpc": None,
    "CreateFlowLogs": "vpc-flow-log",
    "CreateManagedPrefixList": "prefix-list",
    "ImportKeyPair": "key-pair",
    "CreateNatGateway": "natgateway",
    "CreateTransitGatewayPeeringAttachment": "transit-gateway-attachment",
    "CreateTransitGatewayVpcAttachment": "transit-gateway-attachment",
    "RunInstances": "instance",
    "StartNetworkInsightsAnalysis": "network-insights-analysis",
}

# Any image will do.
ANY = {("RunInstances", "ImageId")}


class Probes:
    """Stands between a client of EC2 and its calls."""

    def __init__(self, client):
        self.real = client._make_api_call
        self.model = client.meta.service_model
        self.loose = suite.client("ec2", loose=True)
        self.done = set()
        self.odd = []
        client._make_api_call = self.call

    def call(self, name, arguments):
        if name in self.done or arguments.get("DryRun"):
            return self.real(name, arguments)
        shape = self.model.operation_model(name).input_shape
        members = shape.members if shape else {}
        expected = self.refusals(name, arguments, shape) if shape else []
        more = self.given(name, arguments, members)
        reply = self.real(name, {**arguments, **more})
        # It has succeeded: whatever was expected before counts.
        self.done.add(name)
        for what, wanted, came in expected:
            self.hold(re.fullmatch(wanted, came), f"{name} {what}: {came}, not {wanted}")
        if "ClientToken" in more:
            self.repeated(name, {**arguments, **more}, reply)
        if "TagSpecifications" in more:
            self.tagged(name, more["TagSpecifications"][0]["ResourceType"])
        if {"MaxResults", "NextToken"} <= set(members):
            self.paged(name, {**arguments, **more}, members["MaxResults"].metadata)
        return reply

    def hold(self, holds, what):
        suite.checks += 1
        if not holds:
            self.odd.append(what)

    def came(self, name, arguments):
        """Status and code of an answer; the code of what did not succeed inside one."""
        try:
            reply = self.loose._make_api_call(name, arguments)
            return " ".join(["200"] + [it["Error"]["Code"] for it in reply.get("Unsuccessful", [])])
        except ClientError as error:
            return f"{error.response['ResponseMetadata']['HTTPStatusCode']} {error.response['Error']['Code']}"

    def refusals(self, name, arguments, shape):
        """What is refused, and how it came: `(change, wanted, came)`."""
        tried = []
        if "DryRun" in shape.members:
            tried.append(("dry", "412 DryRunOperation", {**arguments, "DryRun": True}))
        for member in shape.required_members:
            if member in arguments:
                without = {k: v for k, v in arguments.items() if k != member}
                tried.append((f"without {member}", "400 MissingParameter", without))
        for member, value in arguments.items():
            listed = value if isinstance(value, list) else [value]
            matches = [ID.fullmatch(it) for it in listed if isinstance(it, str)]
            if member == "ClientToken" or (name, member) in ANY or not matches or not all(matches):
                continue
            for text, wanted in (("0123456789abcdef0", "NotFound"), ("x", "(Malformed|NotFound)")):
                other = f"{matches[0]['kind']}-{text}"
                changed = {**arguments, member: [other] if isinstance(value, list) else other}
                tried.append((f"with {member}={other}", rf"[24]00 \S*{wanted}\S*", changed))
        return [(what, wanted, self.came(name, changed)) for what, wanted, changed in tried]

    def given(self, name, arguments, members):
        """What the call is given beside what the suite gives it."""
        more = {}
        if "ClientToken" in members and "ClientToken" not in arguments:
            more["ClientToken"] = f"probe-{name}"
        if "TagSpecifications" in members and "TagSpecifications" not in arguments:
            kind = re.sub(r"(?<!^)([A-Z])", r"-\1", name.removeprefix("Create")).lower()
            kind = KINDS.get(name, kind)
            if kind:
                tags = [{"Key": f"probe-{name}", "Value": "a"}]
                more["TagSpecifications"] = [{"ResourceType": kind, "Tags": tags}]
        return more

    def repeated(self, name, arguments, reply):
        again = self.loose._make_api_call(name, arguments)
        ids = [ID.findall(json.dumps(it, default=str)) and ID.search(json.dumps(it, default=str))[0]
               for it in (reply, again)]
        self.hold(ids[0] == ids[1], f"{name} repeated: {ids}")
        tags = [{"ResourceType": "vpc", "Tags": [{"Key": "other", "Value": "b"}]}]
        specifications = arguments.get("TagSpecifications")
        if specifications:
            tags[0]["ResourceType"] = specifications[0]["ResourceType"]
            came = self.came(name, {**arguments, "TagSpecifications": tags})
            self.hold(came == "400 IdempotentParameterMismatch", f"{name}, token of another call: {came}")

    def tagged(self, name, kind):
        key = [{"Name": "key", "Values": [f"probe-{name}"]}]
        tags = self.loose.describe_tags(Filters=key)["Tags"]
        self.hold(tags and {it["ResourceType"] for it in tags} == {kind}, f"{name} tagged: {tags}")

    def paged(self, name, arguments, range_):
        given = arguments.items()
        arguments = {k: v for k, v in given if k not in ("MaxResults", "NextToken") and not k.endswith("Ids")}
        output = self.model.operation_model(name).output_shape
        (member, *_) = [k for k, v in output.members.items() if v.type_name == "list"]

        def items(reply):
            return [json.dumps(it, sort_keys=True, default=str) for it in reply[member]]

        everything = items(self.loose._make_api_call(name, arguments))
        size = range_.get("min", 5)
        pages, token = [], {}
        while True:
            came = self.came(name, {**arguments, "MaxResults": max(size, 2), **token})
            if came != "200":
                return self.hold(False, f"{name}, MaxResults={max(size, 2)}: {came}")
            reply = self.loose._make_api_call(name, {**arguments, "MaxResults": max(size, 2), **token})
            pages.append(items(reply))
            if not reply.get("NextToken"):
                break
            token = {"NextToken": reply["NextToken"]}
        self.hold(all(len(page) <= max(size, 2) for page in pages), f"{name}: pages of {[len(it) for it in pages]}")
        self.hold(sum(pages, []) == everything, f"{name}: pages have {sum(map(len, pages))} of {len(everything)}")
        if range_.get("min", 1) > 1:
            came = self.came(name, {**arguments, "MaxResults": size - 1})
            self.hold(came == "400 InvalidParameterValue", f"{name}, MaxResults={size - 1}: {came}")
        came = self.came(name, {**arguments, "MaxResults": max(size, 2), "NextToken": "nonsense"})
        self.hold(came in ("400 InvalidPaginationToken", "400 InvalidNextToken"), f"{name}, a token of nobody: {came}")
