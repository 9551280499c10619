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

# A change is its owner's, and a batch is all or nothing: what is wrong with it is said as Route 53 says it.
refused("NoSuchChange", 404, their_zones.get_change, Id=changed["Id"])


def wrong(text, *changes):
    try:
        batch = [{"Action": action, "ResourceRecordSet": it} for action, it in changes]
        zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})
    except zones.exceptions.ClientError as error:
        check(error.response["Error"]["Code"] == "InvalidChangeBatch", error)
        check(error.response["Error"]["Message"] == f"[{text}]", error)
        return
    raise AssertionError(f"{text} was expected")


def a(name, *values, kind="A"):
    values = values or ("192.0.2.1",)
    return {"Name": f"{name}.corp.example.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": it} for it in values]}


def alias(name, target, of=zone, kind="A"):
    to = {"HostedZoneId": of, "DNSName": target, "EvaluateTargetHealth": False}
    return {"Name": f"{name}.corp.example.", "Type": kind, "AliasTarget": to}


before = held()
wrong("Tried to create resource record set [name='db.corp.example.', type='A'] but it already exists", ("CREATE", a("db")))
wrong("Tried to delete resource record set [name='no.corp.example.', type='A'] but it was not found", ("DELETE", a("no")))
wrong("Tried to delete resource record set [name='db.corp.example.', type='A'] but the values provided do not match the "
      "current values", ("DELETE", a("db")))
wrong("RRSet of type A with DNS name www.corp.example. is not permitted as it conflicts with other records with the same "
      "DNS name in zone corp.example.", ("CREATE", a("www")))
for actions in [("CREATE", "CREATE"), ("UPSERT", "UPSERT"), ("CREATE", "DELETE"), ("DELETE", "CREATE", "UPSERT")]:
    sets = {"DELETE": {**records[0], "TTL": 30}} if actions[0] == "DELETE" else {"DELETE": a("new")}
    name = "db" if actions[0] == "DELETE" else "new"
    wrong(f"The request contains an invalid set of changes for a resource record set 'A {name}.corp.example.'",
          *[(action, sets.get(action, a(name))) for action in actions])
wrong("Duplicate Resource Record: '192.0.2.1'", ("CREATE", a("new", "192.0.2.1", "192.0.2.2", "192.0.2.1")))
wrong("Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered "
      "with '300.1.1.1'", ("CREATE", a("new", "300.1.1.1")))
wrong("Invalid Resource Record: FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) "
      "encountered with 'x'", ("CREATE", a("new", "x", kind="TXT")))
wrong("Number of records limit of 1000 exceeded.", *[("CREATE", a(f"r{at}")) for at in range(1001)])
wrong("Number of records limit of 1000 exceeded.", *[("UPSERT", a(f"r{at}")) for at in range(501)])
wrong("Number of characters limit of 32000 exceeded.", *[("CREATE", a(f"r{at}", '"' + "x" * 3998 + '"', kind="TXT")) for at in range(9)])
wrong("Cannot have more than 400 records in a RRSet.", ("CREATE", a("new", *[f"192.0.{at // 250}.{at % 250}" for at in range(401)])))
tried = "Tried to create an alias that targets {}, type {} in zone {}, but "
outside, absent = "the alias target name does not lie within the target zone", "that target was not found"
wrong(tried.format("no.corp.example.", "A", zone) + absent, ("CREATE", alias("x", "no.corp.example.")))
wrong(tried.format("db.corp.example.", "AAAA", zone) + absent, ("UPSERT", alias("x", "db.corp.example.", kind="AAAA")))
balancer = "lb-1.us-east-1.elb.amazonaws.com."
for of in [zone, "Z35SXDOTRQ7X7K"]:
    at = tried.format(balancer, "A", of)
    wrong(f"{at}{outside}, {at}{absent}", ("CREATE", alias("x", balancer, of)))
wrong(tried.format("new.corp.example.", "A", zone) + absent,
      ("CREATE", alias("x", "new.corp.example.")), ("CREATE", a("new", '"t"', kind="TXT")))
check(held() == before, "nothing was changed")
change("UPSERT", *[a(f"r{at}") for at in range(500)])
change("DELETE", *[a(f"r{at}") for at in range(500)])
zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
    {"Action": "DELETE", "ResourceRecordSet": {**records[0], "TTL": 30}}, {"Action": "CREATE", "ResourceRecordSet": {**records[0], "TTL": 30}},
    {"Action": "CREATE", "ResourceRecordSet": alias("x", "new.corp.example.")}, {"Action": "CREATE", "ResourceRecordSet": a("new")}]})
change("DELETE", alias("x", "new.corp.example."), a("new"))

# Aliases to interface endpoints, by the names and zones that they show.
subnet = ec2.create_subnet(VpcId=ours["VPCId"], CidrBlock="10.1.9.0/24")["Subnet"]["SubnetId"]
endpoint = ec2.create_vpc_endpoint(VpcId=ours["VPCId"], VpcEndpointType="Interface", SubnetIds=[subnet],
                                   ServiceName="com.amazonaws.us-east-1.sqs", PrivateDnsEnabled=False)["VpcEndpoint"]
(endpoint,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])["VpcEndpoints"]
entry = endpoint["DnsEntries"][0]
change("CREATE", alias("queue", entry["DnsName"] + ".", entry["HostedZoneId"]))
other = "vpce-0123456789abcdef0-01234567.sqs.us-east-1.vpce.amazonaws.com."
wrong(tried.format(other, "A", entry["HostedZoneId"]) + absent, ("CREATE", alias("y", other, entry["HostedZoneId"])))
change("DELETE", alias("queue", entry["DnsName"] + ".", entry["HostedZoneId"]))
ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
check(held() == before, "as before")

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
