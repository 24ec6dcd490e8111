//! YAML text to [`Node`] trees: every document on its own, so that a broken one spoils only itself.
//!
//! This stands on the parser under serde-saphyr and not on serde: whether a scalar was quoted decides what Kubernetes
//! takes it for, and serde does not tell. Size, depth and aliases are bounded while the tree is built, so a hostile
//! document costs no more than a large one (reliability.md S16).

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use crate::node::{Entry, Node, Style, Value};

/// What a text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one file or request.
    pub file_bytes: usize,
    /// Bytes of one document.
    pub document_bytes: usize,
    /// Levels of nesting.
    pub depth: usize,
    /// Values in one document, those that aliases repeat counted each time.
    pub nodes: usize,
    /// Documents in one text.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 16 << 20, document_bytes: 1 << 20, depth: 64, nodes: 100_000, documents: 10_000 }
    }
}

/// One document of a text.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) root: Node,
    pub(crate) text: &'a str,
}

/// Why a document cannot be read.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// What could be read of it before the break: enough to tell which object it was to be.
    pub(crate) partial: Option<Node>,
}

/// Reads every document, one after the other; empty ones are left out.
pub(crate) fn documents<'a, 'l>(text: &'a str, limits: &'l Limits) -> Documents<'a, 'l> {
    // Another crate of a build may switch the parser's comments on for all; they are no values.
    let mut options = Options::default();
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(text, options);
    let (start, anchors, held) = (Span::default(), HashMap::new(), Size::default());
    Documents { text, parser, limits, start, anchors, held, found: 0, next: Next::Read }
}

/// The documents of a text. Each is read when it is asked for, so that only one tree is held at a time.
pub(crate) struct Documents<'a, 'l> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    limits: &'l Limits,
    /// Where the document begins.
    start: Span,
    /// What aliases of the document may repeat.
    anchors: HashMap<usize, (Node, Size)>,
    /// What was read of the document, copies included.
    held: Size,
    found: usize,
    next: Next,
}

/// What is to be done before the next document is there.
#[derive(Clone, Copy)]
enum Next {
    Read,
    /// The rest of a broken document is left out.
    Skip,
    End,
}

/// What a value costs to hold.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    /// Of texts and keys.
    bytes: usize,
}

type Read<T> = Result<T, Broken>;

impl<'a> Iterator for Documents<'a, '_> {
    type Item = Read<Document<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let read = match self.next {
                Next::End => return None,
                Next::Read => self.document(),
                Next::Skip => match self.parser.proceed_next_document() {
                    Ok(true) => self.document(),
                    Ok(false) => Ok(None),
                    Err(error) => {
                        self.next = Next::End;
                        return Some(Err(lost(&error)));
                    }
                },
            };
            self.next = match &read {
                Ok(Some(_)) => Next::Read,
                Ok(None) => Next::End,
                Err(_) => Next::Skip,
            };
            if matches!(&read, Ok(Some(document)) if document.root.is_null()) {
                continue;
            }
            self.found += 1;
            if self.found > self.limits.documents && !matches!(read, Ok(None)) {
                self.next = Next::End;
                let message = format!("more than {} documents in one text; split it", self.limits.documents);
                return Some(Err(Broken { line: 1, column: 1, code: "too-large", message, partial: None }));
            }
            return read.transpose();
        }
    }
}

