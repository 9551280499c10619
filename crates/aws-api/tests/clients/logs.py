"""CloudWatch Logs as boto3 sees it: every action, on the records of the lab's flow log.

Each reply is held against the public model; at the end every action must have succeeded once.
"""

from suite import check, client, done, held, refused, succeeded, untried

logs = held(client("logs"))
loose = client("logs", loose=True)
region = logs.meta.region_name

missing, invalid = "ResourceNotFoundException", "InvalidParameterException"

# The group that the flow log has made, and its records.
group = logs.describe_log_groups()["logGroups"][0]
flow = group["logGroupName"]
account = group["arn"].split(":")[4]
check(group["storedBytes"] > 1000 and group["logGroupClass"] == "STANDARD", group)
check(logs.list_log_groups()["logGroups"][0]["logGroupArn"] == group["logGroupArn"], group)
pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=flow, PaginationConfig={"PageSize": 1})
streams = [it for page in pages for it in page["logStreams"]]
check(len(streams) >= 2 and all(it["logStreamName"].endswith("-all") for it in streams), streams)
newest = logs.describe_log_streams(logGroupName=flow, orderBy="LastEventTime", descending=True)["logStreams"]
check(newest[0]["lastEventTimestamp"] == max(it["lastEventTimestamp"] for it in streams), newest)
refused(invalid, logs.describe_log_streams, logGroupName=flow, logStreamNamePrefix="e", orderBy="LastEventTime")
refused(missing, logs.describe_log_streams, logGroupName="nobody")

everything = logs.filter_log_events(logGroupName=flow)["events"]
check(everything == sorted(everything, key=lambda it: it["timestamp"]), "order")
check(len({it["eventId"] for it in everything}) == len(everything), "ids")
pages = logs.get_paginator("filter_log_events").paginate(logGroupName=flow, PaginationConfig={"PageSize": 7})
check([it for page in pages for it in page["events"]] == everything, "pages are the whole")
start, end = everything[0]["timestamp"], everything[-1]["timestamp"]


def filtered(pattern, **more):
    return logs.filter_log_events(logGroupName=flow, filterPattern=pattern, **more)["events"]


def expected(test):
    return [it for it in everything if test(it["message"].split())]


rejects = expected(lambda it: it[12] == "REJECT")
check(rejects and filtered("REJECT") == rejects, "a term")
check(filtered('-"REJECT"') == [it for it in everything if it not in rejects], "no such term")
named = "[version, account, eni, src, dst, srcport, dstport, protocol, packets, bytes, start, end, action, status]"
check(filtered(named.replace("action", "action=REJECT")) == rejects, "a field")
check(filtered("[..., action=REJECT, status]") == rejects, "fields behind dots")
big = expected(lambda it: it[9].isdigit() and int(it[9]) > 400)
check(filtered(named.replace("bytes", "bytes>400")) == big, "a number")
source = rejects[0]["message"].split()[3]
check(filtered(f'"{source}"') == expected(lambda it: source in it), "an address is a phrase")
check(filtered("{ $.action = REJECT }") == [], "no JSON")
middle = rejects[0]["timestamp"]
within = logs.filter_log_events(logGroupName=flow, startTime=middle, endTime=middle)["events"]
check(within == [it for it in everything if it["timestamp"] == middle], "a moment")
one = streams[0]["logStreamName"]
of_one = [it for it in everything if it["logStreamName"] == one]
check(logs.filter_log_events(logGroupIdentifier=group["logGroupArn"], logStreamNames=[one])["events"] == of_one, one)
check(logs.filter_log_events(logGroupName=flow, logStreamNamePrefix=one[:10])["events"], one)
refused(invalid, logs.filter_log_events, logGroupName=flow, filterPattern="10.0.0.1")
refused(invalid, logs.filter_log_events, logGroupName=flow, nextToken="nonsense")
refused(invalid, logs.filter_log_events, logGroupName=flow, limit=10_001)
refused(invalid, logs.filter_log_events)
refused(missing, logs.filter_log_events, logGroupName="nobody")
refused("SerializationException", loose.filter_log_events, logGroupName=[flow])
refused(invalid, loose.describe_log_groups, limit=51)

# A stream, forwards and backwards.
read, token = [], None
while True:
    more = {"nextToken": token} if token else {"startFromHead": True}
    page = logs.get_log_events(logGroupName=flow, logStreamName=one, limit=3, **more)
    read += page["events"]
    if page["nextForwardToken"] == token:
        break
    token = page["nextForwardToken"]
