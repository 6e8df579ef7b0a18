use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use ply_digest::{Digest, Hasher, Progress};
use ply_image::{DiffId, Region};
use ply_layer::Compression;
use ply_layer::changeset::{Changeset, Feed, Reader};
use ply_store::Store;
use ply_tree::{NodeId, ReadAt, Source, Sources, Tree, walk};

use super::Files;
use super::sums::{Summing, Sums};
use crate::transfer::{BLOCK, Expected, Out, Outs, Plain, RegionReader, inflate, lock, refused, sniff};
use crate::watch::Silent;
use crate::workers::each;
use crate::{Error, watch::TaskProgress};

/// The bytes of a layer's plain tar: where they lie, or what they are made from when somebody first asks.
#[derive(Debug)]
pub struct LayerBytes {
    diff_id: DiffId,
    packed: Region,
    compression: Compression,
    /// Where a plain tar that is made is kept; in a file without a name if nowhere.
    store: Option<Store>,
    plain: OnceLock<Region>,
    /// Whether it is of the store: then nothing is read of it that was not compared with its DiffID, or with sums that were
    /// taken when that was done. What lies in an archive is believed.
    is_stored: bool,
    sums: OnceLock<Sums>,
    /// So that one thread hashes, and the others wait for it.
    proving: Mutex<()>,
}

/// The plain bytes of a layer on their way into a file.
struct Summed<'a> {
    out: &'a Out,
    summing: Summing,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)?;
        self.summing.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LayerBytes {
    /// Of a compressed layer, whose plain tar the store may have from an earlier time.
    pub(super) fn new(diff_id: DiffId, packed: Region, store: Option<Store>) -> Result<Self, Error> {
        let what = || format!("layer {diff_id}");
        let compression = sniff(&packed).map_err(Error::within(what()))?;
        let plain = OnceLock::new();
        if compression == Compression::None {
            let _ = plain.set(packed.clone());
        } else if let Some(file) = store.as_ref().and_then(|store| store.made_plain_tar(&diff_id)) {
            let _ = plain.set(whole(Arc::new(file)).map_err(Error::within(what()))?);
        }
        let is_stored = store.is_some();
        let (sums, proving) = Default::default();
        Ok(Self { diff_id, packed, compression, store, plain, is_stored, sums, proving })
    }

    /// Keeps a plain tar that is made in a store, or takes the one that it has.
    pub(crate) fn keep_in(&mut self, store: &Store) -> Result<(), Error> {
        if self.plain.get().is_none()
            && let Some(file) = store.made_plain_tar(&self.diff_id)
        {
            let made = whole(Arc::new(file)).map_err(Error::within(format!("layer {}", self.diff_id)))?;
            let _ = self.plain.set(made);
        }
        self.store = Some(store.clone());
        Ok(())
    }

    /// Whether its plain tar is none of ours: it lies where somebody else put it.
    pub(crate) fn is_as_found(&self) -> bool {
        self.store.is_none() || self.compression == Compression::None
    }

    /// The layer as it is stored.
    pub(super) const fn packed(&self) -> &Region {
        &self.packed
    }

    /// What there is of the layer without making anything: its plain tar, or what that is to be made from.
    pub(crate) fn at_hand(&self) -> (&Region, Compression) {
        self.plain.get().map_or((&self.packed, self.compression), |plain| (plain, Compression::None))
    }

    /// Where the plain bytes lie. A compressed layer is inflated once, whole, and compared with its DiffID before a byte of
    /// it is read: what was made is kept in the store where it can be.
    ///
    /// # Errors
    /// It cannot be inflated, is not what its DiffID says, or there is no room for it.
    pub fn plain(&self) -> Result<&Region, Error> {
        if let Some(region) = self.plain.get() {
            return Ok(region);
        }
        let file = match &self.store {
            Some(store) => store.plain_tar(&self.diff_id, |file| self.inflate(file))?,
            None => None,
        };
        let file = match file {
            Some(file) => Arc::new(file),
            None => {
                let file = Arc::new(
                    unnamed(&std::env::temp_dir()).map_err(Error::within("making a temporary file"))?,
                );
                self.inflate(&file)?;
                file
            }
        };
        let region = whole(file).map_err(Error::within(format!("layer {}", self.diff_id)))?;
        Ok(self.plain.get_or_init(|| region))
    }

    fn inflate(&self, file: &Arc<File>) -> Result<(), Error> {
        let what = format!("layer {}", self.diff_id);
        let out = Out::new(Arc::clone(file), 0);
        let progress = TaskProgress { watch: &Silent, task: 0 };
        let raw = RegionReader::new(&self.packed);
        let mut summed = Summed { out: &out, summing: Summing::default() };
        inflate(raw, self.compression, Outs::plain(Plain::Writer(&mut summed)), &progress)
            .map_err(|e| e.at(&what))?
            .verified(&what, Expected { digest: None, diff_id: Some(self.diff_id) })?;
        self.keep_sums(summed.summing.finish());
        Ok(())
    }

    /// Sums of bytes that hashed to the DiffID.
    fn keep_sums(&self, sums: Sums) {
        if let Some(store) = self.store.as_ref().filter(|store| self.is_stored && store.keeps_derived()) {
            store.keep_layer_sums(&self.diff_id, &sums.to_bytes(&self.diff_id));
        }
        let _ = self.sums.set(sums);
    }

    /// What the blocks of the plain tar must add up to, of a layer of the store; all of it is hashed where nobody has done that
    /// before.
    fn proven(&self) -> Result<Option<&Sums>, Error> {
        let Some(store) = self.store.as_ref().filter(|_| self.is_stored) else { return Ok(None) };
        if let Some(sums) = self.sums.get() {
            return Ok(Some(sums));
        }
        let _one = lock(&self.proving);
        self.plain()?;
        if self.sums.get().is_none() {
            match store.layer_sums(&self.diff_id).and_then(|sums| Sums::parse(&sums, &self.diff_id)) {
                Some(sums) => drop(self.sums.set(sums)),
                None => self.verify(&())?,
            }
        }
        Ok(self.sums.get())
    }

    /// The tree of a layer of the store, read from its tar: all of it is hashed on the way, so that no index is made of what is
    /// damaged. And the length of the plain tar.
    pub(super) fn proven_tree(&self, source: Source) -> Result<(Changeset, u64), Error> {
        let what = || format!("layer {}", self.diff_id);
        let (region, compression) = self.at_hand();
        let raw = BufReader::with_capacity(BLOCK, RegionReader::new(region));
        let mut plain = ply_layer::decoder(compression, raw, &ply_layer::Limits::default())
            .map_err(Error::within(what()))?;
        let mut feed = Ok(Feed::new(Reader::new(source, 0), ply_tar::Limits::default()));
        let (mut hasher, mut summing, mut block) = (Hasher::new(), Summing::default(), vec![0; BLOCK]);
        loop {
            let n = plain.read(&mut block).map_err(Error::within(what()))?;
            if n == 0 {
                break;
            }
            let bytes = block.get(..n).unwrap_or_default();
            hasher.update(bytes);
            summing.push(bytes);
            // What the bytes hash to says more than that they are no tar.
            feed = feed.and_then(|mut feed| feed.push(bytes).map(|()| feed));
        }
        let size = hasher.len();
        self.compare(hasher.finalize())?;
        self.keep_sums(summing.finish());
        let read = feed.and_then(Feed::finish).map_err(Error::within(what()))?;
        Ok((read, size))
    }

    fn compare(&self, found: Digest) -> Result<(), Error> {
        if found == self.diff_id.0 {
            return Ok(());
        }
        if let Some(damaged) = self.plain_is_damaged() {
            return Err(damaged);
        }
        let what = format!("layer {}", self.diff_id);
        Err(Error::Mismatch { what, found, expected: self.diff_id.0, by: "its config" })
    }

    /// Where the plain tar was made, and kept: it goes, so that it is made again.
    fn plain_is_damaged(&self) -> Option<Error> {
        let store = self.store.as_ref().filter(|_| self.compression != Compression::None)?;
        self.plain.get()?;
        let path = store.drop_plain_tar(&self.diff_id);
        let why = "was damaged, and is removed: it is made again when it is needed next";
        Some(Error::within(path.display().to_string())(why))
    }
}

