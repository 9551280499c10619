"""S3 as boto3 reads it: the bucket of the lab's flow logs."""

import boto3
from botocore.config import Config
from suite import check, done, refused_with as refused

s3 = boto3.client("s3", config=Config(retries={"max_attempts": 0}))

bucket = s3.list_buckets()["Buckets"][0]["Name"]
s3.head_bucket(Bucket=bucket)
s3.get_bucket_location(Bucket=bucket)
everything = s3.list_objects_v2(Bucket=bucket)
check(everything["KeyCount"] == len(everything["Contents"]) and not everything["IsTruncated"], everything)
keys = [it["Key"] for it in everything["Contents"]]
check(keys == sorted(keys) and all("AWSLogs/" in it for it in keys), keys)
for size in [1, 2]:
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}))
    check([it for page in pages for it in page["Contents"]] == everything["Contents"], size)
check([it["Key"] for it in s3.list_objects_v2(Bucket=bucket, StartAfter=keys[0])["Contents"]] == keys[1:], keys)
start = keys[0].index("AWSLogs/")
groups = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix=keys[0][:start + len("AWSLogs/")])
check({it["Prefix"] for it in groups["CommonPrefixes"]} == {it[:it.index("/", start + 8) + 1] for it in keys}, groups)
check("Contents" not in groups and groups["KeyCount"] == len(groups["CommonPrefixes"]), groups)
check("Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="nothing"), "nothing begins so")

for listed in everything["Contents"][:3]:
    place = {"Bucket": bucket, "Key": listed["Key"]}
    head, whole = s3.head_object(**place), s3.get_object(**place)
    octets = whole["Body"].read()
    check(len(octets) == head["ContentLength"] == listed["Size"], head)
    check(head["ETag"] == whole["ETag"] == listed["ETag"], head)
    check(head["LastModified"] == listed["LastModified"], head)
    some = s3.get_object(**place, Range="bytes=2-5")
    check(some["Body"].read() == octets[2:6] and some["ContentRange"] == f"bytes 2-5/{len(octets)}", some)
    check(s3.get_object(**place, Range="bytes=-3")["Body"].read() == octets[-3:], listed)
    refused("InvalidRange", 416, s3.get_object, **place, Range="bytes=99999999-")

refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="../../../session.json")
refused("404", 404, s3.head_object, Bucket=bucket, Key="nothing")
refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="no-such-bucket")
refused("404", 404, s3.head_bucket, Bucket="no-such-bucket")
refused("NotImplemented", 400, s3.put_object, Bucket=bucket, Key="x", Body=b"x")
done()
