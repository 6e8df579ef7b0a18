//! What `cargo xtask fuzz` is asked for.

use std::path::Path;
use std::thread;

use crate::Outcome;

#[derive(Debug, PartialEq)]
pub(super) struct Settings<'a> {
    pub(super) seconds: u64,
    /// Targets that run at once.
    pub(super) jobs: usize,
    pub(super) only: Option<&'a str>,
    /// An input to run once, in place of fuzzing.
    pub(super) input: Option<&'a Path>,
    /// Whether what is found worth keeping goes into `fuzz/corpora`, for the next one to begin with.
    pub(super) keep: bool,
}

const WITH_VALUES: [&str; 4] = ["--seconds", "--jobs", "--only", "--input"];

impl<'a> Settings<'a> {
    pub(super) fn parse(args: &[&'a str]) -> Outcome<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut settings = Self { seconds: 60, jobs: cores.min(2), only: None, input: None, keep: false };
        let mut args = args.iter();
        while let Some(&option) = args.next() {
            if option == "--keep" {
                settings.keep = true;
                continue;
            }
            if !WITH_VALUES.contains(&option) {
                return Err(format!("takes {} and --keep, not {option}", WITH_VALUES.join(", ")));
            }
            let value = *args.next().ok_or_else(|| format!("{option} wants a value"))?;
            let number = || value.parse().ok().filter(|number| *number > 0);
            let not_a_number = || format!("{option} wants a number over 0, not {value}");
            match option {
                "--seconds" => settings.seconds = number().ok_or_else(not_a_number)?,
                "--jobs" => {
                    let jobs = number().and_then(|jobs| usize::try_from(jobs).ok());
                    settings.jobs = jobs.ok_or_else(not_a_number)?;
                }
                "--only" => settings.only = Some(value),
                _ => settings.input = Some(Path::new(value)),
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn an_option_that_is_not_there_is_named_with_those_that_are() {
        let why = Settings::parse(&["--nope"]).unwrap_err();
        assert!(why.starts_with("takes --seconds") && why.ends_with("not --nope"), "{why}");
    }

    #[test]
    fn words_are_understood_or_refused() {
        let check = |args: &[&str], expect: Option<(u64, usize, Option<&str>)>| {
            let got = Settings::parse(args).ok();
            assert_eq!(got.map(|got| (got.seconds, got.jobs, got.only)), expect, "{args:?}");
        };
        check(&["--seconds", "10", "--jobs", "1"], Some((10, 1, None)));
        check(&["--jobs", "1", "--only", "tar"], Some((60, 1, Some("tar"))));
        check(&["--keep", "--jobs", "1", "--only", "tar"], Some((60, 1, Some("tar"))));
        check(&["--seconds"], None);
        check(&["--seconds", "0"], None);
        check(&["--jobs", "x"], None);
        check(&["tar"], None);
        check(&["--all", "tar"], None);
    }
}
