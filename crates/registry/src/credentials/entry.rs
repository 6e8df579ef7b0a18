use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};

use super::{Credential, TOKEN_USER};
use crate::RegistryError;

/// Written with padding, as Docker does; read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The credential of one entry, `None` where it holds none. The error says what the entry is or has, and repeats
/// nothing of it.
pub(super) fn read(entry: &Value) -> Result<Option<Credential>, &'static str> {
    let members = match entry {
        Value::Null => return Ok(None),
        Value::Object(members) => members,
        _ => return Err("is not an object"),
    };
    if let Some(token) = text(members, "identitytoken")? {
        return Ok(Some(Credential::IdentityToken(token.to_owned())));
    }
    if let Some(auth) = text(members, "auth")? {
        return decode(auth).map(Some);
    }
    let (user, password) = (text(members, "username")?, text(members, "password")?);
    Ok(user.zip(password).map(|(user, password)| password_of(user, password)))
}

/// Docker takes these names in any case.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
        None | Some((_, Value::Null)) => Ok(None),
        Some((_, Value::String(text))) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err("holds something else where text should be"),
    }
}

fn decode(auth: &str) -> Result<Credential, &'static str> {
    let decoded = BASE64.decode(auth.trim()).map_err(|_| "has an `auth` that is not base64")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "has an `auth` that is not text")?;
    let (user, password) = decoded.split_once(':').ok_or("has an `auth` without a colon after the user")?;
    if user.is_empty() {
        return Err("has an `auth` that names no user");
    }
    // Docker filled short ones up once.
    Ok(password_of(user, password.trim_matches('\0')))
}

fn password_of(user: &str, password: &str) -> Credential {
    Credential::Password { user: user.to_owned(), password: password.to_owned() }
}

/// The entry of a credential.
///
/// # Errors
/// No `auth` can hold the user's name.
pub(super) fn write(credential: &Credential) -> Result<Value, RegistryError> {
    match credential {
        Credential::Password { user, password } if !user.is_empty() && !user.contains(':') => {
            Ok(json!({ "auth": BASE64.encode(format!("{user}:{password}")) }))
        }
        Credential::Password { user, .. } => {
            let why = format!("the user {user:?} cannot be kept in a file: it is empty or has a colon");
            Err(RegistryError::Settings(why))
        }
        // podman takes no token from an entry without `auth`, and Docker no `auth` without a user.
        Credential::IdentityToken(token) => {
            let auth = BASE64.encode(format!("{TOKEN_USER}:"));
            Ok(json!({ "auth": auth, "identitytoken": token }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> Value {
        json!({ "auth": BASE64.encode(text) })
    }

    #[test]
    fn entries_are_read() {
        let token = || Some(Credential::IdentityToken("t0k".to_owned()));
        let rows = [
            (json!({}), None),
            (json!(null), None),
            (json!({ "auth": "" }), None),
            (json!({ "email": "a@b" }), None),
            (json!({ "username": "ann" }), None),
            (json!({ "auth": "YW5uOnNlY3JldA==" }), Some(password_of("ann", "secret"))),
            (json!({ "auth": "YW5uOnNlY3JldA" }), Some(password_of("ann", "secret"))),
            (json!({ "Auth": " YW5uOnNlY3JldA==\n" }), Some(password_of("ann", "secret"))),
            (encoded("ann:a:b"), Some(password_of("ann", "a:b"))),
            (encoded("ann:"), Some(password_of("ann", ""))),
            (encoded("ann:secret\0\0\0"), Some(password_of("ann", "secret"))),
            (encoded("ann:pässwörd"), Some(password_of("ann", "pässwörd"))),
            (json!({ "username": "ann", "password": "secret" }), Some(password_of("ann", "secret"))),
            (
                json!({ "username": "bob", "password": "other", "auth": "YW5uOnNlY3JldA==" }),
                Some(password_of("ann", "secret")),
            ),
            (json!({ "identitytoken": "t0k" }), token()),
            (json!({ "auth": BASE64.encode("ann:"), "identitytoken": "t0k" }), token()),
            (json!({ "identityToken": "t0k" }), token()),
        ];
        for (entry, expect) in rows {
            assert_eq!(read(&entry), Ok(expect), "{entry}");
        }
    }

    #[test]
    fn entries_are_refused() {
        let rows = [
            (encoded("no colon"), "has an `auth` without a colon after the user"),
            (encoded(":secret"), "has an `auth` that names no user"),
            (json!({ "auth": "!secret!" }), "has an `auth` that is not base64"),
            (json!({ "auth": BASE64.encode(b"ann:\xff") }), "has an `auth` that is not text"),
            (json!({ "auth": 7 }), "holds something else where text should be"),
            (json!("secret"), "is not an object"),
        ];
        for (entry, expect) in rows {
            assert_eq!(read(&entry), Err(expect), "{entry}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for credential in [
            password_of("ann", "secret"),
            password_of("ann", "a:b:ü"),
            password_of("ann", ""),
            Credential::IdentityToken("t0k".to_owned()),
        ] {
            assert_eq!(read(&write(&credential).unwrap()), Ok(Some(credential)));
        }
        assert_eq!(
            write(&password_of("ann", "secret")).unwrap().to_string(),
            r#"{"auth":"YW5uOnNlY3JldA=="}"#
        );
        for user in ["", "a:b"] {
            let error = write(&password_of(user, "hidden")).unwrap_err().to_string();
            assert!(error.contains("cannot be kept") && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn debug_hides_secrets() {
        let shown = format!(
            "{:?} {:?}",
            password_of("ann", "secret"),
            Credential::IdentityToken("secret".to_owned())
        );
        assert_eq!(shown, r#"Password { user: "ann", .. } IdentityToken(..)"#);
    }
}
