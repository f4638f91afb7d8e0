//! Text of others on a terminal.

use std::fmt::Write;

/// Every character that moves, hides or turns round what stands beside it becomes its JSON escape (RFC 8259 section 7).
/// In a JSON text they stand in strings only, so the text means the same.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if !is_invisible(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// The general categories Cc, Cf, Zl and Zp of Unicode 16.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn only_what_cannot_be_seen_is_escaped() {
        assert_eq!(visible("{\"é\":\"😀 a\\n\"}"), "{\"é\":\"😀 a\\n\"}");
        assert_eq!(visible("\u{1b}[2J\u{9b}\u{7f}\n"), "\\u001b[2J\\u009b\\u007f\\u000a");
        assert_eq!(visible("\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}"), "\\u202e\\u2066\\u200b\\ufeff\\u2028");
        let tag = visible("\"\u{e0041}\"");
        assert_eq!(tag, "\"\\udb40\\udc41\"");
        assert_eq!(serde_json::from_str::<String>(&tag).unwrap(), "\u{e0041}");
    }
}
