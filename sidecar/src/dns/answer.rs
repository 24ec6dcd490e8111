//! What to do with a DNS question. Pure: bytes in, a decision out, no sockets, and no bytes that make it panic.

use std::net::IpAddr;

use hickory_proto::{
    op::{DEFAULT_MAX_PAYLOAD_LEN, Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordType,
        rdata::{A, AAAA},
    },
};

use super::names::{Found, Names, look_up};

#[cfg(test)]
mod tests;

/// The length of a message's header.
const HEADER: usize = 12;

/// What an address record of the answer takes: pointer, type, class, TTL, length, address.
const A_RECORD: usize = 16;
const AAAA_RECORD: usize = 28;

/// Whose questions are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Search domains as in a pod, the workload's namespace first; lower case, no dot at either end.
    pub search: [String; 3],
}

/// How a question came, and its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In one datagram, of a size the client names.
    Udp,
    /// On a stream.
    Tcp,
}

/// What to do with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send these bytes back.
    Answer(Vec<u8>),
    /// Ask a resolver of the host.
    Forward,
    /// Say nothing: what came is no question, and answering it could start a loop.
    Ignore,
}

// === impl Zone ===

impl Zone {
    /// The zone of a workload in `namespace` of a mesh whose names end in `domain`.
    pub fn new(namespace: &str, domain: &str) -> Self {
        Self { search: [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()] }
    }

    /// Whether a name looks like one of the cluster, which no resolver outside knows.
    fn covers(&self, host: &str) -> bool {
        let below = |domain: &String| host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
        !host.contains('.') || host.ends_with(".svc") || self.search.iter().any(below)
    }
}

/// Decides about a question. `names` is `None` until the first name table is there.
pub fn decide<N: Names>(bytes: &[u8], transport: Transport, names: Option<&N>, zone: &Zone) -> Decision {
    // A response, or less than a header: the second bit field says which.
    let is_query = bytes.get(2).is_some_and(|flags| flags & 0x80 == 0);
    if bytes.len() < HEADER || !is_query {
        return Decision::Ignore;
    }
    let Ok(query) = Message::from_vec(bytes) else {
        return reply_or_ignore(refusal(bytes, ResponseCode::FormErr));
    };
    if query.metadata.op_code != OpCode::Query {
        return reply_or_ignore(refusal(bytes, ResponseCode::NotImp));
    }
    let [question] = query.queries.as_slice() else {
        return reply_or_ignore(refusal(bytes, ResponseCode::FormErr));
    };
    if question.query_class() != DNSClass::IN {
        return Decision::Forward;
    }
    let host = host_of(question.name());
    let Some(names) = names else {
        let answer = zone.covers(&host).then(|| server_failure(bytes));
        return answer.map_or(Decision::Forward, reply_or_ignore);
    };
    match look_up(names, &host, zone) {
        Some(found) if is_ours(question, &host, zone) => reply_or_ignore(respond(&query, question, found, transport)),
        _ => Decision::Forward,
    }
}

/// Whether nobody else can answer this about a host of the mesh. A ServiceEntry gives a host of the world addresses in
/// the mesh, but not its mail servers, certificates and services, which are where they were.
fn is_ours(question: &Query, host: &str, zone: &Zone) -> bool {
    matches!(question.query_type(), RecordType::A | RecordType::AAAA) || zone.covers(host)
}

/// SERVFAIL for a question: "ask again later". `None` if the bytes are no question.
pub fn server_failure(bytes: &[u8]) -> Option<Vec<u8>> {
    refusal(bytes, ResponseCode::ServFail)
}

fn reply_or_ignore(answer: Option<Vec<u8>>) -> Decision {
    answer.map_or(Decision::Ignore, Decision::Answer)
}

fn refusal(bytes: &[u8], code: ResponseCode) -> Option<Vec<u8>> {
    let [high, low, ..] = *bytes else { return None };
    let id = u16::from_be_bytes([high, low]);
    let mut message = Message::error_msg(id, OpCode::Query, code);
    message.metadata.recursion_available = true;
    if let Ok(query) = Message::from_vec(bytes) {
        message.metadata.op_code = query.metadata.op_code;
        message.metadata.recursion_desired = query.metadata.recursion_desired;
        message.add_queries(query.queries);
    }
    message.to_vec().ok()
}

/// The question's name as the table writes it.
fn host_of(name: &Name) -> String {
    let mut host = name.to_ascii();
    host.make_ascii_lowercase();
    if host.ends_with('.') {
        host.pop();
    }
    host
}

/// Addresses of the family that was asked for. A host without one gets an empty answer, not a denial: the name exists,
/// and a client told otherwise would not ask for the other family.
fn respond(query: &Message, question: &Query, found: Found<'_>, transport: Transport) -> Option<Vec<u8>> {
    let mut message = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_query(question.clone());
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(DEFAULT_MAX_PAYLOAD_LEN);
        message.set_edns(edns);
    }
    let limit = match transport {
        Transport::Udp => usize::from(query.max_payload().min(DEFAULT_MAX_PAYLOAD_LEN)),
        Transport::Tcp => usize::from(u16::MAX),
    };
    let room = limit.saturating_sub(message.to_vec().ok()?.len());
    let mut answers = address_records(question, found, query.metadata.id);
    let fitting = room / if question.query_type() == RecordType::AAAA { AAAA_RECORD } else { A_RECORD };
    if answers.len() > fitting {
        answers.truncate(fitting);
        message.metadata.truncation = true;
    }
    message.add_answers(answers);
    message.to_vec().ok()
}

/// The records, beginning with another one for each question: clients that take the first spread over all.
fn address_records(question: &Query, found: Found<'_>, seed: u16) -> Vec<Record> {
    let ttl = u32::try_from(found.ttl.as_secs()).unwrap_or(u32::MAX);
    let record = |data: RData| Record::from_rdata(question.name().clone(), ttl, data);
    let mut records: Vec<Record> = found
        .addresses
        .iter()
        .filter_map(|address| match (question.query_type(), address) {
            (RecordType::A, IpAddr::V4(address)) => Some(record(RData::A(A(*address)))),
            (RecordType::AAAA, IpAddr::V6(address)) => Some(record(RData::AAAA(AAAA(*address)))),
            _ => None,
        })
        .collect();
    if let Some(first) = usize::from(seed).checked_rem(records.len()) {
        records.rotate_left(first);
    }
    records
}
