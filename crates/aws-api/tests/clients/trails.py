"""Trails as boto3 makes them in a sandbox, and what they put into their buckets as time passes."""

import datetime
import gzip
import json
import re

from suite import check, client, done, held, refused, time_passes, untried

trail = held(client("cloudtrail"))
s3, ec2, iam = (client(it) for it in ["s3", "ec2", "iam"])
west = client("ec2", region_name="us-west-2")
account = client("sts").get_caller_identity()["Account"]


def policy(bucket, arn, prefix=""):
    """The bucket's policy as the CloudTrail User Guide has it."""
    def allow(action, resource, **equal):
        return {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": action,
                "Resource": f"arn:aws:s3:::{bucket}{resource}", "Condition": {"StringEquals": {"aws:SourceArn": arn, **equal}}}
    acl = {"s3:x-amz-acl": "bucket-owner-full-control"}
    return json.dumps({"Version": "2012-10-17", "Statement": [
        allow("s3:GetBucketAcl", ""), allow("s3:PutObject", f"/{prefix}AWSLogs/{account}/*", **acl)]})


def records(bucket, prefix=""):
    """The records that lie in a bucket, by the names of their files."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    octets = {it["Key"]: s3.get_object(Bucket=bucket, Key=it["Key"])["Body"].read() for it in listed}
    return {key: json.loads(gzip.decompress(it))["Records"] for key, it in octets.items()}


def names(bucket, prefix=""):
    return [record["eventName"] for file in records(bucket, prefix).values() for record in file]


# A bucket must be there and let CloudTrail in.
arn = f"arn:aws:cloudtrail:us-east-1:{account}:trail/all"
refused("S3BucketDoesNotExistException", trail.create_trail, Name="all", S3BucketName="logs")
s3.create_bucket(Bucket="logs")
refused("InsufficientS3BucketPolicyException", trail.create_trail, Name="all", S3BucketName="logs")
s3.put_bucket_policy(Bucket="logs", Policy=policy("logs", arn + "s"))
refused("InsufficientS3BucketPolicyException", trail.create_trail, Name="all", S3BucketName="logs")
s3.put_bucket_policy(Bucket="logs", Policy=policy("logs", arn))
refused("InsufficientS3BucketPolicyException", trail.create_trail, Name="all", S3BucketName="logs", S3KeyPrefix="net")
made = trail.create_trail(Name="all", S3BucketName="logs", TagsList=[{"Key": "team", "Value": "net"}])
check(made["TrailARN"] == arn and not made["IsMultiRegionTrail"] and made["IncludeGlobalServiceEvents"], made)
refused("TrailAlreadyExistsException", trail.create_trail, Name="all", S3BucketName="logs")
refused("TrailNotFoundException", trail.get_trail, Name="none")
refused("TrailNotFoundException", trail.update_trail, Name="none", S3BucketName="logs")
refused("InvalidParameterCombinationException", trail.update_trail, Name="all", IsMultiRegionTrail=True, IncludeGlobalServiceEvents=False)
check(trail.describe_trails()["trailList"] == [trail.get_trail(Name=arn)["Trail"]], "one")
check(trail.describe_trails(trailNameList=["none"])["trailList"] == [], "no such")
check([it["TrailARN"] for it in trail.list_trails()["Trails"]] == [arn], "one")

# Tags.
trail.add_tags(ResourceId=arn, TagsList=[{"Key": "team", "Value": "ops"}, {"Key": "cost", "Value": "7"}])
trail.remove_tags(ResourceId=arn, TagsList=[{"Key": "cost"}])
listed = trail.list_tags(ResourceIdList=[arn])["ResourceTagList"]
check(listed == [{"ResourceId": arn, "TagsList": [{"Key": "team", "Value": "ops"}]}], listed)
refused("ResourceNotFoundException", trail.list_tags, ResourceIdList=[arn + "s"])
refused("CloudTrailARNInvalidException", trail.add_tags, ResourceId="all", TagsList=[{"Key": "a", "Value": "b"}])

# One that does not log delivers nothing.
ec2.create_security_group(GroupName="before", Description="x")
time_passes("15m")
status = trail.get_trail_status(Name="all")
check(not status["IsLogging"] and "LatestDeliveryTime" not in status and records("logs") == {}, status)

# One that logs delivers the events of some minutes as a file, about five minutes later.
trail.start_logging(Name=arn)
begun = trail.get_trail_status(Name="all")
check(begun["IsLogging"] and "LatestDeliveryTime" not in begun, begun)
group = ec2.create_security_group(GroupName="seen", Description="x")["GroupId"]
refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId="sg-0123456789abcdef0")
west.create_security_group(GroupName="elsewhere", Description="x")
s3.create_bucket(Bucket="other")
iam.create_role(RoleName="seen", AssumeRolePolicyDocument=json.dumps(
    {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}))
check(records("logs") == {}, "on their way")
time_passes("15m")
files = records("logs")
check(1 <= len(files) <= 3, files)
form = (r"AWSLogs/{0}/CloudTrail/us-east-1/(\d{{4}})/(\d\d)/(\d\d)/{0}_CloudTrail_us-east-1_\1\2\3T(\d\d)(\d\d)Z_"
        r"[A-Za-z0-9]{{16}}\.json\.gz").format(account)
for key, events in files.items():
    place = re.fullmatch(form, key)
    check(place, key)
    head = s3.head_object(Bucket="logs", Key=key)
    came = head["LastModified"]
    check(came.strftime("%Y%m%d%H%M") == "".join(place.groups()), key)
    check(head["ContentType"] == "application/json" and head["ContentEncoding"] == "gzip", head)
    for event in events:
        at = datetime.datetime.fromisoformat(event["eventTime"].replace("Z", "+00:00"))
        check(0 < (came - at).total_seconds() <= 600, event)
        check(event["recipientAccountId"] == account and event["awsRegion"] == "us-east-1", event)
seen = names("logs")
check(seen[0] == "StartLogging" and "elsewhere" not in json.dumps(list(files.values())), seen)
check({"CreateSecurityGroup", "DeleteSecurityGroup", "CreateBucket", "CreateRole"} <= set(seen), seen)
# They are the records of the event history.
history = {it["EventId"]: json.loads(it["CloudTrailEvent"]) for page in trail.get_paginator("lookup_events").paginate() for it in page["Events"]}
for event in [it for events in files.values() for it in events]:
    check(history[event["eventID"]] == event, event)
status = trail.get_trail_status(Name="all")
latest = max(s3.head_object(Bucket="logs", Key=it)["LastModified"] for it in files)
check(status["LatestDeliveryTime"] == latest and "LatestDeliveryError" not in status, status)
check(records("logs") == files, "files do not change")

# Of all Regions, under a prefix, in another bucket; a bucket that shuts CloudTrail out misses nothing in the end.
s3.create_bucket(Bucket="kept")
s3.put_bucket_policy(Bucket="kept", Policy=policy("kept", arn, "net/"))
changed = trail.update_trail(Name="all", S3BucketName="kept", S3KeyPrefix="net", IsMultiRegionTrail=True)
check(changed["S3BucketName"] == "kept" and changed["IsMultiRegionTrail"], changed)
west.create_security_group(GroupName="now-seen", Description="x")
s3.delete_bucket_policy(Bucket="kept")
time_passes("15m")
check(records("kept") == {} and {**files, **records("logs")} == records("logs"), "the bucket is shut")
status = trail.get_trail_status(Name="all")
check(status["LatestDeliveryError"] == "AccessDenied" and status["LatestDeliveryTime"] >= latest, status)
s3.put_bucket_policy(Bucket="kept", Policy=policy("kept", arn, "net/"))
far = names("kept", f"net/AWSLogs/{account}/CloudTrail/us-west-2/")
check(far == ["CreateSecurityGroup"], far)
check("LatestDeliveryError" not in trail.get_trail_status(Name="all"), "let in again")

# What a client removes stays away; a trail that stops or is deleted delivers what it has logged.
first = min(files)
s3.delete_object(Bucket="logs", Key=first)
check(first not in records("logs"), first)
ec2.create_security_group(GroupName="last", Description="x")
trail.stop_logging(Name="all")
status = trail.get_trail_status(Name="all")
check(not status["IsLogging"] and "StopLoggingTime" in status, status)
ec2.delete_security_group(GroupId=group)
trail.delete_trail(Name="all")
check(trail.describe_trails()["trailList"] == [], "deleted")
time_passes("15m")
last = names("kept", f"net/AWSLogs/{account}/CloudTrail/us-east-1/")
check(last[-2:] == ["CreateSecurityGroup", "StopLogging"] and "DeleteSecurityGroup" not in last and "DeleteTrail" not in last, last)
check(first not in records("logs"), "it is not put again")

check(not untried() - {"LookupEvents"}, untried())
done()
