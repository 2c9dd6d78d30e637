"""boto3 against an S3 endpoint: every call that a data pipeline makes. Arguments: endpoint, bucket. Keys from the environment.

Prints one JSON object per check: {"check": name, "ok": true}, or the difference, and ends with 1 when one failed."""
import base64
import hashlib
import io
import json
import os
import sys
import threading
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, FlexibleChecksumError

ENDPOINT, BUCKET = sys.argv[1:]
PART = 5 * 1024 * 1024


def client(**more):
    config = Config(s3={"addressing_style": "path", **more.pop("s3", {})}, retries={"max_attempts": 1}, **more.pop("config", {}))
    return boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1", config=config, **more)


S3 = client()
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def code(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "no error", 200


def read(key, **more):
    return S3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()


@check
def odd_keys():
    keys = ["a b", "a+b", "a%20b", "ä/ö", "日本/𝒳", "a//b", "/leading", "trailing/", "tab\there", "control\x01", "it's(1)*!~", "a&b=c?d#e", "<x>\"y\""]
    for key in keys:
        S3.put_object(Bucket=BUCKET, Key="odd/" + key, Body=key.encode())
    for key in keys:
        assert read("odd/" + key) == key.encode(), key
    wanted = sorted(("odd/" + key for key in keys), key=lambda key: key.encode())
    for size in (1, 2, 5, 1000):
        pages = S3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="odd/", PaginationConfig={"PageSize": size})
        assert [item["Key"] for page in pages for item in page.get("Contents", [])] == wanted, size
        pages = S3.get_paginator("list_objects").paginate(Bucket=BUCKET, Prefix="odd/", PaginationConfig={"PageSize": size})
        assert [item["Key"] for page in pages for item in page.get("Contents", [])] == wanted, size
    pages = S3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="odd/", Delimiter="/", PaginationConfig={"PageSize": 2})
    prefixes = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
    assert prefixes == ["odd//", "odd/a/", "odd/trailing/", "odd/ä/", "odd/日本/"], prefixes
    # No XML parser takes a control character back, so this one is not deleted in a document.
    S3.delete_object(Bucket=BUCKET, Key="odd/control\x01")
    wanted.remove("odd/control\x01")
    deleted = S3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in wanted]})
    assert sorted((item["Key"] for item in deleted["Deleted"]), key=lambda key: key.encode()) == wanted


@check
def checksums():
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        key = "checksum-" + algorithm
        for body in (b"content", io.BytesIO(b"content"), b""):
            put = S3.put_object(Bucket=BUCKET, Key=key, Body=body, ChecksumAlgorithm=algorithm)
            got = S3.get_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
            assert got["Checksum" + algorithm] == put["Checksum" + algorithm], algorithm
            got["Body"].read()
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert code(S3.put_object, Bucket=BUCKET, Key="bad", Body=b"content", ChecksumSHA256=wrong) == ("BadDigest", 400)
    assert code(S3.head_object, Bucket=BUCKET, Key="bad") == ("404", 404)


@check
def payload_signing():
    for signed in (True, False):
        one = client(s3={"payload_signing_enabled": signed}, config={"request_checksum_calculation": "when_required"})
        one.put_object(Bucket=BUCKET, Key="signed", Body=b"content", Metadata={"a": "1  2"})
        assert one.head_object(Bucket=BUCKET, Key="signed")["Metadata"] == {"a": "1  2"}


