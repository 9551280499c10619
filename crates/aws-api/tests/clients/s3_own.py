"""Buckets and objects of one's own in two accounts of a sandbox, as boto3 makes them."""

import datetime
import hashlib
import json
import urllib.error
import urllib.request

from suite import PARTNER, check, client, done, refused_with as refused

s3 = client("s3")
s3.create_bucket(Bucket="own")
far = client("s3", region_name="eu-west-1")
there = {"LocationConstraint": "eu-west-1"}
far.create_bucket(Bucket="far", CreateBucketConfiguration=there)
refused("BucketAlreadyOwnedByYou", 409, far.create_bucket, Bucket="far", CreateBucketConfiguration=there)
refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket="far")
refused("IllegalLocationConstraintException", 400, far.create_bucket, Bucket="further")
check(s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1", "where it is")
check(s3.head_bucket(Bucket="far")["BucketRegion"] == "eu-west-1", "where it is")

# What came with an object, and when: its tag is its MD5, its moment the lab's.
said = {"ContentType": "text/csv", "CacheControl": "no-cache", "Metadata": {"purpose": "test", "empty": ""}}
put = s3.put_object(Bucket="far", Key="t.csv", Body=b"a,b\n", **said)
check(put["ETag"] == f'"{hashlib.md5(b"a,b" + bytes([10])).hexdigest()}"', put)
head = s3.head_object(Bucket="far", Key="t.csv")
check({it: head[it] for it in said} == said and head["ContentLength"] == 4, head)
begin = head["LastModified"]
ec2 = client("ec2")
for number in range(3):
    ec2.create_security_group(GroupName=f"time-passes-{number}", Description="x")
s3.put_object(Bucket="far", Key="t.csv", Body=b"a,b\n", **said)
later = s3.head_object(Bucket="far", Key="t.csv")["LastModified"]
check(begin < later < begin + datetime.timedelta(minutes=5), (begin, later))
listed = s3.list_objects_v2(Bucket="far", Prefix="t.csv")["Contents"][0]
check(listed["LastModified"] == later and listed["ETag"] == put["ETag"], listed)
s3.copy_object(Bucket="far", Key="copy", CopySource="far/t.csv")
check(s3.head_object(Bucket="far", Key="copy")["Metadata"] == said["Metadata"], "a copy has the same")
s3.copy_object(Bucket="far", Key="copy", CopySource="far/copy", MetadataDirective="REPLACE", ContentType="x/y")
head = s3.head_object(Bucket="far", Key="copy")
check(head["ContentType"] == "x/y" and head["Metadata"] == {}, head)
refused("BadDigest", 400, s3.put_object, Bucket="far", Key="x", Body=b"x", ContentMD5="kAFQmDzST7DWlj99KOF/cg==")
refused("MetadataTooLarge", 400, s3.put_object, Bucket="far", Key="x", Body=b"x", Metadata={"x": "y" * 2048})
refused("PreconditionFailed", 412, s3.put_object, Bucket="far", Key="copy", Body=b"x", IfNoneMatch="*")
refused("304", 304, s3.get_object, Bucket="far", Key="t.csv", IfNoneMatch=put["ETag"])
refused("PreconditionFailed", 412, s3.get_object, Bucket="far", Key="t.csv", IfMatch='"x"')

# In parts, and whole above a megabyte.
large = bytes(range(251)) * 30_000
check(s3.put_object(Bucket="far", Key="whole", Body=large)["ETag"] == f'"{hashlib.md5(large).hexdigest()}"', "whole")
upload = s3.create_multipart_upload(Bucket="far", Key="parts", ContentType="x/parts")["UploadId"]
place = {"Bucket": "far", "Key": "parts", "UploadId": upload}
half = 6 << 20
tags = [s3.upload_part(**place, PartNumber=it, Body=part)["ETag"] for it, part in [(2, large[half:]), (1, large[:half])]][::-1]
listed = s3.list_parts(**place)["Parts"]
check([(it["PartNumber"], it["ETag"], it["Size"]) for it in listed] == [(1, tags[0], half), (2, tags[1], len(large) - half)], listed)
check([it["UploadId"] for it in s3.list_multipart_uploads(Bucket="far")["Uploads"]] == [upload], "one")
refused("404", 404, s3.head_object, Bucket="far", Key="parts")
parts = [{"PartNumber": it + 1, "ETag": tags[it]} for it in [0, 1]]
refused("InvalidPart", 400, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": [{"PartNumber": 3, "ETag": "x"}]})
refused("InvalidPartOrder", 400, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": parts[::-1]})
done_with = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
digests = b"".join(hashlib.md5(it).digest() for it in [large[:half], large[half:]])
check(done_with["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"', done_with)
got = s3.get_object(Bucket="far", Key="parts")
check(got["Body"].read() == large and got["ContentType"] == "x/parts" and got["ETag"] == done_with["ETag"], "joined")
refused("NoSuchUpload", 404, s3.list_parts, **place)
small = {"Bucket": "far", "Key": "small", "UploadId": s3.create_multipart_upload(Bucket="far", Key="small")["UploadId"]}
tags = [s3.upload_part_copy(**small, PartNumber=it, CopySource="far/whole", CopySourceRange="bytes=0-9")["CopyPartResult"]["ETag"] for it in [1, 2]]
parts = [{"PartNumber": it + 1, "ETag": tags[it]} for it in [0, 1]]
refused("EntityTooSmall", 400, s3.complete_multipart_upload, **small, MultipartUpload={"Parts": parts})
s3.abort_multipart_upload(**small)
refused("NoSuchUpload", 404, s3.abort_multipart_upload, **small)

# Whose a bucket is, and its policy and tags.
partner = client("s3", **PARTNER)
check(partner.list_buckets()["Buckets"] == [], "others' are not seen")
refused("BucketAlreadyExists", 409, partner.create_bucket, Bucket="far")
refused("403", 403, partner.head_bucket, Bucket="far")
refused("AccessDenied", 403, partner.get_object, Bucket="far", Key="t.csv")
refused("AccessDenied", 403, partner.delete_bucket, Bucket="far")
refused("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket="far")
refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket="far", Policy="{}")
statement = {"Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "s3:Get*", "Resource": "arn:aws:s3:::far/*"}
elsewhere = {**statement, "Resource": "arn:aws:s3:::own/*"}
refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket="far", Policy=json.dumps({"Statement": [elsewhere]}))
policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
s3.put_bucket_policy(Bucket="far", Policy=policy)
check(s3.get_bucket_policy(Bucket="far")["Policy"] == policy, "as it was put")
check(partner.get_object(Bucket="far", Key="t.csv")["Body"].read() == b"a,b\n", "let in")
refused("AccessDenied", 403, partner.put_object, Bucket="far", Key="t.csv", Body=b"x")
deny = {**statement, "Effect": "Deny", "Principal": "*"}
s3.put_bucket_policy(Bucket="far", Policy=json.dumps({"Statement": [statement, deny]}))
refused("AccessDenied", 403, s3.get_object, Bucket="far", Key="t.csv")
s3.delete_bucket_policy(Bucket="far")
refused("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket="far")
tags = [{"Key": "a", "Value": "<b>"}, {"Key": "c", "Value": ""}]
s3.put_bucket_tagging(Bucket="far", Tagging={"TagSet": tags})
check(s3.get_bucket_tagging(Bucket="far")["TagSet"] == tags, "as they were put")
refused("InvalidTag", 400, s3.put_bucket_tagging, Bucket="far", Tagging={"TagSet": [tags[0], tags[0]]})
s3.delete_bucket_tagging(Bucket="far")

# The public is kept out until it is let in.
public = json.dumps({"Statement": [{**statement, "Principal": "*"}]})
refused("AccessDenied", 403, s3.put_bucket_policy, Bucket="far", Policy=public)
block = s3.get_public_access_block(Bucket="far")["PublicAccessBlockConfiguration"]
check(len(block) == 4 and all(block.values()), block)
block["BlockPublicPolicy"] = False
s3.put_public_access_block(Bucket="far", PublicAccessBlockConfiguration=block)
check(s3.get_public_access_block(Bucket="far")["PublicAccessBlockConfiguration"] == block, "as it was put")
s3.put_bucket_policy(Bucket="far", Policy=public)
check(s3.get_bucket_policy_status(Bucket="far")["PolicyStatus"]["IsPublic"], "to all")
refused("AccessDenied", 403, partner.get_object, Bucket="far", Key="t.csv")
s3.delete_public_access_block(Bucket="far")
refused("NoSuchPublicAccessBlockConfiguration", 404, s3.get_public_access_block, Bucket="far")
check(partner.get_object(Bucket="far", Key="t.csv")["Body"].read() == b"a,b\n", "the public is let in")
s3.delete_bucket_policy(Bucket="far")

# What tools that describe infrastructure read behind each bucket, and what cannot be set otherwise.
check("Status" not in s3.get_bucket_versioning(Bucket="far"), "never")
owner = s3.list_buckets()["Owner"]["ID"]
listed = s3.get_bucket_acl(Bucket="far")
check(len(owner) == 64 and listed["Owner"]["ID"] == owner and listed["Grants"][0]["Permission"] == "FULL_CONTROL", listed)
s3.put_bucket_acl(Bucket="far", ACL="private")
refused("AccessControlListNotSupported", 400, s3.put_bucket_acl, Bucket="far", ACL="public-read")
rules = s3.get_bucket_encryption(Bucket="far")["ServerSideEncryptionConfiguration"]
check(rules["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}, rules)
s3.put_bucket_encryption(Bucket="far", ServerSideEncryptionConfiguration=rules)
rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] = "aws:kms"
refused("NotImplemented", 501, s3.put_bucket_encryption, Bucket="far", ServerSideEncryptionConfiguration=rules)
controls = s3.get_bucket_ownership_controls(Bucket="far")["OwnershipControls"]
check(controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], controls)
s3.put_bucket_ownership_controls(Bucket="far", OwnershipControls=controls)
check(s3.get_bucket_request_payment(Bucket="far")["Payer"] == "BucketOwner", "payer")
check("LoggingEnabled" not in s3.get_bucket_logging(Bucket="far"), "not logged")
check("Status" not in s3.get_bucket_accelerate_configuration(Bucket="far"), "not accelerated")
check("TopicConfigurations" not in s3.get_bucket_notification_configuration(Bucket="far"), "nobody is told")
refused("NoSuchCORSConfiguration", 404, s3.get_bucket_cors, Bucket="far")
refused("NoSuchWebsiteConfiguration", 404, s3.get_bucket_website, Bucket="far")
refused("NoSuchLifecycleConfiguration", 404, s3.get_bucket_lifecycle_configuration, Bucket="far")
refused("ReplicationConfigurationNotFoundError", 404, s3.get_bucket_replication, Bucket="far")
refused("ObjectLockConfigurationNotFoundError", 404, s3.get_object_lock_configuration, Bucket="far")
refused("NotImplemented", 501, s3.put_bucket_versioning, Bucket="far", VersioningConfiguration={"Status": "Enabled"})
s3.delete_bucket_lifecycle(Bucket="far")

# Presigned, in both versions; who does not sign is refused in XML.
for version in ["s3v4", "s3"]:
    signing = client("s3", settings={"signature_version": version})
    url = signing.generate_presigned_url("get_object", Params={"Bucket": "far", "Key": "t.csv", "ResponseContentType": "x/y"})
    with urllib.request.urlopen(url) as reply:
        check(reply.read() == b"a,b\n" and reply.headers["Content-Type"] == "x/y", url)
try:
    urllib.request.urlopen(url.split("?")[0])
    check(False, "nobody signed")
except urllib.error.HTTPError as error:
    text = error.read().decode()
    check(error.code == 403 and "<Error><Code>AccessDenied</Code>" in text, text)
done()
