//! A text file's bytes in pieces that end where a line ends.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result, exec_err};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use futures::stream::BoxStream;
use libdeflater::{DecompressionError, Decompressor, crc32};
use object_store::path::Path;
use object_store::{GetOptions, GetResultPayload, ObjectMeta, ObjectStore};
use wirelab_flowlog::read::lone_gzip_member;

/// Bytes read at once from a plain file.
const PIECE: usize = 256 << 10;

/// Bytes asked for behind a range, for the line that begins in it.
const BEHIND: u64 = 4 << 10;

/// A gzip file that unpacks to more is unpacked piece by piece, more slowly. AWS closes a file at
/// 75 MB.
const WHOLE_MAX: usize = 128 << 20;

/// The longest line, in bytes: a file without line ends must not fill the memory.
const LINE_MAX: usize = 16 << 20;

/// Memory for pieces, used again by the next file.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn take(&self) -> Vec<u8> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(buffer);
    }
}

enum From {
    File(std::io::Take<File>),
    Stream(BoxStream<'static, object_store::Result<Bytes>>),
    /// Unpacked while it is read.
    Gzip(Box<MultiGzDecoder<std::io::Cursor<Bytes>>>),
    /// All of it is in the buffer.
    Nothing,
}

/// The lines of a file, or those that begin in a range of it.
pub(super) struct Input {
    store: Arc<dyn ObjectStore>,
    name: Path,
    from: From,
    buffers: Buffers,
    /// Memory, of which the first `filled` bytes are of the file.
    buffer: Vec<u8>,
    filled: usize,
    /// What of the buffer has been given out.
    given: usize,
    /// Where in the file the range ends, after which no line begins; `None`: with the file.
    end: Option<u64>,
    /// Where in the (unpacked) file the buffer begins.
    at: u64,
    /// The part of the file that has not been asked for.
    rest: Range<u64>,
    finished: bool,
}

impl Input {
    /// Opens a file, `packed` with gzip or not, or the part of a plain file that holds the lines
    /// that begin in `range`.
    pub(super) async fn open(
        store: Arc<dyn ObjectStore>,
        object: &ObjectMeta,
        range: Option<Range<u64>>,
        buffers: Buffers,
        packed: bool,
    ) -> Result<Self> {
        let name = object.location.clone();
        // The byte before the range tells whether a line begins with the range.
        let start = range
            .as_ref()
            .map_or(0, |range| range.start.saturating_sub(1));
        let end = range
            .as_ref()
            .map(|range| range.end)
            .filter(|end| *end < object.size);
        let asked = end.map_or(object.size, |end| object.size.min(end + BEHIND));
        let from = get(store.as_ref(), &name, start..asked, object.size).await?;
        let buffer = buffers.take();
        let mut input = Self {
            store,
            name,
            from,
            buffers,
            buffer,
            filled: 0,
            given: 0,
            end,
            at: start,
            rest: asked..object.size,
            finished: false,
        };
        if packed {
            input.unpack().await?;
        }
        if range.is_some_and(|range| range.start > 0) {
            input.skip_line().await?;
        }
        Ok(input)
    }

    /// Where in [`Input::bytes`] some whole lines are, each with its end; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Range<usize>>> {
        while !self.finished {
            let start = self.given;
            if let Some(last) = memchr::memrchr(b'\n', &self.buffer[start..self.filled]) {
                let end = self.cut(start + last + 1);
                self.given = end;
                if start == end {
                    break;
                }
                return Ok(Some(start..end));
            }
            if self.filled - start > LINE_MAX {
                return exec_err!("a line of more than {LINE_MAX} bytes");
            }
            if !self.fill().await? {
                self.finished = true;
                let begins = self.at + self.given as u64;
                if self.given < self.filled && self.end.is_none_or(|end| begins < end) {
                    return Ok(Some(self.last_line()));
                }
            }
        }
        Ok(None)
    }

    /// The memory that [`Input::next`] speaks of, until it is called again.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Where in the (unpacked) file [`Input::bytes`] begin.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// A line without an end gets one.
    fn last_line(&mut self) -> Range<usize> {
        self.buffer.truncate(self.filled);
        self.buffer.push(b'\n');
        self.filled += 1;
        let start = std::mem::replace(&mut self.given, self.filled);
        start..self.filled
    }

