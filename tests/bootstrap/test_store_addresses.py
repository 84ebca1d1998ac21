"""The address of a store is checked before anything asks it."""

import pytest

from entrepot.errors import StartRefused
from entrepot.settings import read_settings


@pytest.mark.parametrize(
    ("bucket", "fault"),
    [
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/files", "the ARN of an access point"),
        ("ab", "has 2 characters"),
        ("b" * 64, "has 64 characters"),
        ("Bucket", "lower-case letters"),
        ("my_bucket", "lower-case letters"),
        ("bucket-", "must begin and end"),
        ("-bucket", "must begin and end"),
        ("my..bucket", "two dots"),
        ("192.168.5.4", "an IP address"),
    ],
)
def test_a_name_that_no_bucket_has_is_refused(bucket: str, fault: str) -> None:
    with pytest.raises(StartRefused, match=f"store is wrong: names the bucket .* {fault}"):
        read_settings(store=f"s3://{bucket}")


@pytest.mark.parametrize("bucket", ["abc", "b" * 63, "files.example.com", "1.2.3", "files-s3alias"])
def test_a_name_that_a_bucket_may_have_is_taken(bucket: str) -> None:
    assert read_settings(store=f"s3://{bucket}/prefix").store == f"s3://{bucket}/prefix"
