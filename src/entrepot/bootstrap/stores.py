"""The place of an installation's bytes, as the settings name it."""

from entrepot.blobs.location import DiskLocation, StoreLocation
from entrepot.settings import Settings

S3_SCHEME = "s3://"


def store_location(settings: Settings) -> StoreLocation:
    """Where the store is. Opens and creates nothing."""
    if settings.store is None or not settings.store.startswith(S3_SCHEME):
        return DiskLocation(settings.blobs, settings.disk_reserve)
    # Loaded here: an installation on a disk needs neither.
    from entrepot.blobs.cache import BlobCache
    from entrepot.blobs.s3_location import S3Location

    bucket, _, prefix = settings.store.removeprefix(S3_SCHEME).partition("/")

    def make_cache() -> BlobCache:
        return BlobCache(settings.data / "cache", settings.store_cache, settings.disk_reserve)

    return S3Location(bucket, prefix.strip("/"), make_cache, settings.presigned_endpoint)
