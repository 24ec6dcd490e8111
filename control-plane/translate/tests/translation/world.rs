//! A small world in which every kind of thing comes, changes and goes: slots, each with a few forms it may take.

/// The forms of every slot, as YAML. Objects of one slot share their name, or a form declares several.
const SLOTS: &[&[&str]] = &[
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

/// All slots: the usual, and what tempts translation into saying something twice.
pub(crate) fn slots() -> Vec<&'static [&'static str]> {
    SLOTS.iter().chain(ODDITIES).copied().collect()
}

const ODDITIES: &[&[&str]] = &[
    REPEATED_ADDRESSES,
    OVERLAPPING_RANGES,
    MORE_RANGES,
    PARTIAL_WILDCARDS,
    TLS_RULES,
    RESERVED_PORTS,
    BINDING_SIDECAR,
    BINDING_GATEWAY,
    OTHER_SERVICES,
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

const REPEATED_ADDRESSES: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: repeated, namespace: ns}, spec: {hosts: [repeated.example], addresses: [10.0.0.1, 10.0.0.1/32, 0.0.0.0], ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: tcp, protocol: TCP}], resolution: NONE}}",
    "{apiVersion: v1, kind: Service, metadata: {name: repeated, namespace: ns}, spec: {clusterIPs: [10.96.0.9, 10.96.0.9], ports: [{name: http, port: 80}, {name: auto, port: 81}]}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: repeated, namespace: ns}, spec: {hosts: [Repeated.example, repeated.example, repeated], addresses: [10.0.0.1, 'fd00::1', 'fd00:0::1'], ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}], resolution: NONE}}",
];

const OVERLAPPING_RANGES: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: wide, namespace: ns}, spec: {hosts: [wide.example], addresses: [10.0.0.0/8, 11.0.0.0/8, 10.3.0.0/8], ports: [{number: 81, name: tcp, protocol: TCP}, {number: 443, name: tls, protocol: TLS}], resolution: NONE}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: wide, namespace: ns}, spec: {hosts: [wide.example, wider.example], addresses: [10.0.0.0/8, 10.0.0.2], ports: [{number: 443, name: tls, protocol: TLS}], resolution: NONE}}",
];

const MORE_RANGES: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: more, namespace: ns}, spec: {hosts: [more.example], addresses: [10.0.0.0/8, 10.0.0.2], ports: [{number: 81, name: tcp, protocol: TCP}], resolution: NONE}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: more, namespace: ns}, spec: {hosts: [more.example], ports: [{number: 81, name: tcp, protocol: TCP}, {number: 443, name: tls, protocol: TLS}], resolution: NONE}}",
];

const PARTIAL_WILDCARDS: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: partial, namespace: ns}, spec: {hosts: ['*le.example', '*.example'], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP}], resolution: NONE}}",
];

const TLS_RULES: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: tls, namespace: ns}, spec: {hosts: ['*.example'], tls: [{match: [{sniHosts: [a.example, b.example]}], route: [{destination: {host: a}}]}, {match: [{sniHosts: [b.example, c.example]}, {sniHosts: [A.example]}, {sniHosts: ['*.example'], destinationSubnets: [10.0.0.0/8, 10.9.0.0/8]}], route: [{destination: {host: b}}]}]}}",
    "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: tls, namespace: ns}, spec: {hosts: [b, wide.example, more.example], tls: [{match: [{sniHosts: [b, wide.example]}], route: [{destination: {host: a}}]}, {match: [{sniHosts: [b, more.example]}], route: [{destination: {host: b}}]}], tcp: [{match: [{destinationSubnets: [10.0.0.0/8, 10.96.0.1]}], route: [{destination: {host: a}}]}, {match: [{destinationSubnets: [10.96.0.1/32]}], route: [{destination: {host: b}}]}]}}",
];

const RESERVED_PORTS: &[&str] = &[
    "{apiVersion: v1, kind: Service, metadata: {name: reserved, namespace: ns}, spec: {clusterIP: 10.96.0.8, selector: {app: a}, ports: [{name: http, port: 15001, targetPort: 15006}, {name: http-in, port: 15006}, {name: tcp, port: 15090}, {name: auto, port: 15021}]}}",
    "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: reserved, namespace: ns}, spec: {hosts: [reserved.example], ports: [{number: 15001, name: tcp, protocol: TCP}, {number: 15006, name: http, protocol: HTTP}], resolution: NONE}}",
];

const BINDING_SIDECAR: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: binds, namespace: ns}, spec: {egress: [{port: {number: 81, name: tcp, protocol: TCP}, bind: 127.0.0.1, captureMode: NONE, hosts: ['*/*']}, {captureMode: NONE, hosts: ['*/*']}]}}",
    "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: binds, namespace: ns}, spec: {egress: [{port: {number: 80, name: tcp, protocol: TCP}, hosts: ['*/*']}, {port: {number: 443, name: http, protocol: HTTP}, bind: '0:0::1', hosts: ['*/*']}, {hosts: ['*/*']}]}}",
    "{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: binds, namespace: ns}, spec: {ingress: [{port: {number: 15006, name: tcp, protocol: TCP}, defaultEndpoint: '127.0.0.1:1'}], egress: [{port: {number: 80, name: tls, protocol: TLS}, bind: 0.0.0.0, captureMode: NONE, hosts: ['*/*']}, {port: {number: 15001, name: tcp, protocol: TCP}, bind: 0.0.0.0, hosts: ['*/*']}, {hosts: ['*/*']}]}}",
];

const BINDING_GATEWAY: &[&str] = &[
    "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: binds, namespace: ns}, spec: {selector: {app: edge}, servers: [{port: {number: 80, name: one, protocol: HTTP}, bind: '::', hosts: ['*']}, {port: {number: 80, name: two, protocol: HTTP}, bind: '0:0::0', hosts: ['a.example']}, {port: {number: 80, name: three, protocol: HTTP}, bind: 0.0.0.0, hosts: ['*'], tls: {httpsRedirect: true}}, {port: {number: 15021, name: four, protocol: HTTP}, hosts: ['*']}]}}",
];

const OTHER_SERVICES: &[&str] = &[
    "{apiVersion: v1, kind: Service, metadata: {name: alias, namespace: ns}, spec: {type: ExternalName, externalName: elsewhere.example, ports: [{name: tcp, port: 81}, {name: http, port: 80}]}}",
    "{apiVersion: v1, kind: Service, metadata: {name: tls-pods, namespace: ns}, spec: {clusterIP: None, selector: {app: b}, ports: [{name: tls, port: 443}]}}",
];
