"""A change made through the API, component by component: what is broken carries nothing, what is mended carries
packets within a second, and everything that tells of it agrees: the capture, the path and the Reachability
Analyzer, the flow log, the metric where the component has one, CloudTrail.

Runs in the shell of the lab beside this file. All rows are broken and mended first, each at moments of its own;
flow logs and CloudTrail, which take minutes, are read once at the end.
"""

import datetime
import json
import os
import re
import subprocess
import time
import traceback
import urllib.request

import boto3
from botocore.config import Config

APP = "10.1.1.10"
config = Config(retries={"max_attempts": 0})
clients = {it: boto3.client(it, config=config) for it in ("ec2", "logs", "cloudwatch", "cloudtrail", "route53")}
ec2 = clients["ec2"]


def wirelab(*arguments):
    return subprocess.run(["wirelab", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def now():
    """The lab's moment, in seconds since 1970."""
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_wirelab") as reply:
        return json.load(reply)["utc_seconds"]


def ids(*names):
    with open("names", "w") as file:
        file.write("".join("${%s}\n" % name for name in names))
    filled = wirelab("author", "fill", "names")
    assert filled.returncode == 0, filled.stderr
    return dict(zip(names, filled.stdout.split()))


class Row:
    """One component. `breaks` and `mends` are lists of calls, `(service, operation, arguments)`, or functions that
    give such a list; `client` connects to `target`; `reply` is where the mended packets come from."""

    def __init__(self, name, target, breaks, mends, port=80, client="app", refused=None, metric=None, path=True,
                 insights=True, group="/main"):
        self.name, self.target, self.port, self.client = name, target, port, client
        self.breaks, self.mends, self.refused, self.metric = breaks, mends, refused, metric
        self.path, self.insights, self.group = path, insights, group
        self.calls, self.checks = [], 0

    def check(self, holds, what):
        self.checks += 1
        assert holds, f"{self.name}: {what}"

    def make(self, calls):
        """Makes calls one after the other; a function is asked for more when its turn comes."""
        for call in calls:
            if callable(call):
                self.make(call())
                continue
            service, operation, arguments = call
            before = now()
            self.last = getattr(clients[service], operation)(**arguments)
            name = clients[service].meta.method_to_api_mapping[operation]
            self.calls.append((name, before, now()))

    def connects(self):
        """Whether a connection is made, and the window of time in which it was tried."""
        start = now()
        ran = wirelab("exec", self.client, "--", "nc", "-z", "-w", "3", self.target, str(self.port))
        return ran.returncode == 0, (start, now() + 1)

    def reachable(self):
        answer = wirelab("path", self.client, f"{self.target}:{self.port}/tcp", "--json")
        return json.loads(answer.stdout) if answer.returncode == 0 else {"reachable": False, "blockers": ["no name"]}

    def found(self):
        """What the Reachability Analyzer says."""
        return analysed(self.target, self.port)["NetworkPathFound"]

    def play(self):
        self.make(self.breaks)
        works, self.broken = self.connects()
        self.check(not works, "a connection is made although it is broken")
        if self.path:
            path = self.reachable()
            self.check(not path["reachable"] and path["blockers"], f"the path says {path}")
        if self.insights:
            self.check(self.found() is False, "the analyzer finds a way although it is broken")
        wirelab("advance", "2m")
        self.make(self.mends)
        fixed = now()
        works, self.mended = self.connects()
        self.check(works, "no connection although it is mended")
        if self.path:
            path = self.reachable()
            self.check(path["reachable"], f"the path still says {path['blockers']}")
        if self.insights:
            self.check(self.found() is True, "the analyzer finds no way although it is mended")
        self.capture(fixed)
        wirelab("advance", "2m")

    def capture(self, fixed):
        """The answer of the very next second is in the client's capture."""
        since = datetime.datetime.fromtimestamp(fixed, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        expression = f"src port {self.port} and (tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack) or ip6)"
        ran = wirelab("tcpdump", self.client, "--since", since, "-nn", "-tt", expression)
        times = [float(line.split()[0]) for line in ran.stdout.splitlines() if re.match(r"\d+\.\d+ IP", line)]
        self.check(times, f"nothing came back: {ran.stdout}{ran.stderr}")
        self.check(fixed <= times[0] <= fixed + 2, f"mended at {fixed}, answered at {times[0]}")

    def records(self, window, more):
        """How many records of flow logs fit, of what was tried in a window of time."""
        query = f"filter (dstPort = {self.port} or srcPort = {self.port}) and {more} | stats count(*) as n"
        started = clients["logs"].start_query(logGroupName=self.group, startTime=int(window[0]) - 61,
                                              endTime=int(window[1]) + 61, queryString=query)
        while True:
            results = clients["logs"].get_query_results(queryId=started["queryId"])
            if results["status"] not in ("Scheduled", "Running"):
                break
            time.sleep(0.05)
        assert results["status"] == "Complete", results
        return int(results["results"][0][0]["value"]) if results["results"] else 0

    def agree(self):
        """What takes minutes to be told."""
        answered = f'srcPort = {self.port} and action = "ACCEPT"'
        if self.group:
            if self.address:
                answered += f' and (srcAddr = "{self.address}" or dstAddr = "{self.address}")'
            self.check(self.records(self.mended, answered), "no flow-log record of the answer")
        if self.refused:
            rejected = f'{self.refused} and action = "REJECT"'
            self.check(self.records(self.broken, rejected), "no REJECT of what was refused")
            self.check(not self.records(self.mended, rejected), "a REJECT although it is mended")
        if self.metric:
            namespace, dimensions, broken, mended = self.metric()
            for metric, window in ((broken, self.broken), (mended, self.mended)):
                if metric:
                    self.check(summed(namespace, metric, dimensions, window), f"{metric} is 0 in {window}")
        for name, start, end in self.calls:
            events = clients["cloudtrail"].lookup_events(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])["Events"]
            times = [it["EventTime"].timestamp() for it in events]
            self.check(any(start <= it <= end for it in times), f"CloudTrail has {name} at {times}, not {start}")

    @property
    def address(self):
        return self.target if re.match(r"\d+\.", self.target) else None


def analysed(target, port):
    path = ec2.create_network_insights_path(Source=known["network_interface.app"], DestinationIp=target,
                                            Protocol="tcp", DestinationPort=port)
    path = path["NetworkInsightsPath"]["NetworkInsightsPathId"]
    analysis = ec2.start_network_insights_analysis(NetworkInsightsPathId=path)["NetworkInsightsAnalysis"]
    ids = [analysis["NetworkInsightsAnalysisId"]]
    return ec2.describe_network_insights_analyses(NetworkInsightsAnalysisIds=ids)["NetworkInsightsAnalyses"][0]


def summed(namespace, metric, dimensions, window):
    """A metric, over the minutes that touch a window."""
    start, end = int(window[0]) // 60 * 60, int(window[1]) // 60 * 60 + 60
    points = clients["cloudwatch"].get_metric_statistics(
        Namespace=namespace, MetricName=metric, Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
        StartTime=start, EndTime=end, Period=60, Statistics=["Sum"])["Datapoints"]
    return sum(it["Sum"] for it in points)


known = ids(
    "security_group.web", "network_acl.web", "route_table.app", "route_table.public", "route_table.peer",
    "nat_gateway.out", "internet_gateway.main", "vpc_peering_connection.peer", "transit_gateway.hub",
    "transit_gateway_route_table.all", "transit_gateway_vpc_attachment.main", "transit_gateway_vpc_attachment.far",
    "vpc_endpoint.ssm", "vpc_endpoint.s3", "security_group.services", "hosted_zone.corp",
    "vpc.main", "vpc.peer", "subnet.web", "network_interface.app",
    "network_interface.router", "prefix_list.apps", "vpn_connection.office", "vpn_gateway.office",
    "egress_only_internet_gateway.main", "instance.web")


def call(operation, **arguments):
    return ("ec2", operation, arguments)


def on(operation, table="app", **arguments):
    return call(operation, RouteTableId=known[f"route_table.{table}"], **arguments)


http = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
web = dict(GroupId=known["security_group.web"], IpPermissions=http)
entry = dict(NetworkAclId=known["network_acl.web"], RuleNumber=50, Egress=True)
everywhere = dict(DestinationCidrBlock="0.0.0.0/0")
nat = {}
association = dict(TransitGatewayRouteTableId=known["transit_gateway_route_table.all"],
                   TransitGatewayAttachmentId=known["transit_gateway_vpc_attachment.main"])
propagation = dict(TransitGatewayRouteTableId=known["transit_gateway_route_table.all"],
                   TransitGatewayAttachmentId=known["transit_gateway_vpc_attachment.far"])


def another_nat_gateway():
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=known["subnet.web"], AllocationId=address)["NatGateway"]
    nat["new"] = made["NatGatewayId"]
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat["new"]])
    return [on("replace_route", **everywhere, NatGatewayId=nat["new"])]


