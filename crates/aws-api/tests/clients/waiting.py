"""Loops that wait for something, as scripts have them, where time goes on by itself."""

import itertools

import boto3

ec2, logs = boto3.client("ec2"), boto3.client("logs")
checks = itertools.count()
AT_MOST = 500


def check(what, holds):
    next(checks)
    assert holds, what


subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
launched = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)
launched = launched["Instances"][0]
check("nothing settles at once", launched["State"]["Name"] == "pending")
waiter = ec2.get_waiter("instance_running")
waiter.wait(InstanceIds=[launched["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": AT_MOST})
check("the waiter came to its end", True)
(status,) = ec2.describe_instance_status(InstanceIds=[launched["InstanceId"]])["InstanceStatuses"]
check("checks take a few minutes", status["InstanceStatus"]["Status"] == "initializing")
waiter = ec2.get_waiter("instance_status_ok")
waiter.wait(InstanceIds=[launched["InstanceId"]], WaiterConfig={"Delay": 0, "MaxAttempts": AT_MOST})
check("and pass", True)


def events():
    """How many there are in the group of the lab's flow log."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/vpc/data/flow")
    return sum(len(page["events"]) for page in pages)


before = events()
check("records come", any(events() > before for _ in range(AT_MOST)))

logs.create_log_group(logGroupName="loop")
names = [it["logGroupName"] for it in logs.describe_log_groups()["logGroups"]]
check("calls go on", "loop" in names)
print(next(checks), "checks")
