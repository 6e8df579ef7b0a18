//! `HEALTHCHECK`: how an engine finds out whether a container is well.

use serde::Serialize;

use super::Command;

/// As it stands in a config, times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Healthcheck {
    test: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    interval: u64,
    #[serde(skip_serializing_if = "is_zero")]
    timeout: u64,
    #[serde(skip_serializing_if = "is_zero")]
    start_period: u64,
    #[serde(skip_serializing_if = "is_zero")]
    start_interval: u64,
    #[serde(skip_serializing_if = "is_zero")]
    retries: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Healthcheck {
    /// Reads what stands after the keyword, flags apart.
    ///
    /// # Errors
    /// Docker's words for it.
    pub(super) fn parse(flags: &[&str], text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match kind.to_uppercase().as_str() {
            "" => Err("HEALTHCHECK requires at least one argument".to_owned()),
            "NONE" if rest.is_empty() => Ok(Self { test: vec!["NONE".to_owned()], ..Self::default() }),
            "NONE" => Err("HEALTHCHECK NONE takes no arguments".to_owned()),
            "CMD" => Self::default().with_flags(flags)?.with_command(rest),
            other => Err(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)")),
        }
    }

    fn with_command(self, text: &str) -> Result<Self, String> {
        let mut test = vec!["CMD-SHELL".to_owned()];
        match Command::parse(text)? {
            Command::Exec(words) if words.is_empty() => return Err(no_command()),
            Command::Exec(words) => test = std::iter::once("CMD".to_owned()).chain(words).collect(),
            Command::Shell(line) if line.is_empty() => return Err(no_command()),
            Command::Shell(line) => test.push(line),
        }
        Ok(Self { test, ..self })
    }

    fn with_flags(mut self, flags: &[&str]) -> Result<Self, String> {
        let mut seen = Vec::new();
        for flag in flags {
            let (name, value) =
                flag.split_once('=').map_or((*flag, None), |(name, value)| (name, Some(value)));
            if seen.contains(&name) {
                return Err(format!("duplicate flag specified: {name}"));
            }
            seen.push(name);
            let field = match name {
                "interval" => &mut self.interval,
                "timeout" => &mut self.timeout,
                "start-period" => &mut self.start_period,
                "start-interval" => &mut self.start_interval,
                "retries" => &mut self.retries,
                _ => return Err(format!("unknown flag: --{name}")),
            };
            let value = value.ok_or_else(|| format!("missing a value on flag: {name}"))?;
            *field = if name == "retries" { retries(value)? } else { interval(name, value)? };
        }
        Ok(self)
    }
}

fn no_command() -> String {
    "Missing command after HEALTHCHECK CMD".to_owned()
}

fn retries(text: &str) -> Result<u64, String> {
    let number: i32 = text.parse().map_err(|_| format!("--retries {text:?} is no number"))?;
    u64::try_from(number).map_err(|_| format!("--retries cannot be negative ({number})"))
}

/// A duration of a millisecond at least, or zero.
fn interval(name: &str, text: &str) -> Result<u64, String> {
    const LEAST: u64 = 1_000_000;
    if text.is_empty() {
        return Ok(0);
    }
    let nanoseconds = duration(text)?;
    match nanoseconds {
        Some(0) => Ok(0),
        Some(n) if n >= LEAST => Ok(n),
        _ => Err(format!("Interval {name:?} cannot be less than 1ms")),
    }
}

/// A duration as Go spells it, `1m30s` or `1.5h`, in nanoseconds; `None` where it is negative.
fn duration(text: &str) -> Result<Option<u64>, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Some(0));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        let piece = nanoseconds(number, unit).ok_or_else(invalid)?;
        total = total.checked_add(piece).filter(|n| i64::try_from(*n).is_ok()).ok_or_else(invalid)?;
        rest = after;
    }
    Ok((!negative).then_some(total))
}

/// `1.5` times a unit. A digit behind the point is worth a tenth of the one before; what is below a nanosecond goes.
fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let (mut value, mut worth) = (0u128, u128::from(unit));
    let mut scale = 1u128;
    for digit in part.bytes().take(18) {
        scale = scale.checked_mul(10)?;
        value = value.checked_mul(10)?.checked_add(u128::from(digit & 15))?;
    }
    worth = worth.checked_mul(value)?.checked_div(scale)?;
    whole.checked_mul(unit)?.checked_add(u64::try_from(worth).ok()?)
}
