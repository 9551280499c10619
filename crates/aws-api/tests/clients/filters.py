"""Filters of EC2: those that the API Reference documents are all known, and what a reply shows of a resource finds it.

A filter's name leads to a member of the reply (`network-interface.attachment.device-index`, to
`NetworkInterfaces[].Attachment.DeviceIndex`); each value that a resource shows there must find it, and a value that
nothing has must find nothing. Needs a lab with instances; what else there is is made here.
"""

import datetime
import os

import botocore
from documented_filters import documented
from suite import check, client, done, held

ec2 = held(client("ec2"))
region = ec2.meta.region_name
tags = lambda kind: [{"ResourceType": kind, "Tags": [{"Key": "Owner", "Value": "suite"}]}]

# Something of every kind.
vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16", AmazonProvidedIpv6CidrBlock=True, TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]
(shown,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
six = shown["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("::/56", "::/64")
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.1.0/24", Ipv6CidrBlock=six)["Subnet"]["SubnetId"]
igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
eip = ec2.allocate_address()
machine = ec2.run_instances(ImageId="ami-0123456789abcdef0", InstanceType="t3.medium", MinCount=1, MaxCount=1, SubnetId=subnet,
                            Ipv6AddressCount=1, IamInstanceProfile={"Name": "ops"}, EbsOptimized=True,
                            TagSpecifications=tags("instance") + tags("network-interface"))["Instances"][0]["InstanceId"]
ec2.associate_address(AllocationId=eip["AllocationId"], InstanceId=machine)
disk = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [machine]}])["Volumes"][0]["VolumeId"]
ec2.modify_volume(VolumeId=disk, Size=20)
ended = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]["InstanceId"]
ec2.stop_instances(InstanceIds=[ended])
ec2.create_egress_only_internet_gateway(VpcId=vpc, TagSpecifications=tags("egress-only-internet-gateway"))
ec2.create_key_pair(KeyName="filters")
ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{region}.s3")
customer = ec2.create_customer_gateway(Type="ipsec.1", PublicIp="198.51.100.7", BgpAsn=65007)["CustomerGateway"]["CustomerGatewayId"]
gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
ec2.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc)
ec2.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=customer, VpnGatewayId=gateway, Options={"StaticRoutesOnly": True})
transit = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=transit, VpcId=vpc, SubnetIds=[subnet])
other = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)
ec2.create_launch_template(LaunchTemplateName="filters", LaunchTemplateData={
    "ImageId": "ami-0123456789abcdef0", "MetadataOptions": {"HttpTokens": "required"}})

ACTIONS = [it for it in os.environ["WIRELAB_ACTIONS"].split() if it.startswith("Describe")]
MORE = {"DescribeLaunchTemplateVersions": {"Versions": ["$Latest"]}, "DescribeInstanceStatus": {"IncludeAllInstances": True}}
# What is shown under another name than the filter's, or not at all, and says something else there.
OTHERWISE = {"DescribeInstances": {"platform"}, "DescribeAvailabilityZones": {"message"}}


def word(text):
    return "".join(it for it in text.lower() if it.isalnum()).removesuffix("s")


def leaves(value, path=()):
    """Each scalar of a reply with the words on the way to it."""
    if isinstance(value, dict):
        for name, it in value.items():
            # A volume of an instance is shown in `Ebs`, which filters leave out.
            yield from leaves(it, path if name == "Ebs" else (*path, word(name)))
    elif isinstance(value, list):
        for it in value:
            yield from leaves(it, path)
    elif value is not None:
        yield path, value


def text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
    return str(value)


def listed(action, **more):
    method = getattr(ec2, botocore.xform_name(action))
    reply = method(**MORE.get(action, {}), **more)
    (member, *_) = [k for k, v in ec2.meta.service_model.operation_model(action).output_shape.members.items() if v.type_name == "list"]
    if member == "Reservations":
        return [it for r in reply[member] for it in r["Instances"]]
    return reply[member]


known = documented(ACTIONS)
file = os.path.join(os.path.dirname(__file__), "../../../control/tests/filters/documented.txt")
with open(file, encoding="utf-8") as lines:
    first, *lines = lines.read().splitlines()
if f"botocore {botocore.__version__} " in first:
    held_there = dict(line.split(": ", 1) for line in lines)
    for action, names in known.items():
        check(held_there.get(action, "").split() == names, f"{file} has not what is documented of {action}: make it anew")

pairs, odd = 0, []


def hold(holds, what):
    check(True, what)
    if not holds:
        odd.append(what)


for action, names in sorted(known.items()):
    wanted = "Filter" if action in ("DescribeNatGateways", "DescribeFlowLogs") else "Filters"
    everything = listed(action)
    if len(everything) > 60:
        everything = everything[:20] + everything[-20:]
    for name in names:
        if name.startswith("tag") or name in OTHERWISE.get(action, ()):
            continue
        way = tuple(word(it) for it in name.split("."))
        values = sorted({text(value) for it in everything for path, value in leaves(it) if path == way})
        for value in values[:3]:
            if not value:
                continue
            try:
                chosen = listed(action, **{wanted: [{"Name": name, "Values": [value]}]})
            except ec2.exceptions.ClientError as error:
                # What is shown and cannot be looked for is a mistake of ours.
                hold(False, f"{action} {name}: {error}")
                break
            fits = [it for it in everything if value in {text(v) for path, v in leaves(it) if path == way}]
            missing = [it for it in fits if it not in chosen]
            hold(chosen and not missing, f"{action} {name}={value}: {len(missing)} of {len(fits)} are not found")
            for it in chosen:
                hold(value in {text(v) for path, v in leaves(it) if path == way}, f"{action} {name}={value}: {it}")
            none = listed(action, **{wanted: [{"Name": name, "Values": ["no-such-value"]}]})
            hold(none == [], f"{action} {name}: {len(none)} have no such value")
            pairs += 1
check(pairs >= 250, f"only {pairs} filters and values")
check(not odd, "\n".join(odd))
done()
