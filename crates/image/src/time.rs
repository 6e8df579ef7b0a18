use std::fmt;

/// A moment as documents spell it: RFC 3339, in UTC or with an offset.
///
/// The text stays as it came; seconds are clamped to what the calendar of this project can show, so that a
/// silly year is shown and never fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanoseconds: u32,
}

/// A second, in nanoseconds.
const SECOND: i128 = 1_000_000_000;

impl Timestamp {
    /// Go's zero time, which Docker writes where it knows no better: 0001-01-01T00:00:00Z.
    pub const GO_ZERO: Self = Self { seconds: -62_135_596_800, nanoseconds: 0 };

    /// Reads RFC 3339; `None` where the text is no time that can be shown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        let nanoseconds = stamp.as_nanosecond();
        let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).ok()?;
        Some(Self { seconds, nanoseconds: u32::try_from(nanoseconds.rem_euclid(SECOND)).ok()? })
    }

    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        Self { seconds: now.as_second(), nanoseconds: u32::try_from(now.subsec_nanosecond()).unwrap_or(0) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = i32::try_from(self.nanoseconds).unwrap_or(0);
        match jiff::Timestamp::new(self.seconds, nanoseconds) {
            Ok(stamp) => stamp.fmt(f),
            Err(_) => f.write_str("0001-01-01T00:00:00Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_documents_hold() {
        let check = |text: &str, expect: Option<(i64, u32)>| {
            assert_eq!(Timestamp::parse(text).map(|t| (t.seconds, t.nanoseconds)), expect, "{text}");
        };
        check("1970-01-01T00:00:00Z", Some((0, 0)));
        check("2026-11-23T19:14:38.784617927Z", Some((1_795_461_278, 784_617_927)));
        check("2026-11-23T20:14:38+01:00", Some((1_795_461_278, 0)));
        check("0001-01-01T00:00:00Z", Some((Timestamp::GO_ZERO.seconds, 0)));
        check("1969-12-31T23:59:59.5Z", Some((-1, 500_000_000)));
        check("yesterday", None);
        check("999999-01-01T00:00:00Z", None);
        check("", None);
    }
}