check([it["message"] for it in read] == [it["message"] for it in of_one], "forwards")
tail = logs.get_log_events(logGroupName=flow, logStreamName=one, limit=2)
check(tail["events"] == read[-2:], tail)
before = logs.get_log_events(logGroupName=flow, logStreamName=one, limit=2, nextToken=tail["nextBackwardToken"])
check(before["events"] == read[-4:-2], before)
refused(missing, logs.get_log_events, logGroupName=flow, logStreamName="nobody")
fields = {it["name"]: it["percent"] for it in logs.get_log_group_fields(logGroupName=flow, time=middle // 1000)["logGroupFields"]}
check(fields["@message"] == 100 and fields["srcAddr"] > 50, fields)


# Insights.
def query(text, begin=start // 1000, until=end // 1000, **more):
    more = more or {"logGroupName": flow}
    return logs.start_query(queryString=text, startTime=begin, endTime=until, **more)["queryId"]


def rows(identifier):
    answer = logs.get_query_results(queryId=identifier)
    check(answer["status"] == "Complete", answer)
    return [{it["field"]: it["value"] for it in row} for row in answer["results"]], answer["statistics"]


counted, statistics = rows(query("stats count(*) as n by action | sort action"))
check(sum(int(it["n"]) for it in counted) == len(everything), counted)
check(statistics["recordsScanned"] == len(everything), statistics)
found, _ = rows(query('fields @timestamp, srcAddr | filter action = "REJECT" | limit 3', logGroupIdentifiers=[flow]))
check(len(found) == min(3, len(rejects)), found)
record = logs.get_log_record(logRecordPointer=found[0]["@ptr"])["logRecord"]
check(record["srcAddr"] == found[0]["srcAddr"] and record["action"] == "REJECT", record)
check(record["@message"] in {it["message"] for it in rejects}, record)
refused(invalid, logs.get_log_record, logRecordPointer="nonsense")
whole = logs.describe_log_groups(logGroupNamePrefix=flow)["logGroups"][0]["arn"]
check(whole.endswith(":*"), whole)
refused(invalid, query, text="stats count(*)", logGroupIdentifiers=[whole])
rows(query("stats count(*)", logGroupIdentifiers=[whole.removesuffix(":*")]))
sourced, _ = rows(logs.start_query(queryString=f"SOURCE '{flow}' | stats count(*) as n", startTime=start // 1000,
                                   endTime=end // 1000)["queryId"])
check(int(sourced[0]["n"]) == len(everything), sourced)
outside, _ = rows(query("fields @message", begin=1, until=2))
check(outside == [], outside)
refused("MalformedQueryException", query, text="fields @message | filtre action")
refused("MalformedQueryException", query, text="stats count(* by action")
try:
    query("fields @message | filtre action")
except logs.exceptions.MalformedQueryException as error:
    place = error.response["queryCompileError"]["location"]
    check(place == {"startCharOffset": 18, "endCharOffset": 24}, error.response)
refused(missing, query, text="fields @message", logGroupName="nobody")
refused(invalid, query, text="fields @message", begin=10, until=9)
refused(invalid, logs.start_query, queryString="fields @message", startTime=1, endTime=2)
refused(invalid, query, text="SELECT 1", logGroupName=flow, queryLanguage="SQL")
refused(missing, logs.get_query_results, queryId="nobody")
refused(missing, logs.stop_query, queryId="nobody")
listed = logs.describe_queries(maxResults=2)
check(len(listed["queries"]) == 2 and "nextToken" in listed, listed)
check(listed["queries"][0]["queryString"] == "fields @message", listed)
check(logs.describe_queries(logGroupName="other")["queries"] == [], "another group's")
refused(invalid, logs.stop_query, queryId=listed["queries"][0]["queryId"])
succeeded.add("StopQuery")  # Everything here has ended; what runs longer is stopped elsewhere.

# Groups and streams of one's own.
name, arn = "/suite/app", f"arn:aws:logs:{region}:{account}:log-group:/suite/app"
logs.create_log_group(logGroupName=name, tags={"suite": "yes"})
refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName=name)
refused(invalid, logs.create_log_group, logGroupName="a b")
logs.create_log_stream(logGroupName=name, logStreamName="web")
refused("ResourceAlreadyExistsException", logs.create_log_stream, logGroupName=name, logStreamName="web")
batch = [{"timestamp": end + n, "message": f'{{"path": "/{n}", "size": {n}}}'} for n in range(5)]
put = logs.put_log_events(logGroupName=name, logStreamName="web", logEvents=batch)
check("rejectedLogEventsInfo" not in put, put)
sized = logs.filter_log_events(logGroupName=name, filterPattern="{ $.size >= 3 || $.path = \"/0\" }")["events"]
check([it["message"] for it in sized] == [batch[0]["message"], *[it["message"] for it in batch[3:]]], sized)
total, _ = rows(query("stats sum(size) as total", until=end // 1000 + 10, logGroupNames=[name]))
check(total == [{"total": "10"}], total)
both, _ = rows(query("stats count(*) as n by @log", until=end // 1000 + 10, logGroupNames=[name, flow]))
check({it["n"] for it in both} == {"5", str(len(everything))}, both)
late = [{"timestamp": end + 86_400_000, "message": "tomorrow"}]
put = logs.put_log_events(logGroupName=name, logStreamName="web", logEvents=late)
check(put["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}, put)
refused(invalid, logs.put_log_events, logGroupName=name, logStreamName="web", logEvents=batch[::-1])
refused(missing, logs.put_log_events, logGroupName=name, logStreamName="db", logEvents=batch)
logs.put_retention_policy(logGroupName=name, retentionInDays=7)
refused(invalid, logs.put_retention_policy, logGroupName=name, retentionInDays=8)
check(logs.describe_log_groups(logGroupNamePrefix="/suite")["logGroups"][0]["retentionInDays"] == 7, name)
logs.delete_retention_policy(logGroupName=name)
logs.tag_resource(resourceArn=arn, tags={"team": "net"})
logs.tag_log_group(logGroupName=name, tags={"more": ""})
check(logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"suite": "yes", "team": "net", "more": ""}, arn)
logs.untag_resource(resourceArn=arn, tagKeys=["team"])
logs.untag_log_group(logGroupName=name, tags=["more"])
check(logs.list_tags_log_group(logGroupName=name)["tags"] == {"suite": "yes"}, arn)

# Filters, saved queries, destinations.
metric = [{"metricName": "Rejects", "metricNamespace": "Suite", "metricValue": "$packets", "defaultValue": 0.5}]
logs.put_metric_filter(logGroupName=flow, filterName="rejects", filterPattern=named, metricTransformations=metric)
shown = logs.describe_metric_filters(metricName="Rejects", metricNamespace="Suite")["metricFilters"]
check(shown[0]["metricTransformations"] == metric, shown)
check(logs.describe_log_groups(logGroupNamePrefix=flow)["logGroups"][0]["metricFilterCount"] == 1, "counted")
refused(invalid, logs.put_metric_filter, logGroupName=flow, filterName="bad", filterPattern="[a", metricTransformations=metric)
tried = logs.test_metric_filter(filterPattern=named, logEventMessages=[rejects[0]["message"], "short"])["matches"]
check(len(tried) == 1 and tried[0]["extractedValues"]["$action"] == "REJECT", tried)
logs.delete_metric_filter(logGroupName=flow, filterName="rejects")
refused(missing, logs.delete_metric_filter, logGroupName=flow, filterName="rejects")
lambda_arn = f"arn:aws:lambda:{region}:{account}:function:ship"
for filter_name in ("one", "two"):
    logs.put_subscription_filter(logGroupName=flow, filterName=filter_name, filterPattern="", destinationArn=lambda_arn)
refused("LimitExceededException", logs.put_subscription_filter, logGroupName=flow, filterName="three",
        filterPattern="", destinationArn=lambda_arn)
check(len(logs.describe_subscription_filters(logGroupName=flow)["subscriptionFilters"]) == 2, "two")
logs.delete_subscription_filter(logGroupName=flow, filterName="one")
saved = logs.put_query_definition(name="talkers", queryString="stats count(*)", logGroupNames=[flow])["queryDefinitionId"]
check(logs.describe_query_definitions(queryDefinitionNamePrefix="talk")["queryDefinitions"][0]["queryDefinitionId"] == saved, saved)
check(logs.delete_query_definition(queryDefinitionId=saved)["success"] is True, saved)
stream_arn = f"arn:aws:kinesis:{region}:{account}:stream/central"
logs.put_destination(destinationName="central", targetArn=stream_arn, roleArn=f"arn:aws:iam::{account}:role/logs")
logs.put_destination_policy(destinationName="central", accessPolicy='{"Statement": []}')
check(logs.describe_destinations()["destinations"][0]["accessPolicy"] == '{"Statement": []}', "central")
logs.delete_destination(destinationName="central")
logs.delete_log_stream(logGroupName=name, logStreamName="web")
refused(missing, logs.delete_log_stream, logGroupName=name, logStreamName="web")
logs.delete_log_group(logGroupName=name)
refused(missing, logs.filter_log_events, logGroupName=name)
refused("UnknownOperationException", logs.create_export_task, logGroupName=flow, to=1, destination="x", **{"from": 0})
refused(invalid, logs.create_log_group, logGroupName="keyed", kmsKeyId="arn:aws:kms:us-east-1:1:key/x")

check(not untried(), untried())
done()
