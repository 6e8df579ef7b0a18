//! Numbers and times as they are spelled in headers. An `Err` says what is wrong with the text.

use crate::Time;

pub(crate) type Result<T> = std::result::Result<T, &'static str>;

/// A numeric field of a header: octal digits (POSIX), or base-256 where the first bit is set (GNU, star).
pub(crate) fn field(bytes: &[u8]) -> Result<i64> {
    match bytes.first() {
        Some(first) if first & 0x80 != 0 => base256(bytes),
        Some(_) | None => octal(bytes),
    }
}

/// A numeric field that may not be negative.
pub(crate) fn unsigned_field(bytes: &[u8]) -> Result<u64> {
    u64::try_from(field(bytes)?).map_err(|_| "is negative")
}

/// Octal digits between spaces and NULs; a NUL ends them, whatever follows; nothing at all is 0. As Go reads them.
pub(crate) fn octal(bytes: &[u8]) -> Result<i64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let leading = bytes.iter().take_while(|byte| blank(byte)).count();
    let rest = bytes.get(leading..).unwrap_or_default();
    let digits = rest.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii_end();
    digits.iter().try_fold(0_i64, |value, byte| match byte {
        b'0'..=b'7' => value
            .checked_mul(8)
            .and_then(|value| value.checked_add(i64::from(byte & 15)))
            .ok_or("does not fit in 63 bits"),
        _ => Err("is not octal"),
    })
}

/// Two's complement, big-endian, the first bit being the mark and the second the sign.
fn base256(bytes: &[u8]) -> Result<i64> {
    let mut value: i128 = if bytes.first().is_some_and(|first| first & 0x40 != 0) { -1 } else { 0 };
    for (index, byte) in bytes.iter().enumerate() {
        // Seven bits of the first byte: the mark is none of the number.
        let (shift, bits) = if index == 0 { (7, byte & 0x7f) } else { (8, *byte) };
        value = value.checked_shl(shift).unwrap_or(0) | i128::from(bits);
        if i64::try_from(value).is_err() {
            return Err("does not fit in 63 bits");
        }
    }
    i64::try_from(value).map_err(|_| "does not fit in 63 bits")
}

/// Decimal digits and nothing else: no sign, no space. At most `i64::MAX`, as everywhere in an archive.
pub(crate) fn decimal(text: &[u8]) -> Result<u64> {
    if text.is_empty() {
        return Err("is empty");
    }
    text.iter()
        .try_fold(0_i64, |value, byte| match byte {
            b'0'..=b'9' => value
                .checked_mul(10)
                .and_then(|value| value.checked_add(i64::from(byte & 15)))
                .ok_or("does not fit in 63 bits"),
            _ => Err("is not a decimal number"),
        })
        .map(i64::unsigned_abs)
}

/// A second, in nanoseconds.
const SECOND: u32 = 1_000_000_000;

/// Seconds with an optional sign and an optional fraction (POSIX pax, "pax Extended Header File Times"); digits after
/// the ninth of a fraction are dropped.
pub(crate) fn time(text: &[u8]) -> Result<Time> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let whole = seconds(parts.next().unwrap_or_default(), negative)?;
    let nanoseconds = fraction(parts.next().unwrap_or_default())?;
    if !negative || nanoseconds == 0 {
        return Ok(Time { seconds: whole, nanoseconds });
    }
    let seconds = whole.checked_sub(1).ok_or("does not fit in 63 bits")?;
    Ok(Time { seconds, nanoseconds: SECOND.saturating_sub(nanoseconds) })
}

fn seconds(digits: &[u8], negative: bool) -> Result<i64> {
    // The least i64 has no positive twin.
    if negative && digits == b"9223372036854775808" {
        return Ok(i64::MIN);
    }
    let value = i64::try_from(decimal(digits)?).map_err(|_| "does not fit in 63 bits")?;
    Ok(if negative { value.saturating_neg() } else { value })
}

fn fraction(digits: &[u8]) -> Result<u32> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err("is not a decimal number");
    }
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Ok(padded.fold(0_u32, |value, digit| value.saturating_mul(10).saturating_add(u32::from(digit & 15))))
}

#[cfg(test)]
mod tests;
