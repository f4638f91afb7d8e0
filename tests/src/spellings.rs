//! Other spellings of one name or path, as somebody writes them who wants a gateway and its upstream to differ. Made by
//! rule, always the same; the bytes are what goes over the wire.

use std::collections::BTreeSet;

/// What may be in the name of a header (RFC 9110 section 5.6.2) besides letters and digits.
const SPECIAL: &[u8] = b"!#$%&'*+-.^_`|~";
/// What may not: for servers that are lenient.
const NO_TOKEN: &[&[u8]] = &[
    b" ",
    b"\t",
    b"\0",
    b"/",
    b"(",
    b"[",
    b"]",
    b"{",
    b"@",
    b"=",
    b"?",
    b",",
    b";",
    b"\"",
    b"\\",
    b"\x0b",
    b"\x7f",
    b"\xa0",
    b"\xad",
    b"\xff",
    b"\xc2\xa0",
    b"\xe2\x80\x91",
    b"\xef\xbc\x8d",
];

/// Names of headers that some upstream may take for this one, which has `-` between its words; itself first.
#[must_use]
pub fn headers(name: &str) -> Vec<Vec<u8>> {
    let mut names = Names::new(name.as_bytes());
    names.add(name.to_ascii_uppercase());
    names.add(title(name));
    for special in SPECIAL {
        let special = char::from(*special).to_string();
        let all = name.replace('-', &special);
        names.add(title(&name.replace('-', " ")).replace(' ', &special));
        names.add(all.to_ascii_uppercase());
        names.add(all);
        names.add(name.replacen('-', &special, 1));
        if let Some((start, end)) = name.rsplit_once('-') {
            names.add([start, end].join(&special));
        }
        names.add(name.replace('-', &special.repeat(2)));
        names.add(name.replace('-', &format!("-{special}")));
        names.add(format!("{name}{special}"));
        names.add(format!("{special}{name}"));
    }
    for bytes in NO_TOKEN {
        let words: Vec<_> = name.split('-').map(str::as_bytes).collect();
        names.add(words.join(*bytes));
        names.add([name.as_bytes(), bytes].concat());
        names.add([bytes, name.as_bytes()].concat());
    }
    for spelling in [
        name.replace('-', ""),
        name.replace('-', "%2d"),
        name.replace('-', "%2D"),
        name.replace('-', "_-"),
        name.replace('-', "_."),
        format!("http-{name}"),
        format!("http_{name}"),
        format!("HTTP_{}", name.replace('-', "_").to_ascii_uppercase()),
        format!("x-{name}"),
        format!("{name}[]"),
        format!("{name}[0]"),
        format!("{name}%00"),
        format!("{name}-0"),
        format!("{name}:"),
        format!(":{name}"),
    ] {
        names.add(spelling);
    }
    names.all
}

