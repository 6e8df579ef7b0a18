//! zstd frames and skippable frames, one after the other.

use std::io;

use zstd::stream::raw::{DParameter, Decoder, Operation};
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use super::{Codec, Fault, Step};
use crate::compression::{Compression, CompressionError};

pub(super) struct Frames {
    decoder: Decoder<'static>,
    window_log: u32,
    /// After a whole frame, when the input may end; not before the first.
    between: bool,
}

impl Frames {
    pub(super) fn new(window_log: u32) -> Result<Self, CompressionError> {
        let start = |source| CompressionError::Start { compression: Compression::Zstd, source };
        let mut decoder = Decoder::new().map_err(start)?;
        decoder.set_parameter(DParameter::WindowLogMax(window_log)).map_err(start)?;
        Ok(Self { decoder, window_log, between: false })
    }

    fn fault(&self, error: &io::Error) -> Fault {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<zstd::Error>());
        match cause {
            Some(code) if code.is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) => {
                Fault::OverLimit(format!(
                    "the window of a frame is over the limit of 2^{} bytes",
                    self.window_log
                ))
            }
            Some(code) if code.is(ZSTD_ErrorCode::ZSTD_error_memory_allocation) => {
                Fault::OverLimit("no memory for its window".to_owned())
            }
            Some(code) if code.is(ZSTD_ErrorCode::ZSTD_error_prefix_unknown) => {
                Fault::Corrupt("no zstd frame begins here".to_owned())
            }
            _ => Fault::Corrupt(error.to_string()),
        }
    }
}

impl Codec for Frames {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let status = self.decoder.run_on_buffers(input, output).map_err(|error| self.fault(&error))?;
        let step = Step { read: status.bytes_read, written: status.bytes_written };
        // A call without input after a whole frame asks for the next one: that says nothing about where we are.
        if step != Step::default() {
            self.between = status.remaining == 0;
        }
        Ok(step)
    }

    fn end(&mut self, output: &mut [u8]) -> Result<usize, Fault> {
        if self.between {
            return Ok(0);
        }
        match self.step(&[], output)?.written {
            0 => Err(Fault::Truncated),
            written => Ok(written),
        }
    }
}
