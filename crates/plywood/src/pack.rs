//! Layers in other clothes: which of them must be packed again to travel as somebody wants them, and packing them.

use std::io::Write;

use ply_digest::Progress;
use ply_image::{BlobSource, Descriptor};
use ply_layer::{Compression, Encoding};
use ply_store::Twin;

use crate::documents::Outgoing;
use crate::save::write_plain_layer;
use crate::transfer::sniff;
use crate::{Engine, Error};

/// How a blob is compressed.
pub(crate) fn stored(source: &dyn BlobSource, blob: &Descriptor) -> Result<Compression, Error> {
    sniff(&source.in_file(&blob.digest)?).map_err(Error::within(format!("blob {}", blob.digest)))
}

/// How an encoding is called in what is remembered: another way of packing must be called otherwise.
pub(crate) fn called(encoding: Encoding) -> String {
    match encoding {
        Encoding::None => "none".to_owned(),
        Encoding::Gzip { level } => format!("gzip:{level}/1"),
        Encoding::Zstd { level } => format!("zstd:{level}/1"),
    }
}

impl Engine<'_> {
    /// Packs a layer on all cores. The same layer gives the same bytes, whatever it was packed in and however many cores there are.
    pub(crate) fn pack<W: Write + Send>(
        &self,
        source: &dyn BlobSource,
        layer: &Outgoing,
        encoding: Encoding,
        writer: W,
        progress: &dyn Progress,
    ) -> Result<W, Error> {
        let failed = || Error::within(format!("layer {}", layer.diff_id.0.short()));
        let from = source.in_file(&layer.blob.digest)?;
        let mut encoder = ply_layer::encoder(encoding, self.threads(), writer).map_err(failed())?;
        write_plain_layer(&from, layer.blob.digest, layer.diff_id, &mut encoder, progress)?;
        encoder.finish().map_err(failed())
    }

    /// Remembers what a layer is when it is packed so.
    pub(crate) fn remember(&self, layer: &Outgoing, encoding: Encoding, blob: &Descriptor) {
        let (encoding, digest, size) = (called(encoding), blob.digest, blob.size);
        self.store.keep_twin(&layer.diff_id, Twin { encoding, digest, size });
    }
}
