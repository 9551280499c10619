"""CloudWatch as boto3 sees it, in each of the three protocols that clients speak to it.

Each reply is held against the public model. Needs a NAT gateway that has reported for minutes.
"""

import datetime

from protocols import PROTOCOLS, speaking
from suite import check, done, refused as refused_by


def suite(watch):
    def refused(code, operation, **arguments):
        refused_by(code, getattr(watch, operation), **arguments)

    spaces = {it["Namespace"] for it in watch.list_metrics()["Metrics"]}
    check(spaces == {"AWS/EC2", "AWS/NATGateway", "AWS/Logs"}, spaces)
    everything = watch.list_metrics(Namespace="AWS/NATGateway")["Metrics"]
    check(everything, "a gateway reports")
    of = {"Namespace": "AWS/NATGateway", "MetricName": "ActiveConnectionCount"}
    (metric,) = watch.list_metrics(**of)["Metrics"]
    (dimension,) = metric["Dimensions"]
    check(dimension["Name"] == "NatGatewayId", dimension)
    check(watch.list_metrics(Dimensions=[dimension])["Metrics"] == everything, dimension)
    check(watch.list_metrics(Dimensions=[{"Name": "NatGatewayId"}])["Metrics"] == everything, dimension)
    check(watch.list_metrics(RecentlyActive="PT3H", Namespace="AWS/NATGateway")["Metrics"] == everything, "all report")
    for none in [{"Namespace": "AWS/ECS"}, {"MetricName": "X"}, {"Dimensions": [{"Name": "X"}]},
                 {"Dimensions": [{"Name": "NatGatewayId", "Value": "X"}]}]:
        check(watch.list_metrics(**none)["Metrics"] == [], none)
    refused("InvalidNextToken", "list_metrics", NextToken="x")
    refused("ValidationError", "list_metrics", Namespace="")
    refused("ValidationError", "list_metrics", RecentlyActive="PT4H")

    minute = datetime.timedelta(minutes=1)
    day = datetime.timedelta(days=1)
    names = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"]
    reply = watch.get_metric_data(StartTime=0, EndTime=4e9, ScanBy="TimestampAscending", MetricDataQueries=[
        {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 60, "Stat": name}} for name in names])
    results = {it["Id"]: it for it in reply["MetricDataResults"]}
    times = results["sum"]["Timestamps"]
    check(len(times) >= 5 and times == sorted(times), times)
    check(all(it["Timestamps"] == times and it["StatusCode"] == "Complete" for it in results.values()), results)
    check(all(it["Label"] == "ActiveConnectionCount" for it in results.values()), results)
    start, end = times[0], times[-1] + minute

    # The same by the other action, and by longer periods.
    asked = {**of, "Dimensions": [dimension], "StartTime": start, "EndTime": end, "Period": 60}
    points = watch.get_metric_statistics(**asked, Statistics=names)
    check(points["Label"] == "ActiveConnectionCount", points)
    points = sorted(points["Datapoints"], key=lambda it: it["Timestamp"])
    check([it["Timestamp"] for it in points] == times, points)
    for name in names:
        check([it[name] for it in points] == results[name.lower()]["Values"], (name, points))
    for it in points:
        check(it["Unit"] == "Count" and it["Average"] == it["Sum"] / it["SampleCount"], it)
        check(it["Minimum"] <= it["Average"] <= it["Maximum"], it)
    five = {**asked, "Period": 300, "Statistics": ["Sum", "Maximum"]}
    for it in watch.get_metric_statistics(**five)["Datapoints"]:
        inside = [p for p in points if it["Timestamp"] <= p["Timestamp"] < it["Timestamp"] + 5 * minute]
        check(it["Sum"] == sum(p["Sum"] for p in inside), it)
        check(it["Maximum"] == max(p["Maximum"] for p in inside), it)
        check(set(it) == {"Timestamp", "Unit", "Sum", "Maximum"}, it)
    one = {**asked, "EndTime": start + minute, "Statistics": ["Sum"]}
    check([it["Timestamp"] for it in watch.get_metric_statistics(**one)["Datapoints"]] == [start], one)
    for none in [{"Dimensions": []}, {"Unit": "Bytes"}, {"MetricName": "X"},
                 {"StartTime": end + day, "EndTime": end + 2 * day, "Period": 3600}]:
        check(watch.get_metric_statistics(**{**one, **none})["Datapoints"] == [], none)

    # Pages, the newest first.
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    several = {"StartTime": start, "EndTime": end, "MetricDataQueries": [query, {**query, "Id": "n", "Label": "twice"}]}
    pages = [watch.get_metric_data(**several, MaxDatapoints=len(times) + 2)]
    check([it["StatusCode"] for it in pages[0]["MetricDataResults"]] == ["Complete", "PartialData"], pages)
    while "NextToken" in pages[-1]:
        pages.append(watch.get_metric_data(**several, MaxDatapoints=len(times) + 2, NextToken=pages[-1]["NextToken"]))
    for name in ["m", "n"]:
        shown = [it for page in pages for it in page["MetricDataResults"] if it["Id"] == name]
        check([t for it in shown for t in it["Timestamps"]] == times[::-1], shown)
        check([v for it in shown for v in it["Values"]] == results["sum"]["Values"][::-1], shown)
    check(pages[0]["MetricDataResults"][1]["Label"] == "twice", pages)
    hidden = {**several, "MetricDataQueries": [{**query, "ReturnData": False}]}
    check(watch.get_metric_data(**hidden)["MetricDataResults"] == [], hidden)

    # Metric math is what one counts by hand.
    sums, counts = results["sum"]["Values"], results["samplecount"]["Values"]

    def math(expression, *more):
        asks = [{**query, "ReturnData": False}, {"Id": "n", "ReturnData": False, "MetricStat": {**query["MetricStat"], "Stat": "SampleCount"}},
                *more, {"Id": "e", "Expression": expression, "Label": "math"}]
        (reply,) = watch.get_metric_data(**{**several, "MetricDataQueries": asks}, ScanBy="TimestampAscending")["MetricDataResults"]
        check(reply["Label"] == "math" and reply["StatusCode"] == "Complete", reply)
        return dict(zip(reply["Timestamps"], reply["Values"]))

    of = lambda values: dict(zip(times, values))
    both = list(zip(sums, counts))
    check(math("m / n * 100 - 1") == of([s / n * 100 - 1 for s, n in both]), "by moments")
    check(math("SUM([m, n]) - AVG(METRICS())") == of([s + n - (s + n) / 2 for s, n in both]), "several")
    check(math("m > AVG(m)") == of([float(s > sum(sums) / len(sums)) for s in sums]), "against a number")
    check(math("IF(m >= MAX(m) && n > 0, -m, 2 ^ 3 ^ 0)") == of([-s if s == max(sums) else 2.0 for s in sums]), "IF")
    check(math("1 / (m - MIN(m))") == {t: 1 / (s - min(sums)) for t, s in of(sums).items() if s != min(sums)}, "no infinity")
    check(math("e2 * 2", {"Id": "e2", "Expression": "m + 1", "ReturnData": False}) == of([2 * s + 2 for s in sums]), "of another")
    rates = math("RATE(m)")
    check(list(rates) == times[1:], rates)
    check(all(abs(rates[t] - (b - a) / (t - u).total_seconds()) < 1e-9
              for (u, a), (t, b) in zip(of(sums).items(), list(of(sums).items())[1:])), rates)
    filled = math("FILL(m, -1)")
    check({t: v for t, v in filled.items() if t in times} == of(sums), filled)
    check(len(filled) == (end - start) / minute and all(filled[t] == -1 for t in filled if t not in times), filled)
    check(math("PERIOD(m) + 0 * m") == of([60.0] * len(sums)), "a period")

    refused("InvalidParameterCombination", "get_metric_statistics", **asked)
    refused("InvalidParameterCombination", "get_metric_statistics", **{**one, "StartTime": end + day})
    refused("InvalidParameterCombination", "get_metric_statistics", **{**one, "StartTime": end - 9 * day})
    refused("InvalidParameterValue", "get_metric_statistics", **{**one, "Period": 61})
    refused("InvalidParameterValue", "get_metric_statistics", **{**one, "ExtendedStatistics": ["tm99"]})
    refused("ValidationError", "get_metric_statistics", **{**one, "Period": 0})
    refused("ValidationError", "get_metric_statistics", **{**one, "Statistics": ["Median"]})
    refused("ValidationError", "get_metric_statistics", **{**one, "Unit": "Furlongs"})
    refused("ValidationError", "get_metric_statistics", Namespace="AWS/NATGateway")
    bad = lambda code, **it: refused(code, "get_metric_data", **{**several, "MetricDataQueries": [it, query]})
    bad("ValidationError", **{**query, "Id": "M"})
    bad("ValidationError", **query)
    for wrong in ["m * ", "m + nobody", "e + 1", "SUM(m)", "SEARCH('x', 'Sum')", "[m, m]", "m m", "(" * 99 + "m" + ")" * 99]:
        bad("ValidationError", Id="e", Expression=wrong)
    bad("ValidationError", Id="e")
    bad("InvalidParameterValue", Id="e", MetricStat={"Metric": metric, "Period": 60, "Stat": "tm99"})
    refused("ValidationError", "get_metric_data", **{**several, "EndTime": start})


    # The network of an instance comes in five minutes, with a sample of each; its checks in one.
    instances = watch.list_metrics(Namespace="AWS/EC2", MetricName="NetworkIn")["Metrics"]
    for name, period, most in [("NetworkOut", 300, 5), ("NetworkPacketsIn", 300, 5), ("StatusCheckFailed", 60, 1)]:
        of_instance = {"Namespace": "AWS/EC2", "MetricName": name, "Dimensions": instances[0]["Dimensions"]}
        check(watch.list_metrics(**of_instance)["Metrics"], of_instance)
        span = {"StartTime": start - day / 4, "EndTime": end, "Statistics": ["SampleCount", "Sum", "Maximum"]}
        found = watch.get_metric_statistics(**of_instance, **span, Period=60)["Datapoints"]
        check(found and all(it["Timestamp"].timestamp() % period == 0 for it in found), found)
        check(all(0 < it["SampleCount"] <= most and it["Maximum"] <= it["Sum"] for it in found), found)
        check(name == "StatusCheckFailed" or any(it["SampleCount"] == most for it in found), found)
        check({it["Unit"] for it in found} == {"Bytes" if name == "NetworkOut" else "Count"}, found)

    # A minute of a gateway is one sample, so its percentiles are that.
    percentile = {**one, "ExtendedStatistics": ["p99", "p50"]}
    (point,) = watch.get_metric_statistics(**percentile)["Datapoints"]
    check(point["ExtendedStatistics"] == {"p99": point["Sum"], "p50": point["Sum"]}, point)


for protocol in PROTOCOLS:
    suite(speaking(protocol))
done()
