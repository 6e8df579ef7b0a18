//! Names of images: what Docker's grammar takes is taken, with the same parts; what is printed is read as the same again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ply_reference::{Pattern, Query, Reference, Tag};
use regex::Regex;

/// `reference/regexp.go` of the distribution project: the whole, and the name within it.
static WHOLE: LazyLock<Regex> =
    LazyLock::new(|| grammar(&format!("^({NAME})(?::({TAG}))?(?:@({DIGEST}))?$")));
static PARTS: LazyLock<Regex> = LazyLock::new(|| grammar(&format!("^(?:({DOMAIN})/)?({PATH})$")));
static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| grammar("^[a-f0-9]{64}$"));

const COMPONENT: &str = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN: &str = r"(?:COMPONENT(?:\.COMPONENT)*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?";
const PATH: &str = "SEGMENT(?:/SEGMENT)*";
const SEGMENT: &str = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
const NAME: &str = "(?:DOMAIN/)?PATH";
const TAG: &str = r"[\w][\w.-]{0,127}";
const DIGEST: &str = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,}";

fn grammar(text: &str) -> Regex {
    let rules = [("DOMAIN", DOMAIN), ("PATH", PATH), ("SEGMENT", SEGMENT), ("COMPONENT", COMPONENT)];
    // `\w` is ASCII in Go.
    let text = rules.iter().fold(text.to_owned(), |text, (name, rule)| text.replace(name, rule));
    Regex::new(&text.replace(r"\w", "0-9A-Za-z_")).expect("it is a regular expression")
}

#[derive(Debug, PartialEq)]
struct Parts {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// `splitDockerDomain` of `reference/normalize.go`.
fn split(text: &str) -> (String, String) {
    let familiar = |rest: &str| match rest.contains('/') {
        true => ("docker.io".to_owned(), rest.to_owned()),
        false => ("docker.io".to_owned(), format!("library/{rest}")),
    };
    match text.split_once('/') {
        None => familiar(text),
        Some(("index.docker.io" | "docker.io", rest)) => familiar(rest),
        Some((domain, rest))
            if domain == "localhost" || domain.contains(['.', ':']) || domain.to_lowercase() != domain =>
        {
            (domain.to_owned(), rest.to_owned())
        }
        Some(_) => familiar(text),
    }
}

/// `ParseNormalizedNamed`, with SHA-256 as the only algorithm of digests.
fn docker(text: &str) -> Option<Parts> {
    if IDENTIFIER.is_match(text) {
        return None;
    }
    let (domain, rest) = split(text);
    let remote = rest.split(':').next().unwrap_or_default();
    if remote.to_lowercase() != remote {
        return None;
    }
    let whole = format!("{domain}/{rest}");
    let found = WHOLE.captures(&whole)?;
    let text = |at: usize| found.get(at).map(|part| part.as_str().to_owned());
    let (name, tag, digest) = (text(1)?, text(2), text(3));
    let parts = PARTS.captures(&name)?;
    let domain = parts.get(1).map_or("", |domain| domain.as_str()).to_owned();
    let path = parts.get(2)?.as_str().to_owned();
    let is_sha256 = |digest: &String| {
        let hex = digest.strip_prefix("sha256:");
        hex.is_some_and(|hex| hex.len() == 64 && !hex.contains(|c: char| c.is_ascii_uppercase()))
    };
    let fits = path.len() <= 255 && digest.iter().all(is_sha256);
    fits.then_some(Parts { domain, path, tag, digest })
}

fn ours(reference: &Reference) -> Parts {
    Parts {
        domain: reference.name().domain().to_owned(),
        path: reference.name().path().to_owned(),
        tag: reference.tag().map(|tag| tag.as_str().to_owned()),
        digest: reference.digest().map(ToString::to_string),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let parsed = Reference::parse(text);
    assert_eq!(parsed.as_ref().ok().map(ours), docker(text), "{text:?}: {parsed:?}");
    match &parsed {
        Ok(reference) => {
            for form in [reference.canonical(), reference.familiar(), reference.to_string()] {
                assert_eq!(Reference::parse(&form).as_ref(), Ok(reference), "{text:?}: {form:?}");
            }
            let tagged = reference.clone().without_digest().with_tag(Tag::latest());
            assert_eq!(Reference::parse(&tagged.canonical()), Ok(tagged));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.chars().count() < 300 && !message.contains(char::is_control), "{message:?}");
        }
    }
    if let Ok(query) = Query::parse(text) {
        // With 64 digits, or after `sha256:`, it is an ID and nothing else.
        assert!(query.reference().is_none_or(|reference| Ok(reference) == parsed.as_ref()), "{text:?}");
        assert!(query.reference().is_some() || query.id().is_some());
        if let Some(id) = query.id() {
            assert!(id.lower_bound() <= id.upper_bound());
            assert!(id.digest().is_none_or(|digest| id.matches(&digest)));
        }
    }
    if let (Ok(pattern), Ok(reference)) = (Pattern::parse(text), &parsed) {
        assert_eq!(
            Pattern::parse(&pattern.to_string()).as_ref().map(ToString::to_string),
            Ok(pattern.to_string())
        );
        let _ = pattern.matches(reference);
    }
});