@check
def conditions():
    S3.put_object(Bucket=BUCKET, Key="once", Body=b"1", IfNoneMatch="*")
    assert code(S3.put_object, Bucket=BUCKET, Key="once", Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    etag = S3.head_object(Bucket=BUCKET, Key="once")["ETag"]
    assert code(S3.get_object, Bucket=BUCKET, Key="once", IfNoneMatch=etag) == ("304", 304)
    assert code(S3.get_object, Bucket=BUCKET, Key="once", IfMatch='"0"') == ("PreconditionFailed", 412)
    S3.put_object(Bucket=BUCKET, Key="once", Body=b"3", IfMatch=etag)
    assert code(S3.put_object, Bucket=BUCKET, Key="once", Body=b"4", IfMatch=etag) == ("PreconditionFailed", 412)
    assert code(S3.put_object, Bucket=BUCKET, Key="absent", Body=b"4", IfMatch=etag) == ("NoSuchKey", 404)


@check
def racers():
    answers = []
    clients = [client() for _ in range(20)]
    threads = [
        threading.Thread(target=lambda one=one: answers.append(code(one.put_object, Bucket=BUCKET, Key="raced", Body=b"x", IfNoneMatch="*")))
        for one in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([answer for answer in answers if answer[1] == 200]) == 1, answers
    assert {answer[1] for answer in answers} <= {200, 409, 412}, answers


@check
def transfers():
    body = os.urandom(3 * PART + 12345)
    for algorithm in (None, "CRC32", "CRC32C", "CRC64NVME", "SHA256"):
        extra = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
        config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
        S3.upload_fileobj(io.BytesIO(body), BUCKET, "transferred", ExtraArgs={"ContentType": "x/y", **extra}, Config=config)
        back = io.BytesIO()
        S3.download_fileobj(BUCKET, "transferred", back, Config=config)
        assert back.getvalue() == body, algorithm
        head = S3.head_object(Bucket=BUCKET, Key="transferred", ChecksumMode="ENABLED")
        assert head["ContentType"] == "x/y" and head["ContentLength"] == len(body)
        assert head["ETag"].endswith('-4"'), head["ETag"]
        S3.copy({"Bucket": BUCKET, "Key": "transferred"}, BUCKET, "copied in parts", Config=config)
        assert read("copied in parts") == body
    assert read("transferred", Range="bytes=%d-%d" % (PART - 2, PART + 1)) == body[PART - 2 : PART + 2]
    assert S3.list_multipart_uploads(Bucket=BUCKET).get("Uploads") is None


@check
def presigned():
    # Left alone boto3 presigns with version 2, which S3 takes in its oldest regions only.
    one = client(config={"signature_version": "s3v4"})
    S3.put_object(Bucket=BUCKET, Key="presigned key", Body=b"content")
    url = one.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "presigned key", "ResponseContentType": "a/b"}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"content" and answer.headers["content-type"] == "a/b"
    url = one.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "uploaded", "ContentType": "a/b"}, ExpiresIn=60)
    request = urllib.request.Request(url, data=b"by url", method="PUT", headers={"content-type": "a/b"})
    assert urllib.request.urlopen(request).status == 200
    assert read("uploaded") == b"by url"
    request.add_header("content-type", "c/d")
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        assert error.code == 403 and b"SignatureDoesNotMatch" in error.read()
    else:
        raise AssertionError("another content type than the signed one was taken")


@check
def wrong_keys():
    keys = {"aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "wrong"}
    assert code(client(**keys).list_objects_v2, Bucket=BUCKET) == ("SignatureDoesNotMatch", 403)
    keys = {"aws_access_key_id": "AKIAUNKNOWN", "aws_secret_access_key": "wrong"}
    assert code(client(**keys).list_objects_v2, Bucket=BUCKET) == ("InvalidAccessKeyId", 403)


@check
def buckets():
    S3.create_bucket(Bucket="made-by-boto3")
    assert code(S3.create_bucket, Bucket="made-by-boto3")[0] == "BucketAlreadyOwnedByYou"
    assert "made-by-boto3" in [bucket["Name"] for bucket in S3.list_buckets()["Buckets"]]
    assert S3.get_bucket_location(Bucket="made-by-boto3")["LocationConstraint"] is None
    S3.delete_bucket(Bucket="made-by-boto3")
    assert code(S3.head_bucket, Bucket="made-by-boto3") == ("404", 404)


@check
def refusals():
    assert code(S3.put_object_tagging, Bucket=BUCKET, Key="once", Tagging={"TagSet": []}) == ("NotImplemented", 501)
    assert code(S3.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})[1] == 501
    assert code(S3.get_object, Bucket=BUCKET, Key="once", VersionId="1") == ("NotImplemented", 501)


failed = 0
for function in CHECKS:
    try:
        function()
        print(json.dumps({"check": function.__name__, "ok": True}))
    except (AssertionError, ClientError, FlexibleChecksumError, urllib.error.HTTPError) as error:
        failed = 1
        print(json.dumps({"check": function.__name__, "ok": False, "why": f"{type(error).__name__}: {error}"}, ensure_ascii=False))
sys.exit(failed)
