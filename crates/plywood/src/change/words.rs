//! Words of a Dockerfile line: where they end, and what quotes, escapes and variables in them mean. As BuildKit's shell
//! lexer has it, which is less than a shell has.

/// An environment: names and values; of two with one name the last holds.
pub(super) type Environment = [(String, String)];

/// Takes a line apart at its spaces. Quotes and escapes hold words together, and stay in them.
pub(super) fn split(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                // An escape at the end of the line escapes nothing.
                if let Some(next) = chars.next() {
                    word.push(c);
                    word.push(next);
                }
                continue;
            }
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A word without its quotes and escapes, variables replaced.
///
/// # Errors
/// A quote or brace is not closed; a variable that must be set is not.
pub(super) fn expand(word: &str, environment: &Environment) -> Result<String, String> {
    process(word, environment).map(|expanded| expanded.text)
}

/// As [`expand`], taken apart at the spaces that are neither quoted nor escaped: what a variable holds can be words.
///
/// # Errors
/// As [`expand`].
pub(super) fn expand_words(word: &str, environment: &Environment) -> Result<Vec<String>, String> {
    process(word, environment).map(|expanded| {
        let mut words = expanded.words;
        words.extend(Some(expanded.word).filter(|word| !word.is_empty()));
        words
    })
}

fn process(word: &str, environment: &Environment) -> Result<Expanded, String> {
    let mut lexer = Lexer { chars: word.chars().peekable(), environment };
    lexer.until(None).map_err(|why| format!("failed to process {word:?}: {why}"))
}

/// What came out so far: the text, and the same as words.
#[derive(Default)]
struct Expanded {
    text: String,
    words: Vec<String>,
    word: String,
}

impl Expanded {
    /// Text whose spaces part words.
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        for c in text.chars() {
            if !c.is_whitespace() {
                self.word.push(c);
            } else if !self.word.is_empty() {
                self.words.push(std::mem::take(&mut self.word));
            }
        }
    }

    fn add_quoted(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.push_str(text);
    }
}

struct Lexer<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    environment: &'a Environment,
}

impl Lexer<'_> {
    /// Up to a character that ends it, or to the end.
    fn until(&mut self, end: Option<char>) -> Result<Expanded, String> {
        let mut done = Expanded::default();
        let mut buffer = [0; 4];
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == end => return Ok(done),
                '\'' => done.add_quoted(&self.single_quoted()?),
                '"' => done.add_quoted(&self.double_quoted()?),
                '$' => done.add(&self.variable()?),
                '\\' => {
                    if let Some(c) = self.chars.next() {
                        done.add_quoted(c.encode_utf8(&mut buffer));
                    }
                }
                c => done.add(c.encode_utf8(&mut buffer)),
            }
        }
        match end {
            Some('}') => Err("syntax error: missing '}'".to_owned()),
            _ => Ok(done),
        }
    }

    fn single_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        for c in self.chars.by_ref() {
            if c == '\'' {
                return Ok(text);
            }
            text.push(c);
        }
        Err("unexpected end of statement while looking for matching single-quote".to_owned())
    }

    fn double_quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '"' => return Ok(text),
                '$' => text.push_str(&self.variable()?),
                '\\' => match self.chars.next_if(|next| matches!(next, '"' | '$' | '\\')) {
                    Some(escaped) => text.push(escaped),
                    None if self.chars.peek().is_some() => text.push('\\'),
                    None => {}
                },
                c => text.push(c),
            }
        }
        Err("unexpected end of statement while looking for matching double-quote".to_owned())
    }

    /// After a `$`.
    fn variable(&mut self) -> Result<String, String> {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value(&name).unwrap_or_default() });
        }
        match self.chars.peek() {
            None => return Err("syntax error: missing '}'".to_owned()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        let value = self.value(&name);
        let (empty_counts, modifier) = match self.chars.next() {
            Some('}') => return Ok(value.unwrap_or_default()),
            Some(':') => (false, self.chars.next()),
            other => (true, other),
        };
        let colon = if empty_counts { "" } else { ":" };
        let modifier = modifier.ok_or("syntax error: missing '}'")?;
        if !matches!(modifier, '-' | '+' | '?') {
            return Err(format!("unsupported modifier ({colon}{modifier}) in substitution"));
        }
        let word = self.until(Some('}'))?.text;
        let is_set = value.is_some();
        match (modifier, value.filter(|value| empty_counts || !value.is_empty())) {
            ('+', Some(_)) | ('-', None) => Ok(word),
            ('+', None) => Ok(String::new()),
            (_, Some(value)) => Ok(value),
            (_, None) if !word.is_empty() => Err(format!("{name}: {word}")),
            (_, None) => {
                Err(format!("{name}: is not allowed to be {}", if is_set { "empty" } else { "unset" }))
            }
        }
    }

    /// A name; only digits after a first digit; or one of the characters that a shell gives a meaning.
    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(special) = self.chars.next_if(|c| "@*#?-$!".contains(*c)) {
            name.push(special);
            return name;
        }
        let numbered = self.chars.peek().is_some_and(|c| c.is_numeric());
        let belongs = |c: &char| if numbered { c.is_numeric() } else { c.is_alphanumeric() || *c == '_' };
        while let Some(c) = self.chars.next_if(belongs) {
            name.push(c);
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        let found = self.environment.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }
}
