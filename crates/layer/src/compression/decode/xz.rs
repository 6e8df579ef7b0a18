//! xz streams, one after the other, with padding between and after them.

use std::io;

use liblzma::stream::{Action, CONCATENATED, Error, Status, Stream};

use super::bzip2::moved;
use super::{Codec, Fault, Step};
use crate::compression::{Compression, CompressionError};

pub(super) struct Streams {
    stream: Stream,
    memory: u64,
    ended: bool,
}

impl Streams {
    pub(super) fn new(memory: u64) -> Result<Self, CompressionError> {
        let stream = Stream::new_stream_decoder(memory, CONCATENATED).map_err(|error| {
            CompressionError::Start { compression: Compression::Xz, source: io::Error::from(error) }
        })?;
        Ok(Self { stream, memory, ended: false })
    }

    fn process(&mut self, input: &[u8], output: &mut [u8], action: Action) -> Result<Step, Fault> {
        let (read, written) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.process(input, output, action).map_err(|error| self.fault(error))?;
        self.ended = status == Status::StreamEnd;
        Ok(Step {
            read: moved(read, self.stream.total_in()),
            written: moved(written, self.stream.total_out()),
        })
    }

    fn fault(&self, error: Error) -> Fault {
        Fault::Corrupt(match error {
            Error::Mem => return Fault::OverLimit("no memory for its dictionary".to_owned()),
            Error::MemLimit => return Fault::OverLimit(format!("the limit is {} bytes", self.memory)),
            Error::Format => "no xz stream begins here".to_owned(),
            Error::Data => "a block, index or checksum is wrong".to_owned(),
            Error::Options | Error::UnsupportedCheck => {
                "it asks for something this decoder cannot do".to_owned()
            }
            Error::NoCheck | Error::Program => "the decoder was misused".to_owned(),
        })
    }
}

impl Codec for Streams {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        self.process(input, output, Action::Run)
    }

    fn end(&mut self, output: &mut [u8]) -> Result<usize, Fault> {
        // liblzma must not be called again after it has said that all is over.
        if self.ended {
            return Ok(0);
        }
        match self.process(&[], output, Action::Finish)?.written {
            0 if !self.ended => Err(Fault::Truncated),
            written => Ok(written),
        }
    }
}
