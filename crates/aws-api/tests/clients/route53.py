"""Route 53 as boto3 sees it: zones, records and associations of two accounts of the sandbox.

Each reply is held against the public model; at the end every action must have succeeded once.
"""

import boto3
from botocore.config import Config
from suite import check, done, held, refused_with as refused, untried

# Required in the model, and not in replies: of private zones, of first pages, where nothing is authorised.
ABSENT = {"Missing required parameter in input: \"DelegationSet\"", "Missing required parameter in input: \"Marker\"",
          "Invalid length for parameter VPCs, value: 0, valid min length: 1"}


def account(key):
    session = boto3.Session(**({"aws_access_key_id": key, "aws_secret_access_key": "x"} if key else {}))
    zones = session.client("route53", config=Config(retries={"max_attempts": 0}, parameter_validation=False))
    return session.client("ec2"), held(zones, ABSENT)


ec2, zones = account(None)
their_ec2, their_zones = account("210987654321")


def vpc(ec2, block):
    return {"VPCRegion": ec2.meta.region_name, "VPCId": ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]}


ours, second, theirs = vpc(ec2, "10.1.0.0/16"), vpc(ec2, "10.2.0.0/16"), vpc(their_ec2, "10.3.0.0/16")

# Zones.
made = zones.create_hosted_zone(Name="Corp.Example", CallerReference="a<b>&\"c'", VPC=ours,
                                HostedZoneConfig={"Comment": "ours & <theirs>", "PrivateZone": True})
check(made["ResponseMetadata"]["HTTPStatusCode"] == 201, made)
zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
check(made["Location"].endswith(zone) and made["VPC"] == ours, made)
check(made["HostedZone"]["Name"] == "corp.example." and made["HostedZone"]["CallerReference"] == "a<b>&\"c'", made)
check(made["HostedZone"]["Config"] == {"Comment": "ours & <theirs>", "PrivateZone": True}, made)
zones.get_waiter("resource_record_sets_changed").wait(Id=made["ChangeInfo"]["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 3})
public = zones.create_hosted_zone(Name="example.org", CallerReference="b")
check(len(public["DelegationSet"]["NameServers"]) == 4 and "VPC" not in public, public)
public = public["HostedZone"]["Id"]
check(zones.get_hosted_zone(Id=zone)["VPCs"] == [ours], zone)
listed = zones.list_hosted_zones()["HostedZones"]
check({it["Name"] for it in listed} == {"corp.example.", "example.org."}, listed)
pages = zones.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 1})
check([it for page in pages for it in page["HostedZones"]] == listed, listed)
named = zones.list_hosted_zones_by_name()
check([it["Name"] for it in named["HostedZones"]] == ["corp.example.", "example.org."], named)
first = zones.list_hosted_zones_by_name(MaxItems="1")
check(first["IsTruncated"] and first["NextDNSName"] == "example.org.", first)
rest = zones.list_hosted_zones_by_name(DNSName=first["NextDNSName"], HostedZoneId=first["NextHostedZoneId"])
check([it["Id"] for it in rest["HostedZones"]] == [public], rest)
check(zones.list_hosted_zones_by_name(DNSName="zzz.zzz")["HostedZones"] == [], "nothing behind it")
check(their_zones.list_hosted_zones()["HostedZones"] == [], "zones are their owner's")

# Records.
records = [
    {"Name": "db.corp.example.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.1.0.4"}, {"Value": "10.1.0.5"}]},
    {"Name": "db.corp.example.", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": "\"a & <b> 'c'\""}]},
    {"Name": "www.corp.example.", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "db.corp.example."}]},
    {"Name": "alias.corp.example.", "Type": "A",
     "AliasTarget": {"HostedZoneId": zone, "DNSName": "db.corp.example.", "EvaluateTargetHealth": False}},
]


def change(action, *sets, **more):
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": it} for it in sets], **more}
    return zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


