//! Sizes and spans of time in Docker's words, as its `go-units` package spells them.

use std::time::Duration;

const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/// A number of bytes with three digits that count, as `docker images` shows it: `1.19GB`, `124MB`, `0B`.
pub(crate) fn size(bytes: u64) -> String {
    size_with_precision(bytes, 3)
}

/// A number of bytes with `digits` digits that count (go-units `HumanSizeWithPrecision`); decimal units.
pub(crate) fn size_with_precision(bytes: u64, digits: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "go-units counts in float64 as well")]
    let mut value = bytes as f64;
    let mut unit = 0_usize;
    while value >= 1000.0 && unit.saturating_add(1) < UNITS.len() {
        value /= 1000.0;
        unit = unit.saturating_add(1);
    }
    format!("{}{}", general(value, digits.max(1)), UNITS.get(unit).unwrap_or(&""))
}

/// Reads a number of bytes as Docker reads one of memory (go-units `RAMInBytes`): `1024`, `500m`, `20GB`, `1.5g`; units of 1024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let no_size = || format!("{text:?} is no size: give bytes, or a number with k, m, g or t behind it");
    let lower = text.trim().to_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match lower.get(digits.len()..).unwrap_or_default() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(no_size()),
    };
    let (whole, part) = digits.trim().split_once('.').unwrap_or((digits.trim(), "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return Err(no_size());
    }
    let unit = 1024_u64.pow(power);
    // Three digits of a fraction are plenty.
    let thousandths: u64 = format!("{part:0<3.3}").parse().map_err(|_| no_size())?;
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(unit)).ok_or_else(no_size)?;
    whole.checked_add((unit / 1000).saturating_mul(thousandths)).ok_or_else(no_size)
}

/// C's and Go's `%.*g` for a number that is not negative: no trailing zeros, an exponent where the rounded
/// number has more digits before its point than `digits` (so 999,600 bytes are `1e+03kB`, in Docker too).
fn general(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: usize = exponent.parse().unwrap_or(0);
    if exponent >= digits {
        return format!("{}e+{exponent:02}", without_trailing_zeros(mantissa));
    }
    without_trailing_zeros(&format!("{value:.*}", digits.saturating_sub(1).saturating_sub(exponent)))
        .to_owned()
}

