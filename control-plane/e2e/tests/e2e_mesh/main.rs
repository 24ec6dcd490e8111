//! Claims about whole meshes of real processes. Programs: `$FERRO_DIST`, else `dist/`, made by `make build`.

mod files;
mod gateway;
mod life;
mod netns;
mod outage;
mod readme;
mod refusal;
mod registration;
mod verbs;
mod versions;
mod weights;

/// A host outside of the mesh: one more cluster in every proxy.
const BANK: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bank, namespace: shop}
spec: {hosts: [bank.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
";
const BANK_CLUSTER: &str = "outbound|80||bank.example.com";
