use std::fmt;
use std::str::FromStr;

use ply_digest::Digest;

use crate::error::{ReferenceError, quote};
use crate::grammar::ID_DIGITS;

/// An image's ID, or the beginning of one: 1 to 64 hex digits. Printed without `sha256:`.
///
/// All IDs that begin so lie between [`lower_bound`](Self::lower_bound) and [`upper_bound`](Self::upper_bound),
/// so that in a sorted table two binary searches find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdPrefix {
    /// The digits given, then zeros.
    lower: [u8; 32],
    /// How many were given: 1 to 64.
    digits: u8,
}

impl IdPrefix {
    /// Reads 1 to 64 lower-case hex digits, with or without `sha256:` before them.
    ///
    /// # Errors
    /// [`ReferenceError::IdPrefix`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        Self::from_hex(hex).ok_or_else(|| ReferenceError::IdPrefix { text: quote(text) })
    }

    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        let digits = u8::try_from(hex.len()).ok().filter(|&n| 0 < n && usize::from(n) <= ID_DIGITS)?;
        let mut lower = [0; 32];
        for (byte, pair) in lower.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let high = nibble(*pair.first()?)?;
            let low = pair.get(1).map_or(Some(0), |&digit| nibble(digit))?;
            *byte = high << 4 | low;
        }
        Some(Self { lower, digits })
    }

    /// How many hex digits it has, 1 to 64.
    #[must_use]
    pub fn digits(&self) -> usize {
        usize::from(self.digits)
    }

    /// The whole ID, if all 64 digits are there.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        (self.digits() == ID_DIGITS).then(|| Digest::from_bytes(self.lower))
    }

    /// Whether this ID begins so.
    #[must_use]
    pub fn matches(&self, id: &Digest) -> bool {
        (self.lower..=self.upper_bound()).contains(id.as_bytes())
    }

    /// The least ID that begins so.
    #[must_use]
    pub fn lower_bound(&self) -> [u8; 32] {
        self.lower
    }

    /// The greatest ID that begins so; it is one of them.
    #[must_use]
    pub fn upper_bound(&self) -> [u8; 32] {
        let mut upper = self.lower;
        for (at, byte) in upper.iter_mut().enumerate() {
            *byte |= match self.digits().saturating_sub(at.saturating_mul(2)) {
                0 => 0xff,
                1 => 0x0f,
                _ => 0,
            };
        }
        upper
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a' - 10),
        _ => None,
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nibbles = self.lower.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(self.digits());
        let hex: String = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect();
        f.pad(&hex)
    }
}

impl FromStr for IdPrefix {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl From<Digest> for IdPrefix {
    fn from(id: Digest) -> Self {
        Self { lower: *id.as_bytes(), digits: 64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bounds in hex are the digits, then all zeros or all `f`.
    #[test]
    fn bounds_enclose_what_begins_so() {
        let hex = "9f5c2c1e8a44d01b7735ac90fe6212ab43cd5e6f708192a3b4c5d6e7f8091a2b";
        for digits in 1..=64 {
            let prefix = IdPrefix::parse(&hex[..digits]).unwrap();
            let filled =
                |fill: &str| Digest::from_hex(&(hex[..digits].to_owned() + &fill.repeat(64 - digits)));
            let (least, greatest) = (filled("0").unwrap(), filled("f").unwrap());
            assert_eq!(&prefix.lower_bound(), least.as_bytes());
            assert_eq!(&prefix.upper_bound(), greatest.as_bytes());
            assert!(prefix.matches(&least) && prefix.matches(&greatest));
            assert_eq!(prefix.to_string(), hex[..digits]);
            assert_eq!(prefix.digits(), digits);
        }
    }

    #[test]
    fn matches_as_text_begins() {
        let check = |prefix: &str, id: &str, expect: bool| {
            let id = Digest::from_hex(&format!("{id:0<64}")).unwrap();
            assert_eq!(IdPrefix::parse(prefix).unwrap().matches(&id), expect, "{prefix} {id}");
        };
        check("8", "82e97ab0", true);
        check("82", "82e97ab0", true);
        check("82e", "82e97ab0", true);
        check("82f", "82e97ab0", false);
        check("82d", "82e97ab0", false);
        check("sha256:82e97", "82e97ab0", true);
        check("0", "", true);
        check("f", "ffffffff", true);
        check("f", "efffffff", false);
        check("000000001", "", false);
    }

    #[test]
    fn only_all_digits_are_a_whole_id() {
        let id = Digest::from_hex(&"ab".repeat(32)).unwrap();
        assert_eq!(IdPrefix::parse(&"ab".repeat(32)).unwrap().digest(), Some(id));
        assert_eq!(IdPrefix::parse(&id.to_string()).unwrap(), IdPrefix::from(id));
        assert_eq!(IdPrefix::parse(&"ab".repeat(31)).unwrap().digest(), None);
    }

    #[test]
    fn what_is_no_id() {
        let (long, huge) = ("a".repeat(65), "a".repeat(1 << 16));
        for text in ["", "sha256:", "sha512:ab", "xyz", "AB", "a b", "ab\n", "é", &long, &huge] {
            assert!(matches!(IdPrefix::parse(text), Err(ReferenceError::IdPrefix { .. })), "{text}");
        }
    }
}
