"""Machines as launch tools make them (Terraform's calls among them): what a launch states, their volumes, the
addresses that come and go, what is said of one that has ended; and what else such tools ask for.
"""

from suite import PARTNER, check, client, done, held, refused, time_passes

ec2 = held(client("ec2"))
partner = held(client("ec2", **PARTNER))
IMAGE = {"ImageId": "ami-12345678", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


def launch(**more):
    return ec2.run_instances(**IMAGE, **more)["Instances"][0]["InstanceId"]


def shown(machine):
    return ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]


def volumes(machine):
    by = [{"Name": "attachment.instance-id", "Values": [machine]}]
    return {it["Attachments"][0]["Device"]: it for it in ec2.describe_volumes(Filters=by)["Volumes"]}


# What is so anyway may be said, and nothing else of it.
stated = {
    "HibernationOptions": ({"Configured": False}, {"Configured": True}),
    "EnclaveOptions": ({"Enabled": False}, {"Enabled": True}),
    "CapacityReservationSpecification": ({"CapacityReservationPreference": "open"},
                                         {"CapacityReservationPreference": "none"}),
    "MaintenanceOptions": ({"AutoRecovery": "default"}, {"AutoRecovery": "disabled"}),
    "PrivateDnsNameOptions": ({"HostnameType": "ip-name", "EnableResourceNameDnsARecord": False},
                              {"HostnameType": "resource-name"}),
    "Placement": ({"Tenancy": "default"}, {"Tenancy": "dedicated"}),
}
plain = launch(**{name: usual for name, (usual, _) in stated.items()})
for name, (_, other) in stated.items():
    refused("UnsupportedOperation", ec2.run_instances, **IMAGE, **{name: other})

# Volumes are what was asked for.
named = [{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "disk"}]}]
web = launch(TagSpecifications=named, BlockDeviceMappings=[
    {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}},
    {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 50, "VolumeType": "io2", "Iops": 400,
                                       "DeleteOnTermination": False}}])
disks = volumes(web)
root, data = disks["/dev/xvda"], disks["/dev/sdf"]
check((root["Size"], root["VolumeType"], root["Encrypted"], root["Iops"], root["Throughput"])
      == (20, "gp3", True, 3000, 125), root)
check((data["Size"], data["VolumeType"], data["Iops"], data["Encrypted"]) == (50, "io2", 400, False), data)
check(root["Tags"] == data["Tags"] == named[0]["Tags"], disks)
mapped = {it["DeviceName"]: it["Ebs"] for it in shown(web)["BlockDeviceMappings"]}
check({device: it["VolumeId"] for device, it in mapped.items()}
      == {device: it["VolumeId"] for device, it in disks.items()}, mapped)
check(mapped["/dev/xvda"]["DeleteOnTermination"] and not mapped["/dev/sdf"]["DeleteOnTermination"], mapped)
check(volumes(plain)["/dev/xvda"]["Size"] == 8, "the image's")
by = [{"Name": "block-device-mapping.volume-id", "Values": [data["VolumeId"]]}]
found = ec2.describe_instances(Filters=by)["Reservations"]
check([it["InstanceId"] for r in found for it in r["Instances"]] == [web], found)
ec2.create_tags(Resources=[data["VolumeId"]], Tags=[{"Key": "Name", "Value": "data"}])
listed = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["volume"]}, {"Name": "value", "Values": ["data"]}])
check([it["ResourceId"] for it in listed["Tags"]] == [data["VolumeId"]], listed)
by = [{"Name": "tag:Name", "Values": ["data"]}]
check([it["VolumeId"] for it in ec2.describe_volumes(Filters=by)["Volumes"]] == [data["VolumeId"]], "by tag")
ec2.delete_tags(Resources=[data["VolumeId"]], Tags=[{"Key": "Name"}])
check(volumes(web)["/dev/sdf"]["Tags"] == [], "no tag")
refused("InvalidVolume.NotFound", partner.create_tags, Resources=[data["VolumeId"]], Tags=[{"Key": "a", "Value": "b"}])
for code, device in [("InvalidBlockDeviceMapping", {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4}}),
                     ("InvalidParameterValue", {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "VolumeType": "st1"}}),
                     ("InvalidParameterValue", {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "Iops": 100}}),
                     ("InvalidParameterCombination", {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "Iops": 100}}),
                     ("InvalidSnapshot.NotFound", {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}})]:
    refused(code, ec2.run_instances, **IMAGE, BlockDeviceMappings=[device])
