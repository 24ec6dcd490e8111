//! A reader of flat JSON objects whose values are strings.

use alloc::string::String;
use alloc::vec::Vec;

/// The members of the object, in order; or the offset at which `text` stops being one.
pub(super) fn members(text: &[u8]) -> Result<Vec<(String, String)>, usize> {
    let mut reader = Reader { text, offset: 0 };
    let members = reader.object().ok_or(reader.offset)?;
    reader.skip_space();
    if reader.offset == text.len() { Ok(members) } else { Err(reader.offset) }
}

/// Every method that fails leaves `offset` at the byte that does not fit.
struct Reader<'a> {
    text: &'a [u8],
    offset: usize,
}

// === impl Reader ===

impl Reader<'_> {
    fn object(&mut self) -> Option<Vec<(String, String)>> {
        let mut members = Vec::new();
        self.token(b'{')?;
        if self.token(b'}').is_some() {
            return Some(members);
        }
        loop {
            let name = self.string()?;
            self.token(b':')?;
            members.push((name, self.string()?));
            if self.token(b'}').is_some() {
                return Some(members);
            }
            self.token(b',')?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.token(b'"')?;
        let mut bytes = Vec::new();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape(&mut bytes)?,
                0..0x20 => return None,
                byte => {
                    bytes.push(byte);
                    self.offset += 1;
                }
            }
        }
        let string = String::from_utf8(bytes).ok()?;
        self.offset += 1;
        Some(string)
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let &[_, kind, ..] = self.text.get(self.offset..)? else {
            return None;
        };
        let byte = match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode_escape(bytes),
            _ => return None,
        };
        bytes.push(byte);
        self.offset += 2;
        Some(())
    }

    /// `\uXXXX`, or two of them for a character beyond the first plane.
    fn unicode_escape(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let first = self.code_unit(self.offset)?;
        let units: &[u16] = match first {
            0xd800..0xdc00 => &[first, self.code_unit(self.offset + 6)?],
            _ => &[first],
        };
        for character in char::decode_utf16(units.iter().copied()) {
            bytes.extend_from_slice(character.ok()?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.offset += 6 * units.len();
        Some(())
    }

    fn code_unit(&self, offset: usize) -> Option<u16> {
        let digits = self.text.get(offset..)?.strip_prefix(b"\\u")?.get(..4)?;
        digits.iter().try_fold(0, |unit, digit| Some((unit << 4) | u16::try_from((*digit as char).to_digit(16)?).ok()?))
    }

    fn token(&mut self, token: u8) -> Option<()> {
        self.skip_space();
        if self.peek()? != token {
            return None;
        }
        self.offset += 1;
        Some(())
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.offset += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.offset).copied()
    }
}
