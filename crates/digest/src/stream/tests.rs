use super::*;

/// Takes and gives one to three bytes at a time, and once is interrupted.
struct Slow<T> {
    inner: T,
    calls: usize,
}

impl<T> Slow<T> {
    fn most(&mut self) -> io::Result<usize> {
        self.calls += 1;
        if self.calls == 5 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(1 + self.calls % 3) }
    }
}

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.most()?.min(buffer.len());
        self.inner.read(&mut buffer[..most])
    }
}

impl<W: Write> Write for Slow<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.most()?.min(bytes.len());
        self.inner.write(&bytes[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

const TEXT: &[u8] = b"a stream that passes in small pieces, longer than one block of sixty-four bytes";

#[test]
fn what_is_read_is_hashed() {
    let mut reader = HashingReader::new(Slow { inner: TEXT, calls: 0 });
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert_eq!(read, TEXT);
    let (_, digest, len) = reader.into_parts();
    assert_eq!((digest, len), (Digest::of(TEXT), TEXT.len() as u64));
}

#[test]
fn only_what_was_taken_is_hashed() {
    let mut writer = HashingWriter::new(Slow { inner: Vec::new(), calls: 0 });
    writer.write_all(TEXT).unwrap();
    writer.flush().unwrap();
    let (slow, digest, len) = writer.into_parts();
    assert_eq!(slow.inner, TEXT);
    assert_eq!((digest, len), (Digest::of(TEXT), TEXT.len() as u64));

    let mut full = [0; 10];
    let mut writer = HashingWriter::new(&mut full[..]);
    assert!(writer.write_all(TEXT).is_err());
    assert_eq!((writer.len(), writer.is_empty()), (10, false));
    assert_eq!(writer.into_parts().1, Digest::of(&TEXT[..10]));
}

#[test]
fn an_inner_reader_that_lies_is_an_error() {
    struct Liar;
    impl Read for Liar {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len() + 1)
        }
    }
    assert!(HashingReader::new(Liar).read(&mut [0; 8]).is_err());
}
