//! The functions templates call: Docker's own (docker/cli, `templates/templates.go`), and those of Go's builtins
//! that see values the engine does not know.
//!
//! Each comes twice: `RAW` is for a document whose types nobody knows, where an object is a map.

use gtmpl_ng::{Func, FuncError, Value, funcs, limits};

use super::{json, shape::TEXT, text};

type Outcome = Result<Value, FuncError>;

/// What a template may call beside the engine's builtins, and instead of some of them.
pub(super) fn all<const RAW: bool>() -> [(&'static str, Func); 19] {
    [
        ("_show", show::<RAW>),
        ("_each", each::<RAW>),
        ("json", to_json::<RAW>),
        ("split", split),
        ("join", join::<RAW>),
        ("title", title),
        ("lower", lower),
        ("upper", upper),
        ("pad", pad),
        ("truncate", truncate),
        ("print", print::<RAW>),
        ("println", println::<RAW>),
        ("printf", printf::<RAW>),
        ("html", html::<RAW>),
        ("js", js::<RAW>),
        ("urlquery", urlquery::<RAW>),
        ("len", len::<RAW>),
        ("index", index::<RAW>),
        ("slice", slice),
    ]
}

/// In the header of a table the functions that change a cell leave it alone (`templates.HeaderFunctions`).
pub(super) fn of_headers() -> [(&'static str, Func); 7] {
    ["json", "split", "join", "title", "lower", "upper", "truncate"].map(|name| (name, first as Func))
}

fn first(args: &[Value]) -> Outcome {
    let cell = args.first().ok_or_else(|| problem("wrong number of args: want 1 got 0"))?;
    Ok(Value::from(string("a function of a heading", cell)?))
}

fn show<const RAW: bool>(args: &[Value]) -> Outcome {
    let [value] = exactly("print", args)?;
    Ok(Value::String(text::text::<RAW>(value)))
}

fn each<const RAW: bool>(args: &[Value]) -> Outcome {
    let [value] = exactly("range", args)?;
    match value {
        Value::Object(_) if !RAW => {
            Err(problem(format!("range can't iterate over {}", text::text::<RAW>(value))))
        }
        _ => Ok(value.clone()),
    }
}

fn to_json<const RAW: bool>(args: &[Value]) -> Outcome {
    let [value] = exactly("json", args)?;
    Ok(Value::String(json::json::<RAW>(value)))
}

fn split(args: &[Value]) -> Outcome {
    let [text, separator] = exactly("split", args)?;
    let (text, separator) = (string("split", text)?, string("split", separator)?);
    // Without a separator Go splits into characters, and Rust adds empty ends.
    let parts: Vec<Value> = match separator {
        "" => text.chars().map(|character| Value::String(character.to_string())).collect(),
        _ => text.split(separator).map(Value::from).collect(),
    };
    Ok(Value::Array(parts))
}

fn join<const RAW: bool>(args: &[Value]) -> Outcome {
    let [list, separator] = exactly("join", args)?;
    let separator = string("join", separator)?;
    match list {
        Value::Nil if !RAW => Ok(Value::from("")),
        Value::Array(items) => {
            let items = items.iter().map(|item| string("join", item)).collect::<Result<Vec<_>, _>>()?;
            Ok(Value::String(items.join(separator)))
        }
        other => Err(wrong_type("join", "[]string", other)),
    }
}

/// Go's `strings.Title`: the first letter of each word, where a word begins after anything but a letter, a
/// digit or an underscore (beyond ASCII: after a space).
fn title(args: &[Value]) -> Outcome {
    let [value] = exactly("title", args)?;
    let begins_word = |previous: char| match previous.is_ascii() {
        true => !previous.is_ascii_alphanumeric() && previous != '_',
        false => previous.is_whitespace(),
    };
    let mut previous = ' ';
    let titled = string("title", value)?.chars().map(|character| {
        let titled = if begins_word(previous) { simple_upper(character) } else { character };
        previous = character;
        titled
    });
    Ok(Value::String(titled.collect()))
}

fn lower(args: &[Value]) -> Outcome {
    let [value] = exactly("lower", args)?;
    Ok(Value::String(string("lower", value)?.chars().map(|c| single(c.to_lowercase(), c)).collect()))
}

fn upper(args: &[Value]) -> Outcome {
    let [value] = exactly("upper", args)?;
    Ok(Value::String(string("upper", value)?.chars().map(simple_upper).collect()))
}

fn simple_upper(character: char) -> char {
    single(character.to_uppercase(), character)
}

/// Go maps one character to one; what Rust maps to several (`ß`) stays.
fn single(mut mapped: impl ExactSizeIterator<Item = char>, character: char) -> char {
    match mapped.len() {
        1 => mapped.next().unwrap_or(character),
        _ => character,
    }
}

/// Spaces before and after, but for an empty text.
fn pad(args: &[Value]) -> Outcome {
    let [text, before, after] = exactly("pad", args)?;
    let (text, before, after) = (string("pad", text)?, count("pad", before)?, count("pad", after)?);
    let length = text.len().saturating_add(before).saturating_add(after);
    if text.is_empty() {
        return Ok(Value::from(""));
    }
    match limits::active().function_output.filter(|limit| length > *limit) {
        Some(limit) => {
            Err(problem(format!("error calling pad: {length} is more than the {limit} characters allowed")))
        }
        None => Ok(Value::String(format!("{}{text}{}", " ".repeat(before), " ".repeat(after)))),
    }
}

/// The first bytes of a text; a character that would be cut in two is left out, where Docker cuts it.
fn truncate(args: &[Value]) -> Outcome {
    let [text, length] = exactly("truncate", args)?;
    let (text, length) = (string("truncate", text)?, count("truncate", length)?);
    Ok(Value::from(text.get(..text.floor_char_boundary(length)).unwrap_or(text)))
}

fn print<const RAW: bool>(args: &[Value]) -> Outcome {
    Ok(Value::String(text::sprint::<RAW>(args)))
}

fn println<const RAW: bool>(args: &[Value]) -> Outcome {
    Ok(Value::String(text::sprintln::<RAW>(args)))
}

/// Digits after the point that can be asked for: the engine panics on more than `u16::MAX`.
const MOST_DIGITS: usize = 10_000;

/// Whether a format asks for more digits than that, itself or by an argument.
fn is_too_precise(args: &[Value]) -> bool {
    let Some((Value::String(format), rest)) = args.split_first() else { return false };
    let is_long = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let digits = part.get(..end).unwrap_or_default().trim_start_matches('0');
        !digits.is_empty() && digits.parse::<usize>().map_or(true, |digits| digits > MOST_DIGITS)
    };
    let by_argument = |value: &Value| match value {
        Value::Number(_) => is_long(&text::sprint::<true>(std::slice::from_ref(value))),
        _ => false,
    };
    format.split('.').skip(1).any(is_long) || (format.contains(".*") && rest.iter().any(by_argument))
}

/// The engine's, with what it would print in another way than Go printed before.
fn printf<const RAW: bool>(args: &[Value]) -> Outcome {
    let printable = |value: &Value| match text::is_foreign(value) {
        true => Value::String(text::operand::<RAW>(value)),
        false => value.clone(),
    };
    if is_too_precise(args) {
        return Err(problem(format!("error calling printf: more than {MOST_DIGITS} digits after the point")));
    }
    funcs::printf(&args.iter().map(printable).collect::<Vec<_>>())
}

fn html<const RAW: bool>(args: &[Value]) -> Outcome {
    funcs::html(&[Value::String(text::sprint::<RAW>(args))])
}

fn js<const RAW: bool>(args: &[Value]) -> Outcome {
    funcs::js(&[Value::String(text::sprint::<RAW>(args))])
}

fn urlquery<const RAW: bool>(args: &[Value]) -> Outcome {
    funcs::urlquery(&[Value::String(text::sprint::<RAW>(args))])
}

fn len<const RAW: bool>(args: &[Value]) -> Outcome {
    let [value] = exactly("len", args)?;
    match value {
        Value::Nil if !RAW => Ok(Value::from(0u64)),
        Value::NoValue | Value::Nil => Err(problem("error calling len: len of nil pointer")),
        Value::Object(_) if !RAW => Err(problem("error calling len: len of type struct")),
        Value::Number(_) => Err(problem("error calling len: len of type int")),
        Value::Bool(_) => Err(problem("error calling len: len of type bool")),
        Value::String(_) | Value::Array(_) | Value::Map(_) | Value::Object(_) | Value::Function(_) => {
            funcs::len(args)
        }
    }
}

/// Go's `index`. A key a map lacks gives the zero value of what it holds, a position a list lacks an error.
fn index<const RAW: bool>(args: &[Value]) -> Outcome {
    let (collection, keys) =
        args.split_first().ok_or_else(|| problem("wrong number of args for index: want at least 1 got 0"))?;
    let mut found = collection.clone();
    for key in keys {
        found = match (&found, key) {
            (Value::Object(_), _) if !RAW => {
                return Err(problem("error calling index: can't index item of type struct"));
            }
            (Value::Object(entries) | Value::Map(entries), Value::String(key)) => match entries.get(key) {
                Some(value) => value.clone(),
                None if RAW => Value::NoValue,
                None => zero_like(entries.values().next()),
            },
            (Value::Object(_) | Value::Map(_), _) => {
                return Err(problem("error calling index: a map's key is a string"));
            }
            (Value::NoValue, _) => return Err(problem("error calling index: index of untyped nil")),
            (Value::Nil, _) if RAW => return Err(problem("error calling index: index of untyped nil")),
            (Value::Nil, _) => {
                return Err(problem(format!("error calling index: index out of range: {key}")));
            }
            (Value::Array(items), Value::Number(number)) => {
                let position = number.as_u64().and_then(|number| usize::try_from(number).ok());
                let item = position.and_then(|position| items.get(position));
                item.cloned()
                    .ok_or_else(|| problem(format!("error calling index: index out of range: {key}")))?
            }
            (Value::String(_), Value::Number(_)) => {
                funcs::index(&[found, key.clone()]).map_err(|e| called("index", &e))?
            }
            (Value::Array(_) | Value::String(_), _) => {
                return Err(problem("error calling index: cannot index slice/array with type string"));
            }
            _ => {
                return Err(problem(format!(
                    "error calling index: can't index {}",
                    text::operand::<RAW>(&found)
                )));
            }
        };
    }
    Ok(found)
}

/// The zero value of a map's values. Maps of images hold strings (labels) or empty structs (ports, volumes).
fn zero_like(value: Option<&Value>) -> Value {
    match value {
        Some(Value::Object(fields)) if fields.get(TEXT) == Some(&Value::from("{}")) => {
            Value::Object(fields.clone())
        }
        _ => Value::from(""),
    }
}

fn slice(args: &[Value]) -> Outcome {
    match args.split_first() {
        Some((Value::Nil, bounds)) => {
            let list = [Value::Array(Vec::new())];
            funcs::slice(&[list.as_slice(), bounds].concat())
        }
        _ => funcs::slice(args),
    }
    .map_err(|error| called("slice", &error))
}

fn exactly<'a, const N: usize>(function: &str, args: &'a [Value]) -> Result<&'a [Value; N], FuncError> {
    let message = || problem(format!("wrong number of args for {function}: want {N} got {}", args.len()));
    args.try_into().map_err(|_| message())
}

