//! How names and values of extended attributes are spelled in libarchive's records: the name percent-encoded, the
//! value in base64 without padding.

use crate::number::Result;

/// A name as Linux takes one.
pub(crate) fn name(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.is_empty() || bytes.contains(&0) {
        return Err("is no name of an attribute");
    }
    Ok(bytes.to_vec())
}

pub(crate) fn decode_percent(text: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err("is not percent-encoded") };
        out.push(u8::try_from(high << 4 | low).map_err(|_| "is not percent-encoded")?);
    }
    Ok(out)
}

pub(crate) fn encode_percent(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in name {
        match byte {
            b'=' | b'%' | 0..=b' ' | 0x7f..=0xff => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4; the padding may be missing.
pub(crate) fn decode_base64(text: &[u8]) -> Result<Vec<u8>> {
    const WRONG: &str = "is not base64";
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if digits.len() % 4 == 1 || (digits.len() < text.len() && !text.len().is_multiple_of(4)) {
        return Err(WRONG);
    }
    let mut out = Vec::new();
    for group in digits.chunks(4) {
        let mut places = group.iter().zip([18, 12, 6, 0]);
        let bits = places.try_fold(0_u32, |bits, (byte, place)| Some(bits | digit(*byte)? << place));
        let bits = bits.ok_or(WRONG)?;
        // 4 digits are 3 bytes, 3 are 2, 2 are 1.
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend(bytes.iter().take(group.len().saturating_sub(1)));
    }
    Ok(out)
}

pub(crate) fn encode_base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in bytes.chunks(3) {
        let places = group.iter().zip([16, 8, 0]);
        let bits = places.fold(0_u32, |bits, (byte, place)| bits | u32::from(*byte) << place);
        for place in [18, 12, 6, 0].into_iter().take(group.len().saturating_add(1)) {
            let index = (bits >> place) & 0x3f;
            out.extend(usize::try_from(index).ok().and_then(|index| ALPHABET.get(index)));
        }
    }
    out
}

fn digit(byte: u8) -> Option<u32> {
    let place = match byte {
        b'A'..=b'Z' => byte.checked_sub(b'A'),
        b'a'..=b'z' => byte.checked_sub(b'a' - 26),
        b'0'..=b'9' => byte.checked_add(52 - b'0'),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    place.map(u32::from)
}

#[cfg(test)]
mod tests;