def another_peering():
    made = ec2.create_vpc_peering_connection(VpcId=known["vpc.main"], PeerVpcId=known["vpc.peer"])
    made = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    return [call("accept_vpc_peering_connection", VpcPeeringConnectionId=made),
            on("replace_route", DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=made),
            on("replace_route", "peer", DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=made)]


def prefix_list(**change):
    def calls():
        listed = ec2.describe_managed_prefix_lists(PrefixListIds=[known["prefix_list.apps"]])["PrefixLists"][0]
        return [call("modify_managed_prefix_list", PrefixListId=known["prefix_list.apps"],
                     CurrentVersion=listed["Version"], **change)]
    return calls


def record(action, address):
    change = {"Action": action, "ResourceRecordSet": {"Name": "www.corp.internal", "Type": "A", "TTL": 5,
                                                      "ResourceRecords": [{"Value": address}]}}
    return ("route53", "change_resource_record_sets", dict(HostedZoneId=known["hosted_zone.corp"],
                                                           ChangeBatch={"Changes": [change]}))


def source_dest_check(value):
    return call("modify_network_interface_attribute", NetworkInterfaceId=known["network_interface.router"],
                SourceDestCheck={"Value": value})


def endpoint(which, **change):
    return call("modify_vpc_endpoint", VpcEndpointId=known[f"vpc_endpoint.{which}"], **change)


