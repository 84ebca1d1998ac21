"""Whether locks in a store's folder hold between hosts, as far as its mount says.

Drafts, bytes on their way in and held deletions of a store in a folder rely on flock(2). Some
mounts keep such locks on the host: then two hosts write one draft, and a sweep removes what another
host is writing (nfs(5), mount.cifs(8), `docs/decisions/0060-stores-of-many-hosts.md`).
"""

import re
from pathlib import Path

from entrepot.blobs.location import DiskLocation
from entrepot.bootstrap.stores import store_location
from entrepot.errors import StartRefused
from entrepot.settings import Settings

MOUNTS = Path("/proc/self/mountinfo")
LOCAL_OPTIONS = {
    "nfs": ("nolock", "local_lock=flock", "local_lock=all"),
    "nfs4": ("nolock", "local_lock=flock", "local_lock=all"),
    "cifs": ("nobrl", "nolock"),
    "smb3": ("nobrl", "nolock"),
    "9p": ("",),
    "fuse.sshfs": ("",),
    "fuse.s3fs": ("",),
    "fuse.gcsfuse": ("",),
    "fuse.rclone": ("",),
    "fuse.goofys": ("",),
    "fuse.mount-s3": ("",),
}
"""By the type of a file system, the options with which its locks are the host's own; the empty one
is any."""


def refuse_local_locks(settings: Settings, mounts: Path = MOUNTS) -> None:
    """Refuse a role of one host among many whose store has locks of this host alone. Raises
    StartRefused."""
    mount = find_local_locks(settings, mounts)
    if mount is None or settings.role == "all":
        return
    raise StartRefused(
        reason=f"Locks in the store {settings.blobs} hold on this host alone: its file system is "
        f"mounted as {mount}. Hosts that share it would write over each other's uploads. Mount it "
        "so that locks reach the server (NFS without nolock and local_lock, SMB without nobrl), "
        "or keep the bytes in S3 (docs/how-to/use-object-storage.md). Nothing was changed."
    )


def find_local_locks(settings: Settings, mounts: Path = MOUNTS) -> str | None:
    """Type and option of the store's mount, if locks there are not seen by other hosts; None if
    they are, as far as is known."""
    location = store_location(settings)
    if not isinstance(location, DiskLocation) or not mounts.exists():
        return None
    kind, options = _find_mount(location.root.resolve(), mounts.read_text())
    for option in LOCAL_OPTIONS.get(kind, ()):
        if not option:
            return kind
        if option in options:
            return f"{kind} with {option}"
    return None


def _find_mount(folder: Path, mounts: str) -> tuple[str, set[str]]:
    """The type and the options of the file system that has the folder (proc(5), mountinfo)."""
    best, kind, options = Path(), "", set[str]()
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, source = before.split(" "), after.split(" ")
        point = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        # A later mount at the same place hides the earlier one.
        if folder.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, source[0]
            options = {*fields[5].split(","), *source[-1].split(",")}
    return kind, options
