use std::io::{self, BufWriter, Write};

use ply_tar::Writer;
use ply_tree::path::printable;
use ply_tree::{Extent, ReadAt, Source, Sources, TreeView};

use super::{Member, Options, Warning, WriteError, plan};

/// Bytes of content moved at once; larger ones cost more system time (DESIGN, "The hot path").
const BLOCK: usize = 256 << 10;
/// Headers and small files gather in so many bytes. Whole blocks of content go past them, uncopied.
const GATHER: usize = 128 << 10;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Entries.
    pub entries: u64,
    /// Bytes of the tar.
    pub bytes: u64,
    /// What was left out.
    pub warnings: Vec<Warning>,
}

/// Writes a tree as a tar: a changeset as a layer, a root filesystem as one flat archive. The same tree and content give the
/// same bytes. [`plan`] says which members, in which order; content is asked of `sources`, which need no order.
///
/// A small tree, as a tar in memory:
///
/// ```
/// use ply_layer::changeset::{Options, write};
/// use ply_tree::{Directory, Kind, Metadata, Node, ReadAt, Source, Sources, Tree};
///
/// struct Nothing;
/// impl Sources for Nothing {
///     fn source(&self, _: Source) -> std::io::Result<&dyn ReadAt> {
///         Err(std::io::ErrorKind::NotFound.into())
///     }
/// }
///
/// let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
/// let link = tree.add(Node::new(Kind::Symlink { target: (*b"usr/bin").into() }, Metadata::new(0o777)));
/// tree.link(Tree::ROOT, b"bin", link);
/// let mut tar = Vec::new();
/// let summary = write(&tree, &Nothing, &mut tar, Options::default())?;
/// // `./` and `bin`, and two blocks of zeros.
/// assert_eq!((summary.entries, summary.bytes, tar.len()), (2, 2048, 2048));
/// # Ok::<(), ply_layer::changeset::WriteError>(())
/// ```
///
/// # Errors
/// Any [`WriteError`]. What was written until then is no tar.
pub fn write<V: TreeView + ?Sized>(
    view: &V,
    sources: &dyn Sources,
    out: impl Write,
    options: Options,
) -> Result<Summary, WriteError> {
    let mut plan = plan(view, options)?;
    let mut writer = Writer::new(BufWriter::with_capacity(GATHER, out));
    let (mut block, mut entries) = (Vec::new(), 0_u64);
    for member in plan.by_ref() {
        put(&mut writer, &member?, sources, &mut block)?;
        entries = entries.saturating_add(1);
    }
    let bytes = writer.offset().saturating_add(ply_tar::TRAILER.len() as u64);
    writer.finish()?;
    Ok(Summary { entries, bytes, warnings: plan.into_warnings() })
}

fn put<W: Write>(
    writer: &mut Writer<W>,
    member: &Member,
    sources: &dyn Sources,
    block: &mut Vec<u8>,
) -> Result<(), WriteError> {
    let mut left = if member.entry.kind.has_content() { member.entry.size } else { 0 };
    let failed = |source| WriteError::Content { entry: printable(&member.entry.path), source };
    let mut content = writer.begin(&member.entry)?;
    block.resize(if left > 0 { BLOCK } else { block.len() }, 0);
    let rest = Extent { source: Source::HOLE, offset: 0, len: u64::MAX };
    for extent in member.extents.iter().chain([&rest]) {
        let (mut done, len) = (0, extent.len.min(left));
        left = left.saturating_sub(len);
        let source = match extent.source {
            Source::HOLE => None,
            _ if len == 0 => continue,
            number => Some(sources.source(number).map_err(failed)?),
        };
        while done < len {
            let wanted = usize::try_from(len.saturating_sub(done)).unwrap_or(BLOCK).min(BLOCK);
            let piece = block.get_mut(..wanted).unwrap_or_default();
            let piece = fill(source, piece, extent.offset.saturating_add(done)).map_err(failed)?;
            content.push(piece)?;
            done = done.saturating_add(piece.len() as u64);
        }
    }
    Ok(content.finish()?)
}

/// Some bytes from a place on, never none.
fn fill<'a>(source: Option<&dyn ReadAt>, piece: &'a mut [u8], offset: u64) -> io::Result<&'a [u8]> {
    let Some(source) = source else {
        piece.fill(0);
        return Ok(piece);
    };
    loop {
        match source.read_at(piece, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => return piece.get(..n).ok_or_else(|| io::Error::other("more bytes than were asked for")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