fn string<'a>(function: &str, value: &'a Value) -> Result<&'a str, FuncError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(function, "string", other)),
    }
}

/// A number of characters. Go's functions panic on a negative one, which Docker reports as an error.
fn count(function: &str, value: &Value) -> Result<usize, FuncError> {
    match value {
        Value::Number(number) => match number.as_u64().and_then(|number| usize::try_from(number).ok()) {
            Some(count) => Ok(count),
            None => Err(problem(format!("error calling {function}: {number} is out of range"))),
        },
        other => Err(wrong_type(function, "int", other)),
    }
}

fn wrong_type(function: &str, expected: &str, value: &Value) -> FuncError {
    let kind = match value {
        Value::NoValue => {
            return problem(format!("error calling {function}: invalid value; expected {expected}"));
        }
        Value::Nil | Value::Array(_) => "a list",
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        Value::Object(_) => "an object",
        Value::Map(_) => "a map",
        Value::Function(_) => "a function",
        Value::Number(_) => "a number",
    };
    problem(format!("error calling {function}: wrong type for value; expected {expected}; got {kind}"))
}

/// An error of the engine's function, in the words of Go's.
fn called(function: &str, error: &FuncError) -> FuncError {
    problem(format!("error calling {function}: {error}"))
}

fn problem(message: impl Into<String>) -> FuncError {
    FuncError::Generic(message.into())
}
