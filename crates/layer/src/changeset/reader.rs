use ply_tar::{Entry, Kind};
use ply_tree::{Node, NodeId, Source, Tree};

use super::inode::{self, Origin};
use super::name::{self, Meaning, Path, Why};
use super::place::{Cause, Draft};
use super::warning::{Notes, Oddity};
use super::{Changeset, Counts, ReadError, links};

/// Directories that a layer may imply, and how many more with each entry: far over what any image has.
const IMPLIED: u64 = 1 << 16;
const IMPLIED_BY_EACH: u64 = 16;

/// Makes a tree of the entries of a layer's tar, one after the other. It reads nothing itself: content stays where it is.
///
/// [`read`](super::read()) does all for a tar that can seek, [`read_stream`](super::read_stream) for one that cannot,
/// and [`Feed`](super::Feed) looks at one that goes past.
///
/// # What holds
///
/// As in `layer.md` of the OCI image specification, and where that is silent or engines differ:
///
/// - Names are cleaned: `./a`, `/a`, `b/../a` and `../a` are all `a`. The entry `./` is the root; it can only be a directory.
/// - Of two entries with one name the last holds; a directory after a directory keeps what lies in it. Directories that
///   have no entry are implied. Nothing is written through a link: `bin/new` after `bin -> usr/bin` makes `bin` a directory.
/// - A whiteout hides what layers below have, never what its own layer has, in whichever order they stand. A directory
///   beside its own whiteout is opaque; below a file, a link or a whiteout there is nothing left to hide.
/// - A hard link's target may come later or lie in a layer below. Mode, owner and time in the link's header are the
///   file's, if none comes later; its extended attributes are not.
/// - Left-overs of aufs are nowhere, but hard links to them hold. Attributes for overlay mounts are dropped.
/// - Refused: whiteouts of nothing, of `.` and of `..`, and what lies below a whiteout's name; hard links to directories, to
///   themselves, in a circle, or out of the root; character devices 0:0, numbers Linux has not; names over 255 bytes,
///   paths over 4,096 names, symbolic links over 4,095 bytes, more than 65,536 implied directories and 16 for each entry.
///
/// # Cost
///
/// Time grows as n log n with the bytes of the headers, whatever they say. Memory: 238 bytes an entry, measured with
/// 200,000 files of 20 a directory (`cargo bench -p ply-layer --bench changeset`), and long attributes and targets.
///
/// ```
/// use ply_layer::changeset::Reader;
/// use ply_tar::Entry;
/// use ply_tree::{Kind, Last, Source, find};
///
/// let mut reader = Reader::new(Source(0), 0);
/// reader.push(&Entry::file("etc/motd", 6))?;
/// reader.push(&Entry::file("etc/.wh.issue", 0))?;
/// let layer = reader.finish()?;
///
/// let issue = find(&layer.tree, b"etc/issue", Last::Keep)?.expect("its whiteout");
/// assert_eq!(layer.tree.get(issue.id).map(|node| &node.kind), Some(&Kind::Whiteout));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "`finish` gives the tree"]
pub struct Reader {
    draft: Draft,
    origin: Origin,
    /// Hard links to what was not there yet.
    pending: Vec<NodeId>,
    counts: Counts,
    notes: Notes,
}