/// Names of query parameters that some upstream may take for this one; itself first.
#[must_use]
pub fn params(name: &str) -> Vec<Vec<u8>> {
    let mut names = Names::new(name.as_bytes());
    names.add(name.to_ascii_uppercase());
    names.add(title(name));
    let forms: [fn(u8) -> String; 6] = [
        |byte| format!("%{byte:02x}"),
        |byte| format!("%{byte:02X}"),
        |byte| format!("%25{byte:02x}"),
        |byte| format!("%u00{byte:02x}"),
        // An overlong form, and a full-width one, which starts at U+FF01 for `!`.
        |byte| format!("%c{}%{:02x}", byte >> 6, 0x80 | (byte & 0x3f)),
        |byte| format!("%ef%{:02x}%{:02x}", 0xbc + ((byte - 0x20) >> 6), 0x80 | ((byte - 0x20) & 0x3f)),
    ];
    for (index, byte) in name.bytes().enumerate() {
        for form in forms {
            let bytes = name.as_bytes();
            names.add([&bytes[..index], form(byte).as_bytes(), &bytes[index + 1..]].concat());
        }
    }
    names.add(name.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>());
    for other in [
        ".",
        "+",
        "%20",
        "[",
        "%5B",
        "%5b",
        "%2E",
        "%2e",
        "-",
        "%2D",
        "]",
        "[]",
        "%5D",
        "%00",
        "__",
        "_%00",
        "..",
        "._",
        "%09",
        "%0a",
        "%a0",
        "%c2%a0",
        "%e2%80%8b_",
        "%ef%bc%bf",
        "",
    ] {
        names.add(name.replace('_', other));
        names.add(format!("+{}", name.replace('_', other)));
        names.add(format!("{}%00", name.replace('_', other)));
        names.add(format!("{}[]", name.replace('_', other)));
    }
    for end in [
        "[]",
        "[0]",
        "[1]",
        "[x]",
        "[x][y]",
        "[][]",
        "[ ]",
        "[+]",
        "%5B%5D",
        "%5b0%5d",
        "%5B]",
        "[%5D",
        "[",
        "%5B",
        "]",
        "[x",
        "[]x",
        "[x]y",
        "[x]]",
        "[[x]]",
        "%00",
        "%00x",
        "%00[]",
        "[%00]",
        "+",
        "%20",
        "%20%20",
        "%09",
        "%0a",
        "%0d",
        "%a0",
        "%c2%a0",
        "%e2%80%8b",
        "%c2%ad",
        "%ef%bb%bf",
        ".",
        ".x",
        "_",
        "__",
        "%",
        "%2",
        "%zz",
        "%u0000",
        "%25",
        "%2500",
        "%26",
        "%3d",
        "%3D",
        "%3b",
        ";",
        ",",
        ":",
        "[__proto__]",
        "[length]",
        "[constructor]",
    ] {
        names.add(format!("{name}{end}"));
    }
    for start in [
        "+",
        "%20",
        "++",
        "%20+%20",
        "%09",
        "%0a",
        "%0d",
        "%0b",
        "%00",
        "[",
        "%5B",
        "[]",
        "[x]",
        "]",
        "?",
        "%3F",
        "%3f",
        "/",
        "a;",
        "a%3b",
        "a%26",
        "%26",
        "a%3D1%26",
        "amp;",
        ".",
        "_",
        "__",
        "%e2%80%8b",
        "%ef%bb%bf",
        "%c2%a0",
        "%a0",
        "$",
        "@",
        "!",
        "*",
        ":",
        "x.",
        "_GET[",
        "x-",
    ] {
        names.add(format!("{start}{name}"));
    }
    for spelling in [
        format!("[{name}]"),
        format!("%5B{name}%5D"),
        format!("%5b{name}%5d"),
        format!("[{name}][]"),
        format!("[{name}][0]"),
        format!("[{name}]x"),
        format!("[][{name}]"),
        format!("[0][{name}]"),
        format!("[{name}[]"),
        format!("[[{name}]]"),
        format!("]{name}["),
        format!("x[{name}]"),
        format!("[x][{name}]"),
        format!("__proto__[{name}]"),
        format!("[__proto__][{name}]"),
        format!("%5F_proto__[{name}]"),
        format!("constructor[prototype][{name}]"),
        format!("__proto__.{name}"),
        format!("[__proto__.{name}]"),
        format!("+[{name}]"),
        format!("%00[{name}]"),
    ] {
        names.add(spelling);
    }
    names.all
}

/// The name of a parameter with each byte before, after and in the place of each `_`, as an escape and, where a query
/// can have it, as it is.
#[must_use]
pub fn params_with_every_byte(name: &str) -> Vec<Vec<u8>> {
    let mut names = Names::new(name.as_bytes());
    for byte in 0..=u8::MAX {
        let mut forms = vec![format!("%{byte:02x}").into_bytes()];
        if !byte.is_ascii_control() && !matches!(byte, b' ' | b'#' | b'&' | b'=') {
            forms.push(vec![byte]);
        }
        for form in forms {
            names.add([form.as_slice(), name.as_bytes()].concat());
            names.add([name.as_bytes(), form.as_slice()].concat());
            names.add([name.as_bytes(), form.as_slice(), b"x"].concat());
            names.add(name.split('_').map(str::as_bytes).collect::<Vec<_>>().join(form.as_slice()));
        }
    }
    names.all
}

/// In the order of arrival, each once.
struct Names {
    all: Vec<Vec<u8>>,
    known: BTreeSet<Vec<u8>>,
}

impl Names {
    fn new(name: &[u8]) -> Self {
        let mut names = Self { all: Vec::new(), known: BTreeSet::new() };
        names.add(name);
        names
    }

    fn add(&mut self, name: impl Into<Vec<u8>>) {
        let name = name.into();
        if !name.is_empty() && self.known.insert(name.clone()) {
            self.all.push(name);
        }
    }
}

/// Each word begins with a capital letter.
fn title(name: &str) -> String {
    let mut title = String::new();
    for character in name.chars() {
        let is_first = !title.ends_with(|last: char| last.is_ascii_alphanumeric());
        title.push(if is_first { character.to_ascii_uppercase() } else { character });
    }
    title
}
