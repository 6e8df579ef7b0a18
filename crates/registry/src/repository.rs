use std::collections::HashSet;
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::{Descriptor, MANIFEST_LIMIT, MediaType};
use ply_reference::{Name, Tag};
use serde::Deserialize;
use ureq::http::{HeaderMap, Method, Uri};

use crate::RegistryError;
use crate::answer::{Answer, header, said_digest};
use crate::authentication::Scope;
use crate::error::shown;
use crate::host::{At, Call, Host};
use crate::transport::Payload;

/// Largest page of tags that is read, in bytes.
const TAG_PAGE_LIMIT: u64 = 16 << 20;
/// All pages together.
const TAGS_LIMIT: u64 = 64 << 20;
/// Most pages of tags.
const TAG_PAGES: usize = 10_000;

/// What is asked for in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// What a tag points to now.
    Tag(Tag),
    /// The very document with this digest.
    Digest(Digest),
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag.as_str()),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A manifest or an index as it came; its digest is checked, and nothing else.
#[derive(Debug, Clone)]
pub struct RawManifest {
    /// What the registry calls it, its digest, and its size.
    pub descriptor: Descriptor,
    /// The bytes.
    pub raw: Vec<u8>,
}

/// A repository of a registry: manifests by tag or digest, blobs by digest.
#[derive(Clone)]
pub struct Repository<'a> {
    pub(crate) host: Arc<Host<'a>>,
    pub(crate) name: Name,
    pub(crate) pull: Scope,
}

impl std::fmt::Debug for Repository<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Repository<'a> {
    pub(crate) fn new(host: Arc<Host<'a>>, name: Name) -> Self {
        let pull = Scope { repository: name.path().to_owned(), push: false, from: Vec::new() };
        Self { host, name, pull }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The registry's host.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.host.domain
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name.path())
    }

    pub(crate) fn manifest_path(&self, wanted: &Wanted) -> String {
        self.path(&format!("manifests/{wanted}"))
    }

    /// For messages: `manifest team/app:1`.
    pub(crate) fn manifest_called(&self, wanted: &Wanted) -> String {
        let mark = if matches!(wanted, Wanted::Tag(_)) { ':' } else { '@' };
        format!("manifest {}{mark}{wanted}", self.name.path())
    }

    /// What is there, without its bytes; what the registry says of it is not checked. `None` where the registry does not
    /// answer this question in full.
    ///
    /// # Errors
    /// There is no such manifest, or it may not be read.
    pub fn head(&self, wanted: &Wanted) -> Result<Option<Descriptor>, RegistryError> {
        let what = self.manifest_called(wanted);
        let call = accepting(Call::new(Method::HEAD, &self.pull, what));
        let answer = self.host.expect(At::Path(&self.manifest_path(wanted)), &call, &[200, 405])?;
        if answer.status != 200 {
            return Ok(None);
        }
        let digest = said_digest(&answer.headers);
        let (kind, size) = (media_type(&answer.headers), answer.length());
        answer.drain();
        Ok(digest.zip(size).map(|(digest, size)| Descriptor::new(kind, digest, size)))
    }

    /// Reads a manifest or an index.
    ///
    /// # Errors
    /// There is none, it may not be read, it is larger than 4 MiB, or its bytes hash to another digest than was asked for.
    pub fn manifest(&self, wanted: &Wanted) -> Result<RawManifest, RegistryError> {
        let what = self.manifest_called(wanted);
        let call = accepting(Call::new(Method::GET, &self.pull, what.clone()));
        let path = self.manifest_path(wanted);
        let Whole { headers, raw, .. } = self.read(At::Path(&path), &call, MANIFEST_LIMIT)?;
        let digest = Digest::of(&raw);
        // What the registry says of a tag must be true as well, or the next HEAD would lie.
        let expected = match wanted {
            Wanted::Digest(expected) => Some(*expected),
            Wanted::Tag(_) => said_digest(&headers),
        };
        self.host.agree(&what, Some(digest), expected.unwrap_or(digest))?;
        let size = raw.len() as u64;
        Ok(RawManifest { descriptor: Descriptor::new(media_type(&headers), digest, size), raw })
    }

    /// Reads a body whole, and again where it breaks off.
    fn read(&self, at: At<'_>, call: &Call<'_>, limit: u64) -> Result<Whole, RegistryError> {
        let mut retry = 0;
        loop {
            let answer = self.host.expect(at, call, &[200])?;
            let too_large =
                || self.host.refused(format!("sends {} of more than the {limit} bytes allowed", call.what));
            if answer.length().is_some_and(|length| length > limit) {
                return Err(too_large());
            }
            let (headers, from) = (answer.headers.clone(), answer.from.clone());
            match self.host.stoppable(|| answer.read(limit)) {
                Ok(raw) if raw.len() as u64 > limit => return Err(too_large()),
                Ok(raw) => return Ok(Whole { headers, from, raw }),
                Err(source) if retry >= self.host.retries() => {
                    return Err(RegistryError::Unreachable {
                        doing: format!("read {}", call.what),
                        source: source.into(),
                    });
                }
                Err(_) => {
                    self.host.pause(retry)?;
                    retry = retry.saturating_add(1);
                }
            }
        }
    }

    /// Every tag, in the registry's order. A `Link` to a further page is followed where it stays with the registry.
    ///
    /// # Errors
    /// There is no such repository, or it may not be read; an answer is no list of tags.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let what = format!("tags of {}", self.name.path());
        let call = Call::new(Method::GET, &self.pull, what.clone());
        let path = self.path("tags/list?n=1000");
        let (mut tags, mut next): (Vec<String>, Option<Uri>) = (Vec::new(), None);
        // A `Link` may lead in circles.
        let mut left = TAGS_LIMIT;
        let mut been = HashSet::new();
        for _ in 0..TAG_PAGES {
            let at = next.as_ref().map_or(At::Path(&path), At::Url);
            let Whole { headers, from, raw } = self.read(at, &call, TAG_PAGE_LIMIT.min(left))?;
            left = left.saturating_sub(raw.len() as u64);
            let link = header(&headers, "link").and_then(next_page);
            let page: Page = serde_json::from_slice(&raw)
                .map_err(|_| self.host.refused(format!("sends something else as {what}")))?;
            let before = tags.len();
            tags.extend(page.tags.unwrap_or_default());
            match link {
                Some(link) if tags.len() > before => {
                    let page = self.host.next_here(&from, link)?;
                    if !been.insert(page.clone()) {
                        break;
                    }
                    next = Some(page);
                }
                _ => return Ok(tags),
            }
        }
        Err(self.host.refused(format!("does not come to an end with {what}")))
    }

    /// Gives a manifest or an index its place, by tag or by digest.
    ///
    /// # Errors
    /// The registry does not take it: it lacks a blob, or who asks may not write.
    pub fn put_manifest(&self, wanted: &Wanted, kind: &MediaType, raw: &[u8]) -> Result<(), RegistryError> {
        let what = self.manifest_called(wanted);
        let call = Call::new(Method::PUT, &self.push_scope(&[]), what.clone())
            .header("content-type", kind.as_str())
            .payload(Payload::Bytes(raw));
        let answer = self.host.expect(At::Path(&self.manifest_path(wanted)), &call, &[200, 201, 202])?;
        let said = said_digest(&answer.headers);
        answer.drain();
        self.host.agree(&what, said, Digest::of(raw))
    }

    pub(crate) fn push_scope(&self, from: &[Name]) -> Scope {
        let from = from.iter().map(|name| name.path().to_owned()).collect();
        Scope { push: true, from, ..self.pull.clone() }
    }
}

