//! How often something is tried again, and how long is waited before.

use std::time::{Duration, SystemTime};

use ply_digest::Progress;

use crate::RegistryError;

/// How patient a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is tried again that failed for a reason that may pass.
    pub retries: u32,
    /// What is waited before the first retry; each further one waits twice as long, give or take a third.
    pub first: Duration,
    /// The most that is waited, also where a server asks for more.
    pub most: Duration,
    /// How long a connection may be silent.
    pub silence: Duration,
}

impl Default for Patience {
    /// Five retries, a quarter of a second before the first; a minute at most.
    fn default() -> Self {
        Self {
            retries: 5,
            first: Duration::from_millis(250),
            most: Duration::from_secs(60),
            silence: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// What is waited before retry number `retry`, counted from 0.
    pub(crate) fn wait(&self, retry: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.most);
        }
        let usual = self.first.saturating_mul(2_u32.saturating_pow(retry)).min(self.most);
        // So that clients that failed together do not come back together.
        usual.mul_f64(2.0 / 3.0 + random() * 2.0 / 3.0)
    }
}

/// A number from 0 to 1; the middle where the system has no randomness to give.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(4) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        _ => 0.5,
    }
}

/// Whether an answer may be another one later.
pub(crate) const fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    let at = Duration::from_secs(u64::try_from(date.timestamp().as_second()).unwrap_or(0));
    Some(SystemTime::UNIX_EPOCH.checked_add(at)?.duration_since(now).unwrap_or_default())
}

/// Waits, unless somebody says stop.
pub(crate) fn sleep(duration: Duration, stop: &dyn Progress) -> Result<(), RegistryError> {
    const STEP: Duration = Duration::from_millis(50);
    let mut left = duration;
    loop {
        if stop.advance(0).is_break() {
            return Err(RegistryError::Interrupted);
        }
        if left.is_zero() {
            return Ok(());
        }
        let step = left.min(STEP);
        std::thread::sleep(step);
        left = left.saturating_sub(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let check = |header: &str, expect: Option<u64>| {
            assert_eq!(retry_after(header, now), expect.map(Duration::from_secs), "{header}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        // RFC 9110's own example of a date, a minute later.
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:40:37 GMT", Some(0));
        check("soon", None);
        check("-1", None);
    }

    #[test]
    fn longer_and_longer() {
        let patience = Patience::default();
        for (retry, around) in [(0, 250.0), (1, 500.0), (4, 4000.0), (30, 60_000.0)] {
            let waits: Vec<f64> =
                (0..50).map(|_| patience.wait(retry, None).as_secs_f64() * 1000.0).collect();
            assert!(waits.iter().all(|w| *w >= around * 0.66 && *w <= around * 1.34), "{retry}: {waits:?}");
            assert!(waits.iter().any(|w| (w - waits[0]).abs() > 1e-9), "no jitter");
        }
        assert_eq!(patience.wait(0, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(patience.wait(0, Some(Duration::from_secs(7000))), patience.most);
    }
}
