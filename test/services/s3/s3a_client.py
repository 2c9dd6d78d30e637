"""Hadoop's s3a against an S3 endpoint: file system calls and Spark tables. Arguments: endpoint, bucket. Keys from the environment.

Prints one JSON object per check, and ends with 1 when one failed."""
import json
import os
import sys
import tempfile

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

ENDPOINT, BUCKET = sys.argv[1:]
MB = 1024 * 1024
OPTIONS = {
    "fs.s3a.endpoint": ENDPOINT,
    "fs.s3a.endpoint.region": "us-east-1",
    "fs.s3a.path.style.access": "true",
    "fs.s3a.connection.ssl.enabled": "false",
    "fs.s3a.access.key": os.environ["AWS_ACCESS_KEY_ID"],
    "fs.s3a.secret.key": os.environ["AWS_SECRET_ACCESS_KEY"],
    "fs.s3a.multipart.size": str(5 * MB),
    "fs.s3a.multipart.threshold": str(5 * MB),
    "fs.s3a.fast.upload.buffer": "bytebuffer",
    "fs.s3a.attempts.maximum": "3",
    "fs.s3a.bucket.probe": "2",
}
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2")
for name, value in OPTIONS.items():
    builder = builder.config("spark.hadoop." + name, value)
SPARK = builder.getOrCreate()
SPARK.sparkContext.setLogLevel("ERROR")
JVM = SPARK.sparkContext._jvm
ROOT = f"s3a://{BUCKET}/"


def filesystem(**more):
    conf = JVM.org.apache.hadoop.conf.Configuration(SPARK.sparkContext._jsc.hadoopConfiguration())
    for name, value in more.items():
        conf.set("fs.s3a." + name.replace("_", "."), value)
    return JVM.org.apache.hadoop.fs.FileSystem.newInstance(JVM.java.net.URI(ROOT), conf)


FS = filesystem()
Path = JVM.org.apache.hadoop.fs.Path
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def write(fs, name, data, overwrite=True):
    """The bytes go through files: the bridge between Python and Java is slow."""
    stream = fs.create(Path(ROOT + name), overwrite)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        JVM.org.apache.hadoop.io.IOUtils.copyBytes(JVM.java.io.FileInputStream(file.name), stream, 256 * 1024, True)


def read(fs, name, start=0, size=None):
    stream = fs.open(Path(ROOT + name))
    with tempfile.NamedTemporaryFile() as file:
        stream.seek(start)
        out = JVM.java.io.FileOutputStream(file.name)
        if size is None:
            JVM.org.apache.hadoop.io.IOUtils.copyBytes(stream, out, 256 * 1024, True)
        else:
            out.write(JVM.org.apache.commons.io.IOUtils.toByteArray(stream, size))
            out.close()
            stream.close()
        return file.read()


def names(fs, name, recursive=True):
    found = []
    files = fs.listFiles(Path(ROOT + name), recursive)
    while files.hasNext():
        found.append(files.next().getPath().toString()[len(ROOT) :])
    return sorted(found)


def error_of(call):
    try:
        call()
    except Py4JJavaError as error:
        return error.java_exception.getClass().getSimpleName()
    return "no error"


@check
def create_and_overwrite():
    write(FS, "dir/a b+c%/ä", b"first")
    assert read(FS, "dir/a b+c%/ä") == b"first"
    assert error_of(lambda: write(FS, "dir/a b+c%/ä", b"second", overwrite=False)) == "FileAlreadyExistsException"
    write(FS, "dir/a b+c%/ä", b"third")
    assert read(FS, "dir/a b+c%/ä") == b"third"
    write(FS, "dir/empty", b"")
    assert FS.getFileStatus(Path(ROOT + "dir/empty")).getLen() == 0
    assert error_of(lambda: FS.open(Path(ROOT + "dir/absent"))) == "FileNotFoundException"


