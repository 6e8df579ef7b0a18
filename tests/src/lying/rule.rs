//! Lies, and the rules that say when they are told.

use std::time::Duration;

use super::Request;
use super::answer::{Answer, Body, Framing};

/// When to lie, and how. Of the rules that fit a request, the first that is not used up is the one.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `GET`; empty for all.
    pub method: String,
    /// Part of the path and query: `/blobs/`, a digest; empty for all.
    pub path_contains: String,
    /// How many times it applies; always where it is not said.
    pub times: Option<usize>,
    /// How many requests that fit it leaves to the rules after it before it applies.
    pub skip: usize,
    /// What to do.
    pub lie: Lie,
}

/// What to do wrong.
#[derive(Debug, Clone)]
pub enum Lie {
    /// Sends so many bytes of the body, then closes the connection. Where the body is shorter it sends all, and closes
    /// without having said so.
    CutAfter(usize),
    /// Does nothing and closes the connection without a word.
    HangUp,
    /// Does what is asked and closes the connection without a word.
    Forget,
    /// Reads so many bytes of the request's body, then closes the connection; nothing is done.
    StopReading(usize),
    /// Waits before it answers.
    Delay(Duration),
    /// Waits after so many bytes of the body.
    Stall(usize, Duration),
    /// Does nothing and answers this: a status, headers, a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Does nothing and sends the client elsewhere; `{target}` in the place stands for the request's path and query.
    Redirect(u16, String),
    /// Declares a length that is not the one it sends; then closes the connection.
    ContentLength(u64),
    /// Declares no length: sends chunks.
    NoLength,
    /// Declares no length: the body ends where the connection does.
    UntilClosed,
    /// Sends chunks, zeros after the body, until the client has enough, or 64 MiB.
    Endless,
    /// Sends the whole when asked for a range.
    IgnoreRange,
    /// When asked for a range, sends the one from here to the end, and says so.
    WrongRange(u64),
    /// When asked for a range, sends it, and says in `Content-Range` that it is this one.
    ContentRange(String),
    /// Flips a bit of this byte of the body.
    Corrupt(usize),
    /// Sends only so many bytes, and declares them.
    Truncate(usize),
    /// Says that the digest is another, or nothing of it.
    DigestHeader(Option<String>),
    /// Says that it is something else.
    ContentType(String),
    /// Says where more tags are.
    Link(String),
    /// Says this in a header, or nothing.
    Header(&'static str, Option<String>),
    /// Sends other bytes.
    Body(Vec<u8>),
    /// Sends so many zeros, and declares them.
    Huge(u64),
    /// All of these, one after the other.
    All(Vec<Lie>),
}

impl Rule {
    /// Lies always; `method` and `path_contains` may be empty.
    pub fn new(method: &str, path_contains: &str, lie: Lie) -> Self {
        Self { method: method.to_owned(), path_contains: path_contains.to_owned(), times: None, skip: 0, lie }
    }

    /// Lies so many times.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Lies only after so many requests that fit.
    #[must_use]
    pub fn skip(self, skip: usize) -> Self {
        Self { skip, ..self }
    }
}

/// Rules in use.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// What to do about a request: nothing, one lie, or several.
    pub(super) fn choose(&mut self, request: &Request) -> Vec<Lie> {
        for rule in &mut self.0 {
            let fits = (rule.method.is_empty() || rule.method == request.method)
                && request.target.contains(&rule.path_contains);
            if !fits || rule.times == Some(0) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            return rule.lie.clone().flat();
        }
        Vec::new()
    }
}

impl Lie {
    fn flat(self) -> Vec<Self> {
        match self {
            Self::All(lies) => lies.into_iter().flat_map(Self::flat).collect(),
            one => vec![one],
        }
    }

    /// After how many bytes of the request's body it stops reading.
    pub(super) fn stops_reading(&self) -> Option<usize> {
        if let Self::StopReading(after) = self { Some(*after) } else { None }
    }

    /// Whether it leaves undone what is asked.
    pub(super) fn undoes(&self) -> bool {
        matches!(self, Self::HangUp | Self::StopReading(_) | Self::Status(..) | Self::Redirect(..))
    }

    /// The request as it is taken to be.
    pub(super) fn misread(&self, mut request: Request) -> Request {
        let ranged = |name: &str| name.eq_ignore_ascii_case("Range");
        match self {
            Self::IgnoreRange => request.headers.retain(|(name, _)| !ranged(name)),
            Self::WrongRange(start) => {
                for (_, value) in request.headers.iter_mut().filter(|(name, _)| ranged(name)) {
                    *value = format!("bytes={start}-");
                }
            }
            _ => {}
        }
        request
    }

    /// The answer as it is sent.
    pub(super) fn apply(&self, mut answer: Answer, request: &Request) -> Answer {
        let header = |answer: Answer, name: &str, value: Option<&str>| match value {
            Some(value) => answer.with(name, value),
            None => answer.without(name),
        };
        match self {
            Self::CutAfter(bytes) => answer.cut = Some(*bytes as u64),
            Self::HangUp | Self::Forget => answer.silent = true,
            Self::Delay(duration) => answer.delay = *duration,
            Self::Stall(after, duration) => answer.stall = Some((*after as u64, *duration)),
            Self::Status(status, headers, body) => {
                let plain = Answer::new(*status).bytes(body.clone().into_bytes());
                return headers.iter().fold(plain, |answer, (name, value)| answer.with(name, value));
            }
            Self::Redirect(status, place) => {
                return Answer::new(*status).with("Location", &place.replace("{target}", &request.target));
            }
            Self::ContentLength(length) => answer.framing = Framing::Declared(*length),
            Self::NoLength => answer.framing = Framing::Chunked,
            Self::UntilClosed => answer.framing = Framing::Closed,
            Self::Endless => answer.framing = Framing::Endless,
            Self::ContentRange(text) if answer.status == 206 => return answer.with("Content-Range", text),
            Self::Corrupt(at) => {
                if let Body::Bytes(bytes) = &mut answer.body
                    && let Some(byte) = bytes.get_mut(*at)
                {
                    *byte ^= 1;
                }
            }
            Self::Truncate(length) => {
                if let Body::Bytes(bytes) = &mut answer.body {
                    bytes.truncate(*length);
                }
            }
            Self::DigestHeader(digest) => return header(answer, "Docker-Content-Digest", digest.as_deref()),
            Self::ContentType(text) => return answer.with("Content-Type", text),
            Self::Link(text) => return answer.with("Link", text),
            Self::Header(name, value) => return header(answer, name, value.as_deref()),
            Self::Body(bytes) => return answer.bytes(bytes.clone()),
            Self::Huge(count) => answer.body = Body::Zeros(*count),
            // They are told before the answer is made.
            Self::StopReading(_)
            | Self::IgnoreRange
            | Self::WrongRange(_)
            | Self::ContentRange(_)
            | Self::All(_) => {}
        }
        answer
    }
}
