//! bzip2 streams, one after the other.

use bzip2::{Decompress, Error, Status};

use super::{Codec, Fault, Step};

pub(super) struct Streams {
    stream: Decompress,
    place: Place,
}

#[derive(PartialEq)]
enum Place {
    /// Before the first stream: an empty input is no bzip2.
    Start,
    Inside,
    /// After a whole stream: the input may end here, or another stream begins.
    Between,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { stream: Decompress::new(false), place: Place::Start }
    }
}

impl Codec for Streams {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        if self.place == Place::Between {
            self.stream = Decompress::new(false);
        }
        self.place = Place::Inside;
        let (read, written) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, output).map_err(|error| {
            Fault::Corrupt(match error {
                Error::DataMagic => "no bzip2 stream begins here".to_owned(),
                Error::Data | Error::Param | Error::Sequence => "a block or checksum is wrong".to_owned(),
            })
        })?;
        match status {
            Status::StreamEnd => self.place = Place::Between,
            Status::MemNeeded => return Err(Fault::OverLimit("no memory for its blocks".to_owned())),
            Status::Ok | Status::FlushOk | Status::RunOk | Status::FinishOk => {}
        }
        Ok(Step {
            read: moved(read, self.stream.total_in()),
            written: moved(written, self.stream.total_out()),
        })
    }

    fn end(&mut self, output: &mut [u8]) -> Result<usize, Fault> {
        match self.place {
            Place::Start => Err(Fault::Truncated),
            Place::Between => Ok(0),
            Place::Inside => match self.step(&[], output)?.written {
                0 if self.place == Place::Inside => Err(Fault::Truncated),
                written => Ok(written),
            },
        }
    }
}

/// How far a library's counter moved during one call, which fits the buffers it was given.
pub(super) fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}
