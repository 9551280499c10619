"""Versions, checksums and pages of S3 as boto3 has them, in a sandbox."""

import base64
import hashlib
import os
import urllib.error
import urllib.request
import zlib

from suite import check, client, done, refused_with as refused

s3 = client("s3")
# One that sends no checksum that nobody has asked for.
plain = client("s3", settings={"request_checksum_calculation": "when_required",
                               "response_checksum_validation": "when_required"})
s3.create_bucket(Bucket="own")


def crc(octets, width, polynomial):
    """A reflected CRC of all ones before and after, bit by bit."""
    ones = (1 << width) - 1
    value = ones
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
    return (value ^ ones).to_bytes(width // 8, "big")


MAKE = {
    "CRC32": lambda octets: zlib.crc32(octets).to_bytes(4, "big"),
    "CRC32C": lambda octets: crc(octets, 32, 0x82F63B78),
    "CRC64NVME": lambda octets: crc(octets, 64, 0x9A6C9329AC4BC9B5),
    "SHA1": lambda octets: hashlib.sha1(octets).digest(),
    "SHA256": lambda octets: hashlib.sha256(octets).digest(),
}
text = lambda octets: base64.b64encode(octets).decode()

# What comes with a checksum is verified, kept and said again.
body = b"eighteen octets.\r\n"
for name, make in MAKE.items():
    member, right = f"Checksum{name}", text(make(body))
    put = s3.put_object(Bucket="own", Key=name, Body=body, **{member: right})
    check(put[member] == right and put["ChecksumType"] == "FULL_OBJECT", put)
    head = s3.head_object(Bucket="own", Key=name, ChecksumMode="ENABLED")
    check(head[member] == right and head["ChecksumType"] == "FULL_OBJECT", head)
    check(member not in s3.head_object(Bucket="own", Key=name), "nobody asked")
    got = s3.get_object(Bucket="own", Key=name, ChecksumMode="ENABLED")
    check(got[member] == right and got["Body"].read() == body, got)
    part = s3.get_object(Bucket="own", Key=name, ChecksumMode="ENABLED", Range="bytes=0-3")
    check(member not in part and part["Body"].read() == body[:4], part)
    wrong = text(make(b"other"))
    refused("BadDigest", 400, s3.put_object, Bucket="own", Key="none", Body=body, **{member: wrong})
    refused("InvalidRequest", 400, s3.put_object, Bucket="own", Key="none", Body=body, **{member: "AAA="})
    copied = s3.copy_object(Bucket="own", Key="copy", CopySource=f"own/{name}")["CopyObjectResult"]
    check(copied[member] == right and copied["ETag"] == put["ETag"], copied)
refused("404", 404, s3.head_object, Bucket="own", Key="none")
listed = {it["Key"]: it for it in s3.list_objects_v2(Bucket="own")["Contents"]}
check(all(listed[it]["ChecksumAlgorithm"] == [it] for it in MAKE), listed)
copied = s3.copy_object(Bucket="own", Key="copy", CopySource="own/SHA1", ChecksumAlgorithm="SHA256")["CopyObjectResult"]
check(copied["ChecksumSHA256"] == text(MAKE["SHA256"](body)) and "ChecksumSHA1" not in copied, copied)
usual = s3.put_object(Bucket="own", Key="usual", Body=body)
check(usual["ChecksumCRC32"] == text(MAKE["CRC32"](body)), "boto3 sends one by itself")
bare = plain.put_object(Bucket="own", Key="bare", Body=body)
check(bare["ChecksumCRC64NVME"] == text(MAKE["CRC64NVME"](body)), "S3 makes one")
refused("InvalidRequest", 400, s3.put_object, Bucket="own", Key="none", Body=body,
        ChecksumCRC32=text(MAKE["CRC32"](body)), ChecksumSHA1=text(MAKE["SHA1"](body)))
refused("NotImplemented", 501, s3.put_object, Bucket="own", Key="none", Body=body, ChecksumXXHASH64="AAAAAAAAAAA=")


def sent(octets, **headers):
    """Status and text of a PutObject that is written by hand."""
    key = os.environ["AWS_ACCESS_KEY_ID"]
    scope = f"AWS4-HMAC-SHA256 Credential={key}/20240305/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={'0' * 64}"
    headers = {it.replace("_", "-"): value for it, value in headers.items()} | {"Authorization": scope}
    url = os.environ["AWS_ENDPOINT_URL"] + "/own/by-hand"
    request = urllib.request.Request(url, data=octets, method="PUT", headers=headers)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# Behind the octets, as clients do that do not know it before.
right = text(MAKE["CRC32C"](body))
trailing = {"x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content_Encoding": "aws-chunked",
            "x_amz_trailer": "x-amz-checksum-crc32c", "x_amz_decoded_content_length": str(len(body)),
            "x_amz_sdk_checksum_algorithm": "CRC32C"}
chunks = lambda value: b"10\r\n" + body[:16] + b"\r\n2\r\n" + body[16:] + b"\r\n0\r\n" + value + b"\r\n"
status, headers = sent(chunks(f"x-amz-checksum-crc32c:{right}\r\n".encode()), **trailing)
check(status == 200 and headers["x-amz-checksum-crc32c"] == right, headers)
got = s3.get_object(Bucket="own", Key="by-hand", ChecksumMode="ENABLED")
check(got["Body"].read() == body and got["ChecksumCRC32C"] == right and "ContentEncoding" not in got, got)
for value, code in [(b"x-amz-checksum-crc32c:AAAAAA==\r\n", "BadDigest"), (b"x-amz-checksum-crc32c:AA\r\n", "InvalidRequest"),
                    (b"", "MalformedTrailerError"), (b"x-amz-checksum-crc32:AAAAAA==\r\n", "MalformedTrailerError")]:
    status, said = sent(chunks(value), **trailing)
    check(status == 400 and f"<Code>{code}</Code>" in said, said)
status, said = sent(chunks(f"x-amz-checksum-crc32c:{right}\r\n".encode()), **trailing | {"x_amz_decoded_content_length": "17"})
check(status == 400 and "IncompleteBody" in said, said)
status, said = sent(body, x_amz_sdk_checksum_algorithm="CRC32")
check(status == 400 and "no corresponding x-amz-checksum-*" in said, said)

# In parts: of their checksums, or of the whole.
large = bytes(range(251)) * 30_000
halves = [large[:6 << 20], large[6 << 20:]]


def begun(key, **more):
    made = s3.create_multipart_upload(Bucket="own", Key=key, **more)
    return made, {"Bucket": "own", "Key": key, "UploadId": made["UploadId"]}


made, place = begun("composite", ChecksumAlgorithm="SHA256")
check(made["ChecksumAlgorithm"] == "SHA256" and made["ChecksumType"] == "COMPOSITE", made)
refused("InvalidRequest", 400, s3.upload_part, **place, PartNumber=1, Body=halves[0])
parts = []
for number, half in enumerate(halves, 1):
    part = s3.upload_part(**place, PartNumber=number, Body=half, ChecksumAlgorithm="SHA256")
    check(part["ChecksumSHA256"] == text(MAKE["SHA256"](half)), part)
    parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
listed = s3.list_parts(**place)
check([it["ChecksumSHA256"] for it in listed["Parts"]] == [it["ChecksumSHA256"] for it in parts], listed)
check(listed["ChecksumAlgorithm"] == "SHA256" and listed["ChecksumType"] == "COMPOSITE", listed)
check(s3.list_multipart_uploads(Bucket="own")["Uploads"][0]["ChecksumAlgorithm"] == "SHA256", "begun with it")
without = [{it: part[it] for it in ["PartNumber", "ETag"]} for part in parts]
refused("InvalidRequest", 400, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": without})
swapped = [part | {"ChecksumSHA256": parts[1 - at]["ChecksumSHA256"]} for at, part in enumerate(parts)]
refused("InvalidPart", 400, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": swapped})
refused("InvalidPartOrder", 400, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": parts[1:]})
of_parts = text(hashlib.sha256(b"".join(MAKE["SHA256"](it) for it in halves)).digest()) + "-2"
for wrong, code in [({"ChecksumSHA256": parts[0]["ChecksumSHA256"]}, "BadDigest"), ({"ChecksumType": "FULL_OBJECT"}, "BadDigest"),
                    ({"MpuObjectSize": 1}, "InvalidRequest"), ({"ChecksumCRC32": "AAAAAA=="}, "InvalidRequest")]:
    refused(code, 400, s3.complete_multipart_upload, **place, MultipartUpload={"Parts": parts}, **wrong)
whole = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}, ChecksumSHA256=of_parts, MpuObjectSize=len(large))
check(whole["ChecksumSHA256"] == of_parts and whole["ChecksumType"] == "COMPOSITE", whole)
got = s3.get_object(Bucket="own", Key="composite")
check(got["ChecksumSHA256"] == of_parts and got["Body"].read() == large, got)
asked = s3.get_object_attributes(Bucket="own", Key="composite", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "ObjectSize", "StorageClass"])
check(asked["ETag"] == whole["ETag"].strip('"') and asked["ObjectSize"] == len(large), asked)
check(asked["Checksum"] == {"ChecksumSHA256": of_parts, "ChecksumType": "COMPOSITE"}, asked)
check(asked["ObjectParts"]["TotalPartsCount"] == 2 and asked["StorageClass"] == "STANDARD", asked)
check([(it["PartNumber"], it["Size"]) for it in asked["ObjectParts"]["Parts"]] == [(1, len(halves[0])), (2, len(halves[1]))], asked)
first = s3.get_object_attributes(Bucket="own", Key="composite", ObjectAttributes=["ObjectParts"], MaxParts=1)["ObjectParts"]
check(first["IsTruncated"] and first["NextPartNumberMarker"] == 1 and len(first["Parts"]) == 1, first)
rest = s3.get_object_attributes(Bucket="own", Key="composite", ObjectAttributes=["ObjectParts"], PartNumberMarker=1)["ObjectParts"]
check(not rest["IsTruncated"] and [it["PartNumber"] for it in rest["Parts"]] == [2], rest)
made, place = begun("full", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
parts = [{"PartNumber": number, "ETag": plain.upload_part(**place, PartNumber=number, Body=half)["ETag"]} for number, half in enumerate(halves, 1)]
whole = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT")
check(whole["ChecksumCRC32"] == text(MAKE["CRC32"](large)) and whole["ChecksumType"] == "FULL_OBJECT", whole)
made, place = begun("neither")
check("ChecksumAlgorithm" not in made, made)
parts = [{"PartNumber": number, "ETag": s3.upload_part(**place, PartNumber=number, Body=half)["ETag"]} for number, half in enumerate(halves, 1)]
whole = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
check(whole["ChecksumType"] == "FULL_OBJECT" and len(base64.b64decode(whole["ChecksumCRC64NVME"])) == 8, whole)
check(s3.get_object(Bucket="own", Key="neither")["Body"].read() == large, "whole")
refused("InvalidRequest", 400, s3.create_multipart_upload, Bucket="own", Key="x", ChecksumAlgorithm="SHA1", ChecksumType="FULL_OBJECT")
refused("InvalidRequest", 400, s3.create_multipart_upload, Bucket="own", Key="x", ChecksumType="COMPOSITE")
made, place = begun("copied", ChecksumAlgorithm="CRC32")
part = s3.upload_part_copy(**place, PartNumber=1, CopySource="own/bare")["CopyPartResult"]
check(part["ChecksumCRC32"] == text(MAKE["CRC32"](body)), part)
s3.abort_multipart_upload(**place)
for key in ["composite", "full", "neither"]:
    s3.delete_object(Bucket="own", Key=key)

# Versions of a bucket that keeps none: each object has one.
s3.create_bucket(Bucket="versions")
check("Versions" not in s3.list_object_versions(Bucket="versions"), "nothing yet")
keys = ["a", "b/one", "b/two", "c&d", "e/one"]
for key in keys:
    s3.put_object(Bucket="versions", Key=key, Body=key.encode())
listed = s3.list_object_versions(Bucket="versions")
check([it["Key"] for it in listed["Versions"]] == keys and not listed["IsTruncated"], listed)
check({(it["VersionId"], it["IsLatest"], it["StorageClass"]) for it in listed["Versions"]} == {("null", True, "STANDARD")}, listed)
owner = s3.list_buckets()["Owner"]["ID"]
objects = s3.list_objects_v2(Bucket="versions", FetchOwner=True)["Contents"]
for version, of in zip(listed["Versions"], objects):
    check(version["Owner"]["ID"] == of["Owner"]["ID"] == owner, version)
    check(all(version[it] == of[it] for it in ["Key", "Size", "ETag", "LastModified", "ChecksumAlgorithm"]), version)
check("Owner" not in s3.list_objects_v2(Bucket="versions")["Contents"][0], "nobody asked")
check("DeleteMarkers" not in listed and listed["MaxKeys"] == 1000, listed)
for size in [1, 2, 4, 5]:
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket="versions", PaginationConfig={"PageSize": size}))
    check([it["Key"] for page in pages for it in page["Versions"]] == keys, size)
    check(len(pages) == -(-len(keys) // size), size)
page = s3.list_object_versions(Bucket="versions", MaxKeys=2)
check((page["NextKeyMarker"], page["NextVersionIdMarker"]) == ("b/one", "null") and page["IsTruncated"], page)
rest = s3.list_object_versions(Bucket="versions", KeyMarker="b/one", VersionIdMarker="null")
check([it["Key"] for it in rest["Versions"]] == keys[2:] and rest["KeyMarker"] == "b/one", rest)
check([it["Key"] for it in s3.list_object_versions(Bucket="versions", Prefix="b/")["Versions"]] == keys[1:3], "by prefix")
grouped = s3.list_object_versions(Bucket="versions", Delimiter="/")
check([it["Prefix"] for it in grouped["CommonPrefixes"]] == ["b/", "e/"], grouped)
check([it["Key"] for it in grouped["Versions"]] == ["a", "c&d"], grouped)
page = s3.list_object_versions(Bucket="versions", Delimiter="/", MaxKeys=2)
check(page["NextKeyMarker"] == "b/" and "NextVersionIdMarker" not in page, page)
rest = s3.list_object_versions(Bucket="versions", Delimiter="/", KeyMarker="b/")
check([it["Key"] for it in rest["Versions"]] == ["c&d"] and rest["CommonPrefixes"] == [{"Prefix": "e/"}], rest)
check("Versions" not in s3.list_object_versions(Bucket="versions", MaxKeys=0), "none wanted")
refused("InvalidArgument", 400, s3.list_object_versions, Bucket="versions", VersionIdMarker="null")
refused("InvalidArgument", 400, s3.list_object_versions, Bucket="versions", MaxKeys=-1)
refused("NoSuchBucket", 404, s3.list_object_versions, Bucket="no-such-bucket")
got = s3.get_object(Bucket="versions", Key="a", VersionId="null")
check(got["VersionId"] == "null" and got["Body"].read() == b"a", got)
check("VersionId" not in s3.head_object(Bucket="versions", Key="a"), "nobody asked")
refused("InvalidArgument", 400, s3.get_object, Bucket="versions", Key="a", VersionId="other")
refused("InvalidArgument", 400, s3.delete_object, Bucket="versions", Key="a", VersionId="other")
check(s3.delete_object(Bucket="versions", Key="a", VersionId="null")["VersionId"] == "null", "deleted")
# As Terraform empties a bucket that is to be destroyed.
left = [{"Key": it["Key"], "VersionId": it["VersionId"]} for it in s3.list_object_versions(Bucket="versions")["Versions"]]
other = {"Key": left[0]["Key"], "VersionId": "other"}
deleted = s3.delete_objects(Bucket="versions", Delete={"Objects": left + [other]})
check(deleted["Deleted"] == left, deleted)
check([(it["Code"], it["VersionId"]) for it in deleted["Errors"]] == [("NoSuchVersion", "other")], deleted)
s3.delete_bucket(Bucket="versions")

# Tokens are ours alone.
refused("InvalidArgument", 400, s3.list_objects_v2, Bucket="own", ContinuationToken="garbage")
refused("InvalidArgument", 400, s3.list_objects_v2, Bucket="own", ContinuationToken="CRC32")
s3.create_bucket(Bucket="other")
token = s3.list_objects_v2(Bucket="own", MaxKeys=2)["NextContinuationToken"]
check(len(s3.list_objects_v2(Bucket="own", ContinuationToken=token)["Contents"]) == len(MAKE) + 4 - 2, token)
refused("InvalidArgument", 400, s3.list_objects_v2, Bucket="other", ContinuationToken=token)
s3.create_bucket(Bucket="others")
names = ["other", "others", "own"]
check([it["Name"] for it in s3.list_buckets()["Buckets"]] == names, names)
page = s3.list_buckets(MaxBuckets=2)
check([it["Name"] for it in page["Buckets"]] == names[:2], page)
rest = s3.list_buckets(MaxBuckets=2, ContinuationToken=page["ContinuationToken"])
check([it["Name"] for it in rest["Buckets"]] == names[2:] and "ContinuationToken" not in rest, rest)
pages = s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1})
check([it["Name"] for page in pages for it in page["Buckets"]] == names, "page by page")
some = s3.list_buckets(Prefix="oth", MaxBuckets=10000)
check([it["Name"] for it in some["Buckets"]] == names[:2] and some["Prefix"] == "oth", some)
rash = client("s3", loose=True)
for wrong in [{"MaxBuckets": 0}, {"MaxBuckets": 10001}, {"ContinuationToken": "garbage"}, {"ContinuationToken": token}]:
    refused("InvalidArgument", 400, rash.list_buckets, **wrong)
done()
