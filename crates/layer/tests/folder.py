"""What GNU tar is compared with: `make DIR` fills a folder with all that a layer may hold, `list DIR` says what is in it.

A line is: path, type, mode, owner, group, time, names, and what the type has: size and CRC-32 of content, target, numbers of
a device; then the attributes.
"""
import os
import stat
import sys
import zlib


def make(root):
    os.chdir(root)
    os.umask(0)
    os.makedirs("usr/bin")
    with open("usr/bin/tool", "wb") as tool:
        tool.write(b"#!/bin/sh\n" * 5000)
    os.chmod("usr/bin/tool", 0o6755)
    os.link("usr/bin/tool", "usr/bin/alias")
    os.link("usr/bin/tool", "zz")
    os.symlink("usr/bin", "bin")
    os.symlink("/" + "t" * 3000, "far")
    os.link("far", "further")
    os.mkfifo("pipe", 0o600)
    os.mkdir("tmp")
    os.chmod("tmp", 0o1777)
    open("empty", "wb").close()
    for name in ["größe", b"not\xffutf", "new\nline", "n" * 255, "a=b c", "..."]:
        with open(name, "wb") as file:
            file.write(b"x" * len(name))
    deep = "/".join(["deep" * 10] * 12)
    os.makedirs(deep)
    os.link("empty", deep + "/link")
    with open("sparse", "wb") as sparse:
        for at in range(40):
            sparse.seek(at * 65536 + 10)
            sparse.write(bytes([97 + at % 26]) * 100)
        sparse.truncate(3 << 20)
    with open("hole", "wb") as hole:
        hole.truncate(100000)
    for name, value in [("user.color", b"blue"), ("user.odd", b"\0=\n")]:
        try:
            os.setxattr("usr/bin/tool", name, value)
            os.setxattr("usr", name, value)
        except OSError:
            print("no attributes in this folder: not compared", file=sys.stderr)
    if os.geteuid() == 0:
        os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod("disk", stat.S_IFBLK | 0o660, os.makedev(259, 1000000))
        os.chown("empty", 3000000, 4294967294)
        os.chown("bin", 12, 34, follow_symlinks=False)
    for at, name in enumerate(sorted(os.listdir(b"."))):
        os.utime(name, ns=(0, at * 1234567890123456 - 5 * 10**15), follow_symlinks=False)
    os.utime(".", ns=(0, 1700000000250000000))


def line(path, shown):
    about = os.lstat(path)
    kind = stat.S_IFMT(about.st_mode)
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            content = file.read()
        rest = "f %d %08x" % (len(content), zlib.crc32(content))
    elif kind == stat.S_IFLNK:
        rest = "l %s" % os.readlink(path).hex()
    elif kind == stat.S_IFDIR:
        rest = "d"
    elif kind == stat.S_IFIFO:
        rest = "p"
    else:
        letter = "c" if kind == stat.S_IFCHR else "b"
        rest = "%s %d:%d" % (letter, os.major(about.st_rdev), os.minor(about.st_rdev))
    names = 1 if kind == stat.S_IFDIR else about.st_nlink
    xattrs = ""
    if kind in (stat.S_IFREG, stat.S_IFDIR):
        for name in sorted(os.listxattr(path)):
            if name.startswith("user."):
                xattrs += " %s=%s" % (name, os.getxattr(path, name).hex())
    mode = stat.S_IMODE(about.st_mode)
    seconds, rest_ns = divmod(about.st_mtime_ns, 10**9)
    who = "%o %d %d %d.%09d %d" % (mode, about.st_uid, about.st_gid, seconds, rest_ns, names)
    print("/" + shown.hex(), who, rest + xattrs)


def list_all(root):
    root = os.fsencode(root)
    print_all = [(b"", root)]
    while print_all:
        shown, path = print_all.pop(0)
        line(path, shown)
        if stat.S_ISDIR(os.lstat(path).st_mode):
            below = sorted(os.listdir(path))
            print_all[:0] = [(shown + b"/" + name if shown else name, path + b"/" + name) for name in below]


{"make": make, "list": list_all}[sys.argv[1]](sys.argv[2])
