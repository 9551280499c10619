"""IAM's roles, Service Quotas and Systems Manager's image parameters as boto3 has them.

Each reply is held against the public model.
"""

import json

from suite import PARTNER, check, client, done, held, refused, refused_with, untried

ssm, ec2 = (held(client(it)) for it in ["ssm", "ec2"])
# boto3 has read the documents before it shows them.
documents = {f"Invalid type for parameter {it}PolicyDocument" for it in
             ["", "Role.AssumeRole", "Roles[0].AssumeRole", "Roles[1].AssumeRole",
              "InstanceProfile.Roles[0].AssumeRole", "InstanceProfiles[0].Roles[0].AssumeRole"]} | {
                 "Invalid type for parameter PolicyVersion.Document"}
iam = held(client("iam"), documents)

# The role of a flow log, as the VPC guide makes it.
trust = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
policy = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]}
role = iam.create_role(RoleName="flows", AssumeRolePolicyDocument=json.dumps(trust), Description="delivery",
                       Tags=[{"Key": "team", "Value": "net"}])["Role"]
check(role["Arn"].endswith(":role/flows") and role["RoleId"].startswith("AROA") and len(role["RoleId"]) == 21, role)
check(role["AssumeRolePolicyDocument"] == trust and role["MaxSessionDuration"] == 3600, role)
check(iam.get_role(RoleName="flows")["Role"] == role, role)
deep = iam.create_role(RoleName="deep", Path="/net/lab/", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
check(deep["Arn"].endswith(":role/net/lab/deep"), deep)
check([it["RoleName"] for it in iam.list_roles()["Roles"]] == ["deep", "flows"], "by name")
check([it["RoleName"] for it in iam.list_roles(PathPrefix="/net/")["Roles"]] == ["deep"], "by path")
pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1}))
check([it["RoleName"] for page in pages for it in page["Roles"]] == ["deep", "flows"], pages)
iam.put_role_policy(RoleName="flows", PolicyName="logs", PolicyDocument=json.dumps(policy))
shown = iam.get_role_policy(RoleName="flows", PolicyName="logs")
check(shown["PolicyDocument"] == policy and shown["RoleName"] == "flows", shown)
check(iam.list_role_policies(RoleName="flows")["PolicyNames"] == ["logs"], "one")
arn = "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"
iam.attach_role_policy(RoleName="flows", PolicyArn=arn)
attached = iam.list_attached_role_policies(RoleName="flows")["AttachedPolicies"]
check(attached == [{"PolicyName": "CloudWatchLogsFullAccess", "PolicyArn": arn}], attached)
agent = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
iam.update_assume_role_policy(RoleName="deep", PolicyDocument=json.dumps(agent))
check(iam.get_role(RoleName="deep")["Role"]["AssumeRolePolicyDocument"] == agent, "updated")
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
made = ec2.create_flow_logs(ResourceType="VPC", ResourceIds=[vpc], TrafficType="ALL", LogGroupName="flow",
                            DeliverLogsPermissionArn=role["Arn"])
check(len(made["FlowLogIds"]) == 1 and not made["Unsuccessful"], made)


def delivery(ids):
    log = ec2.describe_flow_logs(FlowLogIds=ids)["FlowLogs"][0]
    return log["DeliverLogsStatus"], log.get("DeliverLogsErrorMessage")


# Whether it delivers is the role's to say: one that nobody has made does not.
check(delivery(made["FlowLogIds"]) == ("SUCCESS", None), made)
lost = ec2.create_flow_logs(ResourceType="VPC", ResourceIds=[vpc], TrafficType="ALL", LogGroupName="lost",
                            DeliverLogsPermissionArn=role["Arn"] + "s")
check(lost["FlowLogIds"] and delivery(lost["FlowLogIds"]) == ("FAILED", "Access error"), lost)
refused_with("NoSuchEntity", 404, iam.get_role, RoleName="nobody")
refused_with("NoSuchEntity", 404, iam.get_role_policy, RoleName="flows", PolicyName="none")
refused_with("EntityAlreadyExists", 409, iam.create_role, RoleName="flows", AssumeRolePolicyDocument=json.dumps(trust))
refused("MalformedPolicyDocument", iam.put_role_policy, RoleName="flows", PolicyName="x", PolicyDocument="{")
for document, why in [({"Version": "2012-10-17", "Statement": []}, "Syntax errors in policy."),
                      (trust, "Policy document should not specify a principal."),
                      ({"Statement": {"Effect": "Allow", "Action": "*"}}, "Policy statement must contain resources.")]:
    try:
        iam.put_role_policy(RoleName="flows", PolicyName="x", PolicyDocument=json.dumps(document))
        check(False, document)
    except iam.exceptions.MalformedPolicyDocumentException as error:
        check(error.response["Error"]["Message"] == why, error)