def hub():
    return ("AWS/TransitGateway", {"TransitGateway": known["transit_gateway.hub"]}, "PacketDropCountNoRoute",
            "PacketsIn")


rows = [
    Row("security group", "10.1.2.80", [call("revoke_security_group_ingress", **web)],
        [call("authorize_security_group_ingress", **web)], refused='dstAddr = "10.1.2.80"'),
    Row("network ACL", "10.1.2.80",
        [call("create_network_acl_entry", **entry, RuleAction="deny", Protocol="6", CidrBlock="10.1.1.0/24",
              PortRange={"From": 32768, "To": 60999})],
        [call("delete_network_acl_entry", **entry)], refused='srcAddr = "10.1.2.80"'),
    Row("route table", "203.0.113.80", [on("delete_route", **everywhere)],
        [on("create_route", **everywhere, NatGatewayId=known["nat_gateway.out"])]),
    Row("NAT gateway", "203.0.113.80", [call("delete_nat_gateway", NatGatewayId=known["nat_gateway.out"])],
        [another_nat_gateway],
        metric=lambda: ("AWS/NATGateway", {"NatGatewayId": nat["new"]}, None, "BytesOutToDestination")),
    Row("internet gateway", "203.0.113.80", [on("delete_route", "public", **everywhere)],
        [on("create_route", "public", **everywhere, GatewayId=known["internet_gateway.main"])]),
    Row("peering connection", "10.2.1.80",
        [call("delete_vpc_peering_connection", VpcPeeringConnectionId=known["vpc_peering_connection.peer"])],
        [another_peering]),
    Row("transit gateway association", "10.3.1.80",
        [call("disassociate_transit_gateway_route_table", **association)],
        [call("associate_transit_gateway_route_table", **association)], metric=hub),
    Row("transit gateway propagation", "10.3.1.80",
        [call("disable_transit_gateway_route_table_propagation", **propagation)],
        [call("enable_transit_gateway_route_table_propagation", **propagation)], metric=hub),
    Row("interface endpoint", "ssm.us-east-1.amazonaws.com",
        [endpoint("ssm", RemoveSecurityGroupIds=[known["security_group.services"]],
                  AddSecurityGroupIds=[known["security_group.web"]])],
        [endpoint("ssm", RemoveSecurityGroupIds=[known["security_group.web"]],
                  AddSecurityGroupIds=[known["security_group.services"]])],
        port=443, refused='dstAddr like "10.1.3."', insights=False),
    Row("gateway endpoint", "s3.us-east-1.amazonaws.com",
        [endpoint("s3", RemoveRouteTableIds=[known["route_table.app"]]), on("delete_route", **everywhere)],
        [endpoint("s3", AddRouteTableIds=[known["route_table.app"]])], port=443, insights=False),
    Row("route by NAT again", "203.0.113.80", [],
        [lambda: [on("create_route", **everywhere, NatGatewayId=nat["new"])]]),
    Row("hosted zone", "www.corp.internal", [record("UPSERT", "10.1.2.250")], [record("UPSERT", "10.1.2.80")],
        insights=False),
    Row("source/destination check", "10.1.4.80", [source_dest_check(True)], [source_dest_check(False)]),
    Row("managed prefix list", "10.1.2.81", [prefix_list(RemoveEntries=[{"Cidr": "10.1.1.0/24"}])],
        [prefix_list(AddEntries=[{"Cidr": "10.1.1.0/24"}])], refused='dstAddr = "10.1.2.81"'),
    Row("VPN connection", "192.168.10.80",
        [call("delete_vpn_connection_route", VpnConnectionId=known["vpn_connection.office"],
              DestinationCidrBlock="192.168.10.0/24")],
        [call("create_vpn_connection_route", VpnConnectionId=known["vpn_connection.office"],
              DestinationCidrBlock="192.168.10.0/24")], insights=False),
    Row("route propagation", "192.168.10.80",
        [on("disable_vgw_route_propagation", GatewayId=known["vpn_gateway.office"])],
        [on("enable_vgw_route_propagation", GatewayId=known["vpn_gateway.office"])], insights=False),
    Row("egress-only internet gateway", "2001:db8::80", [on("delete_route", DestinationIpv6CidrBlock="::/0")],
        [on("create_route", DestinationIpv6CidrBlock="::/0",
            EgressOnlyInternetGatewayId=known["egress_only_internet_gateway.main"])], insights=False, path=False),
    Row("instance", "10.1.2.80", [call("stop_instances", InstanceIds=[known["instance.web"]])],
        [call("start_instances", InstanceIds=[known["instance.web"]])], insights=False),
]

failures = []
for part in (Row.play, Row.agree):
    for row in rows:
        try:
            if part is Row.play or hasattr(row, "mended"):
                part(row)
        except Exception:
            failures.append(traceback.format_exc())
    if part is Row.play:
        wirelab("advance", "15m")
for row in rows:
    print(f"{row.name}: {row.checks} checks, {' '.join(name for name, _, _ in row.calls)}")
print("\n".join(failures))
raise SystemExit(1 if failures else 0)