/// Whether the registry lets us in.
pub(crate) fn check_login(host: &Host<'_>) -> Result<(), RegistryError> {
    let call = Call {
        method: Method::GET,
        headers: Vec::new(),
        payload: Payload::None,
        scope: None,
        what: "login".to_owned(),
        retried: true,
    };
    host.expect(At::Path("/v2/"), &call, &[200]).map(Answer::drain)
}

/// The kinds of documents we know. Older ones are not asked for: they cannot be told apart by their digest.
fn accepting(mut call: Call<'_>) -> Call<'_> {
    let kinds = [MediaType::INDEX, MediaType::DOCKER_LIST, MediaType::MANIFEST, MediaType::DOCKER_MANIFEST];
    call.headers.push(("accept", kinds.join(", ")));
    call
}

/// An answer, read whole.
struct Whole {
    headers: HeaderMap,
    /// Who answered, after all redirects.
    from: Uri,
    raw: Vec<u8>,
}

fn media_type(headers: &HeaderMap) -> MediaType {
    let kind = header(headers, "content-type").unwrap_or_default();
    MediaType::new(&shown(kind.split(';').next().unwrap_or_default()))
}

/// The target of a `Link` with the relation `next` (RFC 8288).
fn next_page(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let parameter = parameter.trim().to_ascii_lowercase();
        parameter == "rel=next" || parameter == "rel=\"next\""
    });
    is_next.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn links() {
        let check = |link: &str, expect: Option<&str>| assert_eq!(next_page(link), expect, "{link}");
        check(r#"</v2/app/tags/list?n=2&last=b>; rel="next""#, Some("/v2/app/tags/list?n=2&last=b"));
        check("<x>;rel=next", Some("x"));
        check("<x>; rel=\"prev\"", None);
        check("x; rel=next", None);
        check("", None);
    }
}
