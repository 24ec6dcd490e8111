//! A small world in which every kind of thing comes, changes and goes: slots, each with a few forms it may take.

/// The forms of every slot, as YAML. Objects of one slot share their name, or a form declares several.
pub(crate) const SLOTS: &[&[&str]] = &[
    SERVICE_A,
    SERVICE_B,
    HEADLESS,
    POD_A,
    POD_B,
    STATIC_ENTRY,
    RIVAL_ENTRY,
    DNS_ENTRY,
    WILD_ENTRY,
    RULES_A,
    RULES_WILD,
    RULES_NAME,
    DELEGATE,
    RULES_GATEWAY,
    DESTINATION_A,
    DESTINATION_WILD,
    SIDECAR,
    GATEWAY,
];

const SERVICE_A: &[&str] = &[
    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns}, spec: {clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: http, port: 80}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns}, spec: {clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: http, port: 80}, {name: tcp, port: 81}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns}, spec: {clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: tcp, port: 80}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns}, spec: {clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: auto, port: 80}, {name: http, port: 81}]}}",
];

const SERVICE_B: &[&str] = &[
    "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: ns}, spec: {clusterIP: 10.96.0.2, selector: {app: b}, ports: [{name: http, port: 80}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: ns}, spec: {clusterIP: 10.96.0.2, selector: {app: b}, ports: [{name: http, port: 82}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: ns}, spec: {clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: tcp, port: 81}, {name: tls, port: 443}]}}",
];

const HEADLESS: &[&str] = &[
    "{apiVersion: v1, kind: Service, metadata: {name: h, namespace: ns}, spec: {clusterIP: None, selector: {app: b}, ports: [{name: tcp, port: 81}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: h, namespace: ns}, spec: {clusterIP: None, selector: {app: b}, ports: [{name: http, port: 80}, {name: auto, port: 83}]}}",
];

const POD_A: &[&str] = &[
    "{apiVersion: v1, kind: Pod, metadata: {name: a-0, namespace: ns, labels: {app: a, version: v1}}, spec: {containers: [{name: c}]}, status: {podIP: 10.1.0.1, phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: a-0, namespace: ns, labels: {app: a, version: v2}}, spec: {containers: [{name: c}]}, status: {podIP: 10.1.0.1, phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
];

const POD_B: &[&str] = &[
    "{apiVersion: v1, kind: Pod, metadata: {name: b-0, namespace: ns, labels: {app: b}}, spec: {containers: [{name: c}]}, status: {podIP: 10.1.0.2, phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: b-0, namespace: ns, labels: {app: b}}, spec: {containers: [{name: c}]}, status: {podIP: 10.1.0.3, phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
];

const STATIC_ENTRY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: static, namespace: ns, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {hosts: [static.example], addresses: [10.200.0.1], ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: tcp, protocol: TCP}], resolution: STATIC, endpoints: [{address: 192.0.2.1}]}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: static, namespace: ns, creationTimestamp: '2026-01-01T00:00:00Z'}, spec: {hosts: [static.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 192.0.2.1}, {address: 192.0.2.2, labels: {version: v2}}]}}",
];

const RIVAL_ENTRY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: rival, namespace: ns, creationTimestamp: '2025-01-01T00:00:00Z'}, spec: {hosts: [rival.example], addresses: [10.200.0.1], ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: tcp, protocol: TCP}], resolution: STATIC, endpoints: [{address: 192.0.2.3}]}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: rival, namespace: ns, creationTimestamp: '2027-01-01T00:00:00Z'}, spec: {hosts: [rival.example, static.example], addresses: [10.200.0.1], ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: tcp, protocol: TCP}], resolution: NONE}}",
];

const DNS_ENTRY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: dns, namespace: other}, spec: {hosts: [dns.example], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}], resolution: DNS}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: dns, namespace: other}, spec: {hosts: [dns.example], exportTo: ['.'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, endpoints: [{address: backend.example}]}}",
];

const WILD_ENTRY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: wild, namespace: ns}, spec: {hosts: ['*.wild.example'], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}], resolution: NONE}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: wild, namespace: ns}, spec: {hosts: ['*.wild.example'], addresses: [10.201.0.0/16], ports: [{number: 81, name: tcp, protocol: TCP}], resolution: NONE}}",
];

const RULES_A: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: ns}, spec: {hosts: [a], http: [{route: [{destination: {host: a, subset: v1}, weight: 90}, {destination: {host: a, subset: v2}, weight: 10}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: ns}, spec: {hosts: [a], http: [{match: [{port: 80}], route: [{destination: {host: b}}]}], tcp: [{route: [{destination: {host: b}}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: ns}, spec: {hosts: [a], http: [{match: [{uri: {prefix: /d}}], delegate: {name: delegate, namespace: ns}}, {route: [{destination: {host: static.example}}]}]}}",
];

const RULES_WILD: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: wild, namespace: ns}, spec: {hosts: ['*.ns.svc.cluster.local', '*.example'], http: [{timeout: 5s, route: [{destination: {host: b}}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: wild, namespace: ns}, spec: {hosts: ['*.ns.svc.cluster.local'], tcp: [{route: [{destination: {host: a, port: {number: 80}}}]}]}}",
];

const RULES_NAME: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: name, namespace: ns}, spec: {hosts: [only.name.example, static.example], http: [{route: [{destination: {host: a}}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: name, namespace: ns}, spec: {hosts: [b], http: [{match: [{sourceLabels: {app: client}}], route: [{destination: {host: a}}]}]}}",
];

const DELEGATE: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: delegate, namespace: ns}, spec: {http: [{match: [{uri: {prefix: /d/e}}], route: [{destination: {host: b}}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: delegate, namespace: ns}, spec: {http: [{timeout: 1s, route: [{destination: {host: dns.example}}]}]}}",
];

const RULES_GATEWAY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: edge, namespace: ns}, spec: {hosts: [edge.example], gateways: [edge, mesh], http: [{route: [{destination: {host: a}}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: edge, namespace: ns}, spec: {hosts: ['*'], gateways: [edge], http: [{match: [{uri: {prefix: /x}}], route: [{destination: {host: a}}]}, {route: [{destination: {host: b}}]}]}}",
];

const DESTINATION_A: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a, namespace: ns}, spec: {host: a, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}}",
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a, namespace: ns}, spec: {host: a, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}, subsets: [{name: v1, labels: {version: v1}}]}}",
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a, namespace: ns}, spec: {host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}}",
];

const DESTINATION_WILD: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: wild, namespace: ns}, spec: {host: '*.ns.svc.cluster.local', trafficPolicy: {connectionPool: {tcp: {idleTimeout: 9s}}}}}",
    "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: wild, namespace: ns}, spec: {host: '*.example', workloadSelector: {matchLabels: {app: client}}, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x}}}}}",
];

const SIDECAR: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s, namespace: ns}, spec: {egress: [{hosts: ['./*']}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}}",
    "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: s, namespace: ns}, spec: {workloadSelector: {labels: {app: client}}, egress: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*/a.ns.svc.cluster.local', '*/*.example']}, {hosts: ['ns/b.ns.svc.cluster.local']}]}}",
];

const GATEWAY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: edge, namespace: ns}, spec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}}",
    "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: edge, namespace: ns}, spec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['ns/edge.example']}, {port: {number: 8080, name: other, protocol: HTTP}, hosts: ['*.example'], tls: {httpsRedirect: true}}]}}",
];
