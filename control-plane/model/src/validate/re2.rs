//! What RE2 takes as an expression, and how large its program becomes.
//!
//! Envoy compiles every expression with RE2 and refuses the whole response if one is none. No crate reads RE2's syntax: `regex`
//! takes `(?x)`, `\p{Script=Greek}` and `a**`, which RE2 refuses, and refuses `/items/{id}` and `[\w-.]`, which RE2 takes. So
//! this follows RE2's own reader (re2/parse.cc) rule by rule; the tests hold what the Envoy that we ship says. Nothing is
//! compiled: that would cost megabytes and milliseconds an expression, and tell less.
//!
//! Envoy has RE2 read Latin-1, so a character is a byte.

use crate::context::Context;

mod classes;

/// The longest expression (reliability.md S15, as in Istio).
pub(super) const LONGEST: usize = 1024;
/// Instructions of one program; our Envoys refuse more (`re2.max_program_size.error_level` of their bootstrap, as in Istio).
const PROGRAM: usize = 32_000;
/// Instructions of all programs of a document, which each proxy that sees it holds.
const PROGRAMS: usize = 1_000_000;
/// How often RE2 repeats something, repetitions within repetitions multiplied.
const REPETITIONS: usize = 1_000;

type Read<T> = Result<T, String>;

/// An expression that RE2 takes, with a program that proxies have room for.
pub(super) fn check(context: &mut Context<'_>, expression: &str) {
    let size = match program(expression) {
        Ok(size) => size,
        Err(reason) => return context.refuse("bad-regex", reason),
    };
    let all = context.count_instructions(size);
    if all > PROGRAMS && all - size <= PROGRAMS {
        let message = format!(
            "the expressions of this document up to here compile to some {all} instructions, allowed: {PROGRAMS}; \
             repeat less, or split the object"
        );
        context.refuse("too-large", message);
    }
}

/// The instructions that an expression compiles to, about.
fn program(expression: &str) -> Read<usize> {
    if expression.is_empty() {
        return Err("is empty; write an RE2 expression, or leave the match out".to_owned());
    }
    if expression.len() > LONGEST {
        return Err(format!("found {} characters, allowed: at most {LONGEST}", expression.len()));
    }
    let size = Reader::new(expression).read().map_err(|reason| format!("no RE2 expression: {reason}"))?;
    if size > PROGRAM {
        return Err(format!("compiles to some {size} instructions, allowed: {PROGRAM}; repeat less"));
    }
    Ok(size)
}

/// Something that a repetition may stand behind.
#[derive(Clone, Copy, Default)]
struct Item {
    /// Instructions.
    size: usize,
    /// The most that repetitions within it multiply to.
    repetitions: usize,
}

/// What was read of a group.
#[derive(Default)]
struct Group {
    last: Option<Item>,
    before: Item,
    captures: bool,
}

/// `{2,5}`; without an end if there is no `most`.
#[derive(Clone, Copy)]
struct Repetition {
    least: usize,
    most: Option<usize>,
}

struct Reader<'e> {
    rest: &'e [u8],
    /// The group that is read, and those around it.
    group: Group,
    outer: Vec<Group>,
    /// Whether a repetition was read last: another right behind it is none of RE2's.
    repeated: bool,
}

impl<'e> Reader<'e> {
    fn new(expression: &'e str) -> Self {
        Self { rest: expression.as_bytes(), group: Group::default(), outer: Vec::new(), repeated: false }
    }

