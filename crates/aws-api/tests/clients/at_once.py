"""One of several clients that work on a session at once."""

import uuid

import boto3

ec2 = boto3.client("ec2")
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
mine = uuid.uuid4().hex
checks = 0
for number in range(10):
    name = f"{mine}-{number}"
    made = ec2.create_security_group(GroupName=name, Description="at once", VpcId=vpc)
    seen = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [mine + "-*"]}])
    assert len(seen["SecurityGroups"]) == number + 1, seen
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[rule])
    seen = ec2.describe_security_groups(GroupIds=[made["GroupId"]])["SecurityGroups"]
    assert seen[0]["IpPermissions"][0]["ToPort"] == 2, seen
    checks += 2
print(f"{checks} checks")