impl<'a> Documents<'a, '_> {
    fn event(&mut self) -> Read<Option<(Event<'a>, Span)>> {
        self.parser.next_event().transpose().map_err(|error| scan_error(&error))
    }

    fn document(&mut self) -> Read<Option<Document<'a>>> {
        self.anchors.clear();
        self.held = Size::default();
        loop {
            match self.event()? {
                None | Some((Event::StreamEnd, _)) => return Ok(None),
                Some((Event::DocumentStart(..), span)) => {
                    self.start = span;
                    return self.body().map(Some);
                }
                Some(_) => {}
            }
        }
    }

    fn body(&mut self) -> Read<Document<'a>> {
        let from = offset(&self.start);
        let mut root = Node { value: Value::Null, line: line(&self.start), column: column(&self.start) };
        while let Some((event, span)) = self.event()? {
            if event == Event::DocumentEnd {
                // Comments at the end are no value, but they are kept with the document.
                let to = span.start.byte_offset().unwrap_or(self.text.len());
                if let Err(broken) = self.within(to) {
                    return Err(Broken { partial: Some(root), ..broken });
                }
                let slice = self.text.get(from..to).unwrap_or_default();
                return Ok(Document { root, text: slice.trim_start_matches("---").trim() });
            }
            root = self.node(event, &span, 0)?;
        }
        Ok(Document { root, text: "" })
    }

    /// Refuses a document that is longer than allowed where it becomes so, not after all of it was read.
    fn within(&self, to: usize) -> Read<()> {
        let limit = self.limits.document_bytes;
        if to.saturating_sub(offset(&self.start)) <= limit {
            return Ok(());
        }
        let message = format!("a document of more than {limit} bytes; split it, or leave comments out");
        Err(broken(&self.start, "too-large", message))
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Read<Node> {
        self.within(span.end.byte_offset().unwrap_or_default())?;
        if depth > self.limits.depth {
            return Err(broken(span, "too-deep", format!("nested deeper than {} levels", self.limits.depth)));
        }
        tag(&event, span)?;
        let before = self.held;
        let bytes = event.scalar().map_or(0, |(text, _)| text.len());
        self.held.grow(Size { nodes: 1, bytes }, self.limits, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref()), anchor),
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => {
                let value = self.mapping(depth)?;
                (self.colon_at_the_end(span).map_or(value, |text| Value::Scalar { text, style: Style::Plain }), anchor)
            }
            Event::Alias(id) => return self.alias(id, span),
            _ => return Err(broken(span, "syntax", "something that is no value stands here")),
        };
        let node = Node { value, line: line(span), column: column(span) };
        if anchor > 0 {
            // The copy that is kept counts as well: anchors within anchors would multiply what is held.
            let size = Size { nodes: self.held.nodes - before.nodes, bytes: self.held.bytes - before.bytes };
            self.held.grow(size, self.limits, span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: &Span) -> Read<Node> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(broken(span, "syntax", "an alias that refers to itself or to nothing before it"));
        };
        // Counted before it is copied: a few aliases may want more than there is memory.
        self.held.grow(*size, self.limits, span)?;
        Ok(node.clone())
    }

    fn sequence(&mut self, depth: usize) -> Read<Value> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.event()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, &span, depth + 1)?);
        }
        Ok(Value::Sequence(items))
    }

    fn mapping(&mut self, depth: usize) -> Read<Value> {
        let mut pairs = Pairs::default();
        match self.pairs(depth, &mut pairs).and_then(|()| merge(&mut pairs)) {
            Ok(()) => Ok(Value::Mapping(pairs.entries)),
            // The outermost mapping wins as the error travels up: it tells kind and name.
            Err(mut error) => {
                let (line, column) = (error.line, error.column);
                error.partial = Some(Node { value: Value::Mapping(pairs.entries), line, column });
                Err(error)
            }
        }
    }

    fn pairs(&mut self, depth: usize, pairs: &mut Pairs) -> Read<()> {
        while let Some((event, span)) = self.event()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = key(&event, &span)?;
            self.held.grow(Size { nodes: 1, bytes: key.len() }, self.limits, &span)?;
            let Some((value, value_span)) = self.event()? else { break };
            let value = self.node(value, &value_span, depth + 1)?;
            if matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<") {
                pairs.merged.push(value);
                continue;
            }
            if !pairs.seen.insert(key.clone()) {
                return Err(broken(
                    &span,
                    "duplicate-key",
                    format!("the key `{key}` stands twice in one object; keep one"),
                ));
            }
            pairs.entries.push(Entry { key, line: line(&span), column: column(&span), value });
        }
        Ok(())
    }

    /// `[001:db8::]`: YAML 1.2 reads a pair with the key `001:db8:` and no value, Kubernetes the text as it stands. The pair has
    /// no braces, so its span is empty.
    fn colon_at_the_end(&self, span: &Span) -> Option<Box<str>> {
        let start = span.start.byte_offset().filter(|_| span.is_empty())?;
        let rest = self.text.get(start..)?;
        let end = rest.find(|c: char| c.is_whitespace() || ",[]{}\"'".contains(c))?;
        let (word, next) = rest.split_at(end);
        (word.ends_with(':') && next.starts_with([',', ']'])).then(|| word.into())
    }
}

