"""CloudTrail as boto3 sees it: the event history of a lab whose day has had changes.

Each reply is held against the public model. Needs events that can be looked up, and one that is
still on its way, DeleteSecurityGroup.
"""

import datetime
import json

import boto3
from suite import check, client, done, held, refused as refused_by

trail = held(client("cloudtrail", loose=True))


def refused(code, **arguments):
    refused_by(code, trail.lookup_events, **arguments)


def by(key, value, **more):
    return trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}], **more)["Events"]


everything = trail.lookup_events()["Events"]
check(len(everything) >= 3, everything)
times = [it["EventTime"] for it in everything]
check(times == sorted(times, reverse=True), times)
check("DeleteSecurityGroup" not in {it["EventName"] for it in everything}, everything)

for event in everything:
    record = json.loads(event["CloudTrailEvent"])
    check(record["eventID"] == event["EventId"] and record["eventName"] == event["EventName"], record)
    check(record["eventSource"] == event["EventSource"], record)
    check(record["userIdentity"]["accessKeyId"] == event["AccessKeyId"], record)
    check(record["eventTime"] == event["EventTime"].astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), record)
    check(record["awsRegion"] == trail.meta.region_name, record)
    for key in ["EventName", "Username", "EventSource", "EventId", "ReadOnly", "AccessKeyId"]:
        found = by(key, event[key])
        check(event in found and all(it[key] == event[key] for it in found), (key, event))
    for resource in event["Resources"]:
        for key in ["ResourceName", "ResourceType"]:
            found = by(key, resource[key])
            check(event in found, (key, event))
            check(all(resource[key] in [r[key] for r in it["Resources"]] for it in found), found)

# A service that speaks JSON is told of in its own names, lists as lists, errors by their bare codes.
(event,) = by("EventName", "PutMetricFilter")
record = json.loads(event["CloudTrailEvent"])
check(event["EventSource"] == record["eventSource"] == "logs.amazonaws.com", record)
asked = record["requestParameters"]
check(asked["logGroupName"] == "/vpc/data/flow" and asked["metricTransformations"][0]["metricName"] == "Rejects", asked)
check(record["responseElements"] is None and "errorCode" not in record, record)
(event,) = by("EventName", "DeleteLogGroup")
record = json.loads(event["CloudTrailEvent"])
check(record["errorCode"] == "ResourceNotFoundException" and record["requestParameters"] == {"logGroupName": "nothing"}, record)
refusal = [json.loads(it["CloudTrailEvent"]) for it in by("EventName", "RevokeSecurityGroupIngress")][0]
check(refusal["errorCode"].startswith("Client."), refusal)
# With which program; and what services tell that the journal does not know.
(event,) = by("EventName", "PutMetricFilter")
check(json.loads(event["CloudTrailEvent"])["userAgent"].startswith("aws-cli/"), event)
(event,) = by("ResourceName", "trail-suite")
record = json.loads(event["CloudTrailEvent"])
check(event["EventName"] == "CreateBucket" and record["requestParameters"] == {"bucketName": "trail-suite"}, record)
check(event["EventSource"] == "s3.amazonaws.com" and record["userAgent"].startswith("aws-cli/"), record)
(event,) = by("EventName", "AssumeRole")
record = json.loads(event["CloudTrailEvent"])
check(event["ReadOnly"] == "true" and event["Resources"][0]["ResourceType"] == "AWS::IAM::Role", event)
check("SecretAccessKey" not in event["CloudTrailEvent"] and "secretAccessKey" not in event["CloudTrailEvent"], event)
(event,) = by("EventName", "StartQueryExecution")
check(json.loads(event["CloudTrailEvent"])["responseElements"]["queryExecutionId"], event)
(event,) = by("Username", "auditor")
identity = json.loads(event["CloudTrailEvent"])["userIdentity"]
issuer = identity["sessionContext"]["sessionIssuer"]
check(identity["type"] == "AssumedRole" and issuer["arn"].endswith(":role/ops") and issuer["userName"] == "ops", identity)
check(identity["principalId"] == f"{issuer['principalId']}:auditor", identity)
pages = list(trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 2}))
check([it for page in pages for it in page["Events"]] == everything, "no page lacks one, none has one twice")
mine = boto3.session.Session().get_credentials().access_key
check(by("AccessKeyId", mine), mine)
for key in ["EventName", "Username", "EventSource", "EventId", "AccessKeyId", "ResourceName", "ResourceType"]:
    check(by(key, "nobody") == [], key)
reads = by("ReadOnly", "true")
check({it["EventName"] for it in reads} == {"AssumeRole"}, "other reads are no events")
check(by("ReadOnly", "false") == [it for it in everything if it not in reads], "all others")
check(trail.lookup_events(EventCategory="insight")["Events"] == [], "no Insights events")

# Time ranges hold both their ends.
middle = everything[len(everything) // 2]["EventTime"]
before, since = trail.lookup_events(EndTime=middle)["Events"], trail.lookup_events(StartTime=middle)["Events"]
check(all(it["EventTime"] <= middle for it in before) and all(it["EventTime"] >= middle for it in since), middle)
exact = trail.lookup_events(StartTime=middle, EndTime=middle)["Events"]
check(exact and len(before) + len(since) == len(everything) + len(exact), exact)

# Pages.
for size in [1, 2, 50]:
    pages = list(trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": size}))
    check(all(len(it["Events"]) <= size for it in pages), size)
    check([it for page in pages for it in page["Events"]] == everything, size)
token = trail.lookup_events(MaxResults=1)["NextToken"]
check(trail.lookup_events(NextToken=token)["Events"] == everything[1:], token)

refused("InvalidNextTokenException", NextToken="6e6f7065")
refused("InvalidNextTokenException", NextToken=token, StartTime=middle)
refused("InvalidMaxResultsException", MaxResults=0)
refused("InvalidMaxResultsException", MaxResults=51)
refused("InvalidTimeRangeException", StartTime=middle, EndTime=middle - datetime.timedelta(seconds=1))
one = {"AttributeKey": "EventName", "AttributeValue": "CreateRoute"}
refused("InvalidLookupAttributesException", LookupAttributes=[one, one])
refused("InvalidLookupAttributesException", LookupAttributes=[{"AttributeKey": "Colour", "AttributeValue": "red"}])
refused("InvalidLookupAttributesException", LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": ""}])
refused("InvalidLookupAttributesException", LookupAttributes=[{"AttributeKey": "EventName"}])
refused("InvalidEventCategoryException", EventCategory="data")

done()
