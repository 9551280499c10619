"""Inputs drawn from the public models: whatever they allow gets an answer that the model allows.

The draws are seeded, so that a failure can be repeated.
"""

import random

import botocore
from suite import client

WORDS = ["", "x", "*", "a b", "10.0.0.0/8", "10.99.0.0/16", "::/0", "fe80::1", "-1", "tcp", "6", "65536",
         "us-east-1a", "\u00fc\u4e16", "<&>\"'", "arn:aws:iam::123456789012:role/x", "a" * 300, "available"]

ec2 = client("ec2", loose=True)
model = ec2.meta.service_model


def known_ids():
    ids = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
    ids += [it["SubnetId"] for it in ec2.describe_subnets()["Subnets"]]
    ids += [it["GroupId"] for it in ec2.describe_security_groups()["SecurityGroups"]]
    ids += [it["NetworkAclId"] for it in ec2.describe_network_acls()["NetworkAcls"]]
    ids += [it["RouteTableId"] for it in ec2.describe_route_tables()["RouteTables"]]
    ids += [it["NetworkInterfaceId"] for it in ec2.describe_network_interfaces()["NetworkInterfaces"]]
    return ids


class Draws:
    """Values for shapes."""

    def __init__(self, seed, ids):
        self.random = random.Random(seed)
        self.ids = ids

    def value(self, shape, depth=0):
        kind = shape.type_name
        if kind == "structure":
            members = {}
            for name, member in shape.members.items():
                wanted = name in shape.required_members or self.random.random() < 0.4
                if wanted and depth < 5 and self.random.random() < 0.95:
                    members[name] = self.value(member, depth + 1)
            # Nothing here waits for anything, or makes the world larger than it must be.
            for name in ("MaxCount", "MinCount"):
                if name in members:
                    members[name] = self.random.choice([0, 1, 2])
            return members
        if kind == "list":
            return [self.value(shape.member, depth + 1) for _ in range(self.random.randint(0, 2))]
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind in ("integer", "long"):
            return self.random.choice([0, 1, -1, 5, 22, 100, 1000, 32767, 65535, 2**31 - 1])
        if kind == "timestamp":
            return "2024-03-05T00:00:00Z"
        if kind == "blob":
            return b"octets"
        enum = shape.metadata.get("enum")
        if enum and self.random.random() < 0.8:
            return self.random.choice(enum)
        if shape.name.lower().endswith("id") and self.random.random() < 0.8:
            return self.random.choice(self.ids)
        return self.random.choice(WORDS + self.ids)


def simulated():
    """The actions that exist: the others are told by their error."""
    names = []
    for name in model.operation_names:
        if not name.startswith(("Describe", "Get", "Search")):
            continue
        try:
            method = getattr(ec2, botocore.xform_name(name))
            method()
            names.append(name)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "InvalidAction":
                names.append(name)
    return names


checks = 0


def answered(name, arguments):
    """The call is answered or refused, and the answer is what the model says."""
    global checks
    operation = model.operation_model(name)
    try:
        ec2._make_api_call(name, arguments)
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert code not in ("InternalError", "SessionError"), (name, arguments, error)
        assert 400 <= status < 500, (name, arguments, status)
    checks += 1
    return operation


CHANGING = """AllocateAddress AssignPrivateIpAddresses AssociateAddress AssociateRouteTable AttachInternetGateway
AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateDhcpOptions CreateFlowLogs CreateInternetGateway
CreateManagedPrefixList CreateNatGateway CreateNetworkAcl CreateNetworkAclEntry CreateNetworkInterface CreateRoute
CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags CreateTransitGateway CreateVpc CreateVpcEndpoint
CreateVpcPeeringConnection CreateVpnConnection DeleteNetworkAclEntry DeleteRoute DeleteSecurityGroup DeleteTags
ModifyNetworkInterfaceAttribute ModifySecurityGroupRules ModifySubnetAttribute ModifyVpcAttribute
ReplaceNetworkAclEntry ReplaceRoute RevokeSecurityGroupIngress RunInstances StopInstances""".split()

ids = known_ids()
reading = simulated()
assert len(reading) >= 40, reading
for seed, name in enumerate(reading * 3):
    answered(name, Draws(seed, ids).value(model.operation_model(name).input_shape))
for seed, name in enumerate(CHANGING * 5):
    answered(name, Draws(seed, ids).value(model.operation_model(name).input_shape))
print(f"{checks} checks")