fn whole(file: Arc<File>) -> io::Result<Region> {
    let len = file.metadata()?.len();
    Ok(Region { file, offset: 0, len })
}

/// A file in a folder that is gone when it is closed, whatever happens.
pub(crate) fn unnamed(folder: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match open(folder, flags, Mode::RUSR | Mode::WUSR) {
        // Filesystems of other machines and kernels know no such files: it gets a name, and loses it at once.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => named_for_a_moment(folder),
        opened => Ok(File::from(opened?)),
    }
}

/// A file without a name in the store's own folder where that can be written, since the folder for temporary files may be memory.
pub(crate) fn temporary(store: &Path) -> Result<File, Error> {
    unnamed(store)
        .or_else(|_| unnamed(&std::env::temp_dir()))
        .map_err(Error::within("making a temporary file"))
}

fn named_for_a_moment(folder: &Path) -> io::Result<File> {
    for number in 0_u32.. {
        let path = folder.join(format!(".ply-{}-{number}", std::process::id()));
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.and_then(|file| std::fs::remove_file(&path).map(|()| file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl ReadAt for LayerBytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if let Some(sums) = self.proven().map_err(io::Error::other)? {
            let read = sums.read_at(self.plain().map_err(io::Error::other)?, buffer, offset);
            let read = read.map_err(|e| refused(format!("layer {}", self.diff_id), e))?;
            return read.ok_or_else(|| io::Error::other(self.damaged_near(offset)));
        }
        let Region { file, offset: start, len } = self.plain().map_err(io::Error::other)?;
        let left = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let read = file.read_at(buffer.get_mut(..wanted).unwrap_or_default(), start.saturating_add(offset));
        read.map_err(|e| refused(format!("layer {}", self.diff_id), e))
    }
}

/// Makes the plain tars of those of some layers that are compressed, and proves that they are what they should be, several at once:
/// before anybody reads from them, since readers would otherwise wait for each other.
///
/// # Errors
/// As [`LayerBytes::plain`].
pub(crate) fn make_plain<'a>(
    threads: usize,
    layers: impl IntoIterator<Item = &'a LayerBytes>,
) -> Result<(), Error> {
    let is_ready =
        |bytes: &LayerBytes| bytes.plain.get().is_some() && (!bytes.is_stored || bytes.sums.get().is_some());
    let layers: Vec<&LayerBytes> = layers.into_iter().filter(|bytes| !is_ready(bytes)).collect();
    let ready = |bytes: &LayerBytes| bytes.plain().and_then(|_| bytes.proven()).map(drop);
    each(threads, &layers, || (), |(), bytes| ready(bytes))
}

/// Hashes the plain tars of layers, several at once, and compares them with their DiffIDs.
///
/// # Errors
/// A layer is damaged, or somebody said stop.
pub(crate) fn verify(threads: usize, layers: &[LayerBytes], progress: &dyn Progress) -> Result<(), Error> {
    each(threads, layers, || (), |(), bytes| bytes.verify(progress))
}

impl Files {
    /// Makes the plain tars of layers by their numbers, counted from 0; what is no layer of the image has none.
    ///
    /// # Errors
    /// As [`LayerBytes::plain`].
    pub(crate) fn make_plain(
        &self,
        threads: usize,
        layers: impl IntoIterator<Item = usize>,
    ) -> Result<(), Error> {
        make_plain(threads, layers.into_iter().filter_map(|layer| self.bytes.get(layer)))
    }

    /// The same for the layers that the content of a file or directory of a tree lies in, and no others.
    ///
    /// # Errors
    /// As [`LayerBytes::plain`].
    pub(crate) fn make_plain_below(&self, threads: usize, tree: &Tree, from: NodeId) -> Result<(), Error> {
        let mut layers = BTreeSet::new();
        let mut steps = walk(tree, from).map_err(self.failed())?;
        let mut next = Some(from);
        while let Some(id) = next {
            let data = tree.get(id).into_iter().flat_map(|node| node.kind.data());
            layers.extend(data.filter_map(|extent| usize::try_from(extent.source.0).ok()));
            next = steps.advance().map_err(self.failed())?;
        }
        self.make_plain(threads, layers)
    }

    /// Hashes the plain tars of all layers but the lowest few, several at once, and compares them with their DiffIDs: for who
    /// makes of their bytes what will have a digest of its own.
    ///
    /// # Errors
    /// A layer is damaged, or somebody said stop.
    pub(crate) fn verify(&self, skip: usize, threads: usize, progress: &dyn Progress) -> Result<(), Error> {
        verify(threads, self.bytes.get(skip..).unwrap_or_default(), progress)
    }

    /// Bytes of the plain tars of all layers but the lowest few.
    ///
    /// # Errors
    /// As [`LayerBytes::plain`].
    pub(crate) fn plain_len(&self, skip: usize) -> Result<u64, Error> {
        self.bytes.iter().skip(skip).try_fold(0, |sum, bytes| Ok(bytes.plain()?.len.saturating_add(sum)))
    }
}

impl LayerBytes {
    fn damaged_near(&self, offset: u64) -> Error {
        self.plain_is_damaged().unwrap_or_else(|| {
            let why = format!("is damaged near byte {offset}: `ply check` tells more");
            Error::within(format!("layer {}", self.diff_id))(why)
        })
    }

    fn verify(&self, progress: &dyn Progress) -> Result<(), Error> {
        let what = || format!("layer {}", self.diff_id);
        let mut reader = RegionReader::new(self.plain()?);
        let (mut hasher, mut summing, mut block) = (Hasher::new(), Summing::default(), vec![0; BLOCK]);
        loop {
            let n = reader.read(&mut block).map_err(Error::within(what()))?;
            let bytes = block.get(..n).unwrap_or_default();
            hasher.update(bytes);
            summing.push(bytes);
            if progress.advance(n as u64).is_break() {
                return Err(Error::Interrupted);
            }
            if n == 0 {
                break;
            }
        }
        self.compare(hasher.finalize())?;
        if self.is_stored {
            self.keep_sums(summing.finish());
        }
        Ok(())
    }
}

impl Sources for Files {
    fn source(&self, source: Source) -> io::Result<&dyn ReadAt> {
        let at = usize::try_from(source.0).map_err(|_| io::ErrorKind::NotFound)?;
        match (self.bytes.get(at), &self.upper) {
            (Some(bytes), _) => Ok(bytes),
            (None, Some(upper)) => upper.source(source),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
