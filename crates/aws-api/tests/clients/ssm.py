"""Commands that Systems Manager sends to instances of the sandbox, and to which it can send none."""

import json

from suite import check, client, done, held, refused, trusting, untried

ec2 = client("ec2")
ssm = held(client("ssm"))
SCRIPT = "AWS-RunShellScript"


def launch(name, public, **more):
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    nic = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": public}
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
    made = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, NetworkInterfaces=[nic], TagSpecifications=tags, **more)
    return made["Instances"][0]


def managed(**asked):
    return {it["InstanceId"] for it in ssm.describe_instance_information(**asked)["InstanceInformationList"]}


def run(instance, *lines, **parameters):
    parameters = {"commands": lines, **{name: [value] for name, value in parameters.items()}}
    command = ssm.send_command(DocumentName=SCRIPT, InstanceIds=[instance], Parameters=parameters)["Command"]
    check(command["Status"] == "InProgress" and command["TargetCount"] == 1, command)
    asked = {"CommandId": command["CommandId"], "InstanceId": instance}
    return ssm.get_command_invocation(**asked)


# An instance is managed by the role of its profile, which lets its agent report.
iam = client("iam")
core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
iam.create_role(RoleName="managed", AssumeRolePolicyDocument=trusting("ec2.amazonaws.com"))
iam.create_instance_profile(InstanceProfileName="managed")
iam.add_role_to_instance_profile(InstanceProfileName="managed", RoleName="managed")
profile = {"IamInstanceProfile": {"Name": "managed"}}
app, inner = launch("app", True, **profile), launch("inner", False, **profile)
bare = launch("bare", True)["InstanceId"]
check(managed() == set(), "the role allows nothing")
refused("InvalidInstanceId", ssm.send_command, DocumentName=SCRIPT, InstanceIds=[app["InstanceId"]], Parameters={"commands": ["ip route"]})
iam.attach_role_policy(RoleName="managed", PolicyArn=core)
app, address, inner = app["InstanceId"], app["PrivateIpAddress"], inner["InstanceId"]

# The inner one has a route to the internet gateway and no public address.
check(managed() == {app}, managed())


def metadata(item):
    base, header = "http://169.254.169.254/latest", "X-aws-ec2-metadata-token"
    token = f'token=$(curl -s -X PUT -H "{header}-ttl-seconds: 60" {base}/api/token)'
    return run(bare, token, f'curl -s -H "{header}: $token" {base}/meta-data/iam/{item}')["StandardOutputContent"]


# A profile that comes and goes takes the role along, to the service and to the machine's metadata.
refused("InvalidParameterValue", ec2.associate_iam_instance_profile, InstanceId=bare, IamInstanceProfile={"Name": "none"})
given = ec2.associate_iam_instance_profile(InstanceId=bare, IamInstanceProfile={"Name": "managed"})["IamInstanceProfileAssociation"]
check(managed() == {app, bare} and metadata("security-credentials/") == "managed", managed())
shown = json.loads(metadata("info"))
check({"Arn": shown["InstanceProfileArn"], "Id": shown["InstanceProfileId"]} == given["IamInstanceProfile"], shown)
check(given["IamInstanceProfile"]["Id"] == iam.get_instance_profile(InstanceProfileName="managed")["InstanceProfile"]["InstanceProfileId"], given)
iam.create_role(RoleName="other", AssumeRolePolicyDocument=trusting("ec2.amazonaws.com"))
iam.create_instance_profile(InstanceProfileName="other")
iam.attach_role_policy(RoleName="other", PolicyArn=core)
iam.add_role_to_instance_profile(InstanceProfileName="other", RoleName="other")
given = ec2.replace_iam_instance_profile_association(
    AssociationId=given["AssociationId"], IamInstanceProfile={"Name": "other"})["IamInstanceProfileAssociation"]
check(metadata("security-credentials/") == "other", "the other role")
iam.remove_role_from_instance_profile(InstanceProfileName="other", RoleName="other")
check(managed() == {app}, "a profile without a role")
iam.add_role_to_instance_profile(InstanceProfileName="other", RoleName="other")
check(metadata("security-credentials/") == "other", "it has one again")
ec2.disassociate_iam_instance_profile(AssociationId=given["AssociationId"])
check(managed() == {app}, "none again")
by = [{"Name": "state", "Values": ["associated"]}]
associations = ec2.describe_iam_instance_profile_associations(Filters=by)["IamInstanceProfileAssociations"]
check({it["InstanceId"] for it in associations} == {app, inner}, associations)

