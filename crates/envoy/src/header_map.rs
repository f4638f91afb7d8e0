//! Header maps as the ABI passes them: a count, the lengths of all names and values, then each name and value with a
//! NUL after it; numbers are 32 bits, little endian.

/// Reads a map; `None` if it is cut short.
pub(crate) fn read(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut pairs = Vec::new();
    read_each(bytes, |name, value| pairs.push((name, value)))?;
    Some(pairs)
}

/// Hands over each name and value of a map; `None` if it is cut short.
pub(crate) fn read_each<'b>(bytes: &'b [u8], mut each: impl FnMut(&'b [u8], &'b [u8])) -> Option<()> {
    let (count, mut lengths) = number(bytes)?;
    let mut data = bytes.get(count.checked_mul(8)?.checked_add(4)?..)?;
    for _ in 0..count {
        let (name, rest) = number(lengths)?;
        let (value, rest) = number(rest)?;
        lengths = rest;
        each(text(&mut data, name)?, text(&mut data, value)?);
    }
    Some(())
}

/// Writes a map.
pub(crate) fn write(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    bytes.extend(number(pairs.len()));
    for (name, value) in pairs {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn text<'b>(data: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (text, rest) = data.split_at_checked(length)?;
    *data = rest.get(1..)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn a_map_survives() {
        let bytes = write(&[(":path", "/"), ("empty", "")]);
        let pairs: [(&[u8], &[u8]); 2] = [(b":path", b"/"), (b"empty", b"")];
        assert_eq!(read(&bytes).unwrap(), pairs);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn hostile_lengths_are_refused() {
        assert!(read(&[0xff; 4]).is_none());
        assert!(read(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_none());
    }
}
