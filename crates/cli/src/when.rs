//! Moments: RFC 3339 in, and out as Go and Docker print them.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::units;

/// Go's zero time, 0001-01-01T00:00:00Z, which Docker writes where it knows no better.
pub(crate) const GO_ZERO: i64 = -62_135_596_800;
/// Until here `docker history` shows no age: 2000-01-01T00:00:00Z.
const AGELESS: i64 = 946_684_800;

/// Reads RFC 3339. A year beyond what can be shown becomes the last (or first) moment that can;
/// `None` is for text that is no time.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| clamped(text))
}

/// The nearest moment to a time whose year is out of range: `99999-01-01T00:00:00Z`.
fn clamped(text: &str) -> Option<Timestamp> {
    let (before_christ, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (year, rest) = digits.split_once('-')?;
    let is_year = year.len() >= 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let is_far = before_christ || year.len() > 4 || year == "9999";
    let has_time = rest.as_bytes().get(..6).is_some_and(|date| {
        matches!(date, [m1, m2, b'-', d1, d2, b'T' | b't' | b' '] if [m1, m2, d1, d2].iter().all(|b| b.is_ascii_digit()))
    });
    (is_year && is_far && has_time).then_some(if before_christ { Timestamp::MIN } else { Timestamp::MAX })
}

/// Seconds and nanoseconds since 1970; what cannot be shown becomes the nearest moment that can.
pub(crate) fn from_unix(seconds: i64, nanoseconds: u32) -> Timestamp {
    let nanoseconds = i32::try_from(nanoseconds.min(999_999_999)).unwrap_or(0);
    let nearest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::new(seconds, nanoseconds).unwrap_or(nearest)
}

/// As Go's `time.Time.String` prints it: `2026-11-20 10:12:00.5 +0000 UTC`. Docker's CREATED AT of images.
pub(crate) fn go_text(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.f %z %Z").to_string()
}

/// To the minute, as `ls` shows it: `2026-11-20 10:12`.
pub(crate) fn minute(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// To the second: `2026-11-20 10:12:00`.
pub(crate) fn second(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// RFC 3339 to the second: `2026-11-20T10:12:00Z`, `2026-11-20T12:12:00+02:00`. Docker's CREATED AT of history.
pub(crate) fn rfc3339(moment: Timestamp, zone: &TimeZone) -> String {
    let zoned = moment.to_zoned_datetime(zone.clone());
    let format = if zoned.offset().is_zero() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    zoned.strftime(format).to_string()
}

/// How long ago: `2 days ago`, Docker's CREATED. A moment in the future is `Less than a second ago`.
pub(crate) fn ago(moment: Timestamp, now: Timestamp) -> String {
    // Go's time.Duration ends at 292 years, and Docker's CREATED with it.
    let longest = i128::from(i64::MAX);
    let nanoseconds = now.as_nanosecond().saturating_sub(moment.as_nanosecond()).clamp(0, longest);
    let span = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
    format!("{} ago", units::duration(span))
}

/// CREATED in `docker images`: nothing for Go's zero time, where the table then says `N/A`.
pub(crate) fn image_age(moment: Timestamp, now: Timestamp) -> String {
    match moment.as_second() == GO_ZERO {
        true => String::new(),
        false => ago(moment, now),
    }
}

/// CREATED in `docker history`: `N/A` for what is older than the year 2000.
pub(crate) fn history_age(moment: Timestamp, now: Timestamp) -> String {
    match moment.as_second() <= AGELESS {
        true => "N/A".to_owned(),
        false => ago(moment, now),
    }
}

/// The zone this machine is in; UTC where nothing says so.
pub(crate) fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Reads what `until` takes: a moment in RFC 3339, a day, seconds since 1970, or an age as Go writes a duration
/// (`24h`, `1h30m`).
pub(crate) fn moment(text: &str) -> Option<plywood::Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Some(plywood::Timestamp { seconds, nanoseconds: 0 });
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    let day = day.and_then(|day| zone().to_timestamp(day.at(0, 0, 0, 0)).ok());
    if let Some(moment) = text.parse::<Timestamp>().ok().or(day) {
        return plywood::Timestamp::parse(&moment.to_string());
    }
    let age: jiff::SignedDuration = text.parse().ok()?;
    let then = Timestamp::now().checked_sub(age).ok()?;
    plywood::Timestamp::parse(&then.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_images_hold() {
        let check = |text: &str, expect: Option<(i64, i32)>| {
            let read = parse(text).map(|moment| (moment.as_second(), moment.subsec_nanosecond()));
            assert_eq!(read, expect, "{text}");
        };
        let last = Some((Timestamp::MAX.as_second(), Timestamp::MAX.subsec_nanosecond()));
        let first = Some((Timestamp::MIN.as_second(), Timestamp::MIN.subsec_nanosecond()));
        // `date -u -d TEXT +%s.%N` says so.
        check("1970-01-01T00:00:00Z", Some((0, 0)));
        check("2026-11-23T23:47:14.211730529Z", Some((1_795_477_634, 211_730_529)));
        check("2026-11-24T01:17:14.5+01:30", Some((1_795_477_634, 500_000_000)));
        check("0001-01-01T00:00:00Z", Some((GO_ZERO, 0)));
        check("2000-01-01T00:00:00Z", Some((AGELESS, 0)));
        check("99999-01-01T00:00:00Z", last);
        check("9999999999999999999999-12-31T00:00:00.123+05:00", last);
        check("9999-12-31T23:59:59-23:00", last);
        check("-99999-01-01T00:00:00Z", first);
        check("2026-13-01T00:00:00Z", None);
        check("2026-11-23", None);
        check("yesterday", None);
        check("é-01-01T00:00:00Z", None);
        check("99999-é", None);
        check("", None);
    }

    #[test]
    fn seconds_out_of_range_are_clamped() {
        let check =
            |seconds: i64, expect: i64| assert_eq!(from_unix(seconds, 0).as_second(), expect, "{seconds}");
        check(0, 0);
        check(GO_ZERO, GO_ZERO);
        check(i64::MAX, Timestamp::MAX.as_second());
        check(i64::MIN, Timestamp::MIN.as_second());
        assert_eq!(from_unix(1, u32::MAX).subsec_nanosecond(), 999_999_999);
    }

    #[test]
    fn prints_as_go_does() {
        let check = |text: &str, zone: &TimeZone, go: &str, short: &str| {
            let moment = parse(text).unwrap();
            assert_eq!(
                (go_text(moment, zone).as_str(), rfc3339(moment, zone).as_str()),
                (go, short),
                "{text}"
            );
        };
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let (text, utc) = ("2026-11-23T23:47:14.214089094Z", TimeZone::UTC);
        check(text, &utc, "2026-11-23 23:47:14.214089094 +0000 UTC", "2026-11-23T23:47:14Z");
        check(text, &berlin, "2026-11-24 00:47:14.214089094 +0100 CET", "2026-11-24T00:47:14+01:00");
        let summer = "2026-07-01T12:00:00Z";
        check(summer, &berlin, "2026-07-01 14:00:00 +0200 CEST", "2026-07-01T14:00:00+02:00");
        check(
            "2026-11-23T23:46:43.50293834Z",
            &utc,
            "2026-11-23 23:46:43.50293834 +0000 UTC",
            "2026-11-23T23:46:43Z",
        );
        check("0001-01-01T00:00:00Z", &utc, "0001-01-01 00:00:00 +0000 UTC", "0001-01-01T00:00:00Z");
    }

    #[test]
    fn ages() {
        let now = parse("2026-11-23T12:00:00Z").unwrap();
        let check = |text: &str, image: &str, history: &str| {
            let moment = parse(text).unwrap();
            assert_eq!(
                (image_age(moment, now).as_str(), history_age(moment, now).as_str()),
                (image, history),
                "{text}"
            );
        };
        check("2026-11-21T12:00:00Z", "2 days ago", "2 days ago");
        check("2026-11-23T11:00:00Z", "About an hour ago", "About an hour ago");
        check("2027-01-01T00:00:00Z", "Less than a second ago", "Less than a second ago");
        check("1970-01-01T00:00:00Z", "56 years ago", "N/A");
        check("0001-01-01T00:00:00Z", "", "N/A");
        check("0001-01-01T00:00:01Z", "292 years ago", "N/A");
    }
}