    /// Where to stop before `end`, so that no line begins after the range; notes that it is done.
    fn cut(&mut self, end: usize) -> usize {
        let Some(range_end) = self.end else {
            return end;
        };
        if self.at + end as u64 <= range_end {
            return end;
        }
        self.finished = true;
        let limit = usize::try_from(range_end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        if limit <= self.given {
            return self.given;
        }
        // The line that holds the range's last byte is the last; it may end with that byte.
        let last = limit - 1;
        memchr::memchr(b'\n', &self.buffer[last..end]).map_or(end, |length| last + length + 1)
    }

    async fn skip_line(&mut self) -> Result<()> {
        loop {
            let rest = &self.buffer[self.given..self.filled];
            if let Some(end) = memchr::memchr(b'\n', rest) {
                self.given += end + 1;
                return Ok(());
            }
            self.given = self.filled;
            if !self.fill().await? {
                return Ok(());
            }
        }
    }

    /// Reads on behind what has not been given out; false at the end.
    async fn fill(&mut self) -> Result<bool> {
        self.at += self.given as u64;
        self.buffer.copy_within(self.given..self.filled, 0);
        self.filled -= self.given;
        self.given = 0;
        if self.read().await? {
            return Ok(true);
        }
        if self.rest.is_empty() {
            return Ok(false);
        }
        // A line that begins in the range goes on far behind it.
        let size = self.rest.end;
        let asked = self.rest.start..size.min(self.rest.start + PIECE as u64);
        self.rest.start = asked.end;
        self.from = get(self.store.as_ref(), &self.name, asked, size).await?;
        self.read().await
    }

    async fn read(&mut self) -> Result<bool> {
        let before = self.filled;
        match &mut self.from {
            From::File(file) => self.filled += read(file, &mut self.buffer, before)?,
            From::Gzip(decoder) => {
                let length = read(decoder, &mut self.buffer, before);
                self.filled += length.map_err(|error| damage(&error))?;
            }
            From::Stream(stream) => {
                while let Some(bytes) = stream.next().await {
                    let bytes = bytes?;
                    self.buffer.truncate(before);
                    self.buffer.extend_from_slice(&bytes);
                    self.filled += bytes.len();
                    if !bytes.is_empty() {
                        break;
                    }
                }
            }
            From::Nothing => {}
        }
        Ok(self.filled > before)
    }

    /// Puts the unpacked file into the buffer, or lets it be unpacked later if it is large.
    async fn unpack(&mut self) -> Result<()> {
        let mut packed = self.buffers.take();
        packed.clear();
        match std::mem::replace(&mut self.from, From::Nothing) {
            From::File(mut file) => {
                file.read_to_end(&mut packed)?;
            }
            From::Stream(mut stream) => {
                while let Some(bytes) = stream.next().await {
                    packed.extend_from_slice(&bytes?);
                }
            }
            other => self.from = other,
        }
        if self.unpack_whole(&packed)? {
            self.buffers.give(packed);
        } else {
            let cursor = std::io::Cursor::new(Bytes::from(packed));
            self.from = From::Gzip(Box::new(MultiGzDecoder::new(cursor)));
        }
        Ok(())
    }

    /// False if the file is too large, or several gzip members in a row.
    fn unpack_whole(&mut self, packed: &[u8]) -> Result<bool> {
        let Some((_, [a, b, c, d, ..])) = packed.split_last_chunk::<8>() else {
            return exec_err!("{DAMAGED}: it is shorter than a gzip header");
        };
        let crc = u32::from_le_bytes([*a, *b, *c, *d]);
        let Some(size) = lone_gzip_member(packed).filter(|size| *size <= WHOLE_MAX) else {
            return Ok(false);
        };
        grow(&mut self.buffer, size);
        let unpacked = Decompressor::new().gzip_decompress(packed, &mut self.buffer[..size]);
        let whole = match unpacked {
            Ok(length) => length == size && crc32(&self.buffer[..size]) == crc,
            Err(DecompressionError::InsufficientSpace) => false,
            Err(_) => {
                let again = std::io::copy(&mut MultiGzDecoder::new(packed), &mut std::io::sink());
                return match again {
                    Ok(_) => Ok(false),
                    Err(error) => Err(damage(&error)),
                };
            }
        };
        if whole {
            self.filled = size;
        }
        Ok(whole)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.buffers.give(std::mem::take(&mut self.buffer));
    }
}

/// The bytes of a range of a file of `size` bytes.
async fn get(store: &dyn ObjectStore, name: &Path, range: Range<u64>, size: u64) -> Result<From> {
    let mut options = GetOptions::default();
    if range != (0..size) {
        options = options.with_range(Some(range.clone()));
    }
    Ok(match store.get_opts(name, options).await?.payload {
        GetResultPayload::File(mut file, _) => {
            file.seek(SeekFrom::Start(range.start))?;
            From::File(file.take(range.end - range.start))
        }
        GetResultPayload::Stream(stream) => From::Stream(stream),
    })
}

/// Reads a piece into the buffer from `start` on; how many bytes it has.
fn read(from: &mut impl Read, buffer: &mut Vec<u8>, start: usize) -> std::io::Result<usize> {
    grow(buffer, start + PIECE);
    let mut length = 0;
    while length < PIECE {
        match from.read(&mut buffer[start + length..start + PIECE]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Makes the buffer at least so long; what is in it already is not cleared again.
fn grow(buffer: &mut Vec<u8>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
}

const DAMAGED: &str = "the gzip data is damaged";

fn damage(error: &std::io::Error) -> DataFusionError {
    let reason = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the file is cut off: its gzip data ends early",
        _ => DAMAGED,
    };
    DataFusionError::Execution(reason.to_owned())
}