changed = change("CREATE", *records, Comment="first")["ChangeInfo"]
check(changed["Comment"] == "first" and changed["Id"].startswith("/change/C"), changed)
check(zones.get_change(Id=changed["Id"])["ChangeInfo"]["Status"] == "INSYNC", changed)
check(changed["SubmittedAt"].utcoffset() is not None, changed)


def held(**more):
    pages = zones.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, **more)
    return [it for page in pages for it in page["ResourceRecordSets"]]


everything = held()
check([it for it in everything if it["Type"] not in ("NS", "SOA")] == [records[3], *records[:3]], everything)
check(held(PaginationConfig={"PageSize": 1}) == everything, "pages are parts")
check(held(StartRecordName="www.corp.example") == [records[2]], "from a name on")
check(held(StartRecordName="db.corp.example", StartRecordType="TXT") == records[1:3], "from a type on")
change("UPSERT", {**records[0], "TTL": 30})
check([it["TTL"] for it in held() if it["Name"] == "db.corp.example."] == [30, 60], held())
for action, record in [("CREATE", records[1]), ("DELETE", records[0]), ("CREATE", {**records[0], "Name": "db.other."})]:
    refused("InvalidChangeBatch", 400, lambda: change(action, record))
for record in [{**records[0], "Type": "NOPE"}, {**records[0], "Weight": 1, "SetIdentifier": "x"}, {"Name": "x.corp.example."}]:
    refused("InvalidInput", 400, lambda: change("CREATE", record))

# Associations, over accounts, as the curriculum has them.
zones.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=second, Comment="second")
check(zones.get_hosted_zone(Id=zone)["VPCs"] == [ours, second], zone)
refused("NotAuthorizedException", 401, their_zones.associate_vpc_with_hosted_zone, HostedZoneId=zone, VPC=theirs)
allowed = zones.create_vpc_association_authorization(HostedZoneId=zone, VPC=theirs)
check(allowed["VPC"] == theirs and allowed["HostedZoneId"] == zone, allowed)
check(zones.list_vpc_association_authorizations(HostedZoneId=zone)["VPCs"] == [theirs], zone)
their_zones.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=theirs)
zones.delete_vpc_association_authorization(HostedZoneId=zone, VPC=theirs)
check(zones.list_vpc_association_authorizations(HostedZoneId=zone)["VPCs"] == [], zone)
(summary,) = their_zones.list_hosted_zones_by_vpc(**theirs)["HostedZoneSummaries"]
check(summary["HostedZoneId"] == zone and summary["Owner"]["OwningAccount"] == "123456789012", summary)
for it in [second, theirs]:
    zones.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=it)

nowhere = {"VPCRegion": "us-east-1", "VPCId": "vpc-0123456789abcdef0"}
refused("LastVPCAssociation", 400, zones.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=ours)
refused("VPCAssociationNotFound", 404, zones.disassociate_vpc_from_hosted_zone, HostedZoneId=zone, VPC=second)
refused("VPCAssociationAuthorizationNotFound", 404, zones.delete_vpc_association_authorization, HostedZoneId=zone, VPC=theirs)
refused("PublicZoneVPCAssociation", 400, zones.associate_vpc_with_hosted_zone, HostedZoneId=public, VPC=ours)
refused("InvalidVPCId", 400, zones.associate_vpc_with_hosted_zone, HostedZoneId=zone, VPC=nowhere)
refused("ConflictingDomainExists", 400, zones.create_hosted_zone, Name="corp.example", CallerReference="c", VPC=ours)
refused("HostedZoneAlreadyExists", 409, zones.create_hosted_zone, Name="x.example", CallerReference="b")
refused("HostedZoneNotEmpty", 400, zones.delete_hosted_zone, Id=zone)
refused("InvalidDomainName", 400, zones.create_hosted_zone, Name="a..b", CallerReference="d")
refused("InvalidInput", 400, zones.create_hosted_zone, Name="a.b")
refused("InvalidInput", 400, zones.list_hosted_zones, MaxItems="x")
refused("NoSuchHostedZone", 404, zones.get_hosted_zone, Id="Z0")
refused("NoSuchHostedZone", 404, their_zones.get_hosted_zone, Id=zone)
refused("NoSuchChange", 404, zones.get_change, Id="C0")
refused("UnknownOperationException", 400, zones.list_health_checks)