refused("MalformedPolicyDocument", iam.create_role, RoleName="x", AssumeRolePolicyDocument=json.dumps(policy))

# Who asks.
me = iam.get_user()["User"]
sts = client("sts")
who = sts.get_caller_identity()
check((me["Arn"], me["UserId"]) == (who["Arn"], who["UserId"]) and me["UserName"] == "learner" and me["Path"] == "/", me)
check(iam.get_user(UserName="learner")["User"] == me, me)
refused_with("NoSuchEntity", 404, iam.get_user, UserName="nobody")

# What a flow log's role must be.
log = {"ResourceType": "VPC", "ResourceIds": [vpc], "TrafficType": "ALL"}
refused("InvalidParameter", ec2.create_flow_logs, LogGroupName="x", DeliverLogsPermissionArn="flows", **log)
refused("InvalidParameter", ec2.create_flow_logs, LogGroupName="x", DeliverLogsPermissionArn=role["Arn"].replace("role", "user"), **log)
refused_with("UnauthorizedOperation", 403, ec2.create_flow_logs, LogGroupName="x",
             DeliverLogsPermissionArn="arn:aws:iam::210987654321:role/flows", **log)
untrusted = ec2.create_flow_logs(LogGroupName="deep", DeliverLogsPermissionArn=deep["Arn"], **log)["FlowLogIds"]
check(delivery(untrusted) == ("FAILED", "Access error"), "the role trusts EC2 alone")
refused("ValidationError", iam.create_role, RoleName="a b", AssumeRolePolicyDocument=json.dumps(trust))
refused_with("DeleteConflict", 409, iam.delete_role, RoleName="flows")
iam.tag_role(RoleName="flows", Tags=[{"Key": "team", "Value": "ops"}, {"Key": "cost", "Value": "7"}])
iam.untag_role(RoleName="flows", TagKeys=["cost", "none"])
check(iam.list_role_tags(RoleName="flows")["Tags"] == [{"Key": "team", "Value": "ops"}], "one is left")
check(iam.list_instance_profiles_for_role(RoleName="flows")["InstanceProfiles"] == [], "none yet")

# Policies that stand by themselves allow what the version that counts says.
made_policy = iam.create_policy(PolicyName="own", Path="/net/", PolicyDocument=json.dumps(policy), Description="logs",
                                Tags=[{"Key": "team", "Value": "net"}])["Policy"]
own = made_policy["Arn"]
check(own.endswith(":policy/net/own") and made_policy["DefaultVersionId"] == "v1", made_policy)
check(iam.get_policy_version(PolicyArn=own, VersionId="v1")["PolicyVersion"]["Document"] == policy, "its text")
iam.create_role(RoleName="standing", AssumeRolePolicyDocument=json.dumps(trust))
refused_with("NoSuchEntity", 404, iam.attach_role_policy, RoleName="standing", PolicyArn=own + "s")
iam.attach_role_policy(RoleName="standing", PolicyArn=own)
check(iam.get_policy(PolicyArn=own)["Policy"]["AttachmentCount"] == 1, "attached once")
by_own = ec2.create_flow_logs(ResourceType="VPC", ResourceIds=[vpc], TrafficType="ALL", LogGroupName="own",
                              DeliverLogsPermissionArn=iam.get_role(RoleName="standing")["Role"]["Arn"])["FlowLogIds"]
