"""Every action, as boto3 sees it: made, found by filters, changed, removed; refused where it must be.

Each reply is held against the public model; at the end every simulated action must have succeeded
once. Checks are counted, since a suite that checks nothing passes too.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from datetime import datetime

from botocore.exceptions import ClientError
from probes import Probes
from suite import check, client, done, held, refused, untried

try:
    from cryptography.hazmat.primitives import serialization
except ImportError:
    serialization = None

ec2 = held(client("ec2"))
probes = Probes(ec2)
sts = held(client("sts"))
region = ec2.meta.region_name


def by(name, *values):
    return [{"Name": name, "Values": list(values)}]


def tags(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}, {"Key": "suite", "Value": "yes"}]}]


def found(describe, member, key, one, filters=(), **ids):
    """`one` is found by its id, by each filter and by its tag where it has one; alone, by its id."""
    listed = describe(**ids)[member]
    check([it[key] for it in listed] == [one], f"{ids}: {listed}")
    wanted = "Filter" if describe.__name__ in ("describe_nat_gateways", "describe_flow_logs") else "Filters"
    for name, value in filters:
        listed = describe(**{wanted: by(name, value)})[member]
        check(one in [it[key] for it in listed], f"{name}={value}: {listed}")
        listed = describe(**{wanted: by(name, "no-such-value")})[member]
        check(one not in [it[key] for it in listed], f"{name}: {listed}")
    refused("InvalidParameterValue", describe, **{wanted: by("no-such-filter", "x")})
    action = ec2.meta.method_to_api_mapping[describe.__name__]
    if "DryRun" in ec2.meta.service_model.operation_model(action).input_shape.members:
        refused("DryRunOperation", describe, DryRun=True)


def identity():
    who = sts.get_caller_identity()
    check(who["Arn"] == f"arn:aws:iam::{who['Account']}:user/learner", who)
    check(who["UserId"].startswith("AIDA") and len(who["UserId"]) == 21, who)
    key = os.environ["AWS_ACCESS_KEY_ID"]
    check(sts.get_access_key_info(AccessKeyId=key)["Account"] == who["Account"], key)
    lent = sts.get_session_token()["Credentials"]
    # Nobody is refused for want of permission, so nothing was encoded.
    refused("InvalidAuthorizationMessageException", sts.decode_authorization_message, EncodedMessage="x")
    role = sts.assume_role(RoleArn=f"arn:aws:iam::{who['Account']}:role/path/ops", RoleSessionName="me")
    check(role["AssumedRoleUser"]["Arn"].endswith(":assumed-role/ops/me"), role)
    for credentials, arn in ((lent, who["Arn"]), (role["Credentials"], role["AssumedRoleUser"]["Arn"])):
        as_other = client(
            "sts",
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
        check(as_other.get_caller_identity()["Arn"] == arn, arn)
    for key, token in (("AKIAIOSFODNN7EXAMPLE", None), (lent["AccessKeyId"], None), (lent["AccessKeyId"], "x")):
        other = client("ec2", aws_access_key_id=key, aws_secret_access_key="x", aws_session_token=token)
        refused("AuthFailure", other.describe_vpcs)
    try:
        sts.assume_role(RoleArn="arn:aws:iam::000000000000:role/ops", RoleSessionName="me")
        raise AssertionError("a role of another world was assumed")
    except ClientError as error:
        check(error.response["Error"]["Code"] == "AccessDenied", error)
        check(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error)
    return who["Account"]


account = identity()

# Regions, zones, attributes.
found(ec2.describe_regions, "Regions", "RegionName", region, RegionNames=[region], filters=[
    ("region-name", region), ("endpoint", f"*{region}*")])
attributes = {it["AttributeName"]: it["AttributeValues"][0]["AttributeValue"]
              for it in ec2.describe_account_attributes()["AccountAttributes"]}
check(attributes["supported-platforms"] == "VPC" and int(attributes["max-elastic-ips"]) >= 5, attributes)
check(len(ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]) == 1, attributes)
zones = [it["ZoneName"] for it in ec2.describe_availability_zones()["AvailabilityZones"]]
check(len(zones) >= 2 and all(zone.startswith(region) for zone in zones), zones)

# VPC.
vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16", AmazonProvidedIpv6CidrBlock=True,
                     TagSpecifications=tags("vpc", "suite"))["Vpc"]["VpcId"]
ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
found(ec2.describe_vpcs, "Vpcs", "VpcId", vpc, VpcIds=[vpc], filters=[
    ("vpc-id", vpc), ("cidr", "10.99.0.0/16"), ("tag:Name", "suite"), ("tag:Name", "su*"), ("tag:Name", "s?ite"),
    ("tag-key", "suite")])
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
attribute = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
check(attribute["EnableDnsHostnames"] == {"Value": True}, attribute)
more = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.98.0.0/16")["CidrBlockAssociation"]["AssociationId"]
ec2.disassociate_vpc_cidr_block(AssociationId=more)
refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="many")
refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"])
refused("InvalidVpcID.Malformed", ec2.describe_vpcs, VpcIds=["vpc-x"])
refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.97.0.0/16", DryRun=True)
check(not ec2.describe_vpcs(Filters=by("cidr", "10.97.0.0/16"))["Vpcs"], "a dry run made something")
block6 = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]

# Subnets.
subnets = []
for number in range(3):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{number}.0/24", AvailabilityZone=zones[number % 2],
                               TagSpecifications=tags("subnet", f"suite-{number}"))["Subnet"]
    check(subnet["AvailableIpAddressCount"] == 251, subnet)
    subnets.append(subnet["SubnetId"])
ec2.get_waiter("subnet_available").wait(SubnetIds=subnets)
found(ec2.describe_subnets, "Subnets", "SubnetId", subnets[1], SubnetIds=[subnets[1]], filters=[
    ("vpc-id", vpc), ("cidr-block", "10.99.1.0/24"), ("availability-zone", zones[1]), ("tag:Name", "suite-1")])
pages = list(ec2.get_paginator("describe_subnets").paginate(Filters=by("vpc-id", vpc),
                                                            PaginationConfig={"PageSize": 5}))
check(sum(len(page["Subnets"]) for page in pages) == 3, pages)
loose = client("ec2", loose=True)
refused("InvalidParameterValue", loose.describe_subnets, MaxResults=2)
refused("InvalidPaginationToken", ec2.describe_subnets, NextToken="nonsense", MaxResults=5)
ec2.modify_subnet_attribute(SubnetId=subnets[0], MapPublicIpOnLaunch={"Value": True})
check(ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"][0]["MapPublicIpOnLaunch"] is True, "public")
six = ec2.associate_subnet_cidr_block(SubnetId=subnets[2], Ipv6CidrBlock=block6.replace("::/56", "::/64"))
ec2.disassociate_subnet_cidr_block(AssociationId=six["Ipv6CidrBlockAssociation"]["AssociationId"])
ec2.associate_subnet_cidr_block(SubnetId=subnets[0], Ipv6CidrBlock=block6.replace("::/56", "::/64"))
refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.99.0.0/25")
refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24")

# Internet gateways.
igw = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway", "suite"))
igw = igw["InternetGateway"]["InternetGatewayId"]
ec2.get_waiter("internet_gateway_exists").wait(InternetGatewayIds=[igw])
ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
found(ec2.describe_internet_gateways, "InternetGateways", "InternetGatewayId", igw, InternetGatewayIds=[igw],
      filters=[("attachment.vpc-id", vpc), ("tag:Name", "suite")])
refused("Resource.AlreadyAssociated", ec2.attach_internet_gateway, InternetGatewayId=igw, VpcId=vpc)
eigw = ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]
eigw = eigw["EgressOnlyInternetGatewayId"]
listed = ec2.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=[eigw])
check(listed["EgressOnlyInternetGateways"][0]["Attachments"][0]["VpcId"] == vpc, listed)

# Route tables and routes.
table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table", "suite"))["RouteTable"]["RouteTableId"]
other_table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=eigw)
association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
association = ec2.replace_route_table_association(AssociationId=association, RouteTableId=other_table)
association = association["NewAssociationId"]
association = ec2.replace_route_table_association(AssociationId=association, RouteTableId=table)["NewAssociationId"]
found(ec2.describe_route_tables, "RouteTables", "RouteTableId", table, RouteTableIds=[table], filters=[
    ("vpc-id", vpc), ("association.subnet-id", subnets[0]), ("route.gateway-id", igw),
    ("route.destination-cidr-block", "0.0.0.0/0"), ("tag:Name", "suite")])
routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
check({route.get("GatewayId") for route in routes} >= {"local", igw}, routes)
check(all(route["State"] == "active" for route in routes), routes)
refused("RouteAlreadyExists", ec2.create_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
refused("InvalidRoute.NotFound", ec2.delete_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24")
refused("InvalidRouteTableID.NotFound", ec2.describe_route_tables, RouteTableIds=["rtb-0123456789abcdef0"])
refused("UnsupportedOperation", ec2.create_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24",
        CarrierGatewayId="cagw-0123456789abcdef0")

# Network ACLs.
acl = ec2.create_network_acl(VpcId=vpc, TagSpecifications=tags("network-acl", "suite"))["NetworkAcl"]["NetworkAclId"]
entry = dict(NetworkAclId=acl, RuleNumber=100, Protocol="6", RuleAction="allow", Egress=False, CidrBlock="0.0.0.0/0",
             PortRange={"From": 443, "To": 443})
ec2.create_network_acl_entry(**entry)
refused("NetworkAclEntryAlreadyExists", ec2.create_network_acl_entry, **entry)
ec2.replace_network_acl_entry(**{**entry, "RuleAction": "deny", "Protocol": "tcp"})
ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=110, Protocol="1", RuleAction="allow", Egress=True,
                             CidrBlock="10.0.0.0/8", IcmpTypeCode={"Type": 3, "Code": 4})
shown = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
mine = {it["RuleNumber"]: it for it in shown if it["RuleNumber"] < 32767}
check(mine[100]["RuleAction"] == "deny" and mine[100]["PortRange"] == {"From": 443, "To": 443}, shown)
check(mine[100]["Protocol"] == "6" and mine[100]["Egress"] is False, shown)
check(mine[110]["IcmpTypeCode"] == {"Type": 3, "Code": 4}, shown)
default = ec2.describe_network_acls(Filters=by("association.subnet-id", subnets[1]))["NetworkAcls"][0]
association_of = {it["SubnetId"]: it["NetworkAclAssociationId"] for it in default["Associations"]}
ec2.replace_network_acl_association(AssociationId=association_of[subnets[1]], NetworkAclId=acl)
found(ec2.describe_network_acls, "NetworkAcls", "NetworkAclId", acl, NetworkAclIds=[acl], filters=[
    ("vpc-id", vpc), ("association.subnet-id", subnets[1]), ("tag:Name", "suite"), ("entry.rule-number", "110")])
ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=110, Egress=True)
refused("InvalidNetworkAclEntry.NotFound", ec2.delete_network_acl_entry, NetworkAclId=acl, RuleNumber=110, Egress=True)
refused("DependencyViolation", ec2.delete_network_acl, NetworkAclId=acl)

# Security groups.
group = ec2.create_security_group(GroupName="suite", Description="of the suite", VpcId=vpc,
                                  TagSpecifications=tags("security-group", "suite"))["GroupId"]
ec2.get_waiter("security_group_exists").wait(GroupIds=[group])
web = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
    {**web, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}],
     "UserIdGroupPairs": [{"GroupId": group}], "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}])
rules = [it["SecurityGroupRuleId"] for it in made["SecurityGroupRules"]]
check(made["Return"] is True and len(rules) == 3, made)
ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="192.0.2.0/24")
ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[{**web, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}])
refused("InvalidPermission.Duplicate", ec2.authorize_security_group_egress, GroupId=group,
        IpPermissions=[{**web, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}])
shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
check(shown["Description"] == "of the suite" and shown["OwnerId"] == account, shown)
open_ports = {(it["FromPort"], it["ToPort"]) for it in shown["IpPermissions"]}
check(open_ports == {(443, 443), (22, 22)}, shown)
found(ec2.describe_security_groups, "SecurityGroups", "GroupId", group, GroupIds=[group], filters=[
    ("group-name", "suite"), ("vpc-id", vpc), ("ip-permission.cidr", "192.0.2.0/24"), ("tag:suite", "yes"),
    ("ip-permission.from-port", "22"), ("description", "of*")])
listed = ec2.describe_security_group_rules(Filters=by("group-id", group))["SecurityGroupRules"]
check(len(listed) == 7 and sum(it["IsEgress"] for it in listed) == 3, listed)
found(ec2.describe_security_group_rules, "SecurityGroupRules", "SecurityGroupRuleId", rules[0],
      SecurityGroupRuleIds=rules[:1], filters=[("group-id", group)])
refused("InvalidSecurityGroupRuleId.NotFound", ec2.describe_security_group_rules,
        SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
cidr_rule = [it for it in listed if it.get("CidrIpv4") == "10.0.0.0/8"][0]["SecurityGroupRuleId"]
ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": cidr_rule,
    "SecurityGroupRule": {**web, "CidrIpv4": "10.1.0.0/16", "Description": "narrower"}}])
shown = ec2.describe_security_group_rules(SecurityGroupRuleIds=[cidr_rule])["SecurityGroupRules"][0]
check(shown["CidrIpv4"] == "10.1.0.0/16" and shown["Description"] == "narrower", shown)
ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=[
    {**web, "IpRanges": [{"CidrIp": "10.1.0.0/16", "Description": "again"}]}])
ec2.update_security_group_rule_descriptions_egress(GroupId=group, IpPermissions=[
    {**web, "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "out"}]}])
ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{**web, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}])
ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[cidr_rule])
refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=group,
        IpPermissions=[{**web, "FromPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName="suite", Description="x", VpcId=vpc)
ec2.describe_security_group_references(GroupId=[group])
ec2.describe_stale_security_groups(VpcId=vpc)

# Tags.
ec2.create_tags(Resources=[vpc, group], Tags=[{"Key": "team", "Value": "net & <ops>"}, {"Key": "empty", "Value": ""}])
listed = ec2.describe_tags(Filters=by("key", "team"))["Tags"]
check({it["ResourceId"] for it in listed} == {vpc, group}, listed)
check({it["Value"] for it in listed} == {"net & <ops>"}, listed)
ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "team"}])
check(len(ec2.describe_tags(Filters=by("key", "team"))["Tags"]) == 1, "a tag was deleted")
refused("InvalidID", ec2.create_tags, Resources=["thing-1"], Tags=[{"Key": "a", "Value": "b"}])

# Addresses, NAT gateways.
eips = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(3)]
listed = ec2.describe_addresses(AllocationIds=eips[:1])["Addresses"]
named = ec2.describe_addresses_attribute(AllocationIds=eips[:1], Attribute="domain-name")["Addresses"]
check([it["PublicIp"] for it in named] == [listed[0]["PublicIp"]] and "PtrRecord" not in named[0], named)
check(listed[0]["Domain"] == "vpc" and "AssociationId" not in listed[0], listed)
nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=eips[0], TagSpecifications=tags("natgateway", "suite"))
check(nat["NatGateway"]["State"] == "pending", nat)
nat = nat["NatGateway"]["NatGatewayId"]
ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat])
found(ec2.describe_nat_gateways, "NatGateways", "NatGatewayId", nat, NatGatewayIds=[nat], filters=[
    ("vpc-id", vpc), ("subnet-id", subnets[0]), ("state", "available"), ("tag:Name", "suite")])
ec2.create_route(RouteTableId=other_table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
ec2.replace_route(RouteTableId=other_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
ec2.delete_route(RouteTableId=other_table, DestinationCidrBlock="0.0.0.0/0")
ec2.associate_nat_gateway_address(NatGatewayId=nat, AllocationIds=[eips[1]])
second = ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["NatGatewayAddresses"]
second = [it["AssociationId"] for it in second if it["AllocationId"] == eips[1]]
ec2.disassociate_nat_gateway_address(NatGatewayId=nat, AssociationIds=second)
private = ec2.create_nat_gateway(SubnetId=subnets[1], ConnectivityType="private")["NatGateway"]["NatGatewayId"]
ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[private])
ec2.assign_private_nat_gateway_address(NatGatewayId=private, PrivateIpAddresses=["10.99.1.77"])
ec2.unassign_private_nat_gateway_address(NatGatewayId=private, PrivateIpAddresses=["10.99.1.77"])
once = dict(SubnetId=subnets[1], ConnectivityType="private", ClientToken="once")
twice = [ec2.create_nat_gateway(**once)["NatGateway"]["NatGatewayId"] for _ in range(2)]
check(twice[0] == twice[1], twice)
refused("IdempotentParameterMismatch", ec2.create_nat_gateway, **{**once, "SubnetId": subnets[2]})

# Interfaces and instances.
eni = ec2.create_network_interface(SubnetId=subnets[0], Groups=[group], Description="suite",
                                   PrivateIpAddress="10.99.0.50")["NetworkInterface"]["NetworkInterfaceId"]
ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[eni])
found(ec2.describe_network_interfaces, "NetworkInterfaces", "NetworkInterfaceId", eni, NetworkInterfaceIds=[eni],
      filters=[("subnet-id", subnets[0]), ("group-id", group), ("private-ip-address", "10.99.0.50"),
               ("status", "available"), ("addresses.private-ip-address", "10.99.0.5*")])
ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=["10.99.0.51"])
ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=["10.99.0.51"])
six = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6AddressCount=1)["AssignedIpv6Addresses"]
ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=six)
ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": False})
shown = ec2.describe_network_interface_attribute(NetworkInterfaceId=eni, Attribute="sourceDestCheck")
check(shown["SourceDestCheck"] == {"Value": False}, shown)
ec2.reset_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck="value")
shown = ec2.describe_network_interface_attribute(NetworkInterfaceId=eni, Attribute="sourceDestCheck")
check(shown["SourceDestCheck"] == {"Value": True}, shown)
refused("MissingParameter", ec2.reset_network_interface_attribute, NetworkInterfaceId=eni)
kind = ec2.describe_instance_types(InstanceTypes=["t3.small"])["InstanceTypes"][0]
check(kind["BurstablePerformanceSupported"] and kind["Hypervisor"] == "nitro", kind)
check(kind["VCpuInfo"] == {"DefaultVCpus": 2, "DefaultCores": 1, "DefaultThreadsPerCore": 2,
                          "ValidThreadsPerCore": [1, 2]}, kind)
check(kind["MemoryInfo"] == {"SizeInMiB": 2048}, kind)
check(kind["NetworkInfo"] == {
    "NetworkPerformance": "Up to 5 Gigabit", "MaximumNetworkInterfaces": 3, "MaximumNetworkCards": 1, "DefaultNetworkCardIndex": 0,
    "NetworkCards": [{"NetworkCardIndex": 0, "NetworkPerformance": "Up to 5 Gigabit", "MaximumNetworkInterfaces": 3,
                      "BaselineBandwidthInGbps": 0.128, "PeakBandwidthInGbps": 5.0}],
    "Ipv4AddressesPerInterface": 4, "Ipv6AddressesPerInterface": 4, "Ipv6Supported": True, "EnaSupport": "required",
    "EncryptionInTransitSupported": False}, kind)
old = ec2.describe_instance_types(InstanceTypes=["t2.micro"])["InstanceTypes"][0]["NetworkInfo"]
check((old["NetworkPerformance"], old["EnaSupport"]) == ("Low to Moderate", "unsupported"), old)
sealed = ec2.describe_instance_types(Filters=by("network-info.encryption-in-transit-supported", "true")
                                     + by("instance-type", "m5.large", "m6i.large", "m8a.large"))["InstanceTypes"]
check({it["InstanceType"]: it["NetworkInfo"]["Ipv4AddressesPerInterface"] for it in sealed}
      == {"m6i.large": 10, "m8a.large": 20}, sealed)
big = ec2.describe_instance_types(Filters=by("memory-info.size-in-mib", "65536") + by("instance-storage-supported", "true")
                                  + by("vcpu-info.default-cores", "8") + by("current-generation", "true"))["InstanceTypes"]
check({it["InstanceType"] for it in big} >= {"m5d.4xlarge", "m6id.4xlarge"}, big)
check(all(it["MemoryInfo"]["SizeInMiB"] == 65536 and it["VCpuInfo"]["DefaultCores"] == 8 for it in big), big)
offered = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=by("instance-type", "t3.*"))
offered = {(it["InstanceType"], it["Location"]) for it in offered["InstanceTypeOfferings"]}
check({it[1] for it in offered} == set(zones) and ("t3.small", zones[0]) in offered, offered)
ids = [it["ZoneId"] for it in ec2.describe_availability_zones()["AvailabilityZones"]]
offered = ec2.describe_instance_type_offerings(LocationType="availability-zone-id", Filters=by("location", ids[0]))
check({(it["LocationType"], it["Location"]) for it in offered["InstanceTypeOfferings"]} == {("availability-zone-id", ids[0])}, offered)
offered = ec2.describe_instance_type_offerings(Filters=by("instance-type", "m5.large"))["InstanceTypeOfferings"]
check(offered == [{"InstanceType": "m5.large", "LocationType": "region", "Location": region}], offered)
check(ec2.describe_instance_type_offerings(LocationType="outpost")["InstanceTypeOfferings"] == [], "no Outposts")
refused("InvalidParameterValue", ec2.describe_instance_type_offerings, Filters=by("zone", "x"))
arm = ec2.describe_instance_types(Filters=[{"Name": "processor-info.supported-architecture", "Values": ["arm64"]},
                                           {"Name": "instance-type", "Values": ["m7g.*"]}])["InstanceTypes"]
check(arm and all(it["InstanceType"].startswith("m7g.") for it in arm), arm)
pages = list(ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 100}))
check(len(pages) > 1 and all(len(it["InstanceTypes"]) <= 100 for it in pages), len(pages))
refused("InvalidParameterValue", ec2.describe_instance_types, InstanceTypes=["t3.smal"])
run = ec2.run_instances(ImageId="ami-0123456789abcdef0", InstanceType="t3.small", MinCount=2, MaxCount=2,
                        SubnetId=subnets[0], SecurityGroupIds=[group], TagSpecifications=tags("instance", "suite"))
check([it["State"]["Name"] for it in run["Instances"]] == ["pending"] * 2, run)
machines = [it["InstanceId"] for it in run["Instances"]]
credits = ec2.describe_instance_credit_specifications(InstanceIds=machines)["InstanceCreditSpecifications"]
check([it["CpuCredits"] for it in credits] == ["unlimited"] * 2, credits)
credits = ec2.describe_instance_credit_specifications()["InstanceCreditSpecifications"]
check({it["InstanceId"] for it in credits} >= set(machines), credits)
ec2.get_waiter("instance_running").wait(InstanceIds=machines)
ec2.get_waiter("instance_status_ok").wait(InstanceIds=machines)
listed = ec2.describe_instances(Filters=by("tag:Name", "suite"))["Reservations"]
check(sorted(it["InstanceId"] for r in listed for it in r["Instances"]) == sorted(machines), listed)
check(ec2.describe_instance_status(InstanceIds=machines)["InstanceStatuses"][0]["SystemStatus"]["Status"] == "ok", "ok")
ec2.modify_instance_attribute(InstanceId=machines[0], SourceDestCheck={"Value": False})
shown = ec2.describe_instance_attribute(InstanceId=machines[0], Attribute="sourceDestCheck")
check(shown["SourceDestCheck"] == {"Value": False}, shown)
shown = ec2.modify_instance_metadata_options(InstanceId=machines[0], HttpPutResponseHopLimit=2, HttpTokens="required")
check(shown["InstanceMetadataOptions"]["HttpPutResponseHopLimit"] == 2, shown)
attached = ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=machines[0], DeviceIndex=1)["AttachmentId"]
refused("InvalidNetworkInterface.InUse", ec2.delete_network_interface, NetworkInterfaceId=eni)
ec2.detach_network_interface(AttachmentId=attached)
primary = ec2.describe_instances(InstanceIds=machines[:1])["Reservations"][0]["Instances"][0]
check({"ClientToken", "CpuOptions", "EbsOptimized", "EnaSupport", "PlatformDetails", "PrivateDnsNameOptions",
       "RootDeviceName", "StateTransitionReason", "UsageOperation"} <= set(primary), primary)
# What is as it always is here may be said.
check(ec2.monitor_instances(InstanceIds=machines[:1])["InstanceMonitorings"][0]["Monitoring"]["State"] == "pending", "on")
check(ec2.unmonitor_instances(InstanceIds=machines[:1])["InstanceMonitorings"][0]["InstanceId"] == machines[0], "off")
ec2.modify_subnet_attribute(SubnetId=subnets[0], EnableDns64={"Value": False})
ec2.modify_subnet_attribute(SubnetId=subnets[0], PrivateDnsHostnameTypeOnLaunch="ip-name")
refused("UnsupportedOperation", ec2.modify_subnet_attribute, SubnetId=subnets[0], EnableDns64={"Value": True})
ec2.modify_vpc_attribute(VpcId=vpc, EnableNetworkAddressUsageMetrics={"Value": False})
mappings = primary["BlockDeviceMappings"]
volume = mappings[0]["Ebs"]["VolumeId"]
found(ec2.describe_volumes, "Volumes", "VolumeId", volume, VolumeIds=[volume], filters=[
    ("attachment.instance-id", machines[0]), ("volume-id", volume), ("status", "in-use")])
refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=["vol-0123456789abcdef0"])
refused("VolumeInUse", ec2.delete_volume, VolumeId=volume)
refused("InvalidVolumeModification.NotFound", ec2.describe_volumes_modifications, VolumeIds=[volume])
modified = ec2.modify_volume(VolumeId=volume, Size=30, Throughput=200, MultiAttachEnabled=False)["VolumeModification"]
check((modified["ModificationState"], modified["OriginalSize"], modified["TargetSize"], modified["TargetIops"],
       modified["TargetThroughput"], modified["Progress"]) == ("modifying", 8, 30, 3000, 200, 0), modified)
check(ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 30, "its size is there in seconds")
found(ec2.describe_volumes_modifications, "VolumesModifications", "VolumeId", volume, VolumeIds=[volume], filters=[
    ("modification-state", "optimizing"), ("original-size", "8"), ("target-size", "30"), ("target-volume-type", "gp3"),
    ("originalMultiAttachEnabled", "false"), ("volume-id", volume)])
refused("IncorrectModificationState", ec2.modify_volume, VolumeId=volume, Size=31)
refused("UnsupportedOperation", ec2.modify_volume, VolumeId=volume, MultiAttachEnabled=True)

# An instance profile comes, is replaced and goes.
associated = ec2.associate_iam_instance_profile(InstanceId=machines[0], IamInstanceProfile={"Name": "ops"})["IamInstanceProfileAssociation"]
check(associated["State"] == "associating" and associated["IamInstanceProfile"]["Arn"].endswith(":instance-profile/ops"), associated)
profile = ec2.describe_instances(InstanceIds=machines[:1])["Reservations"][0]["Instances"][0]["IamInstanceProfile"]
check(profile == associated["IamInstanceProfile"] and profile["Id"].startswith("AIPA") and len(profile["Id"]) == 21, profile)
refused("IncorrectState", ec2.associate_iam_instance_profile, InstanceId=machines[0], IamInstanceProfile={"Name": "ops"})
found(ec2.describe_iam_instance_profile_associations, "IamInstanceProfileAssociations", "AssociationId",
      associated["AssociationId"], AssociationIds=[associated["AssociationId"]],
      filters=[("instance-id", machines[0]), ("state", "associated")])
replaced = ec2.replace_iam_instance_profile_association(
    AssociationId=associated["AssociationId"], IamInstanceProfile={"Name": "web"})["IamInstanceProfileAssociation"]
check(replaced["State"] == "associating" and replaced["AssociationId"] != associated["AssociationId"], replaced)
refused("InvalidAssociationID.NotFound", ec2.disassociate_iam_instance_profile, AssociationId=associated["AssociationId"])
gone = ec2.disassociate_iam_instance_profile(AssociationId=replaced["AssociationId"])["IamInstanceProfileAssociation"]
check(gone["State"] == "disassociating" and gone["IamInstanceProfile"] == replaced["IamInstanceProfile"], gone)
refused("InvalidAssociationID.NotFound", ec2.describe_iam_instance_profile_associations, AssociationIds=[gone["AssociationId"]])
refused("MissingParameter", loose.run_instances, MinCount=1, MaxCount=1, SubnetId=subnets[0])
refused("MissingParameter", loose.run_instances, ImageId="ami-1", SubnetId=subnets[0])
primary = primary["NetworkInterfaces"][0]["NetworkInterfaceId"]
tied = ec2.associate_address(AllocationId=eips[1], NetworkInterfaceId=primary)["AssociationId"]
ec2.disassociate_address(AssociationId=tied)
ec2.reboot_instances(InstanceIds=machines)
check({it["InstanceState"]["Name"] for it in ec2.describe_instance_status(InstanceIds=machines)["InstanceStatuses"]}
      == {"running"}, "a reboot is no state")
refused("InvalidInstanceID.NotFound", ec2.reboot_instances, InstanceIds=["i-0123456789abcdef0"])


def attribute(name, key):
    return ec2.describe_instance_attribute(InstanceId=machines[0], Attribute=name)[key]


def protect(flag):
    ec2.modify_instance_attribute(InstanceId=machines[0], DisableApiTermination={"Value": flag})
    ec2.modify_instance_attribute(InstanceId=machines[0], Attribute="disableApiStop", Value=str(flag).lower())
    check(attribute("disableApiTermination", "DisableApiTermination") == {"Value": flag}, flag)
    check(attribute("disableApiStop", "DisableApiStop") == {"Value": flag}, flag)


protect(True)
for forbidden in (ec2.terminate_instances, ec2.stop_instances):
    refused("OperationNotPermitted", forbidden, InstanceIds=machines)
protect(False)
ec2.modify_instance_attribute(InstanceId=machines[0], InstanceInitiatedShutdownBehavior={"Value": "terminate"})
for name, key, value in [("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior", {"Value": "terminate"}),
                         ("userData", "UserData", {}), ("rootDeviceName", "RootDeviceName", {"Value": "/dev/xvda"}),
                         ("blockDeviceMapping", "BlockDeviceMappings", mappings),
                         ("ebsOptimized", "EbsOptimized", {"Value": False}),
                         ("enaSupport", "EnaSupport", {"Value": True}), ("instanceType", "InstanceType", {"Value": "t3.small"})]:
    check(attribute(name, key) == value, f"{name}: {attribute(name, key)}")
refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=machines[0], UserData={"Value": b"x"})
for name, value in [("image-id", "ami-0123456789abcdef0"), ("architecture", "x86_64"), ("reservation-id", run["ReservationId"]),
                    ("metadata-options.http-tokens", "required"), ("network-interface.status", "in-use")]:
    listed = ec2.describe_instances(Filters=by(name, value) + by("tag:Name", "suite"))["Reservations"]
    check(machines[0] in [it["InstanceId"] for r in listed for it in r["Instances"]], f"{name}: {listed}")
    check(ec2.describe_instances(Filters=by(name, "none"))["Reservations"] == [], name)

# The console says what became of user data.
said = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnets[0],
                         UserData="#!/bin/sh\nserve http 80 /=1KiB\nyum install -y httpd\n",
                         TagSpecifications=tags("volume", "suite"))["Instances"][0]["InstanceId"]
output = ec2.get_console_output(InstanceId=said)["Output"]
check("line 2: serve http 80 /=1KiB: done" in output and "line 3: yum install -y httpd: not done" in output, output)
check(ec2.get_console_output(InstanceId=machines[0])["Output"] == "", "nothing was to be done")
ec2.modify_instance_attribute(InstanceId=said, BlockDeviceMappings=[
    {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}])
ec2.terminate_instances(InstanceIds=[said])
(stays,) = ec2.describe_volumes(Filters=by("status", "available") + by("tag:Name", "suite"))["Volumes"]
ec2.delete_volume(VolumeId=stays["VolumeId"])

# Key pairs.
made = ec2.create_key_pair(KeyName="suite", TagSpecifications=tags("key-pair", "suite"))
check(made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----\n"), made)
check(len(made["KeyFingerprint"]) == 59 and made["KeyPairId"].startswith("key-"), made)
refused("InvalidKeyPair.Duplicate", ec2.create_key_pair, KeyName="suite")
found(ec2.describe_key_pairs, "KeyPairs", "KeyName", "suite",
      [("key-name", "suite"), ("key-type", "rsa"), ("fingerprint", made["KeyFingerprint"]), ("tag:Name", "suite")],
      KeyNames=["suite"])
public = ec2.describe_key_pairs(KeyPairIds=[made["KeyPairId"]], IncludePublicKey=True)["KeyPairs"][0]["PublicKey"]
if shutil.which("ssh-keygen"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "key.pem")
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(made["KeyMaterial"] + "\n")
        said = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", path], capture_output=True, text=True, check=True)
        check(said.stdout.split()[:2] == public.split()[:2], said)
curve = ec2.create_key_pair(KeyName="curve", KeyType="ed25519")
check(curve["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n"), curve)
if shutil.which("ssh-keygen"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "key.pem")
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(curve["KeyMaterial"] + "\n")
        said = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True)
        check(f"SHA256:{curve['KeyFingerprint'].rstrip('=')}" in said.stdout, said)
ec2.delete_key_pair(KeyName="curve")
imported = ec2.import_key_pair(KeyName="theirs", PublicKeyMaterial=public.encode())
md5 = hashlib.md5(serialization.load_ssh_public_key(public.encode()).public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest() if serialization else None
check(md5 in (None, imported["KeyFingerprint"].replace(":", "")), imported)
refused("InvalidKey.Format", ec2.import_key_pair, KeyName="odd", PublicKeyMaterial=b"ssh-dss AAAA")
refused("InvalidKeyPair.NotFound", ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnets[0],
        KeyName="nobodys")
check(ec2.delete_key_pair(KeyName="theirs")["KeyPairId"] == imported["KeyPairId"], imported)
ec2.delete_key_pair(KeyPairId=made["KeyPairId"])
check(ec2.delete_key_pair(KeyName="suite")["Return"], "what is not there is deleted, too")
refused("InvalidKeyPair.NotFound", ec2.describe_key_pairs, KeyNames=["suite"])

stopped = ec2.stop_instances(InstanceIds=machines)["StoppingInstances"]
check({it["PreviousState"]["Name"] for it in stopped} == {"running"}, stopped)
ec2.get_waiter("instance_stopped").wait(InstanceIds=machines)
ec2.start_instances(InstanceIds=machines)
ec2.get_waiter("instance_running").wait(InstanceIds=machines)
refused("InvalidInstanceID.NotFound", ec2.stop_instances, InstanceIds=["i-0123456789abcdef0"])
refused("UnsupportedOperation", ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnets[0],
        HibernationOptions={"Configured": True})

# Flow logs.
role = f"arn:aws:iam::{account}:role/flows"
refused("UnsupportedOperation", ec2.create_flow_logs, ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL",
        LogDestinationType="kinesis-data-firehose", LogDestination="arn:aws:firehose:us-east-1:123456789012:deliverystream/x")
flow = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="suite",
                            DeliverLogsPermissionArn=role, TagSpecifications=tags("vpc-flow-log", "suite"))
check(flow["Unsuccessful"] == [], flow)
flow = flow["FlowLogIds"][0]
found(ec2.describe_flow_logs, "FlowLogs", "FlowLogId", flow, FlowLogIds=[flow], filters=[
    ("resource-id", vpc), ("log-group-name", "suite"), ("tag:Name", "suite"), ("deliver-log-status", "SUCCESS")])
refused("InvalidParameter", ec2.create_flow_logs, ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL",
        LogGroupName="suite")
client("s3").create_bucket(Bucket="suite-flow-logs")
files = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3",
                             LogDestination="arn:aws:s3:::suite-flow-logs")["FlowLogIds"]
integration = {"IntegrationResultS3DestinationArn": "arn:aws:s3:::suite-flow-logs/results", "PartitionLoadFrequency": "daily"}
template = {"ConfigDeliveryS3DestinationArn": "arn:aws:s3:::suite-flow-logs", "IntegrateServices": {"AthenaIntegrations": [integration]}}
stack = json.loads(ec2.get_flow_logs_integration_template(FlowLogId=files[0], **template)["Result"])
glue = stack["Resources"]["Table"]["Properties"]["TableInput"]
check([it["Name"] for it in glue["StorageDescriptor"]["Columns"]][:3] == ["version", "account_id", "interface_id"], glue)
check(glue["StorageDescriptor"]["Location"].startswith("s3://suite-flow-logs/AWSLogs/"), glue)
# What the template describes is a table, and its queries run over it.
athena = client("athena")
results = {"OutputLocation": "s3://suite-flow-logs/results/"}


def athena_runs(sql):
    run = athena.start_query_execution(QueryString=sql, ResultConfiguration=results)["QueryExecutionId"]
    state = lambda: athena.get_query_execution(QueryExecutionId=run)["QueryExecution"]["Status"]
    status = state()
    while status["State"] in ("QUEUED", "RUNNING"):
        status = state()
    check(status["State"] == "SUCCEEDED", (sql, status))


columns = ", ".join(f"`{it['Name']}` {it['Type']}" for it in glue["StorageDescriptor"]["Columns"])
keys = ", ".join(f"`{it['Name']}` {it['Type']}" for it in glue["PartitionKeys"])
properties = ", ".join(f"'{key}'='{value}'" for key, value in glue["Parameters"].items() if key != "EXTERNAL")
athena_runs(f"CREATE EXTERNAL TABLE {glue['Name']} ({columns}) PARTITIONED BY ({keys}) ROW FORMAT DELIMITED FIELDS "
            f"TERMINATED BY ' ' LOCATION '{glue['StorageDescriptor']['Location']}' TBLPROPERTIES ({properties})")
named = [it["Properties"] for it in stack["Resources"].values() if it["Type"] == "AWS::Athena::NamedQuery"]
check(sorted(it["Name"].removeprefix("VpcFlowLogs") for it in named) == [
    "AcceptedTraffic", "AdminPortTraffic", "RejectedTCPTraffic", "RejectedTraffic", "SshRdpTraffic", "TopTCPTraffic",
    "TopTalkers", "TotalBytesTransferred", "TrafficFrmSrcAddr", "TrafficToDstAddr"], [it["Name"] for it in named])
for query in named:
    athena_runs(query["QueryString"])
every = ec2.create_flow_logs(
    ResourceIds=[subnets[0]], ResourceType="Subnet", TrafficType="ALL", LogDestinationType="s3",
    LogDestination="arn:aws:s3:::suite-flow-logs", LogFormat=" ".join(f"${{{it}}}" for it in (
        "srcaddr dstaddr srcport dstport protocol packets bytes start end action interface-id instance-id subnet-id type "
        "pkt-srcaddr pkt-dstaddr").split()))["FlowLogIds"]
integration |= {"PartitionStartDate": datetime(2026, 3, 1), "PartitionEndDate": datetime(2026, 4, 1)}
more = json.loads(ec2.get_flow_logs_integration_template(FlowLogId=every[0], **template)["Result"])["Resources"]
check(sum(it["Type"] == "AWS::Athena::NamedQuery" for it in more.values()) == 16, list(more))
glue = more["Table"]["Properties"]["TableInput"]
check(glue["Name"].endswith("daily2026030120260401"), glue)
check(glue["Parameters"]["projection.year.range"] == "2026,2026", glue)
ec2.delete_flow_logs(FlowLogIds=every)
integration["PartitionEndDate"] = datetime(2026, 2, 1)
refused("InvalidParameter", ec2.get_flow_logs_integration_template, FlowLogId=files[0], **template)
refused("InvalidParameter", ec2.get_flow_logs_integration_template, FlowLogId=flow, **template)
check(ec2.delete_flow_logs(FlowLogIds=[flow, *files])["Unsuccessful"] == [], flow)

# Launch templates.
data = {"InstanceType": "t3.micro", "ImageId": "ami-0123456789abcdef0", "EbsOptimized": True}
template = ec2.create_launch_template(LaunchTemplateName="suite", LaunchTemplateData=data, VersionDescription="first",
                                      TagSpecifications=tags("launch-template", "suite"))["LaunchTemplate"]
check((template["DefaultVersionNumber"], template["LatestVersionNumber"]) == (1, 1), template)
template = template["LaunchTemplateId"]
found(ec2.describe_launch_templates, "LaunchTemplates", "LaunchTemplateId", template, LaunchTemplateIds=[template],
      filters=[("launch-template-name", "suite"), ("tag:Name", "suite"), ("tag-key", "suite"), ("create-time", "20*")])
second = ec2.create_launch_template_version(LaunchTemplateId=template, SourceVersion="1", VersionDescription="second",
                                            LaunchTemplateData={"InstanceType": "t3.small"})["LaunchTemplateVersion"]
check(second["LaunchTemplateData"] == {**data, "InstanceType": "t3.small"}, second)
third = ec2.create_launch_template_version(LaunchTemplateName="suite", LaunchTemplateData={"KeyName": "k"})
check(third["LaunchTemplateVersion"]["LaunchTemplateData"] == {"KeyName": "k"}, "no source, nothing of it")


def numbers(**more):
    return [it["VersionNumber"] for it in ec2.describe_launch_template_versions(**more)["LaunchTemplateVersions"]]


last = third["LaunchTemplateVersion"]["VersionNumber"]
check(numbers(LaunchTemplateId=template)[0] == last and numbers(LaunchTemplateId=template)[-1] == 1, "newest first")
check(numbers(LaunchTemplateId=template, MinVersion="1", MaxVersion="1") == [1], "by numbers")
check(numbers(LaunchTemplateName="suite", Versions=["$Latest", "$Default", "1"]) == [last, 1], "by words")
check(numbers(Versions=["$Default"]) == [1], "of all templates")
for name, value in [("instance-type", "t3.micro"), ("is-default-version", "true")]:
    check(numbers(LaunchTemplateId=template, Filters=by(name, value)) == [1], name)
check(1 in numbers(LaunchTemplateId=template, Filters=by("ebs-optimized", "true")), "by data")
check(ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(last))["LaunchTemplate"]["DefaultVersionNumber"] == last, last)
gone = ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1", "99", str(last)])
check([it["VersionNumber"] for it in gone["SuccessfullyDeletedLaunchTemplateVersions"]] == [1], gone)
codes = [it["ResponseError"]["Code"] for it in gone["UnsuccessfullyDeletedLaunchTemplateVersions"]]
check(codes == ["launchTemplateVersionDoesNotExist", "unexpectedError"], gone)
refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template, LaunchTemplateName="suite", LaunchTemplateData=data)
refused("InvalidLaunchTemplateName.MalformedException", ec2.create_launch_template, LaunchTemplateName="a b c", LaunchTemplateData=data)
refused("InvalidLaunchTemplateName.NotFoundException", ec2.delete_launch_template, LaunchTemplateName="nobody")
refused("InvalidLaunchTemplateId.VersionNotFound", ec2.modify_launch_template, LaunchTemplateId=template, DefaultVersion="1")
refused("InvalidParameterCombination", ec2.delete_launch_template, LaunchTemplateName="suite", LaunchTemplateId=template)
refused("UnsupportedOperation", ec2.create_launch_template, LaunchTemplateName="spot",
        LaunchTemplateData={**data, "InstanceMarketOptions": {"MarketType": "spot"}})
check(ec2.delete_launch_template(LaunchTemplateId=template)["LaunchTemplate"]["LaunchTemplateName"] == "suite", template)
refused("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, LaunchTemplateIds=[template])

# DHCP options, prefix lists, endpoints.
(shown,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
default = shown["DhcpOptionsId"]
domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
found(ec2.describe_dhcp_options, "DhcpOptions", "DhcpOptionsId", default, DhcpOptionsIds=[default], filters=[
    ("dhcp-options-id", default), ("key", "domain-name"), ("value", "AmazonProvidedDNS"), ("owner-id", account)])
(shown,) = ec2.describe_dhcp_options(DhcpOptionsIds=[default])["DhcpOptions"]
options = {it["Key"]: [value["Value"] for value in it["Values"]] for it in shown["DhcpConfigurations"]}
check(options == {"domain-name": [domain], "domain-name-servers": ["AmazonProvidedDNS"]}, shown)
check(vpc in [it["VpcId"] for it in ec2.describe_vpcs(Filters=by("dhcp-options-id", default))["Vpcs"]], default)
another = ec2.create_vpc(CidrBlock="10.97.0.0/16")["Vpc"]
check(another["DhcpOptionsId"] == default, "one for all")
ec2.delete_vpc(VpcId=another["VpcId"])
refused("DependencyViolation", ec2.delete_dhcp_options, DhcpOptionsId=default)
for key, *values in [("domain-name-server", "10.0.0.2"), ("domain-name-servers", "10.0.0.256"), ("domain-name", "a.b", "c.d"),
                     ("domain-name-servers", *[f"10.0.0.{at}" for at in range(5)]), ("netbios-node-type", "3"),
                     ("netbios-name-servers", "fd00::1"), ("ipv6-address-preferred-lease-time", "139"), ("ntp-servers", "time")]:
    refused("InvalidParameterValue", ec2.create_dhcp_options, DhcpConfigurations=[{"Key": key, "Values": values}])
several = [("domain-name-servers", ["AmazonProvidedDNS", "10.0.0.3"]), ("domain-name", ["a.example b.example"]),
           ("ntp-servers", [f"{start}{at}" for start in ("10.0.0.", "fd00::") for at in range(1, 5)]), ("netbios-node-type", ["2"]),
           ("netbios-name-servers", ["10.0.0.9"]), ("ipv6-address-preferred-lease-time", ["140"])]
several = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": key, "Values": values} for key, values in several])["DhcpOptions"]
check(len(several["DhcpConfigurations"]) == 6 and several["OwnerId"] == account, several)
ec2.delete_dhcp_options(DhcpOptionsId=several["DhcpOptionsId"])
dhcp = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["10.99.0.2", "192.0.2.1"]}])
dhcp = dhcp["DhcpOptions"]["DhcpOptionsId"]
shown = ec2.describe_dhcp_options(DhcpOptionsIds=[dhcp])["DhcpOptions"][0]["DhcpConfigurations"]
check([it["Value"] for it in shown[0]["Values"]] == ["10.99.0.2", "192.0.2.1"], shown)
ec2.associate_dhcp_options(DhcpOptionsId=dhcp, VpcId=vpc)
refused("DependencyViolation", ec2.delete_dhcp_options, DhcpOptionsId=dhcp)
ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
check(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"] == "default", "no options")
ec2.delete_dhcp_options(DhcpOptionsId=dhcp)
ec2.associate_dhcp_options(DhcpOptionsId=default, VpcId=vpc)
pl = ec2.create_managed_prefix_list(PrefixListName="suite", MaxEntries=3, AddressFamily="IPv4",
                                    Entries=[{"Cidr": "192.0.2.0/24", "Description": "documentation"}])
pl = pl["PrefixList"]["PrefixListId"]
ec2.modify_managed_prefix_list(PrefixListId=pl, CurrentVersion=1, AddEntries=[{"Cidr": "198.51.100.0/24"}])
entries = ec2.get_managed_prefix_list_entries(PrefixListId=pl)["Entries"]
check([it["Cidr"] for it in entries] == ["192.0.2.0/24", "198.51.100.0/24"], entries)
ec2.restore_managed_prefix_list_version(PrefixListId=pl, PreviousVersion=1, CurrentVersion=2)
found(ec2.describe_managed_prefix_lists, "PrefixLists", "PrefixListId", pl, PrefixListIds=[pl],
      filters=[("prefix-list-name", "suite"), ("owner-id", account)])
ec2.create_route(RouteTableId=table, DestinationPrefixListId=pl, GatewayId=igw)
check(ec2.get_managed_prefix_list_associations(PrefixListId=pl)["PrefixListAssociations"][0]["ResourceId"] == table, pl)
ec2.delete_route(RouteTableId=table, DestinationPrefixListId=pl)
ec2.delete_managed_prefix_list(PrefixListId=pl)
s3 = f"com.amazonaws.{region}.s3"
check(s3 in [it["PrefixListName"] for it in ec2.describe_prefix_lists()["PrefixLists"]], s3)
services = ec2.describe_vpc_endpoint_services(ServiceNames=[s3])["ServiceDetails"]
check("Gateway" in [it["ServiceType"] for s in services for it in s["ServiceType"]], services)
endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=s3, VpcEndpointType="Gateway", RouteTableIds=[table])
endpoint = endpoint["VpcEndpoint"]["VpcEndpointId"]
ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[other_table])
found(ec2.describe_vpc_endpoints, "VpcEndpoints", "VpcEndpointId", endpoint, VpcEndpointIds=[endpoint],
      filters=[("vpc-id", vpc), ("service-name", s3)])
check(ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == [], endpoint)

# Peering.
peer = ec2.create_vpc(CidrBlock="10.96.0.0/16")["Vpc"]["VpcId"]
pcx = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[pcx])
ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
found(ec2.describe_vpc_peering_connections, "VpcPeeringConnections", "VpcPeeringConnectionId", pcx,
      VpcPeeringConnectionIds=[pcx], filters=[("status-code", "active"), ("requester-vpc-info.vpc-id", vpc)])
ec2.modify_vpc_attribute(VpcId=peer, EnableDnsHostnames={"Value": True})
option = {"AllowDnsResolutionFromRemoteVpc": True}
ec2.modify_vpc_peering_connection_options(VpcPeeringConnectionId=pcx, RequesterPeeringConnectionOptions=option)
ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
pcx = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=pcx)

# VPN.
vgw = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
ec2.attach_vpn_gateway(VpnGatewayId=vgw, VpcId=vpc)
check(ec2.describe_vpn_gateways(VpnGatewayIds=[vgw])["VpnGateways"][0]["VpcAttachments"][0]["VpcId"] == vpc, vgw)
ec2.enable_vgw_route_propagation(GatewayId=vgw, RouteTableId=table)
ec2.disable_vgw_route_propagation(GatewayId=vgw, RouteTableId=table)
cgw = ec2.create_customer_gateway(Type="ipsec.1", IpAddress="203.0.113.200", BgpAsn=65010)["CustomerGateway"]
cgw = cgw["CustomerGatewayId"]
other_cgw = ec2.create_customer_gateway(Type="ipsec.1", IpAddress="203.0.113.201", BgpAsn=65010)["CustomerGateway"]
other_cgw = other_cgw["CustomerGatewayId"]
check(ec2.describe_customer_gateways(CustomerGatewayIds=[cgw])["CustomerGateways"][0]["BgpAsn"] == "65010", cgw)
vpn = ec2.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=cgw, VpnGatewayId=vgw,
                                Options={"StaticRoutesOnly": True})["VpnConnection"]["VpnConnectionId"]
ec2.get_waiter("vpn_connection_available").wait(VpnConnectionIds=[vpn])
ec2.create_vpn_connection_route(VpnConnectionId=vpn, DestinationCidrBlock="192.168.0.0/16")
shown = ec2.describe_vpn_connections(VpnConnectionIds=[vpn])["VpnConnections"][0]
check([it["DestinationCidrBlock"] for it in shown["Routes"]] == ["192.168.0.0/16"], shown)
outside = shown["Options"]["TunnelOptions"][0]["OutsideIpAddress"]
ec2.delete_vpn_connection_route(VpnConnectionId=vpn, DestinationCidrBlock="192.168.0.0/16")
ec2.modify_vpn_tunnel_options(VpnConnectionId=vpn, VpnTunnelOutsideIpAddress=outside,
                              TunnelOptions={"DPDTimeoutSeconds": 45})
ec2.replace_vpn_tunnel(VpnConnectionId=vpn, VpnTunnelOutsideIpAddress=outside)
shown = ec2.get_vpn_tunnel_replacement_status(VpnConnectionId=vpn, VpnTunnelOutsideIpAddress=outside)
check(shown["VpnConnectionId"] == vpn, shown)
ec2.modify_vpn_connection(VpnConnectionId=vpn, CustomerGatewayId=other_cgw)
ec2.delete_vpn_connection(VpnConnectionId=vpn)
ec2.get_waiter("vpn_connection_deleted").wait(VpnConnectionIds=[vpn])
ec2.detach_vpn_gateway(VpnGatewayId=vgw, VpcId=vpc)
ec2.delete_vpn_gateway(VpnGatewayId=vgw)
for gateway in (cgw, other_cgw):
    ec2.delete_customer_gateway(CustomerGatewayId=gateway)

# Transit gateways.
hubs = [ec2.create_transit_gateway(Description=f"hub {n}")["TransitGateway"]["TransitGatewayId"] for n in range(2)]
hub = hubs[0]
ec2.modify_transit_gateway(TransitGatewayId=hub, Description="the hub")
found(ec2.describe_transit_gateways, "TransitGateways", "TransitGatewayId", hub, TransitGatewayIds=[hub],
      filters=[("state", "available"), ("transit-gateway-id", hub)])
spoke = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=hub, VpcId=vpc, SubnetIds=[subnets[1]])
spoke = spoke["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
ec2.modify_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=spoke, AddSubnetIds=[subnets[0]])
found(ec2.describe_transit_gateway_vpc_attachments, "TransitGatewayVpcAttachments", "TransitGatewayAttachmentId", spoke,
      TransitGatewayAttachmentIds=[spoke], filters=[("vpc-id", vpc), ("state", "available")])
found(ec2.describe_transit_gateway_attachments, "TransitGatewayAttachments", "TransitGatewayAttachmentId", spoke,
      TransitGatewayAttachmentIds=[spoke], filters=[("resource-id", vpc), ("resource-type", "vpc")])
tgw_table = ec2.create_transit_gateway_route_table(TransitGatewayId=hub)["TransitGatewayRouteTable"]
tgw_table = tgw_table["TransitGatewayRouteTableId"]
found(ec2.describe_transit_gateway_route_tables, "TransitGatewayRouteTables", "TransitGatewayRouteTableId", tgw_table,
      TransitGatewayRouteTableIds=[tgw_table], filters=[("transit-gateway-id", hub)])
both = dict(TransitGatewayRouteTableId=tgw_table, TransitGatewayAttachmentId=spoke)
default_table = ec2.describe_transit_gateways(TransitGatewayIds=[hub])["TransitGateways"][0]["Options"]
default_table = default_table["AssociationDefaultRouteTableId"]
ec2.disassociate_transit_gateway_route_table(TransitGatewayRouteTableId=default_table, TransitGatewayAttachmentId=spoke)
ec2.associate_transit_gateway_route_table(**both)
ec2.enable_transit_gateway_route_table_propagation(**both)
check(ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=tgw_table)["Associations"], both)
listed = ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=tgw_table)
check(listed["TransitGatewayRouteTablePropagations"], both)
check(ec2.get_transit_gateway_attachment_propagations(TransitGatewayAttachmentId=spoke)
      ["TransitGatewayAttachmentPropagations"], both)
route = dict(TransitGatewayRouteTableId=tgw_table, DestinationCidrBlock="192.168.0.0/16")
ec2.create_transit_gateway_route(**route, TransitGatewayAttachmentId=spoke)
ec2.replace_transit_gateway_route(**route, Blackhole=True)
listed = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=tgw_table, Filters=by("type", "static"))
check([it["State"] for it in listed["Routes"]] == ["blackhole"], listed)
ec2.delete_transit_gateway_route(**route)
ec2.disable_transit_gateway_route_table_propagation(**both)
ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", TransitGatewayId=hub)
ec2.delete_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16")
peering = ec2.create_transit_gateway_peering_attachment(TransitGatewayId=hub, PeerTransitGatewayId=hubs[1],
                                                        PeerAccountId=account, PeerRegion=region)
peering = peering["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
ec2.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=peering)
check(ec2.describe_transit_gateway_peering_attachments(TransitGatewayAttachmentIds=[peering])
      ["TransitGatewayPeeringAttachments"][0]["State"] == "available", peering)
ec2.delete_transit_gateway_peering_attachment(TransitGatewayAttachmentId=peering)
again = ec2.create_transit_gateway_peering_attachment(TransitGatewayId=hub, PeerTransitGatewayId=hubs[1],
                                                      PeerAccountId=account, PeerRegion=region)
again = again["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
ec2.reject_transit_gateway_peering_attachment(TransitGatewayAttachmentId=again)
ec2.disassociate_transit_gateway_route_table(**both)
ec2.delete_transit_gateway_route_table(TransitGatewayRouteTableId=tgw_table)
ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=spoke)
for gateway in hubs:
    ec2.delete_transit_gateway(TransitGatewayId=gateway)

# Everything goes again, in the order that dependencies leave.
refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
ec2.terminate_instances(InstanceIds=machines)
ec2.get_waiter("instance_terminated").wait(InstanceIds=machines)
for gateway in (nat, private, twice[0]):
    ec2.delete_nat_gateway(NatGatewayId=gateway)
ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[nat, private, twice[0]])
ec2.delete_network_interface(NetworkInterfaceId=eni)
for eip in eips:
    ec2.release_address(AllocationId=eip)
ec2.disassociate_route_table(AssociationId=association)
for gone in (table, other_table):
    ec2.delete_route_table(RouteTableId=gone)
ec2.detach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
ec2.delete_internet_gateway(InternetGatewayId=igw)
ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=eigw)
for subnet in subnets:
    ec2.delete_subnet(SubnetId=subnet)
ec2.delete_network_acl(NetworkAclId=acl)
ec2.delete_security_group(GroupId=group)
for gone in (vpc, peer):
    ec2.delete_vpc(VpcId=gone)
refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])
refused("InvalidAction", ec2.describe_snapshots)

# Images: some that scripts look for, and whatever they name.
amazon = ec2.describe_images(Owners=["amazon"], Filters=by("name", "al2023-ami-*-x86_64"))["Images"]
check(len(amazon) == 1 and amazon[0]["Architecture"] == "x86_64", amazon)
named = ec2.describe_images(ImageIds=["ami-12345678", amazon[0]["ImageId"]])["Images"]
check({it["ImageId"] for it in named} == {"ami-12345678", amazon[0]["ImageId"]}, named)
check(ec2.describe_images(Owners=["self"])["Images"] == [], "nobody has made an image")
refused("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["emi-1"])
refused("InvalidParameterValue", ec2.describe_images, Filters=by("nam", "x"))

# Default VPCs: an account of a lab has none until it asks for one.
refused("VPCIdNotSpecified", ec2.create_security_group, GroupName="x", Description="x")
refused("DefaultVpcDoesNotExist", ec2.create_default_subnet, AvailabilityZone=f"{region}a")
default = ec2.create_default_vpc()["Vpc"]["VpcId"]
refused("DefaultVpcAlreadyExists", ec2.create_default_vpc)
found = ec2.describe_vpcs(Filters=by("is-default", "true"))["Vpcs"]
check([it["VpcId"] for it in found] == [default] and found[0]["CidrBlock"] == "172.31.0.0/16", found)
of_default = by("vpc-id", default)
subnets = ec2.describe_subnets(Filters=of_default)["Subnets"]
check(len(subnets) == 6 and all(it["DefaultForAz"] and it["MapPublicIpOnLaunch"] for it in subnets), subnets)
refused("DefaultSubnetAlreadyExistsInAvailabilityZone", ec2.create_default_subnet,
        AvailabilityZone=f"{region}a")
first = next(it["SubnetId"] for it in subnets if it["AvailabilityZone"] == f"{region}a")
ec2.delete_subnet(SubnetId=first)
again = ec2.create_default_subnet(AvailabilityZone=f"{region}a")["Subnet"]
check(again["CidrBlock"] == "172.31.0.0/20" and again["DefaultForAz"], again)
group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
launched = ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2, SecurityGroups=["web"],
                             Placement={"AvailabilityZone": f"{region}b"})["Instances"]
machines = [it["InstanceId"] for it in launched]
check(all(it["VpcId"] == default for it in launched), launched)
ec2.get_waiter("instance_running").wait(InstanceIds=machines)
one, other = (it["NetworkInterfaces"][0]["NetworkInterfaceId"] for it in launched)

# Reachability: what the path engine says, in the analyzer's words.
refused("InvalidNetworkInterfaceID.NotFound", ec2.create_network_insights_path,
        Source="eni-0123456789abcdef0", Destination=one, Protocol="tcp")
refused("MissingParameter", ec2.create_network_insights_path, Source=one, Protocol="tcp")
path = ec2.create_network_insights_path(Source=one, Destination=machines[1], Protocol="tcp", DestinationPort=80,
                                        TagSpecifications=tags("network-insights-path", "p"))
path = path["NetworkInsightsPath"]["NetworkInsightsPathId"]
listed = ec2.describe_network_insights_paths(Filters=by("source", one))["NetworkInsightsPaths"]
check([it["NetworkInsightsPathId"] for it in listed] == [path], listed)


def analysed():
    started = ec2.start_network_insights_analysis(NetworkInsightsPathId=path)["NetworkInsightsAnalysis"]
    check(started["Status"] == "running", started)
    ids = [started["NetworkInsightsAnalysisId"]]
    return ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=ids)["NetworkInsightsAnalyses"][0]


def codes(analysis):
    return [it["ExplanationCode"] for it in analysis.get("Explanations", [])]


denied = analysed()
check(denied["Status"] == "succeeded" and not denied["NetworkPathFound"], denied)
check(codes(denied) == ["ENI_SG_RULES_MISMATCH"], denied)
why = denied["Explanations"][0]
check(why["Direction"] == "ingress" and why["SecurityGroups"][0]["Id"] == group, why)
ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80,
                                     CidrIp="172.31.0.0/16")
found = analysed()
check(found["NetworkPathFound"] and "Explanations" not in found, found)
forward = [it["Component"]["Id"] for it in found["ForwardPathComponents"]]
# An instance that is named stands beyond its interface; an interface that is named is the end.
check(forward[0] == one and forward[-2:] == [other, machines[1]] and group in forward, forward)
ends = found["ForwardPathComponents"][0], found["ForwardPathComponents"][-1]
leaves, comes = ends[0]["OutboundHeader"], ends[1]["InboundHeader"]
check(leaves == comes and leaves["Protocol"] == "6", leaves)
check(leaves["DestinationAddresses"] == [launched[1]["PrivateIpAddress"] + "/32"], leaves)
check(leaves["DestinationPortRanges"] == [{"From": 80, "To": 80}] and leaves["SourcePortRanges"], leaves)
back = found["ReturnPathComponents"][0]
check(back["Component"]["Id"] == machines[1], back)
check(back["OutboundHeader"]["SourcePortRanges"] == [{"From": 80, "To": 80}], back)
check(all(it["AdditionalDetails"] == [] and it["Explanations"] == [] for it in found["ForwardPathComponents"]), found)
rules = [it["SecurityGroupRule"] for it in found["ForwardPathComponents"] if "SecurityGroupRule" in it]
check(rules[-1]["Cidr"] == "172.31.0.0/16" and rules[-1]["PortRange"] == {"From": 80, "To": 80}, rules)
check(found["ReturnPathComponents"][0]["SequenceNumber"] == 1, found)
acl = ec2.describe_network_acls(Filters=of_default)["NetworkAcls"][0]["NetworkAclId"]
away = ec2.create_network_insights_path(Source=one, DestinationIp="203.0.113.9", Protocol="udp", DestinationPort=53)
away = away["NetworkInsightsPath"]["NetworkInsightsPathId"]
path, inside = away, path
out = analysed()
check(out["NetworkPathFound"], "a public address leads out of a default VPC")
routes = [it["RouteTableRoute"] for it in out["ForwardPathComponents"] if "RouteTableRoute" in it]
check([it["Origin"] for it in routes] == ["createroute"], routes)
gateway = out["ForwardPathComponents"][-1]
check(gateway["Component"]["Id"].startswith("igw-") and gateway["Vpc"]["Id"] == default, gateway)
public = ec2.describe_instances(InstanceIds=machines[:1])["Reservations"][0]["Instances"][0]["PublicIpAddress"]
check(gateway["OutboundHeader"]["SourceAddresses"] == [public + "/32"], gateway)
ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=True, Protocol="17", RuleAction="deny",
                             CidrBlock="0.0.0.0/0", PortRange={"From": 53, "To": 53})
check(codes(analysed()) == ["SUBNET_ACL_RESTRICTION"], "the list lets no question out")
# From the internet to an interface that has no public address.
hidden = ec2.create_network_interface(SubnetId=launched[0]["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
knock = ec2.create_network_insights_path(Source=gateway["Component"]["Id"], Destination=hidden, Protocol="tcp",
                                         DestinationPort=80)["NetworkInsightsPath"]["NetworkInsightsPathId"]
path = knock
private = analysed()
check(codes(private) == ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"], private)
check(private["Explanations"][0]["InternetGateway"]["Id"] == gateway["Component"]["Id"], private)
ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=private["NetworkInsightsAnalysisId"])
ec2.delete_network_insights_path(NetworkInsightsPathId=knock)
ec2.delete_network_interface(NetworkInterfaceId=hidden)
path = away
refused("AnalysisExistsForNetworkInsightsPath", ec2.delete_network_insights_path, NetworkInsightsPathId=path)
analyses = ec2.describe_network_insights_analyses()["NetworkInsightsAnalyses"]
check(len(analyses) == 4, analyses)
check(len(ec2.describe_network_insights_analyses(Filters=by("path-found", "true"))["NetworkInsightsAnalyses"]) == 2,
      analyses)
for analysis in analyses:
    ec2.delete_network_insights_analysis(NetworkInsightsAnalysisId=analysis["NetworkInsightsAnalysisId"])
for gone in (path, inside):
    ec2.delete_network_insights_path(NetworkInsightsPathId=gone)
refused("InvalidNetworkInsightsPathId.NotFound", ec2.delete_network_insights_path, NetworkInsightsPathId=path)
ec2.terminate_instances(InstanceIds=machines)

check(not probes.odd, "\n".join(probes.odd))
print("not tried:", " ".join(sorted(untried())) or "none")
check(untried() == {"DecodeAuthorizationMessage"}, untried())
done()