fn without_trailing_zeros(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// A number of things: `1 name`, `3 names`.
pub(crate) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// A span of time, cut as go-units' `HumanDuration` does: `About an hour`, `3 weeks`.
pub(crate) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    // Half an hour and more counts as a whole one; what is larger is cut.
    let hours = seconds.saturating_add(1800) / 3600;
    match (seconds, hours) {
        (0, _) => "Less than a second".to_owned(),
        (1, _) => "1 second".to_owned(),
        (2..60, _) => format!("{seconds} seconds"),
        (60..120, _) => "About a minute".to_owned(),
        (120..3600, _) => format!("{} minutes", seconds / 60),
        (_, ..2) => "About an hour".to_owned(),
        (_, ..48) => format!("{hours} hours"),
        (_, ..336) => format!("{} days", hours / 24),
        (_, ..1440) => format!("{} weeks", hours / 24 / 7),
        (_, ..17_520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_docker_prints_them() {
        // From go-units' size_test.go and its documentation, and (with 3 digits) from `docker images`.
        let check = |bytes: u64, digits: usize, expect: &str| {
            assert_eq!(size_with_precision(bytes, digits), expect, "{bytes} with {digits} digits");
        };
        check(1000, 4, "1kB");
        check(1024, 4, "1.024kB");
        check(1_000_000, 4, "1MB");
        check(1_048_576, 4, "1.049MB");
        check(2_000_000, 4, "2MB");
        check(3_420_000_000, 4, "3.42GB");
        check(5_372_000_000_000, 4, "5.372TB");
        check(2_220_000_000_000_000, 4, "2.22PB");
        check(0, 3, "0B");
        check(7, 3, "7B");
        check(100, 3, "100B");
        check(999, 3, "999B");
        check(4_096, 3, "4.1kB");
        check(1_982_256, 3, "1.98MB");
        check(14_450_391, 3, "14.5MB");
        check(123_999_999, 3, "124MB");
        check(100_000_000, 3, "100MB");
        check(999_600, 3, "1e+03kB");
        check(1_192_450_048, 3, "1.19GB");
        check(u64::MAX, 3, "18.4EB");
    }

    #[test]
    fn sizes_as_docker_reads_them() {
        let check = |text: &str, expect: u64| assert_eq!(bytes(text), Ok(expect), "{text}");
        check("0", 0);
        check("32", 32);
        check("32b", 32);
        check("32k", 32 << 10);
        check("32kb", 32 << 10);
        check("32Mb", 32 << 20);
        check("32GiB", 32 << 30);
        check("32 t", 32 << 40);
        check("1.5g", (1 << 30) + (1 << 30) / 1000 * 500);
        for none in [
            "",
            "m",
            "-1",
            "+1",
            "1.g",
            ".5g",
            "1x",
            "1 2",
            "1e3",
            "99999999999999999999",
            "99999999t",
            "\u{663}",
        ] {
            assert!(bytes(none).is_err(), "{none}");
        }
    }

    #[test]
    fn spans_as_docker_prints_them() {
        // From go-units' duration_test.go.
        const MINUTE: f64 = 60.0;
        const HOUR: f64 = 60.0 * MINUTE;
        const DAY: f64 = 24.0 * HOUR;
        const WEEK: f64 = 7.0 * DAY;
        const MONTH: f64 = 30.0 * DAY;
        const YEAR: f64 = 365.0 * DAY;
        let check = |seconds: f64, expect: &str| {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), expect, "{seconds} s");
        };
        check(0.45, "Less than a second");
        check(1.0, "1 second");
        check(45.0, "45 seconds");
        check(MINUTE, "About a minute");
        check(MINUTE + 40.0, "About a minute");
        check(3.0 * MINUTE, "3 minutes");
        check(35.0 * MINUTE, "35 minutes");
        check(35.0 * MINUTE + 40.0, "35 minutes");
        check(HOUR, "About an hour");
        check(HOUR + 29.0 * MINUTE, "About an hour");
        check(HOUR + 31.0 * MINUTE, "2 hours");
        check(HOUR + 59.0 * MINUTE, "2 hours");
        check(3.0 * HOUR, "3 hours");
        check(3.0 * HOUR + 29.0 * MINUTE, "3 hours");
        check(3.0 * HOUR + 31.0 * MINUTE, "4 hours");
        check(DAY, "24 hours");
        check(DAY + 12.0 * HOUR, "36 hours");
        check(2.0 * DAY, "2 days");
        check(7.0 * DAY, "7 days");
        check(13.0 * DAY + 5.0 * HOUR, "13 days");
        check(2.0 * WEEK, "2 weeks");
        check(2.0 * WEEK + 4.0 * DAY, "2 weeks");
        check(3.0 * WEEK, "3 weeks");
        check(4.0 * WEEK, "4 weeks");
        check(4.0 * WEEK + 3.0 * DAY, "4 weeks");
        check(MONTH, "4 weeks");
        check(MONTH + 2.0 * WEEK, "6 weeks");
        check(2.0 * MONTH, "2 months");
        check(2.0 * MONTH + 2.0 * WEEK, "2 months");
        check(3.0 * MONTH + WEEK, "3 months");
        check(5.0 * MONTH + 2.0 * WEEK, "5 months");
        check(13.0 * MONTH, "13 months");
        check(23.0 * MONTH, "23 months");
        check(24.0 * MONTH, "24 months");
        check(2.0 * YEAR, "2 years");
        check(3.0 * YEAR + 2.0 * MONTH, "3 years");
        // As the docker command was seen to print them.
        check(60.0 * HOUR, "2 days");
        check(330.0 * HOUR, "13 days");
        check(430.0 * HOUR, "2 weeks");
        check(1000.0 * HOUR, "5 weeks");
        check(2000.0 * HOUR, "2 months");
        check(1000.0 * DAY, "2 years");
    }
}