# They grow and change, when what was begun is done (EBS User Guide, "Elastic Volumes").
ec2.modify_volume(VolumeId=data["VolumeId"], Size=60)
check(volumes(web)["/dev/sdf"]["Size"] == 60, "it is so in seconds")


def modification(**more):
    (it,) = ec2.describe_volumes_modifications(VolumeIds=[data["VolumeId"]], **more)["VolumesModifications"]
    return it


begun = modification(Filters=[{"Name": "modification-state", "Values": ["optimizing"]}])
refused("IncorrectModificationState", ec2.modify_volume, VolumeId=data["VolumeId"], Iops=500)
time_passes("10m")
half = modification()
check(begun["Progress"] < 2 < half["Progress"] < 99 and "EndTime" not in half, (begun, half))
time_passes("15m")
full = modification()
check((full["ModificationState"], full["Progress"]) == ("completed", 100) and full["EndTime"] > full["StartTime"], full)
refused("InvalidVolume.NotFound", partner.modify_volume, VolumeId=data["VolumeId"], Size=100)
refused("InvalidVolume.NotFound", partner.describe_volumes_modifications, VolumeIds=[data["VolumeId"]])
check(partner.describe_volumes_modifications()["VolumesModifications"] == [], "others' are not seen")
changed = ec2.modify_volume(VolumeId=data["VolumeId"], VolumeType="gp3")["VolumeModification"]
check((changed["OriginalIops"], changed["TargetIops"], changed["TargetThroughput"]) == (400, 3000, 125), changed)

ec2.modify_instance_attribute(InstanceId=plain, BlockDeviceMappings=[
    {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}])
kept = volumes(plain)["/dev/xvda"]["VolumeId"]

# An instance stands in the zone of its subnet: who asks for another is told.
zones = {it["AvailabilityZone"]: it["SubnetId"] for it in ec2.describe_subnets()["Subnets"]}
here, there = sorted(zones)[:2]
in_zone = launch(Placement={"AvailabilityZone": there})
check(shown(in_zone)["SubnetId"] == zones[there], shown(in_zone))
ids = {it["ZoneName"]: it["ZoneId"] for it in ec2.describe_availability_zones()["AvailabilityZones"]}
by_id = launch(Placement={"AvailabilityZoneId": ids[there]}, SubnetId=zones[there])
check(shown(by_id)["Placement"]["AvailabilityZone"] == there, shown(by_id))
try:
    launch(Placement={"AvailabilityZone": here}, SubnetId=zones[there])
    raise AssertionError("it was launched elsewhere")
except ec2.exceptions.ClientError as error:
    check(error.response["Error"] == {"Code": "InvalidParameterValue", "Message":
          f"Value ({here}) for parameter availabilityZone is invalid. Subnet '{zones[there]}' is in the availability zone {there}"}, error)
refused("InvalidParameterValue", ec2.run_instances, **IMAGE, Placement={"AvailabilityZone": "us-east-1z"})
refused("InvalidParameterCombination", ec2.run_instances, **IMAGE,
        Placement={"AvailabilityZone": here, "AvailabilityZoneId": ids[here]})

# A template's parameters, but for what the launch says itself; tags are those of both.
vpc = shown(in_zone)["VpcId"]
group = ec2.create_security_group(GroupName="template", Description="x", VpcId=vpc)["GroupId"]
specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "from"}, {"Key": "team", "Value": "net"}]},
                 {"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "disk"}]}]
template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={
    "ImageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "InstanceType": "t3.small",
    "SecurityGroupIds": [group], "UserData": "IyEvYmluL3NoCg==", "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 3},
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30}}], "TagSpecifications": specification,
    "Placement": {"AvailabilityZone": there}, "Monitoring": {"Enabled": True}})["LaunchTemplate"]["LaunchTemplateId"]
