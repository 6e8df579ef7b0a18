//! What a store is asked, and what it may answer: what is right, or an error. Never anything else, and never after a minute.

use std::process::Command;

use ply_tests::{Effort, Ply, Ran, listing, sha256, under};

/// How many classes of files there are, each damaged in its turn.
const CLASSES: usize = 6;

/// A question and its right answer.
pub struct Answer {
    question: Vec<String>,
    right: String,
}

/// How a damaged store answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Right,
    Refused,
}

/// Everything that hands out bytes of an image, or tells of it. `OUT` is a file or a folder that is compared.
fn questions(image: &str) -> Vec<Vec<String>> {
    let of_files = format!("{image}:/etc");
    let other = if image == "plain:1" { "plain:2" } else { "plain:1" };
    let questions: [&[&str]; 19] = [
        &["save", image],
        &["save", "--format", "oci", image],
        &["save", "-o", "OUT", image],
        &["save", "--format", "oci", "-o", "OUT", image],
        &["save", "--compress", "gzip", image],
        &["save", "--format", "oci", "--compress-layers", "zstd", image],
        &["unpack", image, "OUT"],
        &["export", image],
        &["cat", image, "/etc/text"],
        &["cat", image, "/etc/small-7"],
        &["cp", &of_files, "-"],
        &["cp", &of_files, "OUT"],
        &["diff", "-p", other, image],
        &["grep", "-n", "7", image],
        &["ls", "-lR", "--json", image],
        &["log", "-p", image, "/etc/text"],
        &["inspect", image],
        &["history", "--no-trunc", image],
        &["images", "--no-trunc"],
    ];
    questions.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect()
}

/// Runs `ply` for a minute at most; it must not panic.
pub fn run(ply: &Ply, args: &[impl AsRef<str>], told: &str) -> Ran {
    let mut timeout = Command::new("timeout");
    timeout.args(["-k", "5", "60"]);
    let mut command = under(timeout, &ply.command(args.iter().map(AsRef::as_ref)));
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
    assert!(!stderr.contains("panicked"), "{told}: {args:?}: {stderr}");
    assert!(matches!(output.status.code(), Some(0..=2)), "{told}: {args:?}: {}: {stderr}", output.status);
    Ran { code: output.status.code(), stdout: output.stdout, stderr }
}

fn ask(ply: &Ply, question: &[String], told: &str) -> (Ran, String) {
    let out = ply.file("OUT");
    let ran = run(ply, question, told);
    let mut answer = sha256(&ran.stdout);
    if out.is_dir() {
        answer = format!("{answer} {:?}", listing(&out));
        std::fs::remove_dir_all(&out).unwrap();
    } else if out.exists() {
        answer = format!("{answer} {}", sha256(&std::fs::read(&out).unwrap()));
        std::fs::remove_file(&out).unwrap();
    }
    (ran, answer)
}

/// Of all that can be asked, what is asked after the damage of this number: each question in its turn.
pub fn some(answers: &[Answer], number: usize) -> impl Iterator<Item = &Answer> {
    let step = Effort::asked().of(6, 2, 1);
    answers.iter().skip(number / CLASSES % step).step_by(step)
}

/// The right answers.
pub fn answers(ply: &Ply, image: &str) -> Vec<Answer> {
    let answer = |question: Vec<String>| {
        let (ran, right) = ask(ply, &question, "whole");
        assert_eq!(ran.code, Some(0), "{question:?}: {}", ran.stderr);
        Answer { question, right }
    };
    questions(image).into_iter().map(answer).collect()
}

impl Answer {
    /// Whether it tells of all images.
    pub fn lists(&self) -> bool {
        self.question.first().is_some_and(|verb| verb == "images")
    }

    /// Asks again: the answer must be right, or an error.
    pub fn again(&self, ply: &Ply, told: &str) -> (Answered, Ran) {
        let (ran, answer) = ask(ply, &self.question, told);
        if ran.code != Some(0) {
            assert!(!ran.stderr.is_empty(), "{told}: {:?} fails and does not say why", self.question);
            return (Answered::Refused, ran);
        }
        assert!(answer == self.right, "{told}: {:?} hands out something else, with exit 0", self.question);
        (Answered::Right, ran)
    }

    /// Asks again: the answer must be right.
    pub fn is_right(&self, ply: &Ply, told: &str) {
        let (answered, ran) = self.again(ply, told);
        assert_eq!(answered, Answered::Right, "{told}: {:?}: {}", self.question, ran.stderr);
    }
}
