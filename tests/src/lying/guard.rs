//! Who is let in: by a password, or by a token that a password, or nothing, gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::answer::Answer;
use super::route::Route;
use super::{Liar, Request};

/// What a registry wants to see.
#[derive(Debug, Default)]
pub(super) struct Guard {
    login: Option<Login>,
    bearer: Option<Bearer>,
}

#[derive(Debug)]
struct Login {
    user: String,
    password: String,
}

#[derive(Debug)]
struct Bearer {
    realm: String,
    service: String,
    issuer: Arc<Mutex<Issuer>>,
}

/// Where tokens come from.
#[derive(Debug, Default)]
pub(super) struct Issuer {
    tokens: HashMap<String, Token>,
    issued: usize,
    uses: Option<usize>,
    refresh: Option<String>,
}

#[derive(Debug)]
struct Token {
    scopes: Vec<String>,
    /// How many more times it is good; always where it is not said.
    uses: Option<usize>,
}

impl Liar {
    /// Lets in who has a token for the repository, issued by `/token` of another server or of this one.
    pub fn require_bearer(&self, issuer: Option<&Self>, service: &str) {
        let issuer = issuer.unwrap_or(self);
        let bearer = Bearer {
            realm: format!("http://{}/token", issuer.shared.host),
            service: service.to_owned(),
            issuer: Arc::clone(&issuer.state().issuer),
        };
        self.state().guard.bearer = Some(bearer);
    }

    /// Wants this user and password: for a token, and where tokens are not required, for everything.
    pub fn require_basic(&self, user: &str, password: &str) {
        let login = Login { user: user.to_owned(), password: password.to_owned() };
        self.state().guard.login = Some(login);
    }

    /// Issues tokens that are good for so many requests.
    pub fn tokens_last(&self, uses: usize) {
        self.state().issuer.lock().unwrap().uses = Some(uses);
    }

    /// No token that was issued before is good from now on.
    pub fn forget_tokens(&self) {
        self.state().issuer.lock().unwrap().tokens.clear();
    }

    /// The only refresh token that gets a token. Any does where it is not said.
    pub fn refresh_token(&self, text: &str) {
        self.state().issuer.lock().unwrap().refresh = Some(text.to_owned());
    }
}

impl Guard {
    /// What who is not let in is told.
    pub(super) fn refuses(&self, request: &Request, route: &Route) -> Option<Answer> {
        match (&self.bearer, route) {
            // It looks at forms itself.
            (_, Route::Token) if request.method == "POST" => None,
            (Some(bearer), Route::Base) => bearer.refuses(request, None),
            (Some(bearer), route) if route.repository().is_some() => {
                bearer.refuses(request, route.repository())
            }
            _ => {
                let login = self.login.as_ref()?;
                let let_in = request.header("Authorization") == Some(&*login.header());
                (!let_in).then(|| challenge("Basic realm=\"tests\""))
            }
        }
    }
}

impl Bearer {
    fn refuses(&self, request: &Request, repository: Option<&str>) -> Option<Answer> {
        let reads = matches!(&*request.method, "GET" | "HEAD");
        let action = if reads { "pull" } else { "push" };
        let given = request.header("Authorization").and_then(|value| value.strip_prefix("Bearer "));
        if given.is_some_and(|token| self.issuer.lock().unwrap().takes(token, repository, action)) {
            return None;
        }
        let mut words = format!("Bearer realm=\"{}\",service=\"{}\"", self.realm, self.service);
        if let Some(repository) = repository {
            let actions = if reads { "pull" } else { "pull,push" };
            words += &format!(",scope=\"repository:{repository}:{actions}\"");
        }
        if given.is_some() {
            words += ",error=\"invalid_token\"";
        }
        Some(challenge(&words))
    }
}

fn challenge(words: &str) -> Answer {
    Answer::error(401, "UNAUTHORIZED").with("WWW-Authenticate", words)
}

impl Issuer {
    /// Whether a token is good for this, which uses it once.
    fn takes(&mut self, token: &str, repository: Option<&str>, action: &str) -> bool {
        let Some(token) = self.tokens.get_mut(token) else { return false };
        let allows = |scope: &String| {
            let Some((place, actions)) = scope.rsplit_once(':') else { return false };
            place.strip_prefix("repository:") == repository && actions.split(',').any(|one| one == action)
        };
        if token.uses == Some(0) || (repository.is_some() && !token.scopes.iter().any(allows)) {
            return false;
        }
        token.uses = token.uses.map(|uses| uses - 1);
        true
    }

    /// Issues a token for what is asked for: to a `GET`, whose login has been looked at, or to a form.
    pub(super) fn issue(&mut self, request: &Request, guard: &Guard) -> Answer {
        let form = request.method == "POST";
        if form && !self.accepts(request, guard) {
            return Answer::json(401, &json!({"error": "invalid_grant"}));
        }
        let scopes =
            if form { request.form("scope").into_iter().collect() } else { request.queries("scope") };
        let scopes = scopes.iter().flat_map(|scope| scope.split(' ')).map(str::to_owned).collect();
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        self.tokens.insert(token.clone(), Token { scopes, uses: self.uses });
        // Each of the two ways has a name of its own for it.
        let mut told = json!({(if form { "access_token" } else { "token" }): token, "expires_in": 300});
        if form || request.query("offline_token").as_deref() == Some("true") {
            told["refresh_token"] = json!(self.refresh.as_deref().unwrap_or("refresh"));
        }
        Answer::json(200, &told)
    }

    fn accepts(&self, request: &Request, guard: &Guard) -> bool {
        match request.form("grant_type").as_deref() {
            Some("refresh_token") => match (&self.refresh, request.form("refresh_token")) {
                (Some(right), Some(given)) => *right == given,
                (None, Some(_)) => true,
                (_, None) => false,
            },
            Some("password") => guard.login.as_ref().is_none_or(|login| {
                request.form("username").as_ref() == Some(&login.user)
                    && request.form("password").as_ref() == Some(&login.password)
            }),
            _ => false,
        }
    }
}

impl Login {
    fn header(&self) -> String {
        format!("Basic {}", base64(format!("{}:{}", self.user, self.password).as_bytes()))
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| bits << 8 | usize::from(*three.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * at) & 63];
            text.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
