"""Alarms, their history and metrics of one's own as boto3 has them, in each of CloudWatch's protocols.

Needs a metric filter `Lab/Rejects` over flow logs with rejected records, an alarm `rejects` on it, an alarm `share`
on math on it, and an alarm `never` on a metric that does not exist, all a quarter of an hour old.
"""

import datetime
import json

import boto3
from protocols import PROTOCOLS, speaking
from suite import check, done, refused as refused_by, refused_with, untried

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
logs = boto3.client("logs")


def suite(watch, name):
    def refused(code, operation, **arguments):
        refused_by(code, getattr(watch, operation), **arguments)

    def unknown(operation, **arguments):
        refused_with("ResourceNotFound", 404, getattr(watch, operation), **arguments)

    alarms = {it["AlarmName"]: it for it in watch.describe_alarms()["MetricAlarms"]}
    check(list(alarms) == ["never", "rejects", "share"], alarms)
    check(watch.describe_alarms()["CompositeAlarms"] == [], "none are simulated")
    never, rejects = alarms["never"], alarms["rejects"]

    # A metric that does not exist never has data; a metric filter's has.
    check(never["StateValue"] == "INSUFFICIENT_DATA", never)
    check(never["StateReason"] == "Unchecked: Initial alarm creation", never)
    check(never["StateUpdatedTimestamp"] == never["AlarmConfigurationUpdatedTimestamp"], never)
    check(watch.list_metrics(Namespace="AWS/Logs", MetricName="RejectedPackets")["Metrics"] == [], "no such metric")
    check(rejects["StateValue"] == "ALARM" and "Threshold Crossed: " in rejects["StateReason"], rejects)
    check(rejects["StateUpdatedTimestamp"] > rejects["AlarmConfigurationUpdatedTimestamp"], rejects)
    why = json.loads(rejects["StateReasonData"])
    check(why["threshold"] == 0 and why["period"] == 60 and why["recentDatapoints"][-1] > 0, why)
    check(rejects["AlarmArn"].endswith(":alarm:rejects") and rejects["Statistic"] == "Sum", rejects)
    check(rejects["TreatMissingData"] == "notBreaching" and rejects["AlarmActions"] == [TOPIC], rejects)
    items = watch.describe_alarm_history(AlarmName="rejects", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    kinds = [it["HistoryItemType"] for it in items]
    check(kinds[0] == "ConfigurationUpdate" and items[0]["HistorySummary"] == 'Alarm "rejects" created', items)
    updates = [it["HistorySummary"] for it in items if it["HistoryItemType"] == "StateUpdate"]
    check(updates[-1].endswith(" to ALARM"), updates)
    action = items[kinds.index("Action")]
    check(action["HistorySummary"] == f"Successfully executed action {TOPIC}", action)
    change = json.loads(items[kinds.index("StateUpdate")]["HistoryData"])
    check(change["oldState"]["stateValue"] == "INSUFFICIENT_DATA", change)
    newest = watch.describe_alarm_history(AlarmName="rejects", MaxRecords=1)
    check(newest["AlarmHistoryItems"] == items[-1:] and "NextToken" in newest, newest)
    rest = watch.describe_alarm_history(AlarmName="rejects", NextToken=newest["NextToken"])["AlarmHistoryItems"]
    check(rest == items[-2::-1], rest)
    only = watch.describe_alarm_history(AlarmName="rejects", HistoryItemType="StateUpdate",
                                        StartDate=items[0]["Timestamp"])["AlarmHistoryItems"]
    check(all(it["HistoryItemType"] == "StateUpdate" for it in only) and only, only)

    # An alarm on math sees what it would by itself, minute by minute.
    share = alarms["share"]
    check(share["StateValue"] == "ALARM" and "[100.0 (" in share["StateReason"], share)
    why = json.loads(share["StateReasonData"])
    check(why["period"] == 60 and "statistic" not in why and why["evaluatedDatapoints"][0]["value"] == 100, why)
    check(not {"MetricName", "Namespace", "Dimensions", "Period", "Statistic", "Unit"} & set(share), share)
    (m1, e1) = share["Metrics"]
    check(e1 == {"Id": "e1", "Expression": "IF(m1 > 0 AND m1 < 1000000, 100, 0)", "Label": "rejected", "ReturnData": True}, e1)
    check(m1 == {"Id": "m1", "ReturnData": False, "MetricStat": {"Period": 60, "Stat": "Sum", "Metric": {
        "Namespace": "Lab", "MetricName": "Rejects", "Dimensions": []}}}, m1)
    items = watch.describe_alarm_history(AlarmName="share", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    created = json.loads(items[0]["HistoryData"])["createdAlarm"]
    check([it["id"] for it in created["metrics"]] == ["m1", "e1"] and "metricName" not in created, created)
    turns = [(it["Timestamp"], it["HistorySummary"]) for it in items if it["HistoryItemType"] == "StateUpdate"]
    of_rejects = watch.describe_alarm_history(AlarmName="rejects", HistoryItemType="StateUpdate",
                                              ScanBy="TimestampAscending")["AlarmHistoryItems"]
    check(turns == [(it["Timestamp"], it["HistorySummary"]) for it in of_rejects], (turns, of_rejects))
    alike = watch.describe_alarms_for_metric(Namespace="Lab", MetricName="Rejects")["MetricAlarms"]
    check([it["AlarmName"] for it in alike] == ["rejects"], "alarms on math are not told")

    # What the filter counts is what the records say, in the minutes of their delivery.
    metric = watch.list_metrics(Namespace="Lab", MetricName="Rejects")["Metrics"][0]
    check(metric["Dimensions"] == [], metric)
    events = logs.filter_log_events(logGroupName="/vpc/data/flow", filterPattern="REJECT")["events"]
    since = rejects["AlarmConfigurationUpdatedTimestamp"].timestamp() * 1000
    now = rejects["AlarmConfigurationUpdatedTimestamp"] + datetime.timedelta(hours=1)
    start = rejects["AlarmConfigurationUpdatedTimestamp"] - datetime.timedelta(minutes=5)
    counted = watch.get_metric_statistics(Namespace="Lab", MetricName="Rejects", StartTime=start, EndTime=now,
                                          Period=60, Statistics=["Sum"])["Datapoints"]
    last = max(it["Timestamp"] for it in counted).timestamp() * 1000 + 60_000
    expected = [it for it in events if since < it["ingestionTime"] < last]
    check(sum(it["Sum"] for it in counted) == len(expected) > 0, (counted, len(expected)))

    # Alarms of one's own.
    alarm = dict(AlarmName=name, Namespace="Own", MetricName="m", ExtendedStatistic="p90", Period=60,
                 EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=1.5, ComparisonOperator="LessThanThreshold",
                 Dimensions=[{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}], Unit="Bytes",
                 TreatMissingData="breaching", AlarmDescription="mine", OKActions=[TOPIC], ActionsEnabled=False,
                 EvaluateLowSampleCountPercentile="ignore")
    watch.put_metric_alarm(**alarm, Tags=[{"Key": "team", "Value": "net"}])
    (shown,) = watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    dimensions = sorted(alarm.pop("Dimensions"), key=lambda it: it["Name"])
    check(shown["Dimensions"] == dimensions, shown)
    check({k: shown[k] for k in alarm} == alarm, shown)
    check(watch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"] == [shown], "by prefix")
    check(watch.describe_alarms(StateValue="OK", AlarmNames=[name])["MetricAlarms"] == [], "by state")
    check(watch.describe_alarms(ActionPrefix="arn:aws:lambda")["MetricAlarms"] == [], "by action")
    check(len(watch.describe_alarms(ActionPrefix="arn:aws:sns")["MetricAlarms"]) == 3, "by action")
    check(watch.describe_alarms(AlarmTypes=["CompositeAlarm"])["MetricAlarms"] == [], "by type")
    page = watch.describe_alarms(MaxRecords=1)
    check(len(page["MetricAlarms"]) == 1 and page["NextToken"], page)
    of = {"Namespace": "Own", "MetricName": "m"}
    check(watch.describe_alarms_for_metric(**of, Dimensions=dimensions)["MetricAlarms"] == [shown], "by metric")
    check(watch.describe_alarms_for_metric(**of)["MetricAlarms"] == [], "by metric without dimensions")
    other = {**of, "Dimensions": dimensions}
    check(watch.describe_alarms_for_metric(**other, Period=300)["MetricAlarms"] == [], "by period")
    check(watch.describe_alarms_for_metric(**other, ExtendedStatistic="p90")["MetricAlarms"] == [shown], "by statistic")
    watch.enable_alarm_actions(AlarmNames=[name])
    check(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"], "enabled")
    watch.disable_alarm_actions(AlarmNames=[name, "nobody"])
    check(not watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"], "disabled")
    watch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="by hand", StateReasonData='{"a": 1}')
    (shown,) = watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    check(shown["StateValue"] == "OK" and shown["StateReason"] == "by hand", shown)
    check(json.loads(shown["StateReasonData"]) == {"a": 1}, shown)
    arn = shown["AlarmArn"]
    watch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "ops"}, {"Key": "x", "Value": "y"}])
    watch.untag_resource(ResourceARN=arn, TagKeys=["x"])
    # Made anew it keeps its state, and its tags.
    watch.put_metric_alarm(**alarm, Tags=[{"Key": "team", "Value": "new"}])
    check(watch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ops"}], "tags")
    refused("ResourceNotFoundException", "list_tags_for_resource", ResourceARN=arn + "s")
    (shown,) = watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    check(shown["StateValue"] == "OK" and shown["Dimensions"] == [], shown)
    refused("InvalidFormat", "set_alarm_state", AlarmName=name, StateValue="OK", StateReason="x", StateReasonData="{")
    refused("ValidationError", "set_alarm_state", AlarmName=name, StateValue="GREEN", StateReason="x")
    unknown("set_alarm_state", AlarmName="nobody", StateValue="OK", StateReason="x")
    unknown("delete_alarms", AlarmNames=[name, "nobody"])
    check(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"], "none was deleted")
    refused("ValidationError", "describe_alarms", AlarmNames=[name], AlarmNamePrefix=name)
    of_one = lambda at: {"Id": f"m{at}", "MetricStat": {"Metric": {"Namespace": "Own", "MetricName": "m"},
                                                         "Period": 60, "Stat": "Sum"}}
    span = {"StartTime": start, "EndTime": now}
    some = watch.get_metric_data(**span, MetricDataQueries=[of_one(at) for at in range(500)])
    check(len(some["MetricDataResults"]) == 500, "as many as there may be")
    refused("ValidationError", "get_metric_data", **span, MetricDataQueries=[of_one(at) for at in range(501)])
    refused("InvalidParameterCombination", "put_metric_alarm", **{**alarm, "Statistic": "Sum"})
    refused("ValidationError", "put_metric_alarm", **{**alarm, "Period": 61})
    refused("ValidationError", "put_metric_alarm", **{**alarm, "ComparisonOperator": "Near"})
    refused("ValidationError", "put_metric_alarm", **{**alarm, "AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]})
    metric = lambda id, **it: {"Id": id, "ReturnData": False, "MetricStat": {
        "Metric": {"Namespace": "Own", "MetricName": id}, "Period": 60, "Stat": "Average", **it}}
    plain = {k: v for k, v in alarm.items() if k not in
             ("Namespace", "MetricName", "ExtendedStatistic", "Period", "Unit")}
    math = lambda *queries, **more: {**plain, **more, "AlarmName": name + "-math", "Metrics": list(queries)}
    e = lambda text, **it: {"Id": "e", "Expression": text, **it}
    m, n = metric("m"), metric("n", Unit="Percent")
    watch.put_metric_alarm(**math(m, n, {"Id": "x", "Expression": "m / n", "ReturnData": False},
                                  e("FILL(x, 0) >= 1 OR ABS(m) < 1", Period=60)))
    (shown,) = watch.describe_alarms(AlarmNames=[name + "-math"])["MetricAlarms"]
    check([it["Id"] for it in shown["Metrics"]] == ["m", "n", "x", "e"], shown)
    check(shown["Metrics"][1]["MetricStat"]["Unit"] == "Percent" and shown["Metrics"][3]["Period"] == 60, shown)
    watch.put_metric_alarm(**math({**m, "ReturnData": True}))
    watch.delete_alarms(AlarmNames=[name + "-math"])

    def wrong(text, *queries, **more):
        try:
            watch.put_metric_alarm(**math(*queries, **more))
        except watch.exceptions.ClientError as error:
            check(error.response["Error"]["Code"] == "ValidationError", error)
            check(text in error.response["Error"]["Message"], error)
            return
        raise AssertionError(f"{text} was expected")

    wrong("Exactly one element of the metrics list should return data.", m, e("m", ReturnData=False))
    wrong("Exactly one element of the metrics list should return data.", {**m, "ReturnData": True}, e("m"))
    for its in ["MetricName", "Namespace", "Statistic", "Unit", "Period", "Dimensions"]:
        value = {"Statistic": "Sum", "Unit": "Bytes", "Period": 60, "Dimensions": dimensions}.get(its, "x")
        wrong(f"{its} should not be set if list of Metrics is set.", m, e("m + 1"), **{its: value})
    wrong("mutually exclusive and you have specified both", {**m, "Expression": "1", "ReturnData": True})
    wrong("must be given", {"Id": "a"})
    wrong("not unique", m, m, e("m"))
    wrong("pattern", {**m, "Id": "M"}, e("1"))
    wrong("there is no query o", m, e("m + o"))
    wrong("in a circle", m, e("m + f"), {"Id": "f", "Expression": "e", "ReturnData": False})
    wrong("single time series", m, e("SUM(m)"))
    wrong("single time series", m, e("METRICS()"))
    wrong("no function SEARCH", m, e("SEARCH('{Own} m', 'Sum')"))
    wrong("does not belong there", m, e("m +* 1"))
    wrong("one period", m, metric("n", Period=300), e("m + n"))
    wrong("size greater than 20", e("m0 + m1"), *[metric(f"m{at}") for at in range(20)])
    wrong("more than 10 metrics", e("m0 + m1"), *[metric(f"m{at}") for at in range(11)])
    wrong("must be 10, 20, 30 or a multiple of 60", metric("m", Period=61), e("m"))
    wrong("a day", m, e("m"), EvaluationPeriods=1441)
    wrong("MetricName must not be null")
    watch.delete_alarms(AlarmNames=[name])
    check(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == [], "deleted")
    items = watch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    check(items[0]["HistorySummary"] == f'Alarm "{name}" deleted', items)

    # Data of one's own: values, statistics, dimensions, percentiles.
    space = f"Own/{name}"
    watch.put_metric_data(Namespace=space, MetricData=[
        {"MetricName": "latency", "Values": [1.0, 2.5, 10.0], "Counts": [10, 5, 1], "Unit": "Milliseconds"},
        {"MetricName": "size", "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4},
         "Dimensions": [{"Name": "Host", "Value": "web"}]}])
    watch.put_metric_data(Namespace=space, MetricData=[{"MetricName": "latency", "Value": 0.5, "Unit": "Milliseconds"}])
    check(len(watch.list_metrics(Namespace=space)["Metrics"]) == 2, "two metrics")
    asked = dict(Namespace=space, MetricName="latency", StartTime=start, EndTime=now, Period=3600)
    points = watch.get_metric_statistics(**asked, Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
                                         ExtendedStatistics=["p50", "p90", "p100"])["Datapoints"]
    (point,) = points
    check(point["Sum"] == 33 and point["SampleCount"] == 17, point)
    check(point["Minimum"] == 0.5 and point["Maximum"] == 10 and point["Unit"] == "Milliseconds", point)
    check(point["ExtendedStatistics"] == {"p50": 1.0, "p90": 2.5, "p100": 10.0}, point)
    sizes = {**asked, "MetricName": "size", "Dimensions": [{"Name": "Host", "Value": "web"}]}
    (point,) = watch.get_metric_statistics(**sizes, Statistics=["Average"])["Datapoints"]
    check(point["Average"] == 2.5 and point["Unit"] == "None", point)
    check(watch.get_metric_statistics(**sizes, ExtendedStatistics=["p50"])["Datapoints"] == [], "statistics tell none")
    data = lambda **it: {"Namespace": "Own", "MetricData": [{"MetricName": "m", **it}]}
    refused("InvalidParameterValue", "put_metric_data", **{**data(Value=1.0), "Namespace": "AWS/EC2"})
    refused("InvalidParameterCombination", "put_metric_data", **data())
    refused("InvalidParameterCombination", "put_metric_data", **data(Value=1.0, Values=[1.0]))
    refused("InvalidParameterValue", "put_metric_data", **data(Values=[1.0], Counts=[1.0, 2.0]))
    refused("InvalidParameterValue", "put_metric_data", **data(Value=1.0, Timestamp=now + datetime.timedelta(hours=5)))


for at, protocol in enumerate(PROTOCOLS):
    suite(speaking(protocol), f"own-{at}")
check(not untried() - {"GetMetricData"}, untried())
done()
