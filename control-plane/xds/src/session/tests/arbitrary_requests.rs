//! Anything a client may send: no panic, one response of a type at a time, bounded state. The fuzz target of the same
//! name goes further.

use std::time::Duration;

use ferro_xds_protos::{
    Kind,
    envoy::{
        envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
        google::rpc::Status,
    },
};
use proptest::{collection::vec, option, prelude::any, prop_assert, prop_oneof, proptest, strategy::Strategy};

use super::rig::{Rig, put};
use crate::{HEALTH_TYPE_URL, ResourceSet, Variant};

#[derive(Clone, Debug)]
enum Step {
    Delta(Box<DeltaDiscoveryRequest>),
    Sotw(Box<DiscoveryRequest>),
    Put(Kind, String, u8),
    Wait(u16),
    Respond,
}

fn kind() -> impl Strategy<Value = Kind> {
    (0..Kind::ALL.len()).prop_map(|index| Kind::ALL[index])
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[abr]", 3 => "r/[ab]", 2 => "\\*", 1 => "", 1 => "[a-z/*]{0,8}"]
}

fn type_url() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => kind().prop_map(|kind| kind.type_url().to_owned()),
        1 => "".prop_map(|_| String::new()),
        1 => "x".prop_map(|_| HEALTH_TYPE_URL.to_owned()),
        1 => "[a-z./]{0,20}",
    ]
}

fn nonce() -> impl Strategy<Value = String> {
    prop_oneof![2 => "".prop_map(|_| String::new()), 6 => (1_u8..20).prop_map(|at| format!("7.1.{at}")), 1 => "[0-9.]{0,6}"]
}

fn error() -> impl Strategy<Value = Option<Status>> {
    option::weighted(0.3, "[abr ]{0,5}".prop_map(|message| Status { code: 13, message, details: Vec::new() }))
}

fn step() -> impl Strategy<Value = Step> {
    let delta = (type_url(), vec(name(), 0..4), vec(name(), 0..3), vec((name(), "[12]"), 0..3), nonce(), error());
    let delta = delta.prop_map(|(type_url, subscribe, unsubscribe, initial, response_nonce, error_detail)| {
        Step::Delta(Box::new(DeltaDiscoveryRequest {
            type_url,
            resource_names_subscribe: subscribe,
            resource_names_unsubscribe: unsubscribe,
            initial_resource_versions: initial.into_iter().collect(),
            response_nonce,
            error_detail,
            ..Default::default()
        }))
    });
    let sotw = (type_url(), vec(name(), 0..4), "[a-f0-9]{0,3}", nonce(), error());
    let sotw = sotw.prop_map(|(type_url, resource_names, version_info, response_nonce, error_detail)| {
        Step::Sotw(Box::new(DiscoveryRequest {
            type_url,
            resource_names,
            version_info,
            response_nonce,
            error_detail,
            ..Default::default()
        }))
    });
    prop_oneof![
        4 => delta,
        4 => sotw,
        3 => (kind(), name(), 0_u8..3).prop_map(|(kind, name, version)| Step::Put(kind, name, version)),
        1 => any::<u16>().prop_map(Step::Wait),
        4 => any::<bool>().prop_map(|_| Step::Respond),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_requests_panics_or_has_two_responses_of_a_type_waiting(
        delta in any::<bool>(),
        steps in vec(step(), 1..80),
    ) {
        let variant = if delta { Variant::Delta } else { Variant::Sotw };
        let mut rig = Rig::new(variant, ResourceSet::whole());
        for step in steps {
            let result = match step {
                Step::Delta(request) => rig.session.on_delta_request(*request, rig.now),
                Step::Sotw(request) => rig.session.on_sotw_request(*request, rig.now),
                Step::Put(kind, name, version) => {
                    if version == 0 {
                        rig.apply([(kind, crate::Update::gone(name))]);
                    } else {
                        rig.apply([put(kind, &name, &version.to_string())]);
                    }
                    Ok(())
                }
                Step::Wait(millis) => {
                    rig.wait(Duration::from_millis(millis.into()));
                    Ok(())
                }
                Step::Respond => {
                    let mut kinds: Vec<_> = std::iter::from_fn(|| rig.next()).map(|response| response.kind).collect();
                    let all = kinds.len();
                    kinds.sort_unstable();
                    kinds.dedup();
                    prop_assert!(kinds.len() == all, "two responses of a kind without an answer between");
                    Ok(())
                }
            };
            if result.is_err() {
                break;
            }
            rig.session.take_events();
            rig.session.status();
        }
    }
}
