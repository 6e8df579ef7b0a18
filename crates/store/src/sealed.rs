//! Records that say of themselves whether they are as they were written: a line of JSON, and below it a sum over what it is of and
//! what it says. One without the line below is of an earlier version, and is taken as it is.

use ply_digest::Digest;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    sum: Digest,
}

impl Seal {
    fn of(of: &str, record: &[u8]) -> Self {
        Self { sum: Digest::of(&[of.as_bytes(), b"\n", record].concat()) }
    }
}

/// The bytes of a record, with their sum. `of`: what it is a record of, so that two of them cannot change places.
pub(crate) fn seal(of: &str, record: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let sum = serde_json::to_vec(&Seal::of(of, record))?;
    Ok([record, b"\n", &sum, b"\n"].concat())
}

/// What a record says; whether it had a sum, which fitted.
///
/// # Errors
/// The sum does not fit.
pub(crate) fn unseal<'a>(of: &str, raw: &'a [u8]) -> Result<(&'a [u8], bool), &'static str> {
    let whole = raw.strip_suffix(b"\n").unwrap_or(raw);
    let mut lines = whole.rsplitn(2, |byte| *byte == b'\n');
    let (Some(sum), Some(record)) = (lines.next(), lines.next()) else { return Ok((whole, false)) };
    let Ok(found) = serde_json::from_slice::<Seal>(sum) else { return Err("its sum cannot be read") };
    if found.sum == Seal::of(of, record).sum { Ok((record, true)) } else { Err("its sum does not fit") }
}

#[cfg(test)]
mod tests {
    use super::{seal, unseal};

    #[test]
    fn no_bit_can_change() {
        let sealed = seal("a", b"{\"x\":1}").unwrap();
        assert_eq!(unseal("a", &sealed), Ok((&b"{\"x\":1}"[..], true)));
        assert!(unseal("b", &sealed).is_err());
        assert_eq!(unseal("a", b"{\"x\":1}"), Ok((&b"{\"x\":1}"[..], false)));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // The last line end says nothing; where the other goes, what is left is no JSON.
            let said = unseal("a", &damaged);
            let is_json = |record: &[u8]| serde_json::from_slice::<serde_json::Value>(record).is_ok();
            assert!(
                said.is_err() || said.is_ok_and(|(record, _)| record == b"{\"x\":1}" || !is_json(record)),
                "{bit}"
            );
        }
    }
}
