//! What some reader takes for a slash or for a dot segment.

/// Characters in which Unicode's compatibility forms (NFKC) and Windows' code pages see a slash or a backslash.
pub(crate) const fn is_slash_like(character: char) -> bool {
    matches!(
        character,
        '\u{2044}'
            | '\u{2100}'
            | '\u{2101}'
            | '\u{2105}'
            | '\u{2106}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{fe68}'
            | '\u{ff0f}'
            | '\u{ff3c}'
    )
}

/// Whether somebody reads a segment as `.` or `..`: who trims white space, drops characters that show nothing, or puts
/// plain characters for compatible ones (NFKC).
pub(crate) fn is_dots(segment: &str) -> bool {
    let mut dots = 0_u8;
    for character in segment.chars() {
        dots = dots.saturating_add(match character {
            '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => 1,
            '\u{2025}' | '\u{fe30}' => 2,
            _ if character.is_whitespace() || shows_nothing(character) => 0,
            _ => return false,
        });
    }
    matches!(dots, 1 | 2)
}

/// Unicode's format characters and the others that are ignored by default.
const fn shows_nothing(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
