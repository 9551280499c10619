"""Commands that Systems Manager sends to instances of the sandbox, and to which it can send none."""

import boto3
from botocore.config import Config
from suite import check, done, held, refused, untried

config = Config(retries={"max_attempts": 0})
ec2 = boto3.client("ec2", config=config)
ssm = held(boto3.client("ssm", config=config))
SCRIPT = "AWS-RunShellScript"


def launch(name, public):
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    nic = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": public}
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
    made = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, NetworkInterfaces=[nic], TagSpecifications=tags)
    return made["Instances"][0]


def managed(**asked):
    return {it["InstanceId"] for it in ssm.describe_instance_information(**asked)["InstanceInformationList"]}


def run(instance, *lines):
    command = ssm.send_command(DocumentName=SCRIPT, InstanceIds=[instance], Parameters={"commands": lines})["Command"]
    check(command["Status"] == "InProgress" and command["TargetCount"] == 1, command)
    asked = {"CommandId": command["CommandId"], "InstanceId": instance}
    return ssm.get_command_invocation(**asked)


app, inner = launch("app", True), launch("inner", False)
app, address, inner = app["InstanceId"], app["PrivateIpAddress"], inner["InstanceId"]

# The inner one has a route to the internet gateway and no public address.
check(managed() == {app}, managed())
check(managed(Filters=[{"Key": "tag:Name", "Values": ["inner"]}]) == set(), "not there")
check(managed(Filters=[{"Key": "PingStatus", "Values": ["Online"]}]) == {app}, "online")
check(managed(InstanceInformationFilterList=[{"key": "InstanceIds", "valueSet": [app]}]) == {app}, "by id")
refused("InvalidFilterKey", ssm.describe_instance_information, Filters=[{"Key": "Colour", "Values": ["x"]}])

ping = run(app, "#!/bin/bash", f"ping -c 2 {address} && echo-nothing || hostname; ip route")
check(ping["Status"] == "Success" and ping["ResponseCode"] == 0, ping)
check("2 packets transmitted, 2 received" in ping["StandardOutputContent"], ping)
check("default via" in ping["StandardOutputContent"], ping)
check(ping["ExecutionElapsedTime"].startswith("PT1."), ping)
silent = run(app, "curl -s -m 2 http://10.255.0.1/")
check(silent["Status"] == "Failed" and silent["ResponseCode"] == 28, silent)
check(silent["StandardErrorContent"].endswith("failed to run commands: exit status 28"), silent)
piped = run(app, "ip route | wc -l")
check(piped["Status"] == "Failed" and "not simulated" in piped["StandardErrorContent"], piped)
check(piped["StandardOutputContent"] == "", piped)
ssm.get_waiter("command_executed").wait(CommandId=ping["CommandId"], InstanceId=app, WaiterConfig={"Delay": 1})

send = lambda **asked: {"DocumentName": SCRIPT, "Parameters": {"commands": ["ip route"]}, **asked}
refused("InvalidInstanceId", ssm.send_command, **send(InstanceIds=[inner]))
refused("InvalidInstanceId", ssm.send_command, **send(InstanceIds=["i-0123456789abcdef0"]))
refused("InvalidDocument", ssm.send_command, **send(InstanceIds=[app], DocumentName="AWS-RunPowerShellScript"))
refused("InvalidParameters", ssm.send_command, DocumentName=SCRIPT, InstanceIds=[app])
refused("InvalidParameters", ssm.send_command, **send())
refused("InvocationDoesNotExist", ssm.get_command_invocation, CommandId=ping["CommandId"], InstanceId=inner)

# By tag: whoever has it and is there.
command = ssm.send_command(**send(Targets=[{"Key": "tag:Name", "Values": ["app", "inner"]}], Comment="routes"))["Command"]
check(command["TargetCount"] == 1 and command["Comment"] == "routes", command)
listed = ssm.list_commands()["Commands"]
check([it["Status"] for it in listed] == ["Success", "Failed", "Failed", "Success"], listed)
check(listed[0]["CommandId"] == command["CommandId"], "newest first")
pages = ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 3})
check([it["CommandId"] for page in pages for it in page["Commands"]] == [it["CommandId"] for it in listed], "pages")
failed = ssm.list_commands(Filters=[{"key": "Status", "value": "Failed"}])["Commands"]
check(len(failed) == 2, failed)
(one,) = ssm.list_command_invocations(CommandId=silent["CommandId"], Details=True)["CommandInvocations"]
check(one["InstanceName"] == "app" and one["CommandPlugins"][0]["ResponseCode"] == 28, one)
check("ERROR" in one["CommandPlugins"][0]["Output"], one)
check(ssm.list_command_invocations(InstanceId=inner)["CommandInvocations"] == [], "nothing came there")

# Endpoints with private names lead to the service from inside.
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
for service in ["ssm", "ssmmessages"]:
    check(managed() == {app}, "both are needed")
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.us-east-1.{service}", SubnetIds=[subnet],
                            VpcEndpointType="Interface", PrivateDnsEnabled=True)
check(managed() == {app, inner}, managed())
check(run(inner, "hostname")["Status"] == "Success", "by the endpoints")
group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
rules = ec2.describe_security_groups()["SecurityGroups"][0]["IpPermissions"]
ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)
check(managed() == set(), "the endpoints' group is shut, for both")
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
ec2.stop_instances(InstanceIds=[app])
check(managed() == {inner}, "who is stopped is not there")
refused("InvalidInstanceId", ssm.send_command, **send(InstanceIds=[app]))
east = held(boto3.client("ssm", config=config, region_name="eu-west-1"))
check(east.list_commands()["Commands"] == [], "another Region")

name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
check(ssm.get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-"), name)
check(ssm.get_parameters(Names=[name, "/own"])["InvalidParameters"] == ["/own"], name)
check(ssm.get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest")["Parameters"], name)
check(not untried(), untried())
done()
