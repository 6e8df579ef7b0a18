//! Unpacks a flat tar, to be measured beside `tar -x`: `unpack TAR DIR [workers N] [skip-devices] [durable] [recorded]`.
//! How a tar becomes a tree properly is ply-layer's to say; this reads no more than `docker export` writes.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use ply_rootfs::{Options, Owners, unpack};
use ply_tar::{Entry, Limits};
use ply_tree::{
    Device, Directory, Extent, Kind, Metadata, Node, NodeId, ReadAt, Source, Sources, Time, Tree, Xattr, path,
};

type Failure = Box<dyn std::error::Error>;

struct Archive(File);

impl ReadAt for Archive {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }
}

impl Sources for Archive {
    fn source(&self, _: Source) -> io::Result<&dyn ReadAt> {
        Ok(self)
    }
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let (Some(tar), Some(into)) = (args.next(), args.next()) else {
        return Err("usage: unpack TAR DIR".into());
    };
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("workers") => {
                options.workers =
                    Some(args.next().and_then(|n| n.to_str()?.parse().ok()).ok_or("workers N")?);
            }
            Some("skip-devices") => options.skip_devices = true,
            Some("durable") => options.durable = true,
            Some("recorded") => options.owners = Owners::Recorded,
            _ => return Err("workers N, skip-devices, durable, recorded".into()),
        }
    }
    let begin = Instant::now();
    let file = File::open(tar)?;
    let tree = read(&file)?;
    let read = begin.elapsed();
    let done = unpack(&tree, &Archive(file), into.as_ref(), &options, &|_| ControlFlow::Continue(()));
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            return Err(format!("{error}{cause}").into());
        }
    };
    let ms = |time: std::time::Duration| time.as_millis();
    println!(
        "{} entries, {} bytes, {} devices skipped; headers {} ms, all {} ms",
        done.entries,
        done.bytes,
        done.skipped_devices,
        ms(read),
        ms(begin.elapsed())
    );
    for warning in done.warnings {
        println!("{warning}");
    }
    Ok(())
}

fn read(file: &File) -> Result<Tree, Failure> {
    let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
    for entry in ply_tar::index(io::BufReader::with_capacity(512, file), Limits::default())? {
        let entry = entry?;
        let path = path::clean(&entry.path);
        let Some((above, name)) = path::split(&path) else {
            if let Some(root) = tree.get_mut(Tree::ROOT) {
                root.metadata = metadata(&entry)?;
            }
            continue;
        };
        let directory = make(&mut tree, above)?;
        if entry.kind == ply_tar::Kind::HardLink {
            let target = path::clean(&entry.link);
            let (above, last) = path::split(&target).ok_or("a link to the root")?;
            let id = make(&mut tree, above)?;
            let id = tree.child(id, last).ok_or("a link to nothing")?;
            tree.link(directory, name, id);
            continue;
        }
        let node = Node::new(kind(&entry)?, metadata(&entry)?);
        match tree.child(directory, name).and_then(|id| tree.get_mut(id)) {
            Some(before) if before.is_directory() && node.is_directory() => before.metadata = node.metadata,
            _ => {
                let id = tree.add(node);
                tree.link(directory, name, id);
            }
        }
    }
    Ok(tree)
}

fn make(tree: &mut Tree, path: &[u8]) -> Result<NodeId, Failure> {
    let mut at = Tree::ROOT;
    for name in path::components(path) {
        at = if let Some(id) = tree.child(at, name) {
            id
        } else {
            let id = tree.add(Node::new(Kind::Directory(Directory::default()), Metadata::new(0o755)));
            tree.link(at, name, id);
            id
        };
    }
    if tree.get(at).is_some_and(Node::is_directory) { Ok(at) } else { Err("something in a file".into()) }
}

fn metadata(entry: &Entry) -> Result<Metadata, Failure> {
    let xattr = |(name, value): &(Vec<u8>, Vec<u8>)| Xattr { name: name[..].into(), value: value[..].into() };
    Ok(Metadata {
        mode: u16::try_from(entry.mode)?,
        uid: u32::try_from(entry.uid)?,
        gid: u32::try_from(entry.gid)?,
        mtime: Time { seconds: entry.mtime.seconds, nanoseconds: entry.mtime.nanoseconds },
        xattrs: entry.xattrs.iter().map(xattr).collect(),
    })
}

fn kind(entry: &Entry) -> Result<Kind, Failure> {
    let device =
        || entry.device.map(|(major, minor)| Device { major, minor }).ok_or("a device without numbers");
    Ok(match entry.kind {
        ply_tar::Kind::Directory => Kind::Directory(Directory::default()),
        ply_tar::Kind::Symlink => Kind::Symlink { target: entry.link[..].into() },
        ply_tar::Kind::CharDevice => Kind::CharDevice(device()?),
        ply_tar::Kind::BlockDevice => Kind::BlockDevice(device()?),
        ply_tar::Kind::Fifo => Kind::Fifo,
        ply_tar::Kind::File | ply_tar::Kind::HardLink => {
            Kind::File { size: entry.size, extents: extents(entry) }
        }
    })
}

fn extents(entry: &Entry) -> Vec<Extent> {
    let source = Source(0);
    let Some(segments) = &entry.sparse else {
        return vec![Extent { source, offset: entry.data_offset, len: entry.size }];
    };
    let (mut extents, mut at, mut stored) = (Vec::new(), 0, entry.data_offset);
    for segment in segments {
        if segment.offset > at {
            extents.push(Extent { source: Source::HOLE, offset: 0, len: segment.offset - at });
        }
        extents.push(Extent { source, offset: stored, len: segment.len });
        (at, stored) = (segment.offset + segment.len, stored + segment.len);
    }
    extents
}