# Default VPCs to which nobody has written yet, of both accounts.
for client, region in [(boto3.client("ec2", region_name="eu-west-3"), "eu-west-3"), (their_ec2, their_ec2.meta.region_name)]:
    (default,) = client.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    default = {"VPCRegion": region, "VPCId": default["VPCId"] if "VPCId" in default else default["VpcId"]}
    zones.create_vpc_association_authorization(HostedZoneId=zone, VPC=default)
    zones.delete_vpc_association_authorization(HostedZoneId=zone, VPC=default)

# Comments, tags, and what a public zone answers.
check(zones.get_hosted_zone_count()["HostedZoneCount"] == 2, "two zones")
check(zones.update_hosted_zone_comment(Id=zone, Comment="new")["HostedZone"]["Config"]["Comment"] == "new", zone)
check("Comment" not in zones.update_hosted_zone_comment(Id=zone)["HostedZone"]["Config"], zone)
of_zone = {"ResourceType": "hostedzone", "ResourceId": zone}
zones.change_tags_for_resource(**of_zone, AddTags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
zones.change_tags_for_resource(**of_zone, AddTags=[{"Key": "a", "Value": "3"}], RemoveTagKeys=["b"])
tagged = zones.list_tags_for_resource(**of_zone)["ResourceTagSet"]
check(tagged == {**of_zone, "Tags": [{"Key": "a", "Value": "3"}]}, tagged)
check(zones.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[zone])["ResourceTagSets"] == [tagged], tagged)
refused("NoSuchHostedZone", 404, zones.list_tags_for_resource, ResourceType="hostedzone", ResourceId="Z0")
refused("NoSuchHealthCheck", 404, zones.list_tags_for_resource, ResourceType="healthcheck", ResourceId="x")
refused("InvalidInput", 400, zones.change_tags_for_resource, **of_zone)
refused("NoSuchHostedZone", 404, their_zones.change_tags_for_resource, **of_zone, AddTags=[{"Key": "a", "Value": "1"}])
public_sets = [{"Name": name, "Type": kind, "TTL": 5, "ResourceRecords": [{"Value": value}]} for name, kind, value in
               [("www.example.org.", "A", "192.0.2.1"), ("*.lab.example.org.", "A", "192.0.2.2"),
                ("web.example.org.", "CNAME", "www.example.org.")]]


def change_public(action):
    changes = [{"Action": action, "ResourceRecordSet": it} for it in public_sets]
    zones.change_resource_record_sets(HostedZoneId=public, ChangeBatch={"Changes": changes})


change_public("CREATE")
for name, kind, code, data in [("www.example.org", "A", "NOERROR", ["192.0.2.1"]), ("www.example.org", "TXT", "NOERROR", []),
                               ("x.y.lab.example.org", "A", "NOERROR", ["192.0.2.2"]),
                               ("web.example.org", "A", "NOERROR", ["www.example.org."]),
                               ("lab.example.org", "A", "NOERROR", []), ("no.example.org", "A", "NXDOMAIN", [])]:
    said = zones.test_dns_answer(HostedZoneId=public, RecordName=name, RecordType=kind)
    check((said["ResponseCode"], said["RecordData"]) == (code, data), f"{name}: {said}")
refused("InvalidInput", 400, zones.test_dns_answer, HostedZoneId=zone, RecordName="db.corp.example", RecordType="A")
change_public("DELETE")

change("DELETE", {**records[0], "TTL": 30}, *records[1:])
zones.delete_hosted_zone(Id=zone)
zones.delete_hosted_zone(Id=public)
check(zones.list_hosted_zones()["HostedZones"] == [], "everything is gone")
check(not untried(), untried())
done()
