"""A network that somebody builds in the sandbox: two machines in the default VPC of one account, and
a look at the other account.
"""

from botocore.exceptions import ClientError
from suite import PARTNER, check, client, done

ec2 = client("ec2")


def named(name):
    return [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]


def in_other(region):
    return client("ec2", region_name=region, **PARTNER)


vpc = ec2.describe_vpcs()["Vpcs"]
check(len(vpc) == 1 and vpc[0]["IsDefault"] and vpc[0]["OwnerId"] == "123456789012", vpc)
attributes = ec2.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
check(attributes[0]["AttributeValues"][0]["AttributeValue"] == vpc[0]["VpcId"], attributes)
for region in ("us-east-1", "eu-west-1"):
    other = in_other(region).describe_vpcs()["Vpcs"]
    check(len(other) == 1 and other[0]["OwnerId"] == "210987654321", other)
    check(other[0]["VpcId"] != vpc[0]["VpcId"], other)
zones = {it["AvailabilityZone"] for it in ec2.describe_subnets()["Subnets"]}
check(len(zones) == 6, zones)
routes = ec2.describe_route_tables()["RouteTables"][0]["Routes"]
check([it["GatewayId"][:5] for it in routes] == ["local", "igw-"[:4] + routes[1]["GatewayId"][4]], routes)
check(len(ec2.describe_network_acls()["NetworkAcls"]) == 1, "one list")
check([it["GroupName"] for it in ec2.describe_security_groups()["SecurityGroups"]] == ["default"], "one group")

group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
script = "#!/bin/bash\nserve http 80 /=2KiB\n"
ec2.run_instances(ImageId="ami-0abc", MinCount=1, MaxCount=1, TagSpecifications=named("web"),
                  SecurityGroupIds=[group], UserData=script)
ec2.run_instances(ImageId="ami-0abc", MinCount=1, MaxCount=1, TagSpecifications=named("app"))
states = [it["State"]["Name"] for r in ec2.describe_instances()["Reservations"] for it in r["Instances"]]
check(states == ["running", "running"], states)

# The default VPC of an account that nobody has called can be peered with.
peer = in_other("ap-south-1").describe_vpcs()["Vpcs"][0]["VpcId"]
asked = ec2.create_vpc_peering_connection(VpcId=vpc[0]["VpcId"], PeerVpcId=peer, PeerOwnerId="210987654321",
                                          PeerRegion="ap-south-1")["VpcPeeringConnection"]
try:
    in_other("ap-south-1").accept_vpc_peering_connection(
        VpcPeeringConnectionId=asked["VpcPeeringConnectionId"])
    check(False, "their blocks are the same")
except ClientError as error:
    # Default VPCs all have the same block: AWS fails such a request.
    check("InvalidStateTransition" in str(error) or "NotFound" in str(error), error)
done()