@check
def directories():
    assert FS.mkdirs(Path(ROOT + "made/deep"))
    assert FS.getFileStatus(Path(ROOT + "made/deep")).isDirectory()
    assert FS.getFileStatus(Path(ROOT + "dir")).isDirectory()
    assert [status.getPath().getName() for status in FS.listStatus(Path(ROOT + "made"))] == ["deep"]
    assert error_of(lambda: FS.delete(Path(ROOT + "dir"), False)) == "PathIsNotEmptyDirectoryException"


@check
def list_rename_delete():
    for number in range(30):
        write(FS, f"tree/{number % 3}/file {number:02}", b"x" * number)
    wanted = sorted(f"tree/{number % 3}/file {number:02}" for number in range(30))
    for version in ("1", "2"):
        fs = filesystem(list_version=version, paging_maximum="7")
        assert names(fs, "tree") == wanted, version
        assert len(fs.listStatus(Path(ROOT + "tree"))) == 3
        fs.close()
    assert FS.rename(Path(ROOT + "tree"), Path(ROOT + "moved"))
    assert names(FS, "moved") == [name.replace("tree/", "moved/") for name in wanted]
    assert not FS.exists(Path(ROOT + "tree"))
    assert FS.delete(Path(ROOT + "moved"), True)
    assert not FS.exists(Path(ROOT + "moved"))


@check
def large_in_parts():
    data = os.urandom(50 * MB + 17)
    for buffer in ("bytebuffer", "disk"):
        fs = filesystem(fast_upload_buffer=buffer)
        write(fs, "large", data)
        assert read(fs, "large") == data, buffer
        assert read(fs, "large", 5 * MB - 3, 6) == data[5 * MB - 3 : 5 * MB + 3]
        assert read(fs, "large", 50 * MB + 10, 7) == data[-7:]
        fs.close()
    assert FS.rename(Path(ROOT + "large"), Path(ROOT + "large copy"))
    assert read(FS, "large copy") == data


@check
def encryption_and_checksums():
    fs = filesystem(encryption_algorithm="SSE-KMS", encryption_key="arn:aws:kms:us-east-1:111122223333:key/k")
    write(fs, "encrypted", b"content")
    assert read(fs, "encrypted") == b"content"
    fs.close()
    # Not SHA1 and SHA256: in the trailer of a signed body this SDK (2.29.52) sends the digest of nothing.
    for algorithm in ("CRC32", "CRC32C"):
        fs = filesystem(create_checksum_algorithm=algorithm)
        data = os.urandom(12 * MB)
        write(fs, "checked", data)
        assert read(fs, "checked") == data, algorithm
        fs.close()


@check
def tables():
    frame = SPARK.range(0, 20_000).selectExpr("id", "id % 7 as part", "concat('name ', id) as name")
    frame.write.mode("overwrite").partitionBy("part").parquet(ROOT + "table")
    frame.where("id < 100").write.mode("append").partitionBy("part").parquet(ROOT + "table")
    back = SPARK.read.parquet(ROOT + "table")
    assert back.count() == 20_100
    assert back.where("part = 3").selectExpr("sum(id)").first()[0] == frame.where("part = 3").selectExpr("sum(id)").first()[0] + sum(range(3, 100, 7))
    frame.where("id < 5").write.mode("overwrite").parquet(ROOT + "table")
    assert [row.id for row in SPARK.read.parquet(ROOT + "table").orderBy("id").collect()] == [0, 1, 2, 3, 4]
    assert not any("_temporary" in name for name in names(FS, "table"))


@check
def wrong_keys():
    assert error_of(lambda: filesystem(secret_key="wrong").listStatus(Path(ROOT))) == "AccessDeniedException"


failed = 0
for function in CHECKS:
    try:
        function()
        print(json.dumps({"check": function.__name__, "ok": True}))
    except (AssertionError, Py4JJavaError) as error:
        failed = 1
        print(json.dumps({"check": function.__name__, "ok": False, "why": f"{type(error).__name__}: {str(error)[:1500]}"}, ensure_ascii=False))
SPARK.stop()
sys.exit(failed)
