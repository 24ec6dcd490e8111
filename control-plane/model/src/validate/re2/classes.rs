//! Sets of characters, and the escapes that stand for one.

use super::{Read, shown, split_at};

/// Instructions of a set whose members are not looked at: what the larger Unicode classes come to within Latin-1.
const NAMED: usize = 8;

/// Classes that POSIX names.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Unicode's general categories.
const CATEGORIES: [&str; 37] = [
    "Any", "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl",
    "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// Unicode's scripts, as far as the RE2 of our Envoy knows them.
const SCRIPTS: &str = "\
    Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki \
    Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee \
    Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra \
    Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati \
    Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited \
    Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi \
    Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian \
    Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui \
    Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari \
    Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic \
    Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage \
    Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan \
    Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri \
    Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan \
    Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

/// A class behind its `[`: its instructions, and what stands behind it.
pub(super) fn bracketed(text: &[u8]) -> Read<(usize, &[u8])> {
    let (negated, mut rest) = match text.strip_prefix(b"^") {
        Some(rest) => (1, rest),
        None => (0, text),
    };
    let mut members = Members { single: [false; 256], named: 0 };
    // A `]` that comes first is a member.
    let mut first = true;
    loop {
        match rest.split_first() {
            None => return Err("a `[` is never closed".to_owned()),
            Some((b']', behind)) if !first => return Ok((members.size() + negated, behind)),
            Some(_) => rest = members.add(rest)?,
        }
        first = false;
    }
}

/// The members of a class.
struct Members {
    single: [bool; 256],
    /// Instructions of what came by name.
    named: usize,
}

impl Members {
    /// Takes one member, or a range, and gives what stands behind it.
    fn add<'t>(&mut self, text: &'t [u8]) -> Read<&'t [u8]> {
        if let Some((name, rest)) = text.strip_prefix(b"[:").and_then(|behind| split_at(behind, b":]")) {
            let plain = name.strip_prefix(b"^").unwrap_or(name);
            if !POSIX.iter().any(|known| known.as_bytes() == plain) {
                return Err(format!("found the class `[:{}:]`, allowed: {}", shown(name), POSIX.join(", ")));
            }
            self.named += NAMED;
            return Ok(rest);
        }
        if let Some(escape) = text.strip_prefix(b"\\")
            && let Some((size, rest)) = named(escape)?
        {
            self.named += size;
            return Ok(rest);
        }
        let (low, rest) = member(text)?;
        let (high, rest) = match rest.strip_prefix(b"-") {
            Some(behind) if !behind.is_empty() && !behind.starts_with(b"]") => member(behind)?,
            _ => (low, rest),
        };
        if high < low {
            let range = text.get(..text.len() - rest.len()).unwrap_or_default();
            return Err(format!("the range `{}` ends before it begins; write `\\-` for a hyphen", shown(range)));
        }
        for byte in low..=high {
            if let Some(single) = self.single.get_mut(usize::from(byte)) {
                *single = true;
            }
        }
        Ok(rest)
    }

    /// An instruction for each range.
    fn size(&self) -> usize {
        let (first, changes) = (self.single.first(), self.single.windows(2).filter(|pair| pair.first() != pair.last()));
        (changes.count() + usize::from(first == Some(&true))).div_ceil(2) + self.named
    }
}

fn member(text: &[u8]) -> Read<(u8, &[u8])> {
    match text.split_first() {
        Some((b'\\', rest)) => character(rest),
        Some((byte, rest)) => Ok((*byte, rest)),
        None => Err("a `[` is never closed".to_owned()),
    }
}

/// Behind a `\`: `d`, `pN`, `P{Greek}` and their like; `None` for what is no set.
pub(super) fn named(text: &[u8]) -> Read<Option<(usize, &[u8])>> {
    match text.split_first() {
        Some((b'd' | b'D' | b's' | b'S' | b'w' | b'W', rest)) => Ok(Some((5, rest))),
        Some((b'p' | b'P', rest)) => property(rest).map(|rest| Some((NAMED, rest))),
        _ => Ok(None),
    }
}

/// The name of a Unicode class; one letter needs no braces.
fn property(text: &[u8]) -> Read<&[u8]> {
    let braced = text.strip_prefix(b"{").map(|inner| split_at(inner, b"}").ok_or("a `\\p{` is never closed"));
    let (name, rest) = match braced {
        Some(split) => split?,
        None => text.split_at_checked(1).ok_or("a `\\p` has no name")?,
    };
    let plain = name.strip_prefix(b"^").unwrap_or(name);
    let known = CATEGORIES.into_iter().chain(SCRIPTS.split(' ')).any(|known| known.as_bytes() == plain);
    match known {
        true => Ok(rest),
        false => Err(format!(
            "found the class `{}`, allowed: categories such as \\pL and \\p{{Lu}}, and scripts such as \\p{{Greek}}",
            shown(name)
        )),
    }
}

/// Behind a `\`: the character it stands for.
pub(super) fn character(text: &[u8]) -> Read<(u8, &[u8])> {
    let (first, rest) = text.split_first().ok_or("ends with a lone `\\`")?;
    let read = match first {
        b'x' => hexadecimal(rest),
        // A digit alone would be a back-reference.
        b'0' => octal(text),
        b'1'..=b'7' if rest.first().is_some_and(|byte| matches!(byte, b'0'..=b'7')) => octal(text),
        b'n' => Some((b'\n', rest)),
        b'r' => Some((b'\r', rest)),
        b't' => Some((b'\t', rest)),
        b'a' => Some((0x07, rest)),
        b'f' => Some((0x0c, rest)),
        b'v' => Some((0x0b, rest)),
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => Some((*other, rest)),
        _ => None,
    };
    read.ok_or_else(|| {
        let found = shown(text.get(..text.len().min(4)).unwrap_or_default());
        format!(
            "found `\\{found}`, allowed behind `\\`: punctuation, classes such as d, s, w and pL, b and z, n, r, t, x41; \
             RE2 has no back-references"
        )
    })
}

/// Two digits, or some in braces; Latin-1 ends at 255.
fn hexadecimal(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = match text.strip_prefix(b"{") {
        Some(braced) => split_at(braced, b"}")?,
        None => text.split_at_checked(2)?,
    };
    value(digits, 16).map(|value| (value, rest))
}

/// Up to three digits.
fn octal(text: &[u8]) -> Option<(u8, &[u8])> {
    let end = text.iter().take(3).position(|byte| !matches!(byte, b'0'..=b'7')).unwrap_or(text.len().min(3));
    let (digits, rest) = text.split_at_checked(end)?;
    value(digits, 8).map(|value| (value, rest))
}

fn value(digits: &[u8], radix: u32) -> Option<u8> {
    // The standard library would take a sign.
    let plain = digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits).ok().filter(|_| plain).and_then(|digits| u8::from_str_radix(digits, radix).ok())
}