ec2.create_launch_template_version(LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.large"})
(version,) = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["1"], ResolveAlias=True)["LaunchTemplateVersions"]
image = version["LaunchTemplateData"]["ImageId"]
check(image.startswith("ami-") and version["LaunchTemplateData"]["TagSpecifications"] == specification, version)


def launched(**more):
    (it,) = ec2.run_instances(MinCount=1, MaxCount=1, **more)["Instances"]
    return shown(it["InstanceId"])


def named(it):
    return {tag["Key"]: tag["Value"] for tag in it["Tags"]}


first = launched(LaunchTemplate={"LaunchTemplateName": "web"}, TagSpecifications=[
    {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "own"}]}])
check((first["ImageId"], first["InstanceType"], first["SubnetId"]) == (image, "t3.small", zones[there]), first)
check([it["GroupId"] for it in first["SecurityGroups"]] == [group] and first["Monitoring"]["State"] == "enabled", first)
check(first["MetadataOptions"]["HttpPutResponseHopLimit"] == 3, first)
check(named(first) == {"Name": "own", "team": "net", "aws:ec2launchtemplate:id": template, "aws:ec2launchtemplate:version": "1"}, first)
check(volumes(first["InstanceId"])["/dev/xvda"]["Size"] == 30, "its disk")
check(volumes(first["InstanceId"])["/dev/xvda"]["Tags"] == specification[1]["Tags"], "its disk's tags")
newer = launched(LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"}, InstanceType="t3.micro")
check(newer["InstanceType"] == "t3.micro" and named(newer)["aws:ec2launchtemplate:version"] == "2", newer)
ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
check(launched(LaunchTemplate={"LaunchTemplateId": template})["InstanceType"] == "t3.large", "the default version")
by = [{"Name": "tag:aws:ec2launchtemplate:id", "Values": [template]}]
mine = [it["InstanceId"] for r in ec2.describe_instances(Filters=by)["Reservations"] for it in r["Instances"]]
check(len(mine) == 3, mine)
refused("InvalidLaunchTemplateId.VersionNotFound", launched, LaunchTemplate={"LaunchTemplateId": template, "Version": "9"})
refused("InvalidLaunchTemplateName.NotFoundException", launched, LaunchTemplate={"LaunchTemplateName": "none"})
refused("InvalidParameterValue", launched, LaunchTemplate={"LaunchTemplateId": template}, SubnetId=zones[here])
refused("MissingParameter", launched, LaunchTemplate={"LaunchTemplateId": ec2.create_launch_template(
    LaunchTemplateName="bare", LaunchTemplateData={"InstanceType": "t3.micro"})["LaunchTemplate"]["LaunchTemplateId"]})
refused("InvalidLaunchTemplateId.NotFound", partner.describe_launch_templates, LaunchTemplateIds=[template])
ec2.terminate_instances(InstanceIds=[in_zone, by_id, *mine])
ec2.delete_launch_template(LaunchTemplateId=template)
ec2.delete_security_group(GroupId=group)

# An address of Amazon's goes when an Elastic IP address comes, and another comes when that goes: EC2 User Guide,
# "Amazon EC2 instance IP addressing".
eip = ec2.allocate_address()
first = shown(web)["PublicIpAddress"]


def associate(machine):
    ec2.associate_address(AllocationId=eip["AllocationId"], InstanceId=machine)
    check(shown(machine)["PublicIpAddress"] == eip["PublicIp"], shown(machine))


def disassociate():
    (it,) = ec2.describe_addresses(AllocationIds=[eip["AllocationId"]])["Addresses"]
    ec2.disassociate_address(AssociationId=it["AssociationId"])


associate(web)
disassociate()
second = shown(web)["PublicIpAddress"]
check(second not in (first, eip["PublicIp"]) and shown(web)["PublicDnsName"], second)
associate(web)
associate(plain)
check(shown(web)["PublicIpAddress"] not in (first, second, eip["PublicIp"]), "it was moved")
ec2.stop_instances(InstanceIds=[plain])
check(shown(plain)["PublicIpAddress"] == eip["PublicIp"], "an Elastic IP address stays")
disassociate()
stopped = shown(plain)
check("PublicIpAddress" not in stopped and stopped["PublicDnsName"] == "", stopped)
check(stopped["StateTransitionReason"].startswith("User initiated (20") and stopped["StateTransitionReason"].endswith(" GMT)"), stopped)
check(stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown", stopped)
ec2.start_instances(InstanceIds=[plain])
started = shown(plain)
check(started["PublicIpAddress"] and started["StateTransitionReason"] == "" and "StateReason" not in started, started)
subnet = started["SubnetId"]
never = launch(NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": False}])
check(shown(never)["PublicDnsName"] == "" and shown(never)["PrivateDnsName"], shown(never))
associate(never)
disassociate()
check("PublicIpAddress" not in shown(never), "it had none of Amazon's")

# What is said of those that are gone, and of what they leave.
ec2.terminate_instances(InstanceIds=[web, plain, never])
gone = shown(web)
check(gone["State"]["Name"] == "terminated" and gone["StateReason"]["Code"] == "Client.UserInitiatedShutdown", gone)
check(gone["PublicDnsName"] == "" and gone["PrivateDnsName"] == "" and gone["BlockDeviceMappings"] == [], gone)
left = {it["VolumeId"]: it for it in ec2.describe_volumes()["Volumes"]}
check(set(left) == {data["VolumeId"], kept}, left)
check(all(it["State"] == "available" and it["Attachments"] == [] for it in left.values()), left)
for volume in left:
    refused("InvalidVolume.NotFound", partner.delete_volume, VolumeId=volume)
    ec2.delete_volume(VolumeId=volume)
check(ec2.describe_volumes()["Volumes"] == [], "none")

# A NAT gateway as a route's GatewayId, as AWS takes it.
nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=eip["AllocationId"])["NatGateway"]["NatGatewayId"]
vpc = gone.get("VpcId") or ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]


def route(destination):
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return next(it for it in routes if it["DestinationCidrBlock"] == destination)


ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", GatewayId=nat)
check(route("192.0.2.0/24")["NatGatewayId"] == nat and "GatewayId" not in route("192.0.2.0/24"), route("192.0.2.0/24"))
internet = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
ec2.replace_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", GatewayId=internet)
ec2.replace_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", GatewayId=nat)
check(route("192.0.2.0/24")["NatGatewayId"] == nat, route("192.0.2.0/24"))
refused("NatGatewayNotFound", ec2.create_route, RouteTableId=table, DestinationCidrBlock="192.0.3.0/24",
        GatewayId="nat-0123456789abcdef0")

# With a requester's VPC the request goes that nobody has answered: VPC Peering Guide.
mine = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
theirs = partner.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]


def asks():
    made = ec2.create_vpc_peering_connection(VpcId=mine, PeerVpcId=theirs, PeerOwnerId="210987654321")
    return made["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def status(client, peering):
    (it,) = client.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"]
    return it["Status"]["Code"]


accepted = asks()
partner.accept_vpc_peering_connection(VpcPeeringConnectionId=accepted)
refused("DependencyViolation", ec2.delete_vpc, VpcId=mine)
ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=accepted)
waiting = asks()
check(status(partner, waiting) == "pending-acceptance", "it waits")
refused("DependencyViolation", partner.delete_vpc, VpcId=theirs)
ec2.delete_vpc(VpcId=mine)
check(status(ec2, waiting) == "deleted", "it went")
refused("InvalidStateTransition", partner.accept_vpc_peering_connection, VpcPeeringConnectionId=waiting)
done()
