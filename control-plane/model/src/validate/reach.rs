//! Routes that no request can reach, because an earlier one takes everything they match.

use crate::context::Context;
use crate::istio::VirtualService;

pub(super) fn check(context: &mut Context<'_>, service: &VirtualService) {
    unreachable(context, "http", &service.http, |route| &route.match_);
    unreachable(context, "tls", &service.tls, |route| &route.match_);
    unreachable(context, "tcp", &service.tcp, |route| &route.match_);
}

/// Warns of routes behind one without conditions, and of conditions that an earlier route has word for word.
fn unreachable<R, M: PartialEq>(context: &mut Context<'_>, field: &str, routes: &[R], matches: impl Fn(&R) -> &[M]) {
    // Comparing all with all is bounded: beyond it, a hint is not worth its time.
    const COMPARED: usize = 200;
    let catch_all = routes.iter().position(|route| matches(route).is_empty());
    context.within(field, |context| {
        let mut earlier: Vec<(usize, &M)> = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            if let Some(first) = catch_all.filter(|first| *first < index) {
                context.item(index, |context| {
                    context.warn(
                        "unreachable",
                        format!("{field}[{first}] has no match and takes every request; move it to the end"),
                    );
                });
                continue;
            }
            for (number, alternative) in matches(route).iter().enumerate() {
                match earlier.iter().find(|(_, other)| *other == alternative) {
                    Some((first, _)) => context.item(index, |context| {
                        context.within("match", |context| {
                            let message =
                                format!("the same match stands in {field}[{first}], which takes its requests");
                            context.item(number, |context| context.warn("unreachable", message));
                        });
                    }),
                    None if earlier.len() < COMPARED => earlier.push((index, alternative)),
                    None => {}
                }
            }
        }
    });
}
