//! How servers read the path of a request target, in sixteen ways. The characters U+0000 to U+00FF stand for bytes.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// One way to read a target: the path that the server looks for.
pub type Reader = fn(&str) -> String;

/// All of them, with their names.
pub const READERS: &[(&str, Reader)] = &[
    ("raw", |target| path_of(target).into()),
    ("decoded", |target| decode(path_of(target)).into()),
    ("without dots", |target| remove_dots(path_of(target))),
    ("decoded without dots", |target| remove_dots(&decode(path_of(target)))),
    ("collapsed", |target| collapse(path_of(target))),
    ("decoded and collapsed", |target| remove_dots(&collapse(&decode(path_of(target))))),
    ("without parameters", |target| {
        let segments: Vec<_> = path_of(target).split('/').map(|text| text.split(';').next().unwrap_or("")).collect();
        remove_dots(&collapse(&decode(&segments.join("/"))))
    }),
    ("browser", browser),
    ("backslashes", |target| remove_dots(&collapse(&decode(path_of(target)).replace('\\', "/")))),
    ("decoded twice", |target| remove_dots(&collapse(&decode(&decode(path_of(target)))))),
    ("up to NUL", |target| decode(path_of(target)).split('\0').next().unwrap_or("").into()),
    ("overlong", |target| remove_dots(&collapse(&lenient(&decode(path_of(target)))))),
    ("compatible", |target| read_folded(target, compatible)),
    ("visible", |target| read_folded(target, visible)),
    ("trimmed", |target| read_folded(target, trimmed)),
    ("without case", |target| read_folded(target, without_case)),
];

/// Those that take another name for the same: what they make of a segment.
pub const FOLDING: &[(&str, Reader)] =
    &[("compatible", compatible), ("visible", visible), ("trimmed", trimmed), ("without case", without_case)];

/// Whether a reader that folds names does no more with this target: no segment becomes dots or several segments.
#[must_use]
pub fn only_renames(target: &str, fold: Reader) -> bool {
    let path = text_of(&decode(path_of(target)));
    path.split('/').all(|segment| {
        let folded = fold(segment);
        !matches!(folded.as_str(), "." | "..") && !folded.contains(['/', '\\'])
    })
}

/// What stands before the query.
#[must_use]
pub fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or("")
}

/// Once; a broken escape stays.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let escaped =
            rest.get(1..3).filter(|digits| character == '%' && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.map_or(character, char::from));
        let length = if byte.is_some() { 3 } else { character.len_utf8() };
        rest = rest.get(length..).unwrap_or("");
    }
    decoded.into()
}

fn read_folded(target: &str, fold: Reader) -> String {
    let path = text_of(&decode(path_of(target)));
    let segments: Vec<_> = path.split('/').map(fold).collect();
    remove_dots(&collapse(&segments.join("/")))
}

/// Unicode's compatibility form: a full-width letter is the letter.
fn compatible(text: &str) -> String {
    text.nfkc().collect()
}

/// Without what has no width.
fn visible(text: &str) -> String {
    let is_invisible = |character: &char| {
        matches!(character, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
    };
    text.chars().filter(|character| !is_invisible(character)).collect()
}

/// Without blanks around it and, as Windows does it, without dots at its end.
fn trimmed(text: &str) -> String {
    let is_blank = |character: char| character.is_whitespace() || character.is_control();
    let text = text.trim_matches(is_blank);
    if matches!(text, "." | "..") {
        return text.into();
    }
    text.trim_end_matches(|character| character == '.' || is_blank(character)).into()
}

fn without_case(text: &str) -> String {
    text.to_lowercase()
}

/// The text that the bytes are, in UTF-8.
fn text_of(bytes: &str) -> String {
    let bytes: Vec<_> = bytes.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// UTF-8 as read by who does not ask for the shortest form.
fn lenient(bytes: &str) -> String {
    let mut text = String::new();
    let mut bytes = bytes.chars().map(u32::from).peekable();
    while let Some(first) = bytes.next() {
        let (mut code, more) = match first {
            0xc0..=0xdf => (first & 0x1f, 1),
            0xe0..=0xef => (first & 0x0f, 2),
            0xf0..=0xf7 => (first & 0x07, 3),
            _ => (first, 0),
        };
        for _ in 0..more {
            if let Some(next) = bytes.next_if(|next| matches!(next, 0x80..=0xbf)) {
                code = code << 6 | (next & 0x3f);
            }
        }
        text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
    }
    text
}

/// RFC 3986 section 5.2.4.
fn remove_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn collapse(path: &str) -> String {
    let mut collapsed = String::new();
    for character in path.chars() {
        if character != '/' || !collapsed.ends_with('/') {
            collapsed.push(character);
        }
    }
    collapsed
}

/// The URL standard, for a target that is resolved against `http://base/`.
fn browser(target: &str) -> String {
    let target: String = target.chars().filter(|character| !matches!(character, '\t' | '\n' | '\r')).collect();
    let path = path_of(&target).replace('\\', "/");
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.trim_start_matches('/').split_once('/').map_or("/".into(), |(_, path)| format!("/{path}")),
        None => path,
    };
    let dots = |segment: &str| match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
        dots @ ("." | "..") => dots.to_owned(),
        _ => segment.to_owned(),
    };
    remove_dots(&path.split('/').map(dots).collect::<Vec<_>>().join("/"))
}