check(delivery(by_own)[0] == "SUCCESS", "the account's own policy allows it")
nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
second = iam.create_policy_version(PolicyArn=own, PolicyDocument=json.dumps(nothing), SetAsDefault=True)["PolicyVersion"]
check(second["VersionId"] == "v2" and second["IsDefaultVersion"], second)
check(delivery(by_own)[0] == "FAILED", "the version that counts allows S3 alone")
refused_with("DeleteConflict", 409, iam.delete_policy_version, PolicyArn=own, VersionId="v2")
iam.set_default_policy_version(PolicyArn=own, VersionId="v1")
iam.delete_policy_version(PolicyArn=own, VersionId="v2")
check([it["VersionId"] for it in iam.list_policy_versions(PolicyArn=own)["Versions"]] == ["v1"], "one is left")
check([it["PolicyName"] for it in iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]] == ["own"], "listed")
check(iam.list_policies(Scope="AWS")["Policies"] == [], "none of AWS's")
refused_with("EntityAlreadyExists", 409, iam.create_policy, PolicyName="OWN", PolicyDocument=json.dumps(policy))
refused_with("DeleteConflict", 409, iam.delete_policy, PolicyArn=own)
iam.tag_policy(PolicyArn=own, Tags=[{"Key": "cost", "Value": "7"}])
iam.untag_policy(PolicyArn=own, TagKeys=["team"])
check(iam.list_policy_tags(PolicyArn=own)["Tags"] == [{"Key": "cost", "Value": "7"}], "one tag")

# Who may put a role on is its trust policy's to say.
account = own.split(":")[4]
secret = {"StringEquals": {"sts:ExternalId": "shared"}}
outside = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "sts:AssumeRole", "Condition": secret}]}
asked = {"RoleArn": iam.create_role(RoleName="outside", AssumeRolePolicyDocument=json.dumps(outside))["Role"]["Arn"],
         "RoleSessionName": "me"}
ours = client("sts")
partner = client("sts", **PARTNER)
refused_with("AccessDenied", 403, ours.assume_role, ExternalId="shared", **asked)
refused_with("AccessDenied", 403, partner.assume_role, **asked)
refused_with("AccessDenied", 403, partner.assume_role, ExternalId="other", **asked)
refused_with("AccessDenied", 403, partner.assume_role, RoleArn=asked["RoleArn"] + "s", RoleSessionName="me")
refused("ValidationError", partner.assume_role, ExternalId="shared", DurationSeconds=7200, **asked)
lent = partner.assume_role(ExternalId="shared", **asked)
check(lent["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/outside/me", lent)
iam.delete_role(RoleName="outside")
iam.detach_role_policy(RoleName="standing", PolicyArn=own)
iam.delete_role(RoleName="standing")
iam.delete_policy(PolicyArn=own)
refused_with("NoSuchEntity", 404, iam.get_policy, PolicyArn=own)

# An instance has its profile's role.
made_profile = iam.create_instance_profile(InstanceProfileName="web", Tags=[{"Key": "team", "Value": "net"}])["InstanceProfile"]
iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="web")
check(made_profile["Arn"].endswith(":instance-profile/web") and made_profile["Roles"] == [], made_profile)
iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="flows")
refused_with("LimitExceeded", 409, iam.add_role_to_instance_profile, InstanceProfileName="web", RoleName="deep")
its = iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]
check([it["RoleName"] for it in its["Roles"]] == ["flows"] and its["Tags"] == made_profile["Tags"], its)
check([it["InstanceProfileName"] for it in iam.list_instance_profiles()["InstanceProfiles"]] == ["web"], "one")
check(len(iam.list_instance_profiles_for_role(RoleName="flows")["InstanceProfiles"]) == 1, "its role's")
refused_with("EntityAlreadyExists", 409, iam.create_instance_profile, InstanceProfileName="web")
refused_with("DeleteConflict", 409, iam.delete_instance_profile, InstanceProfileName="web")
launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}
for asked in [{"Name": "nobody"}, {"Arn": made_profile["Arn"] + "s"}]:
    try:
        ec2.run_instances(IamInstanceProfile=asked, **launch)
        check(False, asked)
    except ec2.exceptions.ClientError as error:
        said = error.response["Error"]
        check(said["Code"] == "InvalidParameterValue" and "Invalid IAM Instance Profile" in said["Message"], error)
