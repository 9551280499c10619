"""Signatures are verified: what is signed with the key's secret passes, whatever else is refused."""

import datetime
import os
import urllib.error
import urllib.request
from unittest import mock

import botocore.auth
from botocore.exceptions import ClientError
from suite import check, client, done

def refused(code, status, client, action="describe_vpcs"):
    try:
        getattr(client, action)()
    except ClientError as error:
        check(error.response["Error"]["Code"] == code, error)
        check(error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response)
        return
    raise AssertionError(f"{code} was expected")


ec2 = client("ec2")
check(ec2.describe_vpcs()["Vpcs"], "the right secret")
check(ec2.describe_vpcs(Filters=[{"Name": "tag:a b", "Values": ["\u00fc*~ "]}])["Vpcs"] == [], "odd letters")
session = client("sts").assume_role(RoleArn=f"arn:aws:iam::{client('sts').get_caller_identity()['Account']}:role/ops",
                                    RoleSessionName="me")["Credentials"]
temporary = {"aws_access_key_id": session["AccessKeyId"], "aws_secret_access_key": session["SecretAccessKey"]}
check(client("ec2", **temporary, aws_session_token=session["SessionToken"]).describe_vpcs()["Vpcs"], "temporary keys")

refused("SignatureDoesNotMatch", 403, client("ec2", aws_secret_access_key="x" * 40,
                                             aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"]))
refused("SignatureDoesNotMatch", 403, client("sts", aws_secret_access_key="x" * 40,
                                             aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"]),
        "get_caller_identity")
refused("AuthFailure", 401, client("ec2", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x" * 40))
refused("InvalidClientTokenId", 403, client("sts", aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                                            aws_secret_access_key="x" * 40), "get_caller_identity")

url = ec2.generate_presigned_url("describe_vpcs", ExpiresIn=60, HttpMethod="GET")


def got(url):
    try:
        with urllib.request.urlopen(url) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


check(got(url)[0] == 200 and "<vpcSet>" in got(url)[1], got(url))
check("SignatureDoesNotMatch" in got(url + "&MaxResults=5")[1], "what was added is not signed")
check("MissingAuthenticationToken" in got(url.split("?")[0] + "?Action=DescribeVpcs")[1], "no signature")

# S3's are of two versions, and say themselves until when they are good.
for version in ["s3v4", "s3"]:
    s3 = client("s3", settings={"signature_version": version})
    client("s3").create_bucket(Bucket="signed")
    client("s3").put_object(Bucket="signed", Key="a b", Body=b"x")
    wanted = {"Bucket": "signed", "Key": "a b", "ResponseContentType": "text/plain"}
    url = s3.generate_presigned_url("get_object", Params=wanted)
    check(got(url) == (200, "x"), (url, got(url)))
    check("<Code>SignatureDoesNotMatch" in got(url.replace("signed/", "signed/a"))[1], got(url.replace("signed/", "signed/a")))
old = url.split("Expires=")[0] + "Expires=1000"
check(got(old)[0] == 403 and "<Code>AccessDenied</Code><Message>Request has expired" in got(old)[1], got(old))

real = datetime.datetime


def at(hours):
    moment = real.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(hours=hours)
    return mock.patch.object(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment)


if hasattr(botocore.auth, "get_current_datetime"):
    for hours in (-1, 1):
        with at(hours):
            refused("RequestExpired", 400, client("ec2"))
            late = ec2.generate_presigned_url("describe_vpcs", ExpiresIn=60, HttpMethod="GET")
            late_object = client("s3", settings={"signature_version": "s3v4"}).generate_presigned_url(
                "get_object", Params=wanted, ExpiresIn=60)
        check("RequestExpired" in got(late)[1], got(late))
        check("<Code>AccessDenied</Code><Message>Request has expired" in got(late_object)[1], got(late_object))
done()
