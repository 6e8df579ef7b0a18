//! `WWW-Authenticate`: how a registry wants to be told who asks (RFC 9110, section 11.6.1; the distribution project's token
//! authentication).

/// What a 401 asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token that the realm gives out.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The best of the challenges in these headers: a token before a password.
    pub(crate) fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut best = None;
        for challenge in headers.flat_map(parse) {
            match challenge {
                Self::Bearer { .. } => return Some(challenge),
                Self::Basic => best = Some(challenge),
            }
        }
        best
    }
}

/// Challenges are divided by commas, and so are the parameters of one: a word without `=` begins the next.
fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(value) => {
                let (value, after) = read_value(value.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_ascii_lowercase(), value));
                }
                rest = after;
            }
            None => {
                found.push((word.to_ascii_lowercase(), Vec::new()));
                rest = after;
            }
        }
    }
    found.into_iter().filter_map(|(scheme, parameters)| understand(&scheme, &parameters)).collect()
}

fn understand(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let parameter = |name: &str| {
        parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: parameter("realm")?,
            service: parameter("service"),
            scope: parameter("scope"),
        }),
        _ => None,
    }
}

/// A token or a quoted string, and what follows it.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at.saturating_add(1)..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.to_owned(), service: own(service), scope: own(scope) })
    }

    #[test]
    fn challenges() {
        let check = |headers: &[&str], expect: Option<Challenge>| {
            assert_eq!(Challenge::read(headers.iter().copied()), expect, "{headers:?}");
        };
        check(&[r#"Basic realm="Registry Realm""#], Some(Challenge::Basic));
        check(&["basic"], Some(Challenge::Basic));
        // The example of the distribution project's specification.
        check(
            &[
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:samalba/my-app:pull,push""#,
            ],
            bearer(
                "https://auth.example/token",
                Some("registry.example"),
                Some("repository:samalba/my-app:pull,push"),
            ),
        );
        check(&[r#"Bearer realm="https://a/t" , service = x"#], bearer("https://a/t", Some("x"), None));
        check(&[r#"Basic realm="a, b", Bearer realm="https://a/t""#], bearer("https://a/t", None, None));
        check(&["Basic", r#"Bearer realm="https://a/\"t""#], bearer("https://a/\"t", None, None));
        check(
            &[r#"Bearer realm="https://a/t",error="insufficient_scope""#],
            bearer("https://a/t", None, None),
        );
        check(&["Bearer service=x"], None);
        check(&["Negotiate"], None);
        check(&[r#"Bearer realm="unfinished"#], bearer("unfinished", None, None));
        check(&[",,, ="], None);
        check(&[""], None);
    }
}
