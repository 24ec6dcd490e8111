use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, RecordType},
};
use proptest::prelude::{any, prop_assert, proptest};

use super::{Decision, Transport, Zone, decide, server_failure};
use crate::dns::names::tests::Table;

fn zone() -> Zone {
    Zone::new("shop", "cluster.local")
}

fn table() -> Table {
    Table::new([
        ("product.shop.svc.cluster.local", &["240.240.0.1"][..]),
        ("both.shop.svc.cluster.local", &["240.240.0.2", "fd00::2"][..]),
        ("headless.shop.svc.cluster.local", &["10.0.0.1", "10.0.0.2", "10.0.0.3"][..]),
        ("empty.shop.svc.cluster.local", &[][..]),
        ("api.example.com", &["240.240.0.3"][..]),
    ])
}

fn question(host: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(host).unwrap(), kind));
    message
}

fn decide_on(message: &Message) -> Decision {
    decide(&message.to_vec().unwrap(), Transport::Udp, Some(&table()), &zone())
}

fn answer(decision: Decision) -> Message {
    match decision {
        Decision::Answer(bytes) => Message::from_vec(&bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn addresses(message: &Message) -> Vec<String> {
    message
        .answers
        .iter()
        .map(|record| match &record.data {
            RData::A(address) => address.to_string(),
            RData::AAAA(address) => address.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_host_of_the_mesh_is_answered_with_its_address_for_30_seconds() {
    let reply = answer(decide_on(&question("Product.Shop.", RecordType::A)));
    assert_eq!(reply.metadata.id, 7);
    assert_eq!(reply.metadata.message_type, MessageType::Response);
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert!(reply.metadata.authoritative && reply.metadata.recursion_desired && reply.metadata.recursion_available);
    assert_eq!(addresses(&reply), ["240.240.0.1"]);
    assert_eq!(reply.answers[0].ttl, 30);
    assert_eq!(reply.queries[0].name().to_ascii(), "Product.Shop.", "the question is repeated as it was asked");
}

#[test]
fn aaaa_of_a_host_with_v4_only_is_no_data_rather_than_a_denial() {
    let reply = answer(decide_on(&question("product.", RecordType::AAAA)));
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert!(reply.answers.is_empty());
}

#[test]
fn each_family_gets_its_own_addresses() {
    assert_eq!(addresses(&answer(decide_on(&question("both.", RecordType::A)))), ["240.240.0.2"]);
    assert_eq!(addresses(&answer(decide_on(&question("both.", RecordType::AAAA)))), ["fd00::2"]);
}

#[test]
fn other_types_of_a_host_of_the_mesh_are_no_data() {
    for kind in [RecordType::HTTPS, RecordType::TXT, RecordType::MX, RecordType::ANY] {
        let reply = answer(decide_on(&question("product.", kind)));
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError, "{kind}");
        assert!(reply.answers.is_empty(), "{kind}");
    }
}

#[test]
fn a_host_without_addresses_exists() {
    let reply = answer(decide_on(&question("empty.shop.", RecordType::A)));
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert!(reply.answers.is_empty());
}

#[test]
fn questions_begin_with_different_addresses() {
    let mut first = std::collections::BTreeSet::new();
    for id in 0..3 {
        let mut message = question("headless.", RecordType::A);
        message.metadata.id = id;
        let all = addresses(&answer(decide_on(&message)));
        assert_eq!(all.len(), 3);
        first.insert(all[0].clone());
    }
    assert_eq!(first.len(), 3);
}

#[test]
fn names_outside_the_mesh_are_forwarded() {
    for host in ["example.com.", "unknown.", "product.elsewhere.svc.cluster.local."] {
        assert_eq!(decide_on(&question(host, RecordType::A)), Decision::Forward, "{host}");
    }
}

#[test]
fn other_types_than_addresses_are_forwarded_for_hosts_outside_the_cluster_and_empty_within() {
    for kind in [RecordType::MX, RecordType::TXT, RecordType::SRV, RecordType::HTTPS, RecordType::ANY] {
        assert_eq!(decide_on(&question("api.example.com.", kind)), Decision::Forward, "{kind}");
        for host in ["product.", "product.shop.svc.", "product.shop.svc.cluster.local."] {
            let reply = answer(decide_on(&question(host, kind)));
            assert_eq!(
                (reply.metadata.response_code, reply.answers.len()),
                (ResponseCode::NoError, 0),
                "{host} {kind}"
            );
        }
    }
    assert_eq!(addresses(&answer(decide_on(&question("api.example.com.", RecordType::A)))), ["240.240.0.3"]);
    let none = answer(decide_on(&question("api.example.com.", RecordType::AAAA)));
    assert!(none.answers.is_empty(), "its address in the mesh is the only one");
}

#[test]
fn other_classes_than_in_are_forwarded() {
    let mut message = question("product.", RecordType::TXT);
    message.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(decide_on(&message), Decision::Forward);
}

#[test]
fn before_the_first_table_names_of_the_cluster_are_asked_again_later_and_others_are_forwarded() {
    let decide_without = |host: &str| {
        let bytes = question(host, RecordType::A).to_vec().unwrap();
        decide::<Table>(&bytes, Transport::Udp, None, &zone())
    };
    for host in ["product.", "product.shop.svc.", "product.shop.svc.cluster.local.", "x.cluster.local."] {
        assert_eq!(answer(decide_without(host)).metadata.response_code, ResponseCode::ServFail, "{host}");
    }
    assert_eq!(decide_without("example.com."), Decision::Forward);
}

#[test]
fn an_answer_too_long_for_a_datagram_keeps_what_fits_and_says_so() {
    let ips: Vec<String> = (0..200).map(|last| format!("10.0.0.{last}")).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let table = Table::new([("many.shop.svc.cluster.local", ips.as_slice())]);
    let reply = |message: &Message, transport| {
        let bytes = match decide(&message.to_vec().unwrap(), transport, Some(&table), &zone()) {
            Decision::Answer(bytes) => bytes,
            other => panic!("{other:?}"),
        };
        (bytes.len(), Message::from_vec(&bytes).unwrap())
    };

    let plain = question("many.", RecordType::A);
    let (length, short) = reply(&plain, Transport::Udp);
    assert!(length <= 512 && length > 480, "{length}");
    assert!(short.metadata.truncation && !short.answers.is_empty());

    let mut announced = question("many.", RecordType::A);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    announced.set_edns(edns);
    let (length, longer) = reply(&announced, Transport::Udp);
    assert!(length <= 1232 && longer.answers.len() > short.answers.len(), "{length}");
    assert!(longer.edns.is_some());

    let (_, whole) = reply(&plain, Transport::Tcp);
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 200);
}

#[test]
fn other_operations_are_not_implemented() {
    let mut message = question("product.", RecordType::A);
    message.metadata.op_code = OpCode::Update;
    let bytes = message.to_vec().unwrap();
    let reply = answer(decide(&bytes, Transport::Udp, Some(&table()), &zone()));
    assert_eq!(reply.metadata.response_code, ResponseCode::NotImp);
}

#[test]
fn a_message_with_no_question_or_with_two_is_a_format_error() {
    let none = Message::new(9, MessageType::Query, OpCode::Query);
    let mut two = question("product.", RecordType::A);
    two.add_query(Query::query(Name::from_ascii("order.").unwrap(), RecordType::A));
    for message in [none, two] {
        assert_eq!(answer(decide_on(&message)).metadata.response_code, ResponseCode::FormErr);
    }
}

#[test]
fn responses_and_stumps_are_ignored() {
    let mut response = question("product.", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    assert_eq!(decide_on(&response), Decision::Ignore);
    for length in 0..12 {
        let stump = &question("product.", RecordType::A).to_vec().unwrap()[..length];
        assert_eq!(decide(stump, Transport::Udp, Some(&table()), &zone()), Decision::Ignore);
    }
}

#[test]
fn a_failure_repeats_the_question() {
    let bytes = question("example.com.", RecordType::A).to_vec().unwrap();
    let failure = Message::from_vec(&server_failure(&bytes).unwrap()).unwrap();
    assert_eq!((failure.metadata.id, failure.metadata.response_code), (7, ResponseCode::ServFail));
    assert_eq!(failure.queries[0].name().to_ascii(), "example.com.");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), tcp in any::<bool>()) {
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        if let Decision::Answer(answer) = decide(&bytes, transport, Some(&table()), &zone()) {
            prop_assert!(answer.len() >= 12);
            prop_assert!(answer[..2] == bytes[..2], "the id is the question's");
            prop_assert!(answer[2] & 0x80 != 0, "an answer is a response");
        }
        let _ = server_failure(&bytes);
    }

    #[test]
    fn no_damage_to_a_question_makes_it_panic(at in 0_usize..40, byte in any::<u8>(), length in 0_usize..60) {
        let mut bytes = question("product.shop.svc.cluster.local.", RecordType::A).to_vec().unwrap();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(length);
        let _ = decide(&bytes, Transport::Udp, Some(&table()), &zone());
    }
}