impl Reader {
    /// Nothing yet. Extents are to point into `source`, in which the plain tar begins at byte `base`: 0, or where it
    /// lies in an archive.
    pub fn new(source: Source, base: u64) -> Self {
        Self {
            draft: Draft::new(),
            origin: Origin { source, base },
            pending: Vec::new(),
            counts: Counts::default(),
            notes: Notes::default(),
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`ReadError::Refused`]. There is no way on after one.
    pub fn push(&mut self, entry: &Entry) -> Result<(), ReadError> {
        self.take(entry).map_err(|why| ReadError::Refused {
            entry: entry.printable_path(),
            offset: entry.header_offset,
            why,
        })
    }

    /// Notes members that the tar's reader passed over: [`End::skipped`](ply_tar::End::skipped).
    pub fn passed_over(&mut self, members: u64) {
        self.notes.add_nameless(Oddity::NoFile, members);
    }

    /// All entries were pushed: the tree.
    ///
    /// # Errors
    /// [`ReadError::Refused`], for a hard link.
    pub fn finish(mut self) -> Result<Changeset, ReadError> {
        self.draft.settle_whiteouts();
        links::resolve(&mut self.draft, &self.pending)?;
        Ok(Changeset { tree: self.draft.tree, counts: self.counts, warnings: self.notes.into_warnings() })
    }

    fn take(&mut self, entry: &Entry) -> Result<(), Why> {
        self.counts.entries = self.counts.entries.saturating_add(1);
        self.place(entry)?;
        // A path of 8 KiB can ask for 4,096 directories, two megabytes; and the next one for as many others.
        let most = IMPLIED.saturating_add(IMPLIED_BY_EACH.saturating_mul(self.counts.entries));
        if self.draft.implied() > most {
            return Err(format!("over {most} directories that have no entry of their own").into());
        }
        Ok(())
    }

    fn place(&mut self, entry: &Entry) -> Result<(), Why> {
        match name::meaning(&entry.path)? {
            Meaning::Root => self.root(entry),
            Meaning::Entry(path) => self.entry(Tree::ROOT, &path, entry),
            Meaning::Leftover(path) => {
                self.notes.add(Oddity::AufsLeftover, &entry.path);
                let shadow = self.draft.shadow();
                self.entry(shadow, &path, entry)
            }
            // Docker goes by the name alone: aufs made its whiteouts hard links.
            Meaning::Whiteout(path, name) => {
                self.counts.whiteouts = self.counts.whiteouts.saturating_add(1);
                self.draft.whiteout(&path, name);
                Ok(())
            }
            Meaning::Opaque(path) => {
                self.counts.whiteouts = self.counts.whiteouts.saturating_add(1);
                if let Some(directory) = self.draft.directory(Tree::ROOT, &path, Cause::Whiteout) {
                    self.draft.make_opaque(directory);
                }
                Ok(())
            }
        }
    }

    fn root(&mut self, entry: &Entry) -> Result<(), Why> {
        if entry.kind != Kind::Directory {
            return Err("the root can only be a directory".into());
        }
        let metadata = self.metadata(entry)?;
        self.draft.say(Tree::ROOT, metadata, entry.header_offset);
        Ok(())
    }

    fn entry(&mut self, root: NodeId, path: &[&[u8]], entry: &Entry) -> Result<(), Why> {
        let Some((name, parents)) = path.split_last() else { return Ok(()) };
        let at = entry.header_offset;
        // Whatever the entry is, it makes its parents directories.
        let Some(directory) = self.draft.directory(root, parents, Cause::Entry(at)) else { return Ok(()) };
        match entry.kind {
            Kind::HardLink => self.hard_link(directory, path, name, entry),
            Kind::Directory => {
                let metadata = self.metadata(entry)?;
                self.draft.put_directory(directory, name, metadata, at);
                Ok(())
            }
            Kind::File | Kind::Symlink | Kind::CharDevice | Kind::BlockDevice | Kind::Fifo => {
                if entry.kind == Kind::File {
                    self.counts.files = self.counts.files.saturating_add(1);
                    self.counts.bytes = self.counts.bytes.saturating_add(entry.size);
                }
                let (kind, metadata) = (inode::kind(entry, self.origin)?, self.metadata(entry)?);
                let id = self.draft.add(kind, metadata, at);
                self.draft.put(directory, name, id);
                Ok(())
            }
        }
    }

    fn hard_link(
        &mut self,
        directory: NodeId,
        path: &[&[u8]],
        name: &[u8],
        entry: &Entry,
    ) -> Result<(), Why> {
        let (target, leftover) = name::target(&entry.link)?;
        if target == path {
            return Err("a hard link to itself".into());
        }
        let metadata = inode::metadata(entry)?;
        let id = match links::look(&mut self.draft, &target, leftover) {
            Some(id) if self.draft.tree.get(id).is_some_and(Node::is_directory) => {
                return Err("a hard link to a directory".into());
            }
            Some(id) => {
                self.draft.set_attributes(id, &metadata, entry.header_offset);
                id
            }
            None => self.pending_link(&target, metadata, entry.header_offset),
        };
        self.draft.put(directory, name, id);
        Ok(())
    }

    fn pending_link(&mut self, target: &Path<'_>, metadata: ply_tree::Metadata, at: u64) -> NodeId {
        let target = target.join(&b'/').into();
        let id = self.draft.add(ply_tree::Kind::LinkBelow { target }, metadata, at);
        self.pending.push(id);
        id
    }

    fn metadata(&mut self, entry: &Entry) -> Result<ply_tree::Metadata, Why> {
        let (xattrs, dropped) = inode::xattrs(entry);
        for name in dropped {
            let place = [&entry.path[..], b" (", name, b")"].concat();
            self.notes.add(Oddity::OverlayXattr, &place);
        }
        Ok(ply_tree::Metadata { xattrs, ..inode::metadata(entry)? })
    }
}
