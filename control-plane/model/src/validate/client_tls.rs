//! Transport security towards a host.

use crate::context::Context;
use crate::istio::{ClientTlsMode, ClientTlsSettings};

pub(super) fn check(context: &mut Context<'_>, tls: &ClientTlsSettings) {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if tls.insecure_skip_verify == Some(true) {
        unverified(context, tls);
    }
    config_map(context, tls);
    let by_name = given(&tls.credential_name);
    match tls.mode {
        Some(ClientTlsMode::Simple | ClientTlsMode::Mutual) if by_name => {
            let files = [&tls.client_certificate, &tls.private_key, &tls.ca_certificates, &tls.ca_crl];
            if files.into_iter().any(given) {
                context.refuse("conflict", "credentialName brings every certificate; leave clientCertificate, privateKey, caCertificates and caCrl out");
            }
        }
        Some(ClientTlsMode::Mutual) => {
            for (field, value) in [("clientCertificate", &tls.client_certificate), ("privateKey", &tls.private_key)] {
                if !given(value) {
                    context.refuse("missing-field", format!("MUTUAL wants `{field}`, or a credentialName"));
                }
            }
        }
        _ => {}
    }
}

/// Trusting any certificate while naming whom to trust would be one of two intentions; Istio refuses to guess.
fn unverified(context: &mut Context<'_>, tls: &ClientTlsSettings) {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let credential = tls.mode == Some(ClientTlsMode::Simple) && given(&tls.credential_name);
    let verifies = matches!(tls.mode, Some(ClientTlsMode::Simple | ClientTlsMode::Mutual));
    if verifies && (given(&tls.ca_certificates) || !tls.subject_alt_names.is_empty() || credential) {
        let message = "trusts any certificate, but caCertificates, subjectAltNames or credentialName say whom to trust; keep one of both";
        context.within("insecureSkipVerify", |context| context.refuse("conflict", message));
    }
}

/// `configmap://[namespace/]name` may not reach into other namespaces.
fn config_map(context: &mut Context<'_>, tls: &ClientTlsSettings) {
    let Some(reference) = tls.credential_name.as_ref().and_then(|name| name.strip_prefix("configmap://")) else {
        return;
    };
    let own = context.namespace().to_owned();
    let allowed = match reference.split_once('/') {
        Some((namespace, name)) => namespace == own && !name.is_empty() && !name.contains('/'),
        None => !reference.is_empty(),
    };
    if !allowed {
        context.within("credentialName", |context| {
            context.refuse("bad-name", format!("found \"{reference}\", allowed: a ConfigMap of namespace {own}"));
        });
    }
}
