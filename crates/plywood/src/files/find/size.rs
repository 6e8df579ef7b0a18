use std::cmp::Ordering;
use std::str::FromStr;

use crate::Error;
use crate::error::shown;

/// How large an entry is, as find(1) counts: in whole units, a begun one counts. So `-1M` is what is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    order: Ordering,
    units: u64,
    unit: u64,
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Misuse(format!(
                "{}: a size is [+-]N, in blocks of 512 bytes, or with c (bytes), k, M or G behind it",
                shown(text)
            ))
        };
        let (order, number) = match text.as_bytes().first() {
            Some(b'+') => (Ordering::Greater, text.get(1..)),
            Some(b'-') => (Ordering::Less, text.get(1..)),
            _ => (Ordering::Equal, Some(text)),
        };
        let number = number.unwrap_or_default();
        let digits = number.trim_end_matches(['b', 'c', 'w', 'k', 'M', 'G']);
        let unit = match number.get(digits.len()..) {
            Some("" | "b") => 512,
            Some("c") => 1,
            Some("w") => 2,
            Some("k") => 1 << 10,
            Some("M") => 1 << 20,
            Some("G") => 1 << 30,
            _ => return Err(wrong()),
        };
        // `parse` would take a second sign.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        Ok(Self { order, units: digits.parse().map_err(|_| wrong())?, unit })
    }
}

impl Size {
    pub(super) fn is(self, bytes: u64) -> bool {
        bytes.div_ceil(self.unit).cmp(&self.units) == self.order
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::Size;

    /// Beside find(1) of this machine, on sparse files of these sizes.
    #[test]
    fn sizes_are_counted_as_find_counts() {
        let sizes: [u64; 13] =
            [0, 1, 2, 3, 511, 512, 513, 1023, 1024, 1025, 1 << 20, (1 << 20) + 1, (1 << 30) + 1];
        let folder = tempfile::tempdir().unwrap();
        for size in sizes {
            let file = std::fs::File::create(folder.path().join(size.to_string())).unwrap();
            file.set_len(size).unwrap();
        }
        for number in [0, 1, 2, 3] {
            for sign in ["", "+", "-"] {
                for unit in ["", "b", "c", "w", "k", "M", "G"] {
                    let text = format!("{sign}{number}{unit}");
                    let find = Command::new("find")
                        .args([".", "-type", "f", "-size", &text, "-printf", "%f\n"])
                        .current_dir(folder.path())
                        .output()
                        .unwrap();
                    let mut expect: Vec<u64> =
                        String::from_utf8(find.stdout).unwrap().lines().map(|l| l.parse().unwrap()).collect();
                    expect.sort_unstable();
                    let size: Size = text.parse().unwrap();
                    let found: Vec<u64> = sizes.into_iter().filter(|bytes| size.is(*bytes)).collect();
                    assert_eq!(found, expect, "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "+", "k", "1K", "1kk", "1.5M", "--1", "+-1", "99999999999999999999", "1 k", "é"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
