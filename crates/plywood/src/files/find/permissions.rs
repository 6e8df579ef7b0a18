use std::str::FromStr;

use crate::Error;
use crate::error::shown;

/// Which mode bits an entry has, as find(1) asks: `MODE` exactly these, `-MODE` all of them, `/MODE` any of them. MODE is
/// octal, or as chmod(1) has it: `u=rw,go+r`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    how: How,
    bits: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Exactly,
    All,
    Any,
}

impl FromStr for Permissions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (how, mode) = match text.as_bytes().first() {
            Some(b'-') => (How::All, text.get(1..)),
            Some(b'/') => (How::Any, text.get(1..)),
            _ => (How::Exactly, Some(text)),
        };
        let mode = mode.unwrap_or_default();
        let bits = octal(mode).or_else(|| symbolic(mode)).ok_or_else(|| {
            Error::Misuse(format!("{}: a mode is MODE, -MODE or /MODE, as 644 or u=rw,go=r", shown(text)))
        })?;
        Ok(Self { how, bits })
    }
}

impl Permissions {
    pub(super) fn allow(self, mode: u16) -> bool {
        match self.how {
            How::Exactly => mode == self.bits,
            How::All => mode & self.bits == self.bits,
            // No bit at all is what every file has.
            How::Any => self.bits == 0 || mode & self.bits != 0,
        }
    }
}

fn octal(mode: &str) -> Option<u16> {
    let is_octal = !mode.is_empty() && mode.bytes().all(|byte| byte.is_ascii_digit());
    u16::from_str_radix(mode, 8).ok().filter(|bits| is_octal && *bits <= 0o7777)
}

/// Clauses of chmod(1), from no bit on; without copies (`g=u`) and `X`, which look at what is there.
fn symbolic(mode: &str) -> Option<u16> {
    let mut bits = 0;
    for clause in mode.split(',') {
        let mut rest = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let who = clause.strip_suffix(rest)?;
        let mut affected = who.chars().fold(0, |bits, letter| {
            bits | match letter {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                _ => 0o7777,
            }
        });
        if who.is_empty() {
            affected = 0o7777;
        }
        if rest.is_empty() {
            return None;
        }
        while let Some(operation) = rest.chars().next() {
            rest = rest.strip_prefix(['+', '-', '='])?;
            let after = rest.trim_start_matches(['r', 'w', 'x', 's', 't']);
            let meant = rest.strip_suffix(after)?.chars().fold(0, |bits, letter| {
                bits | match letter {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    's' => 0o6000,
                    _ => 0o1000,
                }
            });
            let meant = meant & affected;
            bits = match operation {
                '+' => bits | meant,
                '-' => bits & !meant,
                _ => bits & !affected | meant,
            };
            rest = after;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::Permissions;

    /// Beside find(1) of this machine, on files of these modes.
    #[test]
    fn modes_are_asked_for_as_find_does() {
        let modes: [u16; 14] = [
            0, 0o400, 0o444, 0o600, 0o640, 0o644, 0o664, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6755, 0o7777,
        ];
        let asked = [
            "0",
            "000",
            "644",
            "0644",
            "4755",
            "7777",
            "u=rw,g=r,o=r",
            "u=rw,go=r",
            "a=r",
            "=r",
            "+w",
            "u+s",
            "g+s",
            "+s",
            "u+t",
            "o+t",
            "+t",
            "u=rwx,u-x",
            "u+rw-w",
            "u=rw,=",
            "ug=rwx,o=rx",
            "a+rwxst",
        ];
        let folder = tempfile::tempdir().unwrap();
        for mode in modes {
            let path = folder.path().join(format!("{mode:o}"));
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode.into())).unwrap();
        }
        for text in asked.iter().flat_map(|mode| ["", "-", "/"].map(|how| format!("{how}{mode}"))) {
            // `+MODE` at the beginning is an error there since 2005, when it meant `/MODE`.
            if text.starts_with('+') {
                continue;
            }
            let find = Command::new("find")
                .args([".", "-type", "f", "-perm", &text, "-printf", "%m\n"])
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(find.status.success(), "{text}: {}", String::from_utf8_lossy(&find.stderr));
            let octal = |line: &str| u16::from_str_radix(line, 8).unwrap();
            let mut expect: Vec<u16> = String::from_utf8(find.stdout).unwrap().lines().map(octal).collect();
            expect.sort_unstable();
            let permissions: Permissions = text.parse().unwrap();
            let found: Vec<u16> = modes.into_iter().filter(|mode| permissions.allow(*mode)).collect();
            assert_eq!(found, expect, "{text}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "-", "/", "8", "10000", "77777777", "u", "rw", "u=q", "u=g", "a+X", "u=r,", "+-644"]
        {
            assert!(text.parse::<Permissions>().is_err(), "{text}");
        }
    }
}