impl Size {
    /// Counts what is about to be held. Twice the bytes of a document leave room for escapes that are shorter than what they
    /// stand for, and for what aliases repeat.
    fn grow(&mut self, more: Self, limits: &Limits, span: &Span) -> Read<()> {
        self.nodes = self.nodes.saturating_add(more.nodes);
        self.bytes = self.bytes.saturating_add(more.bytes);
        let (nodes, bytes) = (limits.nodes, limits.document_bytes.saturating_mul(2));
        let found = match (self.nodes > nodes, self.bytes > bytes) {
            (true, _) => format!("more than {nodes} values"),
            (_, true) => format!("more than {bytes} bytes of text"),
            _ => return Ok(()),
        };
        let message = format!("{found} in one document, what anchors and aliases repeat counted each time; split it");
        Err(broken(span, "too-large", message))
    }
}

/// A mapping while it is read.
#[derive(Default)]
struct Pairs {
    entries: Vec<Entry>,
    seen: HashSet<Box<str>>,
    merged: Vec<Node>,
}

/// YAML's merge key: pairs of the merged mappings that the mapping does not have itself.
fn merge(pairs: &mut Pairs) -> Read<()> {
    let flat = std::mem::take(&mut pairs.merged).into_iter().flat_map(|node| match node.value {
        Value::Sequence(items) => items,
        _ => vec![node],
    });
    for node in flat {
        let Value::Mapping(more) = node.value else {
            let message = format!("`<<` merges objects, found {}", node.describe());
            return Err(Broken { line: node.line, column: node.column, code: "syntax", message, partial: None });
        };
        pairs.entries.extend(more.into_iter().filter(|entry| pairs.seen.insert(entry.key.clone())));
    }
    Ok(())
}

/// Tags of one's own mean nothing to Kubernetes either.
fn tag(event: &Event<'_>, span: &Span) -> Read<()> {
    match event.tag() {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err(broken(span, "syntax", format!("the tag {} is not known; leave it out", tag.original())))
        }
        _ => Ok(()),
    }
}

fn key(event: &Event<'_>, span: &Span) -> Read<Box<str>> {
    match event {
        Event::Scalar(text, ..) => Ok(text.as_ref().into()),
        _ => Err(broken(span, "syntax", "a key must be a word, not a list or an object")),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    match style {
        _ if tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str") || tag.is_yaml_core_schema_tag("binary")) => {
            Value::Scalar { text: text.into(), style: Style::Quoted }
        }
        ScalarStyle::Plain if matches!(text, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        ScalarStyle::Plain => Value::Scalar { text: text.into(), style: Style::Plain },
        _ => Value::Scalar { text: text.into(), style: Style::Quoted },
    }
}

fn broken(span: &Span, code: &'static str, message: impl Into<String>) -> Broken {
    Broken { line: line(span), column: column(span), code, message: message.into(), partial: None }
}

fn scan_error(error: &ScanError) -> Broken {
    let marker = error.marker();
    let message = format!("not YAML: {}; check indentation and quotes here and in the line before", error.info());
    Broken { line: clamp(marker.line()), column: clamp(marker.col() + 1), code: "syntax", message, partial: None }
}

/// What follows an error that the parser cannot skip is not read, and that must be said.
fn lost(error: &ScanError) -> Broken {
    let message = "nothing from here to the end of the text could be read; mend the error above first";
    Broken { message: message.to_owned(), ..scan_error(error) }
}

fn offset(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or_default()
}

fn line(span: &Span) -> u32 {
    clamp(span.start.line())
}

fn column(span: &Span) -> u32 {
    clamp(span.start.col() + 1)
}

fn clamp(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
