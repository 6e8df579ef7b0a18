"""Writes an archive to stdout with Python's tarfile: make.py FORMAT, one of 0 (ustar), 1 (gnu), 2 (pax)."""
import io
import sys
import tarfile

FORMAT = int(sys.argv[1])
LONG = "directory/" * 12 + "file" if FORMAT == tarfile.USTAR_FORMAT else "directory/" * 40 + "file"


def member(name, **fields):
    info = tarfile.TarInfo(name)
    info.uname, info.gname, info.uid, info.gid = "alice", "staff", 1000, 100
    info.mtime = 1700000000
    for field, value in fields.items():
        setattr(info, field, value)
    return info


members = [
    (member("dir", type=tarfile.DIRTYPE, mode=0o755), b""),
    (member("dir/file"), b"hello\n"),
    (member("dir/empty", mode=0o4755), b""),
    (member("dir/blocks"), b"x" * 1024),
    (member("dir/sym", type=tarfile.SYMTYPE, linkname="file"), b""),
    (member("dir/hard", type=tarfile.LNKTYPE, linkname="dir/file"), b""),
    (member("dir/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
    (member("dir/sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0), b""),
    (member("dir/pipe", type=tarfile.FIFOTYPE), b""),
    (member(LONG), b"far down\n"),
    (member("dir/sp\u00e4t"), b"later\n"),
]
if FORMAT != tarfile.USTAR_FORMAT:
    members += [
        (member("to-" + "n" * 200, type=tarfile.SYMTYPE, linkname="t" * 200), b""),
        (member("big-owner", uid=5_000_000_000, gid=3_000_000), b"big\n"),
        (member("old", mtime=-5), b"old\n"),
    ]
if FORMAT == tarfile.PAX_FORMAT:
    attributes = {"SCHILY.xattr.user.color": "blue", "comment": "no"}
    members += [
        (member("exact", mtime=1700000000.25), b"exact\n"),
        (member("before", mtime=-1.5), b"before\n"),
        (member("attributes", pax_headers=attributes), b"a\n"),
    ]

with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=FORMAT, encoding="utf-8") as archive:
    for info, data in members:
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
