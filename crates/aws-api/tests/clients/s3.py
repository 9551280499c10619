"""S3 as boto3 reads it: the bucket of the lab's flow logs."""

import gzip

from suite import check, client, done, refused_with as refused

s3 = client("s3")

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
    check(head["LastModified"] == listed["LastModified"] == whole["LastModified"], head)
    # A record is delivered some ten minutes after its interval, in the lab's time.
    header, *records = [it.split() for it in gzip.decompress(octets).decode().splitlines()]
    last = max(int(it[header.index("end")]) for it in records)
    delay = head["LastModified"].timestamp() - last
    check(300 <= delay <= 1200, delay)
    some = s3.get_object(**place, Range="bytes=2-5")
    check(some["Body"].read() == octets[2:6] and some["ContentRange"] == f"bytes 2-5/{len(octets)}", some)
    check(s3.get_object(**place, Range="bytes=-3")["Body"].read() == octets[-3:], listed)
    refused("InvalidRange", 416, s3.get_object, **place, Range="bytes=99999999-")

refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="../../../session.json")
refused("404", 404, s3.head_object, Bucket=bucket, Key="nothing")
refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="no-such-bucket")
refused("404", 404, s3.head_bucket, Bucket="no-such-bucket")
old = s3.list_objects(Bucket=bucket)
check([it["Key"] for it in old["Contents"]] == keys and not old["IsTruncated"], old)
pages = list(s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1}))
check([it["Key"] for page in pages for it in page["Contents"]] == keys, pages)
refused("NotImplemented", 501, s3.get_bucket_inventory_configuration, Bucket=bucket, Id="x")

# What flow logs have published is not the client's.
refused("AccessDenied", 403, s3.put_object, Bucket=bucket, Key=keys[0], Body=b"x")
refused("AccessDenied", 403, s3.delete_object, Bucket=bucket, Key=keys[0])
refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)

# Buckets and objects of one's own.
s3.create_bucket(Bucket="own")
check({"own", bucket} <= {it["Name"] for it in s3.list_buckets()["Buckets"]}, "two buckets")
check("Contents" not in s3.list_objects_v2(Bucket="own"), "nothing yet")
s3.create_bucket(Bucket="own")
body = bytes(range(256)) * 5
put = s3.put_object(Bucket="own", Key="a/b c+d.bin", Body=body)
got = s3.get_object(Bucket="own", Key="a/b c+d.bin")
check(got["Body"].read() == body and got["ETag"] == put["ETag"], got)
copied = s3.copy_object(Bucket="own", Key="copy", CopySource={"Bucket": bucket, "Key": keys[0]})
whole = s3.get_object(Bucket=bucket, Key=keys[0])
check(s3.get_object(Bucket="own", Key="copy")["Body"].read() == whole["Body"].read(), copied)
check(copied["CopyObjectResult"]["ETag"] == whole["ETag"], copied)
s3.copy_object(Bucket="own", Key="a/second", CopySource="own/a/b c+d.bin")
check([it["Key"] for it in s3.list_objects_v2(Bucket="own", Prefix="a/")["Contents"]] == ["a/b c+d.bin", "a/second"], "two")
s3.put_object(Bucket="own", Key="copy", Body=b"")
check(s3.head_object(Bucket="own", Key="copy")["ContentLength"] == 0, "overwritten")
refused("NoSuchKey", 404, s3.copy_object, Bucket="own", Key="x", CopySource="own/nothing")

# Keys are no paths: one may be the beginning of another, and have what no path has.
keys_of_all_kinds = sorted(["../x", "a//b", "folder/", ".", "copy/below", "copy", "folder", "folder/x", "a/b c+d.bin/y", "x" * 300])
for key in keys_of_all_kinds:
    s3.put_object(Bucket="own", Key=key, Body=key.encode())
for key in keys_of_all_kinds:
    check(s3.get_object(Bucket="own", Key=key)["Body"].read() == key.encode(), key)
check({it["Key"] for it in s3.list_objects_v2(Bucket="own")["Contents"]} >= set(keys_of_all_kinds), "all kinds")
check(s3.get_object(Bucket="own", Key="a/b c+d.bin")["Body"].read() == body, "moved and kept")
refused("KeyTooLongError", 400, s3.put_object, Bucket="own", Key="x" * 1025, Body=b"x")
for key in keys_of_all_kinds:
    s3.delete_object(Bucket="own", Key=key)
    refused("404", 404, s3.head_object, Bucket="own", Key=key)
s3.put_object(Bucket="own", Key="copy", Body=b"")
refused("NoSuchBucket", 404, s3.put_object, Bucket="no-such-bucket", Key="x", Body=b"x")
refused("NoSuchBucket", 404, s3.delete_object, Bucket="no-such-bucket", Key="x")
refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket="own")
deleted = s3.delete_objects(Bucket="own", Delete={"Objects": [{"Key": "a/second"}, {"Key": "nothing"}, {"Key": keys[0]}]})
check({it["Key"] for it in deleted["Deleted"]} == {"a/second", "nothing"}, deleted)
check([it["Code"] for it in deleted["Errors"]] == ["AccessDenied"], deleted)
quiet = s3.delete_objects(Bucket="own", Delete={"Objects": [{"Key": "copy"}], "Quiet": True})
check("Deleted" not in quiet, quiet)
gone = s3.delete_object(Bucket="own", Key="a/b c+d.bin")
check(gone["ResponseMetadata"]["HTTPStatusCode"] == 204, gone)
check("Contents" not in s3.list_objects_v2(Bucket="own"), "all are gone")
s3.delete_bucket(Bucket="own")
refused("404", 404, s3.head_bucket, Bucket="own")
refused("InvalidBucketName", 400, s3.create_bucket, Bucket="own-")
done()
