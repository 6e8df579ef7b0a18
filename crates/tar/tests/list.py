"""Lists the archive on stdin as Python's tarfile reads it, a member a line; names in hex."""
import io
import math
import sys
import tarfile

KINDS = {
    tarfile.REGTYPE: "File", tarfile.AREGTYPE: "File", tarfile.CONTTYPE: "File", tarfile.GNUTYPE_SPARSE: "File",
    tarfile.LNKTYPE: "HardLink", tarfile.SYMTYPE: "Symlink", tarfile.CHRTYPE: "CharDevice",
    tarfile.BLKTYPE: "BlockDevice", tarfile.DIRTYPE: "Directory", tarfile.FIFOTYPE: "Fifo",
}


def raw(text):
    return text.encode("utf-8", "surrogateescape").hex() or "-"


bytes_in = io.BytesIO(sys.stdin.buffer.read())
with tarfile.open(fileobj=bytes_in, mode="r:", errors="surrogateescape", encoding="utf-8") as archive:
    for member in archive:
        # tarfile takes the slash from directories' names.
        data = archive.extractfile(member).read() if member.isreg() else b""
        device = f"{member.devmajor}:{member.devminor}" if member.isdev() and not member.isfifo() else "-"
        print(
            KINDS[member.type], f"{member.mode & 0o7777:o}", member.uid, member.gid, raw(member.uname), raw(member.gname),
            len(data), math.floor(member.mtime), device, raw(member.name), raw(member.linkname), member.offset,
            member.offset_data, sum(data),
        )