    fn read(mut self) -> Read<usize> {
        while let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            self.step(*first)?;
        }
        match self.outer.is_empty() {
            true => Ok(self.group.close().size),
            false => Err("a `(` is never closed".to_owned()),
        }
    }

    fn step(&mut self, first: u8) -> Read<()> {
        let repeated = std::mem::take(&mut self.repeated);
        match first {
            b'(' => self.open()?,
            b')' => self.close()?,
            b'|' => self.group.branch(),
            b'[' => {
                let (size, rest) = classes::bracketed(self.rest)?;
                self.rest = rest;
                self.group.push(size);
            }
            b'\\' => self.escape()?,
            b'*' => self.repeat(Repetition { least: 0, most: None }, repeated)?,
            b'+' => self.repeat(Repetition { least: 1, most: None }, repeated)?,
            b'?' => self.repeat(Repetition { least: 0, most: Some(1) }, repeated)?,
            b'{' => match counts(self.rest) {
                Some((repetition, rest)) => {
                    self.rest = rest;
                    self.repeat(repetition, repeated)?;
                }
                None => self.group.push(1),
            },
            b'.' => self.group.push(2),
            _ => self.group.push(1),
        }
        Ok(())
    }

    /// Behind a `(`.
    fn open(&mut self) -> Read<()> {
        let Some(rest) = self.rest.strip_prefix(b"?") else {
            self.enter(true);
            return Ok(());
        };
        let look_behind = rest.starts_with(b"<=") || rest.starts_with(b"<!");
        let named = rest.strip_prefix(b"P<").or_else(|| rest.strip_prefix(b"<"));
        match named.filter(|_| !look_behind) {
            Some(named) => self.name(named),
            None => self.flags(rest),
        }
    }

    fn name(&mut self, named: &'e [u8]) -> Read<()> {
        let (name, rest) = split_at(named, b">").ok_or("the name of a group is never closed by `>`")?;
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Err(format!("found the group name `{}`, allowed: letters, digits and `_`", shown(name)));
        }
        self.rest = rest;
        self.enter(true);
        Ok(())
    }

    /// `(?i)`, or a group as `(?i-s:`.
    fn flags(&mut self, text: &'e [u8]) -> Read<()> {
        let end = text.iter().position(|byte| matches!(byte, b':' | b')'));
        let split = end.and_then(|end| Some((text.get(..end)?, text.get(end..)?.split_first()?)));
        let known = |flags: &[u8]| flags.iter().all(|flag| b"imsU".contains(flag));
        let allowed = |flags: &[u8]| match split_at(flags, b"-") {
            Some((on, off)) => known(on) && !off.is_empty() && known(off),
            None => known(flags),
        };
        match split.filter(|(flags, _)| allowed(flags)) {
            Some((_, (last, rest))) => {
                self.rest = rest;
                if *last == b':' {
                    self.enter(false);
                }
                Ok(())
            }
            None => Err(format!(
                "found `(?{}`, allowed: (?:...), (?P<name>...) and the flags i, m, s, U; RE2 has no look-around",
                shown(text.get(..text.len().min(8)).unwrap_or_default())
            )),
        }
    }

    fn enter(&mut self, captures: bool) {
        let group = Group { captures, ..Group::default() };
        self.outer.push(std::mem::replace(&mut self.group, group));
    }

    fn close(&mut self) -> Read<()> {
        let outer = self.outer.pop().ok_or("a `)` closes no group")?;
        let item = std::mem::replace(&mut self.group, outer).close();
        self.group.put(item);
        Ok(())
    }

    /// Behind a `\`.
    fn escape(&mut self) -> Read<()> {
        match self.rest.split_first() {
            Some((b'A' | b'b' | b'B' | b'C' | b'z', rest)) => {
                self.rest = rest;
                self.group.push(1);
            }
            Some((b'Q', rest)) => {
                let (quoted, rest) = split_at(rest, b"\\E").unwrap_or((rest, &[]));
                self.rest = rest;
                quoted.iter().for_each(|_| self.group.push(1));
            }
            _ => {
                let (size, rest) = match classes::named(self.rest)? {
                    Some(named) => named,
                    None => classes::character(self.rest).map(|(_, rest)| (1, rest))?,
                };
                self.rest = rest;
                self.group.push(size);
            }
        }
        Ok(())
    }

    fn repeat(&mut self, repetition: Repetition, repeated: bool) -> Read<()> {
        self.rest = self.rest.strip_prefix(b"?").unwrap_or(self.rest);
        if repeated {
            return Err("two repetitions stand one behind the other; put a group round the first".to_owned());
        }
        let item = self.group.last.ok_or("a repetition has nothing before it; write `\\` before it if it is meant")?;
        self.group.last = Some(repetition.of(item)?);
        self.repeated = true;
        Ok(())
    }
}

// === impl Group ===

impl Group {
    fn push(&mut self, size: usize) {
        self.put(Item { size, repetitions: 1 });
    }

    fn put(&mut self, item: Item) {
        self.settle();
        self.last = Some(item);
    }

    /// Behind a `|`: nothing that stood before can be repeated.
    fn branch(&mut self) {
        self.settle();
        self.before.size += 1;
    }

    fn close(mut self) -> Item {
        self.settle();
        let own = if self.captures { 2 } else { 0 };
        Item { size: self.before.size + own, repetitions: self.before.repetitions.max(1) }
    }

    fn settle(&mut self) {
        if let Some(last) = self.last.take() {
            self.before.size += last.size;
            self.before.repetitions = self.before.repetitions.max(last.repetitions);
        }
    }
}

// === impl Repetition ===

impl Repetition {
    /// An item repeated.
    fn of(self, item: Item) -> Read<Item> {
        let Self { least, most } = self;
        let larger = most.unwrap_or(least).max(least);
        if larger > REPETITIONS {
            return Err(format!("something is repeated {larger} times, allowed: at most {REPETITIONS}"));
        }
        if most.is_some_and(|most| most < least) {
            return Err(format!(
                "at least {least} and at most {} repetitions cannot be",
                larger.min(most.unwrap_or(0))
            ));
        }
        let repetitions = item.repetitions * most.unwrap_or(least).max(1);
        if larger >= 2 && repetitions > REPETITIONS {
            return Err(format!(
                "repetitions within repetitions multiply to {repetitions}, allowed: at most {REPETITIONS}"
            ));
        }
        let size = match most {
            Some(most) => least * item.size + (most - least) * (item.size + 1),
            None => least.max(1) * item.size + 1,
        };
        Ok(Item { size, repetitions })
    }
}

/// `3}`, `3,}` or `3,5}` behind a brace. If something else stands there, RE2 takes the brace as it is.
fn counts(text: &[u8]) -> Option<(Repetition, &[u8])> {
    let (least, rest) = number(text)?;
    let (most, rest) = match rest.strip_prefix(b",") {
        None => (Some(least), rest),
        Some(rest) if rest.starts_with(b"}") => (None, rest),
        Some(rest) => number(rest).map(|(most, rest)| (Some(most), rest))?,
    };
    Some((Repetition { least, most }, rest.strip_prefix(b"}")?))
}

/// RE2 reads no zero in front, and at most nine digits.
fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.len() > 9 || (digits.len() > 1 && digits.starts_with(b"0")) {
        return None;
    }
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// What stands before and behind the first `mark`.
fn split_at<'t>(text: &'t [u8], mark: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// A part of an expression, for messages.
fn shown(part: &[u8]) -> String {
    String::from_utf8_lossy(part.get(..part.len().min(40)).unwrap_or(part)).into_owned()
}

#[cfg(test)]
mod tests;