for asked in [{"Name": "web"}, {"Arn": made_profile["Arn"]}]:
    machine = ec2.run_instances(IamInstanceProfile=asked, **launch)["Instances"][0]
    check(machine["IamInstanceProfile"]["Arn"] == made_profile["Arn"], machine)
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
refused_with("NoSuchEntity", 404, iam.get_instance_profile, InstanceProfileName="none")
iam.delete_role_policy(RoleName="flows", PolicyName="logs")
check(delivery(made["FlowLogIds"])[0] == "SUCCESS", "the other policy allows it, too")
iam.detach_role_policy(RoleName="flows", PolicyArn=arn)
check(delivery(made["FlowLogIds"])[0] == "FAILED", "none allows it")
refused_with("DeleteConflict", 409, iam.delete_role, RoleName="flows")
iam.tag_instance_profile(InstanceProfileName="web", Tags=[{"Key": "team", "Value": "ops"}, {"Key": "x", "Value": "y"}])
iam.untag_instance_profile(InstanceProfileName="web", TagKeys=["x", "none"])
tagged = iam.list_instance_profile_tags(InstanceProfileName="web")
check(tagged["Tags"] == [{"Key": "team", "Value": "ops"}] and not tagged["IsTruncated"], tagged)
check(iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]["Tags"] == tagged["Tags"], tagged)
refused_with("NoSuchEntity", 404, iam.tag_instance_profile, InstanceProfileName="none", Tags=[{"Key": "a", "Value": "b"}])
iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="flows")
iam.delete_instance_profile(InstanceProfileName="web")
for name in ["flows", "deep"]:
    iam.delete_role(RoleName=name)
check(iam.list_roles()["Roles"] == [], "none are left")
other = held(client("iam", **PARTNER), documents)
other.create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))
check(iam.list_roles()["Roles"] == [], "another account's")

# Quotas that are raised.
quotas = held(client("service-quotas"))
vpcs = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
check(quotas.get_service_quota(**vpcs)["Quota"]["Value"] == 5, "VPCs")
check({it["ServiceCode"] for it in quotas.list_services()["Services"]} == {"ec2", "vpc"}, "services")
listed = [it for page in quotas.get_paginator("list_service_quotas").paginate(
    ServiceCode="vpc", PaginationConfig={"PageSize": 3}) for it in page["Quotas"]]
check(len(listed) > 10 and {it["ServiceCode"] for it in listed} == {"vpc"}, listed)
for number in range(4):
    ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
refused("VpcLimitExceeded", ec2.create_vpc, CidrBlock="10.9.0.0/16")
asked = quotas.request_service_quota_increase(**vpcs, DesiredValue=20)["RequestedQuota"]
check(asked["Status"] == "PENDING" and asked["DesiredValue"] == 20, asked)
change = quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]
check(change["Status"] == "APPROVED" and change["Created"] == asked["Created"], change)
ec2.create_vpc(CidrBlock="10.9.0.0/16")
check(quotas.get_service_quota(**vpcs)["Quota"]["Value"] == 20, "raised")
check(quotas.get_aws_default_service_quota(**vpcs)["Quota"]["Value"] == 5, "as it was")
check(quotas.list_aws_default_service_quotas(ServiceCode="ec2")["Quotas"][0]["QuotaCode"] == "L-0263D0A3", "EC2's")
check(quotas.list_requested_service_quota_change_history()["RequestedQuotas"] == [change], "one")
check(quotas.list_requested_service_quota_change_history_by_quota(**vpcs, Status="DENIED")["RequestedQuotas"] == [], "none")
refused("NoSuchResourceException", quotas.get_service_quota, ServiceCode="vpc", QuotaCode="L-00000000")
refused("IllegalArgumentException", quotas.request_service_quota_increase, **vpcs, DesiredValue=19)

# The newest image, by its public parameter.
name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
found = ssm.get_parameter(Name=name)["Parameter"]
image = ec2.describe_images(ImageIds=[found["Value"]])["Images"][0]
check(image["Name"].startswith("al2023-ami-") and image["Architecture"] == "x86_64", image)
check(found["DataType"] == "aws:ec2:image" and found["Version"] == 1, found)
several = ssm.get_parameters(Names=[name, "/own"])
check(several["Parameters"] == [found] and several["InvalidParameters"] == ["/own"], several)
below = ssm.get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest")["Parameters"]
check(found in below and len(below) == 3, below)
check(ssm.get_parameters_by_path(Path="/aws/service")["Parameters"] == [], "deeper")
everything = ssm.get_paginator("get_parameters_by_path").paginate(Path="/aws", Recursive=True, PaginationConfig={"PageSize": 2})
check(len([it for page in everything for it in page["Parameters"]]) == 6, "all")
refused("ParameterNotFound", ssm.get_parameter, Name="/own")
far = held(client("ssm", region_name="eu-west-1"))
check(far.get_parameter(Name=name)["Parameter"]["Value"] != found["Value"], "each Region has its own")

check(not untried(), untried())
done()
