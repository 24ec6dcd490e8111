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

/// Reads every document; empty ones are left out.
pub(crate) fn documents<'a>(text: &'a str, limits: &Limits) -> Vec<Result<Document<'a>, Broken>> {
    // Another crate of a build may switch the parser's comments on for all; they are no values.
    let mut options = Options::default();
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { text, parser, limits, anchors: HashMap::new(), nodes: 0 };
    let mut found = Vec::new();
    loop {
        match reader.document() {
            Ok(Some(document)) => {
                if !document.root.is_null() {
                    found.push(Ok(document));
                }
            }
            Ok(None) => return found,
            Err(broken) => {
                found.push(Err(broken));
                match reader.parser.proceed_next_document() {
                    Ok(true) => {}
                    Ok(false) => return found,
                    Err(error) => {
                        found.push(Err(lost(&error)));
                        return found;
                    }
                }
            }
        }
        if found.len() > limits.documents {
            let message = format!("more than {} documents in one text; split it", limits.documents);
            found.push(Err(Broken { line: 1, column: 1, code: "too-large", message, partial: None }));
            return found;
        }
    }
}

struct Reader<'a, 'l> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    limits: &'l Limits,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

type Read<T> = Result<T, Broken>;

impl<'a> Reader<'a, '_> {
    fn next(&mut self) -> Read<Option<(Event<'a>, Span)>> {
        self.parser.next_event().transpose().map_err(|error| scan_error(&error))
    }

    fn document(&mut self) -> Read<Option<Document<'a>>> {
        self.anchors.clear();
        self.nodes = 0;
        loop {
            match self.next()? {
                None | Some((Event::StreamEnd, _)) => return Ok(None),
                Some((Event::DocumentStart(..), span)) => return self.body(&span).map(Some),
                Some(_) => {}
            }
        }
    }

    fn body(&mut self, start: &Span) -> Read<Document<'a>> {
        let from = start.start.byte_offset().unwrap_or_default();
        let mut root = Node { value: Value::Null, line: line(start), column: column(start) };
        while let Some((event, span)) = self.next()? {
            if event == Event::DocumentEnd {
                let to = span.start.byte_offset().unwrap_or(self.text.len());
                let slice = self.text.get(from..to).unwrap_or_default();
                if slice.len() > self.limits.document_bytes {
                    let message =
                        format!("a document of {} bytes; at most {} are read", slice.len(), self.limits.document_bytes);
                    return Err(Broken { partial: Some(root), ..broken(start, "too-large", message) });
                }
                return Ok(Document { root, text: slice.trim_start_matches("---").trim() });
            }
            root = self.node(event, &span, 0)?;
        }
        Ok(Document { root, text: "" })
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Read<Node> {
        self.count(1, span)?;
        if depth > self.limits.depth {
            return Err(broken(span, "too-deep", format!("nested deeper than {} levels", self.limits.depth)));
        }
        tag(&event, span)?;
        let before = self.nodes;
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
            let size = self.nodes - before + 1;
            self.count(size, span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: &Span) -> Read<Node> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(broken(span, "syntax", "an alias that refers to itself or to nothing before it"));
        };
        let (node, size) = (node.clone(), *size);
        self.count(size, span)?;
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Read<Value> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
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
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = key(&event, &span)?;
            self.count(1, &span)?;
            let Some((value, value_span)) = self.next()? else { break };
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

    fn count(&mut self, size: usize, span: &Span) -> Read<()> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > self.limits.nodes {
            let message = format!("more than {} values in one document (aliases counted each time)", self.limits.nodes);
            return Err(broken(span, "too-large", message));
        }
        Ok(())
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
