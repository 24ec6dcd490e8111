//! Transport security of a server.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::istio::{ServerTlsMode, ServerTlsSettings, TlsVersion};

/// Suites that Envoy's TLS library knows (`bssl ciphers -openssl-name ALL`, without pre-shared keys).
const SUITES: [&str; 15] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
];

/// Certificates a listener may have: one RSA, one ECDSA.
const CERTIFICATES: usize = 2;

pub(super) fn check(context: &mut Context<'_>, tls: &ServerTlsSettings) {
    suites(context, tls);
    let sources = sources(tls);
    match tls.mode {
        Some(ServerTlsMode::IstioMutual) => return no_certificates(context, tls, !sources.is_empty()),
        None | Some(ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough)
            if !sources.is_empty() || given(&tls.ca_certificates) =>
        {
            context.warn("no-effect", "TLS is passed through here: certificates are not used");
        }
        _ => {}
    }
    if sources.len() > 1 {
        context.refuse("conflict", format!("several sources of certificates: {}; keep one", sources.join(", ")));
    }
    if ends_tls(tls) && !given(&tls.credential_name) && tls.credential_names.is_empty() {
        files(context, tls);
    }
    too_many(context, "credentialNames", tls.credential_names.len());
    too_many(context, "tlsCertificates", tls.tls_certificates.len());
    revocation(context, tls);
}

fn given(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| !text.is_empty())
}

/// Whether certificates of the user's own are needed.
fn ends_tls(tls: &ServerTlsSettings) -> bool {
    matches!(tls.mode, Some(ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual))
}

fn sources(tls: &ServerTlsSettings) -> Vec<&'static str> {
    let all = [
        ("serverCertificate", given(&tls.server_certificate) && given(&tls.private_key)),
        ("credentialName", given(&tls.credential_name)),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ];
    all.into_iter().filter(|(_, given)| *given).map(|(field, _)| field).collect()
}

/// The mesh brings the certificates itself.
fn no_certificates(context: &mut Context<'_>, tls: &ServerTlsSettings, other: bool) {
    if other || given(&tls.server_certificate) || given(&tls.private_key) || given(&tls.ca_certificates) {
        context.refuse("conflict", "ISTIO_MUTUAL uses the certificates of the mesh; leave all others out");
    }
}

fn files(context: &mut Context<'_>, tls: &ServerTlsSettings) {
    let mutual = tls.mode != Some(ServerTlsMode::Simple);
    if mutual && !given(&tls.ca_certificates) && !given(&tls.ca_cert_credential_name) {
        context.refuse(
            "missing-field",
            "asks for client certificates and wants `caCertificates` to check them by, or a credentialName",
        );
    }
    let wanted = |context: &mut Context<'_>, certificate: &Option<String>, key: &Option<String>| {
        if !given(certificate) || !given(key) {
            context.refuse("missing-field", "wants `serverCertificate` and `privateKey`, or a credentialName");
        }
    };
    if tls.tls_certificates.is_empty() {
        return wanted(context, &tls.server_certificate, &tls.private_key);
    }
    context.each("tlsCertificates", &tls.tls_certificates, |context, entry| {
        wanted(context, &entry.server_certificate, &entry.private_key);
    });
}

fn too_many(context: &mut Context<'_>, field: &str, count: usize) {
    if count > CERTIFICATES {
        context.within(field, |context| {
            context.warn("no-effect", format!("found {count}; Envoy takes one RSA and one ECDSA certificate"));
        });
    }
}

fn revocation(context: &mut Context<'_>, tls: &ServerTlsSettings) {
    context.inside("caCrl", tls.ca_crl.as_ref(), |context, _| {
        if given(&tls.credential_name) {
            context.refuse("conflict", "with credentialName the list stands in the secret, as `ca.crl`");
        }
        if tls.mode == Some(ServerTlsMode::Simple) {
            context.refuse("conflict", "SIMPLE asks for no client certificate, so none can be revoked; use MUTUAL");
        }
    });
}

fn suites(context: &mut Context<'_>, tls: &ServerTlsSettings) {
    let old = matches!(tls.min_protocol_version, Some(TlsVersion::V1_0 | TlsVersion::V1_1));
    if old && tls.cipher_suites.is_empty() {
        context.within("minProtocolVersion", |context| {
            context.warn("no-effect", "versions below 1.2 need `cipherSuites` that they can use");
        });
    }
    let mut seen = BTreeSet::new();
    context.each("cipherSuites", &tls.cipher_suites, |context, suite| {
        // `ALL`, and expressions such as `-SHA` and `[A|B]`, are Envoy's to judge.
        let expression = suite.is_empty() || suite == "ALL" || !suite.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !expression && !SUITES.contains(&suite.as_str()) {
            context.warn(
                "no-effect",
                format!("\"{suite}\" is unknown to Envoy and is left out; known: {}", SUITES.join(", ")),
            );
        } else if !seen.insert(suite.clone()) {
            context.warn("no-effect", format!("\"{suite}\" stands twice"));
        }
    });
}