# One without a profile is managed where the account has Default Host Management Configuration.
setting = {"SettingId": "/ssm/managed-instance/default-ec2-instance-management-role"}
check(ssm.get_service_setting(**setting)["ServiceSetting"]["SettingValue"] == "$None", "new accounts have it not")
refused("InvalidInstanceId", ssm.send_command, DocumentName=SCRIPT, InstanceIds=[bare], Parameters={"commands": ["ip route"]})
host = "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole"
ssm.update_service_setting(SettingValue=host, **setting)
check(managed() == {app}, "nobody has made the role")
iam.create_role(RoleName=host.split("/")[1], Path="/service-role/", AssumeRolePolicyDocument=trusting("ssm.amazonaws.com"))
iam.attach_role_policy(RoleName=host.split("/")[1], PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedEC2InstanceDefaultPolicy")
check(managed() == {app, bare}, managed())
shown = ssm.get_service_setting(**setting)["ServiceSetting"]
check(shown["SettingValue"] == host and shown["Status"] == "Customized", shown)
arn = {"SettingId": shown["ARN"]}
check(ssm.reset_service_setting(**arn)["ServiceSetting"]["Status"] == "Default", "off again")
check(managed() == {app}, managed())
refused("ServiceSettingNotFound", ssm.get_service_setting, SettingId="/ssm/colour")
ec2.terminate_instances(InstanceIds=[bare])
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
piped = run(app, "ip route | grep -c default")
check(piped["Status"] == "Success" and piped["StandardOutputContent"] == "1\n", piped)
job = run(app, "ip route", "ping -c 1 127.0.0.1 &")
check(job["Status"] == "Failed" and job["ResponseCode"] == 2 and job["StandardOutputContent"] == "", job)
check("`&`: jobs in the background are not simulated" in job["StandardErrorContent"], job)

# Lines are one script: variables, loops, options and here-documents go from one to the next.
script = run(
    app, "#!/bin/bash", "set -euo pipefail", "up=0",
    f"for host in {address} 10.255.0.1; do", "  if ping -c 1 -W 1 $host > /dev/null; then up=$((up + 1)); fi", "done",
    "cat <<END", "up: $up", "END", "sysctl -w net.ipv4.ip_forward=1 | cut -d= -f2", "pwd; false; echo not reached",
)
check(script["Status"] == "Failed" and script["ResponseCode"] == 1, script)
check(script["StandardOutputContent"] == "up: 1\n 1\n/usr/bin\n", script)
check(script["StandardErrorContent"] == "failed to run commands: exit status 1", script)
unknown = run(app, "nosuch")
path = f"/var/lib/amazon/ssm/{app}/document/orchestration/{unknown['CommandId']}/awsrunShellScript/0.awsrunShellScript/_script.sh"
said = f"{path}: line 1: nosuch: command not found\nfailed to run commands: exit status 127"
check(unknown["ResponseCode"] == 127 and unknown["StandardErrorContent"] == said, unknown)
long = run(app, "for i in $(seq 6000); do echo $i; done")
check(long["Status"] == "Success" and len(long["StandardOutputContent"]) == 24000, len(long["StandardOutputContent"]))
late = run(app, "echo begun; ping -c 100 10.255.0.1 > /dev/null; echo not reached", executionTimeout="4", workingDirectory="/tmp")
check(late["Status"] == "TimedOut" and late["StatusDetails"] == "ExecutionTimedOut", late)
check(late["ResponseCode"] == 137 and late["StandardOutputContent"] == "begun\n", late)
check(late["ExecutionElapsedTime"].startswith("PT4."), late)
ssm.get_waiter("command_executed").wait(CommandId=ping["CommandId"], InstanceId=app, WaiterConfig={"Delay": 1})

send = lambda **asked: {"DocumentName": SCRIPT, "Parameters": {"commands": ["ip route"]}, **asked}
refused("InvalidInstanceId", ssm.send_command, **send(InstanceIds=[inner]))
refused("InvalidInstanceId", ssm.send_command, **send(InstanceIds=["i-0123456789abcdef0"]))
refused("InvalidDocument", ssm.send_command, **send(InstanceIds=[app], DocumentName="AWS-RunPowerShellScript"))
refused("InvalidParameters", ssm.send_command, DocumentName=SCRIPT, InstanceIds=[app])
refused("InvalidParameters", ssm.send_command, **send())
wrong = {"commands": ["ls"], "executionTimeout": ["0"]}
refused("InvalidParameters", ssm.send_command, **send(InstanceIds=[app], Parameters=wrong))
refused("InvalidParameters", ssm.send_command, **send(InstanceIds=[app], Parameters={"commands": ["ls"], "shell": ["zsh"]}))
refused("InvocationDoesNotExist", ssm.get_command_invocation, CommandId=ping["CommandId"], InstanceId=inner)

# By tag: whoever has it and is there.
command = ssm.send_command(**send(Targets=[{"Key": "tag:Name", "Values": ["app", "inner"]}], Comment="routes"))["Command"]
check(command["TargetCount"] == 1 and command["Comment"] == "routes", command)
listed = ssm.list_commands()["Commands"]
expected = ["Success", "TimedOut", "Success", "Failed", "Failed", "Failed", "Success", "Failed", "Success"]
check([it["Status"] for it in listed] == expected + ["Success"] * 4, listed)
check(listed[0]["CommandId"] == command["CommandId"], "newest first")
pages = ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 3})
check([it["CommandId"] for page in pages for it in page["Commands"]] == [it["CommandId"] for it in listed], "pages")
failed = ssm.list_commands(Filters=[{"key": "Status", "value": "Failed"}])["Commands"]
check(len(failed) == 4, failed)
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
east = held(client("ssm", region_name="eu-west-1"))
check(east.list_commands()["Commands"] == [], "another Region")

name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
check(ssm.get_parameter(Name=name)["Parameter"]["Value"].startswith("ami-"), name)
check(ssm.get_parameters(Names=[name, "/own"])["InvalidParameters"] == ["/own"], name)
check(ssm.get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest")["Parameters"], name)
check(not untried(), untried())
done()
