//! The words of the grammar, as `reference.go` and `regexp.go` of the distribution project define them.

/// Bytes of a repository name without its host (`RepositoryNameTotalLengthMax`).
pub(crate) const PATH_MAX: usize = 255;
/// Characters of a tag.
pub(crate) const TAG_MAX: usize = 128;
/// Hex digits of an image ID.
pub(crate) const ID_DIGITS: usize = 64;

/// `path-component`: words of `[a-z0-9]` with one of `.`, `_`, `__` or any number of dashes between two.
pub(crate) fn is_path_component(text: &str) -> bool {
    let mut rest = text;
    loop {
        let (word, after) = take(rest, |c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if word.is_empty() {
            return false;
        }
        if after.is_empty() {
            return true;
        }
        let (separator, next) = take(after, |c| matches!(c, '.' | '_' | '-'));
        let dashes = separator.starts_with('-') && separator.bytes().all(|byte| byte == b'-');
        if !dashes && !matches!(separator, "." | "_" | "__") {
            return false;
        }
        rest = next;
    }
}

/// `domain`: a host name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
///
/// As in the distribution project, shapes and not values: a port of six digits passes.
pub(crate) fn is_domain(text: &str) -> bool {
    if let Some(after) = text.strip_prefix('[') {
        let Some((address, port)) = after.split_once(']') else { return false };
        let inside = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        return inside && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    match text.split_once(':') {
        Some((host, port)) => is_host_name(host) && is_port(port),
        None => is_host_name(text),
    }
}

fn is_host_name(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `tag`: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
pub(crate) fn is_tag(text: &str) -> bool {
    text.len() <= TAG_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `identifier`: exactly 64 lower-case hex digits.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(is_hex_digit)
}

/// A lower-case hex digit.
pub(crate) fn is_hex_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether the part before the first slash is meant as a host, by the look of it.
///
/// `localhost`, or anything no namespace of Docker Hub can be: with a dot, a colon or an upper-case letter.
pub(crate) fn looks_like_domain(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.contains(char::is_uppercase)
}

/// The longest beginning of which every character is kept, and what follows it.
fn take(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
